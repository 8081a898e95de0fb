/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Both ends of a sealed link in one process, and the hands of who sits between them: frames are
 * taken from one end, looked at, changed, and given to the other. Deterministic: the ends'
 * randomness counts up.
 */
#ifndef TESTS_UNIT_LINK_PAIR_H
#define TESTS_UNIT_LINK_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/crypto/sodium.h"
#include "protocol/chacha20poly1305.h"
#include "protocol/link_record.h"

enum { DEBUGGER, STUB, FRAME_MAX = LINK_OUT_MAX, GOT_MAX = 1 << 21 };

struct end {
	struct link link;
	struct link_config config;
	uint8_t mem[LINK_MEMORY];
	uint8_t secret[NOISE_KEY], policy_hash[NOISE_KEY];
	uint8_t random; /* the next ephemeral key's first byte */
	bool no_random;
	/* What check was asked, and what it says. */
	const char *verdict;
	unsigned int asked;
	uint8_t peer[NOISE_KEY], evidence[LINK_EVIDENCE_MAX];
	size_t evidence_len;
	/* What has arrived. */
	uint8_t got[GOT_MAX];
	size_t got_len;
};

struct pair {
	struct noise_crypto crypto;
	uint8_t evidence[LINK_EVIDENCE_MAX];
	struct end end[2];
};

/* A frame as it is on the wire. */
struct frame {
	uint8_t data[FRAME_MAX];
	size_t len;
};

static inline bool end_random(void *arg, uint8_t ret[NOISE_KEY])
{
	struct end *e = arg;

	memset(ret, 0x40 + (e->config.role == NOISE_RESPONDER), NOISE_KEY);
	ret[1] = ++e->random;
	return !e->no_random;
}

static inline const char *end_check(void *arg, const uint8_t peer[NOISE_KEY], const void *evidence,
				    size_t len)
{
	struct end *e = arg;

	e->asked++;
	memcpy(e->peer, peer, NOISE_KEY);
	if (len)
		memcpy(e->evidence, evidence, len);
	e->evidence_len = len;
	return e->verdict;
}

static inline void end_start(struct end *e)
{
	e->got_len = 0;
	e->asked = 0;
	link_init(&e->link, &e->config, e->mem);
}

static inline void end_set_up(struct pair *p, int which)
{
	struct end *e = &p->end[which];

	memset(e->secret, 0x10 + which, NOISE_KEY);
	memset(e->policy_hash, 0x99, NOISE_KEY);
	e->config = (struct link_config){
		.crypto = &p->crypto,
		.role = which == DEBUGGER ? NOISE_INITIATOR : NOISE_RESPONDER,
		.secret = e->secret,
		.policy_hash = e->policy_hash,
		.random = end_random,
		.check = end_check,
		.arg = e,
	};
}

/* The stub's cipher is the portable one. Free with free(). */
static inline struct pair *pair_create(size_t evidence_len)
{
	struct pair *p = calloc(1, sizeof(*p));
	size_t i;

	assert_non_null(p);
	srand(1);
	p->crypto = sodium_crypto;
	p->crypto.seal = chacha20poly1305_seal;
	for (i = 0; i < evidence_len; i++)
		p->evidence[i] = (uint8_t)(rand() >> 7);
	end_set_up(p, DEBUGGER);
	end_set_up(p, STUB);
	p->end[STUB].config.evidence = p->evidence;
	p->end[STUB].config.evidence_len = evidence_len;
	end_start(&p->end[DEBUGGER]);
	end_start(&p->end[STUB]);
	return p;
}

/* All that @e has to send now. */
static inline bool frame_take(struct end *e, struct frame *ret)
{
	const uint8_t *out;
	size_t len = link_output(&e->link, &out);

	assert_true(len <= sizeof(ret->data));
	memcpy(ret->data, out, len);
	ret->len = len;
	link_sent(&e->link, len);
	return len != 0;
}

static inline void bytes_give(struct end *e, const uint8_t *data, size_t len)
{
	enum link_record type;
	const uint8_t *got;
	size_t n;

	while (len) {
		n = link_input(&e->link, data, len);
		data += n;
		len -= n;
		while (link_arrived(&e->link, &type, &got, &n)) {
			/* A part, then the rest. */
			if (n > 1)
				n = 1 + (size_t)rand() % n;
			assert_true(e->got_len + n <= sizeof(e->got));
			memcpy(e->got + e->got_len, got, n);
			e->got_len += n;
			link_taken(&e->link, n);
		}
	}
}

static inline void frame_give(struct end *e, const struct frame *f)
{
	bytes_give(e, f->data, f->len);
}

/* The body of a frame, and a frame of a body. */
static inline size_t frame_body(const struct frame *f, uint8_t *ret, size_t size)
{
	struct rsp_frame parser;
	size_t used;

	rsp_frame_init(&parser, ret, size, false);
	assert_int_equal(rsp_frame_input(&parser, f->data, f->len, &used), RSP_FRAME_PACKET);
	assert_int_equal(used, f->len);
	return parser.len;
}

static inline void frame_of(const uint8_t *body, size_t len, struct frame *ret)
{
	struct rsp_out out;

	rsp_out_begin(&out, ret->data, sizeof(ret->data));
	assert_int_equal(rsp_out_binary(&out, body, len), len);
	ret->len = rsp_out_end(&out);
}

/* Carries frames to and fro until there are none. */
static inline void pair_settle(struct pair *p)
{
	static struct frame f;
	bool moved;

	do {
		moved = frame_take(&p->end[DEBUGGER], &f);
		if (moved)
			frame_give(&p->end[STUB], &f);
		if (frame_take(&p->end[STUB], &f)) {
			frame_give(&p->end[DEBUGGER], &f);
			moved = true;
		}
	} while (moved);
}

/* One record across; whether it was taken as it is. */
static inline bool pair_say(struct pair *p, int from, const char *text)
{
	struct end *to = &p->end[1 - from];
	size_t before = to->got_len;

	if (link_send(&p->end[from].link, LINK_RSP, text, strlen(text)) != strlen(text))
		return false;
	pair_settle(p);
	return to->got_len == before + strlen(text) &&
	       memcmp(to->got + before, text, strlen(text)) == 0;
}

static inline bool pair_open(struct pair *p)
{
	pair_settle(p);
	return p->end[DEBUGGER].link.state == LINK_OPEN && pair_say(p, DEBUGGER, "hello") &&
	       p->end[STUB].link.state == LINK_OPEN && pair_say(p, STUB, "yes");
}

#endif
