/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Both sides of a ring against memory that anybody writes to at any time: the input is a program of
 * reads, writes, sessions and wild stores. Nothing outside of the shared memory may be touched (the
 * sanitizer looks), nothing more moved than a ring holds, and every stream moves on once the
 * stores have stopped and a new session has begun.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/buf.h"
#include "protocol/ring.h"

enum { SHM_BYTES = RING_DATA + 2 * PAGE_BYTES, MOVE_MAX = 10000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t take(struct buf *in)
{
	uint32_t value = 0;
	unsigned int i;

	for (i = 0; i < 4 && buf_left(in); i++)
		value = value << 8 | *in->pos++;
	return value;
}

/* A word of either line, or anywhere. */
static void store_wildly(uint8_t *shm, struct buf *in)
{
	uint32_t at = take(in), value = take(in);
	size_t offset = at & 1 ? at / 2 % (RING_HOST + sizeof(struct ring_line)) : at % SHM_BYTES;

	offset &= ~(size_t)3;
	memcpy(shm + offset, &value, sizeof(value));
}

static void step(uint8_t *shm, struct ring *r, uint8_t op, struct buf *in, uint8_t *bytes)
{
	size_t len = take(in) % MOVE_MAX;

	switch (op) {
	case 0:
		if (ring_read(r, bytes, len) > r->size)
			abort();
		break;
	case 1:
		if (ring_write(r, bytes, len) > r->size)
			abort();
		break;
	case 2:
		if (r->side == RING_SIDE_HOST)
			ring_begin(r, (uint32_t)len);
		else
			(void)ring_session(r);
		break;
	case 3:
		ring_beat(r);
		(void)ring_their_beat(r);
		break;
	default:
		store_wildly(shm, in);
		break;
	}
}

static void still_works(struct ring *from, struct ring *to)
{
	uint8_t out[3] = "ab", in[3] = { 0 };

	if (ring_write(from, out, 3) != 3 || ring_read(to, in, 3) != 3 || memcmp(in, out, 3) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[MOVE_MAX];
	uint8_t *shm = aligned_alloc(PAGE_BYTES, SHM_BYTES);
	struct ring side[2];
	struct buf in;

	memset(shm, 0, SHM_BYTES);
	if (ring_init(&side[RING_SIDE_GUEST], RING_SIDE_GUEST, shm, SHM_BYTES) ||
	    ring_init(&side[RING_SIDE_HOST], RING_SIDE_HOST, shm, SHM_BYTES))
		abort();
	ring_open(&side[RING_SIDE_GUEST]);
	buf_init_const(&in, data, size);
	while (buf_left(&in)) {
		uint8_t op = *in.pos++;

		step(shm, &side[op & 1], op >> 1 & 7, &in, bytes);
	}
	ring_open(&side[RING_SIDE_GUEST]);
	ring_begin(&side[RING_SIDE_HOST], 1);
	if (ring_session(&side[RING_SIDE_GUEST]) != 1 || !ring_begun(&side[RING_SIDE_HOST]))
		abort();
	still_works(&side[RING_SIDE_HOST], &side[RING_SIDE_GUEST]);
	still_works(&side[RING_SIDE_GUEST], &side[RING_SIDE_HOST]);
	free(shm);
	return 0;
}
