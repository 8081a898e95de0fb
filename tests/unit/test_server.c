/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The server on a fake target: what each packet means, as conversations. Rows of a table are one
 * session, in order; what needs a look at the target or at the line itself has its own test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/rsp_session.h"

struct row {
	const char *ask;
	const char *answer; /* NULL: none; a final '*' stands for anything */
};

static bool matches(const char *answer, const char *expected)
{
	size_t len = expected ? strlen(expected) : 0;

	if (!answer || !expected)
		return answer == expected;
	if (len && expected[len - 1] == '*')
		return strncmp(answer, expected, len - 1) == 0;
	return strcmp(answer, expected) == 0;
}

static void expect(struct rsp_session *s, const char *ask, const char *expected)
{
	const char *answer = rsp_session_ask(s, ask);

	if (!matches(answer, expected))
		fail_msg("%s: \"%s\", not \"%s\"", ask, answer ? answer : "(none)",
			 expected ? expected : "(none)");
}

static void converse(struct rsp_session *s, const struct row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		expect(s, rows[i].ask, rows[i].answer);
}

static int setup(void **state)
{
	struct rsp_session *s = malloc(sizeof(*s));

	rsp_session_init(s, RSP_RIGHT_ALL);
	*state = s;
	return 0;
}

/* Whatever a test did: the server never asked the target for what target.h forbids. */
static int teardown(void **state)
{
	struct rsp_session *s = *state;
	unsigned int misused = s->fake.misused;

	rsp_session_deinit(s);
	free(s);
	return misused ? -1 : 0;
}

static void test_query(void **state)
{
	static const struct row rows[] = {
		{ "vMustReplyEmpty", "" },
		{ "", "" },
		{ "!", "" },
		{ "qTStatus", "" },
		{ "qAttached", "1" },
		{ "qAttached:1", "1" },
		{ "qC", "QC1" },
		{ "qCx", "" },
		{ "qSymbol::", "OK" },
		{ "qOffsets", "" },
		{ "qfThreadInfo", "m1,2" },
		{ "qsThreadInfo", "l" },
		{ "qThreadExtraInfo,2", "4350552331203c66616b653e" },
		{ "qThreadExtraInfo,3", "E16" },
		{ "qThreadExtraInfo,-1", "E16" },
		{ "T1", "OK" },
		{ "T3", "E16" },
		{ "Tx", "E16" },
		{ "Hg2", "OK" },
		{ "qC", "QC2" },
		{ "Hg0", "OK" },
		{ "qC", "QC2" },
		{ "Hg-1", "OK" },
		{ "Hgp1.1", "OK" },
		{ "qC", "QC1" },
		{ "Hgp2.1", "E16" },
		{ "Hg3", "E16" },
		{ "Hx1", "E83" },
		{ "Hc-1", "OK" },
		{ "?", "T05*" },
		{ "vCont?", "vCont;c;C;s;S;r" },
		{ "qXfer:auxv:read::0,100", "" },
		{ "qXfer:features:read:other.xml:0,100", "" },
		{ "qXfer:threads:read::0,0", "m" },
		{ "qXfer:threads:read::0", "E83" },
		{ "qXfer:threads:read::ffffffffffffffff,ffff", "E22" },
		{ "qXfer:threads:read::0,ffffffffffffffff",
		  "l<?xml version=\"1.0\"?><threads>"
		  "<thread id=\"1\" core=\"0\" name=\"CPU#0 &lt;fake>\"/>"
		  "<thread id=\"2\" core=\"1\" name=\"CPU#1 &lt;fake>\"/></threads>" },
		{ "qXfer:memory-map:read::0,fff",
		  "l<?xml version=\"1.0\"?><memory-map>"
		  "<memory type=\"ram\" start=\"0x0\" length=\"0x800000000000\"/>"
		  "<memory type=\"ram\" start=\"0xffff800000000000\" "
		  "length=\"0x800000000000\"/></memory-map>" },
	};

	converse(*state, rows, ARRAY_LEN(rows));
}

