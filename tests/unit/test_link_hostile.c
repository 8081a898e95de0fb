/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The sealed link with an enemy on the wire, who sees, keeps, changes, reorders, repeats and makes
 * up frames, but has neither end's key; and with a peer that has a key and breaks the rules.
 */
#include "link_pair.h"

static struct frame frames[4], f;
static uint8_t body[LINK_BODY_MAX];

/* The debugger's and the stub's frames of a handshake by turns: '1', '2', '3', the welcome. */
enum { HANDSHAKE_FRAMES = 4 };

/* The first @count frames of a handshake cross; the next one is in @ret. */
static void run_up_to(struct pair *p, unsigned int count, struct frame *ret)
{
	unsigned int i;

	for (i = 0;; i++) {
		assert_true(frame_take(&p->end[i % 2], ret));
		if (i == count)
			return;
		frame_give(&p->end[1 - i % 2], ret);
	}
}

/*
 * @changed in place of the handshake's frame @which: no session with anything amiss, and if the
 * ends are still willing, an undisturbed try gives one.
 */
static void try_changed(unsigned int which, const struct frame *changed)
{
	struct pair *p = pair_create(40);
	struct end *debugger = &p->end[DEBUGGER], *stub = &p->end[STUB];

	run_up_to(p, which, &f);
	frame_give(&p->end[1 - which % 2], changed);
	pair_settle(p);
	assert_int_not_equal(debugger->link.state, LINK_OPEN);
	assert_int_not_equal(stub->link.state, LINK_OPEN);
	assert_int_equal(link_send(&debugger->link, LINK_RSP, "g", 1), 0);
	assert_int_equal(link_send(&stub->link, LINK_RSP, "g", 1), 0);
	assert_int_equal(stub->link.state, LINK_HANDSHAKE);
	if (debugger->link.state != LINK_HANDSHAKE)
		end_start(debugger);
	/* A frame cut inside its checksum takes the next one with it: one more try. */
	link_retry(&debugger->link);
	if (!pair_open(p)) {
		link_retry(&debugger->link);
		assert_true(pair_open(p));
	}
	assert_memory_equal(debugger->evidence, p->evidence, 40);
	free(p);
}

/* Every bit of every handshake frame's body, under a right checksum. */
static void test_bits(void **state)
{
	unsigned int which;
	size_t bit, len;

	(void)state;
	for (which = 0; which < HANDSHAKE_FRAMES; which++) {
		struct pair *p = pair_create(40);
		struct frame changed;

		run_up_to(p, which, &f);
		free(p);
		len = frame_body(&f, body, sizeof(body));
		for (bit = 0; bit < len * 8; bit++) {
			body[bit / 8] ^= (uint8_t)(1 << bit % 8);
			frame_of(body, len, &changed);
			body[bit / 8] ^= (uint8_t)(1 << bit % 8);
			try_changed(which, &changed);
		}
	}
}

/* Every byte of what is on the wire, changed, and the frame cut behind it. */
static void test_wire_bytes(void **state)
{
	unsigned int which;
	size_t i;

	(void)state;
	for (which = 0; which < HANDSHAKE_FRAMES; which++) {
		struct pair *p = pair_create(40);
		struct frame whole, changed;

		run_up_to(p, which, &whole);
		free(p);
		for (i = 0; i < whole.len; i++) {
			changed = whole;
			changed.data[i] ^= (uint8_t)(1 << i % 5);
			try_changed(which, &changed);
			changed.data[i] = whole.data[i];
			changed.len = i;
			try_changed(which, &changed);
		}
	}
}

/* --- inside the session --- */

struct session {
	struct pair *p;
	struct end *debugger, *stub;
};

/* An open link; three records from the debugger are in frames[0..2], not given. */
static struct session session(void)
{
	struct session s = { .p = pair_create(0) };
	size_t i;

	s.debugger = &s.p->end[DEBUGGER];
	s.stub = &s.p->end[STUB];
	assert_true(pair_open(s.p));
	for (i = 0; i < 3; i++) {
		assert_int_equal(link_send(&s.debugger->link, LINK_RSP, &"0123456789"[i], 5), 5);
		assert_true(frame_take(s.debugger, &frames[i]));
	}
	s.stub->got_len = s.debugger->got_len = 0;
	return s;
}

