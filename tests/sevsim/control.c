/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * DIR/control: one JSON array of words a line in, one JSON object a line out. ["agent"] comes with
 * the seccomp listener of a process that is about to become an agent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxies.h"

enum { LINE = 1 << 16, PLAINTEXT_MAX = 1 << 14 };

static struct sockaddr_un address(const char *dir)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/control", dir);
	return sun;
}

int control_listen(void)
{
	struct sockaddr_un sun = address(sim.dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || listen(fd, 16)) {
		perror("sevsim: control socket");
		return -1;
	}
	return fd;
}

/* --- messages with at most one descriptor --- */

static ssize_t receive(int sock, char *buf, size_t size, int *fd)
{
	char room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { buf, size };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = room,
			      .msg_controllen = sizeof(room) };
	ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n;
}

static int transmit(int sock, const char *text, size_t len, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (char *)(uintptr_t)text, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = room;
		msg.msg_controllen = sizeof(room);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

/* Reads up to a line end. */
static json_t *receive_json(int sock, int *fd)
{
	char *line = malloc(LINE);
	size_t len = 0;
	json_t *j = NULL;
	ssize_t n;

	do {
		n = receive(sock, line + len, LINE - len, fd);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && len < LINE && line[len - 1] != '\n');
	if (n > 0)
		j = json_loadb(line, len, 0, NULL);
	free(line);
	return j;
}

static int transmit_json(int sock, json_t *j, int fd)
{
	char *text = json_dumps(j, JSON_COMPACT);
	size_t len = strlen(text);
	int status;

	text[len] = '\n';
	status = transmit(sock, text, len + 1, fd);
	free(text);
	return status;
}

/* --- requests --- */

static json_t *problem(const char *text)
{
	return json_pack("{s:s}", "error", text);
}

static json_t *truth(const char *gpa, const char *len)
{
	size_t n = len ? strtoul(len, NULL, 0) : 0, i;
	uint8_t *data;
	char *hex;
	json_t *r;

	if (!gpa || !n || n > PLAINTEXT_MAX)
		return problem("plaintext GPA LENGTH, at most 16 KiB");
	data = malloc(n);
	hex = malloc(2 * n + 1);
	pthread_mutex_lock(&sim.lock);
	if (ram_plaintext(strtoull(gpa, NULL, 0), data, n)) {
		r = problem("not RAM");
	} else {
		for (i = 0; i < n; i++)
			sprintf(hex + 2 * i, "%02x", data[i]);
		r = json_pack("{s:s}", "hex", hex);
	}
	pthread_mutex_unlock(&sim.lock);
	free(data);
	free(hex);
	return r;
}

static json_t *fault(const char *text)
{
	json_t *spec = text ? json_loads(text, 0, NULL) : NULL;
	const char *wrong = json_is_object(spec) ? psp_fault(spec) : "not a JSON object";

	json_decref(spec);
	return wrong ? problem(wrong) : json_pack("{s:b}", "ok", 1);
}

static void reset(void)
{
	psp_stats_reset();
	sim.stops = 0;
}

static json_t *stats(void)
{
	json_t *r = psp_stats();

	json_object_set_new(r, "stops", json_integer((json_int_t)sim.stops));
	return r;
}

static const char *word(const json_t *words, size_t i)
{
	return json_string_value(json_array_get(words, i));
}

static json_t *answer(const json_t *words, int *fd)
{
	const char *first = word(words, 0), *second = word(words, 1);

	if (!first)
		return problem("expected an array of words");
	if (!strcmp(first, "agent") && *fd >= 0) {
		int listener = *fd;

		*fd = -1;
		return notify_start(listener) ? problem("no thread") : json_pack("{s:b}", "ok", 1);
	}
	if (!strcmp(first, "stats")) {
		if (second && !strcmp(second, "reset"))
			reset();
		return stats();
	}
	if (!strcmp(first, "fault"))
		return fault(second);
	if (!strcmp(first, "plaintext"))
		return truth(second, word(words, 2));
	if (!strcmp(first, "state"))
		return json_pack("{s:b, s:i}", "stopped", sim.stopped, "pid", (int)sim.qemu);
	return problem("unknown command");
}

void control_ready(int listener)
{
	int fd = -1, sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	json_t *words, *reply;

	if (sock < 0)
		return;
	words = receive_json(sock, &fd);
	reply = answer(words, &fd);
	(void)transmit_json(sock, reply, -1);
	if (fd >= 0)
		close(fd);
	json_decref(words);
	json_decref(reply);
	close(sock);
}

int control_request(const char *dir, json_t *words, int fd, json_t **ret)
{
	struct sockaddr_un sun = address(dir);
	int none = -1, sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret = NULL;
	if (connect(sock, (struct sockaddr *)&sun, sizeof(sun)) || transmit_json(sock, words, fd))
		perror(sun.sun_path);
	else
		*ret = receive_json(sock, &none);
	json_decref(words);
	close(sock);
	return *ret ? 0 : -1;
}
