/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the agent says on a serial line besides what it is told to say, and when it must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "host/chan.h"
#include "protocol/serial_line.h"

enum { WAIT_MS = 5000, SILENCE_MS = 1300 /* longer than until a keep-alive */ };

static char spec[80];
static int line = -1; /* the stub's end */
static struct chan *chan;

static void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

/* Exactly @text arrives at the stub. */
static void hears(const char *text, size_t len)
{
	char buf[64];
	size_t n = 0;

	while (n < len) {
		ssize_t more;

		wait_for(line, POLLIN);
		more = read(line, buf + n, len - n);
		assert_true(more > 0);
		n += (size_t)more;
	}
	assert_memory_equal(buf, text, len);
}

static void hears_nothing(void)
{
	struct pollfd p = { .fd = line, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 0), 0);
}

static void says(const char *text)
{
	assert_int_equal(chan->ops->write(chan, text, strlen(text)), (ssize_t)strlen(text));
	hears(text, strlen(text));
}

static void connect_chan(void)
{
	struct err err;

	if (chan_connect_stub(spec, &chan, &err))
		fail_msg("%s", err.text);
	hears("#zz\x04", 4);
}

static int setup_tty(void **state)
{
	(void)state;
	line = posix_openpt(O_RDWR | O_NOCTTY);
	if (line < 0 || grantpt(line) || unlockpt(line))
		return -1;
	snprintf(spec, sizeof(spec), "serial:%s", ptsname(line));
	connect_chan();
	return 0;
}

static int setup_socket(void **state)
{
	char where[80];
	struct listener *l;
	struct err err;

	(void)state;
	snprintf(where, sizeof(where), "unix:/tmp/cvmdbg-test-serial-%d", (int)getpid());
	assert_int_equal(listener_open(where, &l, &err), 0);
	strcpy(spec, where);
	assert_int_equal(chan_connect_stub(spec, &chan, &err), 0);
	line = accept(listener_fd(l), NULL, NULL);
	listener_destroy(l);
	if (line < 0)
		return -1;
	hears("#zz\x04", 4);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(line);
	return 0;
}

static void test_bytes(void **state)
{
	char buf[300];
	ssize_t n, got = 0;
	int i;

	(void)state;
	/* All 256 bytes, both ways, as they are: a terminal in its usual mode changes a dozen. */
	for (i = 0; i < 256; i++)
		buf[i] = (char)i;
	assert_int_equal(write(line, buf, 256), 256);
	while (got < 256) {
		wait_for(chan->rfd, POLLIN);
		n = chan->ops->read(chan, buf + got, sizeof(buf) - (size_t)got);
		assert_true(n >= 0);
		got += n;
	}
	for (i = 0; i < 256; i++)
		assert_int_equal((uint8_t)buf[i], i);
	assert_int_equal(chan->ops->read(chan, buf, sizeof(buf)), 0);
	for (i = 0; i < 256; i += 32) {
		int j;

		for (j = 0; j < 32; j++)
			buf[j] = (char)(i + j);
		assert_int_equal(chan->ops->write(chan, buf, 32), 32);
		hears(buf, 32);
	}
	hears_nothing();
	chan_destroy(chan);
}

static void test_keep_alive(void **state)
{
	(void)state;
	says("$qSupported#37");
	chan_tick(chan);
	hears_nothing();
	usleep(SILENCE_MS * 1000);
	chan_tick(chan);
	hears("+", 1);
	chan_tick(chan);
	hears_nothing();
	/* Never inside a packet, wherever it was cut. */
	says("$X10,1:");
	usleep(SILENCE_MS * 1000);
	chan_tick(chan);
	hears_nothing();
	says("+$\x03#4");
	usleep(SILENCE_MS * 1000);
	chan_tick(chan);
	hears_nothing();
	says("f");
	usleep(SILENCE_MS * 1000);
	chan_tick(chan);
	hears("+", 1);
	chan_destroy(chan);
	hears("#zz\x04", 4);
}

static void test_end(void **state)
{
	(void)state;
	says("$g#67");
	chan_destroy(chan);
	hears("#zz\x04", 4);
}

/* A packet that was not finished does not swallow the last byte. */
static void test_end_inside(void **state)
{
	(void)state;
	says("$M10,1:");
	chan_destroy(chan);
	hears("#zz\x04", 4);
}

static void test_hangup(void **state)
{
	char byte;
	ssize_t n;

	(void)state;
	close(line);
	line = -1;
	do {
		n = chan->ops->read(chan, &byte, 1);
	} while (n >= 0);
	assert_int_equal(n, ST_GONE);
	chan_destroy(chan);
}

