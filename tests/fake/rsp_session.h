/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A conversation with an rsp_server on a fake target, a question and its answer at a time, for
 * tests of what packets mean. Framing is done and checked here, so tests read as text.
 */
#ifndef TESTS_FAKE_RSP_SESSION_H
#define TESTS_FAKE_RSP_SESSION_H

#include "protocol/rsp_server.h"
#include "tests/fake/target_fake.h"

enum { RSP_SESSION_PACKET = RSP_PACKET_MIN };

struct rsp_session {
	struct target_fake fake;
	struct rsp_server server;
	void *mem;
	uint8_t answer[RSP_SESSION_PACKET + 1]; /* unescaped, NUL-terminated */
	size_t answer_len;
};

/* A server with @allowed rights (enum rsp_right) on a fresh fake that stopped with SIGTRAP. */
void rsp_session_init(struct rsp_session *s, unsigned int allowed);
void rsp_session_deinit(struct rsp_session *s);

/*
 * Sends @len bytes as a packet and returns the answer's text, which lives until the next call; NULL
 * when there was none, "?!" when what came was not an acknowledgement and one packet.
 */
const char *rsp_session_ask_bytes(struct rsp_session *s, const void *packet, size_t len);
const char *rsp_session_ask(struct rsp_session *s, const char *packet);

/* Raw bytes to the server; how many it took. */
size_t rsp_session_send(struct rsp_session *s, const char *bytes, size_t len);

/* Takes what the server has to say; the same results as rsp_session_ask. */
const char *rsp_session_receive(struct rsp_session *s);

/* Lets the target's side be looked at, then as rsp_session_receive. */
const char *rsp_session_poll(struct rsp_session *s);

#endif
