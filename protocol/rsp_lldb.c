/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What LLDB asks beyond gdb's protocol (llvm docs, "LLDB's gdb-remote protocol extensions"). */
#include "rsp_handlers.h"

static const char triple[] = "x86_64-unknown-unknown";

void rsp_out_raw_text(struct rsp_out *out, const char *text)
{
	const char *end = text;

	while (*end)
		end++;
	if (rsp_out_binary(out, text, (size_t)(end - text)) != (size_t)(end - text))
		out->buf.bad = true;
}

int rsp_lldb_suffix(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args;
	s->lldb = s->thread_suffix = true;
	rsp_out_text(out, "OK");
	return 0;
}

int rsp_lldb_list_threads(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args;
	s->lldb = s->list_threads = true;
	rsp_out_text(out, "OK");
	return 0;
}

int rsp_lldb_error_strings(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args;
	s->lldb = s->error_text = true;
	rsp_out_text(out, "OK");
	return 0;
}

static void machine(struct rsp_out *out)
{
	rsp_out_text(out, "triple:");
	rsp_out_hex_text(out, triple);
	rsp_out_text(out, ";ptrsize:8;endian:little;");
}

int rsp_lldb_host(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args;
	s->lldb = true;
	machine(out);
	rsp_out_text(out, "vm-page-size:4096;");
	return 0;
}

int rsp_lldb_process(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)s, (void)args;
	rsp_out_text(out, "pid:1;");
	machine(out);
	return 0;
}

int rsp_lldb_region(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	struct target_region region;
	uint64_t addr;
	int status;

	(void)buf_skip_char(args, ':');
	addr = buf_get_hex(args);
	if (args->bad)
		return ST_SYNTAX;
	status = rsp_right_check(s, RSP_RIGHT_READ_MEM);
	if (!status)
		status = s->target->ops->mem->region(s->target, s->g_vcpu, addr, &region);
	if (status)
		return status;
	rsp_out_text(out, "start:");
	rsp_out_hex(out, region.start);
	rsp_out_text(out, ";size:");
	/* The whole address space has 2^64 bytes, which is no 64-bit number. */
	rsp_out_hex(out, region.last - region.start + (region.last - region.start != UINT64_MAX));
	rsp_out_char(out, ';');
	if (!region.mapped)
		return 0;
	rsp_out_text(out, "permissions:r");
	if (region.write)
		rsp_out_char(out, 'w');
	if (region.exec)
		rsp_out_char(out, 'x');
	rsp_out_text(out, ";name:");
	rsp_out_hex_text(out, region.encrypted ? "encrypted" : "shared");
	rsp_out_char(out, ';');
	return 0;
}

/* --- JSON --- */

static void json_string(struct rsp_out *out, const char *text)
{
	rsp_out_raw_text(out, "\"");
	for (; *text; text++) {
		char one[3] = { *text, 0, 0 };

		if (*text == '"' || *text == '\\') {
			one[0] = '\\';
			one[1] = *text;
		}
		if ((uint8_t)*text >= ' ')
			rsp_out_raw_text(out, one);
	}
	rsp_out_raw_text(out, "\"");
}

static void json_register(struct rsp_out *out, const struct x86_64_regs *regs, uint8_t reg,
			  bool first)
{
	uint8_t digits[8] = { 0 };
	struct buf b;

	buf_init(&b, digits, sizeof(digits) - 1);
	buf_put_decimal(&b, reg);
	rsp_out_raw_text(out, first ? "\"" : ",\"");
	rsp_out_text(out, (const char *)digits);
	rsp_out_raw_text(out, "\":\"");
	rsp_reg_put(out, regs, reg);
	rsp_out_raw_text(out, "\"");
}

static void json_thread(struct rsp_server *s, struct rsp_out *out, unsigned int vcpu)
{
	static const uint8_t wanted[] = { X86_64_rip, X86_64_rsp, X86_64_rbp };
	char name[RSP_NAME_MAX];
	uint8_t tid[8] = { 0 };
	struct buf b;
	size_t i;

	buf_init(&b, tid, sizeof(tid) - 1);
	buf_put_decimal(&b, vcpu + 1);
	rsp_vcpu_name(s, vcpu, name);
	rsp_out_raw_text(out, "{\"tid\":");
	rsp_out_text(out, (const char *)tid);
	rsp_out_raw_text(out, ",\"name\":");
	json_string(out, name);
	if (vcpu == s->stop.vcpu) {
		rsp_out_raw_text(out, ",\"reason\":");
		json_string(out, rsp_stop_reason(s));
	}
	if (!rsp_regs_get(s, vcpu) && s->regs.valid[X86_64_rip]) {
		rsp_out_raw_text(out, ",\"registers\":{");
		for (i = 0; i < ARRAY_LEN(wanted); i++)
			json_register(out, &s->regs, wanted[i], i == 0);
		rsp_out_raw_text(out, "}");
	}
	rsp_out_raw_text(out, "}");
}

int rsp_lldb_threads(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	unsigned int i, count = rsp_vcpus(s);

	(void)args;
	rsp_out_raw_text(out, "[");
	for (i = 0; i < count; i++) {
		if (i)
			rsp_out_raw_text(out, ",");
		json_thread(s, out, i);
	}
	rsp_out_raw_text(out, "]");
	return 0;
}

/* A vCPU that did not cause the stop has no reason of its own. */
int rsp_lldb_stop_info(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	struct target_stop stop = s->stop;
	struct rsp_thread thread;

	if (!rsp_thread_get(s, args, &thread) || thread.kind != RSP_THREAD_ONE)
		return ST_INVAL;
	if (thread.vcpu == stop.vcpu) {
		rsp_stop_reply(s, out);
		return 0;
	}
	rsp_out_text(out, "T00thread:");
	rsp_thread_put(s, out, thread.vcpu);
	rsp_out_char(out, ';');
	return 0;
}

int rsp_lldb_echo(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)s;
	rsp_out_text(out, "qEcho");
	rsp_out_binary(out, args->pos, buf_left(args));
	return 0;
}
