/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The session log, byte for byte as gdb 13's `set remotelogfile` writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/log.h"

static char path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/cvmdbg-test-log-%d", (int)getpid());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void test_format(void **state)
{
	static const char binary[] = "$x\0\x7f\\\n\t\"\xff#00";
	char text[256] = "";
	struct stat st;
	struct log *log;
	struct err err;
	FILE *file;

	(void)state;
	assert_int_equal(log_open(path, &log, &err), 0);
	log_write(log, "$?", 2);
	log_write(log, "#3f", 3);
	log_read(log, "+", 1);
	log_read(log, "", 0);
	log_read(log, binary, sizeof(binary) - 1);
	log_write(log, "+", 1);
	log_close(log);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	assert_string_equal(text, "w $?#3f\nr +$x\\x00\\x7f\\\\\\n\\t\"\\xff#00\nw +\n");
}

static void test_trouble(void **state)
{
	struct log *log;
	struct err err;

	(void)state;
	assert_true(log_open("/nonexistent/log", &log, &err) < 0);
	assert_string_equal(err.text, "opening log /nonexistent/log: No such file or directory");
	log_write(NULL, "x", 1);
	log_read(NULL, "x", 1);
	log_close(NULL);
	/* A full disk ends the log, not the session. */
	assert_int_equal(log_open("/dev/full", &log, &err), 0);
	log_write(log, "x", 1);
	log_write(log, "x", 1);
	log_close(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_trouble),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