static bool all_zero(const void *data, size_t len)
{
	const uint8_t *bytes = data;

	while (len && !bytes[len - 1])
		len--;
	return !len;
}

/* @e has ended the link, said nothing, and has no key left. Frees the pair. */
static void check_broken(struct session s, struct end *e)
{
	assert_int_equal(e->link.state, LINK_BROKEN);
	assert_true(strlen(e->link.why) > 0);
	assert_false(frame_take(e, &f));
	assert_true(all_zero(&e->link.sealing, sizeof(e->link.sealing)));
	assert_true(all_zero(&e->link.opening, sizeof(e->link.opening)));
	assert_int_equal(link_send(&e->link, LINK_RSP, "g", 1), 0);
	/* For good. */
	frame_give(e, &frames[0]);
	frame_give(e, &frames[1]);
	assert_int_equal(e->link.state, LINK_BROKEN);
	free(s.p);
}

static void test_order(void **state)
{
	struct session s = session();

	(void)state;
	frame_give(s.stub, &frames[0]);
	assert_int_equal(s.stub->got_len, 5);
	frame_give(s.stub, &frames[0]); /* again */
	assert_int_equal(s.stub->got_len, 5);
	check_broken(s, s.stub);

	s = session();
	frame_give(s.stub, &frames[1]); /* the first is missing, or comes later */
	assert_int_equal(s.stub->got_len, 0);
	check_broken(s, s.stub);

	s = session();
	frame_give(s.debugger, &frames[0]); /* its own */
	assert_int_equal(s.debugger->got_len, 0);
	check_broken(s, s.debugger);
}

/* Every bit of a record; every length of it. */
static void test_record_damage(void **state)
{
	struct session s = session();
	struct frame changed;
	size_t bit, len = frame_body(&frames[0], body, sizeof(body)), cut;

	(void)state;
	free(s.p);
	for (bit = 0; bit < len * 8; bit++) {
		s = session();
		frame_body(&frames[0], body, sizeof(body));
		body[bit / 8] ^= (uint8_t)(1 << bit % 8);
		frame_of(body, len, &changed);
		frame_give(s.stub, &changed);
		assert_int_equal(s.stub->got_len, 0);
		check_broken(s, s.stub);
	}
	for (cut = 0; cut < len; cut++) {
		s = session();
		frame_body(&frames[0], body, sizeof(body));
		frame_of(body, cut, &changed);
		frame_give(s.stub, &changed);
		check_broken(s, s.stub);
	}
	/* On the wire: the checksum; an end that is lost takes the next record with it. */
	s = session();
	changed = frames[0];
	changed.data[changed.len - 1] ^= 1;
	frame_give(s.stub, &changed);
	check_broken(s, s.stub);
	s = session();
	frames[0].len -= 3;
	frame_give(s.stub, &frames[0]);
	assert_int_equal(s.stub->link.state, LINK_OPEN);
	frame_give(s.stub, &frames[1]);
	check_broken(s, s.stub);
}

/* Well-formed frames that have no place in a session. */
static void test_foreign_frames(void **state)
{
	static const char *const foreign[] = { "$qSupported#37", "$g#67", "$#00", "%Stop:T05#8a",
					       "$r#72",		 "$1#31", "$3#33" };
	size_t i;
	struct session s;

	(void)state;
	for (i = 0; i < ARRAY_LEN(foreign); i++) {
		s = session();
		bytes_give(s.stub, (const uint8_t *)foreign[i], strlen(foreign[i]));
		assert_int_equal(s.stub->got_len, 0);
		check_broken(s, s.stub);
	}
	/* A real '1', by another debugger, or the same in another life. */
	s = session();
	end_start(s.debugger);
	assert_true(frame_take(s.debugger, &f));
	frame_give(s.stub, &f);
	check_broken(s, s.stub);
	/* Bytes that are no frame are nothing. */
	s = session();
	bytes_give(s.stub, (const uint8_t *)"\003+-noise", 8);
	frame_give(s.stub, &frames[0]);
	assert_memory_equal(s.stub->got, "01234", 5);
	free(s.p);
}

/* --- splices and replays --- */

