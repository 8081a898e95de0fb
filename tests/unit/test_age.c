/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* protocol/age.c: keys as age-keygen 1.1.1 writes them, and what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/crypto/sodium.h"
#include "protocol/age.h"
#include "protocol/status.h"

/* Made by age-keygen. */
static const char recipient[] = "age1wk0ad2y77ll3j8zlmpwym67amjmgyyludaaax5ed9ameh77ljftqp6lycv";
static const char identity[] =
	"AGE-SECRET-KEY-1TF55SGKT6M2SRZX2NE6SCEZTKR0GW8DQEEVA9S6P0RDLVX35QY4Q86UNSL";

static void a_pair_of_keys(void **state)
{
	uint8_t secret[AGE_KEY], public[AGE_KEY], derived[AGE_KEY];

	(void)state;
	assert_int_equal(age_identity_parse(identity, strlen(identity), secret), 0);
	assert_int_equal(age_recipient_parse(recipient, strlen(recipient), public), 0);
	noise_public(&sodium_crypto, derived, secret);
	assert_memory_equal(derived, public, AGE_KEY);
}

static void there_and_back(void **state)
{
	char text[AGE_IDENTITY_CHARS + 1];
	uint8_t key[AGE_KEY], again[AGE_KEY];
	int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		assert_true(sodium_random32(NULL, key));
		age_recipient_format(key, text);
		assert_int_equal(strlen(text), AGE_RECIPIENT_CHARS);
		assert_int_equal(age_recipient_parse(text, strlen(text), again), 0);
		assert_memory_equal(key, again, AGE_KEY);
		age_identity_format(key, text);
		assert_int_equal(strlen(text), AGE_IDENTITY_CHARS);
		assert_int_equal(age_identity_parse(text, strlen(text), again), 0);
		assert_memory_equal(key, again, AGE_KEY);
	}
}

/* Bech32 finds every wrong character, and any two. */
static void typing_errors(void **state)
{
	static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7lb1io Q#";
	uint8_t key[AGE_KEY];
	char text[sizeof(recipient)];
	size_t i, j;

	(void)state;
	for (i = 0; i < AGE_RECIPIENT_CHARS; i++) {
		for (j = 0; j < sizeof(letters); j++) {
			memcpy(text, recipient, sizeof(text));
			if (text[i] == letters[j])
				continue;
			text[i] = letters[j];
			assert_int_equal(age_recipient_parse(text, AGE_RECIPIENT_CHARS, key),
					 ST_SYNTAX);
		}
	}
	for (i = 0; i < AGE_RECIPIENT_CHARS; i++)
		assert_int_equal(age_recipient_parse(recipient, i, key), ST_SYNTAX);
	assert_int_equal(age_recipient_parse(identity, strlen(identity), key), ST_SYNTAX);
	assert_int_equal(age_identity_parse(recipient, strlen(recipient), key), ST_SYNTAX);
}

/*
 * 32 bytes leave four spare bits in the last digit. Keys with one of them set, and a checksum that
 * agrees, would be second spellings of the keys above.
 */
static void one_spelling(void **state)
{
	static const char other_recipient[] =
		"age1wk0ad2y77ll3j8zlmpwym67amjmgyyludaaax5ed9ameh77ljftpuvt397";
	static const char other_identity[] =
		"AGE-SECRET-KEY-1TF55SGKT6M2SRZX2NE6SCEZTKR0GW8DQEEVA9S6P0RDLVX35QY4P6VGXDD";
	uint8_t key[AGE_KEY];

	(void)state;
	assert_int_equal(age_recipient_parse(other_recipient, strlen(other_recipient), key),
			 ST_SYNTAX);
	assert_int_equal(age_identity_parse(other_identity, strlen(other_identity), key),
			 ST_SYNTAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_of_keys),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(typing_errors),
		cmocka_unit_test(one_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
