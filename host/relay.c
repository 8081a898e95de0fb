/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Two channels and a buffer a way. Knows next to nothing of what passes (see rsp_repeat.h). The
 * side that ends first ends both: a client that is gone must not leave the guest stopped.
 */
#include "host/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/chan_break_in.h"
#include "host/clock.h"
#include "host/cmd.h"
#include "host/rsp_repeat.h"
#include "host/signals.h"

enum {
	RELAY_BYTES = 65536,
	RELAY_SLOW_MS = 1000, /* from here on a client may have lost patience */
};

enum source {
	SRC_SIGNAL,
	SRC_LISTENER,
	SRC_CLIENT_IN,
	SRC_CLIENT_OUT,
	SRC_STUB_IN,
	SRC_STUB_OUT,
	SRC_QMP,
	SOURCES
};

/* Bytes that were read from one side and not yet written to the other. */
struct way {
	size_t len;
	bool moved;	 /* something, in this step */
	int64_t slow_ms; /* from then on what is waiting may hold repeats; 0: never */
	uint8_t data[RELAY_BYTES];
};

struct relay {
	const struct relay_config *config;
	struct listener *listener;
	struct qmp *qmp; /* NULL: none */
	int signal_fd;
	bool once, quit;
	bool refused;	  /* the only session, by one of its ends: chan_sealed.c has said why */
	bool served;	  /* the last thing that happened is that the stub has answered */
	const char *lost; /* how the stub has left a client that waited; NULL: it has not */
	/* The session: both NULL when there is none. */
	struct chan *client, *stub;
	struct way to_stub, to_client;
};

/* --- sessions --- */

static void session_end(struct relay *r, const char *why)
{
	if (!r->client)
		return;
	chan_destroy(r->stub);
	chan_destroy(r->client);
	r->stub = r->client = NULL;
	r->quit |= r->once;
	if (why)
		fprintf(stderr, "cvmdbg: %s; the guest runs\n", why);
}

static int connect_stub(struct relay *r, struct err *err)
{
	int status = r->config->open(r->config, &r->stub, err);

	if (!status && r->qmp)
		status = chan_break_in(r->stub, r->qmp, &r->stub, err);
	return status;
}

static int session_begin(struct relay *r, struct err *err)
{
	struct err why;
	struct chan *client;
	int status = listener_accept(r->listener, &client, err);

	if (status <= 0)
		return status;
	status = connect_stub(r, &why);
	if (status) {
		/* Refused, not fatal: the next client may have better luck. */
		fprintf(stderr, "cvmdbg: client refused: %s\n", why.text);
		chan_destroy(client);
		if (r->once)
			*err = why;
		return r->once ? status : 0;
	}
	r->client = client;
	r->to_stub.len = r->to_client.len = 0;
	r->served = false;
	r->to_stub.slow_ms = clock_ms() + RELAY_SLOW_MS;
	fprintf(stderr, "cvmdbg: client connected\n");
	return 0;
}

static void drop(struct way *way, size_t len)
{
	memmove(way->data, way->data + len, way->len - len);
	way->len -= len;
}

/* Moves what can be moved now; negative: one of the two is over, *culprit. */
static int move(struct way *way, struct chan *from, struct chan *to, struct chan **culprit)
{
	ssize_t n;

	do {
		*culprit = from;
		n = from->ops->read(from, way->data + way->len, sizeof(way->data) - way->len);
		if (n < 0)
			return (int)n;
		way->len += (size_t)n;
		if (way->slow_ms && clock_ms() > way->slow_ms)
			drop(way, rsp_repeat_bytes(way->data, way->len));
		*culprit = to;
		n = way->len ? to->ops->write(to, way->data, way->len) : 0;
		if (n < 0)
			return (int)n;
		way->moved |= n > 0;
		if (n)
			way->slow_ms = 0; /* nothing is waiting for its first byte any more */
		drop(way, (size_t)n);
	} while (n);
	return 0;
}

static void session_over(struct relay *r, int status, const struct chan *culprit)
{
	const char *why = status == ST_TIMEOUT ? "the stub does not answer" : "the stub is gone";

	if (culprit == r->client) {
		session_end(r, "client gone");
	} else if (status == ST_AUTH) {
		r->refused = true;
		session_end(r, NULL); /* chan_sealed.c has said why */
	} else if (r->once && !r->served) {
		r->lost = why;
		session_end(r, NULL);
	} else {
		session_end(r, why);
	}
}

