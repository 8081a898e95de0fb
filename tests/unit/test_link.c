/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The sealed link between ends that mean well, over a wire that loses and adds bytes before the
 * session; refusals; sizes. Who means ill is in test_link_hostile.c.
 */
#include "link_pair.h"

static void test_open(void **state)
{
	struct pair *p = pair_create(0);
	uint8_t public[NOISE_KEY];

	(void)state;
	assert_int_equal(p->end[STUB].link.state, LINK_HANDSHAKE);
	assert_true(pair_open(p));
	assert_int_equal(p->end[STUB].asked, 1);
	assert_int_equal(p->end[DEBUGGER].asked, 1);
	noise_public(&sodium_crypto, public, p->end[DEBUGGER].secret);
	assert_memory_equal(p->end[STUB].peer, public, NOISE_KEY);
	assert_memory_equal(p->end[STUB].link.noise.peer, public, NOISE_KEY);
	noise_public(&sodium_crypto, public, p->end[STUB].secret);
	assert_memory_equal(p->end[DEBUGGER].peer, public, NOISE_KEY);
	assert_memory_equal(p->end[DEBUGGER].link.noise.hash, p->end[STUB].link.noise.hash,
			    NOISE_KEY);
	free(p);
}

static void test_evidence(void **state)
{
	struct pair *p = pair_create(LINK_EVIDENCE_MAX);

	(void)state;
	assert_true(pair_open(p));
	assert_int_equal(p->end[DEBUGGER].evidence_len, LINK_EVIDENCE_MAX);
	assert_memory_equal(p->end[DEBUGGER].evidence, p->evidence, LINK_EVIDENCE_MAX);
	free(p);

	/* The worst for the frame: every byte escaped. Encrypted, it is not; records below can be.
	 */
	p = pair_create(LINK_EVIDENCE_MAX);
	memset(p->end[STUB].link.body, '}', LINK_BODY_MAX);
	link_record_emit(&p->end[STUB].link, LINK_BODY_MAX);
	assert_int_equal(p->end[STUB].link.out_len, 2 * LINK_BODY_MAX + 4);
	free(p);
}

/* A wire that takes and gives as it likes: @len bytes each way, in pieces of any size. */
static void converse(struct pair *p, const uint8_t *data, size_t len)
{
	size_t sent[2] = { 0 }, i;

	while (p->end[DEBUGGER].got_len < len || p->end[STUB].got_len < len) {
		for (i = 0; i < 2; i++) {
			struct end *from = &p->end[i], *to = &p->end[1 - i];
			size_t piece = 1 + (size_t)rand() % (rand() % 4 ? 40000 : 30);
			const uint8_t *out;
			size_t n;

			if (piece > len - sent[i])
				piece = len - sent[i];
			sent[i] += link_send(&from->link, i ? LINK_DUMP : LINK_RSP, data + sent[i],
					     piece);
			n = link_output(&from->link, &out);
			if (n) {
				n = 1 + (size_t)rand() % n;
				bytes_give(to, out, n);
				link_sent(&from->link, n);
			}
		}
		assert_int_not_equal(p->end[DEBUGGER].link.state, LINK_BROKEN);
		assert_int_not_equal(p->end[STUB].link.state, LINK_BROKEN);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(p->end[i].got_len, len);
		assert_memory_equal(p->end[i].got, data, len);
		p->end[i].got_len = 0;
	}
}

static void test_megabyte(void **state)
{
	enum { LEN = 1 << 20 };
	struct pair *p = pair_create(3000);
	uint8_t *data = malloc(LEN);
	size_t i;

	(void)state;
	for (i = 0; i < LEN; i++)
		data[i] = (uint8_t)(rand() >> 9);
	converse(p, data, LEN);
	converse(p, data, 3);
	free(data);
	free(p);
}

/* Two changes of key each way, and the 16-bit boundary of nothing else. */
static void test_rekey(void **state)
{
	enum { RECORDS = 2 * NOISE_REKEY_AFTER + 100 };
	struct pair *p = pair_create(0);
	uint32_t i;

	(void)state;
	assert_true(pair_open(p));
	for (i = 0; i < RECORDS; i++) {
		if (!pair_say(p, DEBUGGER, "g") || !pair_say(p, STUB, "ok"))
			fail_msg("record %u", i);
		p->end[DEBUGGER].got_len = p->end[STUB].got_len = 0;
	}
	assert_int_equal(p->end[STUB].link.records_in, RECORDS + 1);
	assert_int_equal(p->end[DEBUGGER].link.records_in, RECORDS + 2); /* the welcome */
	free(p);
}

