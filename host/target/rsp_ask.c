/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Questions that a server of this project's answers and a stock one does not, and console output,
 * which either sends while its machine runs. Replies are checked before they are believed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host/target/rsp_link.h"

enum { MONITOR_REPLIES_MAX = 256 }; /* O packets of one answer */

static struct buf reply(const struct rsp_link *l)
{
	struct buf b;

	buf_init_const(&b, l->client.frame.data, l->client.frame.len);
	return b;
}

/* --- words --- */

/* Only what a terminal shows as it is: the guest wrote it. */
static char printable(uint8_t c)
{
	return c >= ' ' && c < 0x7f ? (char)c : ' ';
}

/* Appends hex text to @text of @size bytes. */
static void append(struct buf hex, char *text, size_t size)
{
	size_t n = strlen(text);
	uint8_t c;

	while (buf_left(&hex) >= 2 && n + 1 < size && buf_get_hex_bytes(&hex, &c, 1))
		text[n++] = printable(c);
	while (n && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
}

/* "Exx;HEX" */
bool rsp_link_explain(struct rsp_link *l, int status)
{
	char text[RSP_LINK_CONSOLE_MAX] = "";
	struct buf b = reply(l);
	struct buf code = buf_get_until(&b, ';');

	if (!l->client.ours || buf_left(&code) != 3 || !buf_skip_char(&b, ';'))
		return false;
	append(b, text, sizeof(text));
	err_set(&l->err, status, "%s", text);
	return true;
}

bool rsp_link_take_console(struct rsp_link *l)
{
	struct buf b = reply(l);

	/* "OK" begins with it as well. */
	if (!buf_skip_char(&b, 'O') || buf_peek(&b) == 'K')
		return false;
	append(b, l->console, sizeof(l->console));
	return true;
}

/* --- questions --- */

int rsp_link_monitor(struct rsp_link *l, const char *line, struct buf *out)
{
	int status = rsp_link_exchange(l, rsp_client_monitor(&l->client, line));
	unsigned int i;

	for (i = 0; !status && i < MONITOR_REPLIES_MAX; i++) {
		status = rsp_client_take_monitor(&l->client, out);
		if (status <= 0)
			return status;
		status = rsp_link_wait(l, RSP_LINK_DEADLINE_MS);
	}
	return status ? status : err_set(&l->err, ST_RANGE, "gdb server: it talks without end");
}

/* "start:HEX;size:HEX;permissions:rwx;name:HEX;", size 0 or 2^64 - 1: to the end (LLDB's packet).
 */
static bool parse_region(struct buf b, uint64_t addr, struct target_region *ret)
{
	struct target_region region = { 0 };
	uint64_t size = 0;

	while (buf_left(&b)) {
		struct buf field = buf_get_until(&b, ';');

		(void)buf_skip_char(&b, ';');
		if (buf_skip_text(&field, "start:")) {
			region.start = buf_get_hex(&field);
		} else if (buf_skip_text(&field, "size:")) {
			size = buf_get_hex(&field);
		} else if (buf_skip_text(&field, "permissions:")) {
			region.mapped = buf_skip_char(&field, 'r');
			region.write = buf_skip_char(&field, 'w');
			region.exec = buf_skip_char(&field, 'x');
		} else if (buf_skip_text(&field, "name:")) {
			/* "encrypted" */
			region.encrypted = buf_skip_text(&field, "656e63727970746564");
		}
		if (field.bad)
			return false;
	}
	region.last = region.start + size - 1;
	if (!size || region.last < region.start)
		region.last = UINT64_MAX;
	if (addr < region.start || addr > region.last)
		return false;
	*ret = region;
	return true;
}

int rsp_link_region(struct rsp_link *l, uint64_t addr, struct target_region *ret)
{
	char request[40];
	int status;

	snprintf(request, sizeof(request), "qMemoryRegionInfo:%" PRIx64, addr);
	status = rsp_link_exchange(l, rsp_client_request(&l->client, request));
	if (status)
		return status;
	if (!parse_region(reply(l), addr, ret))
		return err_set(&l->err, ST_UNSUPPORTED, "gdb server: it does not describe memory");
	return 0;
}

int rsp_link_text_seg(struct rsp_link *l, uint64_t text_link, uint64_t *ret)
{
	int status = rsp_link_exchange(l, rsp_client_request(&l->client, "qOffsets"));
	struct buf b = reply(l);
	uint64_t base = 0, value;

	if (status)
		return status;
	if (buf_skip_text(&b, "Text="))
		base = text_link;
	else if (!buf_skip_text(&b, "TextSeg="))
		return err_set(&l->err, ST_UNSUPPORTED, "gdb server: it does not know its offsets");
	value = buf_get_hex(&b);
	if (b.bad)
		return err_set(&l->err, ST_SYNTAX, "gdb server: its offsets are no numbers");
	*ret = base + value;
	return 0;
}
