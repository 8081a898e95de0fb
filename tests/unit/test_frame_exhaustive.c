/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The framer against a slow reference, over every string of up to LENGTH_MAX bytes of an alphabet
 * of eight that matter, in both modes; and in every way of cutting each short string in two. The
 * reference is written from the gdb manual's words, on whole strings, with nothing kept between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/rsp_frame.h"

enum {
	LENGTH_MAX = 7,
	SPLIT_MAX = 5, /* longest string that is also cut at every place */
	SIZE = 2,      /* small, so that oversize packets are among the strings */
	TRACE_MAX = 256,
};

/* '1' is data and a checksum digit; "$11#62" and such are right checksums. */
static const uint8_t alphabet[] = { '$', '#', '}', '*', '+', '0', '1', ' ' };

struct trace {
	uint8_t bytes[TRACE_MAX];
	size_t len;
};

static void record(struct trace *t, uint8_t event, const uint8_t *data, size_t len)
{
	t->bytes[t->len++] = event;
	if (event != RSP_FRAME_PACKET)
		return;
	t->bytes[t->len++] = (uint8_t)len;
	memcpy(t->bytes + t->len, data, len);
	t->len += len;
}

/* --- the reference --- */

static int hex(uint8_t c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The data between '$' and '#', decoded; -1: malformed, -2: too long. */
static int decode(const uint8_t *in, size_t len, bool expand, uint8_t *ret)
{
	uint8_t long_enough[128 * LENGTH_MAX];
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (in[i] == '}') {
			if (++i == len)
				return -1;
			long_enough[n++] = in[i] ^ 0x20;
		} else if (in[i] == '*' && expand) {
			int more;

			if (++i == len || !n || in[i] < ' ' || in[i] > '~')
				return -1;
			for (more = in[i] - 29; more > 0; more--, n++)
				long_enough[n] = long_enough[n - 1];
		} else {
			long_enough[n++] = in[i];
		}
	}
	if (n > SIZE)
		return -2;
	memcpy(ret, long_enough, n);
	return (int)n;
}

static void reference(const uint8_t *in, size_t len, bool expand, struct trace *t)
{
	uint8_t data[SIZE];
	size_t i = 0, end, k;

	while (i < len) {
		uint8_t sum = 0;
		int n;

		if (in[i] != '$') {
			if (in[i] == '+')
				record(t, RSP_FRAME_ACK, NULL, 0);
			i++;
			continue;
		}
		for (end = i + 1; end < len && in[end] != '#'; end++)
			if (in[end] == '$')
				i = end; /* a new packet: the end of the last was lost */
		if (end + 2 >= len)
			return;
		for (k = i + 1; k < end; k++)
			sum = (uint8_t)(sum + in[k]);
		n = decode(in + i + 1, end - i - 1, expand, data);
		if (n == -1 || hex(in[end + 1]) < 0 || hex(in[end + 2]) < 0 ||
		    hex(in[end + 1]) * 16 + hex(in[end + 2]) != sum)
			record(t, RSP_FRAME_BAD, NULL, 0);
		else
			record(t, n < 0 ? RSP_FRAME_OVERSIZE : RSP_FRAME_PACKET, data, (size_t)n);
		i = end + 3;
	}
}

/* --- the code under test --- */

static void feed(struct rsp_frame *f, const uint8_t *in, size_t len, struct trace *t)
{
	size_t used;

	for (; len; in += used, len -= used) {
		enum rsp_frame_event event = rsp_frame_input(f, in, len, &used);

		assert_true(used > 0 && used <= len);
		if (event != RSP_FRAME_NONE)
			record(t, (uint8_t)event, f->data, f->len);
	}
}

static void compare(const uint8_t *in, size_t len, bool expand, size_t cut)
{
	struct trace expected = { .len = 0 }, seen = { .len = 0 };
	uint8_t data[SIZE];
	struct rsp_frame f;

	reference(in, len, expand, &expected);
	rsp_frame_init(&f, data, sizeof(data), expand);
	feed(&f, in, cut, &seen);
	feed(&f, in + cut, len - cut, &seen);
	if (seen.len != expected.len || memcmp(seen.bytes, expected.bytes, seen.len) != 0)
		fail_msg("\"%.*s\" (expand %d, cut at %zu) differs", (int)len, in, expand, cut);
}

static void test_all_strings(void **state)
{
	uint8_t in[LENGTH_MAX];
	uint64_t number, count;
	size_t len, i, cut;

	(void)state;
	for (len = 0, count = 1; len <= LENGTH_MAX; len++, count *= ARRAY_LEN(alphabet)) {
		for (number = 0; number < count; number++) {
			uint64_t rest = number;

			for (i = 0; i < len; i++, rest /= ARRAY_LEN(alphabet))
				in[i] = alphabet[rest % ARRAY_LEN(alphabet)];
			for (cut = 0; cut <= (len <= SPLIT_MAX ? len : 0); cut++) {
				compare(in, len, false, cut);
				compare(in, len, true, cut);
			}
		}
	}
}

/*
 * Right checksums are rare in the strings above. Here every string of up to four bytes is put
 * between '$' and its checksum.
 */
static void test_all_packets(void **state)
{
	uint8_t in[LENGTH_MAX + 2];
	uint64_t number, count;
	size_t len, i, cut;

	(void)state;
	for (len = 0, count = 1; len <= 4; len++, count *= ARRAY_LEN(alphabet)) {
		for (number = 0; number < count; number++) {
			uint64_t rest = number;
			uint8_t sum = 0;

			in[0] = '$';
			for (i = 1; i <= len; i++, rest /= ARRAY_LEN(alphabet)) {
				in[i] = alphabet[rest % ARRAY_LEN(alphabet)];
				sum = (uint8_t)(sum + in[i]);
			}
			in[len + 1] = '#';
			in[len + 2] = (uint8_t) "0123456789abcdef"[sum >> 4];
			in[len + 3] = (uint8_t) "0123456789abcdef"[sum & 15];
			for (cut = 0; cut <= len + 4; cut++) {
				compare(in, len + 4, false, cut);
				compare(in, len + 4, true, cut);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_strings),
		cmocka_unit_test(test_all_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
