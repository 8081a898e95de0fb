/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The judgement over attestation reports: each way in which a chain, a signature, a report or
 * evidence can be wrong is refused with the right words. Keys, certificates and reports are the
 * tests' own; no AMD hardware made them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "host/attest/evidence.h"
#include "host/attest/options.h"
#include "host/attest/verify.h"
#include "tests/fake/amd_keys.h"

/* A plan's chain, a signed report, and what its owner wants. */
struct fixture {
	struct amd_plan plan;
	struct amd_chain chain;
	struct attest_config config;
	uint8_t report[REPORT_BYTES];
};

static void begin(struct fixture *f, const struct amd_plan *plan, uint32_t version)
{
	f->plan = *plan;
	amd_chain_make(plan, &f->chain);
	f->config = amd_config(&f->chain);
	amd_report_make(plan, version, f->report);
	amd_report_sign(&f->chain, f->report);
}

static void end(struct fixture *f)
{
	amd_chain_deinit(&f->chain);
}

static void accepts(const struct fixture *f)
{
	struct err err = { .text = "" };

	if (attest_verify_report(f->report, REPORT_BYTES, NULL, &f->config, &err))
		fail_msg("refused: %s", err.text);
}

static void refuses(const struct fixture *f, const char *words)
{
	struct err err = { .text = "" };

	assert_int_equal(attest_verify_report(f->report, REPORT_BYTES, NULL, &f->config, &err),
			 ST_AUTH);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" is not in: %s", words, err.text);
}

static struct amd_plan turin(void)
{
	struct amd_plan plan = amd_plan_good();

	plan.fmc = true;
	plan.tcb.fmc = 2;
	memset(plan.hwid + 8, 0, sizeof(plan.hwid) - 8);
	plan.hwid_len = 8;
	return plan;
}

static struct amd_plan vlek(void)
{
	struct amd_plan plan = amd_plan_good();

	plan.leaf_name = "SEV-VLEK";
	plan.hwid_len = 0;
	return plan;
}

static void test_good(void **state)
{
	const struct amd_plan plans[] = { amd_plan_good(), turin(), vlek() };
	static const uint32_t versions[] = { 2, 3, 5 };
	static struct fixture f;
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(plans); i++)
		for (j = 0; j < ARRAY_LEN(versions); j++) {
			begin(&f, &plans[i], versions[j]);
			accepts(&f);
			end(&f);
		}
}

/* --- chains --- */

static void test_chain(void **state)
{
	static const struct {
		const char *words;
		struct amd_plan plan; /* what differs from a good one */
	} rows[] = {
		{ "VCEK certificate is not valid: certificate has expired",
		  { .expired = AMD_LEAF } },
		{ "ASK certificate is not valid: certificate has expired", { .expired = AMD_ASK } },
		{ "ARK certificate is not valid: certificate has expired", { .expired = AMD_ARK } },
		{ "VCEK certificate is not valid: certificate is not yet",
		  { .not_yet = AMD_LEAF } },
		{ "ARK certificate is not valid: certificate signature", { .forged = AMD_ARK } },
		{ "ASK certificate is not valid: certificate signature", { .forged = AMD_ASK } },
		{ "VCEK certificate is not valid: certificate signature", { .forged = AMD_LEAF } },
		{ "VCEK is not signed by the ASK", { .leaf_by_ark = true } },
		{ "ASK certificate is not a CA's", { .ask_is_no_ca = true } },
		{ "ASK certificate's key usage", { .ask_usage = "critical,cRLSign" } },
		{ "VCEK certificate's key usage", { .leaf_usage = "critical,keyAgreement" } },
		{ "VCEK certificate is a CA's", { .leaf_is_ca = true } },
		{ "not for SEV-VCEK", { .leaf_name = "SEV-TCEK" } },
		{ "not for SEV-VCEK", { .leaf_name = "\x1b[2J" } },
		{ "not on P-384", { .leaf_curve = "P-256" } },
		{ "not on P-384", { .leaf_curve = "brainpoolP384r1" } },
		{ "for which firmware versions", { .leaf_without_tcb = true } },
		{ "ASK certificate is not valid: CA signature digest", { .sha1 = AMD_ASK } },
	};
	static struct fixture f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		const struct amd_plan *row = &rows[i].plan;
		struct amd_plan plan = amd_plan_good();

		plan.expired = row->expired;
		plan.not_yet = row->not_yet;
		plan.forged = row->forged;
		plan.sha1 = row->sha1;
		plan.leaf_by_ark = row->leaf_by_ark;
		plan.ask_is_no_ca = row->ask_is_no_ca;
		plan.leaf_without_tcb = row->leaf_without_tcb;
		plan.leaf_is_ca = row->leaf_is_ca;
		plan.leaf_usage = row->leaf_usage;
		if (row->ask_usage)
			plan.ask_usage = row->ask_usage;
		if (row->leaf_name)
			plan.leaf_name = row->leaf_name;
		if (row->leaf_curve)
			plan.leaf_curve = row->leaf_curve;
		begin(&f, &plan, 3);
		refuses(&f, rows[i].words);
		end(&f);
	}
}