/* Everything an owner once said, again, to the same stub, by one who has listened. */
static void test_replay(void **state)
{
	struct session s = session();
	struct frame hello, consent;

	(void)state;
	free(s.p);
	s.p = pair_create(0);
	run_up_to(s.p, 0, &hello);
	frame_give(&s.p->end[STUB], &hello);
	frame_take(&s.p->end[STUB], &f);
	frame_give(&s.p->end[DEBUGGER], &f);
	frame_take(&s.p->end[DEBUGGER], &consent);
	frame_give(&s.p->end[STUB], &consent);
	pair_settle(s.p);
	assert_true(pair_say(s.p, DEBUGGER, "g"));

	s.stub = &s.p->end[STUB];
	end_start(s.stub);
	frame_give(s.stub, &hello);
	assert_true(frame_take(s.stub, &f));
	frame_give(s.stub, &consent);
	frame_give(s.stub, &frames[0]);
	assert_false(frame_take(s.stub, &f));
	assert_int_equal(s.stub->asked, 0);
	assert_int_equal(s.stub->got_len, 0);
	assert_int_equal(s.stub->link.state, LINK_HANDSHAKE);
	free(s.p);
}

/* Two sessions at once, one frame of the second in the first. */
static void test_splice(void **state)
{
	unsigned int which;

	(void)state;
	for (which = 0; which < HANDSHAKE_FRAMES; which++) {
		struct pair *a = pair_create(40), *b = pair_create(40);
		struct frame own, other;

		b->end[DEBUGGER].random = b->end[STUB].random = 100;
		end_start(&b->end[DEBUGGER]);
		run_up_to(a, which, &own);
		run_up_to(b, which, &other);
		frame_give(&a->end[1 - which % 2], &other);
		pair_settle(a);
		assert_int_not_equal(a->end[DEBUGGER].link.state, LINK_OPEN);
		assert_int_not_equal(a->end[STUB].link.state, LINK_OPEN);
		free(a);
		free(b);
	}
}

/* In the stub's place: a mirror, and one with another key whom check does not know. */
static void test_impostor(void **state)
{
	struct pair *p = pair_create(0);

	(void)state;
	assert_true(frame_take(&p->end[DEBUGGER], &f));
	frame_give(&p->end[DEBUGGER], &f);
	assert_false(frame_take(&p->end[DEBUGGER], &f));
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_HANDSHAKE);

	p->end[STUB].secret[5] ^= 1;
	p->end[DEBUGGER].verdict = "this is not the guest's key";
	link_retry(&p->end[DEBUGGER].link);
	pair_settle(p);
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_REFUSED);
	assert_int_equal(p->end[STUB].asked, 0); /* has not learnt who we are */
	free(p);
}

/* The hint says what the debugger wants to hear, the prologue does not. */
static void test_false_hint(void **state)
{
	struct pair *p = pair_create(0);
	size_t len;

	(void)state;
	p->end[STUB].policy_hash[0] ^= 1;
	run_up_to(p, 1, &f);
	len = frame_body(&f, body, sizeof(body));
	memcpy(body + 2, p->end[DEBUGGER].policy_hash, NOISE_KEY);
	frame_of(body, len, &f);
	frame_give(&p->end[DEBUGGER], &f);
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_HANDSHAKE);
	assert_int_equal(p->end[DEBUGGER].asked, 0);
	assert_false(frame_take(&p->end[DEBUGGER], &f));
	free(p);

	/* After '3' an answer is no news, and a '3' no second consent. */
	p = pair_create(0);
	run_up_to(p, 2, &frames[0]);
	body[2] ^= 1;
	frame_of(body, len, &f);
	frame_give(&p->end[DEBUGGER], &f);
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_HANDSHAKE);
	frame_give(&p->end[STUB], &frames[0]);
	frame_give(&p->end[STUB], &frames[0]);
	assert_int_equal(p->end[STUB].asked, 1);
	assert_true(pair_open(p));
	free(p);
}

