/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * stub/core/insn.c: lengths and kinds against objdump over real code, and by hand what compilers
 * do not write: every kind, every form of an operand, too few bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/status.h"
#include "stub/core/insn.h"

enum { INSNS_MIN = 50000 };

/* Every general register has a value of its own: n << 32 + n for the n-th in gdb's order. */
static struct x86_64_regs some_regs(void)
{
	struct x86_64_regs regs;
	unsigned int reg;

	x86_64_regs_clear(&regs);
	for (reg = X86_64_rax; reg <= X86_64_r15; reg++)
		x86_64_set(&regs, (enum x86_64_reg)reg, (reg + 1ull) << 32 | (reg + 1));
	x86_64_set(&regs, X86_64_rip, 0xffffffff81000000);
	x86_64_set(&regs, X86_64_fs_base, 0x7f0000000000);
	x86_64_set(&regs, X86_64_gs_base, 0xffff888000000000);
	return regs;
}

static int decode(const char *hex, struct insn *ret)
{
	const struct x86_64_regs regs = some_regs();
	uint8_t bytes[32];
	size_t n = 0;
	int used;
	unsigned int byte;

	while (sscanf(hex, "%2x %n", &byte, &used) == 1) {
		bytes[n++] = (uint8_t)byte;
		hex += used;
	}
	return insn_decode(bytes, n, &regs, ret);
}

static const struct {
	const char *hex;
	enum insn_kind kind;
} kinds[] = {
	{ "90", INSN_PLAIN },
	{ "f3 90", INSN_PLAIN },
	{ "0f a2", INSN_VC },
	{ "e4 60", INSN_VC },
	{ "e7 80", INSN_VC },
	{ "ec", INSN_VC },
	{ "66 ef", INSN_VC },
	{ "f3 6c", INSN_VC },
	{ "f3 66 6f", INSN_VC },
	{ "0f 30", INSN_VC },
	{ "0f 31", INSN_VC },
	{ "0f 32", INSN_VC },
	{ "0f 33", INSN_VC },
	{ "0f 08", INSN_VC },
	{ "f3 0f 09", INSN_VC },
	{ "0f 01 c8", INSN_VC },
	{ "0f 01 d9", INSN_VC },
	{ "0f 01 f9", INSN_VC },
	{ "0f 01 fa", INSN_VC },
	{ "0f 01 fd", INSN_VC },
	{ "0f 21 f8", INSN_VC },
	{ "0f 23 f8", INSN_VC },
	{ "0f 23 05", INSN_VC },    /* mod is ignored: no displacement follows */
	{ "0f 01 d0", INSN_PLAIN }, /* XGETBV */
	{ "0f 01 f8", INSN_PLAIN }, /* SWAPGS */
	{ "0f 20 d8", INSN_PLAIN }, /* MOV from CR3 */
	{ "f4", INSN_HLT },
	{ "0f 01 c9", INSN_HLT },
	{ "0f 01 fb", INSN_HLT },
	{ "9c", INSN_PUSHF },
	{ "66 9c", INSN_PUSHF },
	{ "9d", INSN_POPF },
	{ "fa", INSN_CLI },
	{ "fb", INSN_STI },
	{ "48 cf", INSN_IRET },
	{ "0f 05", INSN_SYSCALL },
	{ "48 0f 07", INSN_SYSCALL },
	{ "0f 34", INSN_SYSCALL },
	{ "0f 35", INSN_SYSCALL },
	{ "8e d0", INSN_MOV_SS },
	{ "8e d8", INSN_PLAIN }, /* MOV ds */
	{ "cc", INSN_INT3 },
	{ "cd 80", INSN_PLAIN },
	{ "74 10", INSN_BRANCH },
	{ "0f 84 00 01 00 00", INSN_BRANCH },
	{ "66 0f 84 00 01", INSN_BRANCH },
	{ "c3", INSN_BRANCH },
	{ "c2 08 00", INSN_BRANCH },
	{ "48 cb", INSN_BRANCH },
	{ "e2 fe", INSN_BRANCH },
	{ "e8 00 00 00 00", INSN_BRANCH },
	{ "66 e8 00 00", INSN_BRANCH },
	{ "66 48 e8 00 00 00 00", INSN_BRANCH }, /* REX.W outdoes 66 */
	{ "eb fe", INSN_BRANCH },
	{ "ff d0", INSN_BRANCH },
	{ "ff 25 00 00 00 00", INSN_BRANCH },
	{ "ff 30", INSN_PLAIN }, /* PUSH */
	{ "c8 10 00 01", INSN_PLAIN },
	{ "48 b8 11 22 33 44 55 66 77 88", INSN_PLAIN },
	{ "66 b8 11 22", INSN_PLAIN },
	{ "48 40 b8 11 22 33 44", INSN_PLAIN }, /* only the last REX counts */
	{ "48 66 b8 11 22", INSN_PLAIN },	/* and only directly before the opcode */
	{ "f6 c0 01", INSN_PLAIN },
	{ "f6 d0", INSN_PLAIN },
	{ "f7 c0 01 02 03 04", INSN_PLAIN },
	{ "66 f7 05 01 02 03 04 05 06", INSN_PLAIN },
	{ "0f 3a 0f c1 08", INSN_PLAIN },
	{ "0f 38 f0 07", INSN_PLAIN },
	{ "c5 f8 77", INSN_PLAIN },
	{ "c5 f9 c5 c0 01", INSN_PLAIN },
	{ "c5 f8 a2 c0", INSN_PLAIN }, /* no CPUID */
	{ "c4 e3 79 0f c1 08", INSN_PLAIN },
	{ "c4 e2 f9 f7 c0", INSN_PLAIN },
	{ "62 f1 7c 48 28 44 24 01", INSN_PLAIN },
	{ "62 f3 7d 48 1f c1 00", INSN_PLAIN },
};

