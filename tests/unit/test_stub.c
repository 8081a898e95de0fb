/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The in-guest stub on the toy machine with its CPUs as threads: who stops, who is told what, what
 * is put back. Steps have a file of their own, hostile links and CPUs too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/stub_test.h"

/* --- attaching and letting go --- */

static void test_attach_and_detach(void **state)
{
	uint32_t before[STUB_MACHINE_CPUS];
	struct stub_test t;
	unsigned int i;

	(void)state;
	stub_test_begin(&t, 4);
	stub_test_attach(&t);
	/* All of them are here: nothing runs any more. */
	for (i = 0; i < 4; i++)
		before[i] = __atomic_load_n(&t.m->cpu[i].steps, __ATOMIC_ACQUIRE);
	stub_test_expect(&t, "QStartNoAckMode", "OK");
	stub_test_expect(&t, "qfThreadInfo", "m1,2,3,4");
	for (i = 0; i < 4; i++) {
		assert_int_equal(stub_line_reg(t.line, i, X86_64_rax), 0x40 + i);
		assert_int_equal(__atomic_load_n(&t.m->cpu[i].steps, __ATOMIC_ACQUIRE), before[i]);
	}
	stub_test_expect(&t, "Z0,ffffffff81000003,1", "OK");
	stub_test_expect(&t, "Z0,ffffffff81000200,1", "OK");
	assert_false(stub_machine_text_intact(t.m));
	stub_test_expect(&t, "D", "OK");
	assert_true(stub_machine_runs(t.m));
	assert_true(stub_machine_text_intact(t.m));
	assert_true(stub_machine_logged(t.m, "debugger attached"));
	assert_true(stub_machine_logged(t.m, "debugger detached"));
	for (i = 0; i < 4; i++)
		assert_int_equal(t.m->cpu[i].crashes, 0);
	stub_test_end(&t);
}

/* A second debugger gets a session of its own; without one the machine is left alone. */
static void test_again(void **state)
{
	struct stub_test t;
	int i;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	for (i = 0; i < 20; i++) {
		stub_test_expect(&t, "Z0,ffffffff81000001,1", "OK");
		stub_test_expect(&t, "D", "OK");
		assert_true(stub_machine_runs(t.m));
		assert_true(stub_machine_text_intact(t.m));
		stub_test_connect(&t);
		stub_test_expect(&t, "?", "T02*");
	}
	stub_test_end(&t);
}

static void test_interrupt(void **state)
{
	struct stub_test t;
	int i;

	(void)state;
	stub_test_begin(&t, 4);
	stub_test_attach(&t);
	for (i = 0; i < 50; i++) {
		stub_line_say(t.line, "vCont;c");
		if (i % 2)
			assert_true(stub_machine_runs(t.m));
		stub_line_raw(t.line, "\x03", 1);
		stub_test_stops(&t, "T02*");
	}
	stub_test_end(&t);
}

/* --- registers and memory --- */

static void test_registers(void **state)
{
	static const char *const refused[] = {
		"P12=10000000", /* cs */
		"P16=2b000000", /* fs */
	};
	struct stub_test t;
	const char *g;
	size_t i;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	stub_test_expect(&t, "Hg2", "OK");
	g = stub_line_ask(t.line, "g");
	assert_non_null(g);
	assert_int_equal(strncmp(g, "4100000000000000", 16), 0);
	stub_test_expect(&t, "P0=8877665544332211", "OK");
	assert_int_equal(stub_line_reg(t.line, 1, X86_64_rax), 0x1122334455667788);
	assert_int_equal(stub_line_reg(t.line, 0, X86_64_rax), 0x40);
	for (i = 0; i < ARRAY_LEN(refused); i++)
		stub_test_expect(&t, refused[i], "E5f");
	stub_test_end(&t);
}

static void test_read(void **state)
{
	uint8_t got[STUB_MACHINE_PLAIN_BYTES + 16], want[STUB_MACHINE_PLAIN_BYTES];
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 1);
	stub_test_attach(&t);
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_PLAIN, want, sizeof(want)));
	assert_int_equal(stub_line_read(t.line, STUB_MACHINE_PLAIN, got, sizeof(got)),
			 (int)sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	/* A mapped page that is not RAM, a hole, an address that is none. */
	stub_test_expect(&t, "mffffffff83000000,4", "E0e");
	stub_test_expect(&t, "mffffffff81001000,4", "E0e");
	stub_test_expect(&t, "m8000000000000000,4", "E0e");
	stub_test_expect(&t, "mffffffff81000ffe,4", "9090");
	stub_test_end(&t);
}

