/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Running and stopping: ? vCont c s C S D k vKill and the stop reply. */
#include "rsp_handlers.h"

static const char *watch_name(enum target_stop_kind kind)
{
	switch (kind) {
	case TARGET_STOP_WATCH_WRITE:
		return "watch:";
	case TARGET_STOP_WATCH_READ:
		return "rwatch:";
	case TARGET_STOP_WATCH_ACCESS:
		return "awatch:";
	default:
		return NULL;
	}
}

/* LLDB's words (docs of its stop reply): what the thread list shows as "stop reason". */
const char *rsp_stop_reason(const struct rsp_server *s)
{
	switch (s->stop.kind) {
	case TARGET_STOP_STEP:
		return "trace";
	case TARGET_STOP_SWBREAK:
	case TARGET_STOP_HWBREAK:
		return "breakpoint";
	case TARGET_STOP_WATCH_WRITE:
	case TARGET_STOP_WATCH_READ:
	case TARGET_STOP_WATCH_ACCESS:
		return "watchpoint";
	default:
		return "signal";
	}
}

/* The registers every debugger asks for next; they are cached by the target anyway. */
static void expedite(struct rsp_server *s, struct rsp_out *out)
{
	static const uint8_t wanted[] = { X86_64_rip, X86_64_rsp, X86_64_rbp, X86_64_eflags };
	size_t i;

	if (rsp_regs_get(s, s->stop.vcpu))
		return;
	for (i = 0; i < ARRAY_LEN(wanted); i++) {
		if (!s->regs.valid[wanted[i]])
			continue;
		rsp_out_hex_bytes(out, &wanted[i], 1);
		rsp_out_char(out, ':');
		rsp_reg_put(out, &s->regs, wanted[i]);
		rsp_out_char(out, ';');
	}
}

static void list_threads(struct rsp_server *s, struct rsp_out *out)
{
	unsigned int i, count = rsp_vcpus(s);

	rsp_out_text(out, "threads:");
	for (i = 0; i < count; i++) {
		if (i)
			rsp_out_char(out, ',');
		rsp_thread_put(s, out, i);
	}
	rsp_out_char(out, ';');
	if (!s->target->ops->regs)
		return;
	rsp_out_text(out, "thread-pcs:");
	for (i = 0; i < count; i++) {
		if (rsp_regs_get(s, i))
			x86_64_regs_clear(&s->regs);
		if (i)
			rsp_out_char(out, ',');
		rsp_out_hex(out, x86_64_get(&s->regs, X86_64_rip));
	}
	rsp_out_char(out, ';');
}

static void lldb_fields(struct rsp_server *s, struct rsp_out *out)
{
	char name[RSP_NAME_MAX];

	rsp_vcpu_name(s, s->stop.vcpu, name);
	rsp_out_text(out, "hexname:");
	rsp_out_hex_text(out, name);
	rsp_out_text(out, ";reason:");
	rsp_out_text(out, rsp_stop_reason(s));
	rsp_out_char(out, ';');
	if (s->stop.text) {
		rsp_out_text(out, "description:");
		rsp_out_hex_text(out, s->stop.text);
		rsp_out_char(out, ';');
	} else if (watch_name(s->stop.kind)) {
		/* LLDB reads the address from the description, in decimal. */
		uint8_t text[24] = { 0 };
		struct buf b;

		buf_init(&b, text, sizeof(text) - 1);
		buf_put_decimal(&b, s->stop.addr);
		rsp_out_text(out, "description:");
		rsp_out_hex_text(out, (const char *)text);
		rsp_out_char(out, ';');
	}
	if (s->list_threads)
		list_threads(s, out);
}

void rsp_stop_reply(struct rsp_server *s, struct rsp_out *out)
{
	uint8_t signal = (uint8_t)s->stop.signal;
	const char *watch = watch_name(s->stop.kind);

	if (s->stop.kind == TARGET_STOP_GONE) {
		rsp_out_text(out, s->multiprocess ? "W00;process:1" : "W00");
		return;
	}
	if (s->stop.kind != TARGET_STOP_SIGNAL)
		signal = TARGET_SIGTRAP;
	rsp_out_char(out, 'T');
	rsp_out_hex_bytes(out, &signal, 1);
	expedite(s, out);
	if (watch) {
		rsp_out_text(out, watch);
		rsp_out_hex(out, s->stop.addr);
		rsp_out_char(out, ';');
	} else if (s->stop.kind == TARGET_STOP_SWBREAK && s->swbreak) {
		rsp_out_text(out, "swbreak:;");
	} else if (s->stop.kind == TARGET_STOP_HWBREAK && s->hwbreak) {
		rsp_out_text(out, "hwbreak:;");
	}
	rsp_out_text(out, "thread:");
	rsp_thread_put(s, out, s->stop.vcpu);
	rsp_out_char(out, ';');
	if (s->lldb)
		lldb_fields(s, out);
}

int rsp_run_why(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args;
	rsp_stop_reply(s, out);
	return 0;
}

/* --- vCont --- */

