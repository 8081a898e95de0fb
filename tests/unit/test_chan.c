/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Listeners and channels over each transport: bytes both ways, never waiting, and who may connect.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/chan.h"

enum { WAIT_MS = 5000 };

static char path[64], unix_spec[80];

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

static struct listener *open_listener(const char *spec)
{
	struct listener *l;
	struct err err;

	if (listener_open(spec, &l, &err))
		fail_msg("%s", err.text);
	return l;
}

static void refused(const char *spec, int status, const char *text)
{
	struct listener *l;
	struct err err;

	assert_int_equal(listener_open(spec, &l, &err), status);
	if (!strstr(err.text, text) || !strstr(err.text, spec))
		fail_msg("\"%s\" is not in \"%s\"", text, err.text);
}

static struct chan *accept_one(struct listener *l)
{
	struct chan *c;
	struct err err;

	wait_readable(listener_fd(l));
	assert_int_equal(listener_accept(l, &c, &err), 1);
	return c;
}

/* Both ends of a connection, on either transport. */
static void talk(struct chan *a, struct chan *b)
{
	static char big[1 << 20];
	size_t sent = 0, seen = 0;
	char buf[65536];
	ssize_t n;

	assert_int_equal(a->ops->read(a, buf, sizeof(buf)), 0);
	assert_int_equal(a->ops->write(a, "$?#3f", 5), 5);
	wait_readable(b->rfd);
	assert_int_equal(b->ops->read(b, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "$?#3f", 5);
	assert_int_equal(b->ops->read(b, buf, sizeof(buf)), 0);
	/* Nobody reads: the writer is told so and does not wait. */
	while ((n = b->ops->write(b, big, sizeof(big))) > 0)
		sent += (size_t)n;
	assert_int_equal(n, 0);
	while (seen < sent) {
		wait_readable(a->rfd);
		n = a->ops->read(a, buf, sizeof(buf));
		assert_true(n > 0);
		seen += (size_t)n;
	}
	/* The end: read says so, and write does, without a signal. */
	chan_destroy(a);
	wait_readable(b->rfd);
	assert_int_equal(b->ops->read(b, buf, sizeof(buf)), ST_GONE);
	do {
		n = b->ops->write(b, "x", 1);
	} while (n >= 0);
	assert_int_equal(n, ST_GONE);
	chan_destroy(b);
}

static void test_unix(void **state)
{
	struct listener *l = open_listener(unix_spec);
	struct stat st;
	struct chan *a, *b;
	struct err err;

	(void)state;
	assert_string_equal(listener_target(l), path);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(listener_accept(l, &a, &err), 0);
	assert_int_equal(chan_connect_unix(path, &a, &err), 0);
	b = accept_one(l);
	assert_int_equal(listener_accept(l, &b, &err), 0);
	talk(a, b);
	listener_destroy(l);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(chan_connect_unix(path, &a, &err), ST_IO);
}

static void test_unix_file(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct listener *l = open_listener(unix_spec);
	int fd;

	(void)state;
	refused(unix_spec, ST_BUSY, "another process is listening");
	/* Somebody else's by now: not ours to remove. */
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_return_code(fd, 0);
	close(fd);
	listener_destroy(l);
	assert_int_equal(access(path, F_OK), 0);
	refused(unix_spec, ST_INVAL, "is not a socket");
	unlink(path);
	/* What a killed process leaves. */
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	listener_destroy(open_listener(unix_spec));
}

static void test_tcp(void **state)
{
	struct listener *l = open_listener("tcp:127.0.0.1:0");
	const char *target = listener_target(l), *colon = strrchr(target, ':');
	struct chan *a, *b;
	struct err err;

	(void)state;
	assert_int_equal(strncmp(target, "127.0.0.1:", 10), 0);
	assert_true(atoi(colon + 1) > 0);
	assert_int_equal(chan_connect_tcp("127.0.0.1", colon + 1, &a, &err), 0);
	b = accept_one(l);
	talk(a, b);
	listener_destroy(l);
}

static void test_tcp_ipv6(void **state)
{
	struct listener *l;
	struct chan *a;
	struct err err;
	const char *colon;

	(void)state;
	if (listener_open("tcp:[::1]:0", &l, &err))
		skip(); /* a machine without IPv6 */
	assert_int_equal(strncmp(listener_target(l), "[::1]:", 6), 0);
	colon = strrchr(listener_target(l), ':');
	assert_int_equal(chan_connect_tcp("::1", colon + 1, &a, &err), 0);
	talk(a, accept_one(l));
	listener_destroy(l);
}

static void test_stdio(void **state)
{
	struct listener *l;
	int saved[2] = { dup(STDIN_FILENO), dup(STDOUT_FILENO) }, in[2], out[2];
	struct chan *c;
	struct err err;
	char buf[16];
	ssize_t n, m;

	(void)state;
	fflush(stdout);
	assert_return_code(pipe(in), 0);
	assert_return_code(pipe(out), 0);
	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	l = open_listener("stdio");
	assert_int_equal(listener_fd(l), -1);
	assert_null(listener_target(l));
	assert_int_equal(listener_accept(l, &c, &err), 1);
	assert_int_equal(c->ops->read(c, buf, sizeof(buf)), 0);
	assert_int_equal(write(in[1], "abc", 3), 3);
	n = c->ops->read(c, buf, sizeof(buf));
	m = c->ops->write(c, "defg", 4);
	assert_int_equal(listener_accept(l, &c, &err), 0);
	close(in[1]);
	assert_int_equal(c->ops->read(c, buf, sizeof(buf)), ST_GONE);
	chan_destroy(c);
	assert_false(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK);
	listener_destroy(l);
	dup2(saved[0], STDIN_FILENO);
	dup2(saved[1], STDOUT_FILENO);
	assert_int_equal(n, 3);
	assert_int_equal(m, 4);
	assert_int_equal(read(out[0], buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "defg", 4);
}

static void test_specs(void **state)
{
	(void)state;
	refused("", ST_INVAL, "not unix:PATH");
	refused("serial:/dev/ttyS0", ST_INVAL, "not unix:PATH");
	refused("unix:", ST_INVAL, "path is missing");
	refused("unix:/nonexistent/socket", ST_IO, "No such file");
	refused("tcp:localhost", ST_INVAL, "port is missing");
	refused("tcp:localhost:", ST_INVAL, "port is missing");
	refused("tcp:::1:1234", ST_INVAL, "brackets");
	refused("tcp:localhost:no-such-service", ST_INVAL, "no-such-service");
	refused("stdio:x", ST_INVAL, "no address");
}

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/cvmdbg-test-chan-%d", (int)getpid());
	snprintf(unix_spec, sizeof(unix_spec), "unix:%s", path);
	signal(SIGPIPE, SIG_DFL); /* a channel that raises it fails the test */
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unix),  cmocka_unit_test(test_unix_file),
		cmocka_unit_test(test_tcp),   cmocka_unit_test(test_tcp_ipv6),
		cmocka_unit_test(test_stdio), cmocka_unit_test(test_specs),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