static void test_kinds(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		struct insn insn;
		int e = decode(kinds[i].hex, &insn);

		if (e || insn.kind != kinds[i].kind ||
		    insn.length != (strlen(kinds[i].hex) + 1) / 3)
			fail_msg("%s: %d, kind %d, length %d", kinds[i].hex, e, (int)insn.kind,
				 insn.length);
	}
}

static const struct {
	const char *hex;
	bool mem;
	uint64_t operand, source; /* source 0: the same */
} operands[] = {
	{ "8b 03", true, 0x200000002, 0 },			 /* (rbx) */
	{ "8b c3", false, 0, 0 },				 /* ebx */
	{ "41 8b 43 ff", true, 0xc0000000b, 0 },		 /* -1(r11) */
	{ "8b 83 00 00 00 80", true, 0x180000002, 0 },		 /* -2 GiB(rbx) */
	{ "8b 05 10 00 00 00", true, 0xffffffff81000016, 0 },	 /* 0x10(rip), end included */
	{ "80 05 10 00 00 00 01", true, 0xffffffff81000017, 0 }, /* with an immediate */
	{ "67 8b 05 10 00 00 00", true, 0x81000017, 0 },	 /* 0x10(eip) */
	{ "67 8b 03", true, 0x00000002, 0 },			 /* (ebx) */
	{ "8b 04 25 00 10 00 00", true, 0x1000, 0 },		 /* absolute */
	{ "8b 04 24", true, 0x800000008, 0 },			 /* (rsp) */
	{ "8b 04 8b", true, 0xe0000000e, 0 },			 /* (rbx, rcx, 4) */
	{ "42 8b 04 a3", true, 0x3600000036, 0 },		 /* (rbx, r12, 4) */
	{ "8b 04 8d 00 01 00 00", true, 0xc0000010c, 0 },	 /* 0x100(, rcx, 4) */
	{ "8b 44 25 01", true, 0x700000008, 0 },		 /* 1(rbp), no index */
	{ "43 8b 44 25 01", true, 0x1b0000001c, 0 },		 /* 1(r13, r12) */
	{ "64 8b 04 25 28 00 00 00", true, 0x7f0000000028, 0 },	 /* fs:0x28 */
	{ "65 48 8b 05 00 00 00 00", true, 0xffff8880000000ull << 8 | 0, 0 },
	{ "a1 88 77 66 55 44 33 22 11", true, 0x1122334455667788, 0 },
	{ "67 a1 44 33 22 81", true, 0x81223344, 0 },
	{ "65 67 a0 44 33 22 11", true, 0xffff888011223344, 0 },
	{ "48 8d 03", false, 0, 0 },			/* LEA */
	{ "0f 1f 44 00 00", false, 0, 0 },		/* NOP */
	{ "0f 18 00", false, 0, 0 },			/* PREFETCHNTA */
	{ "f3 a4", true, 0x600000006, 0x500000005 },	/* MOVS */
	{ "f3 48 ab", true, 0x600000006, 0x600000006 }, /* STOS */
	{ "ac", true, 0x500000005, 0x500000005 },	/* LODS */
	{ "64 a5", true, 0x600000006, 0x7f0500000005 }, /* MOVS from fs */
	{ "a8 01", false, 0, 0 },			/* TEST, among the strings */
	{ "ff 14 c3", true, 0xa0000000a, 0 },		/* CALL *(rbx, rax, 8) */
	{ "0f b6 03", true, 0x200000002, 0 },		/* MOVZX */
	{ "0f 38 f0 03", true, 0x200000002, 0 },	/* MOVBE */
	{ "c5 f8 28 03", false, 0, 0 },			/* VEX: not told */
};

