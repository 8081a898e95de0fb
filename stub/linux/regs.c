/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The registers of an interrupted CPU, from struct pt_regs, from the CPU itself and from XSAVE of
 * the live state (for a user process that may be its own or, when the kernel has put it away,
 * whatever the registers hold). No instruction here raises #VC: KVM passes the base MSRs through
 * (arch/x86/kvm/svm/svm.c, direct_access_msrs); EFER is read once, at load.
 */
#include <linux/kernel.h>

#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/xstate.h>
#include <asm/msr.h>
#include <asm/segment.h>
#include <asm/special_insns.h>

#include "stub/linux/module.h"

enum {
	X87_REGS = 8,
	XMM_REGS = 16,
	X87_SLOT_BYTES = 16, /* of a 10-byte register in FXSAVE's image */
	X87_EMPTY = 3,	     /* tags: SDM volume 1, 8.1.7 */
	X87_SPECIAL = 2,
	X87_ZERO = 1,
	X87_VALID = 0,
	VECTOR_MASK = XFEATURE_MASK_FP | XFEATURE_MASK_SSE | XFEATURE_MASK_YMM,
};

static u64 efer;
static bool avx;

/* pt_regs members by register: what a trap's way out restores. */
static const struct {
	enum x86_64_reg reg;
	size_t offset;
} slots[] = {
	{ X86_64_rax, offsetof(struct pt_regs, ax) },
	{ X86_64_rbx, offsetof(struct pt_regs, bx) },
	{ X86_64_rcx, offsetof(struct pt_regs, cx) },
	{ X86_64_rdx, offsetof(struct pt_regs, dx) },
	{ X86_64_rsi, offsetof(struct pt_regs, si) },
	{ X86_64_rdi, offsetof(struct pt_regs, di) },
	{ X86_64_rbp, offsetof(struct pt_regs, bp) },
	{ X86_64_rsp, offsetof(struct pt_regs, sp) },
	{ X86_64_r8, offsetof(struct pt_regs, r8) },
	{ X86_64_r9, offsetof(struct pt_regs, r9) },
	{ X86_64_r10, offsetof(struct pt_regs, r10) },
	{ X86_64_r11, offsetof(struct pt_regs, r11) },
	{ X86_64_r12, offsetof(struct pt_regs, r12) },
	{ X86_64_r13, offsetof(struct pt_regs, r13) },
	{ X86_64_r14, offsetof(struct pt_regs, r14) },
	{ X86_64_r15, offsetof(struct pt_regs, r15) },
	{ X86_64_rip, offsetof(struct pt_regs, ip) },
	{ X86_64_eflags, offsetof(struct pt_regs, flags) },
};

bool regs_init(void)
{
	u32 bytes, offset, flags, unused;

	rdmsrl(MSR_EFER, efer);
	if (!boot_cpu_has(X86_FEATURE_AVX) || !boot_cpu_has(X86_FEATURE_OSXSAVE))
		return false;
	cpuid_count(XSTATE_CPUID, XFEATURE_YMM, &bytes, &offset, &flags, &unused);
	avx = (xgetbv(XCR_XFEATURE_ENABLED_MASK) & VECTOR_MASK) == VECTOR_MASK &&
	      offset == offsetof(struct regs_vector, ymm_high);
	return avx;
}

/* --- x87 and SSE --- */

/* FXSAVE keeps a bit a register, "not empty"; the full tag says what the register holds. */
static unsigned int full_tag(const struct fxregs_state *fx, unsigned int st)
{
	const u8 *raw = (const u8 *)fx->st_space + st * X87_SLOT_BYTES;
	u64 mantissa = get_le64(raw);
	u16 exponent = get_le16(raw + 8) & 0x7fff;

	if (!exponent && !mantissa)
		return X87_ZERO;
	return exponent && exponent != 0x7fff && mantissa >> 63 ? X87_VALID : X87_SPECIAL;
}

