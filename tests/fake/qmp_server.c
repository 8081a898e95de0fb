/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* See qmp_server.h. Any trouble in here is a broken test: abort() says so loudly. */
#include "tests/fake/qmp_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

const char qmp_server_greeting[] =
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "
	"\"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n";

static const struct qmp_answer known[] = {
	{ "\"qmp_capabilities\"", "{\"return\": {}, \"id\": %ID}" },
	{ "\"query-status\"",
	  "{\"return\": {\"status\": \"running\", \"running\": true}, \"id\": %ID}" },
	{ "", "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"unknown\"}, \"id\": %ID}" },
};

static const char *find(const struct qmp_answer *rows, const char *line)
{
	for (; rows->command; rows++)
		if (strstr(line, rows->command))
			return rows->reply;
	for (rows = known; !strstr(line, rows->command); rows++)
		continue;
	return rows->reply;
}

/* @reply with its place holders filled in. */
static void send_reply(FILE *out, const char *reply, const char *line)
{
	const char *id = NULL, *next;

	/* The last one: arguments may have members of that name. */
	for (next = line; (next = strstr(next, "\"id\":")) != NULL; next++)
		id = next;
	while (*reply) {
		if (strncmp(reply, "%ID", 3) == 0) {
			fprintf(out, "%ld", id ? strtol(id + 5, NULL, 10) : 0);
			reply += 3;
		} else if (strncmp(reply, "%PID", 4) == 0) {
			fprintf(out, "%d", (int)getpid());
			reply += 4;
		} else {
			putc(*reply++, out);
		}
	}
	fputs("\r\n", out);
	fflush(out);
}

static void serve(int fd, const char *greeting, const struct qmp_answer *answers)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[4096];
	const char *reply;

	if (!in || !out)
		abort();
	if (!greeting)
		return;
	fputs(greeting, out);
	fflush(out);
	while (fgets(line, sizeof(line), in)) {
		reply = find(answers, line);
		if (!reply)
			return;
		send_reply(out, reply, line);
	}
}

void qmp_server_start(struct qmp_server *s, const char *greeting, const struct qmp_answer *answers)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), ready[2];
	char byte;

	snprintf(s->path, sizeof(s->path), "/tmp/cvmdbg-test-qmp-%d", (int)getpid());
	strcpy(address.sun_path, s->path);
	unlink(s->path);
	if (fd < 0 || pipe(ready) || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		abort();
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* SO_PEERCRED tells the client who called this. */
		if (listen(fd, 1) || write(ready[1], "", 1) != 1)
			abort();
		serve(accept(fd, NULL, NULL), greeting, answers);
		_exit(0);
	}
	if (s->pid < 0 || read(ready[0], &byte, 1) != 1)
		abort();
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

void qmp_server_stop(struct qmp_server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	unlink(s->path);
}
