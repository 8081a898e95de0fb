/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The client's codec. Everything received is checked before it is used: the peer may be a QEMU that
 * a guest has broken into, or a guest.
 */
#include "rsp_client.h"

enum {
	NOT_THERE = UINT16_MAX,
	SERVER_PACKET_DEFAULT = 0x400, /* until qSupported says more */
};

size_t rsp_client_memory(size_t packet_size)
{
	return 2 * (packet_size + 8);
}

void rsp_client_init(struct rsp_client *c, void *mem, size_t packet_size)
{
	uint8_t *bytes = mem;
	unsigned int reg;

	memset(c, 0, sizeof(*c));
	rsp_frame_init(&c->frame, bytes, packet_size, true);
	c->out = bytes + packet_size + 8;
	c->out_size = packet_size + 8;
	c->packet_size = SERVER_PACKET_DEFAULT;
	for (reg = 0; reg < X86_64_REGS; reg++)
		c->g_offset[reg] = c->g_number[reg] = NOT_THERE;
}

enum rsp_client_event rsp_client_input(struct rsp_client *c, const uint8_t *data, size_t len,
				       size_t *used)
{
	size_t n;

	*used = 0;
	while (*used < len) {
		enum rsp_frame_event e = rsp_frame_input(&c->frame, data + *used, len - *used, &n);

		*used += n;
		switch (e) {
		case RSP_FRAME_PACKET:
			c->ack_due = '+';
			return RSP_CLIENT_REPLY;
		case RSP_FRAME_BAD:
		case RSP_FRAME_OVERSIZE:
			c->ack_due = '-';
			return RSP_CLIENT_NONE;
		case RSP_FRAME_NAK:
			return RSP_CLIENT_RESEND;
		default:
			break;
		}
	}
	return RSP_CLIENT_NONE;
}

char rsp_client_ack(struct rsp_client *c)
{
	char ack = c->noack ? 0 : c->ack_due;

	c->ack_due = 0;
	return ack;
}

/* --- requests --- */

static void begin(struct rsp_client *c, struct rsp_out *out)
{
	rsp_out_begin(out, c->out, c->out_size);
}

static int end(struct rsp_client *c, struct rsp_out *out)
{
	size_t len = rsp_out_end(out);

	/* '$', '#' and two digits are not counted by PacketSize. */
	if (!len || len - 4 > c->packet_size)
		return ST_RANGE;
	c->out_len = len;
	return 0;
}

static void put_thread(const struct rsp_client *c, struct rsp_out *out, unsigned int vcpu)
{
	if (c->multiprocess)
		rsp_out_text(out, "p1.");
	rsp_out_hex(out, vcpu + 1);
}

int rsp_client_request(struct rsp_client *c, const char *text)
{
	struct rsp_out out;

	begin(c, &out);
	rsp_out_text(&out, text);
	return end(c, &out);
}

int rsp_client_read_mem(struct rsp_client *c, uint64_t addr, size_t len)
{
	struct rsp_out out;

	begin(c, &out);
	rsp_out_char(&out, c->ours ? 'x' : 'm');
	rsp_out_hex(&out, addr);
	rsp_out_char(&out, ',');
	rsp_out_hex(&out, len);
	return end(c, &out);
}

int rsp_client_write_mem(struct rsp_client *c, uint64_t addr, const void *data, size_t len)
{
	struct rsp_out out;

	begin(c, &out);
	rsp_out_char(&out, 'M');
	rsp_out_hex(&out, addr);
	rsp_out_char(&out, ',');
	rsp_out_hex(&out, len);
	rsp_out_char(&out, ':');
	rsp_out_hex_bytes(&out, data, len);
	return end(c, &out);
}

int rsp_client_select(struct rsp_client *c, char op, unsigned int vcpu)
{
	struct rsp_out out;

	begin(c, &out);
	rsp_out_char(&out, 'H');
	rsp_out_char(&out, op);
	put_thread(c, &out, vcpu);
	return end(c, &out);
}

/* Steps are named one by one; a final `c` without thread covers the rest if any of them continues.
 */
static void put_action(struct rsp_client *c, struct rsp_out *out, const struct target_resume *how,
		       unsigned int vcpu)
{
	if (how->actions[vcpu] != TARGET_STEP) {
		rsp_out_text(out, ";c:");
	} else if (how->range_end && c->ours) {
		rsp_out_text(out, ";r");
		rsp_out_hex(out, how->range_start);
		rsp_out_char(out, ',');
		rsp_out_hex(out, how->range_end);
		rsp_out_char(out, ':');
	} else {
		rsp_out_text(out, ";s:");
	}
	put_thread(c, out, vcpu);
}