/* AMD's leaf certificates have no key usage; one that allows signing is fine. */
static void test_key_usage_allowed(void **state)
{
	struct amd_plan plan = amd_plan_good();
	static struct fixture f;

	(void)state;
	plan.leaf_usage = "critical,digitalSignature";
	begin(&f, &plan, 3);
	accepts(&f);
	end(&f);
	plan.ask_usage = NULL;
	begin(&f, &plan, 3);
	refuses(&f, "ASK certificate's key usage");
	end(&f);
}

static void test_roles_mixed_up(void **state)
{
	struct amd_plan plan = amd_plan_good();
	static struct fixture f;
	struct err err;

	(void)state;
	begin(&f, &plan, 3);
	f.config.ark = f.chain.ask; /* no root */
	f.config.ask = f.chain.ark;
	refuses(&f, "certificate is not valid");
	f.config = amd_config(&f.chain);
	f.config.ask = f.chain.leaf;
	refuses(&f, "ASK certificate's key usage");
	f.config = amd_config(&f.chain);
	f.config.ask = f.chain.ark;
	refuses(&f, "VCEK certificate is not valid: unable to get local issuer");
	f.config = amd_config(&f.chain);
	f.config.endorser = f.chain.ask;
	refuses(&f, "not for SEV-VCEK");
	f.config = amd_config(&f.chain);
	f.config.ark.len--;
	refuses(&f, "ARK certificate is not X.509");
	f.config = amd_config(&f.chain);
	f.config.ask.data[f.config.ask.len++] = 0;
	refuses(&f, "ASK certificate is not X.509");
	f.config = amd_config(&f.chain);
	f.config.endorser.len = 0;
	refuses(&f, "no VCEK certificate");
	f.config = amd_config(&f.chain);
	f.config.ask.len = 0;
	refuses(&f, "no ASK certificate");
	f.config = amd_config(&f.chain);
	f.config.ark.len = 0;
	assert_int_equal(attest_verify_report(f.report, REPORT_BYTES, NULL, &f.config, &err),
			 ST_AUTH);
	end(&f);
}

/* --- report and certificate --- */

static void test_extensions(void **state)
{
	static const size_t components[] = { 0, 1, 6, 7 }; /* of a Milan's TCB */
	struct amd_plan plan = amd_plan_good(), other = turin();
	static struct fixture f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(components); i++) {
		begin(&f, &plan, 3);
		f.report[REPORT_REPORTED_TCB + components[i]]++;
		amd_report_sign(&f.chain, f.report);
		refuses(&f, "the VCEK is for version");
		end(&f);
	}
	begin(&f, &plan, 3);
	f.report[REPORT_CHIP_ID + 63] ^= 1;
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "another chip's");
	/* A chip that hides its identity, but not its key. */
	memset(f.report + REPORT_CHIP_ID, 0, REPORT_CHIP_ID_BYTES);
	amd_report_sign(&f.chain, f.report);
	accepts(&f);
	/* A Turin's report with a Milan's key. */
	amd_report_make(&other, 3, f.report);
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "different generations");
	end(&f);
	begin(&f, &other, 5);
	f.report[REPORT_REPORTED_TCB]++;
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "FMC");
	f.report[REPORT_REPORTED_TCB]--;
	f.report[REPORT_CHIP_ID + 8] = 1; /* behind what a Turin has */
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "another chip's");
	end(&f);
	plan.hwid_len = 0;
	begin(&f, &plan, 3);
	refuses(&f, "for which chip");
	end(&f);
}

