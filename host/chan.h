/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Bytes to and from somewhere. One of the project's three vtables.
 *
 * To add a transport: host/chan_NAME.c with a const struct chan_ops and an open function, a prefix
 * in chan.c's table (what `--listen NAME:...` accepts), a line in the man page.
 */
#ifndef HOST_CHAN_H
#define HOST_CHAN_H

#include <poll.h>
#include <sys/types.h>

#include "host/err.h"

struct chan;

struct chan_ops {
	/* Never wait. Bytes moved, 0 when nothing can be moved now, ST_GONE when the peer is away.
	 */
	ssize_t (*read)(struct chan *c, void *buf, size_t len);
	ssize_t (*write)(struct chan *c, const void *buf, size_t len);
	void (*destroy)(struct chan *c);
	/* What has to be done now and then whether bytes move or not; NULL: nothing. */
	void (*tick)(struct chan *c);
};

enum { CHAN_TICK_MS = 100 }; /* at least so often: chan_tick */

struct chan {
	const struct chan_ops *ops;
	int rfd; /* for poll(): readable when it is worth trying to read */
	/*
	 * Writable when it is worth trying to write; may be rfd. -1: nothing but trying tells, and
	 * rfd says when to try (see chan_out).
	 */
	int wfd;
};

static inline void chan_tick(struct chan *c)
{
	if (c->ops->tick)
		c->ops->tick(c);
}

/* What to poll for when a write has moved less than it was given. */
static inline struct pollfd chan_out(const struct chan *c)
{
	return c->wfd >= 0 ? (struct pollfd){ .fd = c->wfd, .events = POLLOUT }
			   : (struct pollfd){ .fd = c->rfd, .events = POLLIN };
}

/* A place where clients arrive. accept returns ST_BUSY-free: 1 client in *ret, 0 none now. */
struct listener;
/* Whether @spec begins like one of the transports, to tell a typing error before any work. */
bool listener_known(const char *spec);
int listener_open(const char *spec, struct listener **ret, struct err *err) MUST_USE;
int listener_fd(const struct listener *l); /* -1: stdio, whose single client is there at once */
int listener_accept(struct listener *l, struct chan **ret, struct err *err) MUST_USE;
/* As a user would type it after `target remote`; NULL for stdio. */
const char *listener_target(const struct listener *l);
void listener_destroy(struct listener *l);

/* Connects to a unix socket or host:port (QEMU's gdbstub). */
int chan_connect_unix(const char *path, struct chan **ret, struct err *err) MUST_USE;
int chan_connect_tcp(const char *host, const char *port, struct chan **ret,
		     struct err *err) MUST_USE;

/*
 * Connects to a stub inside a guest: "ring:PATH" (shared memory, protocol/ring.h), "serial:PATH" (a
 * terminal) or "unix:PATH" (a serial port of QEMU's on a socket). A session begins with it, which
 * stops the guest, and ends with chan_destroy, which lets it run. ST_GONE: no stub is there.
 */
bool chan_stub_known(const char *spec);
int chan_connect_stub(const char *spec, struct chan **ret, struct err *err) MUST_USE;

static inline void chan_destroy(struct chan *c)
{
	if (c)
		c->ops->destroy(c);
}

#endif