int rsp_run_vcont_query(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)s, (void)args;
	rsp_out_text(out, "vCont;c;C;s;S;r");
	return 0;
}

/* One action letter with its own arguments; false: malformed. */
static bool action(struct rsp_server *s, struct buf *b, enum target_action *ret, bool *range)
{
	*range = false;
	if (buf_skip_char(b, 'c')) {
		*ret = TARGET_CONT;
	} else if (buf_skip_char(b, 's')) {
		*ret = TARGET_STEP;
	} else if (buf_skip_char(b, 'C') || buf_skip_char(b, 'S')) {
		/* A machine takes no signals: the number is read and dropped. */
		*ret = b->pos[-1] == 'C' ? TARGET_CONT : TARGET_STEP;
		(void)buf_get_hex(b);
	} else if (buf_skip_char(b, 'r')) {
		*ret = TARGET_STEP;
		*range = true;
		s->range_start = buf_get_hex(b);
		if (!buf_skip_char(b, ','))
			return false;
		s->range_end = buf_get_hex(b);
	} else {
		return false;
	}
	return !b->bad;
}

/* The leftmost action that names a vCPU counts (gdb manual, "vCont"). */
static void apply(struct rsp_server *s, const struct rsp_thread *thread, enum target_action what,
		  bool range)
{
	unsigned int i, count = rsp_vcpus(s);

	for (i = 0; i < count; i++) {
		if (s->actions[i] != TARGET_HOLD ||
		    (thread->kind == RSP_THREAD_ONE && thread->vcpu != i))
			continue;
		s->actions[i] = what;
		if (range)
			s->range_vcpu = i;
		if (thread->kind == RSP_THREAD_ANY)
			break;
	}
}

static void clear_actions(struct rsp_server *s)
{
	unsigned int i;

	for (i = 0; i < VCPUS_MAX; i++)
		s->actions[i] = TARGET_HOLD;
	s->range_start = s->range_end = 0;
}

int rsp_run_vcont(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)out;
	clear_actions(s);
	if (!buf_left(args))
		return ST_SYNTAX;
	while (buf_skip_char(args, ';')) {
		struct buf one = buf_get_until(args, ';');
		struct rsp_thread thread = { .kind = RSP_THREAD_ALL };
		enum target_action what;
		bool range;

		if (!action(s, &one, &what, &range))
			return ST_SYNTAX;
		if (buf_skip_char(&one, ':') && !rsp_thread_get(s, &one, &thread))
			return ST_INVAL;
		apply(s, &thread, what, range);
	}
	return rsp_resume(s);
}

/* The old packets: the selected vCPU does it, the others continue; an address moves the pc first.
 */
static int resume_at(struct rsp_server *s, struct buf *args, enum target_action what)
{
	unsigned int i, count = rsp_vcpus(s);
	uint8_t raw[sizeof(uint64_t)];
	int status = rsp_right_check(s, RSP_RIGHT_RUN);

	/* Before the pc is moved: all or nothing. */
	if (status)
		return status;
	if (buf_left(args)) {
		put_le64(raw, buf_get_hex(args));
		if (args->bad)
			return ST_SYNTAX;
		status = rsp_right_check(s, RSP_RIGHT_WRITE_REG);
		if (!status && !s->target->ops->regsw)
			status = ST_NOREGS;
		if (!status)
			status =
				s->target->ops->regsw->write(s->target, s->c_vcpu, X86_64_rip, raw);
		if (status)
			return status;
	}
	clear_actions(s);
	for (i = 0; i < count; i++)
		s->actions[i] = TARGET_CONT;
	s->actions[s->c_vcpu] = what;
	return rsp_resume(s);
}

int rsp_run_continue(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)out;
	return resume_at(s, args, TARGET_CONT);
}

int rsp_run_step(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)out;
	return resume_at(s, args, TARGET_STEP);
}

static int skip_signal(struct buf *args)
{
	(void)buf_get_hex(args);
	(void)buf_skip_char(args, ';');
	return args->bad ? ST_SYNTAX : 0;
}

int rsp_run_continue_signal(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)out;
	return skip_signal(args) ? ST_SYNTAX : resume_at(s, args, TARGET_CONT);
}

int rsp_run_step_signal(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)out;
	return skip_signal(args) ? ST_SYNTAX : resume_at(s, args, TARGET_STEP);
}

/* --- the end --- */

static int detach(struct rsp_server *s)
{
	int status = s->target->ops->run->detach(s->target, true);

	if (!status)
		s->state = RSP_SERVER_DETACHED;
	return status;
}

int rsp_run_detach(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	int status = detach(s);

	(void)args;
	rsp_out_text(out, "OK");
	return status;
}

/* LLDB sends k when a script fails and on quit: killing a VM for that would be absurd. */
int rsp_run_kill(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	(void)args, (void)out;
	(void)detach(s);
	s->state = RSP_SERVER_DETACHED;
	return RSP_NO_REPLY;
}

int rsp_run_vkill(struct rsp_server *s, struct buf *args, struct rsp_out *out)
{
	return rsp_run_detach(s, args, out);
}
