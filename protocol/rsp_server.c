/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The session: what happens to bytes from the client, when a reply exists, when the target runs.
 * The only control flow of the server; packets' meaning is in the handlers.
 *
 * Caller memory: | actions, one a vCPU | frame: packet_size | reply: packet_size + framing |
 * scratch: packet_size |
 */
#include "policy.h"
#include "rsp_handlers.h"

enum {
	ERROR_TEXT_MAX = 96,
	FRAMING = 4,		      /* '$', '#' and two digits */
	REPLY_OVERHEAD = 1 + FRAMING, /* an acknowledgement in front */
	ACTIONS_BYTES = VCPUS_MAX * sizeof(enum target_action),
};

size_t rsp_server_memory(size_t packet_size)
{
	return ACTIONS_BYTES + 3 * packet_size + REPLY_OVERHEAD;
}

void rsp_server_init(struct rsp_server *s, struct target *target, unsigned int allowed, void *mem,
		     size_t packet_size, const struct target_stop *stop)
{
	uint8_t *bytes = mem;

	memset(s, 0, sizeof(*s));
	s->target = target;
	s->allowed = s->rights = allowed;
	s->packet_size = packet_size;
	s->stop = *stop;
	s->g_vcpu = s->c_vcpu = stop->vcpu;
	s->actions = mem;
	rsp_frame_init(&s->frame, bytes + ACTIONS_BYTES, packet_size, false);
	s->reply = bytes + ACTIONS_BYTES + packet_size;
	s->scratch = s->reply + packet_size + REPLY_OVERHEAD;
	s->scratch_size = packet_size;
}

int rsp_right_check(struct rsp_server *s, enum rsp_right right)
{
	if (s->rights & right)
		return 0;
	s->refused = policy_right_name(right);
	return ST_PERM;
}

/* --- replies --- */

/* An acknowledgement may already stand in front; the data is never longer than PacketSize. */
static void reply_begin(struct rsp_server *s, struct rsp_out *out)
{
	rsp_out_begin(out, s->reply + s->reply_len, s->packet_size + REPLY_OVERHEAD - s->reply_len);
}

static void reply_end(struct rsp_server *s, struct rsp_out *out)
{
	s->reply_len += rsp_out_end(out);
}

static const char *explanation(const struct rsp_server *s)
{
	return s->target->explain ? s->target->explain(s->target) : "";
}

/* A text that says why; @room is for one that has to be put together. */
static const char *error_text(const struct rsp_server *s, int status, char room[ERROR_TEXT_MAX])
{
	const char *text = explanation(s);
	struct buf b;

	if (status != ST_PERM || !s->refused)
		return text[0] && status != ST_SYNTAX ? text : status_text(status);
	buf_init(&b, room, ERROR_TEXT_MAX - 1);
	buf_put_text(&b, status_text(status));
	buf_put_text(&b, ": the policy does not allow ");
	buf_put_text(&b, s->refused);
	*b.pos = '\0';
	return room;
}

static bool is_failure(int status)
{
	return status == ST_IO || status == ST_TIMEOUT || status == ST_BUSY || status == ST_NOMEM ||
	       status == ST_GONE || status == ST_ACCES || status == ST_POLICY;
}

/* gdb takes E.text if it said so, LLDB and we "Exx;hex" if we said so, everybody "Exx". */
static void reply_error(struct rsp_server *s, int status)
{
	uint8_t code = (uint8_t)-status;
	char room[ERROR_TEXT_MAX];
	const char *text = error_text(s, status, room);
	struct rsp_out out;

	if (is_failure(status))
		s->failure = status;
	/* By the target: denied memory, or a stub behind it. */
	if ((status == ST_POLICY || status == ST_PERM) && !s->refused)
		s->refused = text;
	reply_begin(s, &out);
	rsp_out_char(&out, 'E');
	if (s->error_text && !s->lldb && !s->coded_text) {
		rsp_out_char(&out, '.');
		rsp_out_raw_text(&out, text);
	} else {
		rsp_out_hex_bytes(&out, &code, 1);
		if (s->error_text || s->coded_text) {
			rsp_out_char(&out, ';');
			rsp_out_hex_text(&out, text);
		}
	}
	reply_end(s, &out);
}

static void reply_empty(struct rsp_server *s)
{
	struct rsp_out out;

	reply_begin(s, &out);
	reply_end(s, &out);
}

static void reply_ack(struct rsp_server *s, char c)
{
	s->reply_len = s->reply_sent = 0;
	if (!s->noack)
		s->reply[s->reply_len++] = (uint8_t)c;
}

/* While it waits for a stop reply a client shows what an O packet says (gdb manual, "O"). */
static void reply_console(struct rsp_server *s, const char *text)
{
	struct rsp_out out;

	reply_begin(s, &out);
	rsp_out_char(&out, 'O');
	rsp_out_hex_text(&out, text);
	rsp_out_hex_text(&out, "\n");
	reply_end(s, &out);
}

