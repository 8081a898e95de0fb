/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The agent's end of a ring, against a guest that is a thread on the same file. */
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
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "host/chan.h"
#include "protocol/ring.h"

enum { BYTES = 64 * 1024, WAIT_MS = 5000, BIG = 300000 };

/* A guest that sends back what it gets. */
struct guest {
	pthread_t thread;
	void *shm;
	struct ring ring;
	bool deaf; /* leaves the ring alone */
	bool quit; /* atomic, as all below */
	unsigned int sessions;
	uint32_t session;
};

static char path[64], spec[80];
static struct guest guest;

static void echo(struct ring *r)
{
	uint8_t buf[1000];
	size_t done = 0, n = ring_read(r, buf, sizeof(buf));

	/* A reader who has gone takes nothing more. */
	while (done < n && ring_session(r))
		done += ring_write(r, buf + done, n - done);
}

static void *guest_main(void *arg)
{
	struct guest *g = arg;
	uint32_t session, last = 0;

	while (!__atomic_load_n(&g->quit, __ATOMIC_ACQUIRE)) {
		usleep(50);
		if (g->deaf)
			continue;
		session = ring_session(&g->ring);
		if (session && session != last)
			__atomic_add_fetch(&g->sessions, 1, __ATOMIC_RELEASE);
		last = session;
		__atomic_store_n(&g->session, session, __ATOMIC_RELEASE);
		echo(&g->ring);
	}
	ring_close(&g->ring);
	return NULL;
}

static void guest_start(void)
{
	guest.quit = false;
	ring_open(&guest.ring);
	assert_int_equal(pthread_create(&guest.thread, NULL, guest_main, &guest), 0);
}

static void guest_stop(void)
{
	__atomic_store_n(&guest.quit, true, __ATOMIC_RELEASE);
	pthread_join(guest.thread, NULL);
}

