/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Standard input and output, for `target remote | cvmdbg serve --listen stdio ...`. Nothing else
 * may write to standard output. gdb runs us on a socket pair; pipes work as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/chan_listen.h"

struct stdio_chan {
	struct chan chan;
	/* File status flags belong to the open file, which our parent may share: put back at the
	 * end. */
	int read_flags, write_flags;
};

static ssize_t moved(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : ST_GONE;
}

static ssize_t stdio_read(struct chan *c, void *buf, size_t len)
{
	ssize_t n = read(c->rfd, buf, len);

	return n || !len ? moved(n) : ST_GONE;
}

/* May raise SIGPIPE, which write() cannot mask; serve ignores that signal. */
static ssize_t stdio_write(struct chan *c, const void *buf, size_t len)
{
	return moved(write(c->wfd, buf, len));
}

static void stdio_destroy(struct chan *c)
{
	struct stdio_chan *s = CONTAINER_OF(c, struct stdio_chan, chan);

	(void)fcntl(c->rfd, F_SETFL, s->read_flags);
	(void)fcntl(c->wfd, F_SETFL, s->write_flags);
	free(s);
}

static const struct chan_ops stdio_ops = {
	.read = stdio_read,
	.write = stdio_write,
	.destroy = stdio_destroy,
};

int chan_of_stdio(struct chan **ret, struct err *err)
{
	struct stdio_chan *s = malloc(sizeof(*s));

	if (!s)
		return err_set(err, ST_NOMEM, "out of memory");
	s->chan = (struct chan){ .ops = &stdio_ops, .rfd = STDIN_FILENO, .wfd = STDOUT_FILENO };
	s->read_flags = fcntl(STDIN_FILENO, F_GETFL);
	s->write_flags = fcntl(STDOUT_FILENO, F_GETFL);
	if (s->read_flags < 0 || s->write_flags < 0 ||
	    fcntl(STDIN_FILENO, F_SETFL, s->read_flags | O_NONBLOCK) ||
	    fcntl(STDOUT_FILENO, F_SETFL, s->write_flags | O_NONBLOCK)) {
		int status = err_sys(err, "standard input and output");

		free(s);
		return status;
	}
	*ret = &s->chan;
	return 0;
}

int chan_listen_stdio(const char *nothing, struct listener *l, struct err *err)
{
	(void)l;
	if (*nothing)
		return err_set(err, ST_INVAL, "\"stdio\" takes no address");
	return 0;
}
