/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* TCP: "HOST:PORT", "[IPv6]:PORT", ":PORT" (this machine only, as gdb reads it); port 0: any free
 * one. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "host/chan_listen.h"
#include "host/cleanup.h"

enum {
	CHAN_TCP_BACKLOG = 1,
	CHAN_TCP_CONNECT_S = 5,
	CHAN_TCP_HOST_MAX = 96,
};

struct endpoint {
	char host[CHAN_TCP_HOST_MAX];
	char port[16];
};

static int parse(const char *text, struct endpoint *ret, struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!colon || !colon[1])
		return err_set(err, ST_INVAL, "the port is missing");
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return err_set(err, ST_INVAL, "an IPv6 address goes in brackets: [::1]:1234");
	}
	if (len >= sizeof(ret->host) || strlen(colon + 1) >= sizeof(ret->port))
		return err_set(err, ST_INVAL, "too long");
	memcpy(ret->host, text, len);
	ret->host[len] = '\0';
	snprintf(ret->port, sizeof(ret->port), "%s", colon + 1);
	return 0;
}

static int resolve(const char *host, const char *port, struct addrinfo **ret, struct err *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	/* Without AI_PASSIVE no host means loopback. */
	int failed = getaddrinfo(*host ? host : NULL, port, &hints, ret);

	if (!failed)
		return 0;
	if (failed == EAI_SYSTEM)
		return err_sys(err, "%s", host);
	return err_set(err, ST_INVAL, "%s:%s: %s", host, port, gai_strerror(failed));
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
	return false;
}

static int bind_to(const struct addrinfo *info, int *ret)
{
	AUTO_CLOSE int fd =
		socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       info->ai_protocol);
	int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, info->ai_addr, info->ai_addrlen) || listen(fd, CHAN_TCP_BACKLOG))
		return -1;
	*ret = take_fd(&fd);
	return 0;
}

/* The port was perhaps 0: says which one it is. */
static int name_target(struct listener *l, const char *host, struct err *err)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char port[16];
	int failed;

	if (getsockname(l->fd, (struct sockaddr *)&address, &len))
		return err_sys(err, "getsockname");
	failed = getnameinfo((const struct sockaddr *)&address, len, NULL, 0, port, sizeof(port),
			     NI_NUMERICSERV);
	if (failed)
		return err_set(err, ST_IO, "getnameinfo: %s", gai_strerror(failed));
	snprintf(l->target, sizeof(l->target), strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return 0;
}

int chan_listen_tcp(const char *address, struct listener *l, struct err *err)
{
	struct addrinfo *list, *info;
	struct endpoint at;
	int status = parse(address, &at, err);

	if (!status)
		status = resolve(at.host, at.port, &list, err);
	if (status)
		return status;
	for (info = list; info && bind_to(info, &l->fd); info = info->ai_next)
		continue;
	if (!info)
		status = err_sys(err, "listening");
	else
		status = name_target(l, at.host, err);
	if (!status && !is_loopback(info->ai_addr))
		fprintf(stderr,
			"cvmdbg: warning: whoever reaches tcp:%s reads and writes the guest's "
			"memory; "
			"nothing authenticates or encrypts this connection\n",
			l->target);
	freeaddrinfo(list);
	if (status && l->fd >= 0)
		close(l->fd);
	return status;
}

static int connect_to(const struct addrinfo *info, int *ret)
{
	/* Bounds connect() too (socket(7)). */
	const struct timeval patience = { .tv_sec = CHAN_TCP_CONNECT_S };
	AUTO_CLOSE int fd =
		socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, info->ai_addr, info->ai_addrlen))
		return -1;
	*ret = take_fd(&fd);
	return 0;
}

int chan_connect_tcp(const char *host, const char *port, struct chan **ret, struct err *err)
{
	struct addrinfo *list, *info;
	int fd = -1, status = resolve(host, port, &list, err);

	if (status)
		return status;
	for (info = list; info && connect_to(info, &fd); info = info->ai_next)
		continue;
	if (!info)
		status = err_sys(err, "connecting to %s:%s", host, port);
	freeaddrinfo(list);
	return status ? status : chan_of_socket(fd, ret, err);
}