static int setup(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/cvmdbg-test-ring-%d", (int)getpid());
	snprintf(spec, sizeof(spec), "ring:%s", path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_return_code(fd, 0);
	assert_int_equal(ftruncate(fd, BYTES), 0);
	memset(&guest, 0, sizeof(guest));
	guest.shm = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return ring_init(&guest.ring, RING_SIDE_GUEST, guest.shm, BYTES);
}

static int teardown(void **state)
{
	(void)state;
	munmap(guest.shm, BYTES);
	unlink(path);
	return 0;
}

static struct chan *connect_chan(void)
{
	struct chan *c;
	struct err err;

	if (chan_connect_stub(spec, &c, &err))
		fail_msg("%s", err.text);
	return c;
}

static void wait_for(struct pollfd p)
{
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

/* Sends @len bytes of a pattern and reads them back. */
static void talk(struct chan *c, size_t len)
{
	uint8_t buf[4096];
	size_t sent = 0, seen = 0, i;
	ssize_t n;

	while (seen < len) {
		size_t part = len - sent < sizeof(buf) ? len - sent : sizeof(buf);

		for (i = 0; i < part; i++)
			buf[i] = (uint8_t)((sent + i) * 31);
		n = part ? c->ops->write(c, buf, part) : 0;
		assert_true(n >= 0);
		sent += (size_t)n;
		n = c->ops->read(c, buf, sizeof(buf));
		assert_true(n >= 0);
		for (i = 0; i < (size_t)n; i++)
			assert_int_equal(buf[i], (uint8_t)((seen + i) * 31));
		seen += (size_t)n;
		if (!n)
			wait_for((struct pollfd){ .fd = c->rfd, .events = POLLIN });
	}
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads until the channel says that it is over. */
static ssize_t read_to_the_end(struct chan *c)
{
	int64_t until = now_ms() + WAIT_MS;
	uint8_t buf[64];
	ssize_t n;

	do {
		wait_for((struct pollfd){ .fd = c->rfd, .events = POLLIN });
		n = c->ops->read(c, buf, sizeof(buf));
	} while (n >= 0 && now_ms() < until);
	return n;
}

static void wait_session(bool there)
{
	int64_t until = now_ms() + WAIT_MS;

	while ((__atomic_load_n(&guest.session, __ATOMIC_ACQUIRE) != 0) != there)
		assert_true(now_ms() < until);
}

static void test_bytes(void **state)
{
	struct chan *c;

	(void)state;
	guest_start();
	c = connect_chan();
	talk(c, 1);
	talk(c, BIG);
	assert_int_equal(guest.session != 0, true);
	chan_destroy(c);
	wait_session(false);
	guest_stop();
}

/* One session after the other, the last one's bytes unread, and never two at once. */
static void test_sessions(void **state)
{
	struct chan *c, *other;
	struct err err;
	unsigned int i;

	(void)state;
	guest_start();
	for (i = 0; i < 20; i++) {
		c = connect_chan();
		assert_int_equal(chan_connect_stub(spec, &other, &err), ST_BUSY);
		assert_non_null(strstr(err.text, "another cvmdbg"));
		talk(c, 10 + i);
		(void)!c->ops->write(c, "left over", 9);
		chan_destroy(c);
	}
	wait_session(false);
	assert_int_equal(guest.sessions, 20);
	guest_stop();
}

/* It may be loaded while we wait. */
static void *load_later(void *arg)
{
	(void)arg;
	usleep(200 * 1000);
	guest_start();
	return NULL;
}

static void test_absent(void **state)
{
	int64_t start = now_ms();
	pthread_t thread;
	struct chan *c;
	struct err err;

	(void)state;
	assert_int_equal(chan_connect_stub(spec, &c, &err), ST_GONE);
	assert_non_null(strstr(err.text, "no stub answers on this ring"));
	assert_in_range(now_ms() - start, 1500, 4000);
	pthread_create(&thread, NULL, load_later, NULL);
	c = connect_chan();
	pthread_join(thread, NULL);
	talk(c, 10);
	chan_destroy(c);
	guest_stop();
}

/* Ready, but it never takes the session up: told apart from one that has gone. */
static void test_deaf(void **state)
{
	struct chan *c;

	(void)state;
	guest.deaf = true;
	guest_start();
	c = connect_chan();
	assert_int_equal(c->ops->write(c, "?", 1), 0);
	assert_int_equal(c->wfd, -1);
	assert_int_equal(chan_out(c).fd, c->rfd);
	assert_int_equal(read_to_the_end(c), ST_TIMEOUT);
	chan_destroy(c);
	guest_stop();
}

static void test_unloaded(void **state)
{
	struct chan *c;

	(void)state;
	guest_start();
	c = connect_chan();
	talk(c, 100);
	guest_stop();
	assert_int_equal(read_to_the_end(c), ST_GONE);
	assert_int_equal(c->ops->write(c, "?", 1), ST_GONE);
	chan_destroy(c);
}

/* Somebody who does nothing but tick is alive, four times a second at least. */
static void test_beats(void **state)
{
	uint32_t before;
	struct chan *c;
	unsigned int i;

	(void)state;
	guest_start();
	c = connect_chan();
	before = ring_their_beat(&guest.ring);
	for (i = 0; i < 10; i++) {
		usleep(CHAN_TICK_MS * 1000);
		chan_tick(c);
	}
	assert_true(ring_their_beat(&guest.ring) - before >= 4);
	chan_destroy(c);
	guest_stop();
}

/* Waiting is not spinning: an idle second costs few looks. */
static void test_idle(void **state)
{
	unsigned int looks = 0;
	struct chan *c;
	uint8_t byte;
	int64_t until;

	(void)state;
	guest_start();
	c = connect_chan();
	talk(c, 1);
	for (until = now_ms() + 1000; now_ms() < until; looks++) {
		wait_for((struct pollfd){ .fd = c->rfd, .events = POLLIN });
		assert_int_equal(c->ops->read(c, &byte, 1), 0);
	}
	assert_in_range(looks, 4, 400);
	chan_destroy(c);
	guest_stop();
}

static void refused(const char *what, int status, const char *text)
{
	struct chan *c;
	struct err err;

	assert_int_equal(chan_connect_stub(what, &c, &err), status);
	if (!strstr(err.text, text) || !strstr(err.text, what))
		fail_msg("\"%s\" is not in \"%s\"", text, err.text);
}

static void test_refused(void **state)
{
	(void)state;
	assert_true(chan_stub_known("ring:x"));
	assert_true(chan_stub_known("serial:x"));
	assert_true(chan_stub_known("unix:x"));
	assert_false(chan_stub_known("tcp:x"));
	refused("tcp:x:1", ST_INVAL, "not ring:PATH");
	refused("ring:/nonexistent", ST_IO, "No such file");
	refused("ring:/dev/null", ST_INVAL, "not a file");
	assert_int_equal(truncate(path, RING_BYTES_MIN - 1), 0);
	refused(spec, ST_RANGE, "too small");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deaf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unloaded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beats, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
