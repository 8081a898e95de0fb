/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The agent's life: find the VM and make ready to look into it (serve_vm.h), then
 * wait for clients and serve one at a time. The guest runs until a client comes and after it has
 * gone. Everything the protocol needs is in rsp_server; everything about the VM is behind struct
 * backend.
 */
#include "host/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/audit.h"
#include "host/chan.h"
#include "host/clock.h"
#include "host/cmd.h"
#include "host/log.h"
#include "host/rsp_repeat.h"
#include "host/serve_vm.h"
#include "host/signals.h"
#include "host/target/registry.h"
#include "protocol/rsp_server.h"

enum {
	SERVE_INPUT_BYTES = 65536,
	/* How long a client may take to read the last words after QEMU's end. */
	SERVE_LAST_WORDS_MS = 1000,
	SERVE_WHAT_MAX = 80,
	SERVE_REFUSALS_MAX = 16, /* different ones that are told in a session */
	SERVE_RIGHTS_MAX = 128,
	SERVE_SLOW_MS = 1000, /* from here on a client may have lost patience */
};

/* What the loop waits for, as indices of its pollfd array. */
enum source {
	SRC_SIGNAL,
	SRC_LISTENER,
	SRC_CLIENT,
	SRC_TARGET,
	SRC_QMP,
	SRC_KEEPER,
	SRC_QEMU,
	SOURCES
};

struct serve {
	const struct serve_config *config;
	struct serve_vm vm;
	const struct backend *backend;
	struct target *target;
	struct listener *listener;
	struct log *log;
	struct audit *audit;
	int signal_fd;
	void *server_mem;
	bool once, quit;
	bool vm_gone;
	/* The session: client NULL when there is none. */
	struct chan *client;
	struct rsp_server server;
	size_t in_len;
	uint8_t in[SERVE_INPUT_BYTES];
	char told[ERR_TEXT_MAX]; /* the failure last printed */
	/* The refusals that were told: a client that repeats itself is only counted. */
	const char *refusals[SERVE_REFUSALS_MAX];
	unsigned int nrefusals;
};

static void say(const char *text)
{
	fprintf(stderr, "cvmdbg: %s\n", text);
}

/* --- sessions --- */

/* Ends the session whoever ended it; 0 or the reason why the VM is not as it was. */
static int session_end(struct serve *s, struct err *err)
{
	int status = 0;

	if (!s->client)
		return 0;
	if (!s->vm_gone)
		status = s->target->ops->run->detach(s->target, false);
	if (status)
		err_set(err, status, "leaving the guest: %s", s->target->explain(s->target));
	audit_detach(s->audit, &s->server.stats, status ? err->text : NULL);
	if (s->server.stats.refused)
		fprintf(stderr, "cvmdbg: %" PRIu64 " requests were refused\n",
			s->server.stats.refused);
	chan_destroy(s->client);
	s->client = NULL;
	s->in_len = 0;
	s->quit |= s->once;
	say("client gone");
	return status;
}

static int receive(struct serve *s)
{
	ssize_t n = s->client->ops->read(s->client, s->in + s->in_len, sizeof(s->in) - s->in_len);

	if (n > 0) {
		log_write(s->log, s->in + s->in_len, (size_t)n);
		s->in_len += (size_t)n;
	}
	return n < 0 ? (int)n : 0;
}

/* What the client has sent while it had to wait for the guest. */
static void receive_first(struct serve *s)
{
	size_t repeats;

	(void)!receive(s); /* a loss is found again */
	repeats = rsp_repeat_bytes(s->in, s->in_len);
	s->in_len -= repeats;
	memmove(s->in, s->in + repeats, s->in_len);
}

static unsigned int session_rights(const struct serve *s)
{
	unsigned int rights = s->config->policy ? s->config->policy->policy.rights : RSP_RIGHT_ALL;

	return s->config->read_only ? rights & RSP_RIGHT_LOOK : rights;
}

