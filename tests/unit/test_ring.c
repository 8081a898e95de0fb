/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Both sides of a ring in one buffer: streams that wrap, sessions, and a side that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/ring.h"
#include "protocol/status.h"

enum { SIZE = 4096, SESSION = 77 };

static _Alignas(4096) uint8_t shm[RING_BYTES_MIN];
static struct ring guest, host;

static struct ring_line *line_of(enum ring_offset at)
{
	return (struct ring_line *)(void *)(shm + at);
}

static void begin(uint32_t session)
{
	ring_begin(&host, session);
	assert_int_equal(ring_session(&guest), session);
	assert_int_equal(ring_begun(&host), session != 0);
}

static int setup(void **state)
{
	(void)state;
	memset(shm, 0xa5, sizeof(shm));
	assert_int_equal(ring_init(&guest, RING_SIDE_GUEST, shm, sizeof(shm)), 0);
	assert_int_equal(ring_init(&host, RING_SIDE_HOST, shm, sizeof(shm)), 0);
	assert_false(ring_ready(&host));
	ring_open(&guest);
	assert_true(ring_ready(&host));
	begin(SESSION);
	return 0;
}

static void test_sizes(void **state)
{
	struct ring r;

	(void)state;
	assert_int_equal(ring_init(&r, RING_SIDE_HOST, shm, 0), ST_RANGE);
	assert_int_equal(ring_init(&r, RING_SIDE_HOST, shm, RING_BYTES_MIN - 1), ST_RANGE);
	assert_int_equal(ring_init(&r, RING_SIDE_HOST, shm, RING_BYTES_MIN), 0);
	assert_int_equal(r.size, SIZE);
	assert_int_equal(ring_init(&r, RING_SIDE_HOST, shm, 1 << 20), 0);
	assert_int_equal(r.size, 1 << 18);
	assert_int_equal(ring_init(&r, RING_SIDE_HOST, shm, RING_DATA + (1 << 20)), 0);
	assert_int_equal(r.size, 1 << 19);
	/* A device of any size, 2^64 - 1 included, is used up to a limit. */
	assert_int_equal(ring_init(&r, RING_SIDE_HOST, shm, UINT64_MAX), 0);
	assert_true(RING_DATA + 2ull * r.size <= RING_BYTES_MAX);
}

/* A stream of odd pieces, many times around, arrives as it was sent; in both directions. */
static void stream(struct ring *from, struct ring *to)
{
	uint8_t out[1500], in[1700], sent = 0, seen = 0;
	size_t i, n, total = 0;
	unsigned int round;

	for (round = 0; round < 2000; round++) {
		size_t len = round * 37 % sizeof(out);

		for (i = 0; i < len; i++)
			out[i] = (uint8_t)(sent + i);
		n = ring_write(from, out, len);
		assert_true(n <= len);
		sent = (uint8_t)(sent + n);
		n = ring_read(to, in, round * 53 % sizeof(in));
		for (i = 0; i < n; i++)
			assert_int_equal(in[i], seen++);
		total += n;
	}
	while ((n = ring_read(to, in, sizeof(in))) != 0)
		for (i = 0; i < n; i++)
			assert_int_equal(in[i], seen++);
	assert_int_equal(seen, sent);
	assert_true(total > 50 * SIZE);
}

static void test_stream(void **state)
{
	(void)state;
	stream(&host, &guest);
	stream(&guest, &host);
}

static void test_full(void **state)
{
	static uint8_t out[SIZE + 1], in[SIZE + 1];

	(void)state;
	memset(out, 0x5a, sizeof(out));
	assert_int_equal(ring_write(&host, out, sizeof(out)), SIZE);
	assert_int_equal(ring_write(&host, out, 1), 0);
	assert_int_equal(ring_read(&guest, in, 1), 1);
	assert_int_equal(ring_write(&host, out, sizeof(out)), 1);
	assert_int_equal(ring_read(&guest, in, sizeof(in)), SIZE);
	assert_memory_equal(in, out, SIZE);
	assert_int_equal(ring_read(&guest, in, 1), 0);
}

