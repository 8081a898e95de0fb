/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A process that answers as QEMU's QMP does, from a table. It serves one client, once. Being a
 * child it shares the caller's descriptors and mappings: it can stand for the QEMU that owns them.
 */
#ifndef TESTS_FAKE_QMP_SERVER_H
#define TESTS_FAKE_QMP_SERVER_H

#include <stddef.h>
#include <sys/types.h>

/*
 * To a line from the client that contains @command the server sends @reply (first match); "%ID" in
 * it becomes the line's id, "%PID" the server's PID. NULL @reply: it hangs up. A command that no
 * row answers gets CommandNotFound, but qmp_capabilities and query-status (running) are known.
 */
struct qmp_answer {
	const char *command;
	const char *reply;
};

struct qmp_server {
	pid_t pid;
	char path[64];
};

/* What QEMU 7.2 says first. */
extern const char qmp_server_greeting[];

/* @greeting: sent on connection, as it stands; NULL: hangs up. @answers ends with a zero row. */
void qmp_server_start(struct qmp_server *s, const char *greeting, const struct qmp_answer *answers);
void qmp_server_stop(struct qmp_server *s);

#endif
