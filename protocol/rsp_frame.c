/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Packet framing (gdb manual, "Overview" of the remote protocol). Receiving is a state machine over
 * bytes, sending escapes and sums while it copies; both take a machine word at a time where no byte
 * means anything.
 */
#include "rsp_frame.h"

enum state { IDLE, DATA, SUM_HIGH, SUM_LOW };

enum {
	INTERRUPT = 0x03,
	ESCAPE = '}',
	ESCAPE_XOR = 0x20,
	REPEAT_BASE = 29, /* a count character is the number of further copies plus this */
	TRAILER = 3,	  /* '#' and two digits */
	WORD = sizeof(uint64_t),
};

#define BYTES(c) (0x0101010101010101ull * (uint8_t)(c))

/* --- bytes that mean something --- */

static bool special(uint8_t c)
{
	return c == '#' || c == '$' || c == ESCAPE || c == '*';
}

/* Non-zero when one of the word's bytes is zero (the classic test; exact for this question). */
static uint64_t has_zero(uint64_t w)
{
	return (w - BYTES(0x01)) & ~w & BYTES(0x80);
}

/* The top bit of each byte that means something; false ones only above a true one. */
static uint64_t specials(uint64_t w)
{
	return has_zero(w ^ BYTES('#')) | has_zero(w ^ BYTES('$')) | has_zero(w ^ BYTES(ESCAPE)) |
	       has_zero(w ^ BYTES('*'));
}

/* The sum of a word's bytes, modulo 256: even and odd bytes in 16-bit lanes, then all lanes at
 * once. */
static uint8_t byte_sum(uint64_t w)
{
	const uint64_t even = 0x00ff00ff00ff00ffull;

	w = (w & even) + (w >> 8 & even);
	return (uint8_t)(w * 0x0001000100010001ull >> 48);
}

/*
 * Copies bytes up to the first that means something, adds them to *@sum and returns how many. Up to
 * @len bytes of @to are written. Everything in registers: under emulation a memory access costs
 * more than all the rest.
 */
static size_t copy_plain(uint8_t *to, const uint8_t *from, size_t len, uint8_t *sum)
{
	uint64_t w, found = 0, total = *sum;
	size_t i = 0;

	for (; !found && len - i >= WORD; i += WORD) {
		memcpy(&w, from + i, WORD);
		memcpy(to + i, &w, WORD);
		found = specials(w);
		if (found) {
			unsigned int bits = (unsigned int)__builtin_ctzll(found) & ~7u;

			total += byte_sum(w & ((1ull << bits) - 1));
			i += bits / 8;
			break;
		}
		total += byte_sum(w);
	}
	for (; !found && i < len && !special(from[i]); i++) {
		to[i] = from[i];
		total += from[i];
	}
	*sum = (uint8_t)total;
	return i;
}

/* --- receiving --- */

void rsp_frame_init(struct rsp_frame *f, void *data, size_t size, bool expand)
{
	*f = (struct rsp_frame){ .data = data, .size = size, .expand = expand };
}

static void start(struct rsp_frame *f, uint8_t kind)
{
	f->state = DATA;
	f->kind = kind;
	f->len = 0;
	f->sum = 0;
	f->oversize = f->malformed = f->escaped = f->repeat = false;
}

static void append(struct rsp_frame *f, uint8_t byte)
{
	if (f->len < f->size)
		f->data[f->len++] = byte;
	else
		f->oversize = true;
}

/* Counts that would look like '#' or '$', or lie outside the printable range, do not exist. */
static void expand(struct rsp_frame *f, uint8_t count)
{
	f->repeat = false;
	if (!f->len || count < ' ' || count > '~') {
		f->malformed = true;
		return;
	}
	for (; count > REPEAT_BASE && !f->oversize; count--)
		append(f, f->data[f->len - 1]);
}

