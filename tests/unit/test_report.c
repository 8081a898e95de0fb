/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Attestation reports and evidence as bytes: every field of every version, both layouts of a TCB,
 * what is refused. The reports are the tests' own; no AMD hardware made them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "host/attest/evidence.h"
#include "host/attest/report.h"
#include "host/err.h"
#include "tests/fake/amd_keys.h"

static const uint32_t versions[] = { 2, 3, 5 };

static struct amd_plan turin(void)
{
	struct amd_plan plan = amd_plan_good();

	plan.fmc = true;
	plan.tcb.fmc = 9;
	memset(plan.hwid + 8, 0, sizeof(plan.hwid) - 8);
	plan.hwid_len = 8;
	return plan;
}

static struct report decoded(const uint8_t *bytes)
{
	struct report r;
	struct err err;

	assert_int_equal(report_decode(bytes, REPORT_BYTES, &r, &err), 0);
	return r;
}

static json_t *described(const uint8_t *bytes)
{
	struct report r = decoded(bytes);

	return report_describe(&r);
}

static void test_decode(void **state)
{
	struct amd_plan plan = amd_plan_good();
	uint8_t bytes[REPORT_BYTES];
	struct report r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(versions); i++) {
		amd_report_make(&plan, versions[i], bytes);
		put_le64(bytes + REPORT_POLICY, 0xb0123);
		put_le32(bytes + REPORT_VMPL, 2);
		put_le32(bytes + REPORT_KEY_INFO, REPORT_VLEK << 2 | 2);
		r = decoded(bytes);
		assert_int_equal(r.version, versions[i]);
		assert_int_equal(r.policy, 0xb0123);
		assert_int_equal(r.vmpl, 2);
		assert_int_equal(r.algo, 1);
		assert_int_equal(r.signer, REPORT_VLEK);
		assert_true(r.mask_chip_key);
		assert_int_equal(r.layout, REPORT_MILAN);
		assert_int_equal(r.layout_known, versions[i] > 2);
	}
}

static void test_layouts(void **state)
{
	struct amd_plan plan = turin();
	uint8_t bytes[REPORT_BYTES];
	struct report_tcb tcb;
	struct report r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(versions); i++) {
		amd_report_make(&plan, versions[i], bytes);
		r = decoded(bytes);
		assert_int_equal(r.layout, REPORT_TURIN);
		tcb = report_tcb(&r, REPORT_REPORTED_TCB, r.layout);
		assert_memory_equal(&tcb, &plan.tcb, sizeof(tcb));
	}
	plan = amd_plan_good();
	amd_report_make(&plan, 3, bytes);
	r = decoded(bytes);
	tcb = report_tcb(&r, REPORT_LAUNCH_TCB, r.layout);
	assert_memory_equal(&tcb, &plan.tcb, sizeof(tcb));
	/* A hidden chip identity is no Turin's. */
	amd_report_make(&plan, 2, bytes);
	memset(bytes + REPORT_CHIP_ID, 0, REPORT_CHIP_ID_BYTES);
	assert_int_equal(decoded(bytes).layout, REPORT_MILAN);
}

static void test_refused(void **state)
{
	static const size_t reserved[] = {
		REPORT_SIGNATURE_R + REPORT_P384_BYTES,
		REPORT_SIGNATURE_S - 1,
		REPORT_SIGNATURE_S + REPORT_P384_BYTES,
		REPORT_TAIL - 1,
		REPORT_TAIL,
		REPORT_BYTES - 1,
	};
	struct amd_plan plan = amd_plan_good();
	uint8_t bytes[REPORT_BYTES + 1] = { 0 };
	struct report r;
	struct err err;
	uint32_t version;
	size_t i;

	(void)state;
	amd_report_make(&plan, 2, bytes);
	assert_int_equal(report_decode(bytes, REPORT_BYTES - 1, &r, &err), ST_SYNTAX);
	assert_int_equal(report_decode(bytes, REPORT_BYTES + 1, &r, &err), ST_SYNTAX);
	assert_int_equal(report_decode(bytes, 0, &r, &err), ST_SYNTAX);
	for (i = 0; i < ARRAY_LEN(reserved); i++) {
		bytes[reserved[i]] = 1;
		assert_int_equal(report_decode(bytes, REPORT_BYTES, &r, &err), ST_SYNTAX);
		bytes[reserved[i]] = 0;
	}
	for (version = 0; version < 10; version++) {
		bool known = version == 2 || version == 3 || version == 5;

		put_le32(bytes, version);
		assert_int_equal(report_decode(bytes, REPORT_BYTES, &r, &err),
				 known ? 0 : ST_UNSUPPORTED);
	}
}

