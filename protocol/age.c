/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Bech32 (BIP 173) for the two lengths and prefixes that age uses. Lower case for recipients, upper
 * case for identities, never mixed.
 */
#include "age.h"

#include "status.h"

enum {
	CHECKSUM = 6,
	GROUPS = (AGE_KEY * 8 + 4) / 5, /* of five bits */
	UPPER = 'a' - 'A',
};

struct kind {
	const char *prefix; /* in lower case, with the separator "1" */
	unsigned int prefix_len;
	bool upper;
};

static const struct kind recipient = { "age1", 4, false };
static const struct kind identity = { "age-secret-key-1", 16, true };

static_assert(AGE_RECIPIENT_CHARS == 4 + GROUPS + CHECKSUM, "length of a recipient");
static_assert(AGE_IDENTITY_CHARS == 16 + GROUPS + CHECKSUM, "length of an identity");

static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t step(uint32_t sum, unsigned int value)
{
	static const uint32_t generator[] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
					      0x2a1462b3 };
	uint32_t top = sum >> 25;
	unsigned int i;

	sum = (sum & 0x1ffffff) << 5 ^ value;
	for (i = 0; i < ARRAY_LEN(generator); i++)
		sum ^= generator[i] & -(top >> i & 1);
	return sum;
}

/* The checksum's state behind the prefix. */
static uint32_t start(const struct kind *kind)
{
	unsigned int i, len = kind->prefix_len - 1;
	uint32_t sum = 1;

	for (i = 0; i < len; i++)
		sum = step(sum, (uint8_t)kind->prefix[i] >> 5);
	sum = step(sum, 0);
	for (i = 0; i < len; i++)
		sum = step(sum, kind->prefix[i] & 31);
	return sum;
}

/* In lower case; 0 when @c is in the other one. */
static char lower(const struct kind *kind, char c)
{
	if (kind->upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z')
		return 0;
	return c >= 'A' && c <= 'Z' ? (char)(c + UPPER) : c;
}

/* All 32 are looked at: an identity's characters are secret. */
static int value(char c)
{
	int i, found = 0;

	for (i = 0; i < 32; i++)
		found |= (i + 1) & -(digits[i] == c);
	return found - 1;
}

static int parse(const struct kind *kind, const char *text, size_t len, uint8_t ret[AGE_KEY])
{
	uint32_t sum = start(kind), bits = 0;
	unsigned int count = 0, done = 0;
	size_t i;

	if (len != kind->prefix_len + GROUPS + CHECKSUM)
		return ST_SYNTAX;
	for (i = 0; i < len; i++) {
		char c = lower(kind, text[i]);
		int v;

		if (i < kind->prefix_len) {
			if (c != kind->prefix[i])
				return ST_SYNTAX;
			continue;
		}
		v = value(c);
		if (v < 0)
			return ST_SYNTAX;
		sum = step(sum, (unsigned int)v);
		if (i >= kind->prefix_len + GROUPS)
			continue;
		bits = bits << 5 | (unsigned int)v;
		count += 5;
		if (count >= 8 && done < AGE_KEY) {
			count -= 8;
			ret[done++] = (uint8_t)(bits >> count);
		}
	}
	/* The last group's spare bits are zero. */
	return sum == 1 && !(bits & ((1u << count) - 1)) ? 0 : ST_SYNTAX;
}

static void format(const struct kind *kind, const uint8_t key[AGE_KEY], char *ret)
{
	uint32_t sum = start(kind), bits = 0;
	unsigned int count = 0, i, at = 0;
	uint8_t groups[GROUPS + CHECKSUM];

	for (i = 0; i < AGE_KEY; i++) {
		bits = bits << 8 | key[i];
		for (count += 8; count >= 5; count -= 5)
			groups[at++] = bits >> (count - 5) & 31;
	}
	groups[at++] = bits << (5 - count) & 31;
	for (i = 0; i < GROUPS; i++)
		sum = step(sum, groups[i]);
	for (i = 0; i < CHECKSUM; i++)
		sum = step(sum, 0);
	for (i = 0; i < CHECKSUM; i++)
		groups[at++] = ((sum ^ 1) >> 5 * (CHECKSUM - 1 - i)) & 31;
	for (i = 0; i < kind->prefix_len + at; i++) {
		char c = i < kind->prefix_len ? kind->prefix[i]
					      : digits[groups[i - kind->prefix_len]];

		*ret++ = kind->upper && c >= 'a' && c <= 'z' ? (char)(c - UPPER) : c;
	}
	*ret = '\0';
}

int age_recipient_parse(const char *text, size_t len, uint8_t ret[AGE_KEY])
{
	return parse(&recipient, text, len, ret);
}

int age_identity_parse(const char *text, size_t len, uint8_t ret[AGE_KEY])
{
	return parse(&identity, text, len, ret);
}

void age_recipient_format(const uint8_t key[AGE_KEY], char ret[AGE_RECIPIENT_CHARS + 1])
{
	format(&recipient, key, ret);
}

void age_identity_format(const uint8_t key[AGE_KEY], char ret[AGE_IDENTITY_CHARS + 1])
{
	format(&identity, key, ret);
}
