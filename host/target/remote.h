/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A target that is somebody else's RSP server: QEMU's gdbstub, or any other that gdb could talk to.
 * Every operation is one or a few bounded request/response exchanges; registers are fetched once a
 * stop. Knows nothing about encryption: what the server says is what the caller gets.
 */
#ifndef HOST_TARGET_REMOTE_H
#define HOST_TARGET_REMOTE_H

#include "host/chan.h"
#include "protocol/target.h"

/*
 * Takes @chan (destroyed on failure too) and learns the server's features, registers and threads.
 * The server's machine must be stopped. Asking for the stop reason makes QEMU forget breakpoints
 * that an earlier client left behind (QEMU gdbstub.c, handle_target_halt).
 */
int remote_create(struct chan *chan, struct target **ret, struct err *err) MUST_USE;

/* Closes the channel as it is: run->detach comes first. NULL is fine. */
void remote_destroy(struct target *t);

/* Why the server's machine stood when remote_create came. */
const struct target_stop *remote_found(const struct target *t);

/* For poll(): readable when run->poll may have something to say. */
int remote_fd(const struct target *t);

/* To be called now and then (see chan_tick). */
void remote_tick(const struct target *t);

#endif
