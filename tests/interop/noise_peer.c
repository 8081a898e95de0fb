/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * One end of a Noise session on stdin and stdout, made of protocol/noise.c: what noise_peer.go is
 * made of an independent implementation. Usage: noise_peer initiator|responder sodium|portable
 * COUNT Messages are behind their length (2 bytes, little endian). After the handshake the
 * initiator says COUNT messages, then the responder; both know what they have to be. Prints to
 * stderr: the handshake's hash, its own public key and the peer's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/crypto/sodium.h"
#include "protocol/chacha20poly1305.h"

enum { MESSAGE_MAX = 4096, BIG_EVERY = 1000, BIG = 3000, SMALL = 61 };

static const char prologue[] = "cvmdbg interop";
static const char *const payloads[] = { "", "evidence of the second", "the third" };

static void die(const char *why)
{
	fprintf(stderr, "noise_peer: %s\n", why);
	exit(1);
}

static size_t receive(uint8_t *ret)
{
	uint8_t head[2];
	size_t len;

	if (fread(head, sizeof(head), 1, stdin) != 1)
		die("the peer has gone");
	len = get_le16(head);
	if (len > MESSAGE_MAX || (len && fread(ret, len, 1, stdin) != 1))
		die("half a message");
	return len;
}

static void say(const uint8_t *data, size_t len)
{
	uint8_t head[2];

	put_le16(head, (uint16_t)len);
	if (fwrite(head, sizeof(head), 1, stdout) != 1 || fwrite(data, len, 1, stdout) != 1)
		die("the peer does not listen");
}

static void shake_hands(struct noise *n)
{
	uint8_t wire[MESSAGE_MAX], *payload;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		const char *text = payloads[i];
		int len;

		if ((i % 2 == 0) == (n->role == NOISE_INITIATOR)) {
			len = noise_write(n, text, strlen(text), wire, sizeof(wire));
			if (len < 0)
				die("cannot write a handshake message");
			say(wire, (size_t)len);
			fflush(stdout);
		} else {
			len = noise_read(n, wire, receive(wire), &payload);
			if (len < 0 || (size_t)len != strlen(text) ||
			    memcmp(payload, text, strlen(text)) != 0)
				die("a handshake message is wrong");
		}
	}
}

/* The message number @i, which both ends know. */
static size_t make(uint8_t *ret, uint32_t i)
{
	size_t len = i % BIG_EVERY ? i % SMALL : BIG, j;

	for (j = 0; j < len; j++)
		ret[j] = (uint8_t)(i + j);
	return len;
}

static void speak(const struct noise_crypto *crypto, struct noise_cipher *c, uint32_t count)
{
	uint8_t data[MESSAGE_MAX + NOISE_TAG];
	uint32_t i;

	for (i = 0; i < count; i++) {
		size_t len = make(data, i);

		noise_seal(crypto, c, data, data, len);
		say(data, len + NOISE_TAG);
	}
	fflush(stdout);
}

static void listen(const struct noise_crypto *crypto, struct noise_cipher *c, uint32_t count)
{
	uint8_t data[MESSAGE_MAX], expected[MESSAGE_MAX];
	uint32_t i;

	for (i = 0; i < count; i++) {
		size_t got = receive(data), len = make(expected, i);

		if (got != len + NOISE_TAG || noise_open(crypto, c, data, data, got) < 0 ||
		    memcmp(data, expected, len) != 0)
			die("a transport message is wrong");
	}
}

static void print(const char *name, const uint8_t value[NOISE_KEY])
{
	int i;

	fprintf(stderr, "%s ", name);
	for (i = 0; i < NOISE_KEY; i++)
		fprintf(stderr, "%02x", value[i]);
	fputc('\n', stderr);
}

int main(int argc, char **argv)
{
	struct noise_crypto crypto = sodium_crypto;
	uint8_t secret[NOISE_KEY], ephemeral[NOISE_KEY], public[NOISE_KEY];
	struct noise_cipher sending, receiving;
	struct noise n;
	uint32_t count;
	bool first;

	if (argc != 4)
		die("usage: noise_peer initiator|responder sodium|portable COUNT");
	first = strcmp(argv[1], "initiator") == 0;
	count = (uint32_t)strtoul(argv[3], NULL, 10);
	if (strcmp(argv[2], "portable") == 0) {
		crypto.seal = chacha20poly1305_seal;
		crypto.open = chacha20poly1305_open;
	}
	sodium_random32(NULL, secret);
	sodium_random32(NULL, ephemeral);
	noise_public(&crypto, public, secret);
	noise_init(&n, &crypto, first ? NOISE_INITIATOR : NOISE_RESPONDER, prologue,
		   strlen(prologue), secret, ephemeral);
	shake_hands(&n);
	if (noise_split(&n, &sending, &receiving) < 0)
		die("the handshake is not over");
	print("hash", n.hash);
	print("self", public);
	print("peer", n.peer);
	if (first)
		speak(&crypto, &sending, count);
	listen(&crypto, &receiving, count);
	if (!first)
		speak(&crypto, &sending, count);
	return 0;
}
