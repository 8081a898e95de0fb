/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The in-guest stub's single steps: one instruction and nothing else has happened, whatever the
 * instruction does with the flags, whoever emulates it, and whatever is pending.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "tests/unit/stub_test.h"

enum { TF = 1 << 8, IF = 1 << 9 };

/* Runs the loop at 0 until the debugger comes, is then put at @code. */
static void begin(struct stub_test *t, unsigned int cpus, const void *code, size_t len)
{
	stub_test_begin(t, cpus);
	stub_machine_code(t->m, 0x100, code, len);
	stub_test_attach(t);
	stub_test_set_pc(t, 0, 0x100);
}

static void step(struct stub_test *t, uint64_t pc)
{
	stub_test_expect(t, "vCont;s:1", "T05*");
	stub_test_pc(t, 0, pc);
}

static uint64_t flags(struct stub_test *t)
{
	return stub_line_reg(t->line, 0, X86_64_eflags);
}

static void test_plain(void **state)
{
	static const uint8_t code[] = { 0x90, 0xeb, 0x01, 0x90, 0x90 };
	struct stub_test t;

	(void)state;
	begin(&t, 4, code, sizeof(code));
	step(&t, 0x101);
	step(&t, 0x104);
	assert_int_equal(flags(&t) & (TF | IF), IF);
	stub_test_end(&t);
}

/* What the guest stores and loads is what it would without a debugger. */
static void test_flags(void **state)
{
	static const struct {
		uint8_t opcode;
		bool after; /* IF, when it was set before */
		bool after_clear;
	} rows[] = {
		{ 0x90, true, false },
		{ 0x9c, true, false },
		{ 0xfa, false, false },
		{ 0xfb, true, true },
	};
	uint8_t code[ARRAY_LEN(rows)], pushed[8];
	struct stub_test t;
	char packet[64];
	uint64_t sp;
	size_t i, on;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++)
		code[i] = rows[i].opcode;
	begin(&t, 1, code, sizeof(code));
	for (i = 0; i < ARRAY_LEN(rows); i++)
		for (on = 0; on < 2; on++) {
			stub_test_set_pc(&t, 0, 0x100 + i);
			snprintf(packet, sizeof(packet), on ? "P11=02020000" : "P11=02000000");
			stub_test_expect(&t, packet, "OK");
			step(&t, 0x101 + i);
			assert_int_equal(flags(&t),
					 2 | ((on ? rows[i].after : rows[i].after_clear) ? IF : 0));
			if (rows[i].opcode != 0x9c)
				continue;
			sp = stub_line_reg(t.line, 0, X86_64_rsp);
			assert_int_equal(stub_line_read(t.line, sp, pushed, 8), 8);
			assert_int_equal(get_le64(pushed), 2 | (on ? IF : 0));
		}
	stub_test_end(&t);
}

/* pushf; cli; popf: the way of local_irq_save and local_irq_restore. */
static void test_save_restore(void **state)
{
	static const uint8_t code[] = { 0x9c, 0xfa, 0x9d, 0x90 };
	struct stub_test t;

	(void)state;
	begin(&t, 1, code, sizeof(code));
	step(&t, 0x101);
	assert_int_equal(flags(&t), 2 | IF);
	step(&t, 0x102);
	assert_int_equal(flags(&t), 2);
	step(&t, 0x103);
	assert_int_equal(flags(&t), 2 | IF);
	stub_test_end(&t);
}

/* A pending interrupt waits until the machine runs; out of its handler it is one step. */
static void test_interrupts(void **state)
{
	static const uint8_t code[] = { 0x90, 0x90, 0x90, 0x90, 0xeb, 0xfa };
	struct stub_test t;

	(void)state;
	begin(&t, 1, code, sizeof(code));
	__atomic_store_n(&t.m->cpu[0].irq, 1, __ATOMIC_RELEASE);
	step(&t, 0x101);
	step(&t, 0x102);
	stub_test_expect(&t, "Z0,ffffffff81000e00,1", "OK");
	stub_test_expect(&t, "vCont;c", "T05*");
	stub_test_pc(&t, 0, 0xe00);
	assert_int_equal(flags(&t), 2);
	stub_test_expect(&t, "z0,ffffffff81000e00,1", "OK");
	step(&t, 0x102);
	assert_int_equal(flags(&t), 2 | IF);
	stub_test_end(&t);
}

