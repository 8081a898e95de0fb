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
	RSP_LINK_INPUT_BYTES = 65536,
	RSP_LINK_CONSOLE_MAX = 160,
};

struct rsp_link {
	struct chan *chan;
	struct rsp_client client; /* builds requests and decodes replies */
	struct err err;		  /* of the last failure */
	bool gone;
	char console[RSP_LINK_CONSOLE_MAX]; /* what was said while the machine ran; see below */
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

/*
 * Learns the server's features, where it keeps which register and why its machine stands. To be
 * called first.
 */
int rsp_link_learn(struct rsp_link *l, struct target_stop *ret) MUST_USE;

/* Whether the reply is an error with a reason; if so, that is l->err from here on. */
bool rsp_link_explain(struct rsp_link *l, int status);

/* Whether the reply is console output; if so, appends it to l->console (as one line, cut off). */
bool rsp_link_take_console(struct rsp_link *l);

/* Runs a `monitor` line, text appended to @out. */
int rsp_link_monitor(struct rsp_link *l, const char *line, struct buf *out) MUST_USE;

/* Of servers of this project's: as struct target_mem_ops.region. */
int rsp_link_region(struct rsp_link *l, uint64_t addr, struct target_region *ret) MUST_USE;

/* Where the first segment runs that is linked at @text_link; ST_UNSUPPORTED: it does not tell. */
int rsp_link_text_seg(struct rsp_link *l, uint64_t text_link, uint64_t *ret) MUST_USE;

#endif
