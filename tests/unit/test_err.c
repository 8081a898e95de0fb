/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Explanations: prepending, cutting at the end, errno. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "host/err.h"

static void test_prepend(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, ST_POLICY, "policy %#x", 1), ST_POLICY);
	assert_string_equal(e.text, "policy 0x1");
	assert_int_equal(err_add(&e, ST_IO, "page %d", 7), ST_IO);
	assert_string_equal(e.text, "page 7: policy 0x1");
}

static void test_own_text_as_argument(void **state)
{
	struct err e;

	(void)state;
	(void)err_set(&e, ST_IO, "cause");
	(void)err_set(&e, ST_IO, "<%s>", e.text);
	assert_string_equal(e.text, "<cause>");
	(void)err_add(&e, ST_IO, "%s", e.text);
	assert_string_equal(e.text, "<cause>: <cause>");
}

static void test_errno(void **state)
{
	static const struct {
		int error, status;
	} rows[] = {
		{ EACCES, ST_ACCES }, { EPERM, ST_ACCES },	 { ENOMEM, ST_NOMEM },
		{ ESRCH, ST_GONE },   { ETIMEDOUT, ST_TIMEOUT }, { EBUSY, ST_BUSY },
		{ ENOSPC, ST_IO },
	};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		errno = rows[i].error;
		assert_int_equal(err_sys(&e, "open"), rows[i].status);
	}
	errno = ENOENT;
	assert_int_equal(err_sys(&e, "open %s", "x"), ST_IO);
	assert_string_equal(e.text, "open x: No such file or directory");
}

/* However long the parts are, the text is cut and ends. */
static void test_bounds(void **state)
{
	char text[2 * ERR_TEXT_MAX];
	struct err e;
	int i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&e, ST_IO, "%s", text);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	(void)err_set(&e, ST_IO, "end");
	for (i = 0; i < ERR_TEXT_MAX; i++)
		(void)err_add(&e, ST_IO, "%d", i % 10);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	(void)err_add(&e, ST_IO, "%s", text);
	errno = EIO;
	(void)err_sys(&e, "%s", text);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prepend),
		cmocka_unit_test(test_own_text_as_argument),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
