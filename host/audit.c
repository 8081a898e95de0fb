/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* One JSON object a line (docs/man/cvmdbg.1, --audit); every value of a peer goes through Jansson.
 */
#include "host/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/cleanup.h"

enum {
	TIME_BYTES = 32,
	RIGHTS_BYTES = 128,
	HASH_BYTES = 2 * sizeof(((struct policy_file *)0)->hash) + 1,
};

struct audit {
	int fd;
	bool torn; /* the last line did not get its end */
	json_t *policy;
	json_t *peer; /* of the session; NULL before the first */
};

static json_t *hash_json(const struct policy_file *policy)
{
	char text[HASH_BYTES] = "";
	struct buf b;

	if (!policy)
		return json_null();
	buf_init(&b, text, sizeof(text) - 1);
	buf_put_hex_bytes(&b, policy->hash, sizeof(policy->hash));
	return json_string(text);
}

int audit_open(const char *path, const struct policy_file *policy, struct audit **ret,
	       struct err *err)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (!a)
		return err_set(err, ST_NOMEM, "out of memory");
	a->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->fd < 0) {
		int status = err_sys(err, "opening audit log %s", path);

		free(a);
		return status;
	}
	a->policy = hash_json(policy);
	*ret = a;
	return 0;
}

void audit_close(struct audit *a)
{
	if (!a)
		return;
	json_decref(a->policy);
	json_decref(a->peer);
	close(a->fd);
	free(a);
}

/* --- lines --- */

/* RFC 3339, UTC, milliseconds. */
static void put_time(char text[TIME_BYTES])
{
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + len, TIME_BYTES - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* A line that begins where another broke off would spoil both. */
static int write_line(struct audit *a, const char *json, struct err *err)
{
	AUTO_FREE char *line = NULL;
	int len = asprintf(&line, "%s%s\n", a->torn ? "\n" : "", json);
	ssize_t n;

	if (len < 0)
		return err_set(err, ST_NOMEM, "out of memory");
	do {
		n = write(a->fd, line, (size_t)len);
	} while (n < 0 && errno == EINTR);
	if (n == len) {
		a->torn = false;
		return 0;
	}
	if (n < 0)
		return err_sys(err, "writing the audit log");
	a->torn |= n > 0;
	return err_set(err, ST_IO, "writing the audit log: no space left");
}

/* Consumes @more, the members that only this event has. */
static int write_event(struct audit *a, const char *event, json_t *more, struct err *err)
{
	char now[TIME_BYTES];
	AUTO_FREE char *text = NULL;
	json_t *line;

	put_time(now);
	line = json_pack("{s:s, s:s, s:i, s:O?, s:O}", "time", now, "event", event, "agent",
			 (int)getpid(), "peer", a->peer, "policy", a->policy);
	if (line && more && !json_object_update(line, more))
		text = json_dumps(line, JSON_COMPACT);
	json_decref(more);
	json_decref(line);
	return text ? write_line(a, text, err) : err_set(err, ST_NOMEM, "out of memory");
}

/* --- who --- */

static json_t *address_json(const struct sockaddr *addr, socklen_t len)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return json_pack("{s:s}", "address", "unknown");
	return json_pack("{s:s, s:s}", "address", host, "port", port);
}

/* A process of this machine by its credentials when it connected, others by address. */
static json_t *peer_json(int fd)
{
	struct sockaddr_storage addr = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);
	struct ucred cred;

	if (getpeername(fd, (struct sockaddr *)&addr, &len)) /* standard input is no socket */
		return json_pack("{s:i, s:i}", "uid", (int)getuid(), "pid", (int)getppid());
	if (addr.ss_family != AF_UNIX)
		return address_json((struct sockaddr *)&addr, len);
	len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return json_pack("{s:s}", "address", "unknown");
	return json_pack("{s:i, s:i}", "uid", (int)cred.uid, "pid", (int)cred.pid);
}

/* --- what --- */

int audit_attach(struct audit *a, const struct chan *client, unsigned int rights, struct err *err)
{
	char text[RIGHTS_BYTES] = "";
	struct buf b;

	if (!a)
		return 0;
	buf_init(&b, text, sizeof(text) - 1);
	policy_put_rights(rights, &b);
	json_decref(a->peer);
	a->peer = peer_json(client->rfd);
	return write_event(a, "attach", json_pack("{s:s}", "rights", text), err);
}

static void write_or_say(struct audit *a, const char *event, json_t *more)
{
	struct err err;

	if (write_event(a, event, more, &err))
		fprintf(stderr, "cvmdbg: warning: %s: \"%s\" is missing there\n", err.text, event);
}

void audit_event(struct audit *a, const char *event, const char *why)
{
	if (a)
		write_or_say(a, event, json_pack("{s:s}", "why", why));
}

void audit_detach(struct audit *a, const struct rsp_server_stats *stats, const char *why)
{
	if (a)
		write_or_say(a, "detach",
			     json_pack("{s:I, s:I, s:I, s:I, s:s?}", "packets",
				       (json_int_t)stats->packets, "refused",
				       (json_int_t)stats->refused, "bytes_in",
				       (json_int_t)stats->bytes_in, "bytes_out",
				       (json_int_t)stats->bytes_out, "why", why));
}
