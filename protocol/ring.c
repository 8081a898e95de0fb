/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Streams in shared memory (see ring.h): every foreign word is loaded once, own words are stored.
 */
#include "ring.h"

#include "status.h"

static uint32_t load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *p, uint32_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

static uint64_t *magic(const struct ring *r)
{
	return (uint64_t *)(void *)(r->shm + RING_MAGIC);
}

int ring_init(struct ring *r, enum ring_side side, void *shm, uint64_t bytes)
{
	uint8_t *base = shm;
	uint8_t *to_guest = base + RING_DATA;
	uint32_t size = PAGE_BYTES;

	if (bytes < RING_BYTES_MIN)
		return ST_RANGE;
	if (bytes > RING_BYTES_MAX)
		bytes = RING_BYTES_MAX;
	while (RING_DATA + 4ull * size <= bytes)
		size *= 2;
	*r = (struct ring){
		.shm = base,
		.mine = (void *)(base + (side == RING_SIDE_GUEST ? RING_GUEST : RING_HOST)),
		.theirs = (void *)(base + (side == RING_SIDE_GUEST ? RING_HOST : RING_GUEST)),
		.in = side == RING_SIDE_GUEST ? to_guest : to_guest + size,
		.out = side == RING_SIDE_GUEST ? to_guest + size : to_guest,
		.size = size,
		.side = side,
	};
	return 0;
}

static void set_session(struct ring *r, uint32_t session)
{
	r->session = session;
	r->produced = r->consumed = 0;
	store(&r->mine->produced, 0);
	store(&r->mine->consumed, 0);
	store(&r->mine->session, session);
}

void ring_open(struct ring *r)
{
	set_session(r, 0);
	__atomic_store_n(magic(r), RING_MAGIC_VALUE, __ATOMIC_RELEASE);
}

bool ring_ready(const struct ring *r)
{
	return __atomic_load_n(magic(r), __ATOMIC_ACQUIRE) == RING_MAGIC_VALUE;
}

void ring_close(struct ring *r)
{
	set_session(r, 0);
	__atomic_store_n(magic(r), 0, __ATOMIC_RELEASE);
}

void ring_begin(struct ring *r, uint32_t session)
{
	set_session(r, session);
}

bool ring_begun(const struct ring *r)
{
	return r->session && load(&r->theirs->session) == r->session;
}

uint32_t ring_session(struct ring *r)
{
	uint32_t session = load(&r->theirs->session);

	if (session != r->session)
		set_session(r, session);
	return session;
}

/* Bytes of the other side that were not read yet; a claim that cannot be true counts as none. */
static uint32_t readable(const struct ring *r)
{
	uint32_t n = load(&r->theirs->produced) - r->consumed;

	return n <= r->size ? n : 0;
}

static uint32_t writable(const struct ring *r)
{
	uint32_t unread = r->produced - load(&r->theirs->consumed);

	return unread <= r->size ? r->size - unread : 0;
}

static bool in_session(const struct ring *r)
{
	return r->session && (r->side == RING_SIDE_GUEST || ring_begun(r));
}

/* How much of @len bytes at @position lies before the wrap. */
static size_t straight(const struct ring *r, uint32_t position, size_t len)
{
	size_t left = r->size - position % r->size;

	return len < left ? len : left;
}

size_t ring_read(struct ring *r, void *buf, size_t len)
{
	uint32_t n = in_session(r) ? readable(r) : 0;
	size_t first;

	if (len > n)
		len = n;
	if (!len)
		return 0;
	first = straight(r, r->consumed, len);
	memcpy(buf, r->in + r->consumed % r->size, first);
	memcpy((uint8_t *)buf + first, r->in, len - first);
	r->consumed += (uint32_t)len;
	store(&r->mine->consumed, r->consumed);
	return len;
}

size_t ring_write(struct ring *r, const void *buf, size_t len)
{
	uint32_t n = in_session(r) ? writable(r) : 0;
	size_t first;

	if (len > n)
		len = n;
	if (!len)
		return 0;
	first = straight(r, r->produced, len);
	memcpy(r->out + r->produced % r->size, buf, first);
	memcpy(r->out, (const uint8_t *)buf + first, len - first);
	r->produced += (uint32_t)len;
	store(&r->mine->produced, r->produced);
	return len;
}

void ring_beat(struct ring *r)
{
	store(&r->mine->beat, r->mine->beat + 1);
}

uint32_t ring_their_beat(const struct ring *r)
{
	return load(&r->theirs->beat);
}

void ring_set_stopped(struct ring *r, bool stopped)
{
	store(&r->mine->stopped, stopped);
}
