/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The QMP client against a scripted server: replies, events in and out of turn, and every wrong
 * peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <unistd.h>

#include "host/qemu/qmp.h"
#include "tests/fake/qmp_server.h"

#define EVENT(name)                                                                                \
	"{\"event\": \"" name "\", \"timestamp\": {\"seconds\": 1, \"microseconds\": 2}}"
#define DONE "{\"return\": {}, \"id\": %ID}"

static const struct qmp_answer answers[] = {
	{ "\"stop\"", EVENT("STOP") "\r\n" DONE },
	/* The guest ran into a breakpoint at once. */
	{ "\"cont\"", EVENT("RESUME") "\r\n" DONE "\r\n" EVENT("STOP") },
	{ "\"answer\"", "{\"return\": 42, \"id\": %ID}" },
	{ "\"late\"", "{\"return\": 1, \"id\": 0}\r\n{\"return\": 2, \"id\": %ID}" },
	{ "\"failing\"",
	  "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}, \"id\": %ID}" },
	{ "\"hangup\"", NULL },
	{ "\"garbage\"", "{\"return\": " },
	{ "\"neither\"", "{\"id\": %ID}" },
	{ "gpa2hva", "{\"return\": \"Host virtual address\\r\\n\", \"id\": %ID}" },
	{ NULL, NULL },
};

struct fixture {
	struct qmp_server server;
	struct qmp *qmp;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	qmp_server_start(&f->server, qmp_server_greeting, answers);
	*state = f;
	return qmp_connect(f->server.path, &f->qmp, &f->err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	qmp_destroy(f->qmp);
	qmp_server_stop(&f->server);
	free(f);
	return 0;
}

static void test_connect(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(qmp_peer_pid(f->qmp), f->server.pid);
	assert_int_equal(qmp_peer_uid(f->qmp), getuid());
	assert_string_equal(qmp_path(f->qmp), f->server.path);
	assert_int_equal(qmp_run_state(f->qmp), QMP_RUNNING);
}

static void test_execute(void **state)
{
	struct fixture *f = *state;
	json_t *value;
	char *text;

	assert_int_equal(qmp_execute(f->qmp, "answer", json_pack("{s:i}", "a", 1), &value, &f->err),
			 0);
	assert_int_equal(json_integer_value(value), 42);
	json_decref(value);
	assert_int_equal(qmp_execute(f->qmp, "answer", NULL, NULL, &f->err), 0);
	assert_int_equal(qmp_hmp(f->qmp, "gpa2hva 0", &text, &f->err), 0);
	assert_string_equal(text, "Host virtual address\r\n");
	free(text);
	assert_int_equal(qmp_execute(f->qmp, "late", NULL, &value, &f->err), 0);
	assert_int_equal(json_integer_value(value), 2);
	json_decref(value);
}

static void test_errors(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(qmp_execute(f->qmp, "failing", NULL, NULL, &f->err), ST_IO);
	assert_string_equal(f->err.text, "QMP failing: QEMU: no such thing");
	assert_int_equal(qmp_execute(f->qmp, "nonsense", NULL, NULL, &f->err), ST_UNSUPPORTED);
	assert_int_equal(qmp_execute(f->qmp, "neither", NULL, NULL, &f->err), ST_INVAL);
	/* The connection survives all that. */
	assert_int_equal(qmp_execute(f->qmp, "answer", NULL, NULL, &f->err), 0);
	assert_int_equal(qmp_execute(f->qmp, "garbage", NULL, NULL, &f->err), ST_INVAL);
	assert_non_null(strstr(f->err.text, "not a QMP socket"));
}

static void test_run_state(void **state)
{
	struct fixture *f = *state;
	struct pollfd fd = { .fd = qmp_fd(f->qmp), .events = POLLIN };

	assert_int_equal(qmp_stop(f->qmp, &f->err), 0);
	assert_int_equal(qmp_run_state(f->qmp), QMP_STOPPED);
	assert_int_equal(qmp_cont(f->qmp, &f->err), 0);
	/* The event may have come with the reply or come now. */
	if (qmp_run_state(f->qmp) == QMP_RUNNING) {
		assert_int_equal(poll(&fd, 1, 5000), 1);
		assert_int_equal(qmp_dispatch(f->qmp), 0);
	}
	assert_int_equal(qmp_run_state(f->qmp), QMP_STOPPED);
	assert_int_equal(qmp_dispatch(f->qmp), 0);
}

static void test_hangup(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(qmp_execute(f->qmp, "hangup", NULL, NULL, &f->err), ST_GONE);
	assert_int_equal(qmp_run_state(f->qmp), QMP_ENDED);
	assert_int_equal(qmp_execute(f->qmp, "answer", NULL, NULL, &f->err), ST_GONE);
	assert_int_equal(qmp_dispatch(f->qmp), ST_GONE);
}

static void wrong_peer(const char *greeting, int status, const char *text)
{
	struct qmp_server server;
	struct err err;
	struct qmp *qmp;

	qmp_server_start(&server, greeting, answers);
	assert_int_equal(qmp_connect(server.path, &qmp, &err), status);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, err.text);
	qmp_server_stop(&server);
}

static void test_wrong_peers(void **state)
{
	char *flood = malloc(17 << 20);

	(void)state;
	wrong_peer("220 mail.example ESMTP", ST_INVAL, "not a QMP socket");
	wrong_peer("{\"hello\": 1}\n", ST_INVAL, "not a QMP socket");
	wrong_peer("{]\n", ST_INVAL, "not a QMP socket");
	wrong_peer(NULL, ST_GONE, "without a greeting");
	memset(flood, ' ', 17 << 20);
	flood[0] = '{';
	flood[(17 << 20) - 1] = '\0';
	wrong_peer(flood, ST_INVAL, "16 MiB");
	free(flood);
}

static void test_no_peer(void **state)
{
	struct err err;
	struct qmp *qmp;

	(void)state;
	assert_int_equal(qmp_connect("/nonexistent/qmp", &qmp, &err), ST_IO);
	assert_string_equal(err.text, "/nonexistent/qmp: connecting: No such file or directory");
	assert_int_equal(qmp_connect("/dev/null", &qmp, &err), ST_GONE);
	assert_int_equal(qmp_connect("/a/path/that/has/more/characters/than/the/address/of/a/unix/"
				     "socket/has/room/for/since/1983/and/until/the/end/of/time",
				     &qmp, &err),
			 ST_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_connect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_execute, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_run_state, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hangup, setup, teardown),
		cmocka_unit_test(test_wrong_peers),
		cmocka_unit_test(test_no_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
