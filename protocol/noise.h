/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Noise_XX_25519_ChaChaPoly_SHA256 (noiseprotocol.org, revision 34): the handshake that gives
 * debugger and stub a key which nobody between them has. Pure: no I/O, no allocation, no clock, no
 * randomness; primitives come from the caller, ephemeral keys too. What crosses the wire around
 * it is link.h's.
 */
#ifndef PROTOCOL_NOISE_H
#define PROTOCOL_NOISE_H

#include "base.h"

enum {
	NOISE_KEY = 32, /* keys, secrets, hashes */
	NOISE_TAG = 16,
	/* Length of the three messages without their payloads. */
	NOISE_MESSAGE1 = NOISE_KEY,
	NOISE_MESSAGE2 = NOISE_KEY + NOISE_KEY + NOISE_TAG + NOISE_TAG,
	NOISE_MESSAGE3 = NOISE_KEY + NOISE_TAG + NOISE_TAG,
	NOISE_MESSAGE_MAX = 65535,
	NOISE_REKEY_AFTER = 1 << 16, /* messages in one direction under one key */
};

struct noise_part {
	const void *data;
	size_t len;
};

/*
 * The primitives: libsodium on the host, the kernel's library and chacha20poly1305.h in the module.
 * All of them run in constant time with regard to keys, and may be called wherever noise_* is.
 */
struct noise_crypto {
	/* X25519 (RFC 7748). False: the result is all zero, and the peer's key worthless. */
	bool (*dh)(uint8_t ret[NOISE_KEY], const uint8_t secret[NOISE_KEY],
		   const uint8_t public[NOISE_KEY]);
	/* SHA-256 of the concatenation of the parts. */
	void (*hash)(uint8_t ret[NOISE_KEY], const struct noise_part *parts, unsigned int count);
	/*
	 * ChaCha20-Poly1305 (RFC 8439) with the nonce 0^32 || little-endian @nonce. @ret gets @len
	 * + NOISE_TAG bytes and may be @data.
	 */
	void (*seal)(uint8_t *ret, const uint8_t key[NOISE_KEY], uint64_t nonce, const void *ad,
		     size_t ad_len, const void *data, size_t len);
	/*
	 * @len counts the tag; @ret gets @len - NOISE_TAG bytes and may be @data. False and
	 * *nothing* written: forged. Tags are compared in constant time.
	 */
	bool (*open)(uint8_t *ret, const uint8_t key[NOISE_KEY], uint64_t nonce, const void *ad,
		     size_t ad_len, const void *data, size_t len);
};

/* One direction's key. */
struct noise_cipher {
	uint8_t key[NOISE_KEY];
	uint64_t nonce;
};

enum noise_role { NOISE_INITIATOR, NOISE_RESPONDER };

struct noise {
	const struct noise_crypto *crypto;
	enum noise_role role;
	unsigned int message; /* 1 to 3: the next one; 4: done; 0: failed, used up or wiped */
	uint8_t chaining[NOISE_KEY], hash[NOISE_KEY];
	struct noise_cipher cipher; /* of the handshake */
	bool keyed;
	uint8_t secret[NOISE_KEY], public[NOISE_KEY];
	uint8_t ephemeral[NOISE_KEY], ephemeral_public[NOISE_KEY];
	uint8_t peer[NOISE_KEY], peer_ephemeral[NOISE_KEY];
	bool peer_known; /* `peer` is authenticated */
};

/* The public key of @secret. */
void noise_public(const struct noise_crypto *crypto, uint8_t ret[NOISE_KEY],
		  const uint8_t secret[NOISE_KEY]);

/* @ephemeral: 32 bytes of randomness that are used for nothing else, ever. Copies everything. */
void noise_init(struct noise *n, const struct noise_crypto *crypto, enum noise_role role,
		const void *prologue, size_t prologue_len, const uint8_t secret[NOISE_KEY],
		const uint8_t ephemeral[NOISE_KEY]);

/*
 * Writes the next message, which must be ours, to @ret: NOISE_MESSAGEn + @len bytes, the return
 * value. The payload of message 1 is in clear; that of message 2 everybody can read who poses as an
 * initiator; that of message 3 only the responder.
 * ST_RANGE: @size is too small; ST_INVAL: not our turn, or the peer's key is worthless.
 */
int noise_write(struct noise *n, const void *payload, size_t len, uint8_t *ret,
		size_t size) MUST_USE;

/*
 * Reads the peer's next message in place: *payload points into @data, the return value is its
 * length. ST_AUTH: it is forged, damaged or for another prologue; the handshake is over.
 * ST_INVAL: it is not the peer's turn.
 */
int noise_read(struct noise *n, uint8_t *data, size_t len, uint8_t **payload) MUST_USE;

/* After message 3: the two directions' keys; wipes @n but for `hash` (channel binding) and `peer`.
 */
int noise_split(struct noise *n, struct noise_cipher *send, struct noise_cipher *receive) MUST_USE;

/*
 * Transport messages, without associated data; the nonce counts by itself and the key changes
 * (Noise 11.3, REKEY) after NOISE_REKEY_AFTER messages, on both sides alike. @ret gets @len +
 * NOISE_TAG bytes, or @len - NOISE_TAG, and may be @data. After ST_AUTH the cipher is wiped.
 */
void noise_seal(const struct noise_crypto *crypto, struct noise_cipher *c, uint8_t *ret,
		const void *data, size_t len);
int noise_open(const struct noise_crypto *crypto, struct noise_cipher *c, uint8_t *ret,
	       const void *data, size_t len) MUST_USE;

/* Zeroes keys so that no compiler leaves it out. */
void noise_wipe(void *secret, size_t len);

#endif
