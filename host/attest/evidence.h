/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a guest shows of itself: cvmdbg-attest writes it in the guest, message 2 of the sealed link
 * carries it (link.h), the owner's side reads it. Nothing in it is trusted; verify.h judges. This
 * file and evidence.c need nothing but protocol/base.h, so that the guest's tool can share them.
 *
 *   "CVME"  version (u32, EVIDENCE_VERSION)
 *   type (u32, enum evidence_type)  length (u32)  bytes     any number of times
 *
 * Numbers are little endian. A type comes once at most; unknown ones and left-over bytes are
 * errors, for both ends are ours.
 */
#ifndef HOST_ATTEST_EVIDENCE_H
#define HOST_ATTEST_EVIDENCE_H

#include "protocol/base.h"

enum {
	EVIDENCE_VERSION = 1,
	EVIDENCE_HEADER = 8,
	EVIDENCE_ITEM = 8,
	EVIDENCE_MAX = 16384,	 /* as much as LINK_EVIDENCE_MAX */
	EVIDENCE_CERTS_MAX = 16, /* entries of a table */
	EVIDENCE_GUID = 16,
};

enum evidence_type {
	EVIDENCE_REPORT = 1, /* an SNP attestation report as the firmware made it (report.h) */
	EVIDENCE_CERTS = 2,  /* the host's certificate table as SNP_GET_EXT_REPORT gives it */
};

struct evidence_part {
	const uint8_t *data; /* NULL: absent */
	size_t len;
};

struct evidence {
	struct evidence_part report, certs;
};

/* The certificates a host's table may hold. */
enum evidence_cert { EVIDENCE_ASK, EVIDENCE_VCEK, EVIDENCE_VLEK };

/* Whether @data begins as evidence does: tells it from a bare report. */
bool evidence_is(const void *data, size_t len);

/* The parts of *ret point into @data. ST_SYNTAX. */
int evidence_decode(const void *data, size_t len, struct evidence *ret) MUST_USE;

/* Writes @e to @ret and returns its length; ST_RANGE: does not fit in @size or EVIDENCE_MAX. */
int evidence_encode(const struct evidence *e, uint8_t *ret, size_t size) MUST_USE;

/*
 * Finds a certificate in a table: {GUID, offset u32, length u32} until a GUID of zeros (GHCB
 * specification 56421, 4.1.8.1, cert_table). Returns 1 with *ret pointing into the table,
 * 0: not there, ST_SYNTAX: the table is malformed.
 */
int evidence_find_cert(struct evidence_part table, enum evidence_cert which,
		       struct evidence_part *ret) MUST_USE;

/*
 * Length of the table without the padding that hosts add; ST_SYNTAX as above. An empty table has
 * the length 0.
 */
int evidence_certs_len(struct evidence_part table) MUST_USE;

#endif
