/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The portable ChaCha20-Poly1305 against RFC 8439's vectors and, over all small lengths and some
 * big ones, against libsodium's. Includes the source, under other names, because most of the RFC's
 * vectors are of the parts, or have nonces that Noise does not use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "host/crypto/sodium.h"
#include "protocol/buf.h"

#define chacha20poly1305_seal white_box_seal
#define chacha20poly1305_open white_box_open
#include "protocol/chacha20poly1305.c"
#undef chacha20poly1305_seal
#undef chacha20poly1305_open

enum { TEXT_MAX = 512, LEN_MAX = 1 << 20 };

static const char ladies[] =
	"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
	"future, sunscreen would be it.";
static const char twas[] = "'Twas brillig, and the slithy toves\nDid gyre and gimble in the wabe:\n"
			   "All mimsy were the borogoves,\nAnd the mome raths outgrabe.";
static const char drafts[] =
	"Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
	"replaced, or obsoleted by other documents at any time. It is inappropriate to use "
	"Internet-Drafts as reference material or to cite them other than as "
	"/\342\200\234work in progress./\342\200\235";

static const char key_counting[] =
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char key_zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
static const char key_twas[] = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";

static size_t from_hex(const char *hex, uint8_t *ret)
{
	struct buf b;

	buf_init_const(&b, hex, strlen(hex));
	assert_true(buf_get_hex_bytes(&b, ret, strlen(hex) / 2));
	return strlen(hex) / 2;
}

/* The cipher with any nonce and counter. */
static void set_up(uint32_t state[WORDS], const char *key, const char *nonce, uint32_t counter)
{
	uint8_t key_bytes[32], nonce_bytes[12];

	from_hex(key, key_bytes);
	from_hex(nonce, nonce_bytes);
	cipher_init(state, key_bytes, get_le64(nonce_bytes + 4));
	state[13] = get_le32(nonce_bytes);
	state[12] = counter;
}

static const struct cipher_row {
	const char *key, *nonce;
	uint32_t counter;
	const char *text; /* NULL: zeros, the key stream itself */
	const char *sealed;
} cipher_rows[] = {
	/* 2.3.2 */
	{ key_counting, "000000090000004a00000000", 1, NULL,
	  "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
	  "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e" },
	/* 2.4.2 */
	{ key_counting, "000000000000004a00000000", 1, ladies,
	  "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
	  "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
	  "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
	  "5af90bbf74a35be6b40b8eedf2785e42874d" },
	/* A.1, 1 and 2 */
	{ key_zero, "000000000000000000000000", 0, NULL,
	  "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	  "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586" },
	{ key_zero, "000000000000000000000000", 1, NULL,
	  "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
	  "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f" },
	/* A.2, 3 */
	{ key_twas, "000000000000000000000002", 42, twas,
	  "62e6347f95ed87a45ffae7426f27a1df5fb69110044c0d73118effa95b01e5cf"
	  "166d3df2d721caf9b21e5fb14c616871fd84c54f9d65b283196c7fe4f60553eb"
	  "f39c6402c42234e32a356b3e764312a61a5532055716ead6962568f87d3f3f77"
	  "04c6a8d1bcd1bf4d50d6154b6da731b187b58dfd728afa36757a797ac188d1" },
};

static void test_cipher(void **state)
{
	uint32_t cipher[WORDS];
	uint8_t expected[TEXT_MAX], got[TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cipher_rows); i++) {
		const struct cipher_row *r = &cipher_rows[i];
		size_t len = from_hex(r->sealed, expected);

		memset(got, 0, sizeof(got));
		if (r->text) {
			assert_int_equal(len, strlen(r->text));
			memcpy(got, r->text, len);
		}
		set_up(cipher, r->key, r->nonce, r->counter);
		cipher_xor(cipher, got, got, len);
		assert_memory_equal(got, expected, len);
	}
}

