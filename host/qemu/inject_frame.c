/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The signal frame that rt_sigreturn restores a thread from (Linux arch/x86/include/asm/sigframe.h,
 * arch/x86/kernel/signal_64.c, arch/x86/kernel/fpu/signal.c). Pure, but for asking CPUID how large
 * the register state is: agent and QEMU run on the same CPU.
 */
#include "host/qemu/inject_internal.h"

#include <asm/sigcontext.h>
#include <cpuid.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <syscall.h>

/* struct rt_sigframe as far as rt_sigreturn reads it: return address, struct ucontext. */
struct sigframe {
	uint64_t pretcode;
	uint64_t uc_flags;
	uint64_t uc_link;
	struct {
		uint64_t sp;
		uint32_t flags, pad;
		uint64_t size;
	} uc_stack;
	/* struct sigcontext_64 */
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate;
	uint64_t reserved[8];
	uint64_t uc_sigmask;
};

static_assert(offsetof(struct sigframe, uc_stack) == 8 + 16, "ucontext.uc_stack");
static_assert(offsetof(struct sigframe, r8) == 8 + 40, "ucontext.uc_mcontext");
static_assert(offsetof(struct sigframe, fpstate) == 8 + 224, "sigcontext.fpstate");
static_assert(offsetof(struct sigframe, uc_sigmask) == 8 + 296, "ucontext.uc_sigmask");

/* uc_flags, arch/x86/include/uapi/asm/ucontext.h */
enum {
	UC_XSTATE = 1,
	UC_SS = 2,
	UC_STRICT_SS = 4,
};

/* Not a mode that sigaltstack knows: restore_altstack ignores the error, and the thread's own
 * stays. */
#define ALTSTACK_KEEP 4

/* The kernel's "restart me" results, include/linux/errno.h: only ptrace sees them. */
enum {
	K_ERESTARTSYS = 512,
	K_ERESTARTNOINTR = 513,
	K_ERESTARTNOHAND = 514,
	K_ERESTART_RESTARTBLOCK = 516,
};

enum {
	CS_64BIT = 0x33,
	RED_ZONE = 128,
	SYSCALL_INSN_BYTES = 2,
	/* Intel SDM 1, 13.4: legacy area, then the header, whose first word is XSTATE_BV. */
	XSAVE_SW_RESERVED = 464,
	XSAVE_LEGACY_BYTES = 512,
	XSAVE_EXTENDED_FIRST = 576,
	XFEATURE_FIRST_EXTENDED = 2,
	XFEATURE_COUNT = 63,
};

/* AMX: 8 KiB that a process must ask for; the kernel's own signal frames leave it out otherwise. */
#define XFEATURES_AMX (3ull << 17)

void inject_regs_restart(struct user_regs_struct *regs, bool by_sigreturn)
{
	if ((long)regs->orig_rax < 0)
		return;
	switch (-(long)regs->rax) {
	case K_ERESTARTSYS:
	case K_ERESTARTNOINTR:
	case K_ERESTARTNOHAND:
		regs->rax = regs->orig_rax;
		regs->rip -= SYSCALL_INSN_BYTES;
		break;
	case K_ERESTART_RESTARTBLOCK:
		if (by_sigreturn) {
			regs->rax = (unsigned long long)-EINTR;
		} else {
			regs->rax = SYS_restart_syscall;
			regs->rip -= SYSCALL_INSN_BYTES;
		}
		break;
	}
	regs->orig_rax = (unsigned long long)-1;
}

/* Bytes of the standard-format area that holds @features. */
static size_t xsave_bytes(uint64_t features)
{
	size_t end = XSAVE_EXTENDED_FIRST;
	unsigned int i, size, offset, c, d;

	for (i = XFEATURE_FIRST_EXTENDED; i < XFEATURE_COUNT; i++)
		if (features >> i & 1 && __get_cpuid_count(0xd, i, &size, &offset, &c, &d) &&
		    offset + size > end)
			end = offset + size;
	return end;
}

