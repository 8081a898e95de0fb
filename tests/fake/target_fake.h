/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A struct target made of arrays, for tests of what stands on protocol/target.h: a machine whose
 * every instruction is a one-byte nop, with memory that ends, memory that cannot be written,
 * registers that are missing, points that hit, and an operation that fails when told to.
 * It checks its caller: a call that target.h forbids (in state running, or after GONE) is counted
 * in `misused`, which must stay 0.
 */
#ifndef TESTS_FAKE_TARGET_FAKE_H
#define TESTS_FAKE_TARGET_FAKE_H

#include "protocol/target.h"

enum {
	TARGET_FAKE_VCPUS = 2,
	TARGET_FAKE_RAM_BYTES = 3 * PAGE_BYTES,
	TARGET_FAKE_POINTS = 16,
	TARGET_FAKE_STOPS = 8,
};

/* RAM can be written, ROM cannot; nothing is mapped before, between and behind them. */
#define TARGET_FAKE_RAM 0xffff888000010000ull
#define TARGET_FAKE_ROM 0xffffffff81000000ull

struct target_fake_point {
	bool used;
	enum target_point type;
	uint64_t addr;
	unsigned int len;
};

struct target_fake {
	struct target target;
	uint8_t ram[TARGET_FAKE_RAM_BYTES];
	uint8_t rom[PAGE_BYTES];
	struct x86_64_regs regs[TARGET_FAKE_VCPUS];
	struct target_fake_point points[TARGET_FAKE_POINTS];
	enum target_action actions[TARGET_FAKE_VCPUS]; /* of the last resume */
	/* Stops to report before the machine runs by itself; a test fills them in. */
	struct target_stop stops[TARGET_FAKE_STOPS];
	unsigned int nstops, next_stop;
	bool running, interrupted, detached, gone;
	unsigned int calls, resumes, misused;
	unsigned int fail_at; /* the call with this number (from 1) fails with ST_IO; 0: none */
};

/* RAM holds a pattern, ROM nops; both vCPUs stand in ROM. Every group is offered. */
void target_fake_init(struct target_fake *f);

/* What RAM holds at first. */
uint8_t target_fake_pattern(size_t offset);

/* The same machine without the optional groups: memory to look at, nothing else. */
extern const struct target_ops target_fake_bare_ops;

#endif
