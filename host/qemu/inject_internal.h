/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The parts of an injection: code in the process that can be used as it is (inject_gadget.c), and
 * the signal frame that brings a thread back (inject_frame.c). Neither stops or changes anything.
 */
#ifndef HOST_QEMU_INJECT_INTERNAL_H
#define HOST_QEMU_INJECT_INTERNAL_H

#include <sys/types.h>
#include <sys/user.h>

#include "host/err.h"
#include "protocol/addr.h"
#include "protocol/limits.h"

struct inject_gadgets {
	uint64_t syscall_ret; /* 0f 05 c3: syscall; ret */
	uint64_t sigreturn;   /* libc's __restore_rt */
};

/* Looks through the executable file mappings of @pid. */
int inject_gadgets_find(pid_t pid, struct inject_gadgets *ret, struct err *err) MUST_USE;

/* The middle of the largest hole of @pid's address space: far from whatever grows. */
int inject_hole_find(pid_t pid, uint64_t bytes, uint64_t *ret, struct err *err) MUST_USE;

/* Whether exactly [@addr, @addr + @bytes) is mapped, as one anonymous mapping. */
int inject_area_exists(pid_t pid, uint64_t addr, uint64_t bytes, bool *ret,
		       struct err *err) MUST_USE;

enum {
	INJECT_XSAVE_MAX = 16384,
	INJECT_FRAME_MAX = INJECT_XSAVE_MAX + 1024,
};

/* A stopped thread, as ptrace sees it. */
struct inject_thread {
	struct user_regs_struct regs;
	uint64_t sigmask;
	size_t xsave_len;
	uint8_t xsave[INJECT_XSAVE_MAX] __attribute__((aligned(64))); /* NT_X86_XSTATE */
};

struct inject_frame {
	uint64_t rsp; /* where the frame begins in the thread's stack: the stack pointer for the
			 call */
	size_t len;
	uint8_t data[INJECT_FRAME_MAX] __attribute__((aligned(64)));
};

/*
 * What a thread interrupted in a system call must continue with: the restart that the kernel would
 * have done (arch_do_signal_or_restart in arch/x86/kernel/signal.c) is done here, because the
 * kernel will not recognise its system call again after ours. @by_sigreturn: the registers go
 * through rt_sigreturn, which forgets a pending restart_syscall, as after any signal handler.
 */
void inject_regs_restart(struct user_regs_struct *regs, bool by_sigreturn);

/* ST_UNSUPPORTED for a thread that does not run 64-bit code. */
int inject_frame_build(const struct inject_thread *thread, uint64_t sigreturn,
		       struct inject_frame *ret, struct err *err) MUST_USE;

#endif
