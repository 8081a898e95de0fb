/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Every packet of the server against every right alone, against none, all, and all but one: what is
 * refused, what it is called, and that no answer carries what its session may not see. A packet
 * without a row here fails the suite.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/monitor.h"
#include "protocol/policy.h"
#include "tests/unit/converse.h"

/* The product's table itself, under another name than the one that is linked. */
#define rsp_request_run rsp_request_run_of_test
#include "protocol/rsp_request.c"

#define SECRET_REG     0x1122334455667788ull
#define SECRET_REG_HEX "8877665544332211"
#define SECRET_MEM     "SECRET!!"
#define SECRET_MEM_HEX "5345435245542121"

enum {
	NONE = 0,
	RUN = RSP_RIGHT_RUN,
	READ_REG = RSP_RIGHT_READ_REG,
	READ_MEM = RSP_RIGHT_READ_MEM,
	WRITE_REG = RSP_RIGHT_WRITE_REG,
	WRITE_MEM = RSP_RIGHT_WRITE_MEM,
	POINTS = RSP_RIGHT_INSERT_BREAK,
	MONITOR = RSP_RIGHT_MONITOR,
	RIGHTS = 9,
};

static const struct expectation {
	const char *name; /* of rsp_request.c */
	const char *ask;
	unsigned int needs;
	bool blank; /* refused by an answer without registers, since gdb needs one */
} expectations[] = {
	{ "?", "?", NONE, false },
	{ "C", "C05", RUN, false },
	{ "C", "C05;1000", RUN | WRITE_REG, false },
	{ "D", "D", NONE, false },
	{ "D", "D;1", NONE, false },
	{ "G", "G00", READ_REG | WRITE_REG, false },
	{ "H", "Hg1", NONE, false },
	{ "M", "Mffff888000010000,1:00", WRITE_MEM, false },
	{ "M", "Mffff888000010000,0:", WRITE_MEM, false },
	{ "P", "P0=0000000000000000", WRITE_REG, false },
	{ "P", "P0=0000000000000000;thread:2;", WRITE_REG, false },
	{ "QAllow", "QAllow:WriteMem:1;WriteReg:1;InsertBreak:1;Stop:1", NONE, false },
	{ "QEnableErrorStrings", "QEnableErrorStrings", NONE, false },
	{ "QListThreadsInStopReply", "QListThreadsInStopReply", NONE, false },
	{ "QStartNoAckMode", "QStartNoAckMode", NONE, false },
	{ "QThreadSuffixSupported", "QThreadSuffixSupported", NONE, false },
	{ "Qqemu.PhyMemMode", "Qqemu.PhyMemMode:1", NONE, false },
	{ "S", "S05", RUN, false },
	{ "S", "S05;1000", RUN | WRITE_REG, false },
	{ "T", "T1", NONE, false },
	{ "X", "Xffff888000010000,1:a", WRITE_MEM, false },
	{ "Z", "Z0,ffffffff81000100,1", POINTS, false },
	{ "Z", "Z1,ffffffff81000100,1", POINTS, false },
	{ "Z", "Z2,ffff888000010000,8", POINTS, false },
	{ "Z", "Z3,ffff888000010000,8", POINTS, false },
	{ "Z", "Z4,ffff888000010000,8", POINTS, false },
	{ "c", "c", RUN, false },
	{ "c", "c1000", RUN | WRITE_REG, false },
	{ "g", "g", READ_REG, true },
	{ "g", "g;thread:2;", READ_REG, true },
	{ "jThreadsInfo", "jThreadsInfo", NONE, false },
	{ "k", "k", NONE, false },
	{ "m", "mffff888000010000,8", READ_MEM, false },
	{ "p", "p0", READ_REG, true },
	{ "p", "p10", READ_REG, true },
	{ "qAttached", "qAttached", NONE, false },
	{ "qC", "qC", NONE, false },
	{ "qCRC", "qCRC:ffff888000010000,8", READ_MEM, false },
	{ "qEcho", "qEcho:1", NONE, false },
	{ "qHostInfo", "qHostInfo", NONE, false },
	{ "qMemoryRegionInfo", "qMemoryRegionInfo:ffff888000010000", READ_MEM, false },
	{ "qOffsets", "qOffsets", NONE, false },
	{ "qProcessInfo", "qProcessInfo", NONE, false },
	{ "qRcmd", "qRcmd,68656c70", MONITOR, false },
	{ "qSearch:memory", "qSearch:memory:ffff888000010000;10;S", READ_MEM, false },
	{ "qSupported", "qSupported:error-message+", NONE, false },
	{ "qSymbol", "qSymbol::", NONE, false },
	{ "qThreadExtraInfo", "qThreadExtraInfo,1", NONE, false },
	{ "qThreadStopInfo", "qThreadStopInfo1", NONE, false },
	{ "qXfer", "qXfer:features:read:target.xml:0,800", NONE, false },
	{ "qXfer", "qXfer:memory-map:read::0,800", NONE, false },
	{ "qXfer", "qXfer:threads:read::0,800", NONE, false },
	{ "qfThreadInfo", "qfThreadInfo", NONE, false },
	{ "qqemu.PhyMemMode", "qqemu.PhyMemMode", NONE, false },
	{ "qsThreadInfo", "qsThreadInfo", NONE, false },
	{ "s", "s", RUN, false },
	{ "s", "s1000", RUN | WRITE_REG, false },
	{ "vCont", "vCont;c", RUN, false },
	{ "vCont", "vCont;s:1;c", RUN, false },
	{ "vCont", "vCont;r1000,2000:1", RUN, false },
	{ "vCont?", "vCont?", NONE, false },
	{ "vKill", "vKill;1", NONE, false },
	{ "x", "xffff888000010000,8", READ_MEM, false },
	{ "z", "z0,ffffffff81000100,1", POINTS, false },
};