static void session_step(struct relay *r)
{
	struct chan *culprit;
	int status;

	if (!r->client)
		return;
	chan_tick(r->stub);
	r->to_stub.moved = r->to_client.moved = false;
	status = move(&r->to_stub, r->client, r->stub, &culprit);
	if (!status)
		status = move(&r->to_client, r->stub, r->client, &culprit);
	if (r->to_client.moved)
		r->served = true;
	else if (r->to_stub.moved || r->to_stub.len)
		r->served = false;
	if (status)
		session_over(r, status, culprit);
}

/* --- the loop --- */

static void set_way(const struct way *way, const struct chan *from, const struct chan *to,
		    struct pollfd *in, struct pollfd *out)
{
	if (way->len < sizeof(way->data))
		*in = (struct pollfd){ .fd = from->rfd, .events = POLLIN };
	if (way->len)
		*out = chan_out(to);
}

static void set_sources(const struct relay *r, struct pollfd fds[SOURCES])
{
	unsigned int i;

	for (i = 0; i < SOURCES; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	fds[SRC_SIGNAL].fd = r->signal_fd;
	if (r->qmp)
		fds[SRC_QMP].fd = qmp_fd(r->qmp);
	if (!r->client) {
		fds[SRC_LISTENER].fd = listener_fd(r->listener);
		return;
	}
	set_way(&r->to_stub, r->client, r->stub, &fds[SRC_CLIENT_IN], &fds[SRC_STUB_OUT]);
	set_way(&r->to_client, r->stub, r->client, &fds[SRC_STUB_IN], &fds[SRC_CLIENT_OUT]);
}

static int loop(struct relay *r, struct err *err)
{
	int status = 0;

	/* A client on stdio is there from the beginning. */
	if (listener_fd(r->listener) < 0)
		status = session_begin(r, err);
	while (!status && !r->quit) {
		struct pollfd fds[SOURCES];

		set_sources(r, fds);
		if (poll(fds, SOURCES, r->client ? CHAN_TICK_MS : -1) < 0 && errno != EINTR)
			return err_sys(err, "poll");
		if (fds[SRC_SIGNAL].revents)
			break;
		if (fds[SRC_QMP].revents &&
		    (qmp_dispatch(r->qmp) < 0 || qmp_run_state(r->qmp) == QMP_ENDED))
			return err_set(err, ST_GONE, "QEMU has ended");
		if (fds[SRC_LISTENER].revents)
			status = session_begin(r, err);
		session_step(r);
	}
	return status;
}

static int open_all(struct relay *r, struct err *err)
{
	int status = signals_catch(&r->signal_fd, err);

	if (!status && r->config->qmp)
		status = qmp_connect(r->config->qmp, &r->qmp, err);
	if (!status)
		status = listener_open(r->config->listen, &r->listener, err);
	if (!status)
		r->once = r->config->once || listener_fd(r->listener) < 0;
	return status;
}

static void close_all(struct relay *r)
{
	session_end(r, "relay ends");
	listener_destroy(r->listener);
	qmp_destroy(r->qmp);
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	free(r);
}

int relay_run(const struct relay_config *config, struct err *err)
{
	struct relay *r = calloc(1, sizeof(*r));
	int status, result = CMD_OK;

	if (!r) {
		err_set(err, ST_NOMEM, "out of memory");
		return CMD_FAILED;
	}
	r->config = config;
	r->signal_fd = -1;
	status = open_all(r, err);
	if (!status) {
		const char *where = listener_target(r->listener);

		fprintf(stderr, "cvmdbg: relaying %s to %s", config->stub, config->listen);
		if (where)
			fprintf(stderr, ": gdb vmlinux -ex 'target remote %s'", where);
		fputc('\n', stderr);
		status = loop(r, err);
	}
	if (r->once && r->refused)
		result = CMD_NOT_DEBUGGABLE;
	else if (r->once && r->lost)
		status = err_set(err, ST_GONE, "%s", r->lost);
	close_all(r);
	return status ? CMD_FAILED : result;
}