static void test_supported(void **state)
{
	static const struct row rows[] = {
		{ "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+",
		  "PacketSize=1000;*" },
		{ "qC", "QCp1.1" },
		{ "qfThreadInfo", "mp1.1,p1.2" },
		{ "Hg2", "OK" }, /* LLDB: bare although agreed */
		{ "qC", "QCp1.2" },
		/* Each qSupported replaces the one before. */
		{ "qSupported", "PacketSize=1000;*" },
		{ "qC", "QC2" },
		{ "qSupported:multiprocess-;xmlRegisters=i386,arm;;=", "PacketSize=1000;*" },
		{ "qC", "QC2" },
	};
	struct rsp_session *s = *state;
	const char *all;

	converse(s, rows, ARRAY_LEN(rows));
	all = rsp_session_ask(s, "qSupported");
	assert_non_null(strstr(all, ";swbreak+;hwbreak+"));
	assert_non_null(strstr(all, ";QStartNoAckMode+"));
	s->fake.target.ops = &target_fake_bare_ops;
	all = rsp_session_ask(s, "qSupported");
	assert_null(strstr(all, "swbreak"));
}

static void test_memory(void **state)
{
	static const struct row rows[] = {
		{ "mffff888000010001,3", "070e15" },
		{ "mffff888000010000,0", "" },
		{ "mffff888000012ffe,8", "2128" }, /* short at the edge, exactly */
		{ "mffff888000013000,1", "E0e" },
		{ "mffff88800000ffff,2", "E0e" },
		{ "m0,ffffffffffffffff", "E0e" },
		{ "mffffffffffffffff,2", "E0e" },
		{ "m1", "E83" },
		{ "m", "E83" },
		{ "m1,2,3", "E83" },
		{ "m-1,1", "E83" },
		{ "m10000000000000000,1", "E83" },
		{ "Mffff888000010000,3:010203", "OK" },
		{ "mffff888000010000,4", "01020315" },
		{ "Mffff888000010000,2:ff", "E83" },
		{ "Mffff888000010000,1:ffff", "E83" },
		{ "Mffff888000010000,1:fg", "E83" },
		{ "Mffff888000010000,8000000000000001:ffff", "E83" },
		{ "Mffff888000010000,0:", "OK" },
		{ "Mffff888000012fff,2:ffff", "E0e" }, /* all or nothing */
		{ "mffff888000012fff,1", "28" },
		{ "Mffffffff81000000,1:cc", "E0e" },
		{ "Xffff888000010000,0:", "OK" },
		{ "Xffff888000010000,3:#$}", "OK" },
		{ "mffff888000010000,3", "23247d" },
		{ "Xffff888000010000,3:ab", "E83" },
		{ "Xffff888000010000,3", "E83" },
		{ "qSearch:memory:ffff888000010000;3000;\x15\x1c\x23", "1,ffff888000010003" },
		{ "qSearch:memory:ffff888000012ff0;10;\xcc", "0" },
		{ "qSearch:memory:ffff888000012ff0;11;\xcc", "E0e" },
		{ "qSearch:memory:ffff888000010000;40000001;a", "E22" },
		{ "qSearch:memory:ffff888000010000;10;", "E83" },
		{ "qSearch:memory:ffff888000010000;10", "E83" },
		{ "qSearch:memory:0;1;aa", "0" }, /* longer than the range: nothing is read */
		{ "qCRC:ffffffff81000000,9", "C*" },
		{ "qCRC:ffffffff81000000,1001", "E0e" },
		{ "qCRC:ffffffff81000000,40000001", "E22" },
		{ "qCRC:1", "E83" },
	};

	converse(*state, rows, ARRAY_LEN(rows));
}

/* libiberty's xcrc32 of "123456789" with gdb's start value, as binutils' own test has it. */
static void test_crc(void **state)
{
	struct rsp_session *s = *state;

	memcpy(s->fake.ram, "123456789", 9);
	expect(s, "qCRC:ffff888000010000,9", "C376e6e7");
}

/* A match across two reads of the scratch buffer, which has RSP_SESSION_PACKET bytes. */
static void test_search_across(void **state)
{
	struct rsp_session *s = *state;
	size_t at;

	for (at = RSP_SESSION_PACKET - 8; at < RSP_SESSION_PACKET + 8; at++) {
		char expected[32];

		memset(s->fake.ram, 0, sizeof(s->fake.ram));
		memcpy(s->fake.ram + at, "needle", 6);
		snprintf(expected, sizeof(expected), "1,%llx",
			 (unsigned long long)(TARGET_FAKE_RAM + at));
		expect(s, "qSearch:memory:ffff888000010000;3000;needle", expected);
	}
}