static bool contains(const struct rsp_session *s, const char *secret)
{
	size_t len = strlen(secret), i;

	for (i = 0; i + len <= s->answer_len; i++)
		if (!memcmp(s->answer + i, secret, len))
			return true;
	return false;
}

static void session_with_secrets(struct rsp_session *s, unsigned int rights)
{
	static const enum x86_64_reg regs[] = { X86_64_rax, X86_64_rip, X86_64_rsp, X86_64_rbp };
	unsigned int vcpu;
	size_t i;

	rsp_session_init(s, rights);
	s->answer_len = 0;
	memcpy(s->fake.ram, SECRET_MEM, strlen(SECRET_MEM));
	for (vcpu = 0; vcpu < TARGET_FAKE_VCPUS; vcpu++)
		for (i = 0; i < ARRAY_LEN(regs); i++)
			x86_64_set(&s->fake.regs[vcpu], regs[i], SECRET_REG);
}

static void check_one(const struct expectation *e, unsigned int rights)
{
	unsigned int missing = e->needs & ~rights;
	struct rsp_session s;
	const char *answer;

	session_with_secrets(&s, rights);
	answer = rsp_session_ask(&s, e->ask);
	if (missing && !e->blank && !converse_matches(answer, "E01"))
		fail_msg("%s with rights 0x%x: \"%s\", not E01", e->ask, rights, answer);
	if (!missing && answer && !strncmp(answer, "E01", 3))
		fail_msg("%s with rights 0x%x: refused", e->ask, rights);
	assert_int_equal(s.server.stats.refused, missing != 0);
	if (!missing)
		assert_null(s.server.refused);
	else if (!strstr(s.server.refused, policy_right_name(missing & -missing)) &&
		 !strstr(s.server.refused, policy_right_name(missing & (missing - 1))))
		fail_msg("%s with rights 0x%x: called %s", e->ask, rights, s.server.refused);
	if (missing) {
		/* Nothing of a refused request was done. */
		assert_int_not_equal(s.server.state, RSP_SERVER_RUNNING);
		assert_int_equal(x86_64_get(&s.fake.regs[0], X86_64_rip), SECRET_REG);
	}
	if (!(rights & RSP_RIGHT_READ_REG) && contains(&s, SECRET_REG_HEX))
		fail_msg("%s with rights 0x%x shows a register", e->ask, rights);
	if (!(rights & RSP_RIGHT_READ_MEM) &&
	    (contains(&s, SECRET_MEM) || contains(&s, SECRET_MEM_HEX)))
		fail_msg("%s with rights 0x%x shows memory", e->ask, rights);
	if (!(rights & RSP_RIGHT_WRITE_MEM))
		assert_memory_equal(s.fake.ram, SECRET_MEM, strlen(SECRET_MEM));
	if (!(rights & RSP_RIGHT_WRITE_REG))
		assert_int_equal(x86_64_get(&s.fake.regs[0], X86_64_rax), SECRET_REG);
	rsp_session_deinit(&s);
}

static void check_all(unsigned int rights)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(expectations); i++)
		check_one(&expectations[i], rights);
}

static void every_right_alone(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < RIGHTS; i++)
		check_all(1u << i);
}

static void every_right_but_one(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < RIGHTS; i++)
		check_all(RSP_RIGHT_ALL & ~(1u << i));
}

