/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The SEV-SNP attestation report (AMD 56860, SNP firmware ABI, table "ATTESTATION_REPORT"; versions
 * 2, 3 and 5; facts: virtee sev src/firmware/guest/types/snp.rs): where its fields are, what they
 * say, and a description for people. Says nothing about whether a report is to be believed;
 * verify.h does.
 */
#ifndef HOST_ATTEST_REPORT_H
#define HOST_ATTEST_REPORT_H

#include <jansson.h>

#include "protocol/base.h"

enum {
	REPORT_BYTES = 1184,
	REPORT_DATA_BYTES = 64,
	REPORT_MEASUREMENT_BYTES = 48,
	REPORT_HOST_DATA_BYTES = 32,
	REPORT_DIGEST_BYTES = 48,
	REPORT_CHIP_ID_BYTES = 64,
	REPORT_NUMBER_BYTES = 72, /* R and S of the signature, little endian */
	REPORT_P384_BYTES = 48,	  /* of which these may be non-zero */
	REPORT_ALGO_P384_SHA384 = 1,
};

/* Offsets. Everything below REPORT_SIGNED is under the signature. */
enum report_offset {
	REPORT_VERSION = 0x000,
	REPORT_GUEST_SVN = 0x004,
	REPORT_POLICY = 0x008,
	REPORT_FAMILY_ID = 0x010,
	REPORT_IMAGE_ID = 0x020,
	REPORT_VMPL = 0x030,
	REPORT_SIGNATURE_ALGO = 0x034,
	REPORT_CURRENT_TCB = 0x038,
	REPORT_PLATFORM_INFO = 0x040,
	REPORT_KEY_INFO = 0x048,
	REPORT_REPORT_DATA = 0x050,
	REPORT_MEASUREMENT = 0x090,
	REPORT_HOST_DATA = 0x0c0,
	REPORT_ID_KEY_DIGEST = 0x0e0,
	REPORT_AUTHOR_KEY_DIGEST = 0x110,
	REPORT_REPORT_ID = 0x140,
	REPORT_REPORT_ID_MA = 0x160,
	REPORT_REPORTED_TCB = 0x180,
	REPORT_CPUID = 0x188, /* family, model, stepping; version 3 */
	REPORT_CHIP_ID = 0x1a0,
	REPORT_COMMITTED_TCB = 0x1e0,
	REPORT_CURRENT_FIRMWARE = 0x1e8, /* build, minor, major */
	REPORT_COMMITTED_FIRMWARE = 0x1ec,
	REPORT_LAUNCH_TCB = 0x1f0,
	REPORT_LAUNCH_MIT_VECTOR = 0x1f8, /* version 5 */
	REPORT_CURRENT_MIT_VECTOR = 0x200,
	REPORT_SIGNED = 0x2a0,
	REPORT_SIGNATURE_R = 0x2a0,
	REPORT_SIGNATURE_S = 0x2e8,
	REPORT_TAIL = 0x330, /* reserved, zero, not signed */
};

static_assert(REPORT_SIGNATURE_S == REPORT_SIGNATURE_R + REPORT_NUMBER_BYTES, "report layout");
static_assert(REPORT_TAIL == REPORT_SIGNATURE_S + REPORT_NUMBER_BYTES, "report layout");
static_assert(REPORT_BYTES == REPORT_TAIL + 368, "report layout");

enum report_policy {
	REPORT_POLICY_MIGRATE_MA = 1 << 18,
	REPORT_POLICY_DEBUG = 1 << 19,
};

/* SIGNING_KEY */
enum report_signer { REPORT_VCEK = 0, REPORT_VLEK = 1, REPORT_UNSIGNED = 7 };

/* Versions of the parts that a chip's key is derived from. */
struct report_tcb {
	uint8_t fmc; /* Turin and later */
	uint8_t bootloader, tee, snp, microcode;
};

/* Which bytes of a TCB mean what. */
enum report_layout { REPORT_MILAN, REPORT_TURIN };

struct report {
	uint8_t raw[REPORT_BYTES];
	uint32_t version;
	uint64_t policy;
	uint32_t vmpl;
	uint32_t algo;
	enum report_signer signer;
	bool mask_chip_key;
	/* By the CPU's family; in version 2, which does not tell it, a guess: then layout_known is
	 * false. */
	enum report_layout layout;
	bool layout_known;
};

/*
 * @len must be REPORT_BYTES. ST_SYNTAX: not a report, ST_UNSUPPORTED: a version that this program
 * does not know; both with an explanation. Bytes that no signature covers have to be zero.
 */
struct err;
int report_decode(const void *data, size_t len, struct report *ret, struct err *err) MUST_USE;

/* The TCB at REPORT_{CURRENT,REPORTED,COMMITTED,LAUNCH}_TCB. */
struct report_tcb report_tcb(const struct report *r, enum report_offset which,
			     enum report_layout layout);

/* "vcek", "vlek", "none", "unknown". */
const char *report_signer_name(enum report_signer signer);

/* Every field of @r, in the report's order; the caller owns it. */
json_t *report_describe(const struct report *r);

#endif