static void give_text(struct end *e, const char *text)
{
	bytes_give(e, (const uint8_t *)text, strlen(text));
}

/* Console output, random bytes, halves of frames: skipped, and the next '1' gets through. */
static void test_line_noise(void **state)
{
	static const char *const noise[] = {
		"[    0.000000] Linux version 6.1.0-56-cloud-amd64\r\n",
		"$",
		"%Stop:T05#",
		"$1#xx",
		"}}}}",
		"+++---\003",
		"$half a frame}",
		"$1\001short#9",
		"#00$$$$#00$#00",
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(noise) + 500; i++) {
		struct pair *p = pair_create(100);
		uint8_t random[300];

		srand((unsigned int)i);
		for (j = 0; j < sizeof(random); j++)
			random[j] = rand() % 3 ? (uint8_t) "$#}123r\001"[rand() % 8]
					       : (uint8_t)(rand() >> 7);
		for (j = 0; j < 2; j++)
			if (i < ARRAY_LEN(noise))
				give_text(&p->end[j], noise[i]);
			else
				bytes_give(&p->end[j], random, (size_t)rand() % sizeof(random));
		/* What is between the noise and a '$' is lost with it: perhaps the first tries. */
		for (j = 0; j < 3 && !pair_open(p); j++)
			link_retry(&p->end[DEBUGGER].link);
		assert_int_equal(p->end[STUB].link.state, LINK_OPEN);
		free(p);
	}
}

/* Each of the handshake's frames gets lost once: '1', '2', '3', the welcome. */
static void test_lost(void **state)
{
	unsigned int lost;

	(void)state;
	for (lost = 0; lost < 4; lost++) {
		struct pair *p = pair_create(50);
		struct frame f;
		unsigned int i;

		for (i = 0; i < lost; i++) {
			assert_true(frame_take(&p->end[i % 2], &f));
			frame_give(&p->end[1 - i % 2], &f);
		}
		assert_true(frame_take(&p->end[lost % 2], &f));
		pair_settle(p);
		assert_int_equal(p->end[DEBUGGER].link.state, LINK_HANDSHAKE);
		assert_int_equal(p->end[STUB].link.state, LINK_HANDSHAKE);
		link_retry(&p->end[DEBUGGER].link);
		assert_true(pair_open(p));
		free(p);
	}
}

/* The answer to the first '1' comes after the second was said: only the second's is taken. */
static void test_late(void **state)
{
	struct pair *p = pair_create(50);
	struct frame hello, early, late, f;

	(void)state;
	assert_true(frame_take(&p->end[DEBUGGER], &hello));
	frame_give(&p->end[STUB], &hello);
	assert_true(frame_take(&p->end[STUB], &early));
	link_retry(&p->end[DEBUGGER].link);
	assert_true(frame_take(&p->end[DEBUGGER], &f));
	assert_int_equal(f.len == hello.len && !memcmp(f.data, hello.data, f.len), 0);
	frame_give(&p->end[STUB], &f);
	assert_true(frame_take(&p->end[STUB], &late));
	frame_give(&p->end[DEBUGGER], &early);
	assert_false(frame_take(&p->end[DEBUGGER], &f));
	assert_int_equal(p->end[DEBUGGER].asked, 0);
	frame_give(&p->end[DEBUGGER], &late);
	assert_true(pair_open(p));
	free(p);
}

static void test_retry_pauses(void **state)
{
	static const unsigned int at[] = { 1, 2, 4, 8, 16, 24, 32, 40 };
	struct pair *p = pair_create(0);
	struct frame f;
	unsigned int i, next = 0;
	const uint8_t *out;
	size_t half;

	(void)state;
	link_retry(&p->end[STUB].link);
	assert_false(frame_take(&p->end[STUB], &f));
	/* Half of the first '1' is on the wire: the other half follows. */
	link_sent(&p->end[DEBUGGER].link, link_output(&p->end[DEBUGGER].link, &out) / 2);
	half = link_output(&p->end[DEBUGGER].link, &out);
	link_retry(&p->end[DEBUGGER].link);
	assert_true(frame_take(&p->end[DEBUGGER], &f));
	assert_int_equal(f.len, half);
	end_start(&p->end[DEBUGGER]);
	assert_true(frame_take(&p->end[DEBUGGER], &f));
	for (i = 1; i <= 40; i++) {
		link_retry(&p->end[DEBUGGER].link);
		assert_int_equal(frame_take(&p->end[DEBUGGER], &f), i == at[next]);
		next += i == at[next];
	}
	free(p);
}

