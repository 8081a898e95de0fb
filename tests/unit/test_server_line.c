/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The server's line (acknowledgements, one reply at a time, packets that are too long), and a
 * target that fails at every single call.
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
	converse_expect(s, "qC", "QC1");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONVERSE_TEST(test_acknowledgements),
		CONVERSE_TEST(test_one_reply),
		CONVERSE_TEST(test_oversize),
		cmocka_unit_test(test_every_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
