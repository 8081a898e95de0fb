/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * One debugger at a time: sessions begin and end with the link's session number, a session whose
 * link shows no life for the policy's idle time is over. With a sealed link a handshake comes
 * first, while the machine runs. Knows nothing about CPUs and traps.
 */
#include "protocol/age.h"
#include "stub_internal.h"

enum {
	LAST_WORDS_MS = 1000,
	LOG_BYTES = 160,
	REFUSALS_TOLD = 8, /* in a session; the others are counted */
};

static const char *const detached = "debugger detached, machine runs";
static const char *const closed = "debugger gone, machine runs";
static const char *const lifted = "breakpoint taken out: the stub itself runs there";
static const char *const silent = "link silent for the idle time, machine runs";
static const char *const forged = "sealed link broken (forged or damaged), machine runs";
static const char *const no_answer = "debugger refused: the handshake took too long";

uint32_t session_number(struct stub *s)
{
	uint32_t number = s->port->ops->session(s->port);

	if (number != s->ended)
		s->ended = 0;
	return s->ended ? 0 : number;
}

static bool lost(struct stub *s)
{
	uint32_t beat = s->port->ops->beat(s->port);
	uint64_t now = s->port->ops->now_ms(s->port);

	if (beat != s->beat) {
		s->beat = beat;
		s->beat_ms = now;
	}
	return s->config.policy->idle_s && now - s->beat_ms > s->config.policy->idle_s * 1000ull;
}

static void let_all_go(struct stub *s)
{
	unsigned int i;

	for (i = 0; i < s->cpus; i++)
		stub_store(&s->cpu[i].action, TARGET_CONT);
	s->resumed = true;
}

/* "debugger WHO WHAT: WHY", as much of it as is known. */
static void tell(struct stub *s, const char *what, const char *why)
{
	char text[LOG_BYTES], key[AGE_RECIPIENT_CHARS + 1];
	struct buf b;

	buf_init(&b, text, sizeof(text) - 1);
	buf_put_text(&b, "debugger ");
	if (s->config.seal && s->link.peer_known) {
		age_recipient_format(s->link.peer, key);
		buf_put_text(&b, key);
		buf_put_char(&b, ' ');
	}
	buf_put_text(&b, what);
	if (why[0])
		buf_put_text(&b, ": ");
	buf_put_text(&b, why);
	*b.pos = '\0';
	s->port->ops->log(s->port, text);
}

static void begin(struct stub *s, uint32_t number)
{
	s->session = number;
	s->beat = s->port->ops->beat(s->port);
	s->beat_ms = s->port->ops->now_ms(s->port);
	s->stop_pending = false;
	s->refusals = 0;
	rsp_server_init(&s->server, &s->target, s->config.policy->rights, s->server_mem,
			STUB_PACKET_BYTES, &s->stop);
	tell(s, "attached, machine stopped", "");
}

static void hang_up(struct stub *s, uint32_t number)
{
	wire_end(s);
	s->greeted = 0;
	s->ended = number;
	s->port->ops->hang_up(s->port);
}

static void tell_count(struct stub *s)
{
	char text[LOG_BYTES] = { 0 };
	struct buf b;

	buf_init(&b, text, sizeof(text) - 1);
	buf_put_text(&b, "requests refused in this session: ");
	buf_put_decimal(&b, s->refusals);
	s->port->ops->log(s->port, text);
}

void session_end(struct stub *s, const char *why)
{
	uint32_t number = s->session;

	if (s->refusals > REFUSALS_TOLD)
		tell_count(s);

	breaks_clear(s);
	s->session = 0;
	s->break_wanted = false;
	hang_up(s, number);
	s->port->ops->log(s->port, why);
}

