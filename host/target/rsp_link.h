/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Requests to an RSP server over a channel, and their replies. An exchange is bounded in time, as a
 * system call is; one that fails in the middle ends the link, because requests and replies
 * would no longer match. Knows nothing about what is asked.
 */
#ifndef HOST_TARGET_RSP_LINK_H
#define HOST_TARGET_RSP_LINK_H

#include "host/chan.h"
#include "protocol/rsp_client.h"

enum {
	RSP_LINK_DEADLINE_MS = 5000,
	RSP_LINK_INPUT_BYTES = 16384,
};

struct rsp_link {
	struct chan *chan;
	struct rsp_client client; /* builds requests and decodes replies */
	struct err err;		  /* of the last failure */
	bool gone;
	/* private */
	void *client_mem;
	size_t in_pos, in_len;
	uint8_t in[RSP_LINK_INPUT_BYTES];
};

/* Takes @chan, which rsp_link_deinit destroys. On failure too. */
int rsp_link_init(struct rsp_link *l, struct chan *chan) MUST_USE;
void rsp_link_deinit(struct rsp_link *l);

/* Bytes as they are: an interrupt. */
int rsp_link_send(struct rsp_link *l, const void *data, size_t len) MUST_USE;

/*
 * Sends the request that l->client holds; @built is what the client's function said about building
 * it. Does not wait for the reply.
 */
int rsp_link_request(struct rsp_link *l, int built) MUST_USE;

/* The next reply: 0, and l->client.frame holds it. */
int rsp_link_wait(struct rsp_link *l, int deadline_ms) MUST_USE;

/* The same without waiting: 1 when there is one, 0 when not yet. */
int rsp_link_poll(struct rsp_link *l) MUST_USE;

/* Request and reply. */
int rsp_link_exchange(struct rsp_link *l, int built) MUST_USE;

/* For requests that are answered with OK; anything else is quoted in l->err. */
int rsp_link_command(struct rsp_link *l, int built) MUST_USE;

/* Learns the server's features and where it keeps which register. To be called first. */
int rsp_link_learn(struct rsp_link *l) MUST_USE;

#endif