/* The description of @field, a string or, with @part, a number inside an object. */
static json_int_t number_in(json_t *doc, const char *field, const char *part)
{
	json_t *value = json_object_get(doc, field);

	if (part)
		value = json_object_get(value, part);
	assert_non_null(value);
	return json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
}

/* Every byte below the signature that a version defines shows in the description. */
static void test_described_completely(void **state)
{
	static const struct {
		size_t first, last;
	} reserved[] = {
		{ 0x00b, 0x00f }, /* policy: bits that nobody has named show in its value */
		{ 0x049, 0x04f },
		{ 0x18b, 0x19f },
		{ 0x1eb, 0x1eb },
		{ 0x1ef, 0x1ef },
		{ 0x208, 0x29f },
		/* TCB: bytes between the components */
		{ 0x03a, 0x03d },
		{ 0x182, 0x185 },
		{ 0x1e2, 0x1e5 },
		{ 0x1f2, 0x1f5 },
	};
	struct amd_plan plan = amd_plan_good();
	uint8_t bytes[REPORT_BYTES];
	json_t *before, *after;
	size_t at, i;

	(void)state;
	amd_report_make(&plan, 5, bytes);
	before = described(bytes);
	for (at = 4; at < REPORT_SIGNATURE_R + REPORT_P384_BYTES; at++) {
		bool skip = at == REPORT_CPUID; /* changes the layout of others */

		for (i = 0; i < ARRAY_LEN(reserved); i++)
			skip |= at >= reserved[i].first && at <= reserved[i].last;
		if (skip)
			continue;
		bytes[at] ^= 1;
		after = described(bytes);
		if (json_equal(before, after))
			fail_msg("byte 0x%zx does not show", at);
		json_decref(after);
		bytes[at] ^= 1;
	}
	json_decref(before);
}

static void test_description(void **state)
{
	struct amd_plan plan = turin();
	uint8_t bytes[REPORT_BYTES];
	json_t *doc;

	(void)state;
	amd_report_make(&plan, 5, bytes);
	doc = described(bytes);
	assert_int_equal(number_in(doc, "version", NULL), 5);
	assert_int_equal(number_in(doc, "guest_svn", NULL), 7);
	assert_int_equal(number_in(doc, "policy", "value"), 0x30000);
	assert_int_equal(number_in(doc, "policy", "DEBUG"), 0);
	assert_int_equal(number_in(doc, "reported_tcb", "fmc"), 9);
	assert_int_equal(number_in(doc, "reported_tcb", "microcode"), 219);
	assert_int_equal(number_in(doc, "platform_info", "smt"), 1);
	assert_int_equal(number_in(doc, "platform_info", "tsme"), 0);
	assert_int_equal(number_in(doc, "platform_info", "alias_check_complete"), 1);
	assert_int_equal(number_in(doc, "launch_mit_vector", NULL), 0x11);
	assert_int_equal(number_in(doc, "current_mit_vector", NULL), 0x13);
	assert_string_equal(json_string_value(json_object_get(doc, "current_firmware")), "1.55.21");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(doc, "cpu"), "generation")),
		"turin");
	json_decref(doc);
	amd_report_make(&plan, 2, bytes);
	doc = described(bytes);
	assert_null(json_object_get(doc, "cpu"));
	assert_null(json_object_get(doc, "launch_mit_vector"));
	json_decref(doc);
}