static const struct tag_row {
	const char *key;
	const char *text; /* or, if NULL: */
	const char *hex;
	const char *tag;
} tag_rows[] = {
	/* 2.5.2; A.3, 4: their last blocks are partial */
	{ "85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
	  "Cryptographic Forum Research Group", NULL, "a8061dc1305136c6c22b8baf0c0127a9" },
	{ key_twas, twas, NULL, "4541669a7eaaee61e708dc7cbcc5eb62" },
	/* A.3, 1 */
	{ key_zero, NULL, "00000000000000000000000000000000", "00000000000000000000000000000000" },
	/* A.3, 7 to 11: carries, and sums at and around 2^130 - 5 */
	{ "0200000000000000000000000000000000000000000000000000000000000000", NULL,
	  "ffffffffffffffffffffffffffffffff", "03000000000000000000000000000000" },
	{ "02000000000000000000000000000000ffffffffffffffffffffffffffffffff", NULL,
	  "02000000000000000000000000000000", "03000000000000000000000000000000" },
	{ "0100000000000000000000000000000000000000000000000000000000000000", NULL,
	  "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff"
	  "11000000000000000000000000000000",
	  "05000000000000000000000000000000" },
	{ "0100000000000000000000000000000000000000000000000000000000000000", NULL,
	  "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe"
	  "01010101010101010101010101010101",
	  "00000000000000000000000000000000" },
	{ "0200000000000000000000000000000000000000000000000000000000000000", NULL,
	  "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff" },
	{ "0100000000000000040000000000000000000000000000000000000000000000", NULL,
	  "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
	  "0000000000000000000000000000000001000000000000000000000000000000",
	  "14000000000000005500000000000000" },
	{ "0100000000000000040000000000000000000000000000000000000000000000", NULL,
	  "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
	  "00000000000000000000000000000000",
	  "13000000000000000000000000000000" },
};

static void test_tag(void **state)
{
	uint8_t key[32], data[TEXT_MAX] = { 0 }, tag[TAG], expected[TAG];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(tag_rows); i++) {
		const struct tag_row *r = &tag_rows[i];
		size_t len = r->text ? strlen(r->text) : from_hex(r->hex, data);
		size_t whole = len - len % TAG;
		struct authenticator a;

		if (r->text)
			memcpy(data, r->text, len);
		from_hex(r->key, key);
		from_hex(r->tag, expected);
		authenticator_init(&a, key);
		authenticator_padded(&a, data, whole);
		if (len > whole) {
			/* What an AEAD never has: a last block whose 1 is behind its bytes. */
			memset(data + len, 0, TAG);
			data[len] = 1;
			a.h2--;
			authenticator_block(&a, data + whole);
		}
		authenticator_tag(&a, tag);
		assert_memory_equal(tag, expected, TAG);
	}
}

/* 2.8.2, by its parts because of the nonce. */
static void test_sunscreen(void **state)
{
	static const char key[] =
		"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
	uint8_t ad[16], expected[TEXT_MAX], tag[TAG], data[sizeof(ladies) - 1];
	size_t ad_len = from_hex("50515253c0c1c2c3c4c5c6c7", ad);
	uint32_t cipher[WORDS];

	(void)state;
	memcpy(data, ladies, sizeof(data));
	from_hex("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
		 "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
		 "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
		 "3ff4def08e4b7a9de576d26586cec64b6116"
		 "1ae10b594f09e26a7e902ecbd0600691",
		 expected);
	set_up(cipher, key, "070000004041424344454647", 1);
	cipher_xor(cipher, data, data, sizeof(data));
	assert_memory_equal(data, expected, sizeof(data));
	cipher[12] = 0;
	compute_tag(cipher, ad, ad_len, data, sizeof(data), tag);
	assert_memory_equal(tag, expected + sizeof(data), TAG);
}

/* A.5: the nonce is one of ours. */
static void test_drafts(void **state)
{
	uint8_t key[32], nonce[8], ad[16], expected[TEXT_MAX], got[TEXT_MAX];
	size_t len = strlen(drafts), ad_len = from_hex("f33388860000000000004e91", ad);

	(void)state;
	from_hex(key_twas, key);
	from_hex("0102030405060708", nonce);
	assert_int_equal(from_hex("64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
				  "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
				  "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
				  "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
				  "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
				  "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
				  "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
				  "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
				  "a6ad5cb4022b02709b"
				  "eead9d67890cbb22392336fea1851f38",
				  expected),
			 len + TAG);
	white_box_seal(got, key, get_le64(nonce), ad, ad_len, drafts, len);
	assert_memory_equal(got, expected, len + TAG);
	assert_true(white_box_open(got, key, get_le64(nonce), ad, ad_len, got, len + TAG));
	assert_memory_equal(got, drafts, len);
}

static uint8_t plain[LEN_MAX], ours[LEN_MAX + TAG], theirs[LEN_MAX + TAG];

static void randomize(void *data, size_t len)
{
	uint8_t *bytes = data;

	while (len--)
		*bytes++ = (uint8_t)(rand() >> 7);
}

