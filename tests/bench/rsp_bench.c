/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The client of `make bench`: the same requests to any RSP server, one in flight, wall-clock timed.
 * Deliberately does nothing clever: it looks for '#', checks the first byte of the reply
 * and counts payload, so what is measured is the server. Prints one JSON object.
 *
 * rsp_bench unix:PATH|tcp:PORT m|x LENGTH ADDRESS SECONDS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	REPLY_MAX = 1 << 20,
	SETTLE_MS = 300, /* for stop replies that nobody asked for */
	ANSWER_MS = 10000,
};

struct session {
	int fd;
	bool noack;
	char reply[REPLY_MAX];
	size_t len;
};

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("rsp_bench: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static int dial(const char *where)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	bool local = !strncmp(where, "unix:", 5);
	int one = 1;
	int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM, 0);

	if (local) {
		snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", where + 5);
		if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
			die("%s: %s", where, strerror(errno));
		return fd;
	}
	if (strncmp(where, "tcp:", 4))
		die("%s: expected unix:PATH or tcp:PORT", where);
	sin.sin_port = htons((uint16_t)atoi(where + 4));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("%s: %s", where, strerror(errno));
	return fd;
}

static void send_all(struct session *s, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(s->fd, data, len, MSG_NOSIGNAL);

		if (n < 0)
			die("send: %s", strerror(errno));
		data += n;
		len -= (size_t)n;
	}
}

static size_t frame(char *out, size_t size, const char *payload)
{
	uint8_t sum = 0;

	for (const char *p = payload; *p; p++)
		sum = (uint8_t)(sum + (uint8_t)*p);
	return (size_t)snprintf(out, size, "$%s#%02x", payload, sum);
}

/* Reads one packet; its payload is reply[1..len), as it came. False: nothing within @ms. */
static bool receive(struct session *s, int ms)
{
	struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
	size_t got = 0;

	for (;;) {
		char *start = memchr(s->reply, '$', got);
		char *hash = start ? memchr(start, '#', got - (size_t)(start - s->reply)) : NULL;
		ssize_t n;

		if (hash && hash + 3 <= s->reply + got) {
			s->len = (size_t)(hash - start);
			memmove(s->reply, start, s->len);
			if (!s->noack)
				send_all(s, "+", 1);
			return true;
		}
		/* A long reply arrives in pieces: poll only where waiting is allowed to end. */
		if (ms < ANSWER_MS && poll(&pfd, 1, ms) == 0)
			return false;
		n = recv(s->fd, s->reply + got, sizeof(s->reply) - got, 0);
		if (n <= 0)
			die("the server closed the connection");
		got += (size_t)n;
	}
}

static void exchange(struct session *s, const char *payload)
{
	char out[256];

	send_all(s, out, frame(out, sizeof(out), payload));
	if (!receive(s, ANSWER_MS))
		die("no answer to %s", payload);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct session s;
	char request[128], out[256];
	double start, elapsed, seconds;
	uint64_t packets = 0;
	size_t length, len;
	struct timeval limit = { .tv_sec = ANSWER_MS / 1000 };

	if (argc != 6)
		die("usage: rsp_bench unix:PATH|tcp:PORT m|x LENGTH ADDRESS SECONDS");
	length = strtoul(argv[3], NULL, 0);
	seconds = atof(argv[5]);
	s.fd = dial(argv[1]);
	setsockopt(s.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while (receive(&s, SETTLE_MS))
		;
	exchange(&s, "qSupported:multiprocess+;xmlRegisters=i386");
	exchange(&s, "QStartNoAckMode");
	if (s.len == 3 && !memcmp(s.reply, "$OK", 3))
		s.noack = true;
	exchange(&s, "?");
	if (argv[2][0] == 'x')
		exchange(&s, "x0,0");

	snprintf(request, sizeof(request), "%c%llx,%zx", argv[2][0], strtoull(argv[4], NULL, 0),
		 length);
	len = frame(out, sizeof(out), request);
	exchange(&s, request); /* warm: what is cached is cached now */
	/* gdbserver compresses runs ('*'), so only an uncompressed reply has a known length. */
	if (s.len < 2 || s.reply[1] == 'E' ||
	    (!memchr(s.reply, '*', s.len) && s.len - 1 < (argv[2][0] == 'm' ? 2 * length : length)))
		die("%s: short or failed reply (%zu bytes, '%.8s')", request, s.len, s.reply);
	start = now();
	do {
		send_all(&s, out, len);
		receive(&s, ANSWER_MS);
		packets++;
		elapsed = now() - start;
	} while (elapsed < seconds);

	printf("{\"packets\": %llu, \"seconds\": %.6f, \"us_per_packet\": %.3f, \"mb_per_s\": "
	       "%.3f}\n",
	       (unsigned long long)packets, elapsed, elapsed * 1e6 / (double)packets,
	       (double)(packets * length) / elapsed / 1e6);
	send_all(&s, out, frame(out, sizeof(out), "D"));
	receive(&s, SETTLE_MS);
	return 0;
}