/* --- evidence --- */

static void test_evidence(void **state)
{
	uint8_t report[3] = { 1, 2, 3 }, certs[2] = { 4, 5 }, bytes[64];
	struct evidence e = { { report, 3 }, { certs, 2 } }, back;
	int len = evidence_encode(&e, bytes, sizeof(bytes)), i;

	(void)state;
	assert_int_equal(len, 8 + 8 + 3 + 8 + 2);
	assert_int_equal(evidence_decode(bytes, (size_t)len, &back), 0);
	assert_int_equal(back.report.len, 3);
	assert_memory_equal(back.report.data, report, 3);
	assert_int_equal(back.certs.len, 2);
	assert_memory_equal(back.certs.data, certs, 2);
	/* Cut anywhere but between the two parts it is none. */
	for (i = 0; i < len; i++)
		assert_int_equal(evidence_decode(bytes, (size_t)i, &back),
				 i == 8 + 8 + 3 ? 0 : ST_SYNTAX);
	/* Too small a buffer, at every size. */
	for (i = 0; i < len; i++)
		assert_int_equal(evidence_encode(&e, bytes, (size_t)i), ST_RANGE);
}

static void test_evidence_refused(void **state)
{
	static const struct {
		const char *why, *bytes;
		size_t len;
	} rows[] = {
		{ "magic", "CVMF\1\0\0\0\1\0\0\0\0\0\0\0", 16 },
		{ "version", "CVME\2\0\0\0\1\0\0\0\0\0\0\0", 16 },
		{ "no report", "CVME\1\0\0\0", 8 },
		{ "certificates alone", "CVME\1\0\0\0\2\0\0\0\0\0\0\0", 16 },
		{ "unknown type", "CVME\1\0\0\0\1\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0", 24 },
		{ "twice", "CVME\1\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 24 },
		{ "too long", "CVME\1\0\0\0\1\0\0\0\1\0\0\0", 16 },
		{ "much too long", "CVME\1\0\0\0\1\0\0\0\377\377\377\377", 16 },
		{ "left over", "CVME\1\0\0\0\1\0\0\0\0\0\0\0!", 17 },
	};
	struct evidence e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++)
		if (evidence_decode(rows[i].bytes, rows[i].len, &e) != ST_SYNTAX)
			fail_msg("%s", rows[i].why);
}

static void test_cert_table(void **state)
{
	uint8_t table[24 * 3 + 10] = { 0 };
	struct evidence_part part = { table, sizeof(table) }, found;

	(void)state;
	memcpy(table, "\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd", 16);
	put_le32(table + 16, 72);
	put_le32(table + 20, 4);
	assert_int_equal(evidence_find_cert(part, EVIDENCE_VCEK, &found), 1);
	assert_ptr_equal(found.data, table + 72);
	assert_int_equal(found.len, 4);
	assert_int_equal(evidence_find_cert(part, EVIDENCE_ASK, &found), 0);
	assert_int_equal(evidence_certs_len(part), 76); /* without padding */
	put_le32(table + 20, 11);			/* past the end */
	assert_int_equal(evidence_find_cert(part, EVIDENCE_VCEK, &found), ST_SYNTAX);
	assert_int_equal(evidence_certs_len(part), ST_SYNTAX);
	put_le32(table + 16, 0xffffffff);
	assert_int_equal(evidence_find_cert(part, EVIDENCE_VCEK, &found), ST_SYNTAX);
	put_le32(table + 16, 0);
	put_le32(table + 20, 0);
	part.len = 24; /* nothing ends it */
	assert_int_equal(evidence_find_cert(part, EVIDENCE_ASK, &found), ST_SYNTAX);
	part.len = 0;
	assert_int_equal(evidence_find_cert(part, EVIDENCE_ASK, &found), 0);
	assert_int_equal(evidence_certs_len(part), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_described_completely),
		cmocka_unit_test(test_description),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_evidence_refused),
		cmocka_unit_test(test_cert_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
