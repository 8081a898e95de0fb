/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The ring that a stub inside a guest polls (protocol/ring.h), in a file that QEMU maps as well.
 * Shared memory wakes nobody, so the descriptor to wait for is a timer that looks again: soon after
 * the last byte moved, then after a fixed share of the time that has gone by without one, so
 * that an answer is noticed a little later than it took and an idle session costs next to nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "host/chan_stub.h"
#include "host/clock.h"
#include "protocol/ring.h"

enum {
	RING_OPEN_MS = 2000,  /* for a stub that is just being loaded */
	RING_BEGIN_MS = 4000, /* to take a session up, after an NMI perhaps (chan_break_in.c) */
	RING_SPIN_US = 30,    /* an answer on the same machine often takes no longer */
	RING_LOOK_US_MIN = 20,
	RING_LOOK_US_MAX = 5000,
	RING_LOOK_SHARE = 4,
};

struct ring_chan {
	struct chan chan;
	struct ring ring;
	void *shm;
	size_t bytes;
	int fd;		/* the file, locked */
	bool begun;	/* the guest has taken the session up */
	bool expecting; /* something was written and nothing read since */
	int64_t start_us, moved_us, beat_us;
};

static struct ring_chan *to_ring(struct chan *c)
{
	return CONTAINER_OF(c, struct ring_chan, chan);
}

/* --- waiting and living --- */

/* Makes rfd readable after @us; setting it also takes an earlier expiry back (timerfd_create(2)).
 */
static void look_after(const struct ring_chan *r, int64_t us)
{
	const struct itimerspec when = { .it_value.tv_nsec = us * 1000 };

	(void)timerfd_settime(r->chan.rfd, 0, &when, NULL);
}

static void look_later(const struct ring_chan *r, int64_t now)
{
	int64_t us = (now - r->moved_us) / RING_LOOK_SHARE;

	if (us < RING_LOOK_US_MIN)
		us = RING_LOOK_US_MIN;
	look_after(r, us < RING_LOOK_US_MAX ? us : RING_LOOK_US_MAX);
}

static void beat(struct ring_chan *r, int64_t now)
{
	if (now - r->beat_us < CHAN_TICK_MS * 1000 / 2)
		return;
	r->beat_us = now;
	ring_beat(&r->ring);
}

/* 0, or why there is no session: it was not taken up in time, or the guest has left it. */
static int check_session(struct ring_chan *r, int64_t now)
{
	if (ring_begun(&r->ring)) {
		r->begun = true;
		return 0;
	}
	if (r->begun)
		return ST_GONE;
	return now - r->start_us < RING_BEGIN_MS * 1000 ? 0 : ST_TIMEOUT;
}

static void ring_chan_tick(struct chan *c)
{
	beat(to_ring(c), clock_us());
}

/* --- bytes --- */

static ssize_t ring_chan_read(struct chan *c, void *buf, size_t len)
{
	struct ring_chan *r = to_ring(c);
	int64_t now = clock_us();
	size_t n = ring_read(&r->ring, buf, len);
	int status;

	while (!n && r->expecting && now - r->moved_us < RING_SPIN_US) {
		n = ring_read(&r->ring, buf, len);
		now = clock_us();
	}
	beat(r, now);
	if (n) {
		r->begun = true;
		r->expecting = false;
		r->moved_us = now;
		look_later(r, now);
		return (ssize_t)n;
	}
	status = check_session(r, now);
	look_later(r, now);
	return status;
}

static ssize_t ring_chan_write(struct chan *c, const void *buf, size_t len)
{
	struct ring_chan *r = to_ring(c);
	int64_t now = clock_us();
	size_t n = ring_write(&r->ring, buf, len);

	beat(r, now);
	if (n) {
		r->begun = true;
		r->expecting = true;
		r->moved_us = now;
	}
	look_later(r, now);
	return n ? (ssize_t)n : check_session(r, now);
}

static void ring_chan_destroy(struct chan *c)
{
	struct ring_chan *r = to_ring(c);

	if (r->ring.session)
		ring_begin(&r->ring, 0);
	if (r->shm)
		munmap(r->shm, r->bytes);
	if (r->fd >= 0)
		close(r->fd);
	if (r->chan.rfd >= 0)
		close(r->chan.rfd);
	free(r);
}

static const struct chan_ops ring_chan_ops = {
	.read = ring_chan_read,
	.write = ring_chan_write,
	.destroy = ring_chan_destroy,
	.tick = ring_chan_tick,
};

/* --- opening --- */

static int open_file(struct ring_chan *r, const char *path, struct err *err)
{
	struct stat st;

	r->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (r->fd < 0 || fstat(r->fd, &st))
		return err_sys(err, "opening it");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ST_INVAL,
			       "this is not a file: give what QEMU's memory-backend-file has as "
			       "mem-path");
	if (flock(r->fd, LOCK_EX | LOCK_NB)) {
		if (errno == EWOULDBLOCK)
			return err_set(err, ST_BUSY, "another cvmdbg uses this ring");
		return err_sys(err, "flock");
	}
	r->bytes = st.st_size < RING_BYTES_MAX ? (size_t)st.st_size : RING_BYTES_MAX;
	if (r->bytes < RING_BYTES_MIN)
		return err_set(err, ST_RANGE, "the file is too small for a ring: %zu bytes, not %d",
			       r->bytes, RING_BYTES_MIN);
	r->shm = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (r->shm == MAP_FAILED) {
		r->shm = NULL;
		return err_sys(err, "mmap");
	}
	/* Cannot fail: the size was looked at. But the layout has its say in one place. */
	return ring_init(&r->ring, RING_SIDE_HOST, r->shm, r->bytes);
}

/* A stub may be about to be loaded, or the device to be plugged. */
static int await_stub(const struct ring_chan *r, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000000 };
	int64_t start = clock_us();

	while (!ring_ready(&r->ring)) {
		if (clock_us() - start > RING_OPEN_MS * 1000)
			return err_set(err, ST_GONE,
				       "no stub answers on this ring; is the module loaded in the "
				       "guest, with a policy, and the device plugged?");
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int begin(struct ring_chan *r, struct err *err)
{
	uint32_t session = 0;

	while (!session)
		if (getrandom(&session, sizeof(session), 0) != sizeof(session))
			return err_sys(err, "getrandom");
	r->start_us = r->moved_us = r->beat_us = clock_us();
	ring_beat(&r->ring);
	ring_begin(&r->ring, session);
	look_after(r, RING_LOOK_US_MIN);
	return 0;
}

int chan_connect_ring(const char *path, struct chan **ret, struct err *err)
{
	struct ring_chan *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return err_set(err, ST_NOMEM, "out of memory");
	r->fd = -1;
	r->chan = (struct chan){ .ops = &ring_chan_ops, .wfd = -1 };
	r->chan.rfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->chan.rfd < 0)
		status = err_sys(err, "timerfd_create");
	else
		status = open_file(r, path, err);
	if (!status)
		status = await_stub(r, err);
	if (!status)
		status = begin(r, err);
	if (status) {
		ring_chan_destroy(&r->chan);
		return status;
	}
	*ret = &r->chan;
	return 0;
}
