/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The vocabulary of the stub's tests: a toy machine, a debugger at its link, questions with the
 * answers they must get. Whatever a test did, at its end the text is as it was and all CPUs run.
 * Include after <cmocka.h>.
 */
#ifndef TESTS_UNIT_STUB_TEST_H
#define TESTS_UNIT_STUB_TEST_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/buf.h"
#include "tests/fake/stub_machine_line.h"

struct stub_test {
	struct stub_machine *m;
	struct stub_line *line; /* NULL: nobody is there */
};

enum { STUB_TEST_IDLE_MS = 60000 };

static const struct policy stub_test_policy = {
	.rights = RSP_RIGHT_ALL,
	.idle_s = STUB_TEST_IDLE_MS / 1000,
};
static const struct stub_config stub_test_config = { .policy = &stub_test_policy };

/* A machine that does not run yet: the test writes its code. */
static inline void stub_test_begin(struct stub_test *t, unsigned int cpus)
{
	*t = (struct stub_test){ .m = stub_machine_create(cpus) };
}

static inline void stub_test_connect(struct stub_test *t)
{
	stub_line_destroy(t->line);
	t->line = stub_line_create(t->m);
}

/* The machine runs, a debugger comes and has stopped it. */
static inline void stub_test_attach(struct stub_test *t)
{
	const char *answer;

	stub_machine_start(t->m, &stub_test_config, true);
	assert_true(stub_machine_runs(t->m));
	stub_test_connect(t);
	answer = stub_line_ask(t->line, "?");
	assert_non_null(answer);
	assert_int_equal(strncmp(answer, "T02", 3), 0);
}

static inline void stub_test_end(struct stub_test *t)
{
	assert_true(stub_machine_end(t->m));
	stub_line_destroy(t->line);
	stub_machine_destroy(t->m);
}

/* A final '*' of @expected stands for anything. */
static inline void stub_test_check(const char *ask, const char *answer, const char *expected)
{
	size_t len = strlen(expected);
	bool any = len && expected[len - 1] == '*';

	if (!answer || (any ? strncmp(answer, expected, len - 1) : strcmp(answer, expected)))
		fail_msg("%s: \"%s\", not \"%s\"", ask, answer ? answer : "(none)", expected);
}

static inline void stub_test_expect(struct stub_test *t, const char *ask, const char *expected)
{
	stub_test_check(ask, stub_line_ask(t->line, ask), expected);
}

/* The machine stops by itself: the beginning of the stop reply. */
static inline void stub_test_stops(struct stub_test *t, const char *expected)
{
	stub_test_check("stop", stub_line_wait(t->line), expected);
}

static inline void stub_test_pc(struct stub_test *t, unsigned int vcpu, uint64_t offset)
{
	assert_int_equal(stub_line_reg(t->line, vcpu, X86_64_rip), STUB_MACHINE_TEXT + offset);
}

static inline void stub_test_set_pc(struct stub_test *t, unsigned int vcpu, uint64_t offset)
{
	uint8_t raw[sizeof(uint64_t)];
	char packet[32];
	struct buf b;

	snprintf(packet, sizeof(packet), "Hg%x", vcpu + 1);
	stub_test_expect(t, packet, "OK");
	put_le64(raw, STUB_MACHINE_TEXT + offset);
	memset(packet, 0, sizeof(packet));
	buf_init(&b, packet, sizeof(packet) - 1);
	buf_put_text(&b, "P10=");
	buf_put_hex_bytes(&b, raw, sizeof(raw));
	stub_test_expect(t, packet, "OK");
}

/* The condition comes true while the machine's time goes on. */
#define EVENTUALLY(t, condition)                                                                   \
	do {                                                                                       \
		int tries_;                                                                        \
		for (tries_ = 0; tries_ < 5000 && !(condition); tries_++) {                        \
			stub_machine_pass((t)->m, 10);                                             \
			usleep(1000);                                                              \
		}                                                                                  \
		assert_true(condition);                                                            \
	} while (0)

#endif
