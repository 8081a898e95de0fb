/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The client's codec: the requests it writes, what it makes of replies (QEMU 7.2's, ours, and some
 * that no honest server sends).
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

enum { PACKET = RSP_PACKET_MIN };

struct fixture {
	struct rsp_client c;
	void *mem;
};

static int setup(void **state)
{
	struct fixture *f = malloc(sizeof(*f));

	f->mem = malloc(rsp_client_memory(PACKET));
	rsp_client_init(&f->c, f->mem, PACKET);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->mem);
	free(f);
	return 0;
}

/* The request in the output, without framing. */
static void expect_request(struct rsp_client *c, int status, const char *expected)
{
	assert_int_equal(status, 0);
	assert_true(c->out_len > 4);
	assert_int_equal(c->out[0], '$');
	if (c->out_len - 4 != strlen(expected) || memcmp(c->out + 1, expected, c->out_len - 4) != 0)
		fail_msg("\"%.*s\", not \"%s\"", (int)c->out_len, c->out, expected);
}

/* Delivers @data as a packet of the server. */
static void reply_bytes(struct rsp_client *c, const void *data, size_t len)
{
	uint8_t wire[2 * PACKET + 8];
	struct rsp_out out;
	size_t used;

	rsp_out_begin(&out, wire, sizeof(wire));
	assert_int_equal(rsp_out_binary(&out, data, len), len);
	len = rsp_out_end(&out);
	assert_int_equal(rsp_client_input(c, wire, len, &used), RSP_CLIENT_REPLY);
	assert_int_equal(used, len);
}

static void reply(struct rsp_client *c, const char *text)
{
	reply_bytes(c, text, strlen(text));
}

static void test_requests(void **state)
{
	static const enum target_action cont[] = { TARGET_CONT, TARGET_CONT },
					step[] = { TARGET_CONT, TARGET_STEP },
					hold[] = { TARGET_HOLD, TARGET_CONT };
	const struct target_resume all = { .actions = cont, .count = 2 },
				   one = { .actions = step, .count = 2 },
				   rest = { .actions = hold, .count = 2 },
				   range = { step, 2, 0x1000, 0x1010 };
	struct rsp_client *c = &((struct fixture *)*state)->c;

	expect_request(c, rsp_client_request(c, "?"), "?");
	expect_request(c, rsp_client_read_mem(c, 0xffff888000000000, 64), "mffff888000000000,40");
	expect_request(c, rsp_client_write_mem(c, 0x10, "\x01\xff", 2), "M10,2:01ff");
	expect_request(c, rsp_client_select(c, 'g', 1), "Hg2");
	expect_request(c, rsp_client_point(c, true, TARGET_POINT_HW, 0x1000, 1), "Z1,1000,1");
	expect_request(c, rsp_client_point(c, false, TARGET_POINT_WATCH_ACCESS, 0x1000, 8),
		       "z4,1000,8");
	expect_request(c, rsp_client_monitor(c, "hi"), "qRcmd,6869");
	expect_request(c, rsp_client_resume(c, &all), "vCont;c");
	expect_request(c, rsp_client_resume(c, &one), "vCont;s:2;c");
	expect_request(c, rsp_client_resume(c, &rest), "vCont;c:2");
	expect_request(c, rsp_client_resume(c, &range), "vCont;s:2;c");
	c->ours = true;
	expect_request(c, rsp_client_resume(c, &range), "vCont;r1000,1010:2;c");
	c->multiprocess = true;
	expect_request(c, rsp_client_select(c, 'c', 0), "Hcp1.1");
	expect_request(c, rsp_client_resume(c, &one), "vCont;s:p1.2;c");
	expect_request(c, rsp_client_xfer_features(c, "target.xml", 0x7fd),
		       "qXfer:features:read:target.xml:7fd,3fc");
}

