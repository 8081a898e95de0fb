/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: noise_read noise_write noise_split. The first byte says which of the three messages is
 * attacked and how: the rest takes its place, or is XORed to it. Whatever differs from what the
 * peer has written must not lead to keys.
 */
#include <stdlib.h>
#include <string.h>

#include "host/crypto/sodium.h"
#include "protocol/chacha20poly1305.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INSTEAD = 4, PORTABLE = 8, WIRE_MAX = 512 };

struct wire {
	uint8_t data[WIRE_MAX];
	size_t len;
	bool changed;
};

static void attack(struct wire *w, const uint8_t *data, size_t size, bool instead)
{
	uint8_t before[WIRE_MAX];
	size_t i, len = w->len;

	if (size > sizeof(w->data))
		size = sizeof(w->data);
	memcpy(before, w->data, len);
	if (instead) {
		memcpy(w->data, data, size);
		w->len = size;
	}
	for (i = 0; i < size && i < len && !instead; i++)
		w->data[i] ^= data[i];
	w->changed = w->len != len || memcmp(before, w->data, len) != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t secret[2][NOISE_KEY] = { { 1 }, { 2 } };
	static const uint8_t ephemeral[2][NOISE_KEY] = { { 3 }, { 4 } };
	struct noise_crypto crypto = sodium_crypto;
	struct noise_cipher send, receive;
	struct noise end[2];
	struct wire wire;
	unsigned int i;

	if (!size)
		return 0;
	if (data[0] & PORTABLE) {
		crypto.seal = chacha20poly1305_seal;
		crypto.open = chacha20poly1305_open;
	}
	for (i = 0; i < 2; i++)
		noise_init(&end[i], &crypto, i ? NOISE_RESPONDER : NOISE_INITIATOR, "fuzz", 4,
			   secret[i], ephemeral[i]);
	wire.changed = false;
	for (i = 0; i < 3; i++) {
		int len = noise_write(&end[i % 2], "payload", 7, wire.data, sizeof(wire.data));
		uint8_t *payload;

		if (len < 0)
			break;
		wire.len = (size_t)len;
		if ((data[0] & 3u) == i)
			attack(&wire, data + 1, size - 1, data[0] & INSTEAD);
		len = noise_read(&end[1 - i % 2], wire.data, wire.len, &payload);
		if (len < 0)
			break;
		if (payload < wire.data || payload + len > wire.data + wire.len)
			abort();
		/* Message 1 is in clear: the change shows at message 2. */
		if (wire.changed && i)
			abort();
	}
	/* The initiator is done with its message 3, whatever becomes of that. */
	if ((noise_split(&end[0], &send, &receive) == 0) != (i >= 2) ||
	    (noise_split(&end[1], &send, &receive) == 0) != (i == 3) || (i == 3) == wire.changed)
		abort();
	return 0;
}