static void test_write(void **state)
{
	struct stub_test t;
	uint8_t got[8];

	(void)state;
	stub_test_begin(&t, 1);
	stub_test_attach(&t);
	/* Across a page; by X; read-only text too, as debuggers expect. */
	stub_test_expect(&t, "Mffff888000010ffe,4:11223344", "OK");
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_PLAIN + 0xffe, got, 4));
	assert_memory_equal(got, "\x11\x22\x33\x44", 4);
	stub_test_expect(&t, "Xffff888000010100,4:abcd", "OK");
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_PLAIN + 0x100, got, 4));
	assert_memory_equal(got, "abcd", 4);
	stub_test_expect(&t, "Mffffffff81000400,1:f4", "OK");
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_TEXT + 0x400, got, 1));
	assert_int_equal(got[0], 0xf4);
	stub_test_expect(&t, "Mffffffff81000400,1:90", "OK");
	/* All or nothing. */
	stub_test_expect(&t, "Mffffffff82000ffe,4:01020304", "E0e");
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_DATA + 0xffe, got, 2));
	assert_memory_equal(got, "\0\0", 2);
	stub_test_expect(&t, "Mffffffff83000000,1:00", "E0e");
	stub_test_end(&t);
}

/* The debugger neither sees an int3 nor removes one by writing. */
static void test_int3_hidden(void **state)
{
	struct stub_test t;
	uint8_t byte;

	(void)state;
	stub_test_begin(&t, 1);
	stub_test_attach(&t);
	stub_test_expect(&t, "Z0,ffffffff81000402,1", "OK");
	stub_test_expect(&t, "mffffffff81000400,4", "90909090");
	stub_test_expect(&t, "Mffffffff81000400,4:f4f4f4f4", "OK");
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_TEXT + 0x402, &byte, 1));
	assert_int_equal(byte, 0xcc);
	stub_test_expect(&t, "mffffffff81000400,4", "f4f4f4f4");
	stub_test_expect(&t, "z0,ffffffff81000402,1", "OK");
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_TEXT + 0x402, &byte, 1));
	assert_int_equal(byte, 0xf4);
	stub_test_expect(&t, "Mffffffff81000400,4:90909090", "OK");
	stub_test_end(&t);
}

/* --- breakpoints --- */

static void test_breakpoint(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 1);
	stub_test_attach(&t);
	stub_test_expect(&t, "qSupported:swbreak+", "*");
	stub_test_expect(&t, "Z0,ffffffff81000002,1", "OK");
	stub_test_expect(&t, "vCont;c", "T05*");
	assert_non_null(strstr(t.line->answer, "swbreak:;"));
	stub_test_pc(&t, 0, 2);
	stub_test_expect(&t, "z0,ffffffff81000002,1", "OK");
	assert_true(stub_machine_text_intact(t.m));
	stub_test_expect(&t, "Z0,ffffffff81000003,1", "OK");
	stub_test_expect(&t, "vCont;c", "T05*");
	stub_test_pc(&t, 0, 3);
	stub_test_end(&t);
}

/* Every CPU runs into it; each stop is told, one after the other, none is lost or told twice. */
static void test_two_at_once(void **state)
{
	unsigned int seen[STUB_MACHINE_CPUS] = { 0 }, i, cpu;
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 4);
	stub_test_attach(&t);
	for (i = 0; i < 100; i++) {
		char step[16];
		const char *thread;

		stub_test_expect(&t, "Z0,ffffffff81000001,1", "OK");
		stub_test_expect(&t, "vCont;c", "T05*");
		thread = strstr(t.line->answer, "thread:");
		assert_non_null(thread);
		cpu = (unsigned int)(thread[7] - '1');
		assert_in_range(cpu, 0, 3);
		seen[cpu]++;
		stub_test_pc(&t, cpu, 1);
		/* As gdb goes over it. */
		stub_test_expect(&t, "z0,ffffffff81000001,1", "OK");
		snprintf(step, sizeof(step), "vCont;s:%u", cpu + 1);
		stub_test_expect(&t, step, "T05*");
		stub_test_pc(&t, cpu, 2);
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(t.m->cpu[i].crashes, 0);
	assert_true(seen[0] + seen[1] + seen[2] + seen[3] == 100);
	stub_test_end(&t);
}

