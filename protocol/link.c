/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The sealed link's states: who says what when. Frames that do not belong there are dropped while
 * there is no session and end the link when there is one. Records' layout is link_record.c's.
 */
#include "link_record.h"
#include "status.h"

enum {
	AT_VERSION = 1,
	/* Frames' lengths. */
	HELLO = AT_VERSION + 1 + NOISE_MESSAGE1,
	AT_ANSWER = AT_VERSION + 1 + NOISE_KEY,
	ANSWER = AT_ANSWER + NOISE_MESSAGE2,
	CONSENT = 1 + NOISE_MESSAGE3,
};

static const char domain[] = "cvmdbg-link";

static_assert(ANSWER + LINK_EVIDENCE_MAX <= LINK_BODY_MAX, "evidence fits into a frame");
static_assert(ANSWER + LINK_EVIDENCE_MAX <= NOISE_MESSAGE_MAX, "and into a message");

static bool live(const struct link *l)
{
	return l->state == LINK_HANDSHAKE || l->state == LINK_OPEN;
}

static bool in_session(const struct link *l)
{
	return l->keyed && l->records_in;
}

static void forget_keys(struct link *l)
{
	noise_wipe(&l->sealing, sizeof(l->sealing));
	noise_wipe(&l->opening, sizeof(l->opening));
	l->keyed = false;
}

/* --- ends --- */

/* What the peer says is shown on terminals and in logs: nothing unprintable of it. */
static void set_why(struct link *l, const char *why, size_t len)
{
	size_t i;

	if (len > sizeof(l->why) - 1)
		len = sizeof(l->why) - 1;
	for (i = 0; i < len; i++)
		l->why[i] = why[i] >= ' ' && why[i] <= '~' ? why[i] : '?';
	l->why[len] = '\0';
}

static size_t text_len(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	return len;
}

static void end(struct link *l, enum link_state state, const char *why, size_t len)
{
	set_why(l, why, len);
	l->state = state;
	l->out_len = l->out_sent = 0;
	forget_keys(l);
	noise_wipe(&l->noise, sizeof(l->noise));
}

static void break_off(struct link *l, const char *why)
{
	end(l, LINK_BROKEN, why, text_len(why));
}

static void say_bye(struct link *l)
{
	link_record_put(l, LINK_BYE, l->why, text_len(l->why));
	l->leaving = false;
	forget_keys(l);
}

void link_bye(struct link *l, const char *why)
{
	if (!live(l))
		return;
	set_why(l, why, text_len(why));
	l->state = LINK_REFUSED;
	noise_wipe(&l->noise, sizeof(l->noise));
	if (!l->keyed)
		l->out_len = l->out_sent = 0;
	else if (l->out_len)
		l->leaving = true;
	else
		say_bye(l);
}

void link_wipe(struct link *l)
{
	/* The frame's buffer is where the memory starts (link_init); wiped before: there is none.
	 */
	if (l->frame.data)
		noise_wipe(l->frame.data, LINK_MEMORY);
	noise_wipe(l, sizeof(*l));
	l->state = LINK_BROKEN;
}

/* --- handshake --- */

/* A handshake with a new ephemeral key; forgets the last. False: there is no randomness now. */
static bool begin(struct link *l)
{
	const struct link_config *c = l->config;
	uint8_t prologue[sizeof(domain) + NOISE_KEY], ephemeral[NOISE_KEY];
	bool fine = c->random(c->arg, ephemeral);

	forget_keys(l);
	noise_wipe(&l->noise, sizeof(l->noise));
	if (fine) {
		memcpy(prologue, domain, sizeof(domain));
		prologue[sizeof(domain) - 1] = LINK_VERSION;
		memcpy(prologue + sizeof(domain), c->policy_hash, NOISE_KEY);
		noise_init(&l->noise, c->crypto, c->role, prologue, sizeof(prologue), c->secret,
			   ephemeral);
	}
	noise_wipe(ephemeral, sizeof(ephemeral));
	return fine;
}

