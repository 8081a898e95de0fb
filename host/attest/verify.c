/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The judgement over a report, one check a function, each with its own explanation: see verify.h.
 * First who signed it, for nothing in a report means anything before that; then what it says.
 */
#include "host/attest/verify.h"

#include <sodium.h>
#include <stdio.h>

#include "host/attest/chain.h"
#include "host/attest/evidence.h"
#include "host/err.h"

enum { HEX_MAX = 2 * REPORT_DATA_BYTES + 1 };

void attest_report_data(const uint8_t stub_key[ATTEST_KEY], const uint8_t policy_hash[ATTEST_KEY],
			uint8_t ret[REPORT_DATA_BYTES])
{
	static const char domain[] = "cvmdbg-attest-1";
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, (const unsigned char *)domain, sizeof(domain) - 1);
	crypto_hash_sha512_update(&state, stub_key, ATTEST_KEY);
	crypto_hash_sha512_update(&state, policy_hash, ATTEST_KEY);
	crypto_hash_sha512_final(&state, ret);
}

static struct chain_cert cert_of(const struct attest_cert *own, struct evidence_part theirs)
{
	if (own->len)
		return (struct chain_cert){ own->data, own->len };
	return (struct chain_cert){ theirs.data, theirs.len };
}

/* --- who signed it --- */

static int check_signer(const struct report *r, struct err *err)
{
	if (r->mask_chip_key || r->signer == REPORT_UNSIGNED)
		return err_set(err, ST_AUTH,
			       "the report is not signed: the host hides its chip's key "
			       "(MASK_CHIP_KEY); its operator has to change that");
	if (r->signer != REPORT_VCEK && r->signer != REPORT_VLEK)
		return err_set(err, ST_AUTH, "the report names an unknown kind of key, %u",
			       r->signer);
	if (r->algo != REPORT_ALGO_P384_SHA384)
		return err_set(err, ST_AUTH, "the report names an unknown signature algorithm, %u",
			       r->algo);
	return 0;
}

static int check_signature(const struct report *r, const struct chain_endorser *e, struct err *err)
{
	if (e->kind != r->signer)
		return err_set(err, ST_AUTH,
			       "the report is signed with a %s, the certificate is for a %s",
			       report_signer_name(r->signer), report_signer_name(e->kind));
	if (!chain_signed(e, r->raw, REPORT_SIGNED, r->raw + REPORT_SIGNATURE_R,
			  r->raw + REPORT_SIGNATURE_S))
		return err_set(err, ST_AUTH,
			       "the report's signature is wrong: forged or damaged, or the VCEK is "
			       "another chip's or for other firmware versions");
	return 0;
}

static int tcb_differs(const char *what, uint8_t reported, uint8_t certified, struct err *err)
{
	return err_set(
		err, ST_AUTH,
		"the report says %s version %u, the VCEK is for version %u: get the VCEK for "
		"the report's versions from AMD",
		what, reported, certified);
}

/*
 * Redundant with the signature, as a key is derived from chip and versions, but verifiers are asked
 * to (virtee snpguest, src/verify.rs, does likewise), and it says what is wrong where a signature
 * cannot.
 */
static int check_extensions(const struct report *r, const struct chain_endorser *e, struct err *err)
{
	static const uint8_t zeros[REPORT_CHIP_ID_BYTES];
	struct report_tcb tcb = report_tcb(r, REPORT_REPORTED_TCB, e->layout);
	const uint8_t *chip = r->raw + REPORT_CHIP_ID;

	if (r->layout_known && r->layout != e->layout)
		return err_set(err, ST_AUTH,
			       "report and VCEK are of different generations of CPUs");
	if (tcb.fmc != e->tcb.fmc)
		return tcb_differs("FMC", tcb.fmc, e->tcb.fmc, err);
	if (tcb.bootloader != e->tcb.bootloader)
		return tcb_differs("boot loader", tcb.bootloader, e->tcb.bootloader, err);
	if (tcb.tee != e->tcb.tee)
		return tcb_differs("TEE", tcb.tee, e->tcb.tee, err);
	if (tcb.snp != e->tcb.snp)
		return tcb_differs("SNP firmware", tcb.snp, e->tcb.snp, err);
	if (tcb.microcode != e->tcb.microcode)
		return tcb_differs("microcode", tcb.microcode, e->tcb.microcode, err);
	/* Hosts may hide the chip's identity (MASK_CHIP_ID) and keep the signature. */
	if (e->kind != REPORT_VCEK || memcmp(chip, zeros, sizeof(zeros)) == 0)
		return 0;
	if (memcmp(chip, e->hwid, e->hwid_len) ||
	    memcmp(chip + e->hwid_len, zeros, sizeof(zeros) - e->hwid_len))
		return err_set(err, ST_AUTH, "the VCEK is another chip's (CHIP_ID, HWID)");
	return 0;
}

