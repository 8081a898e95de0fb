/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* QEMU under the supervisor. */
#ifndef TESTS_SEVSIM_LAUNCH_H
#define TESTS_SEVSIM_LAUNCH_H

struct launched {
	int qmp;    /* the public QMP socket, listening in QEMU's name */
	int filter; /* seccomp listener */
};

/* @argv: qemu-system-x86_64 and its arguments, NULL-terminated. Sets sim.qemu. 0 or -1. */
int launch_qemu(char **argv, struct launched *ret);

#endif
