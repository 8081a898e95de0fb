/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * ChaCha20-Poly1305, written from RFC 8439 (its section numbers are in the comments). The cipher
 * works on 32-bit words in general registers, the authenticator on 64-bit limbs. Multiplications of
 * 64-bit registers take the same time for all operands on every x86-64 processor that has SEV.
 */
#include "chacha20poly1305.h"
#include "noise.h"

enum { BLOCK = 64, ROUNDS = 20, TAG = 16, WORDS = 16 };

/* --- ChaCha20 (2.1 to 2.4) --- */

static inline uint32_t rotate(uint32_t x, int by)
{
	return x << by | x >> (32 - by);
}

#define QUARTER_ROUND(x, a, b, c, d)                                                               \
	do {                                                                                       \
		x[a] += x[b];                                                                      \
		x[d] = rotate(x[d] ^ x[a], 16);                                                    \
		x[c] += x[d];                                                                      \
		x[b] = rotate(x[b] ^ x[c], 12);                                                    \
		x[a] += x[b];                                                                      \
		x[d] = rotate(x[d] ^ x[a], 8);                                                     \
		x[c] += x[d];                                                                      \
		x[b] = rotate(x[b] ^ x[c], 7);                                                     \
	} while (0)

/* The nonce's first 32 bits are zero, the block counter starts at zero. */
static void cipher_init(uint32_t state[WORDS], const uint8_t key[32], uint64_t nonce)
{
	int i;

	state[0] = 0x61707865; /* "expand 32-byte k" */
	state[1] = 0x3320646e;
	state[2] = 0x79622d32;
	state[3] = 0x6b206574;
	for (i = 0; i < 8; i++)
		state[4 + i] = get_le32(key + 4 * i);
	state[12] = state[13] = 0;
	state[14] = (uint32_t)nonce;
	state[15] = (uint32_t)(nonce >> 32);
}

/* The next block of the key stream. */
static void cipher_block(uint32_t state[WORDS], uint32_t ret[WORDS])
{
	int i;

	memcpy(ret, state, BLOCK);
	for (i = 0; i < ROUNDS; i += 2) {
		QUARTER_ROUND(ret, 0, 4, 8, 12);
		QUARTER_ROUND(ret, 1, 5, 9, 13);
		QUARTER_ROUND(ret, 2, 6, 10, 14);
		QUARTER_ROUND(ret, 3, 7, 11, 15);
		QUARTER_ROUND(ret, 0, 5, 10, 15);
		QUARTER_ROUND(ret, 1, 6, 11, 12);
		QUARTER_ROUND(ret, 2, 7, 8, 13);
		QUARTER_ROUND(ret, 3, 4, 9, 14);
	}
	for (i = 0; i < WORDS; i++)
		ret[i] += state[i];
	state[12]++;
}

/* @ret may be @data: each word is read before it is written. */
static void cipher_xor(uint32_t state[WORDS], uint8_t *ret, const uint8_t *data, size_t len)
{
	uint32_t stream[WORDS];
	size_t i;

	for (; len >= BLOCK; len -= BLOCK, data += BLOCK, ret += BLOCK) {
		cipher_block(state, stream);
		for (i = 0; i < WORDS; i++)
			put_le32(ret + 4 * i, get_le32(data + 4 * i) ^ stream[i]);
	}
	if (len) {
		cipher_block(state, stream);
		for (i = 0; i < len; i++)
			ret[i] = data[i] ^ (uint8_t)(stream[i / 4] >> i % 4 * 8);
	}
	noise_wipe(stream, sizeof(stream));
}

/* --- Poly1305 (2.5), as an AEAD uses it (2.8): whole blocks only --- */

struct authenticator {
	uint64_t h0, h1, h2;	  /* the sum so far, modulo 2^130 - 5, h2 of a few bits */
	uint64_t r0, r1, r1_by_4; /* r; 5/4 of its upper half, exact because r is clamped */
	uint64_t s0, s1;
};

static void authenticator_init(struct authenticator *a, const uint8_t key[32])
{
	*a = (struct authenticator){
		.r0 = get_le64(key) & 0x0ffffffc0fffffff,
		.r1 = get_le64(key + 8) & 0x0ffffffc0ffffffc,
		.s0 = get_le64(key + 16),
		.s1 = get_le64(key + 24),
	};
	a->r1_by_4 = a->r1 + (a->r1 >> 2);
}

