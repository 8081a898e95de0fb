/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A bounded cursor over bytes that somebody else owns, for reading and for writing. Overrunning
 * it is sticky and never touches memory outside: parse or print everything, check `bad` once.
 */
#ifndef PROTOCOL_BUF_H
#define PROTOCOL_BUF_H

#include "base.h"

struct buf {
	uint8_t *start;
	uint8_t *pos;
	uint8_t *end;
	bool bad; /* something did not fit or was not there */
};

static inline void buf_init(struct buf *b, void *data, size_t size)
{
	b->start = b->pos = data;
	b->end = b->start + size;
	b->bad = false;
}

/* For reading only: the bytes are not modified by any buf_get or buf_skip function. */
static inline void buf_init_const(struct buf *b, const void *data, size_t size)
{
	buf_init(b, (void *)(uintptr_t)data, size);
}

static inline size_t buf_left(const struct buf *b)
{
	return (size_t)(b->end - b->pos);
}

static inline size_t buf_used(const struct buf *b)
{
	return (size_t)(b->pos - b->start);
}

/* Reading. */

/* Next byte, or -1 at the end (which is not an overrun). */
static inline int buf_peek(const struct buf *b)
{
	return b->pos < b->end ? *b->pos : -1;
}

/* Consumes @c if it is next. */
bool buf_skip_char(struct buf *b, char c);

/* Consumes the NUL-terminated @text if it is next as a whole. */
bool buf_skip_text(struct buf *b, const char *text);

/* Consumes hex digits (at least one, at most 16) as a big-endian number; else marks bad, 0. */
uint64_t buf_get_hex(struct buf *b);

/* Consumes two hex digits a byte into @ret; returns false and marks bad unless all are there. */
bool buf_get_hex_bytes(struct buf *b, uint8_t *ret, size_t count);

/* Consumes up to (not including) @c, or everything when it does not occur. */
struct buf buf_get_until(struct buf *b, char c);

/* Writing. */

void buf_put_char(struct buf *b, char c);
void buf_put_bytes(struct buf *b, const void *data, size_t len);
void buf_put_text(struct buf *b, const char *text);
/* Lower-case hex without leading zeros (at least one digit). */
void buf_put_hex(struct buf *b, uint64_t value);
void buf_put_decimal(struct buf *b, uint64_t value);
/* Two hex digits a byte. */
void buf_put_hex_bytes(struct buf *b, const void *data, size_t len);
/* The characters of @text as hex. */
void buf_put_hex_text(struct buf *b, const char *text);

#endif
