/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The bounded cursor: the only code that does pointer arithmetic on packets. */
#include "buf.h"

enum { HEX_DIGITS_MAX = 16 };

static const char hex_digit[] = "0123456789abcdef";

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool buf_skip_char(struct buf *b, char c)
{
	if (buf_peek(b) != (uint8_t)c)
		return false;
	b->pos++;
	return true;
}

bool buf_skip_text(struct buf *b, const char *text)
{
	const uint8_t *p = b->pos;

	for (; *text; text++, p++)
		if (p >= b->end || *p != (uint8_t)*text)
			return false;
	b->pos += p - b->pos;
	return true;
}

uint64_t buf_get_hex(struct buf *b)
{
	uint64_t value = 0;
	unsigned int digits = 0;

	while (b->pos < b->end && hex_value(*b->pos) >= 0 && digits < HEX_DIGITS_MAX) {
		value = value << 4 | (unsigned int)hex_value(*b->pos++);
		digits++;
	}
	/* A seventeenth digit is an overflow, not the next field. */
	if (!digits || (b->pos < b->end && hex_value(*b->pos) >= 0)) {
		b->bad = true;
		return 0;
	}
	return value;
}

bool buf_get_hex_bytes(struct buf *b, uint8_t *ret, size_t count)
{
	size_t i;

	if (buf_left(b) / 2 < count) {
		b->bad = true;
		return false;
	}
	for (i = 0; i < count; i++, b->pos += 2) {
		int high = hex_value(b->pos[0]), low = hex_value(b->pos[1]);

		if (high < 0 || low < 0) {
			b->bad = true;
			return false;
		}
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

struct buf buf_get_until(struct buf *b, char c)
{
	struct buf field;
	uint8_t *start = b->pos;

	while (b->pos < b->end && *b->pos != (uint8_t)c)
		b->pos++;
	buf_init(&field, start, (size_t)(b->pos - start));
	return field;
}

void buf_put_char(struct buf *b, char c)
{
	if (b->pos < b->end)
		*b->pos++ = (uint8_t)c;
	else
		b->bad = true;
}

void buf_put_bytes(struct buf *b, const void *data, size_t len)
{
	if (len > buf_left(b)) {
		b->bad = true;
		return;
	}
	memcpy(b->pos, data, len);
	b->pos += len;
}

void buf_put_text(struct buf *b, const char *text)
{
	while (*text)
		buf_put_char(b, *text++);
}

void buf_put_hex(struct buf *b, uint64_t value)
{
	int shift = 60;

	while (shift > 0 && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		buf_put_char(b, hex_digit[value >> shift & 0xf]);
}

void buf_put_decimal(struct buf *b, uint64_t value)
{
	char digits[20]; /* 2^64 has 20 */
	unsigned int n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		buf_put_char(b, digits[--n]);
}

void buf_put_hex_bytes(struct buf *b, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i < len; i++) {
		buf_put_char(b, hex_digit[p[i] >> 4]);
		buf_put_char(b, hex_digit[p[i] & 0xf]);
	}
}

void buf_put_hex_text(struct buf *b, const char *text)
{
	for (; *text; text++)
		buf_put_hex_bytes(b, text, 1);
}
