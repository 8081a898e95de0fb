/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The table of transports, and what those over sockets have in common. */
#include "host/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/chan_listen.h"

static const struct transport {
	const char *prefix;
	int (*listen)(const char *rest, struct listener *l, struct err *err);
} transports[] = {
	{ "unix:", chan_listen_unix },
	{ "tcp:", chan_listen_tcp },
	{ "stdio", chan_listen_stdio },
};

/* --- channels over sockets --- */

/* What a failed call on a nonblocking descriptor means for the channel: 0, or it is over. */
static ssize_t nothing_moved(void)
{
	return errno == EAGAIN || errno == EINTR ? 0 : ST_GONE;
}

static ssize_t socket_read(struct chan *c, void *buf, size_t len)
{
	ssize_t n = recv(c->rfd, buf, len, 0);

	if (n > 0 || !len)
		return n;
	return n ? nothing_moved() : ST_GONE;
}

static ssize_t socket_write(struct chan *c, const void *buf, size_t len)
{
	ssize_t n = send(c->wfd, buf, len, MSG_NOSIGNAL);

	return n < 0 ? nothing_moved() : n;
}

static void socket_destroy(struct chan *c)
{
	close(c->rfd);
	free(c);
}

static const struct chan_ops socket_ops = {
	.read = socket_read,
	.write = socket_write,
	.destroy = socket_destroy,
};

int chan_of_socket(int fd, struct chan **ret, struct err *err)
{
	struct chan *c = malloc(sizeof(*c));
	int flags = fcntl(fd, F_GETFL), on = 1;

	if (!c) {
		close(fd);
		return err_set(err, ST_NOMEM, "out of memory");
	}
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	/* Requests and replies alternate: Nagle would wait for nothing. Refused where it means
	 * nothing. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*c = (struct chan){ .ops = &socket_ops, .rfd = fd, .wfd = fd };
	*ret = c;
	return 0;
}

/* --- listeners --- */

static int listen_on(const char *spec, struct listener *l, struct err *err)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(transports); i++) {
		size_t len = strlen(transports[i].prefix);

		if (strncmp(spec, transports[i].prefix, len) == 0)
			return transports[i].listen(spec + len, l, err);
	}
	return err_set(err, ST_INVAL, "not unix:PATH, tcp:HOST:PORT or stdio");
}

bool listener_known(const char *spec)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(transports); i++)
		if (strncmp(spec, transports[i].prefix, strlen(transports[i].prefix)) == 0)
			return true;
	return false;
}

int listener_open(const char *spec, struct listener **ret, struct err *err)
{
	struct listener *l = calloc(1, sizeof(*l));
	int status;

	if (!l)
		return err_set(err, ST_NOMEM, "out of memory");
	l->fd = -1;
	status = listen_on(spec, l, err);
	if (status) {
		free(l);
		return err_add(err, status, "--listen %s", spec);
	}
	*ret = l;
	return 0;
}

int listener_fd(const struct listener *l)
{
	return l->fd;
}

static int accept_stdio(struct listener *l, struct chan **ret, struct err *err)
{
	int status;

	if (l->taken)
		return 0;
	status = chan_of_stdio(ret, err);
	l->taken = !status;
	return status ? status : 1;
}

int listener_accept(struct listener *l, struct chan **ret, struct err *err)
{
	int fd, status;

	if (l->fd < 0)
		return accept_stdio(l, ret, err);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	/* A client that gave up meanwhile is no failure of ours. */
	if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return 0;
	if (fd < 0)
		return err_sys(err, "accept");
	status = chan_of_socket(fd, ret, err);
	return status ? status : 1;
}

const char *listener_target(const struct listener *l)
{
	return l->target[0] ? l->target : NULL;
}

void listener_destroy(struct listener *l)
{
	if (!l)
		return;
	chan_unlink_unix(l);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}