/* Nothing longer than the server's PacketSize is sent, nor than the client's own memory. */
static void test_request_limits(void **state)
{
	static const uint8_t data[PACKET];
	struct rsp_client *c = &((struct fixture *)*state)->c;

	assert_int_equal(c->packet_size, 0x400);
	assert_int_equal(rsp_client_write_mem(c, 0, data, (0x400 - 7) / 2), 0);
	assert_int_equal(rsp_client_write_mem(c, 0, data, 0x400 / 2), ST_RANGE);
	reply(c, "PacketSize=ffffffff");
	rsp_client_take_supported(c);
	assert_int_equal(c->packet_size, PACKET);
	assert_int_equal(rsp_client_write_mem(c, 0, data, PACKET / 2 - 4), 0);
	assert_int_equal(rsp_client_write_mem(c, 0, data, PACKET / 2), ST_RANGE);
	assert_int_equal(rsp_client_write_mem(c, 0, data, PACKET), ST_RANGE);
}

static void test_supported(void **state)
{
	struct rsp_client *c = &((struct fixture *)*state)->c;

	reply(c, "PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+");
	rsp_client_take_supported(c);
	assert_int_equal(c->packet_size, 0x1000);
	assert_true(c->multiprocess && c->vcont);
	reply(c, "PacketSize=zz;;=;PacketSize=1");
	rsp_client_take_supported(c);
	assert_int_equal(c->packet_size, 0x1000);
}

static void test_simple_replies(void **state)
{
	static const struct {
		const char *reply;
		int status;
	} rows[] = {
		{ "OK", 0 },
		{ "", ST_UNSUPPORTED },
		{ "E01", ST_PERM },
		{ "E14", ST_FAULT },
		{ "E0e", ST_FAULT },
		{ "E22", ST_INVAL },
		{ "E.anything", ST_IO },
		{ "Ezz", ST_SYNTAX },
		{ "OKOK", ST_SYNTAX },
		{ "E1", ST_SYNTAX },
		{ "E011", ST_SYNTAX },
		{ "O", ST_SYNTAX },
	};
	struct rsp_client *c = &((struct fixture *)*state)->c;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		reply(c, rows[i].reply);
		assert_int_equal(rsp_client_take_ok(c), rows[i].status);
	}
}

static void test_take_mem(void **state)
{
	struct rsp_client *c = &((struct fixture *)*state)->c;
	uint8_t buf[4] = { 0, 0, 0, 0xee };

	reply(c, "0102fe");
	assert_int_equal(rsp_client_take_mem(c, buf, 3), 3);
	assert_memory_equal(buf, "\x01\x02\xfe\xee", 4);
	assert_int_equal(rsp_client_take_mem(c, buf, 2), ST_SYNTAX); /* more than was asked for */
	reply(c, "01");
	assert_int_equal(rsp_client_take_mem(c, buf, 3), 1);
	reply(c, "010");
	assert_int_equal(rsp_client_take_mem(c, buf, 3), ST_SYNTAX);
	reply(c, "0x");
	assert_int_equal(rsp_client_take_mem(c, buf, 3), ST_SYNTAX);
	reply(c, "E14");
	assert_int_equal(rsp_client_take_mem(c, buf, 3), ST_FAULT);
}