static int session_begin(struct serve *s, struct err *err)
{
	struct target_stop stop;
	struct chan *client;
	struct err why = { .text = "" };
	int64_t start = clock_ms();
	int status = listener_accept(s->listener, &client, err);

	if (status <= 0)
		return status;
	status = audit_attach(s->audit, client, session_rights(s), &why);
	if (!status) {
		status = s->backend->attach(s->target, &stop, &why);
		if (status)
			audit_event(s->audit, "attach-failed", why.text);
	}
	if (status) {
		/* Refused, not fatal: the next client may have better luck. */
		fprintf(stderr, "cvmdbg: client refused: %s\n", why.text);
		chan_destroy(client);
		if (s->once)
			return err_set(err, status, "%s", why.text);
		return 0;
	}
	s->client = client;
	s->in_len = 0;
	s->nrefusals = 0;
	rsp_server_init(&s->server, s->target, session_rights(s), s->server_mem, RSP_PACKET_MAX,
			&stop);
	if (clock_ms() - start > SERVE_SLOW_MS)
		receive_first(s);
	say("client connected, guest stopped");
	if (s->target->explain(s->target)[0])
		fprintf(stderr, "cvmdbg: warning: %s\n", s->target->explain(s->target));
	return 0;
}

/* Sends what can be sent now. Negative: the client is gone. */
static int flush(struct serve *s)
{
	const uint8_t *out;
	size_t len;

	while ((len = rsp_server_output(&s->server, &out)) != 0) {
		ssize_t n = s->client->ops->write(s->client, out, len);

		if (n <= 0)
			return (int)n;
		log_read(s->log, out, (size_t)n);
		rsp_server_sent(&s->server, (size_t)n);
	}
	return 0;
}

/* What the client sees as "E05" or "cannot access memory", in words; the same words once. */
static void tell_failure(struct serve *s)
{
	const char *text = s->target->explain(s->target);

	if (!s->server.failure)
		return;
	s->server.failure = 0;
	if (s->server.refused) /* told as such */
		return;
	if (strcmp(text, s->told) == 0)
		return;
	snprintf(s->told, sizeof(s->told), "%s", text);
	say(text);
}

/* A right by its name, denied memory by its first address: each once a session. */
static void tell_refusal(struct serve *s)
{
	const char *refused = s->server.refused;
	unsigned int i;

	if (!refused)
		return;
	for (i = 0; i < s->nrefusals; i++)
		if (s->refusals[i] == refused)
			return;
	if (s->nrefusals == SERVE_REFUSALS_MAX)
		return;
	s->refusals[s->nrefusals++] = refused;
	fprintf(stderr, "cvmdbg: refused: %s\n", refused);
	audit_event(s->audit, "refused", refused);
}

/*
 * Answers what was received as far as the client takes the answers. Negative: the client is gone.
 */
static int answer(struct serve *s)
{
	size_t done = 0, n;
	int status;

	do {
		status = flush(s);
		if (status < 0)
			break;
		n = rsp_server_input(&s->server, s->in + done, s->in_len - done);
		done += n;
		tell_failure(s);
		tell_refusal(s);
	} while (n);
	memmove(s->in, s->in + done, s->in_len - done);
	s->in_len -= done;
	return status;
}

static bool output_pending(const struct serve *s)
{
	const uint8_t *out;

	return rsp_server_output(&s->server, &out) != 0;
}

/* Moves the session on after any event; ends it when it is over. */
static int session_step(struct serve *s, short client_events, struct err *err)
{
	int status = 0;

	if (!s->client)
		return 0;
	if (client_events & (POLLIN | POLLHUP | POLLERR) && s->in_len < sizeof(s->in))
		status = receive(s);
	if (!status)
		status = answer(s);
	if (!status && s->server.state == RSP_SERVER_RUNNING) {
		(void)rsp_server_poll_target(&s->server); /* a loss is in the reply it queues */
		status = answer(s);
	}
	if (status < 0 ||
	    (!output_pending(s) && (s->server.state == RSP_SERVER_DETACHED ||
				    (s->vm_gone && s->server.state == RSP_SERVER_STOPPED))))
		return session_end(s, err);
	return 0;
}

