/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * rsp_client and rsp_server on a line that drops, doubles, flips and cuts off bytes. Both ends
 * acknowledge and check sums, so the session must come through or end, and what it reads must be
 * true. A transmission is hurt once, and never by a '$' or '#' out of nowhere: such a byte makes a
 * shorter packet out of a long one, and one in 256 of those has a right checksum. That is RSP; all
 * other single faults have to be noticed. A failure prints its seed; SEED=n runs that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/rsp_client.h"
#include "tests/fake/rsp_session.h"

enum {
	SESSIONS = 3000,
	REQUESTS = 40,
	LINE_MAX = 2 * RSP_SESSION_PACKET + 64,
	TRIES_MAX = 20,	     /* before a client gives up */
	FAULT_ONE_IN = 1500, /* bytes of a transmission */
};

enum fault { FAULT_NONE, FAULT_DROP, FAULT_DOUBLE, FAULT_FLIP, FAULT_CUT, FAULTS };

struct line {
	struct rsp_session *s;
	struct rsp_client client;
	uint64_t random;
	unsigned int seed, faults[FAULTS];
	bool faulty;
};

/* xorshift64* (Vigna): the same numbers everywhere. */
static uint32_t draw(struct line *l, uint32_t below)
{
	l->random ^= l->random >> 12;
	l->random ^= l->random << 25;
	l->random ^= l->random >> 27;
	return (uint32_t)(l->random * 0x2545f4914f6cdd1dull >> 33) % below;
}

/* One bit is wrong; not into a byte that has a meaning of its own (see above). */
static uint8_t flip(struct line *l, uint8_t byte)
{
	uint8_t wrong;

	do {
		wrong = byte ^ (uint8_t)(1 << draw(l, 8));
	} while (wrong == '$' || wrong == '#');
	return wrong;
}

/* Copies what one end sent to what the other receives; at most one fault a transmission. */
static size_t transmit(struct line *l, const uint8_t *from, size_t len, uint8_t *to)
{
	size_t at, n = 0, where;
	enum fault fault = FAULT_NONE;

	where = l->faulty ? draw(l, FAULT_ONE_IN) : len;
	if (where < len)
		fault = 1 + draw(l, FAULTS - 1);
	l->faults[fault]++;
	for (at = 0; at < len; at++) {
		if (at != where) {
			to[n++] = from[at];
		} else if (fault == FAULT_FLIP) {
			to[n++] = flip(l, from[at]);
		} else if (fault == FAULT_DOUBLE) {
			to[n++] = from[at];
			to[n++] = from[at];
		} else if (fault == FAULT_CUT) {
			break;
		}
	}
	return n;
}

/* Moves everything that is under way; true once the client has a reply. */
static bool pump(struct line *l)
{
	uint8_t wire[LINE_MAX];
	const uint8_t *out;
	size_t len, at, used;
	bool replied = false;

	while ((len = rsp_server_output(&l->s->server, &out)) > 0) {
		size_t n = transmit(l, out, len, wire);

		rsp_server_sent(&l->s->server, len);
		for (at = 0; at < n; at += used) {
			enum rsp_client_event event =
				rsp_client_input(&l->client, wire + at, n - at, &used);
			uint8_t ack = (uint8_t)rsp_client_ack(&l->client), got[2];

			replied |= event == RSP_CLIENT_REPLY;
			if (ack) {
				size_t acks = transmit(l, &ack, 1, got);

				(void)rsp_server_input(&l->s->server, got, acks);
			}
		}
	}
	return replied;
}

static void send(struct line *l)
{
	uint8_t wire[LINE_MAX];
	size_t n = transmit(l, l->client.out, l->client.out_len, wire), at = 0;

	while (at < n) {
		size_t used = rsp_server_input(&l->s->server, wire + at, n - at);

		at += used;
		/* The server wants to say something first. */
		if (!used)
			break;
	}
}

/*
 * One request until it is answered. A retry after silence is a new request on the line, as gdb's
 * is after its time-out; requests used here may be repeated.
 */
static bool ask(struct line *l)
{
	int tries;

	for (tries = 0; tries < TRIES_MAX; tries++) {
		send(l);
		if (pump(l))
			return true;
	}
	return false;
}

