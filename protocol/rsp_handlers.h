/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Inside the RSP server: what the packet handlers share. A handler gets the packet's text after its
 * name and a reply under construction. It returns 0 (send the reply), RSP_NO_REPLY (a stop reply
 * will follow, or nothing ever), RSP_NO_PACKET (the empty reply: "no such packet", after which a
 * client does not ask again), or a negative enum status, which becomes an error packet.
 */
#ifndef PROTOCOL_RSP_HANDLERS_H
#define PROTOCOL_RSP_HANDLERS_H

#include "rsp_server.h"

enum { RSP_NO_REPLY = 1, RSP_NO_PACKET = 2 };

typedef int rsp_handler(struct rsp_server *s, struct buf *args, struct rsp_out *out);

/* Runs the packet in s->frame: finds its row in rsp_request.c's table and calls the handler. */
int rsp_request_run(struct rsp_server *s, struct rsp_out *out);

/* A thread-id (gdb manual, "thread-id syntax"): -1, 0, or vCPU index + 1, with or without process.
 */
enum rsp_thread_kind { RSP_THREAD_ALL, RSP_THREAD_ANY, RSP_THREAD_ONE };
struct rsp_thread {
	enum rsp_thread_kind kind;
	unsigned int vcpu;
};
bool rsp_thread_get(struct rsp_server *s, struct buf *b, struct rsp_thread *ret);
void rsp_thread_put(const struct rsp_server *s, struct rsp_out *out, unsigned int vcpu);
unsigned int rsp_vcpus(const struct rsp_server *s);
/* LLDB appends ";thread:ID;" to register packets: the vCPU it names, else the selected one. */
unsigned int rsp_thread_suffix(struct rsp_server *s, struct buf *args);
/* NUL-terminated name of a vCPU. */
void rsp_vcpu_name(struct rsp_server *s, unsigned int vcpu, char name[RSP_NAME_MAX]);

/* 0 when the session has @right; else ST_PERM, and the request counts as refused. */
int rsp_right_check(struct rsp_server *s, enum rsp_right right);

/* A document served in pieces by qXfer: produced anew for each piece, only the window is kept. */
struct rsp_doc {
	struct rsp_out *out; /* NULL: only measure */
	uint64_t pos, from, to;
};
void rsp_doc_text(struct rsp_doc *doc, const char *text);
void rsp_doc_hex(struct rsp_doc *doc, uint64_t value);
void rsp_doc_decimal(struct rsp_doc *doc, uint64_t value);
typedef void rsp_doc_writer(struct rsp_server *s, struct rsp_doc *doc);
void rsp_target_xml(struct rsp_server *s, struct rsp_doc *doc);

/* Text of a stop: "T05..." (rsp_run.c). */
void rsp_stop_reply(struct rsp_server *s, struct rsp_out *out);
const char *rsp_stop_reason(const struct rsp_server *s);
/* Asks the target to start the vCPUs as s->actions say. */
int rsp_resume(struct rsp_server *s);

/*
 * Fills s->regs with what the client may see of a vCPU's registers: nothing valid without the right
 * or the group.
 */
int rsp_regs_get(struct rsp_server *s, unsigned int vcpu);
/* The value of @reg as hex, or 'x' for each digit that is not available. */
void rsp_reg_put(struct rsp_out *out, const struct x86_64_regs *regs, enum x86_64_reg reg);

/* JSON and XML contain bytes that frames escape. */
void rsp_out_raw_text(struct rsp_out *out, const char *text);

/* Handlers, by file. */
rsp_handler rsp_mem_read, rsp_mem_write, rsp_mem_write_binary, rsp_mem_read_binary, rsp_mem_search,
	rsp_mem_crc, rsp_mem_space, rsp_mem_set_space;
rsp_handler rsp_regs_read, rsp_regs_write, rsp_reg_read, rsp_reg_write;
rsp_handler rsp_run_why, rsp_run_vcont, rsp_run_vcont_query, rsp_run_continue, rsp_run_step,
	rsp_run_continue_signal, rsp_run_step_signal, rsp_run_detach, rsp_run_kill, rsp_run_vkill;
rsp_handler rsp_point_insert, rsp_point_remove;
rsp_handler rsp_query_supported, rsp_query_noack, rsp_query_xfer, rsp_query_threads_first,
	rsp_query_threads_next, rsp_query_thread_extra, rsp_query_current, rsp_query_attached,
	rsp_query_offsets, rsp_query_symbol, rsp_query_allow, rsp_query_select, rsp_query_alive;
rsp_handler rsp_lldb_suffix, rsp_lldb_list_threads, rsp_lldb_error_strings, rsp_lldb_host,
	rsp_lldb_process, rsp_lldb_region, rsp_lldb_threads, rsp_lldb_stop_info, rsp_lldb_echo;
rsp_handler rsp_monitor_command;

#endif
