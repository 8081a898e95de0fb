/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* qRcmd: `monitor` commands. The line arrives as hex, the text goes back as hex in one reply. */
#include "rsp_handlers.h"

enum { LINE_MAX = 512 };

int rsp_monitor_command(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	char line[LINE_MAX];
	struct buf text;
	size_t len, room = (s->packet_size - 1) / 2;
	int status;

	if (!s->target->ops->monitor)
		return RSP_NO_PACKET;
	status = rsp_right_check(s, RSP_RIGHT_MONITOR);
	if (status)
		return status;
	if (!buf_skip_char(args, ','))
		return ST_SYNTAX;
	len = buf_left(args) / 2;
	if (len >= sizeof(line))
		return ST_RANGE;
	if (!buf_get_hex_bytes(args, (uint8_t *)line, len) || buf_left(args))
		return ST_SYNTAX;
	line[len] = '\0';
	buf_init(&text, s->scratch, room < RSP_TEXT_MAX ? room : RSP_TEXT_MAX);
	s->target->rights = s->rights;
	status = s->target->ops->monitor->command(s->target, s->g_vcpu, line, &text);
	if (status < 0)
		return status;
	/* An empty reply would mean "no such packet". */
	if (buf_used(&text))
		rsp_out_hex_bytes(out, s->scratch, buf_used(&text));
	else
		rsp_out_text(out, "OK");
	return 0;
}