bool session_greet(struct stub *s, uint32_t number)
{
	uint64_t now = s->port->ops->now_ms(s->port);

	if (s->greeted != number) {
		s->greeted = number;
		s->greeted_ms = now;
		wire_begin(s);
	}
	if (wire_state(s) == LINK_OPEN)
		return true;
	wire_move(s);
	if (wire_state(s) == LINK_OPEN)
		return true;
	if (wire_state(s) != LINK_HANDSHAKE && wire_flushed(s)) {
		tell(s, "refused", s->link.why);
		hang_up(s, number);
	} else if (now - s->greeted_ms > STUB_GREETING_MS) {
		s->port->ops->log(s->port, no_answer);
		hang_up(s, number);
	}
	return false;
}

/* Sends what the link takes; true when everything is out. */
static bool flush(struct stub *s)
{
	const uint8_t *out;
	size_t len, n;

	while ((len = rsp_server_output(&s->server, &out)) != 0) {
		n = wire_send(s, out, len);
		if (!n)
			return false;
		rsp_server_sent(&s->server, n);
	}
	return wire_flushed(s);
}

static void tell_refusal(struct stub *s)
{
	uint64_t count = s->server.stats.refused;

	if (count != s->refusals && count <= REFUSALS_TOLD)
		tell(s, "was refused", s->server.refused ? s->server.refused : "run");
	s->refusals = count;
}

static void receive(struct stub *s)
{
	const uint8_t *data;
	size_t len = wire_peek(s, &data);

	wire_used(s, rsp_server_input(&s->server, data, len));
	tell_refusal(s);
}

bool session_listen(struct stub *s)
{
	(void)flush(s);
	receive(s);
	return s->break_wanted || wire_state(s) != LINK_OPEN || lost(s);
}

void session_forget(struct stub *s)
{
	if (!s->greeted || s->session)
		return;
	if (wire_state(s) == LINK_REFUSED)
		tell(s, "refused", s->link.why);
	wire_end(s);
	s->greeted = 0;
}

/* The reply to the last request, as long as anybody takes it. */
static void last_words(struct stub *s)
{
	uint64_t until = s->port->ops->now_ms(s->port) + LAST_WORDS_MS;

	while (!flush(s) && s->port->ops->now_ms(s->port) < until)
		s->port->ops->relax(s->port);
}

/* Follows the link: false when nobody is there. */
static bool follow(struct stub *s)
{
	uint32_t number = session_number(s);

	if (s->session && number != s->session)
		session_end(s, closed);
	if (s->session && lost(s))
		session_end(s, silent);
	if (s->session && wire_state(s) != LINK_OPEN)
		session_end(s, forged);
	number = session_number(s);
	if (!s->session && number && session_greet(s, number))
		begin(s, number);
	return s->session;
}

/* Oops and panic: somebody may come to look. */
static void wait_for_debugger(struct stub *s)
{
	uint64_t start = s->port->ops->now_ms(s->port);
	uint32_t wait = s->config.fatal_wait_ms;

	while (!follow(s) && (!wait || s->port->ops->now_ms(s->port) - start < wait))
		s->port->ops->relax(s->port);
}

/* A range of steps may never end, and nobody else listens meanwhile: an interrupt ends it. */
static void tell_stop(struct stub *s)
{
	(void)session_listen(s);
	if (s->break_wanted && s->stop.kind == TARGET_STOP_STEP)
		s->stop = (struct target_stop){ .signal = TARGET_SIGINT, .vcpu = s->stop.vcpu };
	s->break_wanted = false;
	(void)rsp_server_poll_target(&s->server);
}

void session_serve(struct stub *s)
{
	if (stub_load(&s->lifted))
		s->port->ops->log(s->port, lifted);
	stub_store(&s->lifted, false);
	s->resumed = false;
	if (!follow(s) && s->stop.text)
		wait_for_debugger(s);
	if (s->session && s->stop_pending && s->server.state == RSP_SERVER_RUNNING)
		tell_stop(s);
	while (!s->resumed && follow(s)) {
		if (flush(s))
			receive(s);
		if (s->server.state == RSP_SERVER_DETACHED) {
			last_words(s);
			session_end(s, detached);
			break;
		}
		s->port->ops->relax(s->port);
	}
	if (!s->session)
		let_all_go(s);
}