static void test_take_stop(void **state)
{
	static const struct {
		const char *reply;
		int status;
		struct target_stop stop;
	} rows[] = {
		{ "T05thread:p01.02;", 0, { TARGET_STOP_SIGNAL, TARGET_SIGTRAP, 1, 0, NULL } },
		{ "T02thread:01;", 0, { TARGET_STOP_SIGNAL, TARGET_SIGINT, 0, 0, NULL } },
		{ "S05", 0, { TARGET_STOP_SIGNAL, TARGET_SIGTRAP, 0, 0, NULL } },
		{ "T05thread:1;watch:ffff888000001000;",
		  0,
		  { TARGET_STOP_WATCH_WRITE, TARGET_SIGTRAP, 0, 0xffff888000001000, NULL } },
		{ "T05rwatch:8;thread:2;",
		  0,
		  { TARGET_STOP_WATCH_READ, TARGET_SIGTRAP, 1, 8, NULL } },
		{ "T05awatch:8;", 0, { TARGET_STOP_WATCH_ACCESS, TARGET_SIGTRAP, 0, 8, NULL } },
		{ "T05swbreak:;", 0, { TARGET_STOP_SWBREAK, TARGET_SIGTRAP, 0, 0, NULL } },
		{ "T05hwbreak:;10:0000;future:x",
		  0,
		  { TARGET_STOP_HWBREAK, TARGET_SIGTRAP, 0, 0, NULL } },
		{ "W00", 0, { .kind = TARGET_STOP_GONE } },
		{ "X09;process:1", 0, { .kind = TARGET_STOP_GONE } },
		{ "", ST_SYNTAX, { 0 } },
		{ "OK", ST_SYNTAX, { 0 } },
		{ "T", ST_SYNTAX, { 0 } },
		{ "T0", ST_SYNTAX, { 0 } },
		{ "T05thread:0;", ST_SYNTAX, { 0 } },
		{ "T05thread:p1;", ST_SYNTAX, { 0 } },
		{ "T05thread:ffffffff;", ST_SYNTAX, { 0 } },
		{ "T05watch:xyz;", ST_SYNTAX, { 0 } },
	};
	struct rsp_client *c = &((struct fixture *)*state)->c;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct target_stop stop = { .addr = 0x5eed };
		int status;

		reply(c, rows[i].reply);
		status = rsp_client_take_stop(c, &stop);
		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].reply, status);
		if (status) {
			assert_int_equal(stop.addr, 0x5eed);
			continue;
		}
		assert_int_equal(stop.kind, rows[i].stop.kind);
		assert_int_equal(stop.signal, rows[i].stop.signal);
		assert_int_equal(stop.vcpu, rows[i].stop.vcpu);
		assert_int_equal(stop.addr, rows[i].stop.addr);
	}
}

/* --- descriptions --- */

/* Excerpts of QEMU 7.2's gdb-xml/i386-64bit.xml with what makes them awkward. */
static void test_description(void **state)
{
	static const char top[] = "<?xml version=\"1.0\"?><target>"
				  "<xi:include href=\"i386-64bit.xml\"/></target>";
	static const char core[] =
		"<feature name=\"org.gnu.gdb.i386.core\">\n"
		"  <flags id=\"i386_eflags\" size=\"4\">\n\t<field name=\"CF\" start=\"0\" "
		"end=\"0\"/>"
		"  </flags>\n"
		"  <reg name=\"rax\" bitsize=\"64\" type=\"int64\" regnum=\"0\"/>\n"
		"  <reg bitsize='64' name='rip'\n\ttype='code_ptr'/>\n"
		"  <!-- <reg name=\"rbx\" bitsize=\"64\"/> -->\n"
		"  <reg name=\"cs\" bitsize=\"64\" type=\"int32\" regnum=\"18\"/>\n"
		"  <reg name=\"unknown\" bitsize=\"128\"/>\n"
		"  <reg name=\"k_gs_base\" bitsize=\"64\"/></feature>";
	struct rsp_client *c = &((struct fixture *)*state)->c;
	struct x86_64_regs regs;

	assert_int_equal(rsp_client_take_description(c, top, strlen(top)), 0);
	assert_int_equal(rsp_client_take_description(c, core, strlen(core)), 5);
	assert_int_equal(c->g_number[X86_64_rip], 1);
	assert_int_equal(c->g_offset[X86_64_rip], 8);
	assert_int_equal(c->g_number[X86_64_cs], 18);
	assert_int_equal(c->g_offset[X86_64_k_gs_base], 40);
	assert_int_equal(c->g_number[X86_64_k_gs_base], 20);
	assert_int_equal(c->g_offset[X86_64_rbx], UINT16_MAX);

	/* Ours is 32 bits wide, the server's 64. */
	reply(c, "0100000000000000"
		 "xxxxxxxxxxxxxxxx"
		 "1000000000000000"
		 "00000000000000000000000000000000"
		 "efcdab8967452301");
	assert_int_equal(rsp_client_take_regs(c, &regs), 0);
	assert_int_equal(x86_64_get(&regs, X86_64_rax), 1);
	assert_false(regs.valid[X86_64_rip]);
	assert_int_equal(x86_64_get(&regs, X86_64_cs), 0x10);
	assert_int_equal(x86_64_get(&regs, X86_64_k_gs_base), 0x0123456789abcdef);
	assert_false(regs.valid[X86_64_rbx]);
	expect_request(c, rsp_client_write_reg(c, X86_64_cs, (const uint8_t *)"\x33\0\0\0"),
		       "P12=3300000000000000");
	assert_int_equal(rsp_client_write_reg(c, X86_64_rbx, (const uint8_t *)"12345678"),
			 ST_UNSUPPORTED);
	/* A short answer: what is not in it is not valid. */
	reply(c, "0100000000000000");
	assert_int_equal(rsp_client_take_regs(c, &regs), 0);
	assert_false(regs.valid[X86_64_k_gs_base]);
	reply(c, "01000000000000zz");
	assert_int_equal(rsp_client_take_regs(c, &regs), ST_SYNTAX);
}