static void test_operands(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(operands); i++) {
		uint64_t want = operands[i].operand;
		struct insn insn;

		if (!strncmp(operands[i].hex, "65 48", 5)) /* rip-relative and a segment */
			want = 0xffff888000000000 + 0xffffffff81000008;
		assert_int_equal(decode(operands[i].hex, &insn), 0);
		if (insn.mem != operands[i].mem || insn.operand != want ||
		    insn.source != (operands[i].source ? operands[i].source : want))
			fail_msg("%s: %d 0x%llx 0x%llx", operands[i].hex, insn.mem,
				 (unsigned long long)insn.operand, (unsigned long long)insn.source);
	}
}

static void test_refused(void **state)
{
	static const char *const unknown[] = {
		"06",
		"27",
		"60",
		"82 00 00",
		"9a",
		"c4 e0 00 00",
		"d4 0a",
		"d6",
		"ea",
		"0f 04",
		"0f 24 c0",
		"8f e8 78 c0 00",
		"62 f8 7c 48 00 00",
		"66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", /* 16 bytes */
		"66 66 66 66 66 66 66 66 66 66 66 b8 11 22 33 44 55"
	};
	struct insn insn;
	size_t i;

	(void)state;
	for (i = 0; i + 1 < ARRAY_LEN(unknown); i++) {
		if (decode(unknown[i], &insn) != ST_INVAL)
			fail_msg("%s is decoded", unknown[i]);
	}
	/* 14 bytes of it are an instruction. */
	assert_int_equal(decode(unknown[i], &insn), 0);
	assert_int_equal(insn.length, 14);
}

/* Every proper prefix of an instruction is too short, and says so. */
static void test_cut(void **state)
{
	const struct x86_64_regs regs = some_regs();
	size_t i, n, full;

	(void)state;
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		uint8_t bytes[INSN_BYTES_MAX];
		const char *p = kinds[i].hex;
		struct insn insn;

		for (full = 0; full < (strlen(kinds[i].hex) + 1) / 3; full++)
			bytes[full] = (uint8_t)strtoul(p + 3 * full, NULL, 16);
		for (n = 0; n < full; n++)
			assert_int_equal(insn_decode(bytes, n, &regs, &insn), ST_RANGE);
	}
}