/* The kernel's #VC handler does not trace what it emulates. */
static void test_cpuid(void **state)
{
	static const uint8_t code[] = { 0x0f, 0xa2, 0x0f, 0xa2, 0x90, 0x90 };
	struct stub_test t;

	(void)state;
	begin(&t, 2, code, sizeof(code));
	step(&t, 0x102);
	assert_int_equal(stub_line_reg(t.line, 0, X86_64_rax), 0x1d);
	assert_true(stub_machine_text_intact(t.m));
	step(&t, 0x104);
	assert_int_equal(flags(&t), 2 | IF);
	/* With a breakpoint where it arrives. */
	stub_test_set_pc(&t, 0, 0x102);
	stub_test_expect(&t, "Z0,ffffffff81000104,1", "OK");
	step(&t, 0x104);
	stub_test_expect(&t, "z0,ffffffff81000104,1", "OK");
	stub_test_end(&t);
}

/* Waiting for an interrupt that is held off would be for ever. */
static void test_hlt(void **state)
{
	static const uint8_t code[] = { 0xf4, 0xf4, 0x90 };
	struct stub_test t;

	(void)state;
	begin(&t, 2, code, sizeof(code));
	step(&t, 0x101);
	stub_test_expect(&t, "P11=02000000", "OK");
	step(&t, 0x102);
	assert_int_equal(flags(&t), 2);
	step(&t, 0x103);
	stub_test_end(&t);
}

static void test_range(void **state)
{
	static const uint8_t code[] = { 0x90, 0x0f, 0xa2, 0xf4, 0x90, 0x9c, 0x9d, 0x90, 0x90 };
	struct stub_test t;
	uint32_t before;

	(void)state;
	begin(&t, 2, code, sizeof(code));
	before = __atomic_load_n(&t.m->cpu[0].steps, __ATOMIC_ACQUIRE);
	stub_test_expect(&t, "vCont;rffffffff81000100,ffffffff81000108:1", "T05*");
	stub_test_pc(&t, 0, 0x108);
	assert_int_equal(flags(&t), 2 | IF);
	/* All of them but hlt were run. */
	assert_int_equal(__atomic_load_n(&t.m->cpu[0].steps, __ATOMIC_ACQUIRE) - before, 6);
	stub_test_end(&t);
}

/* A range that the CPU never leaves ends by Ctrl-C. */
static void test_range_interrupted(void **state)
{
	struct stub_test t;

	(void)state;
	begin(&t, 2, "\x90\xeb\xfd", 3);
	stub_line_say(t.line, "vCont;rffffffff81000100,ffffffff81000108:1");
	assert_true(stub_machine_cpu_runs(t.m, 0));
	stub_line_raw(t.line, "\x03", 1);
	assert_non_null(stub_line_wait(t.line));
	stub_test_end(&t);
}

/* Only the CPU that steps runs; an other one steps as well as the one that stopped. */
static void test_others_wait(void **state)
{
	uint32_t before[STUB_MACHINE_CPUS];
	struct stub_test t;
	char packet[32];
	unsigned int i, j;

	(void)state;
	begin(&t, 4, "\x90", 1);
	for (i = 0; i < 4; i++)
		stub_test_set_pc(&t, i, 0x100);
	for (i = 0; i < 4; i++) {
		for (j = 0; j < 4; j++)
			before[j] = __atomic_load_n(&t.m->cpu[j].steps, __ATOMIC_ACQUIRE);
		snprintf(packet, sizeof(packet), i % 2 ? "vCont;s:%x;c" : "vCont;s:%x", i + 1);
		stub_test_expect(&t, packet, "T05*");
		stub_test_pc(&t, i, 0x101);
		for (j = 0; j < 4; j++)
			assert_int_equal(__atomic_load_n(&t.m->cpu[j].steps, __ATOMIC_ACQUIRE),
					 before[j] + (i == j));
	}
	stub_test_end(&t);
}

