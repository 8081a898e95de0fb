/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* When an NMI is asked for, and when not: too many are as bad as too few. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "host/chan_break_in.h"

enum { LONGER_MS = 2500 /* than any patience */ };

static unsigned int nmis;
static struct chan *chan;
static const char *answer; /* for the next read; NULL: none */
static bool full;	   /* nothing can be written */
static unsigned int ticks;

/* Instead of host/qemu/qmp.c. */
int qmp_inject_nmi(struct qmp *qmp, struct err *err)
{
	(void)qmp;
	(void)err;
	nmis++;
	return 0;
}

static ssize_t inner_read(struct chan *c, void *buf, size_t len)
{
	size_t n = answer ? strlen(answer) : 0;

	(void)c;
	assert_true(n <= len);
	memcpy(buf, answer ? answer : "", n);
	answer = NULL;
	return (ssize_t)n;
}

static ssize_t inner_write(struct chan *c, const void *buf, size_t len)
{
	(void)c;
	(void)buf;
	return full ? 0 : (ssize_t)len;
}

static void inner_destroy(struct chan *c)
{
	free(c);
}

static void inner_tick(struct chan *c)
{
	(void)c;
	ticks++;
}

static const struct chan_ops inner_ops = {
	.read = inner_read,
	.write = inner_write,
	.destroy = inner_destroy,
	.tick = inner_tick,
};

static int setup(void **state)
{
	struct chan *inner = calloc(1, sizeof(*inner));
	struct err err;

	(void)state;
	*inner = (struct chan){ .ops = &inner_ops, .rfd = 5, .wfd = -1 };
	nmis = ticks = 0;
	full = false;
	answer = NULL;
	assert_int_equal(chan_break_in(inner, NULL, &chan, &err), 0);
	assert_int_equal(chan->rfd, 5);
	assert_int_equal(chan->wfd, -1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	chan_destroy(chan);
	return 0;
}

static void say(const char *text)
{
	(void)!chan->ops->write(chan, text, strlen(text));
}

static void hear(const char *text)
{
	char buf[64];

	answer = text;
	assert_int_equal(chan->ops->read(chan, buf, sizeof(buf)), (ssize_t)strlen(text));
}

static void wait_ms(unsigned int ms)
{
	while (ms >= 50) {
		usleep(50 * 1000);
		chan_tick(chan);
		ms -= 50;
	}
}

static void test_first(void **state)
{
	(void)state;
	/* Nobody has asked anything yet. */
	wait_ms(LONGER_MS);
	assert_int_equal(nmis, 0);
	say("$qSupported#37");
	wait_ms(200);
	assert_int_equal(nmis, 0);
	wait_ms(LONGER_MS);
	assert_int_equal(nmis, 1);
	wait_ms(LONGER_MS);
	assert_int_equal(nmis, 1);
	assert_true(ticks > 20);
}

/* A ring whose guest does not take the session up takes no bytes either. */
static void test_first_not_taken(void **state)
{
	(void)state;
	full = true;
	say("$qSupported#37");
	wait_ms(LONGER_MS);
	assert_int_equal(nmis, 1);
}

/* A guest that runs for long after "continue" is no reason. */
static void test_answered(void **state)
{
	(void)state;
	say("$?#3f");
	hear("+$S05#b8");
	say("+$vCont;c#a8");
	wait_ms(LONGER_MS);
	assert_int_equal(nmis, 0);
}

static void test_interrupt(void **state)
{
	(void)state;
	say("$?#3f");
	hear("+$S05#b8");
	/* Data, wherever it is cut. */
	say("$X0,1:\x03");
	say("#00");
	wait_ms(LONGER_MS);
	assert_int_equal(nmis, 0);
	say("$vCont;c#a8");
	say("\x03");
	hear("$S02#b5");
	wait_ms(LONGER_MS);
	assert_int_equal(nmis, 0);
	say("$vCont;c#a8\x03");
	wait_ms(100);
	assert_int_equal(nmis, 0);
	wait_ms(LONGER_MS);
	assert_int_equal(nmis, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_not_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupt, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