/* What objdump's name of an instruction says about its kind; -1: nothing. */
static int kind_of_name(const char *text)
{
	static const struct {
		const char *name;
		enum insn_kind kind;
	} names[] = {
		{ "cpuid", INSN_VC },	     { "rdmsr", INSN_VC },    { "wrmsr", INSN_VC },
		{ "rdtsc", INSN_VC },	     { "rdtscp", INSN_VC },   { "in", INSN_VC },
		{ "out", INSN_VC },	     { "wbinvd", INSN_VC },   { "vmmcall", INSN_VC },
		{ "hlt", INSN_HLT },	     { "pushf", INSN_PUSHF }, { "popf", INSN_POPF },
		{ "cli", INSN_CLI },	     { "sti", INSN_STI },     { "iretq", INSN_IRET },
		{ "syscall", INSN_SYSCALL }, { "int3", INSN_INT3 },   { "call", INSN_BRANCH },
		{ "jmp", INSN_BRANCH },	     { "je", INSN_BRANCH },   { "ret", INSN_BRANCH },
		{ "mov", INSN_PLAIN },	     { "lea", INSN_PLAIN },   { "xor", INSN_PLAIN },
	};
	size_t i, len = strcspn(text, " \t\n");

	/* mov to and from special registers are not plain. */
	if (strstr(text, "%ss") || strstr(text, "%db") || strstr(text, "%dr"))
		return -1;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (strlen(names[i].name) == len && !strncmp(text, names[i].name, len))
			return names[i].kind;
	}
	return -1;
}

/* Where objdump and a CPU disagree on what one instruction is. */
static bool objdump_differs(const uint8_t *bytes, size_t n, const char *text)
{
	static const char *const alone[] = { "rex", "lock", "rep", "data16", "addr32", "fs",
					     "gs",  "cs",   "ss",  "ds",     "es" };
	size_t i, len = strcspn(text, " \t\n.");

	if (strstr(text, "(bad)") || strstr(text, ".byte") ||
	    (bytes[0] == 0x9b && n > 1)) /* FWAIT is one of its own */
		return true;
	if (text[len] != ' ' && text[len] != '\n' && strncmp(text, "rex.", 4) != 0)
		return false;
	for (i = 0; i < ARRAY_LEN(alone); i++) {
		/* A prefix that is followed by no instruction. */
		if (!strncmp(text, alone[i], len) && n < 3 && !strchr(text, '%'))
			return true;
	}
	return false;
}

/* "  401000:\t48 89 e5 \tmov ..." */
static void check_line(const char *line, const struct x86_64_regs *regs, unsigned int *count)
{
	const char *p = strchr(line, '\t');
	const char *text = p ? strchr(p + 1, '\t') : NULL;
	uint8_t bytes[32] = { 0 };
	struct insn insn;
	size_t n = 0;
	unsigned int byte;
	int e, want;

	if (!text)
		return;
	text++;
	for (p++; p[0] != ' ' && p + 2 < text && sscanf(p, "%2x ", &byte) == 1; p += 3)
		bytes[n++] = (uint8_t)byte;
	if (objdump_differs(bytes, n, text))
		return;
	e = insn_decode(bytes, n, regs, &insn);
	want = kind_of_name(text);
	if (e || insn.length != n || (want >= 0 && (int)insn.kind != want))
		fail_msg("%s: %d, length %d, kind %d", line, e, insn.length, (int)insn.kind);
	(*count)++;
}

static void check_file(const char *command, unsigned int *count)
{
	const struct x86_64_regs regs = some_regs();
	char line[512];
	FILE *dump = popen(command, "r");

	assert_non_null(dump);
	while (fgets(line, sizeof(line), dump))
		check_line(line, &regs, count);
	assert_int_equal(pclose(dump), 0);
}

static void test_objdump(void **state)
{
	unsigned int count = 0;

	(void)state;
	/* Compiled code, and the C library's vector code. */
	check_file("objdump -d -w -j .text /usr/bin/objdump /usr/bin/as", &count);
	check_file("objdump -d -w -j .text \"$(ldconfig -p | sed -n 's/.*x86-64.* => "
		   "\\(.*\\/libc\\.so\\.6\\)$/\\1/p' | head -n 1)\"",
		   &count);
	print_message("%u instructions as objdump has them\n", count);
	assert_true(count >= INSNS_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	cmocka_unit_test(test_operands),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_objdump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
