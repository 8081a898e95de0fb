/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: qmp_connect, qmp_execute, qmp_hmp, qmp_dispatch. The input is what the peer sends before
 * it hangs up; when it begins with '+', a proper greeting and the replies of the handshake come
 * first.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/qemu/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char handshake[] = "{\"QMP\": {}}\n{\"return\": {}, \"id\": 1}\n"
				"{\"return\": {\"running\": true}, \"id\": 2}\n";

struct input {
	int listener;
	const uint8_t *data;
	size_t size;
};

static void send_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		at += n;
		size -= (size_t)n;
	}
}

static void *serve(void *arg)
{
	struct input *in = arg;
	int fd = accept(in->listener, NULL, NULL);
	char sink[4096];

	if (in->size && in->data[0] == '+') {
		send_all(fd, handshake, strlen(handshake));
		in->data++;
		in->size--;
	}
	send_all(fd, in->data, in->size);
	shutdown(fd, SHUT_WR);
	while (recv(fd, sink, sizeof(sink), 0) > 0)
		continue;
	close(fd);
	return NULL;
}

static int open_listener(char *path, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, size, "/tmp/cvmdbg-fuzz-qmp-%d", (int)getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1))
		abort();
	return fd;
}

static void use(struct qmp *qmp)
{
	struct err err;
	json_t *value;
	char *text;

	if (!qmp_execute(qmp, "query-sev", NULL, &value, &err))
		json_decref(value);
	if (!qmp_hmp(qmp, "info mtree -f", &text, &err))
		free(text);
	(void)!qmp_stop(qmp, &err);
	(void)!qmp_dispatch(qmp);
	if (memchr(err.text, '\0', sizeof(err.text)) == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	struct input in = { .listener = open_listener(path, sizeof(path)),
			    .data = data,
			    .size = size };
	struct qmp *qmp;
	struct err err;
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve, &in))
		abort();
	if (!qmp_connect(path, &qmp, &err)) {
		use(qmp);
		qmp_destroy(qmp);
	}
	pthread_join(thread, NULL);
	close(in.listener);
	unlink(path);
	return 0;
}