/* No ephemeral key without randomness: silence, until there is some. */
static void test_no_random(void **state)
{
	struct pair *p = pair_create(0);
	struct frame f;

	(void)state;
	p->end[DEBUGGER].no_random = p->end[STUB].no_random = true;
	end_start(&p->end[DEBUGGER]);
	assert_false(frame_take(&p->end[DEBUGGER], &f));
	p->end[DEBUGGER].no_random = false;
	link_retry(&p->end[DEBUGGER].link);
	assert_true(frame_take(&p->end[DEBUGGER], &f));
	frame_give(&p->end[STUB], &f);
	assert_false(frame_take(&p->end[STUB], &f));
	p->end[STUB].no_random = false;
	link_retry(&p->end[DEBUGGER].link);
	assert_true(pair_open(p));
	free(p);
}

/* --- refusals --- */

static void test_refused_by_stub(void **state)
{
	struct pair *p = pair_create(0);

	(void)state;
	p->end[STUB].verdict = "this key is not in the policy";
	pair_settle(p);
	assert_int_equal(p->end[STUB].link.state, LINK_REFUSED);
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_REFUSED);
	assert_string_equal(p->end[DEBUGGER].link.why, "this key is not in the policy");
	assert_int_equal(link_send(&p->end[DEBUGGER].link, LINK_RSP, "g", 1), 0);
	assert_int_equal(link_send(&p->end[STUB].link, LINK_RSP, "g", 1), 0);
	assert_false(pair_open(p));
	free(p);
}

/* Before our own key is shown: no '3'. */
static void test_refused_by_debugger(void **state)
{
	struct pair *p = pair_create(77);
	struct frame f;

	(void)state;
	p->end[DEBUGGER].verdict = "the measurement is another";
	assert_true(frame_take(&p->end[DEBUGGER], &f));
	frame_give(&p->end[STUB], &f);
	assert_true(frame_take(&p->end[STUB], &f));
	frame_give(&p->end[DEBUGGER], &f);
	assert_int_equal(p->end[DEBUGGER].asked, 1);
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_REFUSED);
	assert_string_equal(p->end[DEBUGGER].link.why, "the measurement is another");
	assert_false(frame_take(&p->end[DEBUGGER], &f));
	assert_int_equal(p->end[STUB].asked, 0);
	/* The stub waits for somebody else. */
	p->end[DEBUGGER].verdict = NULL;
	end_start(&p->end[DEBUGGER]);
	assert_true(pair_open(p));
	free(p);
}

static void test_other_policy(void **state)
{
	struct pair *p = pair_create(0);
	struct end *debugger = &p->end[DEBUGGER];

	(void)state;
	p->end[STUB].policy_hash[31] ^= 1;
	pair_settle(p);
	assert_int_equal(debugger->link.state, LINK_REFUSED);
	assert_non_null(strstr(debugger->link.why, "another policy"));
	assert_true(debugger->link.peer_hash_known);
	assert_memory_equal(debugger->link.peer_hash, p->end[STUB].policy_hash, NOISE_KEY);
	assert_int_equal(debugger->asked, 0);
	assert_int_equal(p->end[STUB].link.state, LINK_HANDSHAKE);
	free(p);
}

static void test_bye(void **state)
{
	struct pair *p = pair_create(0);
	struct frame f;

	(void)state;
	assert_true(pair_open(p));
	/* Behind what is pending, not instead of it. */
	assert_int_equal(link_send(&p->end[STUB].link, LINK_RSP, "last", 4), 4);
	link_bye(&p->end[STUB].link, "idle for 600 s");
	assert_int_equal(p->end[STUB].link.state, LINK_REFUSED);
	link_bye(&p->end[STUB].link, "again");
	assert_true(frame_take(&p->end[STUB], &f));
	frame_give(&p->end[DEBUGGER], &f);
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_OPEN);
	assert_true(frame_take(&p->end[STUB], &f));
	frame_give(&p->end[DEBUGGER], &f);
	assert_memory_equal(p->end[DEBUGGER].got + p->end[DEBUGGER].got_len - 4, "last", 4);
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_REFUSED);
	assert_string_equal(p->end[DEBUGGER].link.why, "idle for 600 s");
	assert_false(frame_take(&p->end[STUB], &f));
	assert_false(frame_take(&p->end[DEBUGGER], &f));
	free(p);

	/* Nobody can hear it: silence. */
	p = pair_create(0);
	link_bye(&p->end[DEBUGGER].link, "no time");
	assert_false(frame_take(&p->end[DEBUGGER], &f));
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_REFUSED);
	free(p);
}