/* Positions are 32 bits and go around: 2^32 is a multiple of every N. */
static void test_position_wrap(void **state)
{
	uint32_t near_end = UINT32_MAX - 5;

	(void)state;
	host.produced = guest.consumed = near_end;
	line_of(RING_HOST)->produced = line_of(RING_GUEST)->consumed = near_end;
	stream(&host, &guest);
	assert_true(host.produced < near_end);
}

static void test_sessions(void **state)
{
	uint8_t byte = 1;

	(void)state;
	assert_int_equal(ring_write(&host, &byte, 1), 1);
	/* The next session does not see what the last one left. */
	ring_begin(&host, SESSION + 1);
	assert_false(ring_begun(&host));
	assert_int_equal(ring_write(&host, &byte, 1), 0);
	assert_int_equal(ring_read(&host, &byte, 1), 0);
	assert_int_equal(ring_session(&guest), SESSION + 1);
	assert_true(ring_begun(&host));
	assert_int_equal(ring_read(&guest, &byte, 1), 0);
	begin(0);
	assert_int_equal(ring_write(&host, &byte, 1), 0);
	assert_int_equal(ring_write(&guest, &byte, 1), 0);
	begin(SESSION);
	/* The guest goes, and another comes: neither is in the old session. */
	ring_close(&guest);
	assert_false(ring_ready(&host));
	assert_false(ring_begun(&host));
	assert_int_equal(ring_write(&host, &byte, 1), 0);
	assert_int_equal(ring_init(&guest, RING_SIDE_GUEST, shm, sizeof(shm)), 0);
	ring_open(&guest);
	assert_true(ring_ready(&host));
	assert_false(ring_begun(&host));
}

static void test_life(void **state)
{
	uint32_t seen = ring_their_beat(&guest);

	(void)state;
	ring_beat(&host);
	assert_int_not_equal(ring_their_beat(&guest), seen);
	ring_set_stopped(&guest, true);
	assert_int_equal(line_of(RING_GUEST)->stopped, 1);
	ring_set_stopped(&guest, false);
	assert_int_equal(line_of(RING_GUEST)->stopped, 0);
}

/*
 * Whatever the other side claims, at most what the ring holds is moved, and nothing but what lies
 * in it; a claim that cannot be true moves nothing. Either side against either liar.
 */
static void lie(struct ring *victim, struct ring_line *liar)
{
	static const uint32_t claims[] = { 0, 1, SIZE - 1, SIZE, SIZE + 1, 1u << 31, UINT32_MAX };
	static uint8_t buf[4 * SIZE];
	size_t i, j;

	for (i = 0; i < ARRAY_LEN(claims); i++) {
		for (j = 0; j < ARRAY_LEN(claims); j++) {
			uint32_t unread = claims[i] - victim->consumed;
			uint32_t mine = victim->produced - claims[j];
			size_t read, written;

			liar->produced = claims[i];
			liar->consumed = claims[j];
			read = ring_read(victim, buf, sizeof(buf));
			written = ring_write(victim, buf, sizeof(buf));
			assert_int_equal(read, unread <= SIZE ? unread : 0);
			assert_int_equal(written, mine <= SIZE ? SIZE - mine : 0);
		}
	}
}

static void test_liars(void **state)
{
	(void)state;
	lie(&host, line_of(RING_GUEST));
	begin(SESSION + 1);
	lie(&guest, line_of(RING_HOST));
}

/* What a side knows about itself cannot be changed from outside. */
static void test_own_line_overwritten(void **state)
{
	uint8_t in[4] = { 0 };

	(void)state;
	assert_int_equal(ring_write(&host, "abc", 3), 3);
	memset(shm + RING_HOST, 0xff, sizeof(struct ring_line));
	assert_int_equal(ring_write(&host, "d", 1), 1);
	/* Its next store mends the position; the session is what it was told to be. */
	line_of(RING_HOST)->session = SESSION;
	assert_int_equal(ring_read(&guest, in, sizeof(in)), 4);
	assert_memory_equal(in, "abcd", 4);
	assert_true(ring_begun(&host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test_setup(test_stream, setup),
		cmocka_unit_test_setup(test_full, setup),
		cmocka_unit_test_setup(test_position_wrap, setup),
		cmocka_unit_test_setup(test_sessions, setup),
		cmocka_unit_test_setup(test_life, setup),
		cmocka_unit_test_setup(test_liars, setup),
		cmocka_unit_test_setup(test_own_line_overwritten, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
