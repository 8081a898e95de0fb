/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Moving bytes between rsp_client and a channel. */
#include "host/target/rsp_link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "host/clock.h"

enum { QUOTE_MAX = 80 }; /* of a reply, in an error text */

int rsp_link_init(struct rsp_link *l, struct chan *chan)
{
	*l = (struct rsp_link){ .chan = chan };
	l->client_mem = malloc(rsp_client_memory(RSP_PACKET_MAX));
	if (!l->client_mem)
		return err_set(&l->err, ST_NOMEM, "out of memory");
	rsp_client_init(&l->client, l->client_mem, RSP_PACKET_MAX);
	return 0;
}

void rsp_link_deinit(struct rsp_link *l)
{
	chan_destroy(l->chan);
	free(l->client_mem);
}

static int lost(struct rsp_link *l, int status, const char *why)
{
	l->gone = true;
	return err_set(&l->err, status, "gdb server: %s", why);
}

static int wait_for(struct rsp_link *l, struct pollfd p, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - clock_ms();
		int n;

		if (left <= 0)
			return lost(l, ST_TIMEOUT, "no answer in time");
		chan_tick(l->chan);
		n = poll(&p, 1, left < CHAN_TICK_MS ? (int)left : CHAN_TICK_MS);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return lost(l, ST_IO, "poll failed");
	}
}

int rsp_link_send(struct rsp_link *l, const void *data, size_t len)
{
	int64_t deadline = clock_ms() + RSP_LINK_DEADLINE_MS;
	const uint8_t *p = data;

	while (len) {
		ssize_t n = l->chan->ops->write(l->chan, p, len);

		if (n < 0)
			return lost(l, (int)n,
				    n == ST_TIMEOUT ? "no answer in time" : "connection lost");
		p += n;
		len -= (size_t)n;
		if (len && !n) {
			int status = wait_for(l, chan_out(l->chan), deadline);

			if (status)
				return status;
		}
	}
	return 0;
}

int rsp_link_request(struct rsp_link *l, int built)
{
	if (l->gone)
		return err_set(&l->err, ST_GONE, "gdb server: connection lost");
	if (built < 0)
		return err_set(&l->err, built, "gdb server: request does not fit");
	return rsp_link_send(l, l->client.out, l->client.out_len);
}

/* Works through what was received: 1 when a reply is complete, 0 when more bytes are needed. */
static int take_received(struct rsp_link *l)
{
	while (l->in_pos < l->in_len) {
		size_t used = 0;
		enum rsp_client_event event = rsp_client_input(&l->client, l->in + l->in_pos,
							       l->in_len - l->in_pos, &used);
		char ack = rsp_client_ack(&l->client);
		int status = 0;

		l->in_pos += used;
		if (event == RSP_CLIENT_RESEND)
			status = rsp_link_send(l, l->client.out, l->client.out_len);
		else if (ack)
			status = rsp_link_send(l, &ack, 1);
		if (status < 0)
			return status;
		if (event == RSP_CLIENT_REPLY)
			return 1;
		if (!used)
			break;
	}
	return 0;
}

/* Reads once without waiting: bytes received. */
static int receive(struct rsp_link *l)
{
	ssize_t n;

	l->in_pos = l->in_len = 0;
	n = l->chan->ops->read(l->chan, l->in, sizeof(l->in));
	if (n < 0)
		return lost(l, (int)n, n == ST_TIMEOUT ? "no answer in time" : "connection lost");
	l->in_len = (size_t)n;
	return (int)n;
}

int rsp_link_poll(struct rsp_link *l)
{
	int status;

	if (l->gone)
		return err_set(&l->err, ST_GONE, "gdb server: connection lost");
	do {
		status = take_received(l);
		if (status)
			return status;
		status = receive(l);
	} while (status > 0);
	return status;
}

int rsp_link_wait(struct rsp_link *l, int deadline_ms)
{
	int64_t deadline = clock_ms() + deadline_ms;

	for (;;) {
		int status = rsp_link_poll(l);

		if (!status)
			status =
				wait_for(l, (struct pollfd){ .fd = l->chan->rfd, .events = POLLIN },
					 deadline);
		if (status)
			return status < 0 ? status : 0;
	}
}

int rsp_link_exchange(struct rsp_link *l, int built)
{
	int status = rsp_link_request(l, built);

	return status ? status : rsp_link_wait(l, RSP_LINK_DEADLINE_MS);
}

int rsp_link_command(struct rsp_link *l, int built)
{
	const struct rsp_frame *reply = &l->client.frame;
	int status = rsp_link_exchange(l, built);

	if (status)
		return status;
	status = rsp_client_take_ok(&l->client);
	if (status && !rsp_link_explain(l, status))
		err_set(&l->err, status, "gdb server: it answered \"%.*s\"",
			reply->len < QUOTE_MAX ? (int)reply->len : QUOTE_MAX,
			(const char *)reply->data);
	return status;
}