/* Tags are of physical registers, the image is in stack order (SDM volume 1, 10.5.1.1). */
static u16 tags_expand(const struct fxregs_state *fx)
{
	unsigned int top = fx->swd >> 11 & 7, i;
	u16 tags = 0;

	for (i = 0; i < X87_REGS; i++) {
		bool used = fx->twd & 1 << i;

		tags |= (used ? full_tag(fx, (i - top) % X87_REGS) : X87_EMPTY) << 2 * i;
	}
	return tags;
}

static u8 tags_abridge(u16 tags)
{
	unsigned int i;
	u8 used = 0;

	for (i = 0; i < X87_REGS; i++)
		if ((tags >> 2 * i & 3) != X87_EMPTY)
			used |= 1 << i;
	return used;
}

/* Only the hardware's own registers: nothing is asked of the kernel's FPU code. */
static void vector_save(struct regs_vector *v)
{
	if (avx)
		asm volatile("xsaveq %0" : "=m"(*v) : "a"(VECTOR_MASK), "d"(0));
	else
		asm volatile("fxsaveq %0" : "=m"(v->fx));
}

static void vector_restore(struct regs_vector *v)
{
	if (!avx) {
		asm volatile("fxrstorq %0" : : "m"(v->fx));
		return;
	}
	v->header[0] |= VECTOR_MASK;
	asm volatile("xrstorq %0" : : "m"(*v), "a"(VECTOR_MASK), "d"(0));
}

static void fx_take(struct x86_64_regs *r, const struct fxregs_state *fx)
{
	unsigned int i;

	for (i = 0; i < X87_REGS; i++)
		x86_64_set_raw(r, X86_64_st0 + i, (const u8 *)fx->st_space + i * X87_SLOT_BYTES);
	for (i = 0; i < XMM_REGS; i++)
		x86_64_set_raw(r, X86_64_xmm0 + i, (const u8 *)(fx->xmm_space + 4 * i));
	x86_64_set(r, X86_64_fctrl, fx->cwd);
	x86_64_set(r, X86_64_fstat, fx->swd);
	x86_64_set(r, X86_64_ftag, tags_expand(fx));
	x86_64_set(r, X86_64_fop, fx->fop);
	x86_64_set(r, X86_64_fioff, fx->fip);
	x86_64_set(r, X86_64_fiseg, fx->fcs);
	x86_64_set(r, X86_64_fooff, fx->foo);
	x86_64_set(r, X86_64_foseg, fx->fos);
	x86_64_set(r, X86_64_mxcsr, fx->mxcsr);
}

static void fx_put(const struct x86_64_regs *r, struct fxregs_state *fx)
{
	unsigned int i;

	for (i = 0; i < X87_REGS; i++)
		x86_64_get_raw(r, X86_64_st0 + i, (u8 *)fx->st_space + i * X87_SLOT_BYTES);
	for (i = 0; i < XMM_REGS; i++)
		x86_64_get_raw(r, X86_64_xmm0 + i, (u8 *)(fx->xmm_space + 4 * i));
	fx->cwd = x86_64_get(r, X86_64_fctrl);
	fx->swd = x86_64_get(r, X86_64_fstat);
	fx->twd = tags_abridge(x86_64_get(r, X86_64_ftag));
	fx->fop = x86_64_get(r, X86_64_fop);
	fx->fip = x86_64_get(r, X86_64_fioff);
	fx->fcs = x86_64_get(r, X86_64_fiseg);
	fx->foo = x86_64_get(r, X86_64_fooff);
	fx->fos = x86_64_get(r, X86_64_foseg);
	/* A bit that the CPU does not know would make FXRSTOR fault. */
	fx->mxcsr = x86_64_get(r, X86_64_mxcsr) & fx->mxcsr_mask;
}

