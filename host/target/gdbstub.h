/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Getting a connection to QEMU's gdbstub: the one it was started with, or one opened late over QMP
 * on a socket that only QEMU's user can reach. Knows nothing about what is said over it.
 */
#ifndef HOST_TARGET_GDBSTUB_H
#define HOST_TARGET_GDBSTUB_H

#include "host/chan.h"
#include "host/journal.h"
#include "host/qemu/vm.h"

/*
 * Connects, which stops the VM. The journal says before what happens. ST_BUSY: somebody else's
 * gdb is connected.
 */
int gdbstub_connect(struct vm *vm, struct journal *journal, struct chan **ret,
		    struct err *err) MUST_USE;

/*
 * Connects again to what the journal names, if anything: *ret is NULL when there is no such stub.
 */
int gdbstub_reconnect(struct vm *vm, const struct journal *journal, struct chan **ret,
		      struct err *err) MUST_USE;

/* Closes the stub if it is ours, removes its directory, clears the journal's fields. */
int gdbstub_close(struct vm *vm, struct journal *journal, struct err *err) MUST_USE;

/*
 * QEMU is gone: removes what it left of a stub of ours from the file system, as far as it can be
 * seen.
 */
void gdbstub_forget(struct journal *journal);

#endif
