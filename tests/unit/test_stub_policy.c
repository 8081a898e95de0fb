/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* protocol/policy.c: what a guest owner may write, and that everything else is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/age.h"
#include "protocol/policy.h"
#include "protocol/rsp_server.h"
#include "protocol/status.h"

#define OWNER "age1wk0ad2y77ll3j8zlmpwym67amjmgyyludaaax5ed9ameh77ljftqp6lycv"
#define OTHER "age1twm5wru2xvzx66gm64vrr3g3tmgak3whd976y5uszzx72uycm36qazxexy"
#define HEAD  "cvmdbg-policy 1;channel plain;"

static const struct good {
	const char *text;
	struct policy want; /* counts of keys and ranges, but not the keys */
} good[] = {
	{ "cvmdbg-policy 1\nchannel plain\n",
	  { .channel = POLICY_CHANNEL_PLAIN, .idle_s = POLICY_IDLE_DEFAULT } },
	{ "cvmdbg-policy 1;debugger " OWNER,
	  { .channel = POLICY_CHANNEL_SEALED,
	    .idle_s = POLICY_IDLE_DEFAULT,
	    .debuggers.count = 1 } },
	{ "# mine\n\n cvmdbg-policy 1 # v\r\n\tchannel  plain\nallow run # and\nallow monitor",
	  { .channel = POLICY_CHANNEL_PLAIN,
	    .rights = RSP_RIGHT_STOP | RSP_RIGHT_RUN | RSP_RIGHT_MONITOR,
	    .idle_s = POLICY_IDLE_DEFAULT } },
	{ "cvmdbg-policy 1; allow regs.read regs.write mem.read mem.write run points monitor dump;"
	  "channel plain; on-panic stop; idle-timeout 0",
	  { .channel = POLICY_CHANNEL_PLAIN,
	    .rights = RSP_RIGHT_ALL,
	    .on_panic = POLICY_PANIC_STOP } },
	{ "cvmdbg-policy 1\ndump-recipient " OWNER "\ndump-recipient " OTHER
	  "\non-panic dump\nidle-timeout 86400\nchannel sealed",
	  { .on_panic = POLICY_PANIC_DUMP, .idle_s = 86400, .recipients.count = 2 } },
	{ HEAD "deny mem 0xffffffff82000000-0xffffffff82100000;deny mem phys:0x0-0x1000;"
	       "deny mem 0xfffffffffffff000-0x0",
	  { .channel = POLICY_CHANNEL_PLAIN,
	    .idle_s = POLICY_IDLE_DEFAULT,
	    .deny_count = 3,
	    .deny = { { false, 0xffffffff82000000, 0xffffffff820fffff },
		      { true, 0, 0xfff },
		      { false, 0xfffffffffffff000, UINT64_MAX } } } },
};

