/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The guest owner's policy: who may do what with a guest that carries the stub. A text of lines
 * (or of parts between semicolons, for a kernel command line):
 *
 *   cvmdbg-policy 1                first of all; the version of this format
 *   allow WORD...                  regs.read regs.write mem.read mem.write run points monitor
 *                                  dump; nothing is allowed that is not named
 *   channel plain                  required; "sealed" is not supported yet
 *   on-panic stop|ignore|dump      absent: ignore; dump stops until dumps exist
 *   idle-timeout SECONDS           absent: 60; 0: a silent debugger is waited for for ever
 *   # comment
 *
 * What the parser does not know is an error, never skipped: a policy that says less than its author
 * meant would be a hole.
 */
#ifndef PROTOCOL_POLICY_H
#define PROTOCOL_POLICY_H

#include "base.h"

enum policy_limits {
	POLICY_IDLE_DEFAULT = 60,
	POLICY_IDLE_MAX = 86400, /* seconds */
	POLICY_BYTES_MAX = 4096,
};

enum policy_panic { POLICY_PANIC_IGNORE, POLICY_PANIC_STOP, POLICY_PANIC_DUMP };

struct policy {
	unsigned int rights; /* enum rsp_right */
	enum policy_panic on_panic;
	unsigned int idle_s;
};

struct policy_error {
	unsigned int line; /* from 1; semicolons count as line ends */
	const char *why;   /* static text without a full stop */
};

/* @text need not be NUL-terminated. ST_SYNTAX with *error filled, *ret untouched. */
int policy_parse(const char *text, size_t len, struct policy *ret,
		 struct policy_error *error) MUST_USE;

#endif