/* A long goodbye with control characters, from a peer that does not mind its manners. */
static void test_bye_text(void **state)
{
	struct pair *p = pair_create(0);
	const char *why = p->end[DEBUGGER].link.why;
	uint8_t text[1000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)i;
	assert_true(pair_open(p));
	link_record_put(&p->end[STUB].link, LINK_BYE, text, sizeof(text));
	pair_settle(p);
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_REFUSED);
	assert_int_equal(strlen(why), sizeof(p->end[DEBUGGER].link.why) - 1);
	for (i = 0; i < strlen(why); i++)
		assert_int_equal(why[i], i >= ' ' && i <= '~' ? i : '?');
	free(p);
}

/* --- sizes --- */

/* Padmé as the paper's algorithm 1 has it, with floating-point-free logarithms. */
static size_t padme(size_t len)
{
	size_t e = 0, s = 0, last, mask;

	while (len >> (e + 1))
		e++;
	while (e >> (s + 1))
		s++;
	last = e - (s + 1);
	mask = ((size_t)1 << last) - 1;
	return (len + mask) & ~mask;
}

static void test_sizes(void **state)
{
	static const size_t paper[][2] = {
		{ 9, 10 }, { 100, 104 }, { 1000, 1024 }, { 10000, 10240 }, { 16387, 17408 }
	};
	static uint8_t data[LINK_DATA_MAX], body[LINK_BODY_MAX];
	struct pair *p = pair_create(0);
	struct frame f;
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_LEN(paper); i++)
		assert_int_equal(padme(paper[i][0]), paper[i][1]);
	for (len = 0; len <= LINK_DATA_MAX + 3; len++)
		assert_int_equal(link_record_padded(len),
				 len <= LINK_PAD_MIN ? LINK_PAD_MIN : padme(len));
	assert_true(pair_open(p));
	for (len = 1; len <= LINK_DATA_MAX; len += len < 600 ? 1 : 997) {
		size_t plain = 3 + len > LINK_PAD_MIN ? padme(3 + len) : LINK_PAD_MIN;

		assert_int_equal(link_send(&p->end[STUB].link, LINK_RSP, data, len), len);
		assert_int_equal(link_send(&p->end[STUB].link, LINK_RSP, data, len), 0);
		assert_true(frame_take(&p->end[STUB], &f));
		assert_int_equal(frame_body(&f, body, sizeof(body)), 1 + plain + NOISE_TAG);
		p->end[DEBUGGER].got_len = 0;
		frame_give(&p->end[DEBUGGER], &f);
		assert_int_equal(p->end[DEBUGGER].got_len, len);
	}
	free(p);
}

static void test_empty_record(void **state)
{
	struct pair *p = pair_create(0);
	enum link_record type;
	const uint8_t *data;
	struct frame f;
	size_t len;

	(void)state;
	assert_true(pair_open(p));
	assert_int_equal(link_send(&p->end[STUB].link, LINK_RSP, NULL, 0), 0);
	link_record_put(&p->end[STUB].link, LINK_DUMP, NULL, 0);
	assert_true(frame_take(&p->end[STUB], &f));
	assert_int_equal(link_input(&p->end[DEBUGGER].link, f.data, f.len), f.len);
	assert_true(link_arrived(&p->end[DEBUGGER].link, &type, &data, &len));
	assert_int_equal(type, LINK_DUMP);
	assert_int_equal(len, 0);
	/* Nothing more is taken until it is gone. */
	assert_int_equal(link_input(&p->end[DEBUGGER].link, f.data, f.len), 0);
	link_taken(&p->end[DEBUGGER].link, 0);
	assert_false(link_arrived(&p->end[DEBUGGER].link, &type, &data, &len));
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_megabyte),
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_line_noise),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_retry_pauses),
		cmocka_unit_test(test_no_random),
		cmocka_unit_test(test_refused_by_stub),
		cmocka_unit_test(test_refused_by_debugger),
		cmocka_unit_test(test_other_policy),
		cmocka_unit_test(test_bye),
		cmocka_unit_test(test_bye_text),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_empty_record),
	};

	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