int rsp_client_resume(struct rsp_client *c, const struct target_resume *how)
{
	unsigned int i, holding = 0, continuing = 0;
	struct rsp_out out;

	begin(c, &out);
	rsp_out_text(&out, "vCont");
	for (i = 0; i < how->count; i++) {
		holding += how->actions[i] == TARGET_HOLD;
		continuing += how->actions[i] == TARGET_CONT;
	}
	for (i = 0; i < how->count; i++)
		if (how->actions[i] == TARGET_STEP || (how->actions[i] == TARGET_CONT && holding))
			put_action(c, &out, how, i);
	if (continuing && !holding)
		rsp_out_text(&out, ";c");
	return end(c, &out);
}

int rsp_client_point(struct rsp_client *c, bool insert, enum target_point type, uint64_t addr,
		     unsigned int len)
{
	struct rsp_out out;

	begin(c, &out);
	rsp_out_char(&out, insert ? 'Z' : 'z');
	rsp_out_hex(&out, type);
	rsp_out_char(&out, ',');
	rsp_out_hex(&out, addr);
	rsp_out_char(&out, ',');
	rsp_out_hex(&out, len);
	return end(c, &out);
}

int rsp_client_write_reg(struct rsp_client *c, enum x86_64_reg reg, const uint8_t *raw)
{
	uint8_t value[X86_64_REG_BYTES_MAX] = { 0 };
	struct rsp_out out;

	if (c->g_number[reg] == NOT_THERE)
		return ST_UNSUPPORTED;
	/* The server's width may differ from ours (segment selectors, control registers). */
	memcpy(value, raw, x86_64_regs_desc[reg].bytes);
	begin(c, &out);
	rsp_out_char(&out, 'P');
	rsp_out_hex(&out, c->g_number[reg]);
	rsp_out_char(&out, '=');
	rsp_out_hex_bytes(&out, value, c->g_bytes[reg]);
	return end(c, &out);
}

int rsp_client_xfer_features(struct rsp_client *c, const char *annex, size_t offset)
{
	struct rsp_out out;

	begin(c, &out);
	rsp_out_text(&out, "qXfer:features:read:");
	rsp_out_text(&out, annex);
	rsp_out_char(&out, ':');
	rsp_out_hex(&out, offset);
	rsp_out_char(&out, ',');
	rsp_out_hex(&out, c->packet_size - 4);
	return end(c, &out);
}

int rsp_client_monitor(struct rsp_client *c, const char *command)
{
	struct rsp_out out;

	begin(c, &out);
	rsp_out_text(&out, "qRcmd,");
	rsp_out_hex_text(&out, command);
	return end(c, &out);
}

/* --- replies --- */

static struct buf reply(const struct rsp_client *c)
{
	struct buf b;

	buf_init_const(&b, c->frame.data, c->frame.len);
	return b;
}

/* "Exx" or "Exx;text" with codes of status.def. */
static int ours_error(struct buf b)
{
	static const int known[] = {
#define X(name, code, text) name,
#include "status.def"
#undef X
	};
	uint8_t code;
	size_t i;

	if (!buf_skip_char(&b, 'E') || !buf_get_hex_bytes(&b, &code, 1) ||
	    (buf_left(&b) && buf_peek(&b) != ';'))
		return 0;
	for (i = 0; i < ARRAY_LEN(known); i++)
		if (known[i] == -(int)code)
			return known[i];
	return ST_IO;
}

/* "Enn" or "E.text" to a status; 0 when the reply is none of them. An error code is two digits and
 * no more. */
static int reply_error(const struct rsp_client *c)
{
	struct buf b = reply(c);
	uint8_t code;

	if (!buf_left(&b))
		return ST_UNSUPPORTED;
	if (buf_skip_text(&b, "E."))
		return ST_IO;
	if (c->ours)
		return ours_error(b);
	if (buf_left(&b) != 3 || !buf_skip_char(&b, 'E') || !buf_get_hex_bytes(&b, &code, 1))
		return 0;
	switch (code) {
	case 0x0e:
	case 0x14: /* QEMU prints errno numbers in decimal: E14, E22 */
		return ST_FAULT;
	case 0x16:
	case 0x22:
		return ST_INVAL;
	case 0x01:
		return ST_PERM;
	case 0x1c:
		return ST_NOSPC;
	default:
		return ST_IO;
	}
}

int rsp_client_take_ok(const struct rsp_client *c)
{
	struct buf b = reply(c);
	int status = reply_error(c);

	if (status)
		return status;
	return buf_skip_text(&b, "OK") && !buf_left(&b) ? 0 : ST_SYNTAX;
}

int rsp_client_take_mem(const struct rsp_client *c, void *buf, size_t len)
{
	struct buf b = reply(c);
	size_t n = buf_left(&b) / 2;
	int status = reply_error(c);

	if (status)
		return status;
	if (c->ours) {
		n = buf_left(&b) - 1;
		if (!buf_skip_char(&b, 'b') || n > len)
			return ST_SYNTAX;
		memcpy(buf, b.pos, n);
		return (int)n;
	}
	if (buf_left(&b) % 2 || n > len || !buf_get_hex_bytes(&b, buf, n))
		return ST_SYNTAX;
	return (int)n;
}