/* Whatever was being sent is of a handshake that is over: a new '$' resynchronises the peer. */
static void say_hello(struct link *l)
{
	if (!begin(l))
		return;
	l->body[0] = '1';
	l->body[AT_VERSION] = LINK_VERSION;
	if (noise_write(&l->noise, NULL, 0, l->body + AT_VERSION + 1, NOISE_MESSAGE1) > 0)
		link_record_emit(l, HELLO);
}

/* Stub: '1'. A peer that goes silent afterwards costs nothing but this answer. */
static void take_hello(struct link *l)
{
	const struct link_config *c = l->config;
	const uint8_t *body = l->frame.data;
	uint8_t *payload;
	int len;

	if (l->frame.len != HELLO || body[AT_VERSION] != LINK_VERSION || !begin(l))
		return;
	if (noise_read(&l->noise, l->frame.data + AT_VERSION + 1, NOISE_MESSAGE1, &payload) < 0)
		return;
	l->body[0] = '2';
	l->body[AT_VERSION] = LINK_VERSION;
	memcpy(l->body + AT_VERSION + 1, c->policy_hash, NOISE_KEY);
	len = noise_write(&l->noise, c->evidence, c->evidence_len, l->body + AT_ANSWER,
			  LINK_BODY_MAX - AT_ANSWER);
	if (len > 0)
		link_record_emit(l, (size_t)(AT_ANSWER + len));
}

/* Asks the caller about the peer; says so if it is refused. */
static bool refused(struct link *l, const void *evidence, size_t len)
{
	const struct link_config *c = l->config;
	const char *why;

	memcpy(l->peer, l->noise.peer, NOISE_KEY);
	l->peer_known = true;
	why = c->check(c->arg, l->peer, evidence, len);

	if (why)
		link_bye(l, why);
	return why;
}

/*
 * Debugger: '2'. One that is not for our last '1' is late, damaged or forged: dropped, and the
 * right one may still come, hence the copy of the handshake. Another policy would look the same:
 * the hint is for saying so.
 */
static void take_answer(struct link *l)
{
	uint8_t *body = l->frame.data, *evidence;
	struct noise before = l->noise;
	int len;

	if (l->keyed || l->frame.len < ANSWER || l->frame.len > ANSWER + LINK_EVIDENCE_MAX ||
	    body[AT_VERSION] != LINK_VERSION)
		goto out;
	memcpy(l->peer_hash, body + AT_VERSION + 1, NOISE_KEY);
	l->peer_hash_known = true;
	if (memcmp(l->peer_hash, l->config->policy_hash, NOISE_KEY) != 0) {
		link_bye(l, "the guest enforces another policy than the one expected");
		goto out;
	}
	len = noise_read(&l->noise, body + AT_ANSWER, l->frame.len - AT_ANSWER, &evidence);
	if (len < 0) {
		l->noise = before;
		goto out;
	}
	if (refused(l, evidence, (size_t)len))
		goto out;
	l->body[0] = '3';
	if (noise_write(&l->noise, NULL, 0, l->body + 1, NOISE_MESSAGE3) < 0)
		goto out;
	l->keyed = noise_split(&l->noise, &l->sealing, &l->opening) == 0;
	link_record_emit(l, CONSENT);
out:
	noise_wipe(&before, sizeof(before));
}

/* Stub: '3'. A key that may not come in is told so, by the only one who can: the owner's policy. */
static void take_consent(struct link *l)
{
	uint8_t *payload;

	if (l->frame.len != CONSENT)
		return;
	/* A second one finds the handshake used up, and that is refused like a forgery. */
	if (noise_read(&l->noise, l->frame.data + 1, NOISE_MESSAGE3, &payload) < 0)
		return;
	l->keyed = noise_split(&l->noise, &l->sealing, &l->opening) == 0;
	if (!refused(l, NULL, 0))
		link_record_put(l, LINK_WELCOME, NULL, 0);
}