static const struct bad {
	const char *text;
	unsigned int line, column;
	const char *why;
} bad[] = {
	{ "", 0, 1, "begins with" },
	{ "\n# only this\n", 2, 1, "begins with" },
	{ "channel plain\ncvmdbg-policy 1", 1, 1, "begins with" },
	{ "cvmdbg-policy 2\nchannel plain", 1, 15, "version 1" },
	{ "cvmdbg-policy\nchannel plain", 1, 14, "version 1" },
	{ "cvmdbg-policy 1 1\nchannel plain", 1, 17, "more words" },
	{ "cvmdbg-policy 1\nallow run", 2, 10, "needs a debugger" },
	{ "cvmdbg-policy 1\nchannel sealed", 2, 15, "needs a debugger" },
	{ "cvmdbg-policy 1\nchannel open", 2, 9, "plain or sealed" },
	{ "cvmdbg-policy 1\nchannel", 2, 8, "plain or sealed" },
	{ "cvmdbg-policy 1\nchannel plain plain", 2, 15, "more words" },
	{ "cvmdbg-policy 1\nchannel plain\n channel plain", 3, 2, "said twice" },
	{ "cvmdbg-policy 1\nallow", 2, 6, "what?" },
	{ "cvmdbg-policy 1\nallow run mem", 2, 11, "unknown right" },
	{ "cvmdbg-policy 1\nallow mem.readx", 2, 7, "unknown right" },
	{ HEAD "frobnicate", 3, 1, "unknown word" },
	/* Read as a comment, it must not allow anything. */
	{ HEAD "allow run # not yet; allow mem.write", 3, 11, "semicolon" },
	{ "#;cvmdbg-policy 1", 1, 1, "semicolon" },
	{ HEAD "on-panic", 3, 9, "stop, ignore" },
	{ HEAD "on-panic stopp", 3, 10, "stop, ignore" },
	{ HEAD "on-panic dump", 3, 14, "needs a dump-recipient" },
	{ HEAD "idle-timeout", 3, 13, "how many" },
	{ HEAD "idle-timeout 1s", 3, 14, "not a number" },
	{ HEAD "idle-timeout 86401", 3, 14, "a day" },
	{ HEAD "idle-timeout 99999999999999999999", 3, 14, "a day" },
	{ HEAD "debugger", 3, 9, "whose key" },
	{ HEAD "debugger age1wk0ad", 3, 10, "not an age recipient" },
	/* One letter is another. */
	{ HEAD "debugger age1wk0ad2y77ll3j8zlmpwym67amjmgyyludaaax5ed9ameh77ljftqp6lycw", 3, 10,
	  "mistyped" },
	{ HEAD "debugger " OWNER " " OTHER, 3, 73, "more words" },
	{ HEAD "debugger " OWNER ";debugger " OWNER, 4, 10, "already" },
	{ HEAD "deny", 3, 5, "only" },
	{ HEAD "deny disk 0x0-0x1", 3, 6, "only" },
	{ HEAD "deny mem", 3, 9, "which addresses" },
	{ HEAD "deny mem 0-1", 3, 10, "expected 0xFIRST" },
	{ HEAD "deny mem 0x1-0x1", 3, 10, "empty" },
	{ HEAD "deny mem 0x2-0x1", 3, 10, "empty" },
	{ HEAD "deny mem 0x1", 3, 10, "expected" },
	{ HEAD "deny mem 0x1-0x2-0x3", 3, 10, "expected" },
	{ HEAD "deny mem 0x1-0x10000000000000000", 3, 10, "expected" },
	{ HEAD "deny mem disk:0x1-0x2", 3, 10, "expected" },
};

static void policies_are_read(void **state)
{
	struct policy_error error;
	struct policy policy;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(policy_parse(good[i].text, strlen(good[i].text), &policy, &error),
				 0);
		assert_int_equal(policy.rights, good[i].want.rights);
		assert_int_equal(policy.on_panic, good[i].want.on_panic);
		assert_int_equal(policy.idle_s, good[i].want.idle_s);
		assert_int_equal(policy.channel, good[i].want.channel);
		assert_int_equal(policy.debuggers.count, good[i].want.debuggers.count);
		assert_int_equal(policy.recipients.count, good[i].want.recipients.count);
		assert_int_equal(policy.deny_count, good[i].want.deny_count);
		assert_memory_equal(policy.deny, good[i].want.deny, sizeof(policy.deny));
	}
}

static void refusals_name_line_and_reason(void **state)
{
	struct policy_error error;
	struct policy policy;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(policy_parse(bad[i].text, strlen(bad[i].text), &policy, &error),
				 ST_SYNTAX);
		if (error.line != bad[i].line || error.column != bad[i].column ||
		    !strstr(error.why, bad[i].why))
			fail_msg("\"%s\": %u:%u: %s", bad[i].text, error.line, error.column,
				 error.why);
	}
}

/* No more than there is room for, and what is full still parses. */
static void bounds(void **state)
{
	static const char line[] = "deny mem 0x1000-0x2000;";
	char text[POLICY_BYTES_MAX] = HEAD;
	struct policy_error error;
	struct policy policy;
	unsigned int i;

	(void)state;
	for (i = 0; i < POLICY_DENY_MAX; i++)
		strcat(text, line);
	assert_int_equal(policy_parse(text, strlen(text), &policy, &error), 0);
	strcat(text, line);
	assert_int_equal(policy_parse(text, strlen(text), &policy, &error), ST_SYNTAX);
	assert_non_null(strstr(error.why, "more than 32"));
}

static void keys_are_found(void **state)
{
	static const char text[] = HEAD "debugger " OWNER ";debugger " OTHER;
	uint8_t key[AGE_KEY];
	struct policy_error error;
	struct policy policy;

	(void)state;
	assert_int_equal(policy_parse(text, sizeof(text) - 1, &policy, &error), 0);
	assert_int_equal(age_recipient_parse(OTHER, strlen(OTHER), key), 0);
	assert_true(policy_has_key(&policy.debuggers, key));
	assert_false(policy_has_key(&policy.recipients, key));
	key[31] ^= 0x80;
	assert_false(policy_has_key(&policy.debuggers, key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_read),
		cmocka_unit_test(refusals_name_line_and_reason),
		cmocka_unit_test(bounds),
		cmocka_unit_test(keys_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
