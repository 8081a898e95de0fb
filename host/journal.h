/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the agent has changed in a VM and would have to undo: a page of memory shared between the
 * agent and its keeper (keeper.h). Write-ahead: a field is set before the change is made and
 * cleared after it is undone, so that whoever survives a kill -9 can put everything back. Fixed
 * size, no pointers.
 */
#ifndef HOST_JOURNAL_H
#define HOST_JOURNAL_H

#include "protocol/base.h"
#include "protocol/limits.h"

enum {
	JOURNAL_POINTS_MAX = 256,
	JOURNAL_SCRATCH_MAX = 6, /* five levels of tables, one target */
	JOURNAL_PATH_MAX = 108,
};

/* An int3 planted in guest memory. */
struct journal_point {
	bool used;
	bool encrypted;
	uint8_t byte; /* what was there */
	uint64_t gpa;
};

struct journal {
	/* Run control: the guest was running when we came and has to run when we go. */
	bool resume;
	bool gdbstub_used; /* breakpoints may be in QEMU's gdbstub, the VM may be stopped by it */
	bool gdbstub_ours; /* we opened it: close it again */
	char gdbstub_path[JOURNAL_PATH_MAX];
	char gdbstub_dir[JOURNAL_PATH_MAX]; /* private directory of that socket, to be removed */

	/* Injection: area mapped in QEMU; bytes 0: none. */
	uint64_t inject_addr;
	uint64_t inject_bytes;

	struct journal_point point[JOURNAL_POINTS_MAX];

	/* The fake page table of qemu.md 10, while it is in place. */
	bool scratch_used;
	uint64_t scratch_cr3;
	unsigned int scratch_count;
	uint64_t scratch_gpa[JOURNAL_SCRATCH_MAX];
	uint8_t scratch[JOURNAL_SCRATCH_MAX][PAGE_BYTES]; /* raw bytes (ciphertext) to put back */
};

#endif
