/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The stub behind a sealed link, and memory that its policy denies: who gets in, what the others
 * get, and that the machine does not even stop for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/crypto/sodium.h"
#include "tests/unit/stub_test.h"

struct sealed {
	struct stub_test t;
	struct policy policy;
	struct stub_seal seal;
	struct stub_config config;
	uint8_t owner[NOISE_KEY]; /* the debugger's secret */
	struct link_config link;
	const char *objection; /* the debugger's, against the stub */
	uint8_t evidence[LINK_EVIDENCE_MAX];
	size_t evidence_len;
};

static const char *look_at_stub(void *arg, const uint8_t peer[NOISE_KEY], const void *evidence,
				size_t len)
{
	struct sealed *s = arg;

	assert_memory_equal(peer, s->seal.public, NOISE_KEY);
	memcpy(s->evidence, evidence, len);
	s->evidence_len = len;
	return s->objection;
}

static void begin(struct sealed *s, unsigned int cpus)
{
	memset(s, 0, sizeof(*s));
	stub_test_begin(&s->t, cpus);
	assert_true(sodium_random32(NULL, s->owner));
	assert_true(sodium_random32(NULL, s->seal.secret));
	s->seal.crypto = &sodium_crypto;
	noise_public(&sodium_crypto, s->seal.public, s->seal.secret);
	memset(s->seal.policy_hash, 0x50, NOISE_KEY);
	s->policy = stub_test_policy;
	s->policy.debuggers.count = 1;
	noise_public(&sodium_crypto, s->policy.debuggers.key[0], s->owner);
	s->config = (struct stub_config){ .policy = &s->policy, .seal = &s->seal };
	s->link = (struct link_config){
		.crypto = &sodium_crypto,
		.role = NOISE_INITIATOR,
		.secret = s->owner,
		.policy_hash = s->seal.policy_hash,
		.random = sodium_random32,
		.check = look_at_stub,
		.arg = s,
	};
}

static void run(struct sealed *s)
{
	stub_machine_start(s->t.m, &s->config, true);
	assert_true(stub_machine_runs(s->t.m));
}

static enum link_state connect_line(struct sealed *s)
{
	stub_line_destroy(s->t.line);
	s->t.line = stub_line_create_sealed(s->t.m, &s->link);
	return s->t.line->link->state;
}

/* The machine has not been stopped, and is not. */
static void assert_untouched(struct sealed *s)
{
	assert_int_equal(__atomic_load_n(&s->t.m->stopped, __ATOMIC_ACQUIRE), 0);
	assert_true(stub_machine_runs(s->t.m));
}

static void test_session(void **state)
{
	static const char evidence[] = "what a report says";
	struct sealed s;

	(void)state;
	begin(&s, 2);
	run(&s);
	while (!stub_set_evidence(&s.t.m->stub, evidence, sizeof(evidence)))
		;
	assert_int_equal(connect_line(&s), LINK_OPEN);
	assert_string_equal((const char *)s.evidence, evidence);
	stub_test_expect(&s.t, "?", "T02*");
	stub_test_expect(&s.t, "QStartNoAckMode", "OK");
	stub_test_expect(&s.t, "Z0,ffffffff81000003,1", "OK");
	stub_test_expect(&s.t, "D", "OK");
	assert_true(stub_machine_runs(s.t.m));
	assert_true(stub_machine_logged(s.t.m, "debugger age1"));
	/* And once more, with keys of its own. */
	assert_int_equal(connect_line(&s), LINK_OPEN);
	stub_test_expect(&s.t, "?", "T02*");
	stub_test_end(&s.t);
}

static void test_stranger(void **state)
{
	struct sealed s;

	(void)state;
	begin(&s, 2);
	s.owner[5] ^= 1;
	run(&s);
	assert_int_equal(connect_line(&s), LINK_REFUSED);
	assert_non_null(strstr(s.t.line->link->why, "no debugger of the guest's policy"));
	assert_untouched(&s);
	assert_true(stub_machine_logged(s.t.m, "refused: this key is no debugger"));
	stub_test_end(&s.t);
}

static void test_another_policy(void **state)
{
	uint8_t other[NOISE_KEY] = { 1 };
	struct sealed s;

	(void)state;
	begin(&s, 1);
	s.link.policy_hash = other;
	run(&s);
	assert_int_not_equal(connect_line(&s), LINK_OPEN);
	assert_true(s.t.line->link->peer_hash_known);
	assert_memory_equal(s.t.line->link->peer_hash, s.seal.policy_hash, NOISE_KEY);
	assert_untouched(&s);
	stub_test_end(&s.t);
}

static void test_debugger_objects(void **state)
{
	struct sealed s;

	(void)state;
	begin(&s, 1);
	s.objection = "the measurement is another one";
	run(&s);
	assert_int_equal(connect_line(&s), LINK_REFUSED);
	assert_string_equal(s.t.line->link->why, s.objection);
	assert_untouched(&s);
	stub_test_end(&s.t);
}

/* RSP in clear is not even answered. */
static void test_plain(void **state)
{
	static const char rsp[] = "$qSupported#37$?#3f$m0,10#2a\x03$D#44";
	char answer[64];
	struct sealed s;

	(void)state;
	begin(&s, 2);
	run(&s);
	stub_test_connect(&s.t);
	stub_line_raw(s.t.line, rsp, sizeof(rsp) - 1);
	assert_true(stub_machine_runs(s.t.m));
	assert_int_equal(stub_machine_receive(s.t.m, answer, sizeof(answer)), 0);
	stub_machine_pass(s.t.m, STUB_GREETING_MS + 1000);
	assert_untouched(&s);
	assert_true(stub_machine_logged(s.t.m, "the handshake took too long"));
	stub_test_end(&s.t);
}

