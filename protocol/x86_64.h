/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The register file of one vCPU and the tables that x86_64.def expands to.
 * To add a register: one row in x86_64.def; if its type or feature is new, also its definition in
 * rsp_regs.c's target.xml. Targets that cannot supply it leave it invalid and gdb shows
 * <unavailable>.
 */
#ifndef PROTOCOL_X86_64_H
#define PROTOCOL_X86_64_H

#include "status.h"

enum x86_64_reg {
#define X(name, bits, type, feature, group, generic, dwarf, vmsa) X86_64_##name,
#include "x86_64.def"
#undef X
	X86_64_REGS,
};

enum x86_64_feature {
	X86_64_CORE,
	X86_64_SSE,
	X86_64_SEGMENTS,
	X86_64_SYSTEM,
	X86_64_AVX,
	X86_64_FEATURES,
};

enum {
	X86_64_REG_BYTES_MAX = 16,
	X86_64_FILE_BYTES = 0
#define X(name, bits, type, feature, group, generic, dwarf, vmsa) +(bits) / 8
#include "x86_64.def"
#undef X
};

struct x86_64_reg_desc {
	const char *name;
	const char *type;
	const char *group;
	const char *generic;
	uint16_t offset; /* in x86_64_regs.data and in gdb's g packet */
	uint8_t bytes;
	uint8_t feature; /* enum x86_64_feature */
	int16_t dwarf;	 /* -1: none */
	int16_t vmsa;	 /* -1: none */
};

extern const struct x86_64_reg_desc x86_64_regs_desc[X86_64_REGS];

/* One vCPU's registers, little endian, in gdb's g packet order. Initialise with x86_64_regs_clear.
 */
struct x86_64_regs {
	uint8_t data[X86_64_FILE_BYTES];
	bool valid[X86_64_REGS];
};

void x86_64_regs_clear(struct x86_64_regs *regs);

/* Value of an integer register of at most 64 bits; 0 when it is not valid. */
uint64_t x86_64_get(const struct x86_64_regs *regs, enum x86_64_reg reg);

/* Stores the low bytes of @value and marks @reg valid; for registers of at most 64 bits. */
void x86_64_set(struct x86_64_regs *regs, enum x86_64_reg reg, uint64_t value);

/* Copies all bytes of @reg from or to @raw (x86_64_regs_desc[reg].bytes of them). */
void x86_64_get_raw(const struct x86_64_regs *regs, enum x86_64_reg reg, uint8_t *raw);
void x86_64_set_raw(struct x86_64_regs *regs, enum x86_64_reg reg, const uint8_t *raw);

/* Number of the register called @name (not NUL-terminated, @len bytes), or ST_INVAL. */
int x86_64_find(const char *name, size_t len);

#endif
