/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The in-guest stub when things go wrong: debuggers that vanish, links that fall silent, CPUs
 * that do not come, traps that nobody caused, a kernel that dies. The machine never stays stopped
 * for nobody, and never keeps an int3.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/stub_test.h"

static uint32_t crashes(const struct stub_test *t)
{
	uint32_t count = 0;
	unsigned int i;

	for (i = 0; i < t->m->cpus; i++)
		count += __atomic_load_n(&t->m->cpu[i].crashes, __ATOMIC_RELAXED);
	return count;
}

/* --- links --- */

/* Gone in the middle of a packet, with points set, stopped or running. */
static void test_gone(void **state)
{
	struct stub_test t;
	int i;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	for (i = 0; i < 10; i++) {
		stub_test_expect(&t, "Z0,ffffffff81000400,1", "OK");
		stub_test_expect(&t, "Z1,ffffffff81000401,1", "OK");
		if (i % 2)
			stub_line_say(t.line, "vCont;c");
		else
			stub_line_raw(t.line, "$Z0,ffffffff81000", 17);
		stub_machine_disconnect(t.m);
		EVENTUALLY(&t, stub_machine_text_intact(t.m));
		assert_true(stub_machine_runs(t.m));
		stub_test_connect(&t);
		stub_test_expect(&t, "?", "T02*");
	}
	assert_true(stub_machine_logged(t.m, "debugger gone"));
	stub_test_end(&t);
}

/* Another debugger without a pause: the old one's points and half a packet are not its. */
static void test_next_session(void **state)
{
	struct stub_test t;
	int i;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	for (i = 0; i < 10; i++) {
		stub_test_expect(&t, "QStartNoAckMode", "OK");
		stub_test_expect(&t, "Z0,ffffffff81000400,1", "OK");
		if (i % 2)
			stub_line_say(t.line, "vCont;c:1");
		else
			stub_line_raw(t.line, "$Z0,ffffffff81000", 17);
		stub_test_connect(&t);
		stub_test_expect(&t, "?", "T*");
		assert_true(stub_machine_text_intact(t.m));
	}
	stub_test_end(&t);
}

/* The link's clock stands still: nobody is there, whatever the session number says. */
static void test_silent(void **state)
{
	struct stub_test t;
	int i;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	stub_test_expect(&t, "Z0,ffffffff81000400,1", "OK");
	/* As long as it beats, nothing happens. */
	for (i = 0; i < 5; i++) {
		stub_machine_pass(t.m, STUB_TEST_IDLE_MS - 1000);
		__atomic_add_fetch(&t.m->beat, 1, __ATOMIC_RELAXED);
		usleep(20000);
		stub_test_expect(&t, "qC", "QC*");
	}
	assert_false(stub_machine_text_intact(t.m));
	stub_machine_pass(t.m, STUB_TEST_IDLE_MS + 1000);
	EVENTUALLY(&t, stub_machine_text_intact(t.m));
	assert_true(stub_machine_runs(t.m));
	assert_true(stub_machine_logged(t.m, "link silent"));
	/* The same session is over for good; a new one is welcome. */
	stub_line_say(t.line, "?");
	assert_true(stub_machine_runs(t.m));
	stub_test_connect(&t);
	stub_test_expect(&t, "?", "T02*");
	stub_test_end(&t);
}

/* Silence while the machine runs with points in it. */
static void test_silent_running(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	stub_test_expect(&t, "Z0,ffffffff81000400,1", "OK");
	stub_line_say(t.line, "vCont;c");
	assert_true(stub_machine_runs(t.m));
	stub_machine_pass(t.m, STUB_TEST_IDLE_MS + 1000);
	EVENTUALLY(&t, stub_machine_text_intact(t.m));
	assert_true(stub_machine_runs(t.m));
	stub_test_end(&t);
}

/* Nobody reads the answers: the debugger's own fault, and the machine survives it. */
static void test_deaf_debugger(void **state)
{
	struct stub_test t;
	int i;

	(void)state;
	stub_test_begin(&t, 1);
	stub_test_attach(&t);
	for (i = 0; i < 200; i++)
		stub_line_say(t.line, "mffffffff81000000,1000");
	usleep(20000);
	stub_test_end(&t);
}

