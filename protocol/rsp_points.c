/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Breakpoints and watchpoints: Z and z. */
#include "rsp_handlers.h"

static int point(struct rsp_server *s, struct buf *args, struct rsp_out *out, bool insert)
{
	const struct target_points_ops *points = s->target->ops->points;
	uint64_t type = buf_get_hex(args), addr, len;
	int status;

	if (!buf_skip_char(args, ','))
		return ST_SYNTAX;
	addr = buf_get_hex(args);
	if (!buf_skip_char(args, ','))
		return ST_SYNTAX;
	len = buf_get_hex(args);
	if (args->bad)
		return ST_SYNTAX;
	if (type >= TARGET_POINTS)
		return RSP_NO_PACKET;
	/* The empty reply would make gdb plant int3 bytes itself, which nobody here would catch. */
	if (!points)
		return ST_NOSPC;
	/* Forbidden is not unsupported: the empty reply would mean "never try again". */
	status = rsp_right_check(s, RSP_RIGHT_INSERT_BREAK);
	if (status)
		return status;
	if (!len || len > PAGE_BYTES)
		return ST_INVAL;
	status = (insert ? points->insert : points->remove)(s->target, (enum target_point)type,
							    addr, (unsigned int)len);
	if (status == ST_UNSUPPORTED)
		return RSP_NO_PACKET; /* this kind never works here: the client need not ask again
				       */
	if (status)
		return status;
	rsp_out_text(out, "OK");
	return 0;
}

int rsp_point_insert(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	return point(s, args, out, true);
}

int rsp_point_remove(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	return point(s, args, out, false);
}
