/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Break- and watchpoints of a plain SEV guest: the four debug registers through QEMU's gdbstub, and
 * int3 bytes planted through the PSP when those are taken. A software breakpoint takes a free slot
 * first, and gives it up when the user asks for hardware by name.
 */
#ifndef HOST_TARGET_POINTS_H
#define HOST_TARGET_POINTS_H

#include "host/target/memory.h"

enum { POINTS_MAX = JOURNAL_POINTS_MAX };

enum point_means { POINT_SLOT, POINT_PLANTED };

struct point {
	bool used;
	enum target_point type; /* what the client asked for */
	enum point_means means;
	uint64_t addr;
	unsigned int len;
	gpa_t gpa; /* of a planted byte */
};

struct points {
	struct memory *memory;
	struct target *cpu; /* QEMU's gdbstub */
	struct point point[POINTS_MAX];
	/*
	 * Addresses that QEMU has on its list of software breakpoints; it keeps them until detach.
	 */
	uint64_t known[POINTS_MAX];
	unsigned int nknown;
};

void points_init(struct points *points, struct memory *memory, struct target *cpu);

/* struct target_points_ops, with @vcpu for the page tables that a planted byte is found through. */
int points_insert(struct points *points, unsigned int vcpu, enum target_point type, uint64_t addr,
		  unsigned int len) MUST_USE;
int points_remove(struct points *points, enum target_point type, uint64_t addr,
		  unsigned int len) MUST_USE;

/* Whether a breakpoint of @type (SW or HW) was asked for at @addr. */
bool points_at(const struct points *points, enum target_point type, uint64_t addr);

#endif
