/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Makes QEMU's gdbstub record a software breakpoint of an encrypted guest. QEMU walks the guest's
 * page tables to place one and cannot read them; so for the length of one request vCPU 0's CR3
 * names a small table of our own, in plaintext, that leads to a page of no importance (facts:
 * qemu.md 10). The VM is stopped all the time and everything is back in place, and verified, on
 * return.
 */
#ifndef HOST_TARGET_SCRATCH_H
#define HOST_TARGET_SCRATCH_H

#include "host/journal.h"
#include "host/sev/psp.h"
#include "protocol/target.h"

/*
 * Inserts a software breakpoint at virtual address @addr into the list of QEMU, whose gdbstub @cpu
 * is. No byte of the guest changes. ST_UNSUPPORTED when vCPU 0 is not in 64-bit mode.
 */
int scratch_register(struct vm *vm, struct psp *psp, struct journal *journal, struct target *cpu,
		     uint64_t addr, struct err *err) MUST_USE;

/* Puts back what the journal says is displaced: pages and CR3. Success when nothing is. */
int scratch_restore(struct psp *psp, struct journal *journal, struct target *cpu,
		    struct err *err) MUST_USE;

#endif
