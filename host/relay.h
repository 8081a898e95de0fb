/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * `cvmdbg relay`: the bytes of a stub inside a guest, as they are, for a debugger that talks to it
 * directly; `cvmdbg connect`: the same with a sealed stub's side. One client at a time; a
 * session begins and ends with each.
 */
#ifndef HOST_RELAY_H
#define HOST_RELAY_H

#include "host/chan.h"

struct relay_config {
	const char *stub; /* its address, as the user said it */
	/* Begins a session with the stub at config->stub. */
	int (*open)(const struct relay_config *config, struct chan **ret, struct err *err);
	const char *listen; /* see listener_open */
	const char *qmp;    /* for NMIs; NULL: none */
	bool once;	    /* end after the first client */
};

/*
 * Relays until told to end: by a signal, --once or QEMU's end. Returns enum cmd_exit and, unless
 * that is CMD_OK, explains in @err; CMD_FAILED: also when the only client's stub has gone first;
 * CMD_NOT_DEBUGGABLE: a sealed stub has refused the only client, or was refused, which standard
 * error has been told. Whatever happens, the guest runs afterwards.
 */
int relay_run(const struct relay_config *config, struct err *err) MUST_USE;

#endif