/* One register out of a g reply: absent, unavailable ('x') or its low bytes. */
static bool take_reg(const struct rsp_client *c, unsigned int reg, struct x86_64_regs *ret)
{
	uint8_t raw[X86_64_REG_BYTES_MAX] = { 0 };
	size_t at = 2 * (size_t)c->g_offset[reg], bytes = c->g_bytes[reg];
	struct buf b;

	if (c->g_offset[reg] == NOT_THERE || at + 2 * bytes > c->frame.len)
		return true;
	buf_init_const(&b, c->frame.data + at, 2 * bytes);
	if (buf_peek(&b) == 'x')
		return true;
	if (!buf_get_hex_bytes(&b, raw, bytes))
		return false;
	x86_64_set_raw(ret, reg, raw);
	return true;
}

int rsp_client_take_regs(const struct rsp_client *c, struct x86_64_regs *ret)
{
	int reg, status = reply_error(c);

	if (status)
		return status;
	x86_64_regs_clear(ret);
	for (reg = 0; reg < X86_64_REGS; reg++)
		if (!take_reg(c, (unsigned int)reg, ret))
			return ST_SYNTAX;
	return 0;
}

/* "p01.02", "02": the last number is the vCPU's index plus one. */
static bool take_thread(struct buf field, unsigned int *ret)
{
	uint64_t number;

	if (buf_skip_char(&field, 'p')) {
		(void)buf_get_hex(&field);
		if (!buf_skip_char(&field, '.'))
			return false;
	}
	number = buf_get_hex(&field);
	if (field.bad || !number || number > VCPUS_MAX)
		return false;
	*ret = (unsigned int)number - 1;
	return true;
}

static bool take_field(struct buf field, struct target_stop *ret)
{
	static const struct {
		const char *name;
		enum target_stop_kind kind;
	} kinds[] = {
		{ "watch:", TARGET_STOP_WATCH_WRITE },	 { "rwatch:", TARGET_STOP_WATCH_READ },
		{ "awatch:", TARGET_STOP_WATCH_ACCESS }, { "swbreak:", TARGET_STOP_SWBREAK },
		{ "hwbreak:", TARGET_STOP_HWBREAK },
	};
	size_t i;

	if (buf_skip_text(&field, "thread:"))
		return take_thread(field, &ret->vcpu);
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!buf_skip_text(&field, kinds[i].name))
			continue;
		ret->kind = kinds[i].kind;
		if (buf_left(&field))
			ret->addr = buf_get_hex(&field);
		return !field.bad;
	}
	return true;
}

int rsp_client_take_stop(const struct rsp_client *c, struct target_stop *ret)
{
	struct target_stop stop = { .kind = TARGET_STOP_SIGNAL };
	struct buf b = reply(c);
	uint8_t signal;

	if (buf_skip_char(&b, 'W') || buf_skip_char(&b, 'X')) {
		*ret = (struct target_stop){ .kind = TARGET_STOP_GONE };
		return 0;
	}
	if (!buf_skip_char(&b, 'T') && !buf_skip_char(&b, 'S'))
		return ST_SYNTAX;
	if (!buf_get_hex_bytes(&b, &signal, 1))
		return ST_SYNTAX;
	stop.signal = signal;
	while (buf_left(&b)) {
		if (!take_field(buf_get_until(&b, ';'), &stop))
			return ST_SYNTAX;
		(void)buf_skip_char(&b, ';');
	}
	*ret = stop;
	return 0;
}

void rsp_client_take_supported(struct rsp_client *c)
{
	struct buf b = reply(c);

	while (buf_left(&b)) {
		struct buf field = buf_get_until(&b, ';');

		(void)buf_skip_char(&b, ';');
		if (buf_skip_text(&field, "PacketSize=")) {
			uint64_t size = buf_get_hex(&field);

			if (!field.bad && size >= SERVER_PACKET_DEFAULT)
				c->packet_size =
					size < c->frame.size ? (size_t)size : c->frame.size;
		} else if (buf_skip_text(&field, "multiprocess+")) {
			c->multiprocess = true;
		} else if (buf_skip_text(&field, "cvmdbg+")) {
			c->ours = true;
		} else if (buf_skip_text(&field, "vContSupported+")) {
			c->vcont = true;
		}
	}
}

int rsp_client_take_monitor(const struct rsp_client *c, struct buf *out)
{
	struct buf b = reply(c);
	bool more;
	int status = reply_error(c);

	if (status)
		return status;
	if (buf_skip_text(&b, "OK") && !buf_left(&b))
		return 0;
	more = buf_skip_char(&b, 'O');
	while (buf_left(&b) >= 2) {
		uint8_t c1;

		if (!buf_get_hex_bytes(&b, &c1, 1))
			return ST_SYNTAX;
		buf_put_char(out, (char)c1);
	}
	return more ? 1 : 0;
}