static void take(struct rsp_frame *f, uint8_t byte)
{
	f->sum = (uint8_t)(f->sum + byte);
	if (f->repeat) {
		expand(f, byte);
	} else if (f->escaped) {
		f->escaped = false;
		append(f, byte ^ ESCAPE_XOR);
	} else if (byte == ESCAPE) {
		f->escaped = true;
	} else if (byte == '*' && f->expand) {
		f->repeat = true;
	} else {
		append(f, byte);
	}
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum rsp_frame_event finish(struct rsp_frame *f)
{
	f->state = IDLE;
	if (f->malformed || f->want != f->sum)
		return RSP_FRAME_BAD;
	if (f->oversize)
		return RSP_FRAME_OVERSIZE;
	return f->kind == '%' ? RSP_FRAME_NOTIFY : RSP_FRAME_PACKET;
}

static enum rsp_frame_event idle(struct rsp_frame *f, uint8_t byte)
{
	switch (byte) {
	case '$':
	case '%':
		start(f, byte);
		return RSP_FRAME_NONE;
	case '+':
		return RSP_FRAME_ACK;
	case '-':
		return RSP_FRAME_NAK;
	case INTERRUPT:
		return RSP_FRAME_INTERRUPT;
	default:
		return RSP_FRAME_NONE;
	}
}

static enum rsp_frame_event push(struct rsp_frame *f, uint8_t byte)
{
	switch (f->state) {
	case IDLE:
		return idle(f, byte);
	case DATA:
		if (byte == '#') {
			f->malformed |= f->escaped || f->repeat;
			f->state = SUM_HIGH;
		} else if (byte == '$') {
			/* The end of the last packet was lost; what follows is a new one. */
			start(f, byte);
		} else {
			take(f, byte);
		}
		return RSP_FRAME_NONE;
	case SUM_HIGH:
		f->malformed |= digit(byte) < 0;
		f->want = (uint8_t)((unsigned int)digit(byte) << 4);
		f->state = SUM_LOW;
		return RSP_FRAME_NONE;
	default:
		f->malformed |= digit(byte) < 0;
		f->want |= (uint8_t)digit(byte) & 0xf;
		return finish(f);
	}
}

/* As much of the data as begins here and means nothing but itself. */
static size_t take_plain(struct rsp_frame *f, const uint8_t *in, size_t len)
{
	size_t room = f->size - f->len, taken;

	if (f->state != DATA || f->escaped || f->repeat)
		return 0;
	taken = copy_plain(f->data + f->len, in, len < room ? len : room, &f->sum);
	f->len += taken;
	return taken;
}

enum rsp_frame_event rsp_frame_input(struct rsp_frame *f, const uint8_t *in, size_t len,
				     size_t *used)
{
	size_t i = 0;

	while (i < len) {
		enum rsp_frame_event event;

		i += take_plain(f, in + i, len - i);
		if (i == len)
			break;
		event = push(f, in[i++]);
		if (event != RSP_FRAME_NONE) {
			*used = i;
			return event;
		}
	}
	*used = len;
	return RSP_FRAME_NONE;
}

/* --- sending --- */

void rsp_out_begin(struct rsp_out *out, void *data, size_t size)
{
	out->sum = 0;
	buf_init(&out->buf, data, size > TRAILER ? size - TRAILER : 0);
	buf_put_char(&out->buf, '$');
}

void rsp_out_char(struct rsp_out *out, char c)
{
	buf_put_char(&out->buf, c);
	out->sum = (uint8_t)(out->sum + (uint8_t)c);
}

void rsp_out_text(struct rsp_out *out, const char *text)
{
	while (*text)
		rsp_out_char(out, *text++);
}

static const char hex_digit[] = "0123456789abcdef";

void rsp_out_hex(struct rsp_out *out, uint64_t value)
{
	int shift = 60;

	while (shift > 0 && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		rsp_out_char(out, hex_digit[value >> shift & 0xf]);
}

void rsp_out_hex_bytes(struct rsp_out *out, const void *data, size_t len)
{
	const uint8_t *from = data;
	uint8_t *to = out->buf.pos;
	uint8_t sum = out->sum;
	size_t i;

	if (buf_left(&out->buf) / 2 < len) {
		out->buf.bad = true;
		return;
	}
	for (i = 0; i < len; i++) {
		uint8_t high = (uint8_t)hex_digit[from[i] >> 4];
		uint8_t low = (uint8_t)hex_digit[from[i] & 0xf];

		*to++ = high;
		*to++ = low;
		sum = (uint8_t)(sum + high + low);
	}
	out->buf.pos = to;
	out->sum = sum;
}

void rsp_out_hex_text(struct rsp_out *out, const char *text)
{
	for (; *text; text++)
		rsp_out_hex_bytes(out, text, 1);
}

static bool put_escaped(struct rsp_out *out, uint8_t c)
{
	if (buf_left(&out->buf) < (special(c) ? 2u : 1u))
		return false;
	if (special(c)) {
		rsp_out_char(out, ESCAPE);
		c ^= ESCAPE_XOR;
	}
	rsp_out_char(out, (char)c);
	return true;
}

size_t rsp_out_binary(struct rsp_out *out, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t i = 0;

	for (;;) {
		size_t left = buf_left(&out->buf), n = len - i < left ? len - i : left;

		n = copy_plain(out->buf.pos, from + i, n, &out->sum);
		out->buf.pos += n;
		i += n;
		if (i == len || !put_escaped(out, from[i]))
			return i;
		i++;
	}
}

size_t rsp_out_end(struct rsp_out *out)
{
	if (out->buf.bad)
		return 0;
	*out->buf.pos++ = '#';
	*out->buf.pos++ = (uint8_t)hex_digit[out->sum >> 4];
	*out->buf.pos++ = (uint8_t)hex_digit[out->sum & 0xf];
	return buf_used(&out->buf);
}