/* Whatever else comes inside a session ends it; the machine goes on. */
static void test_forged(void **state)
{
	static const char *const frames[] = { "$r0123456789abcdef0123456789abcdef#00", "$1x#a9",
					      "$?#3f" };
	struct sealed s;
	size_t i;

	(void)state;
	begin(&s, 2);
	run(&s);
	for (i = 0; i < ARRAY_LEN(frames); i++) {
		assert_int_equal(connect_line(&s), LINK_OPEN);
		stub_test_expect(&s.t, "?", "T02*");
		stub_test_expect(&s.t, "Z0,ffffffff81000003,1", "OK");
		stub_machine_send(s.t.m, frames[i], strlen(frames[i]));
		assert_true(stub_machine_runs(s.t.m));
		assert_true(stub_machine_text_intact(s.t.m));
	}
	assert_true(stub_machine_logged(s.t.m, "sealed link broken"));
	stub_test_end(&s.t);
}

static void test_no_randomness(void **state)
{
	struct sealed s;

	(void)state;
	begin(&s, 1);
	run(&s);
	__atomic_store_n(&s.t.m->no_random, 1, __ATOMIC_RELEASE);
	stub_test_connect(&s.t);
	assert_untouched(&s);
	__atomic_store_n(&s.t.m->no_random, 0, __ATOMIC_RELEASE);
	assert_int_equal(connect_line(&s), LINK_OPEN);
	stub_test_end(&s.t);
}

/* The kernel has died; nothing runs but the stub, and somebody comes. */
static void test_after_death(void **state)
{
	struct sealed s;

	(void)state;
	begin(&s, 2);
	s.policy.on_panic = POLICY_PANIC_STOP;
	run(&s);
	stub_machine_event(s.t.m, 1, STUB_MACHINE_OOPS);
	EVENTUALLY(&s.t, __atomic_load_n(&s.t.m->stopped, __ATOMIC_ACQUIRE));
	assert_int_equal(connect_line(&s), LINK_OPEN);
	stub_test_expect(&s.t, "?", "T0*");
	stub_test_expect(&s.t, "D", "OK");
	stub_test_end(&s.t);
}

/* --- rights --- */

static void test_refusals_are_logged(void **state)
{
	struct stub_test t;
	struct policy policy = stub_test_policy;
	const struct stub_config config = { .policy = &policy };
	unsigned int i;

	(void)state;
	stub_test_begin(&t, 1);
	policy.rights &= ~(unsigned int)RSP_RIGHT_WRITE_MEM;
	stub_machine_start(t.m, &config, true);
	stub_test_connect(&t);
	stub_test_expect(&t, "?", "T02*");
	for (i = 0; i < 20; i++)
		stub_test_expect(&t, "Mffff888000010000,1:00", "E01*");
	assert_true(stub_machine_logged(t.m, "debugger was refused: mem.write"));
	stub_test_expect(&t, "D", "OK");
	assert_true(stub_machine_runs(t.m));
	assert_true(stub_machine_logged(t.m, "requests refused in this session: 20"));
	stub_test_end(&t);
}

/* --- memory that the policy denies --- */

static void expect_bytes(struct stub_test *t, const char *ask, size_t count)
{
	const char *answer = stub_line_ask(t->line, ask);

	assert_non_null(answer);
	assert_int_equal(strspn(answer, "0123456789abcdef"), 2 * count);
	assert_int_equal(strlen(answer), 2 * count);
}

static void test_denied(void **state)
{
	struct stub_test t;
	struct policy policy = stub_test_policy;
	const struct stub_config config = { .policy = &policy };

	(void)state;
	stub_test_begin(&t, 2);
	policy.deny[policy.deny_count++] = (struct policy_range){
		.first = STUB_MACHINE_PLAIN + PAGE_BYTES,
		.last = STUB_MACHINE_PLAIN + PAGE_BYTES + 15,
	};
	policy.deny[policy.deny_count++] = (struct policy_range){
		.first = STUB_MACHINE_TEXT,
		.last = STUB_MACHINE_TEXT + 1,
	};
	stub_machine_start(t.m, &config, true);
	stub_test_connect(&t);
	stub_test_expect(&t, "?", "T02*");
	expect_bytes(&t, "mffff888000010000,1", 1);
	stub_test_expect(&t, "mffff888000011000,1", "E80*");
	stub_test_expect(&t, "mffff888000011fff,1", "E80*");
	expect_bytes(&t, "mffff888000012000,1", 1);
	/* Up to it, and not beyond. */
	expect_bytes(&t, "mffff888000010ffe,8", 2);
	stub_test_expect(&t, "Mffff888000011000,1:00", "E80*");
	stub_test_expect(&t, "Z0,ffffffff81000003,1", "E80*");
	stub_test_expect(&t, "Z2,ffff888000011000,8", "E80*");
	/* By its physical address: the second of three scattered pages (stub_machine.c, map_all).
	 */
	stub_test_expect(&t, "Qqemu.PhyMemMode:1", "OK");
	stub_test_expect(&t, "m16000,1", "E80*");
	expect_bytes(&t, "m15fff,1", 1);
	stub_test_expect(&t, "D", "OK");
	stub_test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_another_policy),
		cmocka_unit_test(test_debugger_objects),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_no_randomness),
		cmocka_unit_test(test_after_death),
		cmocka_unit_test(test_refusals_are_logged),
		cmocka_unit_test(test_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