/* The largest read fits a packet whatever the bytes are, and what comes is right. */
static void test_big_reads(void **state)
{
	struct rsp_session *s = *state;
	const uint8_t fills[] = { 0x00, '#', 0xff };
	size_t i;

	expect(s, "qSupported:binary-upload+", "PacketSize=1000;*");
	for (i = 0; i < ARRAY_LEN(fills); i++) {
		memset(s->fake.ram, fills[i], sizeof(s->fake.ram));
		assert_string_not_equal(rsp_session_ask(s, "mffff888000010000,ffffff"), "?!");
		assert_int_equal(s->answer_len, RSP_SESSION_PACKET);
		assert_string_not_equal(rsp_session_ask(s, "xffff888000010000,ffffff"), "?!");
		assert_int_equal(s->answer[0], 'b');
		assert_true(s->answer_len > RSP_SESSION_PACKET / 2 - 2);
		assert_int_equal(s->answer[s->answer_len - 1], fills[i]);
	}
}

static void test_binary_dialects(void **state)
{
	static const struct row gdb[] = {
		{ "x0,0", "b" },
		{ "xffff888000010001,2", "b\x07\x0e" },
		{ "x0,1", "E0e" },
		{ "xffff888000012fff,2", "b\x28" },
	};
	static const struct row lldb[] = {
		{ "QThreadSuffixSupported", "OK" },
		{ "x0,0", "OK" },
		{ "xffff888000010001,2", "\x07\x0e" },
		{ "x0,1", "E0e" },
	};
	static const struct row new_lldb[] = {
		{ "qSupported:binary-upload+", "PacketSize=1000;*" },
		{ "xffff888000010001,2", "b\x07\x0e" },
	};

	converse(*state, gdb, ARRAY_LEN(gdb));
	converse(*state, lldb, ARRAY_LEN(lldb));
	converse(*state, new_lldb, ARRAY_LEN(new_lldb));
}

static void test_points(void **state)
{
	static const struct row rows[] = {
		{ "Z0,ffffffff81000100,1", "OK" },
		{ "Z0,ffffffff81000100,1", "OK" }, /* twice is once */
		{ "z0,ffffffff81000100,1", "OK" },
		{ "z0,ffffffff81000100,1", "E16" },
		{ "Z1,ffffffff81000100,1", "OK" },
		{ "Z2,ffff888000010000,8", "OK" },
		{ "Z3,ffff888000010000,8", "" }, /* this kind does not exist here */
		{ "Z4,ffff888000010000,4", "OK" },
		{ "Z5,0,1", "" },
		{ "Z0,0,0", "E16" },
		{ "Z0,0,1001", "E16" },
		{ "Z0,0", "E83" },
		{ "Z", "E83" },
	};

	converse(*state, rows, ARRAY_LEN(rows));
}

static void test_monitor(void **state)
{
	static const struct row rows[] = {
		{ "qRcmd,6869", "796f7520736169643a2068690a" }, /* hi: you said: hi */
		{ "qRcmd,73696c656e74", "OK" },			/* silent */
		{ "qRcmd,", "796f7520736169643a200a" },
		{ "qRcmd,6", "E83" },
		{ "qRcmd,6z", "E83" },
		{ "qRcmd", "E83" },
	};
	struct rsp_session *s = *state;

	converse(s, rows, ARRAY_LEN(rows));
	s->fake.target.ops = &target_fake_bare_ops;
	expect(s, "qRcmd,6869", "");
}

/* --- rights --- */

static void test_allow(void **state)
{
	static const struct row rows[] = {
		{ "QAllow:WriteReg:0;WriteMem:0;InsertBreak:0;InsertTrace:1;Stop:1", "OK" },
		{ "Mffff888000010000,1:00", "E01" },
		{ "Xffff888000010000,1:a", "E01" },
		{ "P0=0000000000000000", "E01" },
		{ "c1234", "E01" },
		{ "Z0,ffffffff81000100,1",
		  "E01" }, /* an error: empty would mean "never ask again" */
		{ "qSupported:error-message+", "PacketSize=1000;*" },
		{ "Z0,ffffffff81000100,1", "E.not permitted" },
		{ "QAllow:WriteMem:1", "OK" },
		{ "Mffff888000010000,1:00", "OK" },
		{ "QAllow:", "OK" },
		{ "QAllow:WriteMem", "OK" },
	};

	converse(*state, rows, ARRAY_LEN(rows));
}

