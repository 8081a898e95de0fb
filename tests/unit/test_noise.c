/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The Noise handshake: the published vector, and what an attacker can do to three messages. Each
 * test runs twice: with libsodium's cipher and with the portable one that the stub uses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/crypto/sodium.h"
#include "protocol/buf.h"
#include "protocol/chacha20poly1305.h"
#include "protocol/status.h"

enum { MESSAGES = 6, HANDSHAKE = 3, WIRE_MAX = 256 };

static const char prologue[] = "John Galt";

/*
 * "Noise_XX_25519_ChaChaPoly_SHA256" of cacophony.txt, made by the Haskell implementation Cacophony
 * and published by it and with snow (github.com/mcginty/snow, tests/vectors/cacophony.txt).
 * Initiator and responder take turns; the first three messages are the handshake.
 */
static const struct vector {
	const char *init_static, *init_ephemeral, *resp_static, *resp_ephemeral, *hash;
	struct {
		const char *payload, *ciphertext;
	} messages[MESSAGES];
} vector = {
	.init_static = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
	.init_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
	.resp_static = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
	.resp_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
	.hash = "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e",
	.messages = {
		{ "4c756477696720766f6e204d69736573",
		  "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
		  "4c756477696720766f6e204d69736573" },
		{ "4d757272617920526f746862617264",
		  "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
		  "81cbad1f276e038c48378ffce2b65285e08d6b68aaa3629a5a8639392490e5b9"
		  "bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f8a0db50f"
		  "8814c7194e83f23dbd8d162c9326ad" },
		{ "462e20412e20486179656b",
		  "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a8"
		  "0ae475b9df0f169ae80a89be0865b57f58c9fea0d4ec82a286427402f113e4b6"
		  "ae769a1d95941d49b25030" },
		{ "4361726c204d656e676572",
		  "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df" },
		{ "4a65616e2d426170746973746520536179",
		  "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5" },
		{ "457567656e2042f6686d20766f6e2042617765726b",
		  "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3"
		  "a58502ae3f" },
	},
};

static size_t from_hex(const char *hex, uint8_t *ret)
{
	struct buf b;

	buf_init_const(&b, hex, strlen(hex));
	assert_true(buf_get_hex_bytes(&b, ret, strlen(hex) / 2));
	return strlen(hex) / 2;
}

/* The two ends of the vector; what they have written. */
struct pair {
	struct noise end[2];
	uint8_t wire[WIRE_MAX];
	size_t len;
};

static void begin(struct pair *p, const struct noise_crypto *crypto, const char *resp_prologue)
{
	uint8_t secret[NOISE_KEY], ephemeral[NOISE_KEY];

	from_hex(vector.init_static, secret);
	from_hex(vector.init_ephemeral, ephemeral);
	noise_init(&p->end[0], crypto, NOISE_INITIATOR, prologue, strlen(prologue), secret,
		   ephemeral);
	from_hex(vector.resp_static, secret);
	from_hex(vector.resp_ephemeral, ephemeral);
	noise_init(&p->end[1], crypto, NOISE_RESPONDER, resp_prologue, strlen(resp_prologue),
		   secret, ephemeral);
}

/* Message @i (0 to 2) of the vector, left in p->wire. */
static void write_message(struct pair *p, unsigned int i)
{
	uint8_t payload[WIRE_MAX];
	size_t len = from_hex(vector.messages[i].payload, payload);
	int written = noise_write(&p->end[i % 2], payload, len, p->wire, sizeof(p->wire));

	assert_true(written > 0);
	p->len = (size_t)written;
}

static int read_message(struct pair *p, unsigned int i)
{
	uint8_t *payload;

	return noise_read(&p->end[1 - i % 2], p->wire, p->len, &payload);
}

/* The handshake's messages before @i, undamaged. */
static void advance_to(struct pair *p, unsigned int i)
{
	unsigned int m;

	for (m = 0; m < i; m++) {
		write_message(p, m);
		assert_true(read_message(p, m) >= 0);
	}
}

