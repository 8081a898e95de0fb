/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: link_input link_record_open. The first byte chooses the end under attack and whether its
 * cryptography is real: then nothing may open the link. Else every tag of zeros is right, and the
 * input gets everywhere. The second byte chooses raw bytes, or frames with right checksums of what
 * follows, each behind its length.
 */
#include <stdlib.h>
#include <string.h>

#include "host/crypto/sodium.h"
#include "protocol/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEBUGGER = 1, REAL = 2 };

static bool any_dh(uint8_t ret[NOISE_KEY], const uint8_t secret[NOISE_KEY],
		   const uint8_t public[NOISE_KEY])
{
	memset(ret, secret[0] ^ public[0], NOISE_KEY);
	return true;
}

static void clear_seal(uint8_t *ret, const uint8_t key[NOISE_KEY], uint64_t nonce, const void *ad,
		       size_t ad_len, const void *data, size_t len)
{
	(void)key;
	(void)nonce;
	(void)ad;
	(void)ad_len;
	if (len)
		memmove(ret, data, len);
	memset(ret + len, 0, NOISE_TAG);
}

static bool clear_open(uint8_t *ret, const uint8_t key[NOISE_KEY], uint64_t nonce, const void *ad,
		       size_t ad_len, const void *data, size_t len)
{
	static const uint8_t zeros[NOISE_TAG];

	(void)key;
	(void)nonce;
	(void)ad;
	(void)ad_len;
	if (len < NOISE_TAG || memcmp((const uint8_t *)data + len - NOISE_TAG, zeros, NOISE_TAG))
		return false;
	memmove(ret, data, len - NOISE_TAG);
	return true;
}

static bool count_random(void *arg, uint8_t ret[NOISE_KEY])
{
	memset(ret, ++*(uint8_t *)arg, NOISE_KEY);
	return true;
}

static const char *check(void *arg, const uint8_t peer[NOISE_KEY], const void *evidence, size_t len)
{
	const uint8_t *bytes = evidence;

	(void)arg;
	if (len > LINK_EVIDENCE_MAX)
		abort();
	/* Readable to the last byte, as the sanitizer sees. */
	return len && bytes[0] == 'n' && bytes[len - 1] == 'o' && peer[0] ? "no" : NULL;
}

static void give(struct link *l, const uint8_t *data, size_t size, bool real)
{
	enum link_record type;
	const uint8_t *got;
	size_t n;

	while (size) {
		size_t used = link_input(l, data, size);

		if (used > size)
			abort();
		data += used;
		size -= used;
		if (link_arrived(l, &type, &got, &n)) {
			if (real || n > LINK_DATA_MAX || type == LINK_BYE || type == LINK_WELCOME)
				abort();
			link_taken(l, n);
		} else if (!used) {
			abort();
		}
	}
	if (real && (l->state == LINK_OPEN || l->records_in))
		abort();
	for (n = 0; l->why[n]; n++)
		if (l->why[n] < ' ' || l->why[n] > '~')
			abort();
}

static void take_output(struct link *l, uint8_t choice)
{
	const uint8_t *out;
	size_t len;

	if (choice & 1)
		link_retry(l);
	if (choice & 2)
		(void)link_send(l, LINK_RSP, "answer", 6);
	if (choice & 4)
		link_bye(l, "enough");
	len = link_output(l, &out);
	if (len > LINK_OUT_MAX)
		abort();
	link_sent(l, choice & 8 ? len / 2 : len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[2 * LINK_BODY_MAX + 8], evidence[900];
	static const uint8_t secret[NOISE_KEY] = { 1 }, policy_hash[NOISE_KEY];
	struct noise_crypto crypto = sodium_crypto;
	uint8_t random = 0;
	struct link_config config = {
		.crypto = &crypto,
		.secret = secret,
		.policy_hash = policy_hash,
		.evidence = evidence,
		.evidence_len = sizeof(evidence),
		.random = count_random,
		.check = check,
		.arg = &random,
	};
	struct link l;
	void *mem;
	bool real, framed;

	if (size < 2)
		return 0;
	mem = malloc(LINK_MEMORY);
	if (!mem)
		return 0;
	config.role = data[0] & DEBUGGER ? NOISE_INITIATOR : NOISE_RESPONDER;
	real = data[0] & REAL;
	framed = data[1] & 1;
	if (!real) {
		crypto.dh = any_dh;
		crypto.seal = clear_seal;
		crypto.open = clear_open;
	}
	link_init(&l, &config, mem);
	for (data += 2, size -= 2; size >= 3;) {
		uint8_t choice = data[0];
		size_t len = get_le16(data + 1);
		struct rsp_out out;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		if (framed) {
			rsp_out_begin(&out, frame, sizeof(frame));
			rsp_out_binary(&out, data, len);
			give(&l, frame, rsp_out_end(&out), real);
		} else {
			give(&l, data, len, real);
		}
		take_output(&l, choice);
		data += len;
		size -= len;
	}
	link_wipe(&l);
	free(mem);
	return 0;
}
