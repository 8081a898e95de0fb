/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Unix sockets. Who can open the socket file owns the guest's memory, so it is never wider than
 * 0600, not even for the moment between bind() and chmod().
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/chan_listen.h"
#include "host/cleanup.h"

enum { CHAN_UNIX_BACKLOG = 1 };

static int make_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	if (!*path)
		return err_set(err, ST_INVAL, "the path is missing");
	if (strlen(path) >= sizeof(ret->sun_path))
		return err_set(err, ST_INVAL,
			       "the path of a unix socket has %zu characters at most",
			       sizeof(ret->sun_path) - 1);
	strcpy(ret->sun_path, path);
	return 0;
}

/* Connecting to a unix socket does not wait, but for a full backlog; then EAGAIN. Sets errno. */
static int connect_to(const struct sockaddr_un *address, int *ret)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -1;
	*ret = take_fd(&fd);
	return 0;
}

/* Removes what an agent that was killed left at @address; refuses anything else that is there. */
static int remove_stale(const struct sockaddr_un *address, struct err *err)
{
	struct stat st;
	int fd;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0 : err_sys(err, "lstat");
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ST_INVAL, "it exists and is not a socket");
	if (!connect_to(address, &fd)) {
		close(fd);
		return err_set(err, ST_BUSY, "another process is listening there");
	}
	if (errno != ECONNREFUSED)
		return err_sys(err, "another process is listening there");
	if (unlink(address->sun_path) && errno != ENOENT)
		return err_sys(err, "removing the stale socket");
	return 0;
}

int chan_listen_unix(const char *path, struct listener *l, struct err *err)
{
	struct sockaddr_un address;
	AUTO_CLOSE int fd = -1;
	mode_t mask;
	int failed, status = make_address(path, &address, err);

	if (!status)
		status = remove_stale(&address, err);
	if (status)
		return status;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "socket");
	mask = umask(0177);
	failed = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (failed)
		return err_sys(err, "bind");
	if (lstat(path, &l->made) || listen(fd, CHAN_UNIX_BACKLOG)) {
		status = err_sys(err, "listen");
		unlink(path);
		l->made.st_ino = 0;
		return status;
	}
	snprintf(l->target, sizeof(l->target), "%s", path);
	l->fd = take_fd(&fd);
	return 0;
}

void chan_unlink_unix(const struct listener *l)
{
	struct stat st;

	if (l->made.st_ino && !lstat(l->target, &st) && st.st_ino == l->made.st_ino &&
	    st.st_dev == l->made.st_dev)
		unlink(l->target);
}

int chan_connect_unix(const char *path, struct chan **ret, struct err *err)
{
	struct sockaddr_un address;
	int fd = -1, status = make_address(path, &address, err);

	if (!status && connect_to(&address, &fd))
		status = err_sys(err, "connecting");
	if (status)
		return err_add(err, status, "%s", path);
	return chan_of_socket(fd, ret, err);
}