static void test_signer(void **state)
{
	struct amd_plan plan = amd_plan_good(), cloud = vlek();
	static struct fixture f;
	struct amd_chain stranger;

	(void)state;
	begin(&f, &plan, 3);
	put_le32(f.report + REPORT_KEY_INFO, 2); /* MASK_CHIP_KEY: as firmware does, no signature */
	memset(f.report + REPORT_SIGNATURE_R, 0, 2 * REPORT_NUMBER_BYTES);
	refuses(&f, "not signed");
	put_le32(f.report + REPORT_KEY_INFO, REPORT_UNSIGNED << 2);
	refuses(&f, "not signed");
	put_le32(f.report + REPORT_KEY_INFO, 0);
	refuses(&f, "signature is wrong");
	put_le32(f.report + REPORT_KEY_INFO, 3 << 2);
	refuses(&f, "unknown kind of key");
	put_le32(f.report + REPORT_KEY_INFO, REPORT_VLEK << 2);
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "signed with a vlek, the certificate is for a vcek");
	put_le32(f.report + REPORT_KEY_INFO, 0);
	put_le32(f.report + REPORT_SIGNATURE_ALGO, 2);
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "unknown signature algorithm");
	put_le32(f.report + REPORT_SIGNATURE_ALGO, 1);
	amd_chain_make(&plan, &stranger); /* the same chip by name, another key */
	amd_report_sign(&stranger, f.report);
	refuses(&f, "signature is wrong");
	amd_chain_deinit(&stranger);
	end(&f);
	begin(&f, &cloud, 3);
	put_le32(f.report + REPORT_KEY_INFO, REPORT_VCEK << 2);
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "signed with a vcek, the certificate is for a vlek");
	end(&f);
}

static void test_every_byte(void **state)
{
	struct amd_plan plan = amd_plan_good();
	static struct fixture f;
	struct err err;
	size_t i;

	(void)state;
	begin(&f, &plan, 5);
	/* The report says anything that is allowed; only its authenticity is in question. */
	f.config.allow_debug_policy = f.config.allow_migration_policy = true;
	f.config.max_vmpl = UINT32_MAX;
	accepts(&f);
	for (i = 0; i < REPORT_BYTES; i++) {
		f.report[i] ^= 1 << i % 8;
		if (!attest_verify_report(f.report, REPORT_BYTES, NULL, &f.config, &err))
			fail_msg("byte 0x%zx may be changed", i);
		f.report[i] ^= 1 << i % 8;
	}
	for (i = 0; i < REPORT_BYTES; i += 37)
		assert_int_equal(attest_verify_report(f.report, i, NULL, &f.config, &err),
				 ST_SYNTAX);
	accepts(&f);
	end(&f);
}

/* Whatever is changed in a certificate below the root, the chain is refused. */
static void test_every_byte_of_certificates(void **state)
{
	struct amd_plan plan = amd_plan_good();
	static struct fixture f;
	struct err err;
	size_t i;

	(void)state;
	begin(&f, &plan, 3);
	for (i = 0; i < f.chain.leaf.len; i++) {
		f.config.endorser.data[i] ^= 1 << i % 8;
		if (!attest_verify_report(f.report, REPORT_BYTES, NULL, &f.config, &err))
			fail_msg("VCEK: byte %zu may be changed", i);
		f.config.endorser.data[i] ^= 1 << i % 8;
	}
	for (i = 0; i < f.chain.ask.len; i++) {
		f.config.ask.data[i] ^= 1 << i % 8;
		if (!attest_verify_report(f.report, REPORT_BYTES, NULL, &f.config, &err))
			fail_msg("ASK: byte %zu may be changed", i);
		f.config.ask.data[i] ^= 1 << i % 8;
	}
	accepts(&f);
	end(&f);
}

/* --- what a report says --- */

static void test_policy(void **state)
{
	struct amd_plan plan = amd_plan_good();
	static struct fixture f;

	(void)state;
	begin(&f, &plan, 3);
	put_le64(f.report + REPORT_POLICY, 0x30000 | REPORT_POLICY_DEBUG);
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "DEBUG (bit 19)");
	f.config.allow_debug_policy = true;
	accepts(&f);
	put_le64(f.report + REPORT_POLICY, 0x30000 | REPORT_POLICY_MIGRATE_MA);
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "MIGRATE_MA (bit 18)");
	f.config.allow_migration_policy = true;
	accepts(&f);
	put_le32(f.report + REPORT_VMPL, 2);
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "VMPL 2");
	f.config.max_vmpl = 1;
	refuses(&f, "VMPL 2");
	f.config.max_vmpl = 2;
	accepts(&f);
	/* What a host asks for itself, not a guest. */
	put_le32(f.report + REPORT_VMPL, UINT32_MAX);
	amd_report_sign(&f.chain, f.report);
	f.config.max_vmpl = 3;
	refuses(&f, "VMPL 4294967295");
	end(&f);
}