/* --- the loop --- */

static void set_sources(const struct serve *s, struct pollfd fds[SOURCES])
{
	unsigned int i;

	for (i = 0; i < SOURCES; i++)
		fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	fds[SRC_SIGNAL].fd = s->signal_fd;
	fds[SRC_KEEPER].fd = s->vm.keeper.fd;
	if (s->vm.vm && !s->vm_gone) {
		fds[SRC_QMP].fd = qmp_fd(s->vm.vm->qmp);
		fds[SRC_QEMU].fd = s->vm.vm->pidfd;
	}
	if (!s->client) {
		fds[SRC_LISTENER].fd = listener_fd(s->listener);
		return;
	}
	fds[SRC_TARGET].fd = s->backend->fd(s->target);
	if (s->server.state != RSP_SERVER_RUNNING)
		fds[SRC_TARGET].fd =
			-1; /* what a stopped VM's stub says is an answer, not an event */
	fds[SRC_CLIENT].fd = s->client->rfd;
	fds[SRC_CLIENT].events = 0;
	if (s->in_len < sizeof(s->in))
		fds[SRC_CLIENT].events |= POLLIN;
	if (output_pending(s)) {
		fds[SRC_CLIENT].fd = s->client->wfd;
		fds[SRC_CLIENT].events = POLLOUT;
	}
}

static void notice_qemu(struct serve *s, const struct pollfd fds[SOURCES])
{
	bool gone = fds[SRC_QEMU].revents;

	if (fds[SRC_QMP].revents)
		gone |= qmp_dispatch(s->vm.vm->qmp) < 0 ||
			qmp_run_state(s->vm.vm->qmp) == QMP_ENDED;
	s->vm_gone |= gone;
}

static int notice_keeper(struct serve *s, const struct pollfd *fd, struct err *err)
{
	if (!fd->revents)
		return 0;
	say("the keeper was killed; starting another");
	keeper_stop(&s->vm.keeper);
	return keeper_start(s->vm.vm, s->vm.journal, &s->vm.keeper, err);
}

/* How long nothing may happen, in ms; -1: for ever. */
static int patience(const struct serve *s)
{
	if (s->vm_gone)
		return SERVE_LAST_WORDS_MS;
	return s->client && s->backend->tick ? CHAN_TICK_MS : -1;
}

static int loop(struct serve *s, struct err *err)
{
	int status = 0;

	/* A client on stdio is there from the beginning. */
	if (listener_fd(s->listener) < 0)
		status = session_begin(s, err);
	if (!status)
		status = session_step(s, 0, err);
	while (!status && !s->quit && !(s->vm_gone && !s->client)) {
		struct pollfd fds[SOURCES];

		set_sources(s, fds);
		status = poll(fds, SOURCES, patience(s));
		if (status < 0 && errno != EINTR)
			return err_sys(err, "poll");
		s->quit |= status == 0 && s->vm_gone;
		if (s->client && s->backend->tick)
			s->backend->tick(s->target);
		if (status <= 0) {
			status = 0;
			continue;
		}
		notice_qemu(s, fds);
		if (fds[SRC_SIGNAL].revents)
			s->quit = true;
		status = notice_keeper(s, &fds[SRC_KEEPER], err);
		if (!status && fds[SRC_LISTENER].revents && !s->vm_gone)
			status = session_begin(s, err);
		if (!status)
			status = session_step(s, fds[SRC_CLIENT].revents, err);
	}
	return status;
}

/* --- beginning and end --- */

