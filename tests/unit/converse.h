/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The vocabulary of the server's tests: a row is a question and the answer it must get, a table of
 * them is one session, in order. Include after <cmocka.h>.
 */
#ifndef TESTS_UNIT_CONVERSE_H
#define TESTS_UNIT_CONVERSE_H

#include "tests/fake/rsp_session.h"

struct converse_row {
	const char *ask;
	const char *answer; /* NULL: none; a final '*' stands for anything */
};

static inline bool converse_matches(const char *answer, const char *expected)
{
	size_t len = expected ? strlen(expected) : 0;

	if (!answer || !expected)
		return answer == expected;
	if (len && expected[len - 1] == '*')
		return strncmp(answer, expected, len - 1) == 0;
	return strcmp(answer, expected) == 0;
}

static inline void converse_expect(struct rsp_session *s, const char *ask, const char *expected)
{
	const char *answer = rsp_session_ask(s, ask);

	if (!converse_matches(answer, expected))
		fail_msg("%s: \"%s\", not \"%s\"", ask, answer ? answer : "(none)",
			 expected ? expected : "(none)");
}

static inline void converse_rows(struct rsp_session *s, const struct converse_row *rows,
				 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		converse_expect(s, rows[i].ask, rows[i].answer);
}

static inline int converse_setup(void **state)
{
	struct rsp_session *s = malloc(sizeof(*s));

	rsp_session_init(s, RSP_RIGHT_ALL);
	*state = s;
	return 0;
}

/* Whatever a test did: the server never asked the target for what target.h forbids. */
static inline int converse_teardown(void **state)
{
	struct rsp_session *s = *state;
	unsigned int misused = s->fake.misused;

	rsp_session_deinit(s);
	free(s);
	return misused ? -1 : 0;
}

#define CONVERSE_TEST(f) cmocka_unit_test_setup_teardown(f, converse_setup, converse_teardown)

#endif