static void check_hex(const uint8_t *data, size_t len, const char *hex)
{
	uint8_t expected[WIRE_MAX];

	assert_int_equal(len, from_hex(hex, expected));
	assert_memory_equal(data, expected, len);
}

static void test_vector(void **state)
{
	const struct noise_crypto *crypto = *state;
	struct noise_cipher send[2], receive[2];
	uint8_t payload[WIRE_MAX], *got;
	struct pair p;
	unsigned int i;

	begin(&p, crypto, prologue);
	for (i = 0; i < HANDSHAKE; i++) {
		int len;

		write_message(&p, i);
		check_hex(p.wire, p.len, vector.messages[i].ciphertext);
		len = noise_read(&p.end[1 - i % 2], p.wire, p.len, &got);
		assert_true(len >= 0);
		check_hex(got, (size_t)len, vector.messages[i].payload);
	}
	for (i = 0; i < 2; i++) {
		uint8_t secret[NOISE_KEY], public[NOISE_KEY];

		assert_int_equal(noise_split(&p.end[i], &send[i], &receive[i]), 0);
		check_hex(p.end[i].hash, NOISE_KEY, vector.hash);
		from_hex(i ? vector.init_static : vector.resp_static, secret);
		noise_public(crypto, public, secret);
		assert_true(p.end[i].peer_known);
		assert_memory_equal(p.end[i].peer, public, NOISE_KEY);
	}
	for (i = HANDSHAKE; i < MESSAGES; i++) {
		size_t len = from_hex(vector.messages[i].payload, payload);

		noise_seal(crypto, &send[i % 2], p.wire, payload, len);
		check_hex(p.wire, len + NOISE_TAG, vector.messages[i].ciphertext);
		assert_int_equal(
			noise_open(crypto, &receive[1 - i % 2], p.wire, p.wire, len + NOISE_TAG),
			0);
		check_hex(p.wire, len, vector.messages[i].payload);
	}
}