/* Nothing that is not sealed gets an answer, and nobody without a key gets more than '2'. */
static void test_downgrade(void **state)
{
	static const char *const plain[] = {
		"$qSupported:multiprocess+#c6", "$?#3f",	   "$g#67", "\003",
		"$vMustReplyEmpty#3a",		"$r0123456789#7f", "$3#33", "+$D#44"
	};
	struct pair *p = pair_create(0);
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_LEN(plain); i++) {
		bytes_give(&p->end[STUB], (const uint8_t *)plain[i], strlen(plain[i]));
		assert_false(frame_take(&p->end[STUB], &f));
	}
	/* Another version. */
	run_up_to(p, 0, &f);
	len = frame_body(&f, body, sizeof(body));
	for (i = 0; i < 256; i++) {
		body[1] = (uint8_t)i;
		frame_of(body, len, &frames[0]);
		frame_give(&p->end[STUB], &frames[0]);
		assert_int_equal(frame_take(&p->end[STUB], &f), i == LINK_VERSION);
	}
	assert_int_equal(p->end[STUB].link.state, LINK_HANDSHAKE);
	assert_int_equal(p->end[STUB].got_len, 0);
	free(p);
}

/* Until the debugger's first record a '1' begins anew, and the last session's keys are gone. */
static void test_restart(void **state)
{
	struct pair *p = pair_create(0);
	struct frame welcome;

	(void)state;
	run_up_to(p, 3, &welcome);
	link_retry(&p->end[DEBUGGER].link);
	frame_give(&p->end[DEBUGGER], &welcome); /* too late */
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_HANDSHAKE);
	assert_true(pair_open(p));
	assert_int_equal(p->end[STUB].asked, 2);
	free(p);
}

/* --- a peer with a key --- */

/* A record of any shape from the stub: its bytes, sealed as they are. */
static struct session say_record(const uint8_t *record, size_t len)
{
	struct session s = session();
	struct link *l = &s.stub->link;

	l->body[0] = 'r';
	noise_seal(l->config->crypto, &l->sealing, l->body + 1, record, len);
	link_record_emit(l, 1 + len + NOISE_TAG);
	assert_true(frame_take(s.stub, &f));
	frame_give(s.debugger, &f);
	return s;
}

static void test_bad_records(void **state)
{
	uint8_t record[4096] = { LINK_RSP, 5, 0, 'h', 'e', 'l', 'l', 'o' };
	struct session s = say_record(record, LINK_PAD_MIN);
	size_t i;

	(void)state;
	assert_memory_equal(s.debugger->got, "hello", 5);
	free(s.p);
	/* Longer or shorter than its size; sizes that are not; none at all. */
	for (i = 0; i < 300; i++)
		if (i != LINK_PAD_MIN) {
			s = say_record(record, i);
			check_broken(s, s.debugger);
		}
	/* Padding that says something. */
	for (i = 8; i < LINK_PAD_MIN; i++) {
		record[i] = 1;
		s = say_record(record, LINK_PAD_MIN);
		check_broken(s, s.debugger);
		record[i] = 0;
	}
	/* Lengths beyond the record. */
	for (i = LINK_PAD_MIN - 2; i < 1 << 16; i += 251) {
		put_le16(record + 1, (uint16_t)i);
		s = say_record(record, LINK_PAD_MIN);
		check_broken(s, s.debugger);
	}
	/* Kinds that are not, and a second welcome. */
	put_le16(record + 1, 5);
	for (i = 0; i < 256; i++)
		if (i == LINK_WELCOME || i > LINK_DUMP) {
			record[0] = (uint8_t)i;
			s = say_record(record, LINK_PAD_MIN);
			check_broken(s, s.debugger);
		}
}

/* More in one record than a record may carry, in a frame of the right size. */
static void test_too_long(void **state)
{
	static uint8_t record[LINK_BODY_MAX];
	size_t len = link_record_padded(3 + LINK_DATA_MAX + 1);
	struct session s;

	(void)state;
	record[0] = LINK_RSP;
	put_le16(record + 1, LINK_DATA_MAX + 1);
	s = say_record(record, len);
	check_broken(s, s.debugger);
	put_le16(record + 1, LINK_DATA_MAX);
	s = say_record(record, len);
	assert_int_equal(s.debugger->got_len, LINK_DATA_MAX);
	free(s.p);
}

