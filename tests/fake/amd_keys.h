/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A key hierarchy like AMD's, made when a test runs, and attestation reports signed with it: no AMD
 * hardware was near any of them. A plan says in which ways a chain shall be wrong.
 */
#ifndef TESTS_FAKE_AMD_KEYS_H
#define TESTS_FAKE_AMD_KEYS_H

#include "host/attest/verify.h"

struct evp_pkey_st;

enum amd_cert { AMD_NONE, AMD_ARK, AMD_ASK, AMD_LEAF };

struct amd_plan {
	const char *leaf_name;	/* "SEV-VCEK" */
	const char *leaf_curve; /* "P-384" */
	const char *leaf_usage; /* key usage as OpenSSL's configuration writes it; NULL: none */
	const char *ask_usage;
	bool ask_is_no_ca;
	enum amd_cert expired, not_yet, sha1;
	enum amd_cert forged; /* signed by somebody else's key with the right issuer's name */
	bool leaf_by_ark;     /* the ASK is left out */
	bool leaf_without_tcb, leaf_is_ca;
	struct report_tcb tcb;
	bool fmc;
	uint8_t hwid[REPORT_CHIP_ID_BYTES];
	size_t hwid_len; /* 0: no such extension */
};

struct amd_chain {
	struct attest_cert ark, ask, leaf;
	struct evp_pkey_st *key; /* of the leaf */
};

/* A Milan whose chain is right. */
struct amd_plan amd_plan_good(void);

/* Aborts when OpenSSL fails. The caller deinits. The authorities' keys are the same in every chain.
 */
void amd_chain_make(const struct amd_plan *plan, struct amd_chain *ret);
void amd_chain_deinit(struct amd_chain *chain);

/* The chain's ARK, ASK and VCEK as a verifier's configuration that wants nothing more. */
struct attest_config amd_config(const struct amd_chain *chain);

/*
 * A report as this plan's chip makes it, unsigned yet: bytes that tell fields apart, the plan's TCB
 * everywhere, VMPL 0, policy 0x30000, made for a CPU of the plan's generation.
 */
void amd_report_make(const struct amd_plan *plan, uint32_t version, uint8_t ret[REPORT_BYTES]);
void amd_report_sign(const struct amd_chain *chain, uint8_t report[REPORT_BYTES]);

/* Evidence around a report, with a table of these certificates (len 0: left out). Its length. */
size_t amd_evidence_make(const uint8_t report[REPORT_BYTES], const struct attest_cert *ask,
			 const struct attest_cert *vcek, const struct attest_cert *vlek,
			 uint8_t *ret, size_t size);

#endif