static void test_values(void **state)
{
	struct amd_plan plan = amd_plan_good();
	static struct fixture f;

	(void)state;
	begin(&f, &plan, 3);
	f.config.want_measurement = f.config.want_host_data = f.config.want_id_key_digest = true;
	memset(f.config.measurement, 0x3e, sizeof(f.config.measurement));
	memset(f.config.host_data, 0x4d, sizeof(f.config.host_data));
	memset(f.config.id_key_digest, 0x1d, sizeof(f.config.id_key_digest));
	accepts(&f);
	f.config.measurement[47] ^= 1;
	refuses(&f, "the measurement differs: it is 3e3e");
	f.config.measurement[47] ^= 1;
	f.config.host_data[31] ^= 1;
	refuses(&f, "HOST_DATA differs");
	f.config.host_data[31] ^= 1;
	f.config.id_key_digest[0] ^= 1;
	refuses(&f, "identity key's digest differs");
	end(&f);
}

static void test_min_tcb(void **state)
{
	struct amd_plan plan = turin();
	static struct fixture f;
	struct report_tcb *min = &f.config.min_tcb;
	uint8_t *const parts[] = { &min->fmc, &min->bootloader, &min->tee, &min->snp,
				   &min->microcode };
	size_t i;

	(void)state;
	begin(&f, &plan, 5);
	*min = plan.tcb;
	accepts(&f);
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		++*parts[i];
		refuses(&f, "--min-tcb wants");
		--*parts[i];
	}
	f.report[REPORT_LAUNCH_TCB + 3]--; /* launched under an older SNP firmware */
	amd_report_sign(&f.chain, f.report);
	refuses(&f, "SNP firmware had, when the guest was launched, version 23");
	end(&f);
}

/* --- evidence --- */

static void test_report_data(void **state)
{
	/* python3 -c 'import hashlib; print(hashlib.sha512(b"cvmdbg-attest-1" + b"\1" * 32 + b"\2"
	 * * 32).hexdigest())' */
	static const char want[] =
		"42e63bdec80355f7881983d4445b51e6a43ecf4fdbe7c53a6f3da79d19471d61"
		"4652f898220da8cedd1d79ed2e3758e2cebbff53fcca6ead6d7c7f95f122b10f";
	uint8_t key[ATTEST_KEY], hash[ATTEST_KEY], is[REPORT_DATA_BYTES], wanted[REPORT_DATA_BYTES];
	struct err err;

	(void)state;
	memset(key, 1, sizeof(key));
	memset(hash, 2, sizeof(hash));
	attest_report_data(key, hash, is);
	assert_int_equal(attest_parse_hex(want, wanted, sizeof(wanted), &err), 0);
	assert_memory_equal(is, wanted, sizeof(is));
}

static int judge(const uint8_t *evidence, size_t len, const struct attest_config *config,
		 uint8_t key_byte, uint8_t policy_byte, struct err *err)
{
	uint8_t key[ATTEST_KEY], hash[ATTEST_KEY];

	memset(key, key_byte, sizeof(key));
	memset(hash, policy_byte, sizeof(hash));
	err->text[0] = '\0';
	return attest_verify_evidence(evidence, len, key, hash, config, err);
}

static void test_evidence(void **state)
{
	static const struct attest_cert none;
	struct amd_plan plan = amd_plan_good();
	static uint8_t bytes[EVIDENCE_MAX];
	static struct fixture f;
	uint8_t key[ATTEST_KEY], hash[ATTEST_KEY];
	struct err err;
	size_t len, i;

	(void)state;
	begin(&f, &plan, 5);
	memset(key, 1, sizeof(key));
	memset(hash, 2, sizeof(hash));
	attest_report_data(key, hash, f.report + REPORT_REPORT_DATA);
	amd_report_sign(&f.chain, f.report);
	/* The owner has the root alone, the evidence the rest. */
	f.config.ask.len = f.config.endorser.len = 0;
	len = amd_evidence_make(f.report, &f.chain.ask, &f.chain.leaf, &none, bytes, sizeof(bytes));
	assert_int_equal(judge(bytes, len, &f.config, 1, 2, &err), 0);
	assert_int_equal(judge(bytes, len, &f.config, 3, 2, &err), ST_AUTH);
	assert_non_null(strstr(err.text, "REPORT_DATA differs"));
	assert_int_equal(judge(bytes, len, &f.config, 1, 3, &err), ST_AUTH);
	assert_non_null(strstr(err.text, "REPORT_DATA differs"));
	assert_int_equal(judge(bytes, 0, &f.config, 1, 2, &err), ST_AUTH);
	assert_non_null(strstr(err.text, "run cvmdbg-attest"));
	for (i = 1; i < len; i += 7)
		assert_int_not_equal(judge(bytes, i, &f.config, 1, 2, &err), 0);
	/* A VCEK where a VLEK belongs is not looked for. */
	len = amd_evidence_make(f.report, &f.chain.ask, &none, &f.chain.leaf, bytes, sizeof(bytes));
	assert_int_equal(judge(bytes, len, &f.config, 1, 2, &err), ST_AUTH);
	assert_non_null(strstr(err.text, "no VCEK certificate"));
	end(&f);
}

