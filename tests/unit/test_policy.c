/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Launch policies: who may be debugged, what a refusal says (values: sev-host.md 13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/err.h"
#include "host/sev/policy.h"

static const struct row {
	enum sev_type type;
	uint64_t policy;
	int status;
	uint64_t with_debug;
	const char *text[3]; /* what the refusal has to say */
} rows[] = {
	{ SEV_PLAIN, 0x0, 0, 0x0, { NULL } },
	{ SEV_PLAIN, 0x1, ST_POLICY, 0x0, { "policy 0x1 has NODBG (bit 0)", "policy=0x0" } },
	{ SEV_PLAIN, 0x103000b, ST_POLICY, 0x103000a, { "policy=0x103000a" } },
	{ SEV_ES, 0x4, 0, 0x4, { NULL } },
	{ SEV_ES, 0x5, ST_POLICY, 0x4, { "policy=0x4" } },
	{ SEV_SNP, 0x30000, ST_UNSUPPORTED, 0xb0000, { "SNP", "bit 19", "0xb0000" } },
	{ SEV_SNP, 0xb0000, ST_UNSUPPORTED, 0xb0000, { "SNP", "stub" } },
	{ SEV_NONE, 0x0, ST_UNSUPPORTED, 0x0, { "not encrypted", "gdbstub", "-gdb" } },
};

static void test_check(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct err err = { .text = "" };

		assert_int_equal(sev_policy_check(r->type, r->policy, &err), r->status);
		assert_true(sev_policy_with_debug(r->type, r->policy) == r->with_debug);
		for (j = 0; j < ARRAY_LEN(r->text) && r->text[j]; j++)
			if (!strstr(err.text, r->text[j]))
				fail_msg("\"%s\" is not in \"%s\"", r->text[j], err.text);
	}
}

/* What is advised is debuggable, and no other bit has changed. */
static void test_advice(void **state)
{
	static const enum sev_type types[] = { SEV_PLAIN, SEV_ES, SEV_SNP };
	size_t i;
	uint64_t policy;

	(void)state;
	for (i = 0; i < ARRAY_LEN(types); i++) {
		uint64_t bit = types[i] == SEV_SNP ? 1 << 19 : 1;

		for (policy = 0; policy < 1 << 20; policy += 13) {
			uint64_t advice = sev_policy_with_debug(types[i], policy);

			assert_true(sev_policy_debuggable(types[i], advice));
			assert_true(((advice ^ policy) & ~bit) == 0);
		}
	}
}

static void test_types(void **state)
{
	(void)state;
	assert_int_equal(sev_type_of_policy(0x0), SEV_PLAIN);
	assert_int_equal(sev_type_of_policy(0x1), SEV_PLAIN);
	assert_int_equal(sev_type_of_policy(0x4), SEV_ES);
	assert_int_equal(sev_type_of_policy(0x5), SEV_ES);
	assert_string_equal(sev_type_name(SEV_NONE), "none");
	assert_string_equal(sev_type_name(SEV_PLAIN), "sev");
	assert_string_equal(sev_type_name(SEV_ES), "sev-es");
	assert_string_equal(sev_type_name(SEV_SNP), "sev-snp");
}

static void test_bits(void **state)
{
	const struct sev_policy_bit *bits;
	size_t i, count;

	(void)state;
	assert_null(sev_policy_bits(SEV_NONE, &count));
	assert_int_equal(count, 0);
	bits = sev_policy_bits(SEV_ES, &count);
	assert_int_equal(count, 6);
	assert_string_equal(bits[0].name, "NODBG");
	bits = sev_policy_bits(SEV_SNP, &count);
	for (i = 0; i < count; i++)
		assert_int_equal(bits[i].bit, 16 + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_advice),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