static void test_read_only(void **state)
{
	static const struct row rows[] = {
		{ "Mffff888000010000,1:00", "E01" },
		{ "QAllow:WriteMem:1;WriteReg:1;InsertBreak:1;Stop:1", "OK" }, /* gains nothing */
		{ "Mffff888000010000,1:00", "E01" },
		{ "P0=0000000000000000", "E01" },
		{ "Z0,ffffffff81000100,1", "E01" },
		{ "mffff888000010001,1", "07" },
		{ "qXfer:memory-map:read::0,60", "m<?xml version=\"1.0\"?><memory-map><memory "
						 "type=\"rom\"*" },
	};
	struct rsp_session *s = *state;

	s->server.allowed = s->server.rights = RSP_RIGHT_LOOK;
	converse(s, rows, ARRAY_LEN(rows));
	assert_int_equal(s->fake.ram[0], target_fake_pattern(0));
}

static void test_bare_target(void **state)
{
	static const struct row rows[] = {
		{ "?", "T05thread:1;" },
		{ "Mffff888000010000,1:00", "E01" },
		{ "P0=0000000000000000", "E81" },
		{ "p10", "xxxxxxxxxxxxxxxx" },
		/* Not empty: gdb would plant int3 itself, which nobody here would catch. */
		{ "Z0,ffffffff81000100,1", "E1c" },
		{ "c1234", "E81" },
	};
	struct rsp_session *s = *state;

	s->fake.target.ops = &target_fake_bare_ops;
	converse(s, rows, ARRAY_LEN(rows));
}

static void test_error_texts(void **state)
{
	struct rsp_session *s = *state;

	expect(s, "m0,1", "E0e");
	expect(s, "qSupported:error-message+", "PacketSize=1000;*");
	expect(s, "m0,1", "E.the fake target says #no");
	expect(s, "m", "E.malformed packet");
	expect(s, "qSupported", "PacketSize=1000;*");
	expect(s, "m0,1", "E0e");
	expect(s, "QEnableErrorStrings", "OK");
	expect(s, "m", "E83;6d616c666f726d6564207061636b6574");
}

/* --- running --- */

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
			expect(s, "qSupported:swbreak+;hwbreak+", "PacketSize=1000;*");
		s->fake.stops[0] = rows[row].stop;
		s->fake.nstops = 1;
		s->fake.next_stop = 0;
		expect(s, "vCont;c", NULL);
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
		expect(s, rows[i].packet, NULL);
		assert_int_equal(s->server.state, RSP_SERVER_RUNNING);
		assert_int_equal(s->fake.resumes, i + 1);
		assert_memory_equal(s->fake.actions, rows[i].actions, sizeof(rows[i].actions));
		assert_int_equal(rsp_session_send(s, "\x03", 1), 1);
		assert_non_null(rsp_session_poll(s));
	}
}

static void test_vcont_malformed(void **state)
{
	static const struct row rows[] = {
		{ "vCont", "E83" },	  { "vCont;", "E83" },	     { "vCont;x", "E83" },
		{ "vCont;C", "E83" },	  { "vCont;r1", "E83" },     { "vCont;r1,:1", "E83" },
		{ "vCont;s:3", "E16" },	  { "vCont;s:p2.1", "E16" }, { "vCont;s:", "E16" },
		{ "vCont;s:1;x", "E83" }, { "vContx", "" },	     { "s:", "E83" },
		{ "C", "E83" },		  { "Cxx", "E83" },
	};
	struct rsp_session *s = *state;

	converse(s, rows, ARRAY_LEN(rows));
	assert_int_equal(s->fake.resumes, 0);
}

