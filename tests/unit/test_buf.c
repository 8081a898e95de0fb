/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The bounded cursor: numbers at their limits, and that an overrun neither moves nor writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/buf.h"

static struct buf reading(const char *text)
{
	struct buf b;

	buf_init_const(&b, text, strlen(text));
	return b;
}

static void test_get_hex(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		size_t left;
		bool bad;
	} rows[] = {
		{ "0", 0, 0, false },
		{ "dEaD,", 0xdead, 1, false },
		{ "ffffffffffffffff", UINT64_MAX, 0, false },
		{ "00000000000000001", 0, 1, true }, /* seventeen digits */
		{ "10000000000000000", 0, 1, true },
		{ "", 0, 0, true },
		{ "g", 0, 1, true },
		{ "-1", 0, 2, true },
		{ "1g", 1, 1, false },
		/* What a sloppy "c | 0x20" would take for a digit. */
		{ "\x10", 0, 1, true },
		{ "A\x19", 0xa, 1, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b = reading(rows[i].text);

		assert_int_equal(buf_get_hex(&b), rows[i].value);
		assert_int_equal(buf_left(&b), rows[i].left);
		assert_int_equal(b.bad, rows[i].bad);
	}
}

static void test_get_hex_bytes(void **state)
{
	static const uint8_t expected[] = { 0x00, 0xff, 0xa5 };
	struct buf b = reading("00FFa5");
	uint8_t bytes[3];

	(void)state;
	assert_true(buf_get_hex_bytes(&b, bytes, 3));
	assert_memory_equal(bytes, expected, 3);
	assert_false(buf_get_hex_bytes(&b, bytes, 1));
	assert_true(b.bad);
	b = reading("0");
	assert_false(buf_get_hex_bytes(&b, bytes, 1));
	b = reading("0x");
	assert_false(buf_get_hex_bytes(&b, bytes, 1));
	b = reading("00");
	assert_false(buf_get_hex_bytes(&b, bytes, SIZE_MAX));
	assert_true(b.bad);
}

static void test_skip(void **state)
{
	struct buf b = reading("qC:rest"), field;

	(void)state;
	assert_false(buf_skip_text(&b, "qCRC"));
	assert_int_equal(buf_used(&b), 0);
	assert_true(buf_skip_text(&b, "qC"));
	assert_false(buf_skip_char(&b, ';'));
	assert_true(buf_skip_char(&b, ':'));
	assert_true(buf_skip_text(&b, ""));
	field = buf_get_until(&b, 's');
	assert_int_equal(buf_left(&field), 2);
	assert_int_equal(buf_peek(&b), 's');
	field = buf_get_until(&b, 'x');
	assert_int_equal(buf_left(&field), 2);
	assert_int_equal(buf_peek(&b), -1);
	assert_false(buf_skip_char(&b, '\0'));
	assert_false(buf_skip_text(&b, "t"));
	assert_false(b.bad);
}

static void test_put(void **state)
{
	static const char expected[] = "0 7f ffffffffffffffff 18446744073709551615 0 6f6b 00fe";
	static const uint8_t bytes[] = { 0x00, 0xfe };
	char out[sizeof(expected)] = "";
	struct buf b;

	(void)state;
	buf_init(&b, out, sizeof(out) - 1);
	buf_put_hex(&b, 0);
	buf_put_char(&b, ' ');
	buf_put_hex(&b, 0x7f);
	buf_put_bytes(&b, " ", 1);
	buf_put_hex(&b, UINT64_MAX);
	buf_put_text(&b, " ");
	buf_put_decimal(&b, UINT64_MAX);
	buf_put_char(&b, ' ');
	buf_put_decimal(&b, 0);
	buf_put_char(&b, ' ');
	buf_put_hex_text(&b, "ok");
	buf_put_char(&b, ' ');
	buf_put_hex_bytes(&b, bytes, sizeof(bytes));
	assert_false(b.bad);
	assert_int_equal(buf_left(&b), 0);
	assert_string_equal(out, expected);
}

static void put_something(struct buf *b, int which)
{
	switch (which) {
	case 0:
		buf_put_text(b, "0123456789");
		break;
	case 1:
		buf_put_bytes(b, "0123456789", 10);
		break;
	case 2:
		buf_put_hex(b, 0x1234567890);
		break;
	case 3:
		buf_put_decimal(b, 1234567890);
		break;
	case 4:
		buf_put_hex_bytes(b, "01234", 5);
		break;
	default:
		buf_put_hex_text(b, "01234");
		break;
	}
}

/* Every writer, with every room from none to one byte too little. */
static void test_put_overrun(void **state)
{
	uint8_t out[16];
	size_t room, i;
	int which;

	(void)state;
	for (which = 0; which < 6; which++) {
		for (room = 0; room <= 10; room++) {
			struct buf b;

			memset(out, 0xee, sizeof(out));
			buf_init(&b, out, room);
			put_something(&b, which);
			assert_int_equal(b.bad, room < 10);
			assert_true(buf_used(&b) <= room);
			for (i = room; i < sizeof(out); i++)
				assert_int_equal(out[i], 0xee);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_hex),	    cmocka_unit_test(test_get_hex_bytes),
		cmocka_unit_test(test_skip),	    cmocka_unit_test(test_put),
		cmocka_unit_test(test_put_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
