/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A first packet that was sent again and again counts once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/rsp_repeat.h"

static void leaves(const char *sent, const char *left)
{
	size_t n = rsp_repeat_bytes((const uint8_t *)sent, strlen(sent));

	assert_string_equal(sent + n, left);
}

static void test_repeats(void **state)
{
	(void)state;
	leaves("", "");
	leaves("+", "+");
	leaves("+$qSupported#37", "+$qSupported#37");
	leaves("+$qSupported#37$qSupported#37", "$qSupported#37");
	leaves("+$qSupported#37$qSupported#37$qSupp", "$qSupp");
	/* An interrupt for a guest that does not answer comes behind the packet. */
	leaves("$?#3f$?#3f\x03", "$?#3f\x03");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