/* The old step: the selected vCPU; an address moves its pc first. */
static void test_step(void **state)
{
	struct rsp_session *s = *state;

	expect(s, "Hc2", "OK");
	expect(s, "sffffffff81000800", NULL);
	assert_non_null(rsp_session_poll(s));
	assert_int_equal(x86_64_get(&s->fake.regs[1], X86_64_rip), TARGET_FAKE_ROM + 0x801);
	expect(s, "S05;ffffffff81000900", NULL);
	assert_non_null(rsp_session_poll(s));
	assert_int_equal(x86_64_get(&s->fake.regs[1], X86_64_rip), TARGET_FAKE_ROM + 0x901);
}

/* 16 instructions in the range are 16 steps of the target and one stop reply. */
static void test_range_step(void **state)
{
	struct rsp_session *s = *state;
	const char *answer = NULL;
	int polls = 0;

	expect(s, "vCont;rffffffff81000100,ffffffff81000110:1;c", NULL);
	while (!answer && polls < 100) {
		answer = rsp_session_poll(s);
		polls++;
	}
	assert_non_null(answer);
	assert_int_equal(polls, 16);
	assert_int_equal(s->fake.resumes, 16);
	assert_int_equal(x86_64_get(&s->fake.regs[0], X86_64_rip), TARGET_FAKE_ROM + 0x110);
	/* The range does not outlive its packet. */
	expect(s, "vCont;s:1", NULL);
	assert_non_null(rsp_session_poll(s));
	/* An interrupt ends it early. */
	expect(s, "vCont;rffffffff81000100,ffffffff81000900:1", NULL);
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

	expect(s, "QStartNoAckMode", "OK");
	expect(s, "vCont;c", NULL);
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

/* Nobody is left to ask: only farewells are accepted. */
static void test_gone(void **state)
{
	static const struct row rows[] = {
		{ "?", "W00" },	      { "mffff888000010000,1", "E03" },	  { "g", "E03" },
		{ "vCont;c", "E03" }, { "Z0,ffffffff81000100,1", "E03" }, { "D", "OK" },
	};
	struct rsp_session *s = *state;

	s->fake.stops[0] = (struct target_stop){ .kind = TARGET_STOP_GONE };
	s->fake.nstops = 1;
	expect(s, "vCont;c", NULL);
	assert_string_equal(rsp_session_poll(s), "W00");
	converse(s, rows, ARRAY_LEN(rows));
	assert_int_equal(s->server.state, RSP_SERVER_DETACHED);
}

static void test_farewells(void **state)
{
	static const struct row rows[] = {
		{ "D", "OK" },	   { "D;1", "OK" }, { "vKill;1", "OK" },
		{ "vKill", "OK" }, { "k", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct rsp_session s;

		rsp_session_init(&s, RSP_RIGHT_ALL);
		expect(&s, rows[i].ask, rows[i].answer);
		assert_int_equal(s.server.state, RSP_SERVER_DETACHED);
		assert_true(s.fake.detached);
		/* What follows is swallowed. */
		assert_int_equal(rsp_session_send(&s, "+$g#67", 6), 6);
		assert_null(rsp_session_receive(&s));
		assert_int_equal(s.fake.misused, 0);
		rsp_session_deinit(&s);
	}
}

/* --- LLDB --- */

static void test_lldb(void **state)
{
	static const struct row rows[] = {
		{ "QStartNoAckMode", "OK" }, /* before qSupported */
		{ "qSupported:xmlRegisters=i386;multiprocess+", "PacketSize=1000;*" },
		{ "QThreadSuffixSupported", "OK" },
		{ "QListThreadsInStopReply", "OK" },
		{ "qHostInfo", "triple:7838365f36342d756e6b6e6f776e2d756e6b6e6f776e;ptrsize:8;"
			       "endian:little;vm-page-size:4096;" },
		{ "qProcessInfo", "pid:1;triple:*" },
		{ "qVAttachOrWaitSupported", "" },
		{ "qStructuredDataPlugins", "" },
		{ "qEcho:17", "qEcho:17" },
		{ "p10;thread:2;", "01010081ffffffff" },
		{ "p10;thread:p1.1;", "00010081ffffffff" },
		{ "p0;thread:1;", "0000000000000000" },
		{ "p0;thread:2;", "0001000000000000" },
		{ "P0=efbeadde00000000;thread:2;", "OK" },
		{ "p0;thread:2;", "efbeadde00000000" },
		{ "qMemoryRegionInfo:ffff888000010123",
		  "start:ffff888000010000;size:1000;permissions:rw;name:656e63727970746564;" },
		{ "qMemoryRegionInfo:ffffffff81000000",
		  "start:ffffffff81000000;size:1000;permissions:rx;name:656e63727970746564;" },
		{ "qMemoryRegionInfo:1000", "start:1000;size:1000;" },
		{ "qMemoryRegionInfo:", "E83" },
		{ "qThreadStopInfo2", "T00thread:p1.2;*" },
		{ "qThreadStopInfo1", "T05*" },
		{ "qThreadStopInfo9", "E16" },
		{ "m0,0", "" },
	};
	struct rsp_session *s = *state;
	const char *answer;

	converse(s, rows, ARRAY_LEN(rows));
	answer = rsp_session_ask(s, "?");
	assert_non_null(strstr(answer, "threads:p1.1,p1.2;"));
	assert_non_null(strstr(answer, "thread-pcs:ffffffff81000100,ffffffff81000101;"));
	assert_non_null(strstr(answer, "hexname:"));
	answer = rsp_session_ask(s, "jThreadsInfo");
	assert_non_null(
		strstr(answer, "{\"tid\":1,\"name\":\"CPU#0 <fake>\",\"reason\":\"signal\""));
	assert_non_null(strstr(answer, "\"16\":\"00010081ffffffff\""));
	assert_int_equal(answer[0], '[');
	assert_int_equal(answer[s->answer_len - 1], ']');
	s->fake.target.text_seg = 0xffffffff9a000000;
	s->fake.target.text_link = 0xffffffff81000000;
	expect(s, "qOffsets", "Text=19000000;Data=19000000;Bss=19000000");
}

static void test_offsets(void **state)
{
	struct rsp_session *s = *state;

	s->fake.target.text_seg = 0xffffffff9a000000;
	s->fake.target.text_link = 0xffffffff81000000;
	expect(s, "qOffsets", "TextSeg=ffffffff9a000000");
	s->fake.target.text_seg = s->fake.target.text_link;
	expect(s, "qOffsets", "Text=0;Data=0;Bss=0");
}

/* --- the line --- */

static void expect_wire(struct rsp_session *s, const char *bytes, const char *expected)
{
	const uint8_t *out;
	size_t len, sent = rsp_session_send(s, bytes, strlen(bytes));

	assert_int_equal(sent, strlen(bytes));
	len = rsp_server_output(&s->server, &out);
	if (len != strlen(expected) || memcmp(out, expected, len) != 0)
		fail_msg("%s: \"%.*s\", not \"%s\"", bytes, (int)len, out, expected);
	rsp_server_sent(&s->server, len);
}

static void test_acknowledgements(void **state)
{
	struct rsp_session *s = *state;

	expect_wire(s, "$qC#b4", "+$QC1#c5");
	expect_wire(s, "+", "");
	expect_wire(s, "$qC#b5", "-");
	expect_wire(s, "$qC#b4", "+$QC1#c5");
	assert_int_equal(rsp_session_send(s, "-", 1), 1); /* it comes again */
	assert_string_equal(rsp_session_receive(s), "QC1");
	/* The answer to QStartNoAckMode is still acknowledged by us, nothing is after it. */
	expect_wire(s, "$QStartNoAckMode#b0", "+$OK#9a");
	expect_wire(s, "+", "");
	expect_wire(s, "$qC#b4", "$QC1#c5");
	expect_wire(s, "$qC#b5", "");
	expect_wire(s, "-", "");
	assert_int_equal(s->server.stats.bad_frames, 2);
}

/* Nothing is consumed while an answer is on its way, in whatever pieces it leaves. */
static void test_one_reply(void **state)
{
	static const char two[] = "$qC#b4$qC#b4";
	struct rsp_session *s = *state;
	const uint8_t *out;
	size_t used;

	used = rsp_session_send(s, two, strlen(two));
	assert_int_equal(used, 6);
	assert_int_equal(rsp_server_output(&s->server, &out), 8);
	rsp_server_sent(&s->server, 7);
	assert_int_equal(rsp_session_send(s, two + used, 6), 0);
	assert_int_equal(rsp_server_output(&s->server, &out), 1);
	rsp_server_sent(&s->server, 1);
	assert_int_equal(rsp_session_send(s, two + used, 6), 6);
	assert_string_equal(rsp_session_receive(s), "QC1");
}

static void test_oversize(void **state)
{
	struct rsp_session *s = *state;
	static char big[RSP_SESSION_PACKET + 1];

	memset(big, 'a', sizeof(big));
	assert_string_equal(rsp_session_ask_bytes(s, big, sizeof(big)), "E22");
	assert_string_equal(rsp_session_ask_bytes(s, big, sizeof(big) - 1), "");
	expect(s, "qC", "QC1");
}

/* --- failing targets --- */

static const char *const everything[] = {
	"?",
	"g",
	"p10",
	"P0=0000000000000001",
	"mffff888000010000,10",
	"xffff888000010000,10",
	"Mffff888000010000,1:00",
	"Xffff888000010000,1:a",
	"qSearch:memory:ffff888000010000;10;ab",
	"qCRC:ffff888000010000,10",
	"Z0,ffffffff81000180,1",
	"z0,ffffffff81000180,1",
	"qXfer:threads:read::0,fff",
	"qThreadExtraInfo,1",
	"qRcmd,68",
	"jThreadsInfo",
	"qThreadStopInfo1",
	"qMemoryRegionInfo:ffff888000010000",
	"QThreadSuffixSupported",
	"QListThreadsInStopReply",
	"?",
	"vCont;s:1",
	"vCont;c",
	"D",
};

/* One session with everything in it, in which the fake's call number @fail_at fails. */
static unsigned int run_everything(unsigned int fail_at)
{
	struct rsp_session s;
	unsigned int calls;
	size_t i;

	rsp_session_init(&s, RSP_RIGHT_ALL);
	s.fake.fail_at = fail_at;
	for (i = 0; i < ARRAY_LEN(everything); i++) {
		const char *answer = rsp_session_ask(&s, everything[i]);

		if (s.server.state == RSP_SERVER_DETACHED)
			break;
		if (s.server.state == RSP_SERVER_RUNNING) {
			rsp_session_send(&s, "\x03\x03", 2); /* one of them may fail */
			answer = rsp_session_poll(&s);
		}
		if (!answer || strcmp(answer, "?!") == 0)
			fail_msg("call %u fails: no answer to %s", fail_at, everything[i]);
	}
	/* A detach that failed can be asked for again. */
	if (s.server.state != RSP_SERVER_DETACHED)
		assert_string_equal(rsp_session_ask(&s, "D"), "OK");
	assert_true(s.fake.detached);
	assert_int_equal(s.fake.misused, 0);
	calls = s.fake.calls;
	rsp_session_deinit(&s);
	return calls;
}

static void test_every_failure(void **state)
{
	unsigned int n, calls = run_everything(0);

	(void)state;
	assert_true(calls > ARRAY_LEN(everything) / 2);
	for (n = 1; n <= calls; n++)
		run_everything(n);
}

#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(test_query),
		SERVER_TEST(test_supported),
		SERVER_TEST(test_memory),
		SERVER_TEST(test_crc),
		SERVER_TEST(test_search_across),
		SERVER_TEST(test_big_reads),
		SERVER_TEST(test_binary_dialects),
		SERVER_TEST(test_points),
		SERVER_TEST(test_monitor),
		SERVER_TEST(test_allow),
		SERVER_TEST(test_read_only),
		SERVER_TEST(test_bare_target),
		SERVER_TEST(test_error_texts),
		SERVER_TEST(test_stop_replies),
		SERVER_TEST(test_vcont_actions),
		SERVER_TEST(test_vcont_malformed),
		SERVER_TEST(test_step),
		SERVER_TEST(test_range_step),
		SERVER_TEST(test_running),
		SERVER_TEST(test_gone),
		cmocka_unit_test(test_farewells),
		SERVER_TEST(test_lldb),
		SERVER_TEST(test_offsets),
		SERVER_TEST(test_acknowledgements),
		SERVER_TEST(test_one_reply),
		SERVER_TEST(test_oversize),
		cmocka_unit_test(test_every_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
