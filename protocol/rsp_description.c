/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The part of a target description that a client needs: which register sits where in the g packet.
 * A scanner for `<reg .../>` elements, not an XML parser; what it does not know it skips.
 */
#include "rsp_client.h"

enum { NUMBERS_MAX = 4096 };

struct element {
	struct buf name;
	uint64_t bitsize, regnum;
	bool has_number;
};

static bool decimal(struct buf b, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!buf_left(&b))
		return false;
	for (; buf_left(&b); b.pos++) {
		if (*b.pos < '0' || *b.pos > '9')
			return false;
		value = value * 10 + (*b.pos - '0');
		if (value > max)
			return false;
	}
	*ret = value;
	return true;
}

static void skip_space(struct buf *b)
{
	while (buf_skip_char(b, ' ') || buf_skip_char(b, '\n') || buf_skip_char(b, '\t') ||
	       buf_skip_char(b, '\r'))
		;
}

/* name="value" or name='value'; false at the element's end or at something else. */
static bool attribute(struct buf *b, struct buf *name, struct buf *value)
{
	char quote;

	skip_space(b);
	*name = buf_get_until(b, '=');
	if (!buf_skip_char(b, '='))
		return false;
	quote = buf_peek(b) == '\'' ? '\'' : '"';
	if (!buf_skip_char(b, quote))
		return false;
	*value = buf_get_until(b, quote);
	return buf_skip_char(b, quote);
}

static bool is(struct buf b, const char *text)
{
	return buf_skip_text(&b, text) && !buf_left(&b);
}

static bool parse_reg(struct buf body, struct element *ret)
{
	struct buf name, value;

	*ret = (struct element){ .has_number = false };
	while (attribute(&body, &name, &value)) {
		if (is(name, "name"))
			ret->name = value;
		else if (is(name, "bitsize") && !decimal(value, 4096, &ret->bitsize))
			return false;
		else if (is(name, "regnum"))
			ret->has_number = decimal(value, NUMBERS_MAX, &ret->regnum);
	}
	return ret->name.start && ret->bitsize && ret->bitsize % 8 == 0;
}

/*
 * Numbers count on from the last explicit one; bytes follow each other in number order, which is
 * the order of the documents in all servers that exist (QEMU, ours).
 */
static int place(struct rsp_client *c, const struct element *e)
{
	size_t bytes = (size_t)e->bitsize / 8;
	int reg = x86_64_find((const char *)e->name.start, buf_left(&e->name));

	if (c->g_size + bytes >= UINT16_MAX)
		return ST_RANGE;
	if (reg >= 0) {
		c->g_offset[reg] = (uint16_t)c->g_size;
		c->g_number[reg] = (uint16_t)c->g_next;
		c->g_bytes[reg] =
			(uint8_t)(bytes < X86_64_REG_BYTES_MAX ? bytes : X86_64_REG_BYTES_MAX);
	}
	c->g_size += bytes;
	c->g_next++;
	return 0;
}

/* QEMU's i386-64bit.xml has registers that do not exist in a comment. */
static void skip_comment(struct buf *b)
{
	while (buf_left(b) && !buf_skip_text(b, "-->"))
		b->pos++;
}

int rsp_client_take_description(struct rsp_client *c, const char *xml, size_t len)
{
	struct buf b;
	int count = 0;

	buf_init_const(&b, xml, len);
	while (buf_left(&b)) {
		struct buf body;
		struct element e;

		(void)buf_get_until(&b, '<');
		if (buf_skip_text(&b, "<!--")) {
			skip_comment(&b);
			continue;
		}
		if (!buf_skip_text(&b, "<reg ")) {
			(void)buf_skip_char(&b, '<');
			continue;
		}
		body = buf_get_until(&b, '>');
		if (!parse_reg(body, &e))
			return ST_SYNTAX;
		if (e.has_number)
			c->g_next = (size_t)e.regnum;
		if (c->g_next > NUMBERS_MAX || place(c, &e))
			return ST_RANGE;
		count++;
	}
	return count;
}