/* Turns ptrace's register state in @area into a signal frame's; returns its length with the end
 * mark. */
static size_t xsave_finish(uint8_t *area)
{
	/* ptrace leaves the features that the process may use where a frame has its software bytes.
	 */
	uint64_t features = get_le64(area + XSAVE_SW_RESERVED) & ~XFEATURES_AMX;
	size_t bytes = xsave_bytes(features);
	uint8_t *sw = area + XSAVE_SW_RESERVED;

	memset(sw, 0, XSAVE_LEGACY_BYTES - XSAVE_SW_RESERVED);
	put_le32(sw, FP_XSTATE_MAGIC1);
	put_le32(sw + 4, (uint32_t)(bytes + FP_XSTATE_MAGIC2_SIZE));
	put_le64(sw + 8, features);
	put_le32(sw + 16, (uint32_t)bytes);
	put_le64(area + XSAVE_LEGACY_BYTES, get_le64(area + XSAVE_LEGACY_BYTES) & features);
	put_le32(area + bytes, FP_XSTATE_MAGIC2);
	return bytes + FP_XSTATE_MAGIC2_SIZE;
}

static struct sigframe sigframe_of(const struct user_regs_struct *r, uint64_t sigmask)
{
	return (struct sigframe){
		.uc_flags = UC_XSTATE | UC_SS | UC_STRICT_SS,
		.uc_stack = { .flags = ALTSTACK_KEEP },
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.di = r->rdi,
		.si = r->rsi,
		.bp = r->rbp,
		.bx = r->rbx,
		.dx = r->rdx,
		.ax = r->rax,
		.cx = r->rcx,
		.sp = r->rsp,
		.ip = r->rip,
		.flags = r->eflags,
		.cs = (uint16_t)r->cs,
		.gs = (uint16_t)r->gs,
		.fs = (uint16_t)r->fs,
		.ss = (uint16_t)r->ss,
		.uc_sigmask = sigmask,
	};
}

int inject_frame_build(const struct inject_thread *thread, uint64_t sigreturn,
		       struct inject_frame *ret, struct err *err)
{
	struct user_regs_struct regs = thread->regs;
	struct sigframe frame;
	uint64_t features, fpstate;
	size_t len, head;

	if (regs.cs != CS_64BIT)
		return err_set(err, ST_UNSUPPORTED, "QEMU's main thread does not run 64-bit code");
	if (thread->xsave_len < XSAVE_EXTENDED_FIRST)
		return err_set(err, ST_UNSUPPORTED, "this CPU has no XSAVE");
	features = get_le64(thread->xsave + XSAVE_SW_RESERVED) & ~XFEATURES_AMX;
	len = xsave_bytes(features) + FP_XSTATE_MAGIC2_SIZE;
	if (len - FP_XSTATE_MAGIC2_SIZE > thread->xsave_len || len > INJECT_XSAVE_MAX)
		return err_set(err, ST_UNSUPPORTED,
			       "this CPU's register state has an unknown layout");
	/*
	 * As the kernel would lay it out: state 64-byte aligned below the red zone, frame below it.
	 * rsp points at the frame when the call is made; its `ret` pops pretcode.
	 */
	fpstate = (regs.rsp - RED_ZONE - len) & ~63ull;
	head = (sizeof(frame) + 63) & ~(size_t)63;
	inject_regs_restart(&regs, true);
	frame = sigframe_of(&regs, thread->sigmask);
	frame.pretcode = sigreturn;
	frame.fpstate = fpstate;
	memset(ret->data, 0, head);
	memcpy(ret->data, &frame, sizeof(frame));
	memcpy(ret->data + head, thread->xsave, len - FP_XSTATE_MAGIC2_SIZE);
	ret->len = head + xsave_finish(ret->data + head);
	ret->rsp = fpstate - head;
	return 0;
}