/* An ASK in the evidence that the owner's root has not signed, though it says so. */
static void test_evidence_forged(void **state)
{
	static const struct attest_cert none;
	struct amd_plan plan = amd_plan_good();
	static uint8_t bytes[EVIDENCE_MAX];
	static struct fixture f;
	struct amd_chain other;
	struct err err;
	size_t len;

	(void)state;
	begin(&f, &plan, 5);
	plan.forged = AMD_ASK;
	amd_chain_make(&plan, &other);
	len = amd_evidence_make(f.report, &other.ask, &f.chain.leaf, &none, bytes, sizeof(bytes));
	f.config.ask.len = f.config.endorser.len = 0;
	assert_int_equal(attest_verify_evidence_data(bytes, len, NULL, &f.config, &err), ST_AUTH);
	assert_non_null(strstr(err.text, "ASK certificate is not valid"));
	/* What the owner has counts more than what the evidence says. */
	f.config.ask = f.chain.ask;
	assert_int_equal(attest_verify_evidence_data(bytes, len, NULL, &f.config, &err), 0);
	amd_chain_deinit(&other);
	end(&f);
}

/* --- options --- */

static void test_options(void **state)
{
	static const struct {
		int option;
		const char *argument, *words;
	} bad[] = {
		{ ATTEST_OPTION_ARK, "/nonexistent", "--ark: /nonexistent: No such file" },
		{ ATTEST_OPTION_ARK, "/dev/null", "--ark: /dev/null: empty" },
		{ ATTEST_OPTION_ASK, "/dev/zero", "--ask: /dev/zero: empty, or too long" },
		{ ATTEST_OPTION_MEASUREMENT, "12", "--measurement: 96 hexadecimal digits" },
		{ ATTEST_OPTION_HOST_DATA, "", "--host-data: 64 hexadecimal digits" },
		{ ATTEST_OPTION_MIN_TCB, "snp", "--min-tcb: \"snp\" is none of" },
		{ ATTEST_OPTION_MIN_TCB, "snp=256", "not a number from 0 to 255" },
		{ ATTEST_OPTION_MIN_TCB, "snp=-1", "not a number" },
		{ ATTEST_OPTION_MIN_TCB, "snp=8,", "\"\" is none of" },
		{ ATTEST_OPTION_MIN_TCB, "bios=3", "\"bios\" is none of" },
		{ ATTEST_OPTION_VMPL, "4", "--vmpl: \"4\" is not a number from 0 to 3" },
	};
	static struct attest_config config;
	const struct report_tcb *min = &config.min_tcb;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(attest_option(bad[i].option, bad[i].argument, &config, &err) < 0);
		if (!strstr(err.text, bad[i].words))
			fail_msg("\"%s\" is not in: %s", bad[i].words, err.text);
	}
	assert_int_equal(attest_option('h', NULL, &config, &err), 0);
	assert_int_equal(attest_option(ATTEST_OPTION_MIN_TCB,
				       "fmc=1,bootloader=2,tee=3,snp=4,microcode=255", &config,
				       &err),
			 1);
	assert_int_equal(min->fmc, 1);
	assert_int_equal(min->bootloader, 2);
	assert_int_equal(min->tee, 3);
	assert_int_equal(min->snp, 4);
	assert_int_equal(min->microcode, 255);
	assert_int_equal(attest_option(ATTEST_OPTION_VMPL, "3", &config, &err), 1);
	assert_int_equal(config.max_vmpl, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_key_usage_allowed),
		cmocka_unit_test(test_roles_mixed_up),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_signer),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_byte_of_certificates),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_min_tcb),
		cmocka_unit_test(test_report_data),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_evidence_forged),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
