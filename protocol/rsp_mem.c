/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Memory packets: m M X x qSearch:memory qCRC. Reads go from the target to the scratch, then
 * encoded once. */
#include "rsp_handlers.h"

/* What one qCRC or qSearch may walk: more is a mistake, and nobody else is served meanwhile. */
#define WALK_MAX (1ull << 30)

static int read_memory(struct rsp_server *s, uint64_t addr, void *buf, size_t len)
{
	int status = rsp_right_check(s, RSP_RIGHT_READ_MEM);

	if (status)
		return status;
	return s->target->ops->mem->read(s->target, s->g_vcpu, s->space, addr, buf, len);
}

static bool get_range(struct buf *args, uint64_t *addr, uint64_t *len)
{
	*addr = buf_get_hex(args);
	if (!buf_skip_char(args, ','))
		return false;
	*len = buf_get_hex(args);
	return !args->bad;
}

int rsp_mem_read(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	uint64_t addr, len;
	int n;

	if (!get_range(args, &addr, &len) || buf_left(args))
		return ST_SYNTAX;
	if (!len)
		return 0;
	if (len > s->packet_size / 2)
		len = s->packet_size / 2;
	n = read_memory(s, addr, s->scratch, (size_t)len);
	if (n < 0)
		return n;
	rsp_out_hex_bytes(out, s->scratch, (size_t)n);
	return 0;
}

/*
 * Two dialects (docs/design.md): LLDB probes with x0,0, expects OK, then raw bytes; gdb expects 'b'
 * in front so that an empty answer is not "unsupported".
 */
int rsp_mem_read_binary(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	bool raw = s->lldb && !s->binary_upload;
	uint64_t addr, len;
	int n;

	if (!get_range(args, &addr, &len) || buf_left(args))
		return ST_SYNTAX;
	if (!len) {
		rsp_out_text(out, raw ? "OK" : "b");
		return 0;
	}
	if (len > s->packet_size - 1)
		len = s->packet_size - 1;
	n = read_memory(s, addr, s->scratch, (size_t)len);
	if (n < 0)
		return n;
	if (!raw)
		rsp_out_char(out, 'b');
	/* Escapes may make it longer than a packet: then fewer bytes are sent, which x allows. */
	(void)rsp_out_binary(out, s->scratch, (size_t)n);
	return 0;
}

static int write_memory(struct rsp_server *s, uint64_t addr, const void *data, size_t len)
{
	int status = rsp_right_check(s, RSP_RIGHT_WRITE_MEM);

	if (status)
		return status;
	if (!s->target->ops->memw)
		return ST_PERM;
	if (!len)
		return 0;
	return s->target->ops->memw->write(s->target, s->g_vcpu, s->space, addr, data, len);
}

int rsp_mem_write(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	uint64_t addr, len;
	int status;

	if (!get_range(args, &addr, &len) || !buf_skip_char(args, ':') ||
	    buf_left(args) / 2 != len || !buf_get_hex_bytes(args, s->scratch, (size_t)len) ||
	    buf_left(args))
		return ST_SYNTAX;
	status = write_memory(s, addr, s->scratch, (size_t)len);
	if (status < 0)
		return status;
	rsp_out_text(out, "OK");
	return 0;
}

int rsp_mem_write_binary(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	uint64_t addr, len;
	int status;

	if (!get_range(args, &addr, &len) || !buf_skip_char(args, ':') || buf_left(args) != len)
		return ST_SYNTAX;
	status = write_memory(s, addr, args->pos, (size_t)len);
	if (status < 0)
		return status;
	rsp_out_text(out, "OK");
	return 0;
}

static bool matches(const uint8_t *at, const struct buf *pattern)
{
	return at[0] == pattern->pos[0] && memcmp(at, pattern->pos, buf_left(pattern)) == 0;
}

/* Windows overlap by the pattern's length less one, so a match across two reads is found. */
static int search(struct rsp_server *s, uint64_t addr, uint64_t len, const struct buf *pattern,
		  uint64_t *ret)
{
	size_t want = buf_left(pattern);

	while (len >= want) {
		size_t chunk = len < s->scratch_size ? (size_t)len : s->scratch_size;
		int n = read_memory(s, addr, s->scratch, chunk);
		size_t i;

		if (n < 0)
			return n;
		for (i = 0; i + want <= (size_t)n; i++) {
			if (matches(s->scratch + i, pattern)) {
				*ret = addr + i;
				return 1;
			}
		}
		if ((size_t)n < chunk)
			return ST_FAULT;
		addr += chunk - want + 1;
		len -= chunk - want + 1;
	}
	return 0;
}

int rsp_mem_search(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	uint64_t addr, len, found = 0;
	int status;

	if (!buf_skip_char(args, ':'))
		return ST_SYNTAX;
	addr = buf_get_hex(args);
	if (!buf_skip_char(args, ';'))
		return ST_SYNTAX;
	len = buf_get_hex(args);
	if (!buf_skip_char(args, ';') || args->bad || !buf_left(args))
		return ST_SYNTAX;
	if (buf_left(args) > RSP_SEARCH_PATTERN_MAX || len > WALK_MAX)
		return ST_RANGE;
	status = search(s, addr, len, args, &found);
	if (status < 0)
		return status;
	rsp_out_char(out, status ? '1' : '0');
	if (status) {
		rsp_out_char(out, ',');
		rsp_out_hex(out, found);
	}
	return 0;
}

/* gdb's xcrc32 (libiberty): polynomial 04c11db7, most significant bit first, start value all ones.
 */
static uint32_t crc(uint32_t sum, const uint8_t *data, size_t len)
{
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		sum ^= (uint32_t)data[i] << 24;
		for (bit = 0; bit < 8; bit++)
			sum = sum << 1 ^ (sum & 0x80000000u ? 0x04c11db7u : 0);
	}
	return sum;
}

int rsp_mem_crc(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	uint32_t sum = 0xffffffff;
	uint64_t addr, len;

	if (!buf_skip_char(args, ':') || !get_range(args, &addr, &len) || buf_left(args))
		return ST_SYNTAX;
	if (len > WALK_MAX)
		return ST_RANGE;
	while (len) {
		size_t chunk = len < s->scratch_size ? (size_t)len : s->scratch_size;
		int n = read_memory(s, addr, s->scratch, chunk);

		if (n < 0)
			return n;
		sum = crc(sum, s->scratch, (size_t)n);
		addr += (unsigned int)n;
		len -= (unsigned int)n;
	}
	rsp_out_char(out, 'C');
	rsp_out_hex(out, sum);
	return 0;
}

/* QEMU's packets (gdbstub.c, "PhyMemMode"): whether m, M, X and x mean physical addresses. */
int rsp_mem_space(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args;
	rsp_out_char(out, s->space == TARGET_PHYS ? '1' : '0');
	return 0;
}

int rsp_mem_set_space(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	if (!buf_skip_char(args, ':') || buf_left(args) != 1)
		return ST_SYNTAX;
	s->space = buf_skip_char(args, '1') ? TARGET_PHYS : TARGET_VIRT;
	rsp_out_text(out, "OK");
	return 0;
}