/* A patchable function: its NOP is never touched, and the stop has the function's address. */
static void test_patch_nop(void **state)
{
	/* nop5; mov %al, 0xffffffff82000010; jmp back */
	static const uint8_t code[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x88, 0x04,
					0x25, 0x10, 0x00, 0x00, 0x82, 0xeb, 0xf2 };
	struct stub_test t;
	uint8_t now[sizeof(code)];
	int i;

	(void)state;
	stub_test_begin(&t, 1);
	stub_machine_code(t.m, 0x100, code, sizeof(code));
	stub_machine_entry(t.m, 0, 0x100);
	stub_test_attach(&t);
	stub_test_expect(&t, "Z0,ffffffff81000100,1", "OK");
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_TEXT + 0x100, now, sizeof(now)));
	assert_memory_equal(now, code, 5);
	assert_int_equal(now[5], 0xcc);
	stub_test_expect(&t, "mffffffff81000105,1", "88");
	/* As gdb goes on: out, step, in, continue. Each time the function's body has run. */
	for (i = 0; i < 10; i++) {
		stub_test_expect(&t, "vCont;c", "T05*");
		stub_test_pc(&t, 0, 0x100);
		stub_test_expect(&t, "Mffffffff82000010,1:00", "OK");
		stub_test_expect(&t, "z0,ffffffff81000100,1", "OK");
		stub_test_expect(&t, "vCont;s:1", "T05*");
		stub_test_expect(&t, "Z0,ffffffff81000100,1", "OK");
		stub_test_expect(&t, "vCont;c", "T05*");
		stub_test_expect(&t, "mffffffff82000010,1", "40");
	}
	stub_test_end(&t);
}

/* A breakpoint at the NOP, and one of its own at what stands behind it. */
static void test_patch_nop_shared(void **state)
{
	static const uint8_t code[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x90, 0xeb, 0xf8 };
	static const char *const orders[][4] = {
		{ "Z0,ffffffff81000100,1", "Z0,ffffffff81000105,1", "z0,ffffffff81000100,1",
		  "z0,ffffffff81000105,1" },
		{ "Z0,ffffffff81000105,1", "Z0,ffffffff81000100,1", "z0,ffffffff81000105,1",
		  "z0,ffffffff81000100,1" },
	};
	struct stub_test t;
	uint8_t byte;
	size_t i;

	(void)state;
	stub_test_begin(&t, 1);
	stub_machine_code(t.m, 0x100, code, sizeof(code));
	stub_machine_entry(t.m, 0, 0x100);
	stub_test_attach(&t);
	for (i = 0; i < ARRAY_LEN(orders); i++) {
		stub_test_expect(&t, orders[i][0], "OK");
		stub_test_expect(&t, orders[i][1], "OK");
		stub_test_expect(&t, "mffffffff81000105,1", "90");
		stub_test_expect(&t, "Mffffffff81000105,1:f4", "OK");
		stub_test_expect(&t, "mffffffff81000105,1", "f4");
		stub_test_expect(&t, "Mffffffff81000105,1:90", "OK");
		stub_test_expect(&t, "vCont;c", "T05*");
		stub_test_expect(&t, orders[i][2], "OK");
		assert_true(stub_machine_peek(t.m, STUB_MACHINE_TEXT + 0x105, &byte, 1));
		assert_int_equal(byte, 0xcc);
		stub_test_expect(&t, orders[i][3], "OK");
		assert_true(stub_machine_text_intact(t.m));
	}
	stub_test_end(&t);
}

static void test_refused(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 1);
	stub_test_attach(&t);
	stub_test_expect(&t, "Z0,ffffffff81000f00,1", "E80");
	stub_test_expect(&t, "Z0,ffffffff82000000,1", "E0e"); /* data */
	stub_test_expect(&t, "Z0,400000,1", "E0e");	      /* user */
	stub_test_expect(&t, "Z0,ffffffff83000000,1", "E0e"); /* a device */
	stub_test_expect(&t, "Z0,ffffffff84000000,1", "E0e"); /* nothing */
	stub_test_expect(&t, "Mffffffff81000400,1:cc", "OK");
	stub_test_expect(&t, "Z0,ffffffff81000400,1", "E10"); /* somebody's int3 */
	stub_test_expect(&t, "Mffffffff81000400,1:90", "OK");
	stub_test_expect(&t, "qSupported:error-message+", "*");
	stub_test_expect(&t, "Z0,ffffffff81000f00,1", "E.the toy's trap handlers need it");
	stub_test_end(&t);
}

/* As many as there are, all put back at the end; one more is refused. */
static void test_many(void **state)
{
	struct stub_test t;
	char packet[64];
	int i;

	(void)state;
	stub_test_begin(&t, 1);
	stub_test_attach(&t);
	for (i = 0; i <= STUB_POINTS_MAX; i++) {
		snprintf(packet, sizeof(packet), "Z0,ffffffff81000%x,1", 0x300 + i);
		stub_test_expect(&t, packet, i < STUB_POINTS_MAX ? "OK" : "E1c");
	}
	stub_test_expect(&t, "z0,ffffffff81000300,1", "OK");
	stub_test_expect(&t, "Z0,ffffffff81000a00,1", "OK");
	stub_test_end(&t);
}

