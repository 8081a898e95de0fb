/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The server while the target runs: actions, stop replies, range stepping, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/converse.h"

static void test_stop_replies(void **state)
{
	static const struct {
		struct target_stop stop;
		const char *plain, *announced;
	} rows[] = {
		{ { .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGINT }, "T02", ";thread:1;" },
		{ { .kind = TARGET_STOP_STEP, .vcpu = 1 }, "T05", ";thread:2;" },
		{ { .kind = TARGET_STOP_SWBREAK }, "T05", ";swbreak:;thread:1;" },
		{ { .kind = TARGET_STOP_HWBREAK }, "T05", ";hwbreak:;thread:1;" },
		{ { .kind = TARGET_STOP_WATCH_WRITE, .addr = 0xabc },
		  "T05",
		  ";watch:abc;thread:1;" },
		{ { .kind = TARGET_STOP_WATCH_READ, .addr = 1 }, "T05", ";rwatch:1;thread:1;" },
		{ { .kind = TARGET_STOP_WATCH_ACCESS }, "T05", ";awatch:0;thread:1;" },
	};
	struct rsp_session *s = *state;
	size_t i;

	for (i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		size_t row = i % ARRAY_LEN(rows);
		const char *answer;

		if (i == ARRAY_LEN(rows))
			converse_expect(s, "qSupported:swbreak+;hwbreak+", "PacketSize=1000;*");
		s->fake.stops[0] = rows[row].stop;
		s->fake.nstops = 1;
		s->fake.next_stop = 0;
		converse_expect(s, "vCont;c", NULL);
		answer = rsp_session_poll(s);
		assert_non_null(answer);
		assert_int_equal(strncmp(answer, rows[row].plain, 3), 0);
		if (i >= ARRAY_LEN(rows))
			assert_non_null(strstr(answer, rows[row].announced));
		else
			assert_null(strstr(answer, "wbreak"));
		assert_string_equal(rsp_session_ask(s, "qC"), rows[row].stop.vcpu ? "QC2" : "QC1");
	}
}

static void test_vcont_actions(void **state)
{
	static const struct {
		const char *packet;
		enum target_action actions[TARGET_FAKE_VCPUS];
	} rows[] = {
		{ "vCont;c", { TARGET_CONT, TARGET_CONT } },
		{ "vCont;s:1;c", { TARGET_STEP, TARGET_CONT } },
		{ "vCont;s:p1.2;c:p1.-1", { TARGET_CONT, TARGET_STEP } },
		{ "vCont;s:2", { TARGET_HOLD, TARGET_STEP } },
		{ "vCont;c:2;s:2;s:1", { TARGET_STEP, TARGET_CONT } }, /* leftmost counts */
		{ "vCont;C05:1;S0b:2", { TARGET_CONT, TARGET_STEP } },
		{ "vCont;c:0", { TARGET_CONT, TARGET_HOLD } },
		{ "vCont;s:-1", { TARGET_STEP, TARGET_STEP } },
		{ "c", { TARGET_CONT, TARGET_CONT } },
		{ "C05", { TARGET_CONT, TARGET_CONT } },
	};
	struct rsp_session *s = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		converse_expect(s, rows[i].packet, NULL);
		assert_int_equal(s->server.state, RSP_SERVER_RUNNING);
		assert_int_equal(s->fake.resumes, i + 1);
		assert_memory_equal(s->fake.actions, rows[i].actions, sizeof(rows[i].actions));
		assert_int_equal(rsp_session_send(s, "\x03", 1), 1);
		assert_non_null(rsp_session_poll(s));
	}
}

static void test_vcont_malformed(void **state)
{
	static const struct converse_row rows[] = {
		{ "vCont", "E83" },	  { "vCont;", "E83" },	     { "vCont;x", "E83" },
		{ "vCont;C", "E83" },	  { "vCont;r1", "E83" },     { "vCont;r1,:1", "E83" },
		{ "vCont;s:3", "E16" },	  { "vCont;s:p2.1", "E16" }, { "vCont;s:", "E16" },
		{ "vCont;s:1;x", "E83" }, { "vContx", "" },	     { "s:", "E83" },
		{ "C", "E83" },		  { "Cxx", "E83" },
	};
	struct rsp_session *s = *state;

	converse_rows(s, rows, ARRAY_LEN(rows));
	assert_int_equal(s->fake.resumes, 0);
}

/* The old step: the selected vCPU; an address moves its pc first. */
static void test_step(void **state)
{
	struct rsp_session *s = *state;

	converse_expect(s, "Hc2", "OK");
	converse_expect(s, "sffffffff81000800", NULL);
	assert_non_null(rsp_session_poll(s));
	assert_int_equal(x86_64_get(&s->fake.regs[1], X86_64_rip), TARGET_FAKE_ROM + 0x801);
	converse_expect(s, "S05;ffffffff81000900", NULL);
	assert_non_null(rsp_session_poll(s));
	assert_int_equal(x86_64_get(&s->fake.regs[1], X86_64_rip), TARGET_FAKE_ROM + 0x901);
}

