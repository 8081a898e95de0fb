/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What chan.c and its transports share: a listener from the inside, and channels over sockets. */
#ifndef HOST_CHAN_LISTEN_H
#define HOST_CHAN_LISTEN_H

#include <sys/stat.h>

#include "host/chan.h"

enum { LISTENER_TARGET_MAX = 128 };

struct listener {
	int fd;				  /* -1: stdio */
	bool taken;			  /* stdio's one client */
	char target[LISTENER_TARGET_MAX]; /* empty: stdio */
	/* The socket file we made, to be removed if it is still ours; st_ino 0: none. */
	struct stat made;
};

/* Each opens what follows its prefix in `--listen`; @l is zeroed, fd -1. On failure nothing stays
 * behind. */
int chan_listen_unix(const char *path, struct listener *l, struct err *err) MUST_USE;
int chan_listen_tcp(const char *address, struct listener *l, struct err *err) MUST_USE;
int chan_listen_stdio(const char *nothing, struct listener *l, struct err *err) MUST_USE;

/* A channel over connected stream socket @fd, which it owns from here on, also on failure. */
int chan_of_socket(int fd, struct chan **ret, struct err *err) MUST_USE;

/* The channel over standard input and output. */
int chan_of_stdio(struct chan **ret, struct err *err) MUST_USE;

/* Unlinks the socket file of @l, unless somebody replaced it. */
void chan_unlink_unix(const struct listener *l);

#endif
