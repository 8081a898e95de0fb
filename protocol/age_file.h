/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Files that `age` opens (age-encryption.org/v1: header, X25519 recipients, STREAM payload in
 * chunks of 64 KiB), made and read. Pure: bytes in memory; the caller reads and writes files. Used
 * by the host for dumps and by the stub, which makes the header when it is loaded, because a panic
 * is no place for X25519, and seals chunks with protocol/chacha20poly1305.
 *
 * The primitives come through struct noise_crypto; STREAM's nonce, 11 bytes of big-endian counter
 * and one that says "last", is 0^32 and eight bytes as they are here, so a counter has 56 bits.
 */
#ifndef PROTOCOL_AGE_FILE_H
#define PROTOCOL_AGE_FILE_H

#include "age.h"
#include "noise.h"

enum {
	AGE_FILE_RECIPIENTS_MAX = 16,
	AGE_FILE_KEY = 16,
	AGE_FILE_NONCE = 16,
	AGE_FILE_CHUNK = 65536, /* plaintext of every chunk but the last */
	AGE_FILE_SEALED = AGE_FILE_CHUNK + NOISE_TAG,
	AGE_FILE_HEADER_MAX = 65536, /* of files that we read; ours are shorter */
	/* Longest header that age_file_begin writes, with the payload's nonce. */
	AGE_FILE_BEGIN_MAX = 128 + AGE_FILE_RECIPIENTS_MAX * 128 + AGE_FILE_NONCE,
};

/* One file, one use: never seal two files with the same. Wipe it with noise_wipe. */
struct age_file {
	const struct noise_crypto *crypto;
	uint8_t key[NOISE_KEY]; /* of the payload */
};

/*
 * Writes the header for @count recipients and the payload's nonce to @ret (AGE_FILE_BEGIN_MAX
 * bytes) and returns their length. @random: AGE_FILE_KEY + AGE_FILE_NONCE + NOISE_KEY * @count
 * bytes, for this file alone. ST_INVAL: a recipient's key is worthless (all zero results).
 */
int age_file_begin(struct age_file *f, const struct noise_crypto *crypto,
		   const uint8_t (*recipients)[AGE_KEY], unsigned int count, const uint8_t *random,
		   uint8_t *ret) MUST_USE;

/*
 * Opens the header at the start of hostile @data with one of @count identities; returns the
 * length of header and nonce. ST_SYNTAX: not an age file, or cut; ST_UNSUPPORTED: no X25519
 * recipient in it; ST_AUTH: sealed to others, or damaged.
 */
int age_file_open(struct age_file *f, const struct noise_crypto *crypto, const uint8_t *data,
		  size_t len, const uint8_t (*identities)[AGE_KEY], unsigned int count) MUST_USE;

/* Seals chunk @number, @len bytes; @ret gets NOISE_TAG more and may be @data. */
void age_file_seal(const struct age_file *f, uint64_t number, bool last, const void *data,
		   size_t len, uint8_t *ret);
/* @len counts the tag. ST_AUTH: damaged, out of place, or not the last where it has to be. */
int age_file_unseal(const struct age_file *f, uint64_t number, bool last, const void *data,
		    size_t len, uint8_t *ret) MUST_USE;

#endif
