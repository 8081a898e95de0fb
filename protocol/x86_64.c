/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The register table's description view and access by number. */
#include "x86_64.h"

/* Offsets: a structure with one member a register, packed in table order. */
struct layout {
#define X(name, bits, type, feature, group, generic, dwarf, vmsa) uint8_t name[(bits) / 8];
#include "x86_64.def"
#undef X
};

static_assert(sizeof(struct layout) == X86_64_FILE_BYTES, "the register file has no holes");
/* gdb's amd64 numbering: rip is 16, st0 24, xmm0 40, mxcsr 56 (gdb/amd64-tdep.h). */
static_assert(X86_64_rip == 16 && X86_64_st0 == 24 && X86_64_xmm0 == 40 && X86_64_mxcsr == 56,
	      "core and SSE registers have gdb's numbers");

const struct x86_64_reg_desc x86_64_regs_desc[X86_64_REGS] = {
#define X(reg, bits, reg_type, reg_feature, reg_group, reg_generic, reg_dwarf, reg_vmsa)           \
	{                                                                                          \
		.name = #reg,                                                                      \
		.type = reg_type,                                                                  \
		.group = reg_group,                                                                \
		.generic = reg_generic,                                                            \
		.offset = offsetof(struct layout, reg),                                            \
		.bytes = (bits) / 8,                                                               \
		.feature = X86_64_##reg_feature,                                                   \
		.dwarf = reg_dwarf,                                                                \
		.vmsa = reg_vmsa,                                                                  \
	},
#include "x86_64.def"
#undef X
};

void x86_64_regs_clear(struct x86_64_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
}

uint64_t x86_64_get(const struct x86_64_regs *regs, enum x86_64_reg reg)
{
	const struct x86_64_reg_desc *d = &x86_64_regs_desc[reg];
	uint64_t value = 0;
	unsigned int i;

	if (!regs->valid[reg])
		return 0;
	for (i = 0; i < d->bytes && i < sizeof(value); i++)
		value |= (uint64_t)regs->data[d->offset + i] << 8 * i;
	return value;
}

void x86_64_set(struct x86_64_regs *regs, enum x86_64_reg reg, uint64_t value)
{
	const struct x86_64_reg_desc *d = &x86_64_regs_desc[reg];
	unsigned int i;

	for (i = 0; i < d->bytes && i < sizeof(value); i++)
		regs->data[d->offset + i] = (uint8_t)(value >> 8 * i);
	regs->valid[reg] = true;
}

void x86_64_get_raw(const struct x86_64_regs *regs, enum x86_64_reg reg, uint8_t *raw)
{
	memcpy(raw, regs->data + x86_64_regs_desc[reg].offset, x86_64_regs_desc[reg].bytes);
}

void x86_64_set_raw(struct x86_64_regs *regs, enum x86_64_reg reg, const uint8_t *raw)
{
	memcpy(regs->data + x86_64_regs_desc[reg].offset, raw, x86_64_regs_desc[reg].bytes);
	regs->valid[reg] = true;
}

int x86_64_find(const char *name, size_t len)
{
	int reg;

	for (reg = 0; reg < X86_64_REGS; reg++) {
		const char *known = x86_64_regs_desc[reg].name;
		size_t i;

		for (i = 0; i < len && known[i] == name[i] && known[i]; i++)
			;
		if (i == len && !known[i])
			return reg;
	}
	return ST_INVAL;
}