/* Gone in the middle of a step and of a range that has no end. */
static void test_gone_stepping(void **state)
{
	struct stub_test t;
	int i;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	for (i = 0; i < 10; i++) {
		stub_line_say(t.line,
			      i % 2 ? "vCont;s:1" : "vCont;rffffffff81000000,ffffffff81000f00:1");
		if (i % 3)
			assert_true(stub_machine_cpu_runs(t.m, 0));
		stub_machine_disconnect(t.m);
		assert_true(stub_machine_runs(t.m));
		stub_test_connect(&t);
		stub_test_expect(&t, "?", "T02*");
		assert_int_equal(stub_line_reg(t.line, 0, X86_64_eflags), 0x202);
	}
	assert_int_equal(crashes(&t), 0);
	stub_test_end(&t);
}

/* --- CPUs --- */

/* One that does not answer the NMI is named, and not waited for longer than said. */
static void test_missing(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 3);
	/* The host does not run it. */
	__atomic_store_n(&t.m->cpu[2].stall, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&t.m->cpu[2].deaf, 1, __ATOMIC_RELEASE);
	stub_machine_start(t.m, &stub_test_config, true);
	stub_test_connect(&t);
	t.line->pass_ms = 1;
	stub_test_expect(&t, "?", "T02*");
	t.line->pass_ms = 0;
	assert_true(__atomic_load_n(&t.m->clock, __ATOMIC_RELAXED) >= STUB_ROUND_UP_MS);
	stub_test_expect(&t, "qThreadExtraInfo,3",
			 "746f792032205b646f6573206e6f7420616e737765725d");
	stub_test_expect(&t, "Hg3", "OK");
	stub_test_expect(&t, "P0=0000000000000000", "E81");
	stub_test_expect(&t, "g", "xxxxxxxxxxxxxxxx*");
	/* Its tables are those of the CPU that stopped. */
	stub_test_expect(&t, "mffffffff81000000,2", "9090");
	/* It comes late, and is held like the others. */
	__atomic_store_n(&t.m->cpu[2].deaf, 0, __ATOMIC_RELEASE);
	EVENTUALLY(&t, stub_line_reg(t.line, 2, X86_64_rax) == 0x42);
	stub_test_expect(&t, "qThreadExtraInfo,3", "746f792032");
	__atomic_store_n(&t.m->cpu[2].stall, 0, __ATOMIC_RELEASE);
	stub_test_expect(&t, "D", "OK");
	stub_test_end(&t);
}

/* An NMI that arrives when everything is over is nothing. */
static void test_late_nmi(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 2);
	stub_machine_start(t.m, &stub_test_config, true);
	__atomic_store_n(&t.m->cpu[1].deaf, 1, __ATOMIC_RELEASE);
	stub_test_connect(&t);
	t.line->pass_ms = 1;
	stub_test_expect(&t, "?", "T02*");
	stub_test_expect(&t, "D", "OK");
	__atomic_store_n(&t.m->cpu[1].deaf, 0, __ATOMIC_RELEASE);
	assert_true(stub_machine_runs(t.m));
	assert_int_equal(crashes(&t), 0);
	stub_test_end(&t);
}

static void test_offline(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 2);
	__atomic_store_n(&t.m->cpu[1].offline, 1, __ATOMIC_RELEASE);
	stub_test_attach(&t);
	stub_test_expect(&t, "qThreadExtraInfo,2", "746f792031205b6f66666c696e655d");
	stub_test_expect(&t, "D", "OK");
	__atomic_store_n(&t.m->cpu[1].offline, 0, __ATOMIC_RELEASE);
	stub_test_connect(&t);
	stub_test_expect(&t, "?", "T02*");
	stub_test_expect(&t, "qThreadExtraInfo,2", "746f792031");
	stub_test_end(&t);
}

/* --- traps --- */

/* What a hostile host can inject, with and without a debugger: the kernel does not die of it. */
static void test_spurious(void **state)
{
	static const enum stub_machine_event events[] = { STUB_MACHINE_INT3, STUB_MACHINE_DB,
							  STUB_MACHINE_HW, STUB_MACHINE_NMI };
	struct stub_test t;
	unsigned int round, i;

	(void)state;
	stub_test_begin(&t, 2);
	for (i = 0; i < 2; i++) {
		stub_machine_code(t.m, 0x100, "\x90\xeb\xfd", 3);
		stub_machine_entry(t.m, i, 0x100);
	}
	stub_machine_start(t.m, &stub_test_config, true);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 200; i++) {
			stub_machine_event(t.m, i % 2, events[i / 2 % ARRAY_LEN(events)]);
			assert_true(stub_machine_cpu_runs(t.m, i % 2));
		}
		assert_int_equal(crashes(&t), 0);
		if (round)
			continue;
		stub_test_connect(&t);
		stub_test_expect(&t, "?", "T02*");
		stub_test_expect(&t, "Z0,ffffffff81000400,1", "OK");
		stub_line_say(t.line, "vCont;c");
	}
	stub_test_end(&t);
}

