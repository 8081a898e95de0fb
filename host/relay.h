/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * `cvmdbg relay`: the bytes of a stub inside a guest, as they are, for a debugger that talks to it
 * directly. One client at a time; a session begins and ends with each.
 */
#ifndef HOST_RELAY_H
#define HOST_RELAY_H

#include "host/err.h"

struct relay_config {
	const char *stub;   /* see chan_connect_stub */
	const char *listen; /* see listener_open */
	const char *qmp;    /* for NMIs; NULL: none */
	bool once;	    /* end after the first client */
};

/*
 * Relays until told to end: by a signal, --once or QEMU's end. Returns enum cmd_exit and, unless
 * that is CMD_OK, explains in @err. Whatever happens, the guest runs afterwards.
 */
int relay_run(const struct relay_config *config, struct err *err) MUST_USE;

#endif