/* --- debug registers --- */

static void test_hw_breakpoint(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	stub_test_expect(&t, "qSupported:hwbreak+", "*");
	stub_test_expect(&t, "Z1,ffffffff81000002,1", "OK");
	stub_test_expect(&t, "vCont;c", "T05*");
	assert_non_null(strstr(t.line->answer, "hwbreak:;"));
	assert_non_null(strstr(t.line->answer, "10:0200008"));
	assert_true(stub_machine_text_intact(t.m));
	stub_test_expect(&t, "z1,ffffffff81000002,1", "OK");
	stub_test_expect(&t, "Z1,ffffffff81000400,1", "OK");
	stub_line_say(t.line, "vCont;c");
	assert_true(stub_machine_runs(t.m));
	stub_line_raw(t.line, "\x03", 1);
	stub_test_stops(&t, "T02*");
	stub_test_end(&t);
}

static void test_watch(void **state)
{
	/* mov %al, 0xffffffff82000010; jmp back */
	static const uint8_t code[] = { 0x88, 0x04, 0x25, 0x10, 0x00, 0x00, 0x82, 0xeb, 0xf7 };
	struct stub_test t;
	uint8_t byte;

	(void)state;
	stub_test_begin(&t, 2);
	stub_machine_code(t.m, 0x100, code, sizeof(code));
	stub_machine_entry(t.m, 1, 0x100);
	stub_test_attach(&t);
	stub_test_expect(&t, "Mffffffff82000010,1:00", "OK");
	stub_test_expect(&t, "Z2,ffffffff82000010,8", "OK");
	stub_test_expect(&t, "vCont;c", "T05*");
	assert_non_null(strstr(t.line->answer, "watch:ffffffff82000010;thread:2;"));
	assert_true(stub_machine_peek(t.m, STUB_MACHINE_DATA + 0x10, &byte, 1));
	assert_int_equal(byte, 0x41);
	stub_test_pc(&t, 1, 0x107);
	/* Not aligned; reads alone; too long: x86 cannot. */
	stub_test_expect(&t, "Z2,ffffffff82000011,4", "E16");
	stub_test_expect(&t, "Z3,ffffffff82000010,4", "");
	stub_test_expect(&t, "Z2,ffffffff82000020,10", "E16");
	stub_test_end(&t);
}

/* Slots that belong to somebody else are left alone. */
static void test_hw_slots(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 1);
	t.m->hw_taken = 2;
	stub_test_attach(&t);
	stub_test_expect(&t, "Z1,ffffffff81000400,1", "OK");
	stub_test_expect(&t, "Z1,ffffffff81000401,1", "OK");
	stub_test_expect(&t, "Z1,ffffffff81000401,1", "OK");
	stub_test_expect(&t, "Z1,ffffffff81000402,1", "E1c");
	stub_test_expect(&t, "z1,ffffffff81000400,1", "OK");
	stub_test_expect(&t, "Z1,ffffffff81000402,1", "OK");
	stub_test_end(&t);
}

/* --- words --- */

static void test_monitor(void **state)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "status", "software breakpoints 1\nhardware points 0\nidle timeout 60 s\n" },
		{ "cpus", "toy 1 rip 0xffffffff8100000" },
		{ "help", "a machine for tests" },
		{ "toy", "a machine for tests" },
		{ "phys 0x10000 8", "90 90 90 90 eb fa 90 90" },
		{ "zzz", "no such command" },
	};
	char text[RSP_TEXT_MAX];
	struct stub_test t;
	struct buf out;
	size_t i;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	stub_test_expect(&t, "Z0,ffffffff81000004,1", "OK");
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		if (rsp_client_monitor(&t.line->client, rows[i].line))
			fail();
		stub_line_raw(t.line, (const char *)t.line->client.out, t.line->client.out_len);
		assert_non_null(stub_line_wait(t.line));
		memset(text, 0, sizeof(text));
		buf_init(&out, text, sizeof(text) - 1);
		assert_int_equal(rsp_client_take_monitor(&t.line->client, &out), 0);
		if (!strstr(text, rows[i].says))
			fail_msg("monitor %s: %s", rows[i].line, text);
	}
	stub_test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attach_and_detach),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_int3_hidden),
		cmocka_unit_test(test_breakpoint),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_patch_nop),
		cmocka_unit_test(test_patch_nop_shared),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_hw_breakpoint),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_hw_slots),
		cmocka_unit_test(test_monitor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
