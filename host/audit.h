/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The agent's audit log: who attached, under which policy, what was refused, when it was over. JSON
 * lines, appended, each by one write so that several agents may share a file. Holds nothing of the
 * guest's: no bytes, no registers. Knows nothing about serving; every function takes NULL for an
 * audit that nobody asked for.
 */
#ifndef HOST_AUDIT_H
#define HOST_AUDIT_H

#include "host/chan.h"
#include "host/policy_file.h"
#include "protocol/rsp_server.h"

struct audit;

/* Opens @path for appending; a new file is its owner's alone. @policy may be NULL. */
int audit_open(const char *path, const struct policy_file *policy, struct audit **ret,
	       struct err *err) MUST_USE;
void audit_close(struct audit *a);

/*
 * A debugger arrives on @client and is to have @rights. When this fails (a full disk) it must not
 * be let in: nobody would know.
 */
int audit_attach(struct audit *a, const struct chan *client, unsigned int rights,
		 struct err *err) MUST_USE;

/*
 * Something about the debugger that attached last: @event is a word, @why says more. What cannot be
 * written is told on standard error.
 */
void audit_event(struct audit *a, const char *event, const char *why);

/* The debugger is gone; @why: NULL, or what went wrong with letting the guest go. */
void audit_detach(struct audit *a, const struct rsp_server_stats *stats, const char *why);

#endif