/* --- session --- */

/* The first record opens the link: the stub's is LINK_WELCOME, and that is the only one. */
static void take_record(struct link *l)
{
	bool welcome;

	if (!link_record_open(l)) {
		break_off(l, "a record is forged, damaged or out of order");
		return;
	}
	welcome = l->config->role == NOISE_INITIATOR && l->state == LINK_HANDSHAKE;
	if (l->type == LINK_BYE) {
		end(l, LINK_REFUSED, (const char *)l->data, l->data_len);
	} else if ((l->type == LINK_WELCOME) != welcome) {
		break_off(l, "a record is out of order");
	} else {
		l->state = LINK_OPEN;
		l->arrived = !welcome;
	}
}

static void take_frame(struct link *l)
{
	bool debugger = l->config->role == NOISE_INITIATOR;
	uint8_t kind = l->frame.len ? l->frame.data[0] : 0;

	if (l->keyed && kind == 'r')
		take_record(l);
	else if (in_session(l))
		break_off(l, "a frame inside the session is not a record");
	else if (!debugger && kind == '1')
		take_hello(l);
	else if (debugger && kind == '2')
		take_answer(l);
	else if (!debugger && kind == '3')
		take_consent(l);
}

/* --- bytes --- */

void link_init(struct link *l, const struct link_config *config, void *mem)
{
	*l = (struct link){ .config = config, .out = (uint8_t *)mem + LINK_BODY_MAX };
	l->body = l->out + LINK_OUT_MAX - LINK_BODY_MAX;
	rsp_frame_init(&l->frame, mem, LINK_BODY_MAX, false);
	if (config->role == NOISE_INITIATOR)
		say_hello(l);
}

void link_retry(struct link *l)
{
	if (l->config->role != NOISE_INITIATOR || l->state != LINK_HANDSHAKE)
		return;
	l->retries++;
	if (l->retries & (l->retries - 1) && l->retries % LINK_RETRY_GAP)
		return;
	/* One that nobody takes off our hands is as good as a new one. */
	if (!l->out_len)
		say_hello(l);
}

size_t link_input(struct link *l, const uint8_t *data, size_t len)
{
	size_t taken = 0, used;

	while (taken < len && live(l) && !l->arrived) {
		switch (rsp_frame_input(&l->frame, data + taken, len - taken, &used)) {
		case RSP_FRAME_PACKET:
			take_frame(l);
			break;
		case RSP_FRAME_NOTIFY:
		case RSP_FRAME_BAD:
		case RSP_FRAME_OVERSIZE:
			if (in_session(l))
				break_off(l, "a frame inside the session is damaged");
			break;
		default:
			break;
		}
		taken += used;
	}
	return live(l) ? taken : len;
}

bool link_arrived(const struct link *l, enum link_record *type, const uint8_t **data, size_t *len)
{
	if (!l->arrived)
		return false;
	*type = l->type;
	*data = l->data;
	*len = l->data_len;
	return true;
}

void link_taken(struct link *l, size_t len)
{
	l->data += len;
	l->data_len -= len;
	if (!l->data_len)
		l->arrived = false;
}

size_t link_send(struct link *l, enum link_record type, const void *data, size_t len)
{
	if (l->state != LINK_OPEN || l->out_len || !len)
		return 0;
	if (len > LINK_DATA_MAX)
		len = LINK_DATA_MAX;
	link_record_put(l, type, data, len);
	return len;
}

size_t link_output(const struct link *l, const uint8_t **ret)
{
	*ret = l->out + l->out_sent;
	return l->out_len - l->out_sent;
}

void link_sent(struct link *l, size_t len)
{
	l->out_sent += len;
	if (l->out_sent < l->out_len)
		return;
	l->out_len = l->out_sent = 0;
	if (l->leaving)
		say_bye(l);
}
