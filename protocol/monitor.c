/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Shared `monitor` commands (see monitor.h). */
#include "monitor.h"

#include "buf.h"
#include "policy.h"
#include "rsp_server.h"

enum {
	PHYS_DEFAULT = 64,
	PHYS_MAX = 4096,
	LINE_BYTES = 16,
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(const char **line)
{
	while (is_space(**line))
		(*line)++;
}

bool monitor_word(const char **line, const char *word)
{
	const char *p = *line;

	skip_blanks(&p);
	while (*word && *p == *word) {
		p++;
		word++;
	}
	if (*word || (*p && !is_space(*p)))
		return false;
	*line = p;
	return true;
}

/* The value of a digit, or 16. */
static unsigned int digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

bool monitor_number(const char **line, uint64_t *ret)
{
	const char *p = *line;
	unsigned int base = 10;
	uint64_t value = 0;

	skip_blanks(&p);
	if (p[0] == '0' && (p[1] | 0x20) == 'x' && digit(p[2]) < 16) {
		base = 16;
		p += 2;
	}
	if (digit(*p) >= base)
		return false;
	for (; digit(*p) < base; p++) {
		if (value > (UINT64_MAX - digit(*p)) / base)
			return false;
		value = value * base + digit(*p);
	}
	if (*p && !is_space(*p))
		return false;
	*line = p;
	*ret = value;
	return true;
}

static void put_fixed_hex(struct buf *out, uint64_t value, int digits)
{
	while (digits-- > 0)
		buf_put_char(out, "0123456789abcdef"[value >> (4 * digits) & 0xf]);
}

static void hexdump_line(uint64_t addr, const uint8_t *data, size_t len, struct buf *out)
{
	size_t i;

	buf_put_text(out, "0x");
	put_fixed_hex(out, addr, 16);
	buf_put_char(out, ':');
	for (i = 0; i < LINE_BYTES; i++) {
		buf_put_text(out, i == LINE_BYTES / 2 ? "  " : " ");
		if (i < len)
			put_fixed_hex(out, data[i], 2);
		else
			buf_put_text(out, "  ");
	}
	buf_put_text(out, "  |");
	for (i = 0; i < len; i++)
		buf_put_char(out, data[i] >= ' ' && data[i] < 0x7f ? (char)data[i] : '.');
	buf_put_text(out, "|\n");
}

bool monitor_may(const struct target *t, unsigned int right, struct buf *out)
{
	if (t->rights & right)
		return true;
	buf_put_text(out, "not permitted: the policy does not allow ");
	buf_put_text(out, policy_right_name(right));
	buf_put_char(out, '\n');
	return false;
}

void monitor_phys(struct target *t, unsigned int vcpu, const char *args, struct buf *out)
{
	uint64_t addr, len, done = 0;

	if (!monitor_may(t, RSP_RIGHT_READ_MEM, out))
		return;
	if (!monitor_number(&args, &addr)) {
		buf_put_text(out, "usage: monitor phys ADDRESS [LENGTH]\n");
		return;
	}
	if (!monitor_number(&args, &len))
		len = PHYS_DEFAULT;
	if (len > PHYS_MAX)
		len = PHYS_MAX;
	while (done < len) {
		size_t want = len - done < LINE_BYTES ? (size_t)(len - done) : LINE_BYTES;
		uint8_t line[LINE_BYTES];
		int n = t->ops->mem->read(t, vcpu, TARGET_PHYS, addr + done, line, want);

		if (n > 0)
			hexdump_line(addr + done, line, (size_t)n, out);
		if (n < (int)want) {
			const char *why = n < 0 && t->explain ? t->explain(t) : "";

			buf_put_text(out, "0x");
			buf_put_hex(out, addr + done + (n > 0 ? (unsigned int)n : 0));
			buf_put_text(out, why[0] ? ": " : " is not RAM");
			buf_put_text(out, why);
			buf_put_char(out, '\n');
			return;
		}
		done += want;
	}
}
