/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The Noise protocol framework's revision 34, reduced to the pattern XX; section numbers in the
 * comments are its. Tokens are spelled out a message at a time: three messages do not want an
 * interpreter. Whatever fails ends the handshake and wipes it.
 */
#include "noise.h"
#include "status.h"

enum { BLOCK = 64, HASH = NOISE_KEY, DONE = 4 };

static const char name[] = "Noise_XX_25519_ChaChaPoly_SHA256";
static_assert(sizeof(name) - 1 == HASH, "exactly a hash's length: taken as it is (5.2)");

void noise_wipe(void *secret, size_t len)
{
	memset(secret, 0, len);
	/* The memory escapes: the compiler may not drop the stores. */
	__asm__ __volatile__("" : : "r"(secret) : "memory");
}

void noise_public(const struct noise_crypto *crypto, uint8_t ret[NOISE_KEY],
		  const uint8_t secret[NOISE_KEY])
{
	static const uint8_t base[NOISE_KEY] = { 9 };

	/* Clamped scalars times the base point are never the neutral element: it cannot fail. */
	(void)crypto->dh(ret, secret, base);
}

/* --- HMAC (RFC 2104) and HKDF with two outputs (4.3) --- */

static void hmac(const struct noise_crypto *crypto, uint8_t ret[HASH], const uint8_t key[NOISE_KEY],
		 const void *data, size_t len, const void *more, size_t more_len)
{
	uint8_t pad[BLOCK], inner[HASH];
	int i;

	for (i = 0; i < BLOCK; i++)
		pad[i] = 0x36 ^ (i < NOISE_KEY ? key[i] : 0);
	crypto->hash(inner,
		     (struct noise_part[]){ { pad, BLOCK }, { data, len }, { more, more_len } }, 3);
	for (i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	crypto->hash(ret, (struct noise_part[]){ { pad, BLOCK }, { inner, HASH } }, 2);
	noise_wipe(pad, sizeof(pad));
	noise_wipe(inner, sizeof(inner));
}

/* @chaining becomes the first output. */
static void hkdf(const struct noise_crypto *crypto, uint8_t chaining[HASH], const void *input,
		 size_t len, uint8_t ret[HASH])
{
	static const uint8_t one = 1, two = 2;
	uint8_t temporary[HASH];

	hmac(crypto, temporary, chaining, input, len, NULL, 0);
	hmac(crypto, chaining, temporary, &one, 1, NULL, 0);
	hmac(crypto, ret, temporary, chaining, HASH, &two, 1);
	noise_wipe(temporary, sizeof(temporary));
}

/* --- the symmetric state (5.2) --- */

static void mix_hash(struct noise *n, const void *data, size_t len)
{
	n->crypto->hash(n->hash, (struct noise_part[]){ { n->hash, HASH }, { data, len } }, 2);
}

static bool mix_key(struct noise *n, const uint8_t secret[NOISE_KEY],
		    const uint8_t public[NOISE_KEY])
{
	uint8_t shared[NOISE_KEY];
	bool fine = n->crypto->dh(shared, secret, public);

	if (fine) {
		hkdf(n->crypto, n->chaining, shared, sizeof(shared), n->cipher.key);
		n->cipher.nonce = 0;
		n->keyed = true;
	}
	noise_wipe(shared, sizeof(shared));
	return fine;
}

/* Length of what seal_and_hash makes of @len bytes now. */
static size_t sealed_len(const struct noise *n, size_t len)
{
	return len + (n->keyed ? NOISE_TAG : 0);
}

static uint8_t *seal_and_hash(struct noise *n, uint8_t *ret, const void *data, size_t len)
{
	if (n->keyed)
		n->crypto->seal(ret, n->cipher.key, n->cipher.nonce++, n->hash, HASH, data, len);
	else if (len)
		memmove(ret, data, len);
	mix_hash(n, ret, sealed_len(n, len));
	return ret + sealed_len(n, len);
}

/* In place; @len counts the tag. The hash is over the ciphertext, and taken before it is gone. */
static bool open_and_hash(struct noise *n, uint8_t *data, size_t len)
{
	uint8_t ad[HASH];

	memcpy(ad, n->hash, HASH);
	mix_hash(n, data, len);
	return !n->keyed ||
	       n->crypto->open(data, n->cipher.key, n->cipher.nonce++, ad, HASH, data, len);
}

/* --- the handshake (5.3, 7.5: XX) --- */

void noise_init(struct noise *n, const struct noise_crypto *crypto, enum noise_role role,
		const void *prologue, size_t prologue_len, const uint8_t secret[NOISE_KEY],
		const uint8_t ephemeral[NOISE_KEY])
{
	*n = (struct noise){ .crypto = crypto, .role = role, .message = 1 };
	memcpy(n->hash, name, HASH);
	memcpy(n->chaining, name, HASH);
	memcpy(n->secret, secret, NOISE_KEY);
	memcpy(n->ephemeral, ephemeral, NOISE_KEY);
	noise_public(crypto, n->public, secret);
	noise_public(crypto, n->ephemeral_public, ephemeral);
	mix_hash(n, prologue, prologue_len);
}

static int fail(struct noise *n, int status)
{
	noise_wipe(n, sizeof(*n));
	return status;
}

/* The initiator's are the odd messages. */
static bool is_turn(const struct noise *n, enum noise_role role)
{
	return n->message && n->message < DONE && (n->message & 1) == (role == NOISE_INITIATOR);
}

/* Bytes of message @message beside its payload. */
static size_t overhead(unsigned int message)
{
	return message == 1 ? NOISE_MESSAGE1 : message == 2 ? NOISE_MESSAGE2 : NOISE_MESSAGE3;
}

/*
 * What precedes the payload: -> e;  <- e, ee, s, es;  -> s, se. In es and se the writer's static
 * key meets the reader's ephemeral one.
 */
static uint8_t *write_tokens(struct noise *n, uint8_t *ret)
{
	if (n->message < 3) {
		memcpy(ret, n->ephemeral_public, NOISE_KEY);
		mix_hash(n, ret, NOISE_KEY);
		ret += NOISE_KEY;
	}
	if (n->message == 2 && !mix_key(n, n->ephemeral, n->peer_ephemeral))
		return NULL;
	if (n->message > 1) {
		ret = seal_and_hash(n, ret, n->public, NOISE_KEY);
		if (!mix_key(n, n->secret, n->peer_ephemeral))
			return NULL;
	}
	return ret;
}

static uint8_t *read_tokens(struct noise *n, uint8_t *data)
{
	if (n->message < 3) {
		memcpy(n->peer_ephemeral, data, NOISE_KEY);
		mix_hash(n, data, NOISE_KEY);
		data += NOISE_KEY;
	}
	if (n->message == 2 && !mix_key(n, n->ephemeral, n->peer_ephemeral))
		return NULL;
	if (n->message > 1) {
		if (!open_and_hash(n, data, NOISE_KEY + NOISE_TAG))
			return NULL;
		memcpy(n->peer, data, NOISE_KEY);
		data += NOISE_KEY + NOISE_TAG;
		if (!mix_key(n, n->ephemeral, n->peer))
			return NULL;
	}
	return data;
}

int noise_write(struct noise *n, const void *payload, size_t len, uint8_t *ret, size_t size)
{
	uint8_t *end;

	if (!is_turn(n, n->role))
		return ST_INVAL;
	if (len > NOISE_MESSAGE_MAX - overhead(n->message) || size < overhead(n->message) + len)
		return ST_RANGE;
	end = write_tokens(n, ret);
	if (!end)
		return fail(n, ST_INVAL);
	end = seal_and_hash(n, end, payload, len);
	n->message++;
	return (int)(end - ret);
}

int noise_read(struct noise *n, uint8_t *data, size_t len, uint8_t **payload)
{
	uint8_t *start;

	if (!is_turn(n, n->role == NOISE_INITIATOR ? NOISE_RESPONDER : NOISE_INITIATOR))
		return ST_INVAL;
	if (len < overhead(n->message) || len > NOISE_MESSAGE_MAX)
		return fail(n, ST_AUTH);
	start = read_tokens(n, data);
	if (!start || !open_and_hash(n, start, (size_t)(data + len - start)))
		return fail(n, ST_AUTH);
	n->peer_known = n->message > 1;
	*payload = start;
	return (int)(len - overhead(n->message++));
}

int noise_split(struct noise *n, struct noise_cipher *send, struct noise_cipher *receive)
{
	struct noise_cipher first = { .nonce = 0 }, second = { .nonce = 0 };
	uint8_t hash[HASH], peer[NOISE_KEY];
	bool initiator = n->role == NOISE_INITIATOR;

	if (n->message != DONE)
		return ST_INVAL;
	hkdf(n->crypto, n->chaining, NULL, 0, second.key);
	memcpy(first.key, n->chaining, NOISE_KEY);
	*send = initiator ? first : second;
	*receive = initiator ? second : first;
	noise_wipe(&first, sizeof(first));
	noise_wipe(&second, sizeof(second));

	memcpy(hash, n->hash, HASH);
	memcpy(peer, n->peer, NOISE_KEY);
	noise_wipe(n, sizeof(*n));
	memcpy(n->hash, hash, HASH);
	memcpy(n->peer, peer, NOISE_KEY);
	n->peer_known = true;
	return 0;
}

/* --- transport messages (5.1) --- */

/*
 * The first 32 bytes of 32 zeros sealed with the highest nonce, which no message uses (4.2). The
 * nonce goes on counting, as 11.3 wants.
 */
static void advance(const struct noise_crypto *crypto, struct noise_cipher *c)
{
	static const uint8_t zeros[NOISE_KEY];
	uint8_t sealed[NOISE_KEY + NOISE_TAG];

	if (++c->nonce % NOISE_REKEY_AFTER)
		return;
	crypto->seal(sealed, c->key, UINT64_MAX, NULL, 0, zeros, sizeof(zeros));
	memcpy(c->key, sealed, NOISE_KEY);
	noise_wipe(sealed, sizeof(sealed));
}

void noise_seal(const struct noise_crypto *crypto, struct noise_cipher *c, uint8_t *ret,
		const void *data, size_t len)
{
	crypto->seal(ret, c->key, c->nonce, NULL, 0, data, len);
	advance(crypto, c);
}

int noise_open(const struct noise_crypto *crypto, struct noise_cipher *c, uint8_t *ret,
	       const void *data, size_t len)
{
	if (len < NOISE_TAG || !crypto->open(ret, c->key, c->nonce, NULL, 0, data, len)) {
		noise_wipe(c, sizeof(*c));
		return ST_AUTH;
	}
	advance(crypto, c);
	return 0;
}
