/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Whether an attestation report proves what the owner wants: a chain of certificates that begins
 * with the owner's own copy of AMD's root, a signature, and a guest that is what it should be.
 * Knows reports and evidence; does no I/O and prints nothing.
 *
 * Limits: revocation is not checked, and a chip whose keys were extracted (docs/security.md) signs
 * whatever its thief likes: min_tcb is the owner's means against known holes.
 */
#ifndef HOST_ATTEST_VERIFY_H
#define HOST_ATTEST_VERIFY_H

#include "host/attest/report.h"

struct err;

enum {
	ATTEST_CERT_MAX = 8192, /* PEM or DER; AMD's have 1 to 3 KiB */
	ATTEST_KEY = 32,	/* a stub's public key, a policy's SHA-256 */
};

/* A certificate, PEM or DER; len 0: none. */
struct attest_cert {
	size_t len;
	uint8_t data[ATTEST_CERT_MAX];
};

/* What the owner trusts and wants. Zeroed, with `ark` set: the strictest that fits every guest. */
struct attest_config {
	struct attest_cert ark;	     /* the root: always the owner's own */
	struct attest_cert ask;	     /* ASK, or ASVK for a VLEK; none: as the evidence says */
	struct attest_cert endorser; /* VCEK or VLEK; none: as the evidence says */
	bool want_measurement, want_host_data, want_id_key_digest;
	uint8_t measurement[REPORT_MEASUREMENT_BYTES];
	uint8_t host_data[REPORT_HOST_DATA_BYTES];
	uint8_t id_key_digest[REPORT_DIGEST_BYTES];
	struct report_tcb min_tcb;   /* each component of REPORTED_TCB and LAUNCH_TCB, at least */
	uint32_t max_vmpl;	     /* who asked for the report: 0 is the most privileged */
	bool allow_debug_policy;     /* the host may read the guest: for tests only */
	bool allow_migration_policy; /* a migration agent, a second guest, may export this one */
};

/* REPORT_DATA of a stub: SHA-512("cvmdbg-attest-1" || public key || SHA-256 of the policy). */
void attest_report_data(const uint8_t stub_key[ATTEST_KEY], const uint8_t policy_hash[ATTEST_KEY],
			uint8_t ret[REPORT_DATA_BYTES]);

/*
 * Judges one report. @report_data: what it has to say, or NULL: anything. 0, or ST_AUTH with a text
 * that says what differs and what to do about it; ST_SYNTAX and ST_UNSUPPORTED as report_decode.
 */
int attest_verify_report(const void *report, size_t len,
			 const uint8_t report_data[REPORT_DATA_BYTES],
			 const struct attest_config *config, struct err *err) MUST_USE;

/*
 * Judges evidence (evidence.h), as message 2 of the link carries it, of the stub that has proven to
 * own @stub_key and enforces the policy of that hash. Certificates from the evidence stand in for
 * `ask` and `endorser` where @config has none. @len 0: the guest has no evidence.
 */
int attest_verify_evidence(const void *evidence, size_t len, const uint8_t stub_key[ATTEST_KEY],
			   const uint8_t policy_hash[ATTEST_KEY],
			   const struct attest_config *config, struct err *err) MUST_USE;

/* The same with the 64 bytes given; NULL: any. */
int attest_verify_evidence_data(const void *evidence, size_t len,
				const uint8_t report_data[REPORT_DATA_BYTES],
				const struct attest_config *config, struct err *err) MUST_USE;

#endif