static void none_and_all(void **state)
{
	(void)state;
	check_all(0);
	check_all(RSP_RIGHT_ALL);
	assert_int_equal(RSP_RIGHT_ALL, (1u << RIGHTS) - 1);
}

static void every_packet_has_a_row(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		for (k = 0; k < ARRAY_LEN(expectations); k++)
			if (!strcmp(rows[i].name, expectations[k].name))
				break;
		if (k == ARRAY_LEN(expectations))
			fail_msg("what does %s take? Add a row.", rows[i].name);
	}
}

/* What a client that understands texts is told. */
static void refusals_have_words(void **state)
{
	static const struct converse_row gdb[] = {
		{ "qSupported:error-message+", "PacketSize*" },
		{ "Mffff888000010000,1:00",
		  "E.not permitted: the policy does not allow mem.write" },
		{ "vCont;c", "E.not permitted: the policy does not allow run" },
		{ "qRcmd,68656c70", "E.not permitted: the policy does not allow monitor" },
	};
	static const struct converse_row ours[] = {
		{ "qSupported:cvmdbg+", "PacketSize*" },
		/* "not permitted: the policy does not allow points" */
		{ "Z0,ffffffff81000100,1",
		  "E01;6e6f74207065726d69747465643a2074686520706f6c69637920646f6573206e6f7420"
		  "616c6c6f7720706f696e7473" },
	};
	struct rsp_session s;

	(void)state;
	rsp_session_init(&s, RSP_RIGHT_READ_MEM);
	converse_rows(&s, gdb, ARRAY_LEN(gdb));
	converse_rows(&s, ours, ARRAY_LEN(ours));
	assert_int_equal(s.server.stats.refused, 4);
	rsp_session_deinit(&s);
}

static void qallow_only_narrows(void **state)
{
	static const struct converse_row rows_narrow[] = {
		{ "QAllow:WriteMem:1;WriteReg:1;InsertBreak:1;Stop:1", "OK" },
		{ "Mffff888000010000,1:00", "E01" },
		{ "P0=0000000000000000", "E01" },
		{ "Z0,ffffffff81000100,1", "OK" },
		{ "QAllow:InsertBreak:0", "OK" },
		{ "z0,ffffffff81000100,1", "E01" },
		{ "QAllow:InsertBreak:1", "OK" },
		{ "z0,ffffffff81000100,1", "OK" },
	};
	struct rsp_session s;

	(void)state;
	rsp_session_init(&s, RSP_RIGHT_INSERT_BREAK);
	converse_rows(&s, rows_narrow, ARRAY_LEN(rows_narrow));
	rsp_session_deinit(&s);
}

/* May let the guest run, but not stop it (`set may-interrupt off`). */
static void an_interrupt_takes_its_right(void **state)
{
	struct rsp_session s;

	(void)state;
	rsp_session_init(&s, RSP_RIGHT_ALL);
	converse_expect(&s, "QAllow:Stop:0", "OK");
	converse_expect(&s, "vCont;c", NULL);
	(void)rsp_session_send(&s, "\x03", 1);
	assert_false(s.fake.interrupted);
	assert_int_equal(s.server.stats.refused, 1);
	assert_string_equal(s.server.refused, "run");
	rsp_session_deinit(&s);
}

/* Ranges as an oracle for the pc: who may not read it gets every step's end. */
static void a_range_tells_nothing(void **state)
{
	struct rsp_session s;

	(void)state;
	rsp_session_init(&s, RSP_RIGHT_RUN);
	converse_expect(&s, "vCont;r0,ffffffffffffffff:1", NULL);
	assert_non_null(rsp_session_poll(&s));
	assert_int_equal(s.fake.resumes, 1);
	rsp_session_deinit(&s);
}

static void monitor_takes_more_for_memory(void **state)
{
	char text[128] = "";
	struct rsp_session s;
	struct buf out;

	(void)state;
	rsp_session_init(&s, RSP_RIGHT_MONITOR);
	rsp_session_ask(&s, "qRcmd,68656c70");
	buf_init(&out, text, sizeof(text) - 1);
	monitor_phys(&s.fake.target, 0, "0x1000", &out);
	assert_string_equal(text, "not permitted: the policy does not allow mem.read\n");
	rsp_session_deinit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packet_has_a_row),
		cmocka_unit_test(none_and_all),
		cmocka_unit_test(every_right_alone),
		cmocka_unit_test(every_right_but_one),
		cmocka_unit_test(refusals_have_words),
		cmocka_unit_test(qallow_only_narrows),
		cmocka_unit_test(an_interrupt_takes_its_right),
		cmocka_unit_test(a_range_tells_nothing),
		cmocka_unit_test(monitor_takes_more_for_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
