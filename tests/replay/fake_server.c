/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Serves the fake target to one real debugger over TCP on the loopback interface and logs the
 * session as a transcript for player.c. Used by record.sh, not by `make check`.
 *
 * fake_server LOG: prints the port, serves one client, ends.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/log.h"
#include "protocol/rsp_server.h"
#include "tests/fake/target_fake.h"

enum { CHUNK = 65536, TICK_MS = 5 };

static int accept_one(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);
	int client, fd = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)&in, &size))
		return -1;
	printf("%u\n", ntohs(in.sin_port));
	fflush(stdout);
	client = accept(fd, NULL, NULL);
	close(fd);
	return client;
}

static bool drain(struct rsp_server *s, int fd, struct log *log)
{
	const uint8_t *out;
	size_t len;

	while ((len = rsp_server_output(s, &out)) > 0) {
		ssize_t n = send(fd, out, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		log_read(log, out, (size_t)n);
		rsp_server_sent(s, (size_t)n);
	}
	return true;
}

/* Until the client is gone. A packet that comes while the target runs waits in @in. */
static void serve(struct rsp_server *s, int fd, struct log *log)
{
	static uint8_t in[CHUNK];
	size_t have = 0, used;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n = 0;

		if (s->state == RSP_SERVER_RUNNING)
			(void)!rsp_server_poll_target(s);
		if (!drain(s, fd, log))
			return;
		if (poll(&p, 1, TICK_MS) > 0 && have < sizeof(in)) {
			n = recv(fd, in + have, sizeof(in) - have, 0);
			if (n <= 0)
				return;
			have += (size_t)n;
		}
		used = rsp_server_input(s, in, have);
		log_write(log, in, used);
		memmove(in, in + used, have - used);
		have -= used;
	}
}

int main(int argc, char **argv)
{
	const struct target_stop stop = { .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGTRAP };
	static struct target_fake fake;
	struct rsp_server server;
	struct log *log;
	struct err err = { 0 };
	void *mem = malloc(rsp_server_memory(RSP_PACKET_MAX));
	int fd;

	if (argc != 2 || !mem || log_open(argv[1], &log, &err)) {
		fprintf(stderr, "usage: fake_server LOG (which must be writable)\n");
		return 1;
	}
	target_fake_init(&fake);
	rsp_server_init(&server, &fake.target, RSP_RIGHT_ALL, mem, RSP_PACKET_MAX, &stop);
	fd = accept_one();
	if (fd < 0) {
		perror("fake_server");
		return 1;
	}
	serve(&server, fd, log);
	close(fd);
	log_close(log);
	free(mem);
	return 0;
}