/* Time passes until @cpu runs, which was waiting. */
static void let_overdue(struct stub_test *t, unsigned int cpu)
{
	uint32_t *steps = &t->m->cpu[cpu].steps, before = __atomic_load_n(steps, __ATOMIC_ACQUIRE);
	int i;

	for (i = 0; i < 1000 && __atomic_load_n(steps, __ATOMIC_ACQUIRE) == before; i++) {
		stub_machine_pass(t->m, STUB_STEP_MS / 10);
		usleep(1000);
	}
	assert_true(stub_machine_cpu_runs(t->m, cpu));
}

/* An instruction that takes long may wait for another CPU: then the others run. */
static void test_overdue(void **state)
{
	struct stub_test t;

	(void)state;
	begin(&t, 2, "\x90\x90", 2);
	__atomic_store_n(&t.m->cpu[0].stall, 1, __ATOMIC_RELEASE);
	stub_line_say(t.line, "vCont;s:1;c");
	let_overdue(&t, 1);
	__atomic_store_n(&t.m->cpu[0].stall, 0, __ATOMIC_RELEASE);
	stub_test_stops(&t, "T05*");
	stub_test_pc(&t, 0, 0x101);
	assert_int_equal(flags(&t), 2 | IF);
	stub_test_end(&t);
}

/* It never ends: Ctrl-C takes the machine back. */
static void test_overdue_interrupted(void **state)
{
	struct stub_test t;

	(void)state;
	begin(&t, 2, "\x90\x90", 2);
	__atomic_store_n(&t.m->cpu[0].stall, 1, __ATOMIC_RELEASE);
	stub_line_say(t.line, "vCont;s:1;c");
	let_overdue(&t, 1);
	stub_line_raw(t.line, "\x03", 1);
	stub_test_stops(&t, "T02*");
	stub_test_pc(&t, 0, 0x100);
	assert_int_equal(flags(&t), 2 | IF);
	__atomic_store_n(&t.m->cpu[0].stall, 0, __ATOMIC_RELEASE);
	stub_test_expect(&t, "vCont;s:1", "T05*");
	stub_test_pc(&t, 0, 0x101);
	stub_test_end(&t);
}

/* The instruction waits for a CPU that runs into a breakpoint: that is the stop. */
static void test_overdue_breakpoint(void **state)
{
	struct stub_test t;

	(void)state;
	begin(&t, 2, "\x90\x90", 2);
	stub_test_expect(&t, "Z0,ffffffff81000002,1", "OK");
	__atomic_store_n(&t.m->cpu[0].stall, 1, __ATOMIC_RELEASE);
	stub_line_say(t.line, "vCont;s:1;c");
	t.line->pass_ms = 1;
	stub_test_stops(&t, "T05*");
	assert_non_null(strstr(t.line->answer, "thread:2;"));
	stub_test_pc(&t, 1, 2);
	stub_test_pc(&t, 0, 0x100);
	assert_int_equal(flags(&t), 2 | IF);
	__atomic_store_n(&t.m->cpu[0].stall, 0, __ATOMIC_RELEASE);
	stub_test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_save_restore),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_cpuid),
		cmocka_unit_test(test_hlt),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_range_interrupted),
		cmocka_unit_test(test_others_wait),
		cmocka_unit_test(test_overdue),
		cmocka_unit_test(test_overdue_interrupted),
		cmocka_unit_test(test_overdue_breakpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