/* --- what it says --- */

static int check_policy(const struct report *r, const struct attest_config *config, struct err *err)
{
	if (r->policy & REPORT_POLICY_DEBUG && !config->allow_debug_policy)
		return err_set(
			err, ST_AUTH,
			"the guest was launched with DEBUG (bit 19) in its policy, 0x%llx: its "
			"host may read all of it. Relaunch it without, or accept that with "
			"--allow-debug-policy",
			(unsigned long long)r->policy);
	if (r->policy & REPORT_POLICY_MIGRATE_MA && !config->allow_migration_policy)
		return err_set(
			err, ST_AUTH,
			"the guest was launched with MIGRATE_MA (bit 18) in its policy, "
			"0x%llx: a migration agent may export all of it. Relaunch it without, "
			"or accept that with --allow-migration-policy",
			(unsigned long long)r->policy);
	if (r->vmpl > config->max_vmpl)
		return err_set(
			err, ST_AUTH,
			"the report was asked for at VMPL %u, at most %u is accepted: where an "
			"SVSM runs above the guest's kernel, say --vmpl %u",
			r->vmpl, config->max_vmpl, r->vmpl);
	return 0;
}

static int compare(const char *name, const char *advice, const uint8_t *is, const uint8_t *wanted,
		   size_t len, struct err *err)
{
	char is_hex[HEX_MAX], wanted_hex[HEX_MAX];

	if (memcmp(is, wanted, len) == 0)
		return 0;
	sodium_bin2hex(is_hex, sizeof(is_hex), is, len);
	sodium_bin2hex(wanted_hex, sizeof(wanted_hex), wanted, len);
	return err_set(err, ST_AUTH, "%s differs: it is %s, wanted is %s: %s", name, is_hex,
		       wanted_hex, advice);
}

static int check_contents(const struct report *r, const uint8_t *report_data,
			  const struct attest_config *config, struct err *err)
{
	int status = 0;

	if (report_data)
		status = compare(
			"REPORT_DATA",
			"the report is not for this stub's key and policy; run cvmdbg-attest "
			"in the guest again if the stub was loaded anew",
			r->raw + REPORT_REPORT_DATA, report_data, REPORT_DATA_BYTES, err);
	if (!status && config->want_measurement)
		status = compare("the measurement", "something else was launched",
				 r->raw + REPORT_MEASUREMENT, config->measurement,
				 REPORT_MEASUREMENT_BYTES, err);
	if (!status && config->want_host_data)
		status = compare("HOST_DATA", "it was launched with other data",
				 r->raw + REPORT_HOST_DATA, config->host_data,
				 REPORT_HOST_DATA_BYTES, err);
	if (!status && config->want_id_key_digest)
		status = compare("the identity key's digest", "somebody else signed the launch",
				 r->raw + REPORT_ID_KEY_DIGEST, config->id_key_digest,
				 REPORT_DIGEST_BYTES, err);
	return status;
}

static int check_tcb(struct report_tcb tcb, const char *when, const struct report_tcb *min,
		     struct err *err)
{
	const struct {
		const char *name;
		uint8_t is, min;
	} parts[] = {
		{ "FMC", tcb.fmc, min->fmc },
		{ "boot loader", tcb.bootloader, min->bootloader },
		{ "TEE", tcb.tee, min->tee },
		{ "SNP firmware", tcb.snp, min->snp },
		{ "microcode", tcb.microcode, min->microcode },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].is < parts[i].min)
			return err_set(
				err, ST_AUTH,
				"the host's %s %s version %u, --min-tcb wants %u: its operator "
				"has to update it, and the guest be launched anew",
				parts[i].name, when, parts[i].is, parts[i].min);
	return 0;
}