/*
 * A reply that comes twice (its '+' was hurt) would be taken for the answer to the next request.
 * A client that cannot tell resynchronises: what is under way is drained before it goes on.
 */
static void settle(struct line *l)
{
	bool was = l->faulty;

	l->faulty = false;
	(void)pump(l);
	l->faulty = was;
}

/* Reads or writes RAM at random and compares with a model of it. */
static bool random_request(struct line *l, uint8_t *model)
{
	uint32_t at = draw(l, TARGET_FAKE_RAM_BYTES), len = 1 + draw(l, 200);
	uint8_t buf[256], data[256];
	uint32_t i, there = TARGET_FAKE_RAM_BYTES - at;
	int n;

	for (i = 0; i < len; i++)
		data[i] = (uint8_t)draw(l, 256);
	if (draw(l, 2)) {
		n = rsp_client_read_mem(&l->client, TARGET_FAKE_RAM + at, len);
		if (n || !ask(l))
			return false;
		n = rsp_client_take_mem(&l->client, buf, len);
		if (n < 0)
			return true;
		if (n != (int)(len < there ? len : there) || memcmp(buf, model + at, (size_t)n))
			fail_msg("SEED=%u: wrong data at %#x", l->seed, at);
		return true;
	}
	n = rsp_client_write_mem(&l->client, TARGET_FAKE_RAM + at, data, len);
	if (n || !ask(l))
		return false;
	if (rsp_client_take_ok(&l->client) == 0) {
		assert_true(len <= there);
		memcpy(model + at, data, len);
	} else if (len <= there) {
		/* Refused although it could be done: it was not done by halves either. */
		if (memcmp(l->s->fake.ram + at, model + at, len) != 0 &&
		    memcmp(l->s->fake.ram + at, data, len) != 0)
			fail_msg("SEED=%u: half a write at %#x", l->seed, at);
		memcpy(model + at, l->s->fake.ram + at, len);
	}
	return true;
}

/* How many requests were answered. */
static int session(unsigned int seed, bool faulty, unsigned int faults[FAULTS])
{
	struct line l = { .seed = seed, .random = seed * 0x9e3779b97f4a7c15ull + 1 };
	uint8_t model[TARGET_FAKE_RAM_BYTES];
	struct rsp_session s;
	void *mem = malloc(rsp_client_memory(RSP_SESSION_PACKET));
	int i, k;

	rsp_session_init(&s, RSP_RIGHT_ALL);
	rsp_client_init(&l.client, mem, RSP_SESSION_PACKET);
	memcpy(model, s.fake.ram, sizeof(model));
	l.s = &s;
	l.faulty = faulty;
	for (i = 0; i < REQUESTS; i++) {
		if (!random_request(&l, model))
			break;
		settle(&l);
	}
	/* Whatever the line did: RAM is what the answered writes made of it, or the session ended.
	 */
	if (i == REQUESTS && memcmp(model, s.fake.ram, sizeof(model)) != 0)
		fail_msg("SEED=%u: memory differs from what was acknowledged", seed);
	assert_int_equal(s.fake.misused, 0);
	for (k = 0; k < FAULTS; k++)
		faults[k] += l.faults[k];
	rsp_session_deinit(&s);
	free(mem);
	return i;
}

static void test_clean_line(void **state)
{
	unsigned int faults[FAULTS] = { 0 };

	(void)state;
	assert_int_equal(session(1, false, faults), REQUESTS);
	assert_int_equal(faults[FAULT_DROP] + faults[FAULT_FLIP], 0);
}

static void test_faulty_line(void **state)
{
	const char *only = getenv("SEED");
	unsigned int seed, faults[FAULTS] = { 0 }, whole = 0;
	int k;

	(void)state;
	if (only) {
		session((unsigned int)strtoul(only, NULL, 0), true, faults);
		return;
	}
	for (seed = 1; seed <= SESSIONS; seed++)
		whole += session(seed, true, faults) == REQUESTS;
	print_message("# %u of %u sessions came through\n", whole, SESSIONS);
	for (k = FAULT_DROP; k < FAULTS; k++)
		assert_true(faults[k] > SESSIONS); /* the line was as bad as it claims */
	assert_true(whole > SESSIONS * 9 / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_line),
		cmocka_unit_test(test_faulty_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
