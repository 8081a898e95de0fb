/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * One x86-64 instruction in 64-bit mode: how long it is, what a debugger has to know about it
 * before it steps it, and where in memory it reads or writes. Not a disassembler: operands are
 * skipped, not told. AMD64 Architecture Programmer's Manual volume 3 (24594), appendix A; where AMD
 * and Intel differ (a 66 prefix on a near branch) AMD's way is taken.
 */
#ifndef STUB_CORE_INSN_H
#define STUB_CORE_INSN_H

#include "protocol/x86_64.h"

enum { INSN_BYTES_MAX = 15 };

enum insn_kind {
	INSN_PLAIN,
	/*
	 * What an SEV-ES guest gets #VC for, or may get it for (GHCB specification 56421, "Non-
	 * Automatic Exits"): CPUID, port I/O, MSRs, RDTSC(P), RDPMC, RDPRU, (WB)INVD, VMMCALL,
	 * MONITOR(X), debug registers.
	 */
	INSN_VC,
	INSN_HLT, /* waits for an interrupt: HLT, MWAIT(X) */
	INSN_PUSHF,
	INSN_POPF,
	INSN_CLI,
	INSN_STI,
	INSN_IRET,
	INSN_SYSCALL, /* SYSCALL, SYSRET, SYSENTER, SYSEXIT: load the flags or the mode */
	INSN_MOV_SS,  /* holds #DB off until behind the next instruction */
	INSN_INT3,
	INSN_BRANCH, /* may go on elsewhere: Jcc, JMP, CALL, RET, LOOP */
};

struct insn {
	uint8_t length; /* 1 to INSN_BYTES_MAX */
	enum insn_kind kind;
	/*
	 * It accesses memory by an operand (not: the stack, the tables of the CPU). False for VEX
	 * and EVEX: the kernel's #VC emulates no device access of theirs, so nobody asks.
	 */
	bool mem;
	uint64_t operand; /* the first byte's virtual address */
	uint64_t source;  /* of MOVS and CMPS, which have two; otherwise the same as operand */
};

/*
 * Decodes the instruction at @bytes, of which @len can be read; @regs: the CPU that is about to run
 * it. ST_RANGE: it goes on behind @len. ST_INVAL: no instruction that this decoder knows; a CPU may
 * still know it, or may refuse one that is accepted here (bad LOCK prefixes, reserved opcodes).
 */
int insn_decode(const uint8_t *bytes, size_t len, const struct x86_64_regs *regs,
		struct insn *ret) MUST_USE;

#endif