static int open_target(struct serve *s, struct err *err)
{
	struct backend_config config;
	int status = serve_vm_attach(&s->vm, s->config, err);

	if (status)
		return status;
	config = (struct backend_config){
		.vm = s->vm.vm,
		.psp = s->vm.psp,
		.journal = s->vm.journal,
		.stub = s->config->stub,
		.policy = s->config->policy ? &s->config->policy->policy : NULL,
		.vmcoreinfo = s->config->vmcoreinfo,
	};
	s->backend = registry_find(&config);
	if (!s->backend)
		return err_set(err, ST_UNSUPPORTED, "no way to debug this kind of guest");
	return s->backend->create(&config, &s->target, err);
}

static int open_listener(struct serve *s, struct err *err)
{
	int status = 0;

	s->server_mem = malloc(rsp_server_memory(RSP_PACKET_MAX));
	if (!s->server_mem)
		return err_set(err, ST_NOMEM, "out of memory");
	if (s->config->audit)
		status = audit_open(s->config->audit, s->config->policy, &s->audit, err);
	if (!status && s->config->log)
		status = log_open(s->config->log, &s->log, err);
	if (!status)
		status = listener_open(s->config->listen, &s->listener, err);
	if (!status)
		s->once = s->config->once || listener_fd(s->listener) < 0;
	return status;
}

/*
 * On this route the host has the guest's memory, so the lines about who and how are its own to keep
 * or not; only the guest's stub can enforce them.
 */
static void announce_policy(const struct policy *policy)
{
	char text[SERVE_RIGHTS_MAX] = "";
	struct buf b;

	buf_init(&b, text, sizeof(text) - 1);
	policy_put_rights(policy->rights, &b);
	fprintf(stderr, "cvmdbg: the policy allows %s; denied ranges: %u\n", text,
		policy->deny_count);
	if (policy->channel == POLICY_CHANNEL_SEALED || policy->debuggers.count)
		say("warning: `channel sealed` and `debugger` bind the stub in the guest, not the "
		    "host on this route: whoever reaches the listening socket may debug");
}

static void announce(const struct serve *s)
{
	const char *where = listener_target(s->listener);
	char what[SERVE_WHAT_MAX];

	serve_vm_describe(&s->vm, what, sizeof(what));
	fprintf(stderr, "cvmdbg: serving %s%s%s on %s", what,
		s->config->stub ? " with the stub at " : "", s->config->stub ? s->config->stub : "",
		s->config->listen);
	if (where)
		fprintf(stderr, ": gdb vmlinux -ex 'target remote %s'", where);
	fputc('\n', stderr);
	if (s->config->policy)
		announce_policy(&s->config->policy->policy);
}

/* Everything that was opened, in reverse; safe however far the beginning came. */
static void close_all(struct serve *s)
{
	audit_close(s->audit);
	log_close(s->log);
	listener_destroy(s->listener);
	if (s->backend)
		s->backend->destroy(s->target);
	serve_vm_close(&s->vm);
	free(s->server_mem);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	free(s);
}

static int serve_to_the_end(struct serve *s, struct err *err)
{
	struct err end;
	int ended, status = signals_catch(&s->signal_fd, err);

	if (!status)
		status = open_target(s, err);
	if (!status)
		status = open_listener(s, err);
	if (status)
		return status;
	announce(s);
	status = loop(s, err);
	ended = session_end(s, &end);
	if (!status && ended) {
		*err = end;
		status = ended;
	}
	if (!status && s->vm_gone)
		status = err_set(err, ST_GONE, "QEMU (PID %d) has ended", (int)s->vm.vm->pid);
	return status;
}

int serve_run(const struct serve_config *config, struct err *err)
{
	struct serve *s = calloc(1, sizeof(*s));
	int result;

	if (!s) {
		err_set(err, ST_NOMEM, "out of memory");
		return CMD_FAILED;
	}
	s->config = config;
	s->signal_fd = s->vm.keeper.fd = -1;
	result = serve_vm_find(&s->vm, config, err);
	if (result == CMD_OK && serve_to_the_end(s, err))
		result = CMD_FAILED;
	close_all(s);
	return result;
}
