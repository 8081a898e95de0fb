/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * One debugger at a time: sessions begin and end with the link's session number, a session whose
 * link shows no life for the policy's idle time is over. Moves bytes between the link and
 * rsp_server; knows nothing about CPUs and traps.
 */
#include "stub_internal.h"

enum { LAST_WORDS_MS = 1000 };

static const char *const attached = "debugger attached, machine stopped";
static const char *const detached = "debugger detached, machine runs";
static const char *const closed = "debugger gone, machine runs";
static const char *const lifted = "breakpoint taken out: the stub itself runs there";
static const char *const silent = "link silent for the idle time, machine runs";

uint32_t session_number(struct stub *s)
{
	uint32_t number = s->port->ops->session(s->port);

	if (number != s->ended)
		s->ended = 0;
	return s->ended ? 0 : number;
}

bool session_lost(struct stub *s)
{
	uint32_t beat = s->port->ops->beat(s->port);
	uint64_t now = s->port->ops->now_ms(s->port);

	if (beat != s->beat) {
		s->beat = beat;
		s->beat_ms = now;
	}
	return s->config.idle_ms && now - s->beat_ms > s->config.idle_ms;
}

static void let_all_go(struct stub *s)
{
	unsigned int i;

	for (i = 0; i < s->cpus; i++)
		stub_store(&s->cpu[i].action, TARGET_CONT);
	s->resumed = true;
}

static void begin(struct stub *s, uint32_t number)
{
	s->session = number;
	s->beat = s->port->ops->beat(s->port);
	s->beat_ms = s->port->ops->now_ms(s->port);
	s->in_len = 0;
	s->stop_pending = false;
	rsp_server_init(&s->server, &s->target, s->config.rights, s->server_mem, STUB_PACKET_BYTES,
			&s->stop);
	s->port->ops->log(s->port, attached);
}

void session_end(struct stub *s, const char *why)
{
	breaks_clear(s);
	s->ended = s->session;
	s->session = 0;
	s->break_wanted = false;
	s->port->ops->hang_up(s->port);
	s->port->ops->log(s->port, why);
}

/* Sends what the link takes; true when everything is out. */
static bool flush(struct stub *s)
{
	const uint8_t *out;
	size_t len, n;

	while ((len = rsp_server_output(&s->server, &out)) != 0) {
		n = s->port->ops->send(s->port, out, len);
		if (!n)
			return false;
		rsp_server_sent(&s->server, n);
	}
	return true;
}

static void receive(struct stub *s)
{
	size_t used;

	s->in_len += s->port->ops->recv(s->port, s->in + s->in_len, sizeof(s->in) - s->in_len);
	used = rsp_server_input(&s->server, s->in, s->in_len);
	s->in_len -= used;
	memmove(s->in, s->in + used, s->in_len);
}

void session_listen(struct stub *s)
{
	(void)flush(s);
	receive(s);
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
	if (s->session && session_lost(s))
		session_end(s, silent);
	if (!s->session && session_number(s))
		begin(s, session_number(s));
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
	session_listen(s);
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
