/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * `cvmdbg serve`: one VM, one RSP client at a time. The loop in serve.c is the only place of the
 * agent that waits for events.
 */
#ifndef HOST_SERVE_H
#define HOST_SERVE_H

#include "host/policy_file.h"
#include "host/sev/psp.h"

struct serve_config {
	const char *qmp;  /* NULL only with a stub */
	const char *stub; /* see chan_connect_stub; NULL: none, everything comes from the host */
	const char *listen;
	const char *log;		  /* NULL: none */
	const struct policy_file *policy; /* NULL: everything is allowed */
	const char *audit;		  /* NULL: none */
	enum psp_route route;
	uint64_t vmcoreinfo; /* guest physical address; 0: search */
	bool read_only;
	bool once; /* end after the first session */
};

/*
 * Serves until told to end: by a signal, --once or QEMU's end. Returns enum cmd_exit and, unless
 * that is CMD_OK, explains in @err. Whatever happens, the VM is left as it was found.
 */
int serve_run(const struct serve_config *config, struct err *err) MUST_USE;

#endif
