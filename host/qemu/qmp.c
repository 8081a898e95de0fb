/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * QMP as QEMU speaks it (docs/interop/qmp-spec.rst): one JSON object a line. Replies are matched by
 * the id we send, so an answer that comes after its deadline is not taken for the next one's.
 * Everything received is handled in order; what is left in the buffer after a reply (events) is
 * handled before returning, since poll() would not report it again.
 */
#include "host/qemu/qmp.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/cleanup.h"
#include "host/clock.h"

enum {
	QMP_DEADLINE_MS = 5000,
	QMP_LINE_MAX = 16 << 20,
	QMP_IN_START = 65536,
};

struct qmp {
	int fd;
	char *path;
	pid_t pid;
	uid_t uid;
	enum qmp_run_state state;
	json_int_t last_id;
	/* Received and not yet handled; the first `scanned` bytes contain no newline. */
	char *in;
	size_t in_len, in_size, scanned;
};

static const char not_qmp[] = "this is not a QMP socket (QEMU: -qmp unix:PATH,server=on,wait=off)";

static const char busy_qmp[] =
	"another client (libvirt, a shell) holds this QMP socket, and QEMU serves "
	"one at a time; give cvmdbg its own: -qmp unix:PATH,server=on,wait=off";

/* Waits until @events or the deadline. */
static int wait_fd(const struct qmp *qmp, short events, int64_t deadline, struct err *err)
{
	struct pollfd fd = { .fd = qmp->fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline - clock_ms();
		n = poll(&fd, 1, left > 0 ? (int)left : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "poll");
	if (!n)
		return err_set(err, ST_TIMEOUT, "QEMU does not answer");
	return 0;
}

static int ended(struct qmp *qmp, struct err *err)
{
	qmp->state = QMP_ENDED;
	return err_set(err, ST_GONE, "QEMU (PID %d) closed the QMP connection", (int)qmp->pid);
}

/* --- receiving --- */

static int make_room(struct qmp *qmp, struct err *err)
{
	size_t size = qmp->in_size ? 2 * qmp->in_size : QMP_IN_START;
	char *in;

	if (qmp->in_len < qmp->in_size)
		return 0;
	if (qmp->in_len >= QMP_LINE_MAX)
		return err_set(err, ST_INVAL, "a line of over %d MiB: %s", QMP_LINE_MAX >> 20,
			       not_qmp);
	in = realloc(qmp->in, size);
	if (!in)
		return err_set(err, ST_NOMEM, "out of memory");
	qmp->in = in;
	qmp->in_size = size;
	return 0;
}

/* Takes in what is there: 1 something came, 0 nothing now. */
static int receive(struct qmp *qmp, struct err *err)
{
	ssize_t n;
	int status = make_room(qmp, err);

	if (status)
		return status;
	n = recv(qmp->fd, qmp->in + qmp->in_len, qmp->in_size - qmp->in_len, MSG_DONTWAIT);
	if (n > 0) {
		qmp->in_len += (size_t)n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return ended(qmp, err);
}

static void note_event(struct qmp *qmp, const char *event)
{
	if (strcmp(event, "STOP") == 0)
		qmp->state = QMP_STOPPED;
	else if (strcmp(event, "RESUME") == 0)
		qmp->state = QMP_RUNNING;
	else if (strcmp(event, "SHUTDOWN") == 0)
		qmp->state = QMP_ENDED;
}

/* The next complete line as an object in *ret; NULL: no complete line, or an event (then 1). */
static int next_object(struct qmp *qmp, json_t **ret, struct err *err)
{
	char *end = qmp->in_len > qmp->scanned
			    ? memchr(qmp->in + qmp->scanned, '\n', qmp->in_len - qmp->scanned)
			    : NULL;
	const char *event;
	size_t used;
	json_t *object;

	*ret = NULL;
	qmp->scanned = qmp->in_len;
	/* A foreign protocol's greeting need not contain a newline. */
	if (qmp->in_len && qmp->in[0] != '{')
		return err_set(err, ST_INVAL, "%s", not_qmp);
	if (!end)
		return 0;
	used = (size_t)(end - qmp->in) + 1;
	object = json_loadb(qmp->in, used, 0, NULL);
	memmove(qmp->in, qmp->in + used, qmp->in_len - used);
	qmp->in_len -= used;
	qmp->scanned = 0;
	if (!object)
		return err_set(err, ST_INVAL, "malformed JSON: %s", not_qmp);
	event = json_string_value(json_object_get(object, "event"));
	if (!event) {
		*ret = object;
		return 1;
	}
	note_event(qmp, event);
	json_decref(object);
	return 1;
}

/* Handles complete lines that nobody waits for. */
static int drain(struct qmp *qmp, struct err *err)
{
	json_t *object;
	int n;

	while ((n = next_object(qmp, &object, err)) > 0)
		json_decref(object);
	return n;
}

/* Waits for the next object that is no event. */
static int wait_object(struct qmp *qmp, int64_t deadline, json_t **ret, struct err *err)
{
	int n;

	for (;;) {
		n = next_object(qmp, ret, err);
		if (n < 0)
			return n;
		if (*ret)
			return 0;
		if (n > 0)
			continue;
		n = wait_fd(qmp, POLLIN, deadline, err);
		if (n)
			return n;
		n = receive(qmp, err);
		if (n < 0)
			return n;
	}
}

/* --- commands --- */

static int send_all(struct qmp *qmp, const char *data, size_t len, int64_t deadline,
		    struct err *err)
{
	while (len) {
		ssize_t n = send(qmp->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int status;

		if (n > 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return ended(qmp, err);
		status = wait_fd(qmp, POLLOUT, deadline, err);
		if (status)
			return status;
	}
	return 0;
}

static int send_command(struct qmp *qmp, const char *command, json_t *args, int64_t deadline,
			struct err *err)
{
	json_t *request = json_pack("{s:s, s:o*, s:I}", "execute", command, "arguments", args, "id",
				    ++qmp->last_id);
	AUTO_FREE char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	int status;

	json_decref(request);
	if (!text)
		return err_set(err, ST_NOMEM, "out of memory");
	status = send_all(qmp, text, strlen(text), deadline, err);
	return status ? status : send_all(qmp, "\n", 1, deadline, err);
}

/* What @reply says to our command; consumes it. */
static int take_reply(json_t *reply, json_t **ret, struct err *err)
{
	json_t *error = json_object_get(reply, "error"), *value = json_object_get(reply, "return");
	const char *class = json_string_value(json_object_get(error, "class"));
	const char *text = json_string_value(json_object_get(error, "desc"));
	int status = 0;

	if (error)
		status = err_set(err,
				 class && strcmp(class, "CommandNotFound") == 0 ? ST_UNSUPPORTED
										: ST_IO,
				 "QEMU: %s", text ? text : "an error without a description");
	else if (!value)
		status = err_set(err, ST_INVAL, "a reply without \"return\": %s", not_qmp);
	else
		*ret = json_incref(value);
	json_decref(reply);
	return status;
}

/* Waits for the reply to the last command; older ones came too late for somebody. */
static int wait_reply(struct qmp *qmp, int64_t deadline, json_t **ret, struct err *err)
{
	json_t *reply, *id;
	int status;

	for (;;) {
		status = wait_object(qmp, deadline, &reply, err);
		if (status)
			return status;
		id = json_object_get(reply, "id");
		if (!id || json_integer_value(id) == qmp->last_id)
			return take_reply(reply, ret, err);
		json_decref(reply);
	}
}

/* One command and its reply, *ret a new reference. Events behind the reply are not handled yet. */
static int exchange(struct qmp *qmp, const char *command, json_t *args, json_t **ret,
		    struct err *err)
{
	int64_t deadline = clock_ms() + QMP_DEADLINE_MS;
	int status = send_command(qmp, command, args, deadline, err);

	if (!status)
		status = wait_reply(qmp, deadline, ret, err);
	return status ? err_add(err, status, "QMP %s", command) : 0;
}

int qmp_execute(struct qmp *qmp, const char *command, json_t *args, json_t **ret, struct err *err)
{
	json_t *value;
	int status = exchange(qmp, command, args, &value, err);

	if (status)
		return status;
	status = drain(qmp, err);
	if (status || !ret)
		json_decref(value);
	else
		*ret = value;
	return status;
}

int qmp_hmp(struct qmp *qmp, const char *line, char **ret, struct err *err)
{
	json_t *value;
	int status = qmp_execute(qmp, "human-monitor-command",
				 json_pack("{s:s}", "command-line", line), &value, err);

	if (status)
		return err_add(err, status, "\"%s\"", line);
	*ret = json_is_string(value) ? strdup(json_string_value(value)) : NULL;
	json_decref(value);
	return *ret ? 0 : err_set(err, ST_NOMEM, "\"%s\": no text, or out of memory", line);
}

/* @command has changed the run state to @after by the time of its reply; later events count more.
 */
static int change_state(struct qmp *qmp, const char *command, enum qmp_run_state after,
			struct err *err)
{
	json_t *value;
	int status = exchange(qmp, command, NULL, &value, err);

	if (status)
		return status;
	json_decref(value);
	qmp->state = after;
	return drain(qmp, err);
}

int qmp_stop(struct qmp *qmp, struct err *err)
{
	return change_state(qmp, "stop", QMP_STOPPED, err);
}

int qmp_cont(struct qmp *qmp, struct err *err)
{
	return change_state(qmp, "cont", QMP_RUNNING, err);
}

int qmp_inject_nmi(struct qmp *qmp, struct err *err)
{
	return qmp_execute(qmp, "inject-nmi", NULL, NULL, err);
}

/* --- connecting --- */

static int connect_socket(struct qmp *qmp, const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, ST_INVAL,
			       "the path of a unix socket has %zu characters at most",
			       sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	qmp->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (qmp->fd < 0)
		return err_sys(err, "socket");
	if (connect(qmp->fd, (const struct sockaddr *)&address, sizeof(address))) {
		if (errno == EAGAIN)
			return err_set(err, ST_BUSY, "%s", busy_qmp);
		return err_sys(err, "connecting");
	}
	if (getsockopt(qmp->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return err_sys(err, "SO_PEERCRED");
	qmp->pid = peer.pid;
	qmp->uid = peer.uid;
	return 0;
}

static int greet(struct qmp *qmp, struct err *err)
{
	json_t *greeting;
	bool known;
	int status = wait_object(qmp, clock_ms() + QMP_DEADLINE_MS, &greeting, err);

	if (status == ST_TIMEOUT)
		return err_set(err, ST_TIMEOUT, "no greeting: %s", busy_qmp);
	if (status == ST_GONE)
		return err_set(err, ST_GONE, "closed without a greeting: %s", not_qmp);
	if (status)
		return status;
	known = json_object_get(greeting, "QMP");
	json_decref(greeting);
	if (!known)
		return err_set(err, ST_INVAL, "%s", not_qmp);
	return qmp_execute(qmp, "qmp_capabilities", NULL, NULL, err);
}

static int ask_run_state(struct qmp *qmp, struct err *err)
{
	json_t *value;
	int status = exchange(qmp, "query-status", NULL, &value, err);

	if (status)
		return status;
	qmp->state = json_is_true(json_object_get(value, "running")) ? QMP_RUNNING : QMP_STOPPED;
	json_decref(value);
	return drain(qmp, err);
}

int qmp_connect(const char *path, struct qmp **ret, struct err *err)
{
	struct qmp *qmp = calloc(1, sizeof(*qmp));
	int status;

	if (!qmp)
		return err_set(err, ST_NOMEM, "out of memory");
	qmp->fd = -1;
	qmp->path = strdup(path);
	status = qmp->path ? connect_socket(qmp, path, err)
			   : err_set(err, ST_NOMEM, "out of memory");
	if (!status)
		status = greet(qmp, err);
	if (!status)
		status = ask_run_state(qmp, err);
	if (status) {
		qmp_destroy(qmp);
		return err_add(err, status, "%s", path);
	}
	*ret = qmp;
	return 0;
}

void qmp_destroy(struct qmp *qmp)
{
	if (!qmp)
		return;
	if (qmp->fd >= 0)
		close(qmp->fd);
	free(qmp->in);
	free(qmp->path);
	free(qmp);
}

/* --- the rest --- */

pid_t qmp_peer_pid(const struct qmp *qmp)
{
	return qmp->pid;
}

uid_t qmp_peer_uid(const struct qmp *qmp)
{
	return qmp->uid;
}

const char *qmp_path(const struct qmp *qmp)
{
	return qmp->path;
}

int qmp_fd(const struct qmp *qmp)
{
	return qmp->fd;
}

int qmp_dispatch(struct qmp *qmp)
{
	struct err ignored;
	int n;

	while ((n = receive(qmp, &ignored)) > 0) {
		n = drain(qmp, &ignored);
		if (n < 0)
			break;
	}
	if (n < 0)
		qmp->state = QMP_ENDED;
	return n;
}

enum qmp_run_state qmp_run_state(const struct qmp *qmp)
{
	return qmp->state;
}