/* A component in its initial state is not saved (SDM volume 1, 13.6): then it is zero. */
static void ymm_take(struct x86_64_regs *r, const struct regs_vector *v)
{
	static const u8 zero[sizeof(v->ymm_high[0])];
	bool there = v->header[0] & XFEATURE_MASK_YMM;
	unsigned int i;

	for (i = 0; avx && i < XMM_REGS; i++)
		x86_64_set_raw(r, X86_64_ymm0h + i, there ? v->ymm_high[i] : zero);
}

static void ymm_put(const struct x86_64_regs *r, struct regs_vector *v)
{
	unsigned int i;

	for (i = 0; avx && i < XMM_REGS; i++)
		x86_64_get_raw(r, X86_64_ymm0h + i, v->ymm_high[i]);
}

static bool changed(const struct regs_save *save, enum x86_64_reg from, enum x86_64_reg to)
{
	size_t first = x86_64_regs_desc[from].offset;
	size_t end = x86_64_regs_desc[to].offset + x86_64_regs_desc[to].bytes;

	return memcmp(save->regs.data + first, save->entry.data + first, end - first);
}

static bool vector_changed(const struct regs_save *save)
{
	return changed(save, X86_64_st0, X86_64_mxcsr) ||
	       changed(save, X86_64_ymm0h, X86_64_ymm15h);
}

/* --- the whole --- */

static void segments_take(struct x86_64_regs *r, struct pt_regs *regs)
{
	bool user = user_mode(regs);
	u16 selector;
	u64 base;

	x86_64_set(r, X86_64_cs, (u16)regs->cs);
	x86_64_set(r, X86_64_ss, (u16)regs->ss);
	savesegment(ds, selector);
	x86_64_set(r, X86_64_ds, selector);
	savesegment(es, selector);
	x86_64_set(r, X86_64_es, selector);
	savesegment(fs, selector);
	x86_64_set(r, X86_64_fs, selector);
	savesegment(gs, selector);
	x86_64_set(r, X86_64_gs, selector);
	rdmsrl(MSR_FS_BASE, base);
	x86_64_set(r, X86_64_fs_base, base);
	/* Entry from user mode has exchanged the two. */
	rdmsrl(user ? MSR_KERNEL_GS_BASE : MSR_GS_BASE, base);
	x86_64_set(r, X86_64_gs_base, base);
	rdmsrl(user ? MSR_GS_BASE : MSR_KERNEL_GS_BASE, base);
	x86_64_set(r, X86_64_k_gs_base, base);
}

static void system_take(struct x86_64_regs *r)
{
	unsigned long cr8;

	asm volatile("mov %%cr8, %0" : "=r"(cr8));
	x86_64_set(r, X86_64_cr0, read_cr0());
	x86_64_set(r, X86_64_cr2, read_cr2());
	x86_64_set(r, X86_64_cr3, __read_cr3());
	x86_64_set(r, X86_64_cr4, native_read_cr4());
	x86_64_set(r, X86_64_cr8, cr8);
	x86_64_set(r, X86_64_efer, efer);
}

void regs_take(struct regs_save *save, struct pt_regs *regs)
{
	size_t i;

	vector_save(&save->vector);
	x86_64_regs_clear(&save->regs);
	for (i = 0; i < ARRAY_SIZE(slots); i++)
		x86_64_set(&save->regs, slots[i].reg,
			   *(const unsigned long *)((const char *)regs + slots[i].offset));
	segments_take(&save->regs, regs);
	system_take(&save->regs);
	fx_take(&save->regs, &save->vector.fx);
	ymm_take(&save->regs, &save->vector);
	save->entry = save->regs;
}

void regs_put(struct regs_save *save, struct pt_regs *regs)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(slots); i++) {
		u64 value = x86_64_get(&save->regs, slots[i].reg);

		if (value != x86_64_get(&save->entry, slots[i].reg))
			*(unsigned long *)((char *)regs + slots[i].offset) = value;
	}
	if (vector_changed(save)) {
		fx_put(&save->regs, &save->vector.fx);
		ymm_put(&save->regs, &save->vector);
		vector_restore(&save->vector);
	}
}
