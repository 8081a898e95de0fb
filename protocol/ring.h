/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Two byte streams and a session number in memory that guest and host share (an ivshmem-plain BAR):
 * how the in-guest stub and the agent talk without exits. This is the layout's only
 * specification; both sides are here, so that they cannot differ.
 *
 *   0x0000  magic, written by the guest when it is ready, zeroed when it leaves
 *   0x0040  the guest's line: written by the guest only
 *   0x0080  the host's line: written by the host only
 *   0x1000  to_guest[N], to_host[N]: N is the largest power of two with 0x1000 + 2 N <= size
 *
 * Positions count bytes since the session began and wrap at 2^32; the index is position modulo N.
 * All words are little endian.
 *
 * A session begins when the host, having set its positions to 0, writes a new number that is not 0,
 * and the guest, having set its own to 0, repeats it in its line; it ends with 0. Who only
 * counts beats is alive; whose beats stand still is not.
 *
 * Either side may write anything at any time. So every word of the other side is read once, judged
 * against what this side remembers itself, and nothing is ever indexed with it: the worst that
 * a liar gets is a stream that he could have spoilt anyway.
 */
#ifndef PROTOCOL_RING_H
#define PROTOCOL_RING_H

#include "base.h"
#include "limits.h"

enum ring_offset {
	RING_MAGIC = 0x000, /* 8 bytes */
	RING_GUEST = 0x040, /* struct ring_line */
	RING_HOST = 0x080,
	RING_DATA = 0x1000,
};

enum {
	RING_BYTES_MIN = RING_DATA + 2 * 4096, /* smallest shared memory that is usable */
	RING_BYTES_MAX = 1 << 26,	       /* more is not used */
};

#define RING_MAGIC_VALUE 0x31474e5242445643ull /* "CVDBRNG1" */

/* What one side writes. */
struct ring_line {
	uint32_t session;
	uint32_t produced; /* position after the last byte written to the other side */
	uint32_t consumed; /* position after the last byte read from the other side */
	uint32_t beat;	   /* counts up while somebody is there */
	uint32_t stopped;  /* guest only: 1 while the machine is stopped */
};
static_assert(sizeof(struct ring_line) == 20, "layout of a ring line");

enum ring_side { RING_SIDE_GUEST, RING_SIDE_HOST };

/* One side's view. Everything here is private to it and cannot be changed by the other. */
struct ring {
	uint8_t *shm;
	struct ring_line *mine, *theirs;
	uint8_t *in, *out;
	uint32_t size; /* N */
	uint32_t session, produced, consumed;
	enum ring_side side;
};

/* @shm: @bytes of shared memory, page aligned. ST_RANGE when it is too small. */
int ring_init(struct ring *r, enum ring_side side, void *shm, uint64_t bytes) MUST_USE;

/* Guest: ready for sessions; the memory's old content is gone. Host: whether a guest is ready. */
void ring_open(struct ring *r);
bool ring_ready(const struct ring *r);
/* Guest: about to unload. */
void ring_close(struct ring *r);

/* Host: begins a session with a number that is not 0; ends it with 0. */
void ring_begin(struct ring *r, uint32_t session);
/* Host: whether the guest has taken the session up. */
bool ring_begun(const struct ring *r);

/* Guest: takes up what the host says. The session's number, 0: none. A change means a new one. */
uint32_t ring_session(struct ring *r);

/* Bytes moved, 0 when there is nothing or no room. Nothing is moved outside a session. */
size_t ring_read(struct ring *r, void *buf, size_t len);
size_t ring_write(struct ring *r, const void *buf, size_t len);

/* Says "still here"; the other side's count. */
void ring_beat(struct ring *r);
uint32_t ring_their_beat(const struct ring *r);

void ring_set_stopped(struct ring *r, bool stopped);

#endif
