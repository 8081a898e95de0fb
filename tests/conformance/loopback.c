/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* rsp_server behind struct chan. The descriptor is an eventfd that is always ready. */
#include "tests/conformance/loopback.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct loopback {
	struct chan chan;
	struct rsp_server server;
	void *mem;
};

static struct loopback *to_loopback(struct chan *c)
{
	return CONTAINER_OF(c, struct loopback, chan);
}

static ssize_t loopback_read(struct chan *c, void *buf, size_t len)
{
	struct loopback *l = to_loopback(c);
	const uint8_t *out;
	size_t n;

	if (l->server.state == RSP_SERVER_RUNNING)
		(void)!rsp_server_poll_target(&l->server);
	n = rsp_server_output(&l->server, &out);
	if (n > len)
		n = len;
	memcpy(buf, out, n);
	rsp_server_sent(&l->server, n);
	return (ssize_t)n;
}

static ssize_t loopback_write(struct chan *c, const void *buf, size_t len)
{
	struct loopback *l = to_loopback(c);

	if (l->server.state == RSP_SERVER_DETACHED)
		return (ssize_t)len; /* the acknowledgement of its last words */
	return (ssize_t)rsp_server_input(&l->server, buf, len);
}

static void loopback_destroy(struct chan *c)
{
	struct loopback *l = to_loopback(c);

	close(c->rfd);
	free(l->mem);
	free(l);
}

static const struct chan_ops loopback_ops = {
	.read = loopback_read,
	.write = loopback_write,
	.destroy = loopback_destroy,
};

struct chan *loopback_create(struct target *t)
{
	const struct target_stop stop = { .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGTRAP };
	struct loopback *l = calloc(1, sizeof(*l));

	l->chan.ops = &loopback_ops;
	l->chan.rfd = l->chan.wfd = eventfd(1, EFD_CLOEXEC);
	l->mem = malloc(rsp_server_memory(RSP_PACKET_MIN));
	rsp_server_init(&l->server, t, RSP_RIGHT_ALL, l->mem, RSP_PACKET_MIN, &stop);
	return &l->chan;
}