static bool all_zero(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

/* No secret is left in a handshake that failed or is over. */
static void check_wiped(const struct noise *n)
{
	assert_true(all_zero(n->secret, NOISE_KEY) && all_zero(n->ephemeral, NOISE_KEY));
	assert_true(all_zero(n->chaining, NOISE_KEY) && all_zero(&n->cipher, sizeof(n->cipher)));
	assert_false(n->keyed);
	assert_int_equal(n->message, 0);
}

static bool finish(struct pair *p, unsigned int from)
{
	struct noise_cipher a, b, c, d;
	unsigned int m;

	for (m = from; m < HANDSHAKE; m++) {
		write_message(p, m);
		if (read_message(p, m) < 0)
			return false;
	}
	assert_int_equal(noise_split(&p->end[0], &a, &b), 0);
	assert_int_equal(noise_split(&p->end[1], &c, &d), 0);
	return memcmp(a.key, d.key, NOISE_KEY) == 0 && memcmp(b.key, c.key, NOISE_KEY) == 0;
}

/*
 * Every bit of every message. The first is in clear, so that only the second can tell; the others
 * are refused at once, by an end that keeps nothing.
 */
static void test_bits(void **state)
{
	struct pair p, fresh;
	size_t bit, bits;
	unsigned int i;

	for (i = 0; i < HANDSHAKE; i++) {
		begin(&fresh, *state, prologue);
		advance_to(&fresh, i);
		write_message(&fresh, i);
		bits = fresh.len * 8;
		for (bit = 0; bit < bits; bit++) {
			p = fresh;
			p.wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
			/*
			 * X25519 ignores the highest bit of a public key (RFC 7748, section 5); the
			 * transcript's hash does not.
			 */
			if (i == 0) {
				assert_true(read_message(&p, i) >= 0);
				write_message(&p, 1);
				assert_int_equal(read_message(&p, 1), ST_AUTH);
				check_wiped(&p.end[0]);
				continue;
			}
			assert_int_equal(read_message(&p, i), ST_AUTH);
			check_wiped(&p.end[1 - i % 2]);
			assert_false(p.end[1 - i % 2].peer_known);
		}
		p = fresh;
		assert_true(read_message(&p, i) >= 0);
		assert_true(finish(&p, i + 1));
	}
}

static void test_lengths(void **state)
{
	struct pair p, fresh;
	unsigned int i;
	size_t len;

	for (i = 0; i < HANDSHAKE; i++) {
		begin(&fresh, *state, prologue);
		advance_to(&fresh, i);
		write_message(&fresh, i);
		for (len = 0; len < fresh.len + 20; len++) {
			p = fresh;
			p.len = len;
			if (len == fresh.len)
				assert_true(read_message(&p, i) >= 0);
			else if (i || len < NOISE_MESSAGE1)
				assert_int_equal(read_message(&p, i), ST_AUTH);
		}
	}
}

static void test_prologue(void **state)
{
	struct pair p;

	begin(&p, *state, "John Malt");
	advance_to(&p, 1);
	write_message(&p, 1);
	assert_int_equal(read_message(&p, 1), ST_AUTH);
}

/* Points of low order (RFC 7748, section 6.1; cr.yp.to/ecdh.html): the shared secret would be zero.
 */
static const char *const worthless[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

static void test_worthless_keys(void **state)
{
	uint8_t *payload, out[WIRE_MAX];
	struct pair p;
	size_t i;

	for (i = 0; i < ARRAY_LEN(worthless); i++) {
		/* To the responder: it has nothing to answer. */
		begin(&p, *state, prologue);
		from_hex(worthless[i], p.wire);
		assert_int_equal(noise_read(&p.end[1], p.wire, NOISE_MESSAGE1, &payload), 0);
		assert_int_equal(noise_write(&p.end[1], NULL, 0, out, sizeof(out)), ST_INVAL);
		check_wiped(&p.end[1]);
		/* To the initiator. */
		begin(&p, *state, prologue);
		advance_to(&p, 1);
		write_message(&p, 1);
		from_hex(worthless[i], p.wire);
		assert_int_equal(read_message(&p, 1), ST_AUTH);
		check_wiped(&p.end[0]);
	}
}

/* A static key of low order, by one who knows the protocol: es or se would be known to all. */
static void test_worthless_static(void **state)
{
	const struct noise_crypto *crypto = *state;
	struct pair p;

	begin(&p, crypto, prologue);
	memset(p.end[1].public, 0, NOISE_KEY);
	advance_to(&p, 1);
	write_message(&p, 1);
	assert_int_equal(read_message(&p, 1), ST_AUTH);

	begin(&p, crypto, prologue);
	memset(p.end[0].public, 0, NOISE_KEY);
	advance_to(&p, 2);
	write_message(&p, 2);
	assert_int_equal(read_message(&p, 2), ST_AUTH);
}

static void test_out_of_turn(void **state)
{
	struct noise_cipher send, receive;
	uint8_t out[WIRE_MAX], data[WIRE_MAX] = { 9 }, *payload;
	struct pair p;
	unsigned int i;

	begin(&p, *state, prologue);
	for (i = 0; i <= HANDSHAKE; i++) {
		struct noise *writer = &p.end[i % 2], *reader = &p.end[1 - i % 2];

		assert_int_equal(noise_write(reader, NULL, 0, out, sizeof(out)), ST_INVAL);
		assert_int_equal(noise_read(writer, data, sizeof(data), &payload), ST_INVAL);
		if (i == HANDSHAKE)
			break;
		assert_int_equal(noise_split(writer, &send, &receive), ST_INVAL);
		write_message(&p, i);
		assert_int_equal(noise_write(writer, NULL, 0, out, sizeof(out)), ST_INVAL);
		assert_int_equal(read_message(&p, i) < 0, false);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(noise_split(&p.end[i], &send, &receive), 0);
		check_wiped(&p.end[i]);
		assert_int_equal(noise_split(&p.end[i], &send, &receive), ST_INVAL);
		assert_int_equal(noise_write(&p.end[i], NULL, 0, out, sizeof(out)), ST_INVAL);
		assert_int_equal(noise_read(&p.end[i], data, sizeof(data), &payload), ST_INVAL);
	}
}

/* Nothing is written past @size, and the turn is still ours. */
static void test_room(void **state)
{
	static const size_t needs[HANDSHAKE] = { NOISE_MESSAGE1, NOISE_MESSAGE2, NOISE_MESSAGE3 };
	static uint8_t big[NOISE_MESSAGE_MAX + 1];
	uint8_t out[WIRE_MAX], untouched[WIRE_MAX];
	struct pair p;
	unsigned int i;

	memset(untouched, 0x55, sizeof(untouched));
	begin(&p, *state, prologue);
	for (i = 0; i < HANDSHAKE; i++) {
		struct noise *n = &p.end[i % 2];

		memcpy(out, untouched, sizeof(out));
		assert_int_equal(noise_write(n, "abc", 3, out, needs[i] + 2), ST_RANGE);
		assert_int_equal(noise_write(n, big, sizeof(big), big, sizeof(big)), ST_RANGE);
		assert_int_equal(noise_write(n, big, SIZE_MAX, out, sizeof(out)), ST_RANGE);
		assert_memory_equal(out, untouched, sizeof(out));
		assert_int_equal(noise_write(n, "abc", 3, p.wire, needs[i] + 3), needs[i] + 3);
		p.len = needs[i] + 3;
		assert_int_equal(read_message(&p, i), 3);
	}
}

static void test_cipher(void **state)
{
	const struct noise_crypto *crypto = *state;
	struct noise_cipher send = { .key = { 1, 2, 3 } }, receive = send;
	uint8_t first_key[NOISE_KEY], sealed[64], again[64];
	uint32_t i;

	memcpy(first_key, send.key, NOISE_KEY);
	for (i = 0; i < 2 * NOISE_REKEY_AFTER + 10; i++) {
		uint8_t data[4];

		put_le32(data, i);
		noise_seal(crypto, &send, sealed, data, sizeof(data));
		assert_int_equal(
			noise_open(crypto, &receive, sealed, sealed, sizeof(data) + NOISE_TAG), 0);
		assert_int_equal(get_le32(sealed), i);
		assert_int_equal(memcmp(send.key, first_key, NOISE_KEY) == 0,
				 i + 1 < NOISE_REKEY_AFTER);
	}
	/* The same message twice: the second is not the next. */
	noise_seal(crypto, &send, sealed, "once", 4);
	memcpy(again, sealed, sizeof(again));
	assert_int_equal(noise_open(crypto, &receive, sealed, sealed, 4 + NOISE_TAG), 0);
	assert_int_equal(noise_open(crypto, &receive, again, again, 4 + NOISE_TAG), ST_AUTH);
	assert_true(all_zero(&receive, sizeof(receive)));
	assert_int_equal(noise_open(crypto, &receive, again, again, NOISE_TAG - 1), ST_AUTH);
}

int main(void)
{
	static struct noise_crypto portable;
	static const struct {
		const char *name;
		CMUnitTestFunction run;
	} tests[] = {
		{ "vector", test_vector },
		{ "bits", test_bits },
		{ "lengths", test_lengths },
		{ "prologue", test_prologue },
		{ "worthless_keys", test_worthless_keys },
		{ "worthless_static", test_worthless_static },
		{ "out_of_turn", test_out_of_turn },
		{ "room", test_room },
		{ "cipher", test_cipher },
	};
	struct CMUnitTest all[2 * ARRAY_LEN(tests)];
	char names[2 * ARRAY_LEN(tests)][40];
	size_t i;

	portable = sodium_crypto;
	portable.seal = chacha20poly1305_seal;
	portable.open = chacha20poly1305_open;
	for (i = 0; i < ARRAY_LEN(all); i++) {
		snprintf(names[i], sizeof(names[i]), "%s_%s", tests[i / 2].name,
			 i % 2 ? "portable" : "sodium");
		all[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = tests[i / 2].run,
			.initial_state =
				i % 2 ? (void *)&portable : (void *)(uintptr_t)&sodium_crypto,
		};
	}
	return cmocka_run_group_tests_name("noise", all, NULL, NULL);
}