/*
 * REPORTED_TCB is what the key vouches for, and never above what runs. A guest that
 * was launched under older firmware could have been read then: LAUNCH_TCB.
 */
static int check_min_tcb(const struct report *r, enum report_layout layout,
			 const struct attest_config *config, struct err *err)
{
	int status =
		check_tcb(report_tcb(r, REPORT_REPORTED_TCB, layout), "has", &config->min_tcb, err);

	if (!status)
		status = check_tcb(report_tcb(r, REPORT_LAUNCH_TCB, layout),
				   "had, when the guest was launched,", &config->min_tcb, err);
	return status;
}

/* --- all of it --- */

static int verify(const struct evidence *e, const uint8_t *report_data,
		  const struct attest_config *config, struct err *err)
{
	struct evidence_part ask = { NULL, 0 }, own = { NULL, 0 };
	struct chain_endorser endorser;
	enum evidence_cert kind;
	struct report r;
	int status;

	status = report_decode(e->report.data, e->report.len, &r, err);
	if (!status)
		status = check_signer(&r, err);
	if (status)
		return status;
	kind = r.signer == REPORT_VLEK ? EVIDENCE_VLEK : EVIDENCE_VCEK;
	if (evidence_find_cert(e->certs, EVIDENCE_ASK, &ask) < 0 ||
	    evidence_find_cert(e->certs, kind, &own) < 0)
		return err_set(err, ST_SYNTAX, "the evidence's table of certificates is damaged");
	if (!config->ask.len && !ask.len)
		return err_set(
			err, ST_AUTH,
			"the evidence holds no ASK certificate: get it from AMD, give --ask");
	if (!config->endorser.len && !own.len)
		return err_set(
			err, ST_AUTH,
			"the evidence holds no %s certificate: get it from AMD%s, give --vcek",
			kind == EVIDENCE_VLEK ? "VLEK" : "VCEK",
			kind == EVIDENCE_VLEK ? " or the cloud" : "");
	status = chain_verify((struct chain_cert){ config->ark.data, config->ark.len },
			      cert_of(&config->ask, ask), cert_of(&config->endorser, own),
			      &endorser, err);
	if (status)
		return status;
	status = check_extensions(&r, &endorser, err);
	if (!status)
		status = check_signature(&r, &endorser, err);
	if (!status)
		status = check_policy(&r, config, err);
	if (!status)
		status = check_min_tcb(&r, endorser.layout, config, err);
	if (!status)
		status = check_contents(&r, report_data, config, err);
	chain_endorser_deinit(&endorser);
	return status;
}

int attest_verify_report(const void *report, size_t len,
			 const uint8_t report_data[REPORT_DATA_BYTES],
			 const struct attest_config *config, struct err *err)
{
	struct evidence e = { .report = { report, len } };

	return verify(&e, report_data, config, err);
}

int attest_verify_evidence_data(const void *evidence, size_t len,
				const uint8_t report_data[REPORT_DATA_BYTES],
				const struct attest_config *config, struct err *err)
{
	struct evidence e;

	if (len == 0)
		return err_set(err, ST_AUTH,
			       "the guest has shown no evidence: run cvmdbg-attest in it");
	if (evidence_decode(evidence, len, &e))
		return err_set(err, ST_SYNTAX, "the guest's evidence is damaged");
	return verify(&e, report_data, config, err);
}

int attest_verify_evidence(const void *evidence, size_t len, const uint8_t stub_key[ATTEST_KEY],
			   const uint8_t policy_hash[ATTEST_KEY],
			   const struct attest_config *config, struct err *err)
{
	uint8_t report_data[REPORT_DATA_BYTES];

	attest_report_data(stub_key, policy_hash, report_data);
	return attest_verify_evidence_data(evidence, len, report_data, config, err);
}