/* A frame longer than the buffer for it, before and in the session; nothing outside is touched. */
static void test_oversize(void **state)
{
	struct session s = session();
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		if (i)
			end_start(s.stub);
		bytes_give(s.stub, (const uint8_t *)"$", 1);
		memset(body, 'x', sizeof(body));
		bytes_give(s.stub, body, sizeof(body));
		bytes_give(s.stub, body, sizeof(body));
		bytes_give(s.stub, (const uint8_t *)"#00", 3);
		assert_int_equal(s.stub->link.state, i ? LINK_HANDSHAKE : LINK_BROKEN);
	}
	end_start(s.debugger);
	assert_true(pair_open(s.p));
	free(s.p);
}

/* The stub's first record must be the welcome or a goodbye; the debugger's neither. */
static void test_first_record(void **state)
{
	struct pair *p = pair_create(0);
	int type;

	(void)state;
	free(p);
	for (type = LINK_RSP; type <= LINK_DUMP; type++) {
		p = pair_create(0);
		run_up_to(p, 2, &f);
		frame_give(&p->end[STUB], &f);
		p->end[STUB].link.sealing.nonce = 0; /* instead of the welcome */
		link_record_put(&p->end[STUB].link, (enum link_record)type, "T05", 3);
		assert_true(frame_take(&p->end[STUB], &f));
		frame_give(&p->end[DEBUGGER], &f);
		assert_int_equal(p->end[DEBUGGER].link.state, LINK_BROKEN);
		assert_int_equal(p->end[DEBUGGER].got_len, 0);
		free(p);
	}
	p = pair_create(0);
	pair_settle(p);
	link_record_put(&p->end[DEBUGGER].link, LINK_WELCOME, NULL, 0);
	pair_settle(p);
	assert_int_equal(p->end[STUB].link.state, LINK_BROKEN);
	free(p);
}

/* --- secrets --- */

static bool contains(const void *data, size_t len, const char *needle)
{
	return memmem(data, len, needle, strlen(needle)) != NULL;
}

/* The wire shows nothing of the data, and a link that was wiped neither. */
static void test_secrets(void **state)
{
	static const char secret[] = "attack at dawn, by the northern gate";
	struct pair *p = pair_create(0);
	uint8_t public[NOISE_KEY];
	unsigned int i;

	(void)state;
	noise_public(&sodium_crypto, public, p->end[DEBUGGER].secret);
	for (i = 0; frame_take(&p->end[i % 2], &f); i++) {
		/* Who comes is hidden from who only listens. */
		assert_null(memmem(f.data, f.len, public, NOISE_KEY));
		frame_give(&p->end[1 - i % 2], &f);
	}
	assert_int_equal(p->end[DEBUGGER].link.state, LINK_OPEN);
	for (i = 0; i < 10; i++) {
		assert_int_equal(link_send(&p->end[DEBUGGER].link, LINK_RSP, secret, 30), 30);
		assert_true(frame_take(&p->end[DEBUGGER], &f));
		assert_false(contains(f.data, f.len, "attack"));
		frame_give(&p->end[STUB], &f);
	}
	assert_true(contains(p->end[STUB].mem, LINK_MEMORY, "attack"));
	assert_false(contains(p->end[DEBUGGER].mem, LINK_MEMORY, "attack"));
	for (i = 0; i < 2; i++) {
		struct link *l = &p->end[i].link;

		link_wipe(l);
		assert_int_equal(l->state, LINK_BROKEN);
		assert_true(all_zero(p->end[i].mem, LINK_MEMORY));
		assert_true(all_zero(&l->noise, sizeof(l->noise)));
		assert_true(all_zero(&l->opening, sizeof(l->opening)));
		assert_true(all_zero(&l->sealing, sizeof(l->sealing)));
		link_wipe(l);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bits),	       cmocka_unit_test(test_wire_bytes),
		cmocka_unit_test(test_order),	       cmocka_unit_test(test_record_damage),
		cmocka_unit_test(test_foreign_frames), cmocka_unit_test(test_replay),
		cmocka_unit_test(test_splice),	       cmocka_unit_test(test_impostor),
		cmocka_unit_test(test_false_hint),     cmocka_unit_test(test_downgrade),
		cmocka_unit_test(test_restart),	       cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_too_long),       cmocka_unit_test(test_oversize),
		cmocka_unit_test(test_first_record),   cmocka_unit_test(test_secrets),
	};

	return cmocka_run_group_tests_name("link_hostile", tests, NULL, NULL);
}
