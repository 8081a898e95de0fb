/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * AMD's certificates (57230, "VCEK Certificate and KDS Interface Specification"): from the root key
 * (ARK) over the intermediate (ASK; ASVK) to the key that signs reports, a chip's (VCEK) or a
 * cloud's (VLEK). chain.c is the only file that knows OpenSSL. It judges certificates and
 * signatures, not reports.
 */
#ifndef HOST_ATTEST_CHAIN_H
#define HOST_ATTEST_CHAIN_H

#include "host/attest/report.h"

struct err;
struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

/* A certificate's bytes, PEM or DER. */
struct chain_cert {
	const void *data;
	size_t len;
};

/* The key that signs reports, and what AMD says of it in its certificate's extensions. */
struct chain_endorser {
	enum report_signer kind;   /* REPORT_VCEK or REPORT_VLEK */
	enum report_layout layout; /* REPORT_TURIN: the certificate has an FMC version */
	struct report_tcb tcb;	   /* what the key was derived for */
	size_t hwid_len;	   /* 64; Turin 8; 0 in a VLEK, which is no chip's */
	uint8_t hwid[REPORT_CHIP_ID_BYTES];
	struct evp_pkey_st *key; /* on P-384 */
};

/*
 * Verifies the chain of exactly these three now: names, signatures, dates, what each key may be
 * used for. *ret is the caller's to deinit. ST_AUTH with a text that names the certificate.
 */
int chain_verify(struct chain_cert ark, struct chain_cert ask, struct chain_cert endorser,
		 struct chain_endorser *ret, struct err *err) MUST_USE;
void chain_endorser_deinit(struct chain_endorser *e);

/*
 * ECDSA with SHA-384; @r and @s are REPORT_NUMBER_BYTES long, little endian. False: not signed by
 * @e's key, whatever the reason.
 */
bool chain_signed(const struct chain_endorser *e, const void *data, size_t len, const uint8_t *r,
		  const uint8_t *s) MUST_USE;

#endif
