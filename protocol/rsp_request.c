/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which handler answers which packet. Names share prefixes (qC and qCRC), so a row also says what
 * may follow the name.
 */
#include "rsp_handlers.h"

enum follow {
	NOTHING, /* the name is the packet */
	ARGS,	 /* the end, or one of ':', ';', ',' (which the handler still sees) */
	ANYTHING,
};

struct row {
	const char *name;
	enum follow follow;
	rsp_handler *handler;
};

static const struct row rows[] = {
	{ "?", NOTHING, rsp_run_why },
	{ "C", ANYTHING, rsp_run_continue_signal },
	{ "D", ARGS, rsp_run_detach },
	{ "G", ANYTHING, rsp_regs_write },
	{ "H", ANYTHING, rsp_query_select },
	{ "M", ANYTHING, rsp_mem_write },
	{ "P", ANYTHING, rsp_reg_write },
	{ "QAllow", ARGS, rsp_query_allow },
	{ "QEnableErrorStrings", NOTHING, rsp_lldb_error_strings },
	{ "Qqemu.PhyMemMode", ARGS, rsp_mem_set_space },
	{ "QListThreadsInStopReply", NOTHING, rsp_lldb_list_threads },
	{ "QStartNoAckMode", NOTHING, rsp_query_noack },
	{ "QThreadSuffixSupported", NOTHING, rsp_lldb_suffix },
	{ "S", ANYTHING, rsp_run_step_signal },
	{ "T", ANYTHING, rsp_query_alive },
	{ "X", ANYTHING, rsp_mem_write_binary },
	{ "Z", ANYTHING, rsp_point_insert },
	{ "c", ANYTHING, rsp_run_continue },
	{ "g", ARGS, rsp_regs_read },
	{ "jThreadsInfo", NOTHING, rsp_lldb_threads },
	{ "k", NOTHING, rsp_run_kill },
	{ "m", ANYTHING, rsp_mem_read },
	{ "p", ANYTHING, rsp_reg_read },
	{ "qAttached", ARGS, rsp_query_attached },
	{ "qC", NOTHING, rsp_query_current },
	{ "qCRC", ARGS, rsp_mem_crc },
	{ "qEcho", ARGS, rsp_lldb_echo },
	{ "qHostInfo", NOTHING, rsp_lldb_host },
	{ "qMemoryRegionInfo", ARGS, rsp_lldb_region },
	{ "qOffsets", NOTHING, rsp_query_offsets },
	{ "qProcessInfo", NOTHING, rsp_lldb_process },
	{ "qRcmd", ARGS, rsp_monitor_command },
	{ "qSearch:memory", ARGS, rsp_mem_search },
	{ "qSupported", ARGS, rsp_query_supported },
	{ "qSymbol", ARGS, rsp_query_symbol },
	{ "qThreadExtraInfo", ARGS, rsp_query_thread_extra },
	{ "qThreadStopInfo", ANYTHING, rsp_lldb_stop_info },
	{ "qXfer", ARGS, rsp_query_xfer },
	{ "qfThreadInfo", NOTHING, rsp_query_threads_first },
	{ "qqemu.PhyMemMode", NOTHING, rsp_mem_space },
	{ "qsThreadInfo", NOTHING, rsp_query_threads_next },
	{ "s", ANYTHING, rsp_run_step },
	{ "vCont", ARGS, rsp_run_vcont },
	{ "vCont?", NOTHING, rsp_run_vcont_query },
	{ "vKill", ARGS, rsp_run_vkill },
	{ "x", ANYTHING, rsp_mem_read_binary },
	{ "z", ANYTHING, rsp_point_remove },
};

static bool follows(const struct row *row, int next)
{
	switch (row->follow) {
	case NOTHING:
		return next < 0;
	case ARGS:
		return next < 0 || next == ':' || next == ';' || next == ',';
	default:
		return true;
	}
}

/* Of a target that is gone one can only take leave (target.h, TARGET_STOP_GONE). */
static bool legal(const struct rsp_server *s, rsp_handler *handler)
{
	return s->stop.kind != TARGET_STOP_GONE || handler == rsp_run_why ||
	       handler == rsp_run_detach || handler == rsp_run_kill || handler == rsp_run_vkill;
}

int rsp_request_run(struct rsp_server *s, struct rsp_out *out)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf args;

		buf_init(&args, s->frame.data, s->frame.len);
		if (buf_skip_text(&args, rows[i].name) && follows(&rows[i], buf_peek(&args)))
			return legal(s, rows[i].handler) ? rows[i].handler(s, &args, out) : ST_GONE;
	}
	return RSP_NO_PACKET;
}