/* Both implementations say the same, and open what the other has sealed, here and in place. */
static void compare(size_t len, size_t ad_len)
{
	uint8_t key[32], ad[64];
	uint64_t nonce;

	randomize(key, sizeof(key));
	randomize(ad, sizeof(ad));
	randomize(&nonce, sizeof(nonce));
	randomize(plain, len);
	sodium_crypto.seal(theirs, key, nonce, ad, ad_len, plain, len);
	white_box_seal(ours, key, nonce, ad, ad_len, plain, len);
	assert_memory_equal(ours, theirs, len + TAG);
	assert_true(white_box_open(ours, key, nonce, ad, ad_len, theirs, len + TAG));
	assert_memory_equal(ours, plain, len);
	assert_true(sodium_crypto.open(theirs, key, nonce, ad, ad_len, theirs, len + TAG));
	assert_memory_equal(theirs, plain, len);
	white_box_seal(ours, key, nonce, ad, ad_len, ours, len);
	assert_true(white_box_open(ours, key, nonce, ad, ad_len, ours, len + TAG));
	assert_memory_equal(ours, plain, len);
}

static void test_against_libsodium(void **state)
{
	static const size_t big[] = { 4096, 16384 + 3, 65535, LEN_MAX };
	size_t i;

	(void)state;
	for (i = 0; i <= 1100; i++) {
		compare(i, 0);
		compare(i, i % 65);
	}
	for (i = 0; i < ARRAY_LEN(big); i++)
		compare(big[i], 32);
}

/*
 * Data that is all ones or nearly, as sealed by the cipher, under keys that are all ones: the
 * greatest intermediate sums.
 */
static void test_extremes(void **state)
{
	uint8_t key[32], data[10 * TAG], tag[TAG], expected[TAG];
	size_t i;

	(void)state;
	memset(key, 0xff, sizeof(key));
	memset(data, 0xff, sizeof(data));
	for (i = 0; i < 1000; i++) {
		struct authenticator a;

		authenticator_init(&a, key);
		authenticator_padded(&a, data, sizeof(data));
		authenticator_tag(&a, tag);
		crypto_onetimeauth_poly1305(expected, data, sizeof(data), key);
		assert_memory_equal(tag, expected, TAG);
		data[(size_t)rand() % sizeof(data)] ^= (uint8_t)(1 << rand() % 8);
		key[(size_t)rand() % sizeof(key)] ^= (uint8_t)(1 << rand() % 8);
	}
}

/* Each changed bit of ciphertext, tag, key, nonce and data is refused, and nothing is written. */
static void check_forged(const struct noise_crypto *crypto)
{
	uint8_t key[32] = { 7 }, ad[5] = "head", sealed[45 + TAG], before[45 + TAG], out[45];
	static const uint8_t zeros[45];
	size_t bit;

	crypto->seal(sealed, key, 5, ad, sizeof(ad), zeros, sizeof(zeros));
	for (bit = 0; bit < sizeof(sealed) * 8; bit++) {
		memcpy(before, sealed, sizeof(sealed));
		before[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memcpy(ours, before, sizeof(sealed));
		memset(out, 0x55, sizeof(out));
		memset(plain, 0x55, sizeof(out));
		assert_false(crypto->open(out, key, 5, ad, sizeof(ad), ours, sizeof(sealed)));
		assert_memory_equal(out, plain, sizeof(out));
		assert_false(crypto->open(ours, key, 5, ad, sizeof(ad), ours, sizeof(sealed)));
		assert_memory_equal(ours, before, sizeof(sealed));
	}
	assert_false(crypto->open(out, key, 6, ad, sizeof(ad), sealed, sizeof(sealed)));
	assert_false(crypto->open(out, key, 5, ad, sizeof(ad) - 1, sealed, sizeof(sealed)));
	assert_false(crypto->open(out, key, 5, ad, sizeof(ad), sealed, sizeof(sealed) - 1));
	assert_false(crypto->open(out, key, 5, ad, sizeof(ad), sealed, TAG));
	assert_false(crypto->open(out, key, 5, ad, sizeof(ad), sealed, TAG - 1));
	assert_false(crypto->open(out, key, 5, ad, sizeof(ad), sealed, 0));
	key[31] = 1;
	assert_false(crypto->open(out, key, 5, ad, sizeof(ad), sealed, sizeof(sealed)));
	assert_memory_equal(out, plain, sizeof(out));
}

static void test_forged(void **state)
{
	static const struct noise_crypto portable = { .seal = white_box_seal,
						      .open = white_box_open };

	(void)state;
	check_forged(&portable);
	check_forged(&sodium_crypto);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cipher),
		cmocka_unit_test(test_tag),
		cmocka_unit_test(test_sunscreen),
		cmocka_unit_test(test_drafts),
		cmocka_unit_test(test_against_libsodium),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_forged),
	};

	return cmocka_run_group_tests_name("chacha20poly1305", tests, NULL, NULL);
}
