/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A QMP client (docs/interop/qmp-spec.rst of QEMU) over a unix socket. One command at a time, with
 * a deadline; events that arrive meanwhile are taken note of. Knows nothing about SEV.
 */
#ifndef HOST_QEMU_QMP_H
#define HOST_QEMU_QMP_H

#include <jansson.h>
#include <sys/types.h>

#include "host/err.h"

struct qmp;

enum qmp_run_state {
	QMP_STOPPED,
	QMP_RUNNING,
	QMP_ENDED, /* SHUTDOWN, or the connection ended: QEMU is going or gone */
};

/*
 * Connects, negotiates capabilities and asks query-status. ST_TIMEOUT with advice when the socket
 * accepts but does not greet (QEMU serves one client at a time); ST_INVAL when what answers is not
 * QMP; ST_ACCES, ST_GONE as the operating system says.
 */
int qmp_connect(const char *path, struct qmp **ret, struct err *err) MUST_USE;
void qmp_destroy(struct qmp *qmp);

/* PID of the process that listens: QEMU (SO_PEERCRED). And its user. */
pid_t qmp_peer_pid(const struct qmp *qmp);
uid_t qmp_peer_uid(const struct qmp *qmp);

/* The path given to qmp_connect; valid as long as @qmp. */
const char *qmp_path(const struct qmp *qmp);

/*
 * Runs @command. @args is stolen (NULL: none). On success *ret (may be NULL) is a new reference to
 * "return". A QMP error object becomes ST_IO with QEMU's own words (ST_UNSUPPORTED for
 * CommandNotFound).
 */
int qmp_execute(struct qmp *qmp, const char *command, json_t *args, json_t **ret,
		struct err *err) MUST_USE;

/* Runs a line of the human monitor; *ret is its text, to be freed. */
int qmp_hmp(struct qmp *qmp, const char *line, char **ret, struct err *err) MUST_USE;

/* For poll(): the socket. When readable call qmp_dispatch, which reads events without waiting. */
int qmp_fd(const struct qmp *qmp);
int qmp_dispatch(struct qmp *qmp) MUST_USE;

/* As last reported by STOP, RESUME, SHUTDOWN events and query-status. */
enum qmp_run_state qmp_run_state(const struct qmp *qmp);

/* stop and cont; return when QEMU confirmed it. */
int qmp_stop(struct qmp *qmp, struct err *err) MUST_USE;
int qmp_cont(struct qmp *qmp, struct err *err) MUST_USE;

/* An NMI for the guest's CPUs. */
int qmp_inject_nmi(struct qmp *qmp, struct err *err) MUST_USE;

#endif
