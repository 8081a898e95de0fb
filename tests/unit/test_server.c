/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The server on a fake target: what each packet means, as conversations. Running and stopping are
 * in test_server_run.c, the line and failing targets in test_server_line.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/converse.h"

static void test_query(void **state)
{
	static const struct converse_row rows[] = {
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

	converse_rows(*state, rows, ARRAY_LEN(rows));
}

static void test_supported(void **state)
{
	static const struct converse_row rows[] = {
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

	converse_rows(s, rows, ARRAY_LEN(rows));
	all = rsp_session_ask(s, "qSupported");
	assert_non_null(strstr(all, ";swbreak+;hwbreak+"));
	assert_non_null(strstr(all, ";QStartNoAckMode+"));
	s->fake.target.ops = &target_fake_bare_ops;
	all = rsp_session_ask(s, "qSupported");
	assert_null(strstr(all, "swbreak"));
}

static void test_memory(void **state)
{
	static const struct converse_row rows[] = {
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

	converse_rows(*state, rows, ARRAY_LEN(rows));
}

/* libiberty's xcrc32 of "123456789" with gdb's start value, as binutils' own test has it. */
static void test_crc(void **state)
{
	struct rsp_session *s = *state;

	memcpy(s->fake.ram, "123456789", 9);
	converse_expect(s, "qCRC:ffff888000010000,9", "C376e6e7");
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
		converse_expect(s, "qSearch:memory:ffff888000010000;3000;needle", expected);
	}
}

/* The largest read fits a packet whatever the bytes are, and what comes is right. */
static void test_big_reads(void **state)
{
	struct rsp_session *s = *state;
	const uint8_t fills[] = { 0x00, '#', 0xff };
	size_t i;

	converse_expect(s, "qSupported:binary-upload+", "PacketSize=1000;*");
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
	static const struct converse_row gdb[] = {
		{ "x0,0", "b" },
		{ "xffff888000010001,2", "b\x07\x0e" },
		{ "x0,1", "E0e" },
		{ "xffff888000012fff,2", "b\x28" },
	};
	static const struct converse_row lldb[] = {
		{ "QThreadSuffixSupported", "OK" },
		{ "x0,0", "OK" },
		{ "xffff888000010001,2", "\x07\x0e" },
		{ "x0,1", "E0e" },
	};
	static const struct converse_row new_lldb[] = {
		{ "qSupported:binary-upload+", "PacketSize=1000;*" },
		{ "xffff888000010001,2", "b\x07\x0e" },
	};

	converse_rows(*state, gdb, ARRAY_LEN(gdb));
	converse_rows(*state, lldb, ARRAY_LEN(lldb));
	converse_rows(*state, new_lldb, ARRAY_LEN(new_lldb));
}

static void test_points(void **state)
{
	static const struct converse_row rows[] = {
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

	converse_rows(*state, rows, ARRAY_LEN(rows));
}

static void test_monitor(void **state)
{
	static const struct converse_row rows[] = {
		{ "qRcmd,6869", "796f7520736169643a2068690a" }, /* hi: you said: hi */
		{ "qRcmd,73696c656e74", "OK" },			/* silent */
		{ "qRcmd,", "796f7520736169643a200a" },
		{ "qRcmd,6", "E83" },
		{ "qRcmd,6z", "E83" },
		{ "qRcmd", "E83" },
	};
	struct rsp_session *s = *state;

	converse_rows(s, rows, ARRAY_LEN(rows));
	s->fake.target.ops = &target_fake_bare_ops;
	converse_expect(s, "qRcmd,6869", "");
}

/* --- rights --- */

static void test_allow(void **state)
{
	static const struct converse_row rows[] = {
		{ "QAllow:WriteReg:0;WriteMem:0;InsertBreak:0;InsertTrace:1;Stop:1", "OK" },
		{ "Mffff888000010000,1:00", "E01" },
		{ "Xffff888000010000,1:a", "E01" },
		{ "P0=0000000000000000", "E01" },
		{ "c1234", "E01" },
		{ "Z0,ffffffff81000100,1",
		  "E01" }, /* an error: empty would mean "never ask again" */
		{ "qSupported:error-message+", "PacketSize=1000;*" },
		{ "Z0,ffffffff81000100,1", "E.not permitted: the policy does not allow points" },
		{ "QAllow:WriteMem:1", "OK" },
		{ "Mffff888000010000,1:00", "OK" },
		{ "QAllow:", "OK" },
		{ "QAllow:WriteMem", "OK" },
	};

	converse_rows(*state, rows, ARRAY_LEN(rows));
}

static void test_read_only(void **state)
{
	static const struct converse_row rows[] = {
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
	converse_rows(s, rows, ARRAY_LEN(rows));
	assert_int_equal(s->fake.ram[0], target_fake_pattern(0));
}

/* A policy may grant less than a look: neither memory nor registers leave the server. */
static void test_no_reading(void **state)
{
	static const struct converse_row rows[] = {
		{ "mffff888000010000,1", "E01" },
		{ "xffff888000010000,1", "E01" },
		{ "qCRC:ffff888000010000,10", "E01" },
		{ "qSearch:memory:ffff888000010000;10;a", "E01" },
		{ "p0", "xxxxxxxxxxxxxxxx" },
		{ "p10", "0000000000000000" },
		{ "?", "T0510:0000000000000000;thread:1;" },
		{ "qRcmd,68656c70", "E01" },
		{ "vCont?", "vCont;c;C;s;S;r" },
	};
	struct rsp_session *s = *state;

	s->server.allowed = s->server.rights = RSP_RIGHT_STOP;
	converse_rows(s, rows, ARRAY_LEN(rows));
}

/* QEMU's packets; the fake's memory has no physical addresses. */
static void test_physical(void **state)
{
	static const struct converse_row rows[] = {
		{ "qqemu.PhyMemMode", "0" },	  { "mffff888000010001,1", "07" },
		{ "Qqemu.PhyMemMode:1", "OK" },	  { "qqemu.PhyMemMode", "1" },
		{ "mffff888000010001,1", "E0e" }, { "Mffff888000010001,1:00", "E0e" },
		{ "Qqemu.PhyMemMode:0", "OK" },	  { "mffff888000010001,1", "07" },
		{ "Qqemu.PhyMemMode", "E83" },
	};

	converse_rows(*state, rows, ARRAY_LEN(rows));
}

static void test_bare_target(void **state)
{
	static const struct converse_row rows[] = {
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
	converse_rows(s, rows, ARRAY_LEN(rows));
}

static void test_error_texts(void **state)
{
	struct rsp_session *s = *state;

	converse_expect(s, "m0,1", "E0e");
	converse_expect(s, "qSupported:error-message+", "PacketSize=1000;*");
	converse_expect(s, "m0,1", "E.the fake target says #no");
	converse_expect(s, "m", "E.malformed packet");
	converse_expect(s, "qSupported", "PacketSize=1000;*");
	converse_expect(s, "m0,1", "E0e");
	converse_expect(s, "QEnableErrorStrings", "OK");
	converse_expect(s, "m", "E83;6d616c666f726d6564207061636b6574");
}

/* --- LLDB --- */

static void test_lldb(void **state)
{
	static const struct converse_row rows[] = {
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

	converse_rows(s, rows, ARRAY_LEN(rows));
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
	converse_expect(s, "qOffsets", "Text=19000000;Data=19000000;Bss=19000000");
}

static void test_offsets(void **state)
{
	struct rsp_session *s = *state;

	s->fake.target.text_seg = 0xffffffff9a000000;
	s->fake.target.text_link = 0xffffffff81000000;
	converse_expect(s, "qOffsets", "TextSeg=ffffffff9a000000");
	s->fake.target.text_seg = s->fake.target.text_link;
	converse_expect(s, "qOffsets", "Text=0;Data=0;Bss=0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONVERSE_TEST(test_query),	     CONVERSE_TEST(test_supported),
		CONVERSE_TEST(test_memory),	     CONVERSE_TEST(test_crc),
		CONVERSE_TEST(test_search_across),   CONVERSE_TEST(test_big_reads),
		CONVERSE_TEST(test_binary_dialects), CONVERSE_TEST(test_points),
		CONVERSE_TEST(test_monitor),	     CONVERSE_TEST(test_allow),
		CONVERSE_TEST(test_read_only),	     CONVERSE_TEST(test_bare_target),
		CONVERSE_TEST(test_error_texts),     CONVERSE_TEST(test_lldb),
		CONVERSE_TEST(test_offsets),	     CONVERSE_TEST(test_no_reading),
		CONVERSE_TEST(test_physical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