static void test_description_malformed(void **state)
{
	static const char *const rows[] = {
		"<reg name=\"rax\" bitsize=\"65\"/>",
		"<reg name=\"rax\" bitsize=\"0\"/>",
		"<reg name=\"rax\"/>",
		"<reg bitsize=\"64\"/>",
		"<reg name=\"rax\" bitsize=\"99999999999999999999\"/>",
		"<reg name=\"rax\" bitsize=\"-64\"/>",
		"<reg name=\"rax bitsize=\"64\"",
	};
	struct rsp_client *c = &((struct fixture *)*state)->c;
	char big[32 * 1024] = "";
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(rsp_client_take_description(c, rows[i], strlen(rows[i])) < 0);
	assert_int_equal(rsp_client_take_description(c, "<!-- <reg ", 10), 0);
	for (i = 0; i < 200; i++)
		strcat(big, "<reg name=\"rax\" bitsize=\"4096\"/>");
	assert_int_equal(rsp_client_take_description(c, big, strlen(big)), ST_RANGE);
}

/* --- the rest --- */

static void test_monitor(void **state)
{
	struct rsp_client *c = &((struct fixture *)*state)->c;
	uint8_t text[8];
	struct buf out;

	buf_init(&out, text, sizeof(text));
	reply(c, "O6869"); /* QEMU: pieces, then OK */
	assert_int_equal(rsp_client_take_monitor(c, &out), 1);
	reply(c, "OK");
	assert_int_equal(rsp_client_take_monitor(c, &out), 0);
	reply(c, "21"); /* ours: everything at once */
	assert_int_equal(rsp_client_take_monitor(c, &out), 0);
	assert_int_equal(buf_used(&out), 3);
	assert_memory_equal(text, "hi!", 3);
	reply(c, "O6z");
	assert_int_equal(rsp_client_take_monitor(c, &out), ST_SYNTAX);
	reply(c, "");
	assert_int_equal(rsp_client_take_monitor(c, &out), ST_UNSUPPORTED);
}

static void test_line(void **state)
{
	static const uint8_t in[] = "+$OK#9a$OK#00-";
	struct rsp_client *c = &((struct fixture *)*state)->c;
	size_t used;

	assert_int_equal(rsp_client_input(c, in, 14, &used), RSP_CLIENT_REPLY);
	assert_int_equal(used, 7);
	assert_int_equal(rsp_client_ack(c), '+');
	assert_int_equal(rsp_client_ack(c), 0);
	assert_int_equal(rsp_client_input(c, in + 7, 7, &used), RSP_CLIENT_NONE);
	assert_int_equal(rsp_client_ack(c), '-');
	assert_int_equal(rsp_client_input(c, in + 13, 1, &used), RSP_CLIENT_RESEND);
	c->noack = true;
	assert_int_equal(rsp_client_input(c, in + 1, 6, &used), RSP_CLIENT_REPLY);
	assert_int_equal(rsp_client_ack(c), 0);
}

#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLIENT_TEST(test_requests),    CLIENT_TEST(test_request_limits),
		CLIENT_TEST(test_supported),   CLIENT_TEST(test_simple_replies),
		CLIENT_TEST(test_take_mem),    CLIENT_TEST(test_take_stop),
		CLIENT_TEST(test_description), CLIENT_TEST(test_description_malformed),
		CLIENT_TEST(test_monitor),     CLIENT_TEST(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