/* A terminal is left as it was found. */
static void test_restored(void **state)
{
	int fd = open(spec + strlen("serial:"), O_RDWR | O_NOCTTY);
	struct termios now;

	(void)state;
	assert_return_code(tcgetattr(fd, &now), 0);
	assert_false(now.c_lflag & (ICANON | ECHO | ISIG));
	chan_destroy(chan);
	assert_return_code(tcgetattr(fd, &now), 0);
	assert_true(now.c_lflag & ICANON);
	close(fd);
}

static void test_refused(void **state)
{
	struct chan *c;
	struct err err;

	(void)state;
	assert_int_equal(chan_connect_stub("serial:/dev/null", &c, &err), ST_INVAL);
	assert_non_null(strstr(err.text, "not a terminal"));
	assert_int_equal(chan_connect_stub("serial:/nonexistent", &c, &err), ST_IO);
	assert_int_equal(chan_connect_stub("unix:/nonexistent", &c, &err), ST_IO);
}

static void test_track(void **state)
{
	static const char text[] = "+$a+#00+\x03%n-#1f-$}##2b$$#24\x03";
	static const char alone[] = "1"
				    "000000"
				    "11"
				    "000000"
				    "1"
				    "00000"
				    "1"
				    "00000"
				    "1";
	struct serial_track t = { 0 };
	size_t i;

	(void)state;
	/* '}' hides nothing: what it stands for is never '#'. */
	for (i = 0; i + 1 < sizeof(text); i++)
		assert_int_equal(serial_track_byte(&t, (uint8_t)text[i]), alone[i] == '1');
}

/* --- the stub's side --- */

/* What of @in reaches the server. */
static void takes(struct serial_line *l, const char *in, const char *out)
{
	for (; *in; in++) {
		/* The stub notices the end of a session and hangs up before it takes more. */
		if (!serial_line_listens(l))
			serial_line_hang_up(l);
		if (!serial_line_take(l, (uint8_t)*in))
			continue;
		assert_int_equal(*in, *out);
		out++;
	}
	assert_int_equal(*out, 0);
}

static void test_stub_sessions(void **state)
{
	struct serial_line l = { 0 };
	uint32_t beat;

	(void)state;
	/* Left-overs begin nothing, acknowledgements and keep-alives neither. */
	takes(&l, "+-+g#67+", "");
	assert_int_equal(serial_line_session(&l), 0);
	takes(&l, "$g#67+", "$g#67+");
	assert_int_equal(serial_line_session(&l), 1);
	/* Nobody promised to keep it alive. */
	beat = serial_line_beat(&l);
	assert_int_not_equal(serial_line_beat(&l), beat);
	/* 0x04 in a packet is data. */
	takes(&l, "$X1,1:\x04#00", "$X1,1:\x04#00");
	assert_int_equal(serial_line_session(&l), 1);
	takes(&l, "\x04", "");
	assert_int_equal(serial_line_session(&l), 0);
	assert_false(serial_line_listens(&l));
	serial_line_hang_up(&l);
	assert_true(serial_line_listens(&l));
	takes(&l, "\x04", "");
	assert_true(serial_line_listens(&l));
	takes(&l, "+\x03", "\x03");
	assert_int_equal(serial_line_session(&l), 2);
	beat = serial_line_beat(&l);
	assert_int_equal(serial_line_beat(&l), beat);
	takes(&l, "+", "+");
	assert_int_not_equal(serial_line_beat(&l), beat);
	/* Hung up in the middle of a packet: the rest of it is nobody's. */
	takes(&l, "$m0,", "$m0,");
	serial_line_hang_up(&l);
	takes(&l, "4#fd+", "");
	assert_int_equal(serial_line_session(&l), 0);
	takes(&l, "$?#3f", "$?#3f");
	assert_int_equal(serial_line_session(&l), 3);
	/* Who was killed in the middle of one is not in the way of the next, wherever it was. */
	takes(&l, "$m0,#zz\x04", "$m0,#zz");
	takes(&l, "$m0,#", "$m0,#");
	takes(&l, "#zz\x04", "#zz");
	takes(&l, "$m0,#1#zz\x04", "$m0,#1#zz");
	assert_int_equal(serial_line_session(&l), 0);
	l.session = UINT32_MAX;
	takes(&l, "\x04$", "$");
	assert_int_equal(serial_line_session(&l), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup_socket, teardown),
		cmocka_unit_test_setup_teardown(test_keep_alive, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(test_end, setup_socket, teardown),
		cmocka_unit_test_setup_teardown(test_end_inside, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(test_hangup, setup_tty, teardown),
		cmocka_unit_test_setup_teardown(test_hangup, setup_socket, teardown),
		cmocka_unit_test_setup_teardown(test_restored, setup_tty, teardown),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_track),
		cmocka_unit_test(test_stub_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
