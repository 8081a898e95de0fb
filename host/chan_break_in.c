/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Watches what passes. Only what asks a running guest to stop may lead to an NMI: one that the stub
 * did not wait for is an unknown one to the guest's kernel, which complains or worse. What a
 * sealed frame asks for nobody can tell here: each may be an interrupt, or part of a handshake
 * that takes place in the NMI; with a debugger about, the stub does not mind (protocol/link.h).
 */
#include "host/chan_break_in.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/clock.h"
#include "protocol/serial_line.h"

enum {
	/* The stub borrows debug registers first, 1.5 s at most; gdb has 2 s of patience. */
	BREAK_IN_FIRST_MS = 1700,
	BREAK_IN_INTERRUPT_MS = 300,
};

struct break_in_chan {
	struct chan chan;
	struct chan *inner;
	struct qmp *qmp;
	struct serial_track sent;
	bool asked;	/* somebody has tried to write */
	bool first;	/* byte of a frame's body comes next */
	bool records;	/* the handshake is over */
	int64_t due_ms; /* of the NMI; 0: nothing is waited for */
};

static struct break_in_chan *to_break_in(struct chan *c)
{
	return CONTAINER_OF(c, struct break_in_chan, chan);
}

static void break_in_tick(struct chan *c)
{
	struct break_in_chan *b = to_break_in(c);
	struct err err;

	chan_tick(b->inner);
	if (!b->due_ms || clock_ms() < b->due_ms)
		return;
	b->due_ms = 0;
	if (qmp_inject_nmi(b->qmp, &err))
		fprintf(stderr, "cvmdbg: the guest does not answer, and an NMI is impossible: %s\n",
			err.text);
}

static ssize_t break_in_read(struct chan *c, void *buf, size_t len)
{
	struct break_in_chan *b = to_break_in(c);
	ssize_t n = b->inner->ops->read(b->inner, buf, len);

	if (n > 0)
		b->due_ms = 0;
	break_in_tick(c);
	return n;
}

/* The first record stops the machine, the frames before it do not. */
static int64_t patience(struct break_in_chan *b, uint8_t frame)
{
	bool first = frame == 'r' && !b->records;

	b->records |= frame == 'r';
	return first ? BREAK_IN_FIRST_MS : BREAK_IN_INTERRUPT_MS;
}

static void watch(struct break_in_chan *b, uint8_t byte)
{
	bool inside = b->sent.inside;
	bool alone = serial_track_byte(&b->sent, byte);

	if (alone && byte == SERIAL_LINE_INTERRUPT)
		b->due_ms = clock_ms() + BREAK_IN_INTERRUPT_MS;
	if (b->first && (byte == '1' || byte == '3' || byte == 'r'))
		b->due_ms = clock_ms() + patience(b, byte);
	b->first = !inside && b->sent.inside;
}

static ssize_t break_in_write(struct chan *c, const void *buf, size_t len)
{
	struct break_in_chan *b = to_break_in(c);
	const uint8_t *bytes = buf;
	ssize_t i, n = b->inner->ops->write(b->inner, buf, len);

	if (!b->asked)
		b->due_ms = clock_ms() + BREAK_IN_FIRST_MS;
	b->asked = true;
	for (i = 0; i < n; i++)
		watch(b, bytes[i]);
	return n;
}

static void break_in_destroy(struct chan *c)
{
	struct break_in_chan *b = to_break_in(c);

	chan_destroy(b->inner);
	free(b);
}

static const struct chan_ops break_in_ops = {
	.read = break_in_read,
	.write = break_in_write,
	.destroy = break_in_destroy,
	.tick = break_in_tick,
};

int chan_break_in(struct chan *inner, struct qmp *qmp, struct chan **ret, struct err *err)
{
	struct break_in_chan *b = calloc(1, sizeof(*b));

	if (!b) {
		chan_destroy(inner);
		return err_set(err, ST_NOMEM, "out of memory");
	}
	*b = (struct break_in_chan){
		.chan = { .ops = &break_in_ops, .rfd = inner->rfd, .wfd = inner->wfd },
		.inner = inner,
		.qmp = qmp,
	};
	*ret = &b->chan;
	return 0;
}
