/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Framing: rows for each rule of the gdb manual's "Overview", and that sending inverts receiving.
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

enum { SIZE = 64 };

/* Feeds @text as a whole and returns the first event; *ret holds its data. */
static enum rsp_frame_event first_event(const char *text, bool expand, struct rsp_frame *f,
					uint8_t data[SIZE])
{
	size_t used;

	rsp_frame_init(f, data, SIZE, expand);
	return rsp_frame_input(f, (const uint8_t *)text, strlen(text), &used);
}

static void test_receive(void **state)
{
	static const struct {
		const char *in;
		bool expand;
		enum rsp_frame_event event;
		const char *data;
	} rows[] = {
		{ "$#00", false, RSP_FRAME_PACKET, "" },
		{ "$OK#9a", false, RSP_FRAME_PACKET, "OK" },
		{ "$OK#9A", false, RSP_FRAME_PACKET, "OK" },
		{ "$OK#9b", false, RSP_FRAME_BAD, NULL },
		{ "$OK#g0", false, RSP_FRAME_BAD, NULL },
		{ "$OK#9", false, RSP_FRAME_NONE, NULL },
		{ "%Stop:T05#99", true, RSP_FRAME_NOTIFY, "Stop:T05" },
		{ "+", false, RSP_FRAME_ACK, NULL },
		{ "-", false, RSP_FRAME_NAK, NULL },
		{ "\x03", false, RSP_FRAME_INTERRUPT, NULL },
		/* Noise between packets, an end that was lost. */
		{ "OK#9a\r\n$OK#9a", false, RSP_FRAME_PACKET, "OK" },
		{ "$m1000,4$OK#9a", false, RSP_FRAME_PACKET, "OK" },
		/* 0x03 inside a packet is data, not an interrupt. */
		{ "$\x03#03", false, RSP_FRAME_PACKET, "\x03" },
		/* Escapes; the checksum covers what is on the line. */
		{ "$}\x03#80", false, RSP_FRAME_PACKET, "#" },
		{ "$}]#da", false, RSP_FRAME_PACKET, "}" },
		{ "$a}#de", false, RSP_FRAME_BAD, NULL },
		/* Runs: the manual's example, the limits, and none in requests. */
		{ "$0* #7a", true, RSP_FRAME_PACKET, "0000" },
		{ "$0*!#7b", true, RSP_FRAME_PACKET, "00000" },
		{ "$0* #7a", false, RSP_FRAME_PACKET, "0* " },
		{ "$* #4a", true, RSP_FRAME_BAD, NULL },
		{ "$0*#5a", true, RSP_FRAME_BAD, NULL },
		{ "$0*\x7f#d9", true, RSP_FRAME_BAD, NULL },
		{ "$0*\x1f#79", true, RSP_FRAME_BAD, NULL },
		{ "$}\x0a* #d1", true, RSP_FRAME_PACKET, "****" },
		/* 97 copies of one more byte do not fit into 64. */
		{ "$0*~#d8", true, RSP_FRAME_OVERSIZE, NULL },
	};
	uint8_t data[SIZE];
	struct rsp_frame f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		enum rsp_frame_event event = first_event(rows[i].in, rows[i].expand, &f, data);

		if (event != rows[i].event)
			fail_msg("%s: event %d, not %d", rows[i].in, event, rows[i].event);
		if (!rows[i].data)
			continue;
		assert_int_equal(f.len, strlen(rows[i].data));
		assert_memory_equal(f.data, rows[i].data, f.len);
	}
}

/* A packet that is too long is swallowed to its end; the one behind it is whole. */
static void test_oversize(void **state)
{
	uint8_t data[4], in[] = "$12345#ff$1234#ca";
	struct rsp_frame f;
	size_t used, at;

	(void)state;
	rsp_frame_init(&f, data, sizeof(data), false);
	assert_int_equal(rsp_frame_input(&f, in, sizeof(in) - 1, &at), RSP_FRAME_OVERSIZE);
	assert_int_equal(at, 9);
	assert_int_equal(rsp_frame_input(&f, in + at, sizeof(in) - 1 - at, &used),
			 RSP_FRAME_PACKET);
	assert_int_equal(f.len, 4);
}

/* All bytes, at every alignment of the word-wise path, in every room. */
static void test_binary_round_trip(void **state)
{
	uint8_t plain[256 + 8], wire[2 * sizeof(plain) + 8], data[sizeof(plain)];
	size_t i, skip, room, used;

	(void)state;
	for (i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)i;
	for (skip = 0; skip < 8; skip++) {
		for (room = 4; room <= sizeof(wire); room++) {
			size_t len = sizeof(plain) - skip, fitted;
			struct rsp_out out;
			struct rsp_frame f;

			memset(wire, 0xee, sizeof(wire));
			rsp_out_begin(&out, wire, room);
			fitted = rsp_out_binary(&out, plain + skip, len);
			len = rsp_out_end(&out);
			assert_true(len > 0 && len <= room);
			assert_true(room == len || wire[len] == 0xee);
			rsp_frame_init(&f, data, sizeof(data), true);
			assert_int_equal(rsp_frame_input(&f, wire, len, &used), RSP_FRAME_PACKET);
			assert_int_equal(f.len, fitted);
			assert_memory_equal(f.data, plain + skip, fitted);
		}
		assert_int_equal(used, 4 + sizeof(plain) - skip + 4); /* four of them escaped */
	}
}

static void test_send_overrun(void **state)
{
	uint8_t wire[32];
	struct rsp_out out;

	(void)state;
	rsp_out_begin(&out, wire, 7);
	rsp_out_text(&out, "abc");
	assert_int_equal(rsp_out_end(&out), 7);
	assert_memory_equal(wire, "$abc#26", 7);
	rsp_out_begin(&out, wire, 7);
	rsp_out_text(&out, "abcd");
	assert_int_equal(rsp_out_end(&out), 0);
	rsp_out_begin(&out, wire, 7);
	rsp_out_hex_bytes(&out, "xx", 2);
	assert_int_equal(rsp_out_end(&out), 0);
	rsp_out_begin(&out, wire, 0);
	assert_int_equal(rsp_out_end(&out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_oversize),
		cmocka_unit_test(test_binary_round_trip),
		cmocka_unit_test(test_send_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