/* 16 instructions in the range are 16 steps of the target and one stop reply. */
static void test_range_step(void **state)
{
	struct rsp_session *s = *state;
	const char *answer = NULL;
	int polls = 0;

	converse_expect(s, "vCont;rffffffff81000100,ffffffff81000110:1;c", NULL);
	while (!answer && polls < 100) {
		answer = rsp_session_poll(s);
		polls++;
	}
	assert_non_null(answer);
	assert_int_equal(polls, 16);
	assert_int_equal(s->fake.resumes, 16);
	assert_int_equal(x86_64_get(&s->fake.regs[0], X86_64_rip), TARGET_FAKE_ROM + 0x110);
	/* Outside of it on either side one step is all. */
	converse_expect(s, "vCont;rffffffff81000800,ffffffff81000900:1", NULL);
	assert_non_null(rsp_session_poll(s));
	/* The range does not outlive its packet. */
	converse_expect(s, "Hc1", "OK");
	converse_expect(s, "sffffffff81000804", NULL);
	assert_non_null(rsp_session_poll(s));
	/* An interrupt ends it early. */
	converse_expect(s, "vCont;rffffffff81000100,ffffffff81000f00:1", NULL);
	assert_null(rsp_session_poll(s));
	rsp_session_send(s, "\x03", 1);
	answer = rsp_session_poll(s);
	assert_non_null(answer);
	assert_int_equal(strncmp(answer, "T02", 3), 0);
}

/* While it runs a packet waits; only an interrupt is heard. */
static void test_running(void **state)
{
	struct rsp_session *s = *state;
	const char *answer;

	converse_expect(s, "QStartNoAckMode", "OK");
	converse_expect(s, "vCont;c", NULL);
	assert_null(rsp_session_poll(s));
	assert_int_equal(rsp_session_send(s, "+$qC#b4", 7), 1);
	assert_int_equal(rsp_session_send(s, "$qC#b4", 6), 0);
	assert_int_equal(rsp_session_send(s, "\x03$qC#b4", 7), 1);
	answer = rsp_session_poll(s);
	assert_non_null(answer);
	assert_int_equal(strncmp(answer, "T02", 3), 0);
	assert_int_equal(rsp_session_send(s, "$qC#b4", 6), 6);
	assert_string_equal(rsp_session_receive(s), "QC1");
	/* Stopped already: harmless. */
	assert_int_equal(rsp_session_send(s, "\x03", 1), 1);
	assert_null(rsp_session_receive(s));
}

/* Who gave up the right to stop the machine is not heard. */
static void test_no_interrupt(void **state)
{
	struct rsp_session *s = *state;

	converse_expect(s, "QAllow:Stop:0", "OK");
	converse_expect(s, "vCont;c", NULL);
	assert_int_equal(rsp_session_send(s, "\x03", 1), 1);
	assert_null(rsp_session_poll(s));
	assert_int_equal(s->server.state, RSP_SERVER_RUNNING);
}

/* A stop with a reason: the words first, as console output, then the stop reply. */
static void test_reason(void **state)
{
	static const char expected[] = "$O6f6f70730a#";
	struct rsp_session *s = *state;
	const uint8_t *out;
	size_t len;

	s->fake.stops[0] = (struct target_stop){ .kind = TARGET_STOP_SIGNAL,
						 .signal = TARGET_SIGSEGV,
						 .text = "oops" };
	s->fake.nstops = 1;
	converse_expect(s, "vCont;c", NULL);
	assert_int_equal(rsp_server_poll_target(&s->server), 0);
	len = rsp_server_output(&s->server, &out);
	assert_true(len > sizeof(expected) + 4);
	assert_memory_equal(out, expected, sizeof(expected) - 1);
	assert_memory_equal(out + sizeof(expected) + 1, "$T0b", 4);
	rsp_server_sent(&s->server, len);
}

/* Nobody is left to ask: only farewells are accepted. */
static void test_gone(void **state)
{
	static const struct converse_row rows[] = {
		{ "?", "W00" },	      { "mffff888000010000,1", "E03" },	  { "g", "E03" },
		{ "vCont;c", "E03" }, { "Z0,ffffffff81000100,1", "E03" }, { "D", "OK" },
	};
	struct rsp_session *s = *state;

	s->fake.stops[0] = (struct target_stop){ .kind = TARGET_STOP_GONE };
	s->fake.nstops = 1;
	converse_expect(s, "vCont;c", NULL);
	assert_string_equal(rsp_session_poll(s), "W00");
	converse_rows(s, rows, ARRAY_LEN(rows));
	assert_int_equal(s->server.state, RSP_SERVER_DETACHED);
}

static void test_farewells(void **state)
{
	static const struct converse_row rows[] = {
		{ "D", "OK" },	   { "D;1", "OK" }, { "vKill;1", "OK" },
		{ "vKill", "OK" }, { "k", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct rsp_session s;

		rsp_session_init(&s, RSP_RIGHT_ALL);
		converse_expect(&s, rows[i].ask, rows[i].answer);
		assert_int_equal(s.server.state, RSP_SERVER_DETACHED);
		assert_true(s.fake.detached);
		/* What follows is swallowed. */
		assert_int_equal(rsp_session_send(&s, "+$g#67", 6), 6);
		assert_null(rsp_session_receive(&s));
		assert_int_equal(s.fake.misused, 0);
		rsp_session_deinit(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONVERSE_TEST(test_stop_replies),    CONVERSE_TEST(test_vcont_actions),
		CONVERSE_TEST(test_vcont_malformed), CONVERSE_TEST(test_step),
		CONVERSE_TEST(test_range_step),	     CONVERSE_TEST(test_running),
		CONVERSE_TEST(test_no_interrupt),    CONVERSE_TEST(test_gone),
		CONVERSE_TEST(test_reason),	     cmocka_unit_test(test_farewells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
