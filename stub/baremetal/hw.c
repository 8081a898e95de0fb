/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The debug registers, used raw: nobody else wants them here (Intel SDM volume 3, 18.2). A CPU
 * loads the points when the stub lets it go; inside trap handlers DR7 is 0, so that the stub may
 * touch what is watched.
 */
#include "protocol/status.h"
#include "stub/baremetal/machine.h"

enum {
	DR6_HITS = 0xf,
	DR6_CLEAR = 0, /* the CPU sets its reserved bits itself */
	DR7_RESERVED = 0x400,
	DR7_GLOBAL_EXACT = 0x200,
	DR7_EXECUTE = 0,
	DR7_WRITE = 1,
	DR7_ACCESS = 3,
};

static struct port_hw points[TARGET_HW_POINTS];

static unsigned int type_bits(const struct port_hw *hw)
{
	switch (hw->type) {
	case TARGET_POINT_HW:
		return DR7_EXECUTE;
	case TARGET_POINT_WATCH_WRITE:
		return DR7_WRITE;
	default:
		return DR7_ACCESS;
	}
}

/* The code for 8 bytes came last: 2. */
static unsigned int len_bits(const struct port_hw *hw)
{
	return hw->len == 8 ? 2 : hw->len - 1;
}

int hw_set(struct port *p, unsigned int slot, const struct port_hw *hw)
{
	(void)p;
	if (slot >= TARGET_HW_POINTS)
		return ST_NOSPC;
	points[slot] = *hw;
	return 0;
}

void hw_leaving(struct port *p, unsigned int cpu)
{
	uint64_t dr7 = DR7_RESERVED;
	unsigned int i;

	(void)p;
	for (i = 0; i < TARGET_HW_POINTS; i++) {
		const struct port_hw *hw = &points[i];

		if (!hw->used)
			continue;
		dr7 |= DR7_GLOBAL_EXACT | 2ull << 2 * i |
		       (uint64_t)(type_bits(hw) | len_bits(hw) << 2) << (16 + 4 * i);
	}
	__asm__ volatile("mov %0, %%db0" : : "r"(points[0].addr));
	__asm__ volatile("mov %0, %%db1" : : "r"(points[1].addr));
	__asm__ volatile("mov %0, %%db2" : : "r"(points[2].addr));
	__asm__ volatile("mov %0, %%db3" : : "r"(points[3].addr));
	cpus[cpu].dr7 = dr7; /* trap.c loads it last of all */
}

bool hw_hit(uint64_t dr6, unsigned int *slot, bool *execute)
{
	unsigned int i;

	/* A CPU sets bits of points that are not enabled as well. */
	for (i = 0; i < TARGET_HW_POINTS; i++) {
		if (!(dr6 & DR6_HITS & 1u << i) || !points[i].used)
			continue;
		*slot = i;
		*execute = points[i].type == TARGET_POINT_HW;
		return true;
	}
	return false;
}

uint64_t hw_status_take(void)
{
	uint64_t dr6;

	__asm__ volatile("mov %%db6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%db6" : : "r"((uint64_t)DR6_CLEAR));
	return dr6;
}

void hw_control(uint64_t dr7)
{
	__asm__ volatile("mov %0, %%db7" : : "r"(dr7));
}
