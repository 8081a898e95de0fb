/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* protocol/policy.c: what a guest owner may write, and that everything else is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/policy.h"
#include "protocol/rsp_server.h"
#include "protocol/status.h"

static const struct good {
	const char *text;
	struct policy want;
} good[] = {
	{ "cvmdbg-policy 1\nchannel plain\n", { 0, POLICY_PANIC_IGNORE, POLICY_IDLE_DEFAULT } },
	{ "cvmdbg-policy 1;channel plain", { 0, POLICY_PANIC_IGNORE, POLICY_IDLE_DEFAULT } },
	{ "# mine\n\n cvmdbg-policy 1 # v\r\n\tchannel  plain\nallow run # and\nallow monitor",
	  { RSP_RIGHT_STOP | RSP_RIGHT_MONITOR, POLICY_PANIC_IGNORE, POLICY_IDLE_DEFAULT } },
	{ "cvmdbg-policy 1; allow regs.read regs.write mem.read mem.write run points monitor dump;"
	  "channel plain; on-panic stop; idle-timeout 0",
	  { RSP_RIGHT_ALL, POLICY_PANIC_STOP, 0 } },
	{ "cvmdbg-policy 1\nallow dump\nchannel plain\non-panic dump\nidle-timeout 86400",
	  { 0, POLICY_PANIC_DUMP, 86400 } },
};

static const struct bad {
	const char *text;
	unsigned int line;
	const char *why;
} bad[] = {
	{ "", 0, "begins with" },
	{ "\n# only this\n", 2, "begins with" },
	{ "channel plain\ncvmdbg-policy 1", 1, "begins with" },
	{ "cvmdbg-policy 2\nchannel plain", 1, "version 1" },
	{ "cvmdbg-policy\nchannel plain", 1, "version 1" },
	{ "cvmdbg-policy 1 1\nchannel plain", 1, "more words" },
	{ "cvmdbg-policy 1\nallow run", 2, "no channel" },
	{ "cvmdbg-policy 1\nchannel sealed", 2, "not supported yet" },
	{ "cvmdbg-policy 1\nchannel open", 2, "plain or sealed" },
	{ "cvmdbg-policy 1\nchannel", 2, "plain or sealed" },
	{ "cvmdbg-policy 1\nchannel plain plain", 2, "more words" },
	{ "cvmdbg-policy 1\nchannel plain\nchannel plain", 3, "said twice" },
	{ "cvmdbg-policy 1\nallow", 2, "what?" },
	{ "cvmdbg-policy 1\nallow run mem", 2, "unknown right" },
	{ "cvmdbg-policy 1\nallow mem.readx", 2, "unknown right" },
	{ "cvmdbg-policy 1\ndeny mem 0-1", 2, "unknown word" },
	{ "cvmdbg-policy 1;channel plain;on-panic", 3, "stop, ignore" },
	{ "cvmdbg-policy 1;channel plain;on-panic stopp", 3, "stop, ignore" },
	{ "cvmdbg-policy 1;channel plain;idle-timeout", 3, "how many" },
	{ "cvmdbg-policy 1;channel plain;idle-timeout 1s", 3, "not a number" },
	{ "cvmdbg-policy 1;channel plain;idle-timeout 86401", 3, "a day" },
	{ "cvmdbg-policy 1;channel plain;idle-timeout 99999999999999999999", 3, "a day" },
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
	}
}

static void refusals_name_line_and_reason(void **state)
{
	struct policy_error error;
	struct policy policy = { .rights = 0x1234 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(policy_parse(bad[i].text, strlen(bad[i].text), &policy, &error),
				 ST_SYNTAX);
		assert_int_equal(error.line, bad[i].line);
		assert_non_null(strstr(error.why, bad[i].why));
		assert_int_equal(policy.rights, 0x1234);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_read),
		cmocka_unit_test(refusals_name_line_and_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
