/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Registers: gdb's numbers and layout, the g G p P packets, and that the target description says
 * what the g packet holds, in whatever pieces it is fetched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/rsp_client.h"
#include "tests/unit/converse.h"

enum { XML_MAX = 64 * 1024 };

/* gdb/amd64-tdep.h and features/i386/64bit-*.xml: numbers and offsets in the g packet. */
static void test_layout(void **state)
{
	static const struct {
		const char *name;
		int number;
		uint16_t offset;
		uint8_t bytes;
	} rows[] = {
		{ "rax", 0, 0, 8 },	     { "rsp", 7, 56, 8 },	{ "rip", 16, 128, 8 },
		{ "eflags", 17, 136, 4 },    { "gs", 23, 160, 4 },	{ "st0", 24, 164, 10 },
		{ "fctrl", 32, 244, 4 },     { "xmm0", 40, 276, 16 },	{ "xmm15", 55, 516, 16 },
		{ "mxcsr", 56, 532, 4 },     { "fs_base", 57, 536, 8 }, { "gs_base", 58, 544, 8 },
		{ "k_gs_base", 59, 552, 8 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		int reg = x86_64_find(rows[i].name, strlen(rows[i].name));

		assert_int_equal(reg, rows[i].number);
		assert_int_equal(x86_64_regs_desc[reg].offset, rows[i].offset);
		assert_int_equal(x86_64_regs_desc[reg].bytes, rows[i].bytes);
	}
	assert_int_equal(x86_64_find("r", 1), ST_INVAL);
	assert_int_equal(x86_64_find("raxx", 4), ST_INVAL);
	assert_int_equal(x86_64_find("rax=", 3), 0);
	assert_int_equal(x86_64_find("", 0), ST_INVAL);
}

static void test_access(void **state)
{
	uint8_t raw[X86_64_REG_BYTES_MAX], back[X86_64_REG_BYTES_MAX];
	struct x86_64_regs regs;
	size_t i;

	(void)state;
	x86_64_regs_clear(&regs);
	assert_int_equal(x86_64_get(&regs, X86_64_rip), 0);
	x86_64_set(&regs, X86_64_rip, 0x0123456789abcdef);
	assert_int_equal(x86_64_get(&regs, X86_64_rip), 0x0123456789abcdef);
	x86_64_set(&regs, X86_64_eflags, 0xfffffffff00000ff);
	assert_int_equal(x86_64_get(&regs, X86_64_eflags), 0xf00000ff);
	assert_false(regs.valid[X86_64_cs]); /* nor did it spill into its neighbour */
	assert_int_equal(regs.data[x86_64_regs_desc[X86_64_cs].offset], 0);
	for (i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i + 1);
	x86_64_set_raw(&regs, X86_64_xmm3, raw);
	x86_64_get_raw(&regs, X86_64_xmm3, back);
	assert_memory_equal(raw, back, sizeof(raw));
}

/* --- packets --- */

static void test_g(void **state)
{
	struct rsp_session *s = *state;
	const char *g = rsp_session_ask(s, "g");

	/* Without AVX the packet ends before its registers. */
	assert_int_equal(s->answer_len, 2 * x86_64_regs_desc[X86_64_ymm0h].offset);
	assert_string_equal(rsp_session_ask(s, "p4b"), "E22");
	s->fake.target.avx = true;
	assert_memory_equal(rsp_session_ask(s, "p4b"), "xxxxxxxx", 8);
	g = rsp_session_ask(s, "g");
	assert_int_equal(s->answer_len, 2 * X86_64_FILE_BYTES);
	assert_memory_equal(g + 2 * 128, "00010081ffffffff", 16);
	assert_memory_equal(g + 2 * 164, "xxxxxxxxxxxxxxxxxxxx", 20); /* st0 is not available */
	assert_string_equal(rsp_session_ask(s, "p18"), "xxxxxxxxxxxxxxxxxxxx");
	assert_string_equal(rsp_session_ask(s, "p11"), "46020000");
	assert_string_equal(rsp_session_ask(s, "pffff"), "E22");
	assert_string_equal(rsp_session_ask(s, "p"), "E83");
	assert_string_equal(rsp_session_ask(s, "Hg2"), "OK");
	g = rsp_session_ask(s, "g");
	assert_memory_equal(g + 2 * 128, "01010081ffffffff", 16);
	g = rsp_session_ask(s, "g;thread:1;");
	assert_memory_equal(g + 2 * 128, "00010081ffffffff", 16);
}

/* G back as it came writes nothing; one digit changed writes one register. */
static void test_g_write(void **state)
{
	struct rsp_session *s = *state;
	char packet[1 + 2 * X86_64_FILE_BYTES + 1] = "G";
	unsigned int calls;

	strcpy(packet + 1, rsp_session_ask(s, "g"));
	calls = s->fake.calls;
	assert_string_equal(rsp_session_ask(s, packet), "OK");
	assert_int_equal(s->fake.calls, calls + 1); /* the read it is compared with */
	packet[1] = 'a';
	assert_string_equal(rsp_session_ask(s, packet), "OK");
	assert_int_equal(s->fake.calls, calls + 3);
	assert_int_equal(x86_64_get(&s->fake.regs[0], X86_64_rax), 0xa0);
	packet[100] = '\0';
	assert_string_equal(rsp_session_ask(s, packet), "E83");
	packet[1] = 'q';
	assert_string_equal(rsp_session_ask(s, packet), "E83");
}

static void test_p_write(void **state)
{
	struct rsp_session *s = *state;

	assert_string_equal(rsp_session_ask(s, "P10=efcdab8967452301"), "OK");
	assert_int_equal(x86_64_get(&s->fake.regs[0], X86_64_rip), 0x0123456789abcdef);
	assert_string_equal(rsp_session_ask(s, "P10=efcdab89674523"), "E83");
	assert_string_equal(rsp_session_ask(s, "P10"), "E83");
	assert_string_equal(rsp_session_ask(s, "P="), "E83");
	assert_string_equal(rsp_session_ask(s, "Pff=00"), "E22");
	/* A register that cannot be set: an error, since empty would mean "no P packet". */
	assert_int_equal(X86_64_cr8, 0x40);
	assert_string_equal(rsp_session_ask(s, "P40=0000000000000000"), "E5f");
}

/* --- target.xml --- */

/* All of the description, fetched @chunk bytes at a time. */
static size_t fetch(struct rsp_session *s, size_t chunk, char xml[XML_MAX])
{
	size_t len = 0;

	for (;;) {
		char ask[64];
		const char *answer;

		snprintf(ask, sizeof(ask), "qXfer:features:read:target.xml:%zx,%zx", len, chunk);
		answer = rsp_session_ask(s, ask);
		assert_non_null(answer);
		assert_true(answer[0] == 'm' || answer[0] == 'l');
		assert_true(s->answer_len - 1 <= chunk);
		assert_true(len + s->answer_len < XML_MAX);
		memcpy(xml + len, answer + 1, s->answer_len - 1);
		len += s->answer_len - 1;
		if (answer[0] == 'l')
			break;
		assert_true(s->answer_len > 1);
	}
	xml[len] = '\0';
	return len;
}

static void test_description_pieces(void **state)
{
	static const size_t chunks[] = { 1, 7, 100, 0xffb, 0xffffff };
	static char first[XML_MAX], again[XML_MAX];
	size_t i, len = fetch(*state, 0x800, first);
	char ask[64];

	for (i = 0; i < ARRAY_LEN(chunks); i++) {
		assert_int_equal(fetch(*state, chunks[i], again), len);
		assert_memory_equal(first, again, len);
	}
	/* A piece that ends with the document says so. */
	snprintf(ask, sizeof(ask), "qXfer:features:read:target.xml:%zx,10", len - 16);
	converse_expect(*state, ask, "l*");
	snprintf(ask, sizeof(ask), "qXfer:features:read:target.xml:%zx,f", len - 16);
	converse_expect(*state, ask, "m*");
}

/* The client of QEMU's stub reads our description as well: same places, same numbers. */
static void test_description_read_back(void **state)
{
	static char xml[XML_MAX];
	struct rsp_session *s = *state;
	struct rsp_client client;
	void *mem = malloc(rsp_client_memory(RSP_PACKET_MIN));
	size_t len;
	int reg;

	s->fake.target.avx = true;
	len = fetch(s, 0x800, xml);
	rsp_client_init(&client, mem, RSP_PACKET_MIN);
	assert_int_equal(rsp_client_take_description(&client, xml, len), X86_64_REGS);
	for (reg = 0; reg < X86_64_REGS; reg++) {
		assert_int_equal(client.g_number[reg], reg);
		assert_int_equal(client.g_offset[reg], x86_64_regs_desc[reg].offset);
		assert_int_equal(client.g_bytes[reg], x86_64_regs_desc[reg].bytes);
	}
	free(mem);
}

/* Every element is closed in order, every type that is used was defined before or is gdb's own. */
static void test_description_well_formed(void **state)
{
	static const char *const known[] = {
		"int8",	    "int16",	"int32",       "int64",	      "uint128",  "int",
		"data_ptr", "code_ptr", "ieee_single", "ieee_double", "i387_ext",
	};
	static char xml[XML_MAX];
	char open[16][32], id[64], *at;
	unsigned int depth = 0;

	fetch(*state, 0x800, xml);
	for (at = strchr(xml, '<'); at; at = strchr(at + 1, '<')) {
		char *end = strchr(at, '>'), *type;
		size_t i;

		assert_non_null(end);
		if (at[1] == '?' || at[1] == '!')
			continue;
		if (at[1] == '/') {
			assert_true(depth > 0);
			depth--;
			assert_int_equal(strncmp(at + 2, open[depth], strlen(open[depth])), 0);
			continue;
		}
		if (end[-1] != '/') {
			assert_true(depth < ARRAY_LEN(open));
			assert_int_equal(sscanf(at, "<%31[a-z]", open[depth++]), 1);
		}
		*end = '\0';
		type = strstr(at, " type=\"");
		if (type && sscanf(type, " type=\"%40[^\"]", id) == 1) {
			char definition[80];

			for (i = 0; i < ARRAY_LEN(known) && strcmp(known[i], id) != 0; i++)
				;
			snprintf(definition, sizeof(definition), " id=\"%s\"", id);
			*end = '>';
			if (i == ARRAY_LEN(known) &&
			    (!strstr(xml, definition) || strstr(xml, definition) > at))
				fail_msg("type %s is used before its definition", id);
		}
		*end = '>';
	}
	assert_int_equal(depth, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_access),
		CONVERSE_TEST(test_g),
		CONVERSE_TEST(test_g_write),
		CONVERSE_TEST(test_p_write),
		CONVERSE_TEST(test_description_pieces),
		CONVERSE_TEST(test_description_read_back),
		CONVERSE_TEST(test_description_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
