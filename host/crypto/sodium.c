/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * struct noise_crypto on libsodium. Without sodium_init it is correct, only slower in places and
 * not safe to begin in two threads at once; so there is nothing that callers could forget.
 */
#include <sodium.h>

#include "sodium.h"

enum { NONCE = crypto_aead_chacha20poly1305_ietf_NPUBBYTES };

static_assert(crypto_scalarmult_BYTES == NOISE_KEY, "X25519");
static_assert(crypto_scalarmult_SCALARBYTES == NOISE_KEY, "X25519");
static_assert(crypto_hash_sha256_BYTES == NOISE_KEY, "SHA-256");
static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == NOISE_KEY, "ChaCha20");
static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == NOISE_TAG, "Poly1305");

/* libsodium fails for an all-zero result, and refuses the points of low order before. */
static bool dh(uint8_t ret[NOISE_KEY], const uint8_t secret[NOISE_KEY],
	       const uint8_t public[NOISE_KEY])
{
	return crypto_scalarmult(ret, secret, public) == 0;
}

static void hash(uint8_t ret[NOISE_KEY], const struct noise_part *parts, unsigned int count)
{
	crypto_hash_sha256_state state;
	unsigned int i;

	crypto_hash_sha256_init(&state);
	for (i = 0; i < count; i++)
		crypto_hash_sha256_update(&state, parts[i].data, parts[i].len);
	crypto_hash_sha256_final(&state, ret);
	sodium_memzero(&state, sizeof(state));
}

static void put_nonce(uint8_t ret[NONCE], uint64_t nonce)
{
	memset(ret, 0, NONCE - sizeof(nonce));
	put_le64(ret + NONCE - sizeof(nonce), nonce);
}

static void seal(uint8_t *ret, const uint8_t key[NOISE_KEY], uint64_t nonce, const void *ad,
		 size_t ad_len, const void *data, size_t len)
{
	uint8_t bytes[NONCE];

	put_nonce(bytes, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(ret, NULL, data, len, ad, ad_len, NULL, bytes,
						  key);
}

/*
 * libsodium verifies first, but then clears the output of a forged message, and in place that is
 * the message. The detached call with no output only verifies.
 */
static bool open(uint8_t *ret, const uint8_t key[NOISE_KEY], uint64_t nonce, const void *ad,
		 size_t ad_len, const void *data, size_t len)
{
	const uint8_t *sealed = data;
	uint8_t bytes[NONCE];

	if (len < NOISE_TAG)
		return false;
	len -= NOISE_TAG;
	put_nonce(bytes, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(
		    NULL, NULL, sealed, len, sealed + len, ad, ad_len, bytes, key) != 0)
		return false;
	crypto_stream_chacha20_ietf_xor_ic(ret, sealed, len, bytes, 1, key);
	return true;
}

const struct noise_crypto sodium_crypto = {
	.dh = dh,
	.hash = hash,
	.seal = seal,
	.open = open,
};

bool sodium_random32(void *arg, uint8_t ret[NOISE_KEY])
{
	(void)arg;
	randombytes_buf(ret, NOISE_KEY);
	return true;
}

void sodium_sha256(uint8_t ret[NOISE_KEY], const void *data, size_t len)
{
	hash(ret, (struct noise_part[]){ { data, len } }, 1);
}