/* h = (h + block + 2^128) * r. What lies above 2^130 comes back at the bottom, times five. */
static void authenticator_block(struct authenticator *a, const uint8_t block[TAG])
{
	unsigned __int128 d0 = (unsigned __int128)a->h0 + get_le64(block);
	unsigned __int128 d1 =
		(unsigned __int128)a->h1 + get_le64(block + 8) + (uint64_t)(d0 >> 64);
	uint64_t h0 = (uint64_t)d0, h1 = (uint64_t)d1;
	uint64_t h2 = a->h2 + (uint64_t)(d1 >> 64) + 1;

	d0 = (unsigned __int128)h0 * a->r0 + (unsigned __int128)h1 * a->r1_by_4;
	d1 = (unsigned __int128)h0 * a->r1 + (unsigned __int128)h1 * a->r0 + h2 * a->r1_by_4;
	d1 += (uint64_t)(d0 >> 64);
	h2 = h2 * a->r0 + (uint64_t)(d1 >> 64);

	d0 = (unsigned __int128)(uint64_t)d0 + (h2 >> 2) + (h2 & ~3ull);
	d1 = (unsigned __int128)(uint64_t)d1 + (uint64_t)(d0 >> 64);
	a->h0 = (uint64_t)d0;
	a->h1 = (uint64_t)d1;
	a->h2 = (h2 & 3) + (uint64_t)(d1 >> 64);
}

/* The bytes, and zeros up to a whole block. */
static void authenticator_padded(struct authenticator *a, const uint8_t *data, size_t len)
{
	uint8_t last[TAG] = { 0 };

	for (; len >= TAG; len -= TAG, data += TAG)
		authenticator_block(a, data);
	if (len) {
		memcpy(last, data, len);
		authenticator_block(a, last);
	}
}

/* h modulo 2^130 - 5, once: h - p if that is not negative; then h + s modulo 2^128. */
static void authenticator_tag(const struct authenticator *a, uint8_t ret[TAG])
{
	unsigned __int128 d0 = (unsigned __int128)a->h0 + 5;
	unsigned __int128 d1 = (unsigned __int128)a->h1 + (uint64_t)(d0 >> 64);
	/* All ones when h + 5 reaches 2^130, that is, when h is not below p. */
	uint64_t above = 0 - ((a->h2 + (uint64_t)(d1 >> 64)) >> 2);
	uint64_t h0 = (a->h0 & ~above) | ((uint64_t)d0 & above);
	uint64_t h1 = (a->h1 & ~above) | ((uint64_t)d1 & above);

	d0 = (unsigned __int128)h0 + a->s0;
	put_le64(ret, (uint64_t)d0);
	put_le64(ret + 8, h1 + a->s1 + (uint64_t)(d0 >> 64));
}

/* --- AEAD (2.8) --- */

/* Authenticates the ciphertext with the key that block 0 gives; leaves the cipher at block 1. */
static void compute_tag(uint32_t state[WORDS], const void *ad, size_t ad_len,
			const uint8_t *ciphertext, size_t len, uint8_t ret[TAG])
{
	struct authenticator a;
	uint8_t key[BLOCK] = { 0 }, lengths[TAG];

	cipher_xor(state, key, key, sizeof(key));
	authenticator_init(&a, key);
	authenticator_padded(&a, ad, ad_len);
	authenticator_padded(&a, ciphertext, len);
	put_le64(lengths, ad_len);
	put_le64(lengths + 8, len);
	authenticator_block(&a, lengths);
	authenticator_tag(&a, ret);
	noise_wipe(key, sizeof(key));
	noise_wipe(&a, sizeof(a));
}

void chacha20poly1305_seal(uint8_t *ret, const uint8_t key[32], uint64_t nonce, const void *ad,
			   size_t ad_len, const void *data, size_t len)
{
	uint32_t state[WORDS];

	cipher_init(state, key, nonce);
	state[12] = 1;
	cipher_xor(state, ret, data, len);
	state[12] = 0;
	compute_tag(state, ad, ad_len, ret, len, ret + len);
	noise_wipe(state, sizeof(state));
}

bool chacha20poly1305_open(uint8_t *ret, const uint8_t key[32], uint64_t nonce, const void *ad,
			   size_t ad_len, const void *data, size_t len)
{
	const uint8_t *ciphertext = data;
	uint32_t state[WORDS];
	uint8_t tag[TAG], differs = 0;
	size_t i;

	if (len < TAG)
		return false;
	len -= TAG;
	cipher_init(state, key, nonce);
	compute_tag(state, ad, ad_len, ciphertext, len, tag);
	for (i = 0; i < TAG; i++)
		differs |= tag[i] ^ ciphertext[len + i];
	if (!differs)
		cipher_xor(state, ret, ciphertext, len);
	noise_wipe(state, sizeof(state));
	noise_wipe(tag, sizeof(tag));
	return !differs;
}