/* An int3 that is in the guest's own code is the guest's. */
static void test_foreign_int3(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 1);
	stub_machine_code(t.m, 0x100, "\xcc\xeb\xfd", 3);
	stub_machine_entry(t.m, 0, 0x100);
	stub_test_attach(&t);
	stub_line_say(t.line, "vCont;c");
	EVENTUALLY(&t, crashes(&t) > 10);
	stub_test_end(&t);
}

/* A CPU that ran into an int3 and comes only when it has been taken out: it runs what is there. */
static void test_ghost(void **state)
{
	static const struct stub_trap trap = { .cause = STUB_INT3 };
	struct stub_machine *m = stub_machine_create(1);
	struct x86_64_regs *regs = &m->cpu[0].regs;

	(void)state;
	stub_machine_start(m, &stub_test_config, false);
	m->stub.point[0] = (struct stub_point){ .ghost = true, .addr = STUB_MACHINE_TEXT + 0x10 };
	m->stub.points = 1;
	x86_64_set(regs, X86_64_rip, STUB_MACHINE_TEXT + 0x11);
	assert_int_equal(stub_trap(&m->stub, 0, &trap, regs), STUB_MINE);
	assert_int_equal(x86_64_get(regs, X86_64_rip), STUB_MACHINE_TEXT + 0x10);
	stub_machine_destroy(m);
}

/* --- the guest's own death --- */

static void test_fatal_in_session(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	stub_line_say(t.line, "vCont;c");
	assert_true(stub_machine_runs(t.m));
	stub_machine_event(t.m, 1, STUB_MACHINE_OOPS);
	stub_test_stops(&t, "T0b*");
	assert_non_null(strstr(t.line->answer, "thread:2;"));
	assert_string_equal(t.line->console, "Oops: the toy is broken\n");
	stub_test_end(&t);
}

/* Nobody is there: the policy says whether that stops the machine, and for how long. */
static void test_fatal_alone(void **state)
{
	struct policy policy = stub_test_policy;
	struct stub_config config = { .policy = &policy };
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 2);
	stub_machine_start(t.m, &config, true);
	stub_machine_event(t.m, 1, STUB_MACHINE_OOPS);
	EVENTUALLY(&t, crashes(&t) == 1);
	stub_test_end(&t);

	policy.on_panic = POLICY_PANIC_STOP;
	config.fatal_wait_ms = 5000;
	stub_test_begin(&t, 2);
	stub_machine_start(t.m, &config, true);
	stub_machine_event(t.m, 1, STUB_MACHINE_OOPS);
	EVENTUALLY(&t, __atomic_load_n(&t.m->stopped, __ATOMIC_RELAXED));
	EVENTUALLY(&t, __atomic_load_n(&t.m->resumed, __ATOMIC_RELAXED));
	assert_true(__atomic_load_n(&t.m->clock, __ATOMIC_RELAXED) >= 5000);
	assert_true(stub_machine_runs(t.m));
	/* Somebody comes in time. */
	stub_machine_event(t.m, 1, STUB_MACHINE_OOPS);
	EVENTUALLY(&t, __atomic_load_n(&t.m->stopped, __ATOMIC_RELAXED) == 2);
	stub_test_connect(&t);
	stub_test_expect(&t, "?", "T0b*");
	stub_test_end(&t);
}

/* --- the end of the stub --- */

static void test_shutdown(void **state)
{
	struct stub_test t;

	(void)state;
	stub_test_begin(&t, 2);
	stub_test_attach(&t);
	stub_test_expect(&t, "Z0,ffffffff81000400,1", "OK");
	stub_line_say(t.line, "vCont;c:1"); /* the other one stays */
	assert_true(stub_machine_cpu_runs(t.m, 0));
	stub_shutdown(&t.m->stub);
	assert_true(stub_machine_text_intact(t.m));
	assert_true(stub_machine_runs(t.m));
	assert_true(stub_machine_logged(t.m, "unloading"));
	stub_test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_next_session),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_silent_running),
		cmocka_unit_test(test_deaf_debugger),
		cmocka_unit_test(test_gone_stepping),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_late_nmi),
		cmocka_unit_test(test_offline),
		cmocka_unit_test(test_spurious),
		cmocka_unit_test(test_ghost),
		cmocka_unit_test(test_foreign_int3),
		cmocka_unit_test(test_fatal_in_session),
		cmocka_unit_test(test_fatal_alone),
		cmocka_unit_test(test_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
