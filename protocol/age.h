/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The keys of age (age-encryption.org/v1, "The X25519 recipient type"): Bech32 (BIP 173) around 32
 * bytes, "age1..." for a public key, "AGE-SECRET-KEY-1..." for an identity.
 */
#ifndef PROTOCOL_AGE_H
#define PROTOCOL_AGE_H

#include "base.h"

enum {
	AGE_KEY = 32,
	AGE_RECIPIENT_CHARS = 62,
	AGE_IDENTITY_CHARS = 74,
};

/* ST_SYNTAX: not such a key, or mistyped (Bech32's checksum). @text need not end with NUL. */
int age_recipient_parse(const char *text, size_t len, uint8_t ret[AGE_KEY]) MUST_USE;
int age_identity_parse(const char *text, size_t len, uint8_t ret[AGE_KEY]) MUST_USE;

/* NUL-terminated. */
void age_recipient_format(const uint8_t key[AGE_KEY], char ret[AGE_RECIPIENT_CHARS + 1]);
void age_identity_format(const uint8_t key[AGE_KEY], char ret[AGE_IDENTITY_CHARS + 1]);

#endif
