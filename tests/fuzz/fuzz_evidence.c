/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: evidence_decode, evidence_find_cert, chain_verify (DER and PEM through OpenSSL). The
 * input is evidence; the certificates in it are tried in every role. The root is the fuzzer's own
 * and its key signs nothing else, so whatever is accepted is a bug.
 */
#include <stdlib.h>

#include "host/attest/chain.h"
#include "host/attest/evidence.h"
#include "host/attest/verify.h"
#include "host/err.h"
#include "tests/fake/amd_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct amd_chain *trusted(void)
{
	static struct amd_chain chain;

	if (!chain.ark.len) {
		struct amd_plan plan = amd_plan_good();

		amd_chain_make(&plan, &chain);
	}
	return &chain;
}

static struct chain_cert cert(struct evidence_part part)
{
	return (struct chain_cert){ part.data, part.len };
}

/* Parses every certificate to the end of what the chain's checks look at. */
static void try_certs(struct evidence_part table)
{
	const struct attest_cert *root = &trusted()->ark, *middle = &trusted()->ask;
	const struct chain_cert ark = { root->data, root->len },
				ask = { middle->data, middle->len };
	struct evidence_part part;
	struct chain_endorser e;
	struct err err;
	int which;

	for (which = EVIDENCE_ASK; which <= EVIDENCE_VLEK; which++) {
		if (evidence_find_cert(table, which, &part) <= 0)
			continue;
		if (!chain_verify(ark, ask, cert(part), &e, &err) ||
		    !chain_verify(ark, cert(part), cert(part), &e, &err))
			abort();
		/* As its own root: may be good, then its key is freed. */
		if (!chain_verify(cert(part), cert(part), cert(part), &e, &err))
			chain_endorser_deinit(&e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct attest_config config;
	struct evidence e;
	struct err err;

	config.ark = trusted()->ark;
	if (!attest_verify_evidence_data(data, size, NULL, &config, &err))
		abort();
	if (evidence_decode(data, size, &e))
		return 0;
	try_certs(e.certs);
	if (evidence_certs_len(e.certs) > (int)e.certs.len)
		abort();
	return 0;
}
