/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The registers of an interrupted CPU. This guest is compiled without x87 and SSE and has nothing
 * in those registers: they stay invalid, and debuggers show <unavailable>.
 */
#include "stub/baremetal/machine.h"

static const struct {
	enum x86_64_reg reg;
	size_t offset;
} slots[] = {
	{ X86_64_rax, offsetof(struct frame, rax) },
	{ X86_64_rbx, offsetof(struct frame, rbx) },
	{ X86_64_rcx, offsetof(struct frame, rcx) },
	{ X86_64_rdx, offsetof(struct frame, rdx) },
	{ X86_64_rsi, offsetof(struct frame, rsi) },
	{ X86_64_rdi, offsetof(struct frame, rdi) },
	{ X86_64_rbp, offsetof(struct frame, rbp) },
	{ X86_64_rsp, offsetof(struct frame, rsp) },
	{ X86_64_r8, offsetof(struct frame, r8) },
	{ X86_64_r9, offsetof(struct frame, r9) },
	{ X86_64_r10, offsetof(struct frame, r10) },
	{ X86_64_r11, offsetof(struct frame, r11) },
	{ X86_64_r12, offsetof(struct frame, r12) },
	{ X86_64_r13, offsetof(struct frame, r13) },
	{ X86_64_r14, offsetof(struct frame, r14) },
	{ X86_64_r15, offsetof(struct frame, r15) },
	{ X86_64_rip, offsetof(struct frame, rip) },
	{ X86_64_eflags, offsetof(struct frame, rflags) },
};

/* An expression for each: the register's name is part of the instruction. */
#define READ(name, type)                                                                           \
	({                                                                                         \
		type value_;                                                                       \
		__asm__ volatile("mov %%" name ", %0" : "=r"(value_));                             \
		value_;                                                                            \
	})

static void system_take(struct x86_64_regs *regs)
{
	x86_64_set(regs, X86_64_ds, READ("ds", uint16_t));
	x86_64_set(regs, X86_64_es, READ("es", uint16_t));
	x86_64_set(regs, X86_64_fs, READ("fs", uint16_t));
	x86_64_set(regs, X86_64_gs, READ("gs", uint16_t));
	x86_64_set(regs, X86_64_cr0, READ("cr0", uint64_t));
	x86_64_set(regs, X86_64_cr2, READ("cr2", uint64_t));
	x86_64_set(regs, X86_64_cr3, READ("cr3", uint64_t));
	x86_64_set(regs, X86_64_cr4, READ("cr4", uint64_t));
	x86_64_set(regs, X86_64_cr8, READ("cr8", uint64_t));
	x86_64_set(regs, X86_64_efer, msr_read(MSR_EFER));
	x86_64_set(regs, X86_64_fs_base, msr_read(MSR_FS_BASE));
	x86_64_set(regs, X86_64_gs_base, msr_read(MSR_GS_BASE));
	x86_64_set(regs, X86_64_k_gs_base, msr_read(MSR_KERNEL_GS_BASE));
}

void regs_take(struct x86_64_regs *regs, const struct frame *f)
{
	size_t i;

	x86_64_regs_clear(regs);
	for (i = 0; i < ARRAY_LEN(slots); i++)
		x86_64_set(regs, slots[i].reg,
			   *(const uint64_t *)((const char *)f + slots[i].offset));
	x86_64_set(regs, X86_64_cs, f->cs);
	x86_64_set(regs, X86_64_ss, f->ss);
	system_take(regs);
}

void regs_put(const struct x86_64_regs *regs, struct frame *f)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(slots); i++)
		*(uint64_t *)((char *)f + slots[i].offset) = x86_64_get(regs, slots[i].reg);
}
