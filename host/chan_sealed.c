/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Moves bytes between the channel below and the link, and says '1' again while nobody answers: a
 * stub that is being loaded, a line that was noisy.
 */
#include "host/chan_sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/clock.h"

enum {
	WIRE_BYTES = 65536,
	HANDSHAKE_MS = 20000, /* an emulated guest that only NMIs reach takes 5 s */
};

struct sealed_chan {
	struct chan chan;
	struct chan *under;
	struct link link;
	void *link_mem;
	bool told; /* how the handshake ended */
	int64_t retry_ms, until_ms;
	size_t wire_len;
	uint8_t wire[WIRE_BYTES]; /* came, and was not taken in yet */
};

static struct sealed_chan *to_sealed(struct chan *c)
{
	return CONTAINER_OF(c, struct sealed_chan, chan);
}

/* --- the link's bytes --- */

static int send_frames(struct sealed_chan *s)
{
	const uint8_t *out;
	size_t len;

	while ((len = link_output(&s->link, &out)) != 0) {
		ssize_t n = s->under->ops->write(s->under, out, len);

		if (n <= 0)
			return (int)n;
		link_sent(&s->link, (size_t)n);
	}
	return 0;
}

static int take_frames(struct sealed_chan *s)
{
	ssize_t n =
		s->under->ops->read(s->under, s->wire + s->wire_len, sizeof(s->wire) - s->wire_len);
	size_t used;

	if (n > 0)
		s->wire_len += (size_t)n;
	used = link_input(&s->link, s->wire, s->wire_len);
	s->wire_len -= used;
	memmove(s->wire, s->wire + used, s->wire_len);
	/* What came before the end still counts. */
	return n < 0 && !used ? (int)n : 0;
}

static void retry(struct sealed_chan *s)
{
	if (s->link.state != LINK_HANDSHAKE || clock_ms() < s->retry_ms)
		return;
	link_retry(&s->link);
	s->retry_ms = clock_ms() + LINK_RETRY_MS;
}

/* --- what the user hears --- */

static void print_hash(const char *what, const uint8_t hash[NOISE_KEY])
{
	unsigned int i;

	fprintf(stderr, "cvmdbg:   %s ", what);
	for (i = 0; i < NOISE_KEY; i++)
		fprintf(stderr, "%02x", hash[i]);
	fputc('\n', stderr);
}

static void tell_end(struct sealed_chan *s)
{
	const struct link *l = &s->link;

	s->told = true;
	if (l->state == LINK_REFUSED)
		fprintf(stderr, "cvmdbg: refused: %s\n", l->why);
	else
		fprintf(stderr,
			"cvmdbg: the sealed link has broken: what came was forged, damaged or out "
			"of "
			"order%s%s\n",
			l->why[0] ? ": " : "", l->why);
	if (!l->peer_hash_known || !memcmp(l->peer_hash, l->config->policy_hash, NOISE_KEY))
		return;
	print_hash("the guest's policy", l->peer_hash);
	print_hash("yours             ", l->config->policy_hash);
}

static void tell_silence(struct sealed_chan *s)
{
	s->told = true;
	fprintf(stderr,
		"cvmdbg: nobody has answered within %d s: is a stub with `channel sealed` "
		"at the other end?\n",
		HANDSHAKE_MS / 1000);
}

/* Negative: the end. */
static int step(struct sealed_chan *s)
{
	int status;

	retry(s);
	status = send_frames(s);
	if (!status)
		status = take_frames(s);
	(void)send_frames(s);
	if (s->link.state == LINK_REFUSED || s->link.state == LINK_BROKEN) {
		if (!s->told)
			tell_end(s);
		return ST_AUTH;
	}
	if (s->link.state == LINK_HANDSHAKE && clock_ms() > s->until_ms) {
		if (!s->told)
			tell_silence(s);
		return ST_TIMEOUT;
	}
	return status;
}

/* --- struct chan --- */

static ssize_t sealed_read(struct chan *c, void *buf, size_t len)
{
	struct sealed_chan *s = to_sealed(c);
	enum link_record type;
	const uint8_t *data;
	size_t there, done = 0;
	int status = 0;

	while (!done && !status) {
		if (!link_arrived(&s->link, &type, &data, &there)) {
			status = step(s);
			if (!link_arrived(&s->link, &type, &data, &there))
				return status;
		}
		if (type == LINK_RSP) {
			done = there < len ? there : len;
			memcpy(buf, data, done);
			there = done;
		}
		link_taken(&s->link, there);
	}
	return done ? (ssize_t)done : status;
}

static ssize_t sealed_write(struct chan *c, const void *buf, size_t len)
{
	struct sealed_chan *s = to_sealed(c);
	int status = step(s);
	size_t n;

	if (status)
		return status;
	n = link_send(&s->link, LINK_RSP, buf, len);
	status = send_frames(s);
	return n ? (ssize_t)n : status;
}

static void sealed_tick(struct chan *c)
{
	struct sealed_chan *s = to_sealed(c);

	chan_tick(s->under);
	(void)step(s);
}

static void sealed_destroy(struct chan *c)
{
	struct sealed_chan *s = to_sealed(c);

	link_wipe(&s->link);
	noise_wipe(s->link_mem, LINK_MEMORY);
	chan_destroy(s->under);
	free(s->link_mem);
	free(s);
}

static const struct chan_ops sealed_ops = {
	.read = sealed_read,
	.write = sealed_write,
	.destroy = sealed_destroy,
	.tick = sealed_tick,
};

int chan_sealed_create(struct chan *under, const struct link_config *config, struct chan **ret,
		       struct err *err)
{
	struct sealed_chan *s = calloc(1, sizeof(*s));
	void *mem = malloc(LINK_MEMORY);

	if (!s || !mem) {
		free(s);
		free(mem);
		chan_destroy(under);
		return err_set(err, ST_NOMEM, "out of memory");
	}
	s->chan = (struct chan){ .ops = &sealed_ops, .rfd = under->rfd, .wfd = -1 };
	s->under = under;
	s->link_mem = mem;
	s->retry_ms = clock_ms() + LINK_RETRY_MS;
	s->until_ms = clock_ms() + HANDSHAKE_MS;
	link_init(&s->link, config, mem);
	*ret = &s->chan;
	return 0;
}