static void reply_stop(struct rsp_server *s)
{
	struct rsp_out out;

	s->reply_len = s->reply_sent = 0;
	if (s->stop.text)
		reply_console(s, s->stop.text);
	reply_begin(s, &out);
	rsp_stop_reply(s, &out);
	reply_end(s, &out);
}

/* --- requests --- */

static void request(struct rsp_server *s)
{
	size_t acked;
	struct rsp_out out;
	int status;

	s->stats.packets++;
	s->refused = NULL;
	reply_ack(s, '+');
	acked = s->reply_len;
	reply_begin(s, &out);
	status = rsp_request_run(s, &out);
	if (status == RSP_NO_REPLY)
		return;
	if (status == 0)
		reply_end(s, &out);
	else if (status == RSP_NO_PACKET)
		reply_empty(s);
	else
		reply_error(s, status);
	/* A reply that did not fit is no reply at all: say so instead. */
	if (s->reply_len == acked)
		reply_error(s, ST_RANGE);
	s->stats.refused += s->refused != NULL;
}

static void event(struct rsp_server *s, enum rsp_frame_event event)
{
	switch (event) {
	case RSP_FRAME_PACKET:
		request(s);
		break;
	case RSP_FRAME_OVERSIZE:
		reply_ack(s, '+');
		reply_error(s, ST_RANGE);
		break;
	case RSP_FRAME_BAD:
		s->stats.bad_frames++;
		reply_ack(s, '-');
		break;
	case RSP_FRAME_NAK:
		if (!s->noack)
			s->reply_sent = 0;
		break;
	default: /* a stopped target needs no interrupt; '+' needs nothing */
		break;
	}
}

/* While the target runs only an interrupt counts; a packet waits in the caller's buffer. */
static size_t input_running(struct rsp_server *s, const uint8_t *data, size_t len)
{
	size_t i;

	for (i = 0; i < len && data[i] != '$'; i++) {
		if (data[i] != 0x03)
			continue;
		/* A failure shows as a target that goes on running; the client asks again. */
		if (rsp_right_check(s, RSP_RIGHT_STOP))
			s->stats.refused++;
		else
			(void)s->target->ops->run->interrupt(s->target);
	}
	return i;
}

size_t rsp_server_input(struct rsp_server *s, const uint8_t *data, size_t len)
{
	size_t done = 0, used;

	while (done < len && s->reply_sent == s->reply_len && s->state == RSP_SERVER_STOPPED) {
		enum rsp_frame_event e = rsp_frame_input(&s->frame, data + done, len - done, &used);

		done += used;
		event(s, e);
	}
	if (s->state == RSP_SERVER_RUNNING)
		done += input_running(s, data + done, len - done);
	if (s->state == RSP_SERVER_DETACHED)
		done = len; /* the acknowledgement of the last reply, if anything */
	s->stats.bytes_in += done;
	return done;
}

size_t rsp_server_output(const struct rsp_server *s, const uint8_t **ret)
{
	*ret = s->reply + s->reply_sent;
	return s->reply_len - s->reply_sent;
}

void rsp_server_sent(struct rsp_server *s, size_t len)
{
	s->reply_sent += len;
	s->stats.bytes_out += len;
}

/* --- the target's side --- */

int rsp_resume(struct rsp_server *s)
{
	const struct target_resume how = {
		.actions = s->actions,
		.count = rsp_vcpus(s),
		.range_start = s->range_start,
		.range_end = s->range_end,
	};
	int status = rsp_right_check(s, RSP_RIGHT_RUN);

	if (!status)
		status = s->target->ops->run->resume(s->target, &how);
	if (status)
		return status;
	s->state = RSP_SERVER_RUNNING;
	return RSP_NO_REPLY;
}

/*
 * vCont;r: a step that ends inside the range is not worth a round trip. Who may not read registers
 * must not learn by ranges where the pc is, so each of his steps ends at once.
 */
static bool in_range(struct rsp_server *s)
{
	uint64_t pc;

	if (!(s->rights & RSP_RIGHT_READ_REG) || s->range_start == s->range_end ||
	    s->stop.kind != TARGET_STOP_STEP || s->stop.vcpu != s->range_vcpu ||
	    !s->target->ops->regs || s->target->ops->regs->read(s->target, s->stop.vcpu, &s->regs))
		return false;
	pc = x86_64_get(&s->regs, X86_64_rip);
	return s->regs.valid[X86_64_rip] && pc >= s->range_start && pc < s->range_end;
}

int rsp_server_poll_target(struct rsp_server *s)
{
	int status = s->target->ops->run->poll(s->target, &s->stop);

	if (status == 0)
		return 0;
	if (status < 0)
		s->stop = (struct target_stop){ .kind = TARGET_STOP_GONE };
	else if (in_range(s) && rsp_resume(s) == RSP_NO_REPLY)
		return 0;
	s->state = RSP_SERVER_STOPPED;
	s->g_vcpu = s->c_vcpu = s->stop.vcpu;
	reply_stop(s);
	return status < 0 ? status : 0;
}
