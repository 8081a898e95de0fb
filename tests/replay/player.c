/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Plays recorded sessions against rsp_server on a fake target and compares what it says byte for
 * byte. A transcript is gdb's `set remotelogfile`, which is also `cvmdbg serve --log`: "w BYTES" is
 * what the client wrote, "r BYTES" what it read, with C escapes. Lines that begin with '#' are
 * comments, and '*' in an r line stands for anything (a server never sends a bare '*').
 *
 * player TRANSCRIPT...: a TAP line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/rsp_server.h"
#include "tests/fake/target_fake.h"

enum { LINE_MAX = 1 << 20, POLLS_MAX = 64 };

struct player {
	struct target_fake fake;
	struct rsp_server server;
	uint8_t *said; /* by the server since the last r line */
	size_t said_len;
	unsigned int number; /* of the line, from 1 */
	char why[256];
};

static int digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* One character of a transcript at *at, which moves on; -1: malformed, -2: a glob. */
static int character(const char **at)
{
	static const char letters[] = "\\bfnrtvae", bytes[] = "\\\b\f\n\r\t\v\a\x1b";
	char c = *(*at)++, next;

	if (c == '*')
		return -2;
	if (c != '\\')
		return (uint8_t)c;
	next = *(*at)++;
	if (next == 'x' && digit((*at)[0]) >= 0 && digit((*at)[1]) >= 0) {
		*at += 2;
		return digit((*at)[-2]) << 4 | digit((*at)[-1]);
	}
	if (!next || !strchr(letters, next))
		return -1;
	return (uint8_t)bytes[strchr(letters, next) - letters];
}

static void listen_to_server(struct player *p)
{
	const uint8_t *out;
	size_t len = rsp_server_output(&p->server, &out);

	if (len > LINE_MAX - p->said_len)
		len = LINE_MAX - p->said_len;
	memcpy(p->said + p->said_len, out, len);
	p->said_len += len;
	rsp_server_sent(&p->server, len);
}

static void run_target(struct player *p)
{
	int polls;

	for (polls = 0; polls < POLLS_MAX && p->server.state == RSP_SERVER_RUNNING; polls++) {
		(void)!rsp_server_poll_target(&p->server);
		listen_to_server(p);
	}
}

static bool play_write(struct player *p, const char *line)
{
	while (*line) {
		int c = character(&line);
		uint8_t byte = (uint8_t)(c == -2 ? '*' : c);

		if (c == -1) {
			snprintf(p->why, sizeof(p->why), "malformed escape");
			return false;
		}
		if (rsp_server_input(&p->server, &byte, 1) != 1) {
			snprintf(p->why, sizeof(p->why), "the server takes no input");
			return false;
		}
		listen_to_server(p);
		run_target(p);
	}
	return true;
}

/* Whether @pattern describes all of @said: globs are tried from the shortest match up. */
static bool matches(const char *pattern, const uint8_t *said, size_t len)
{
	const char *glob = NULL;
	size_t at = 0, glob_at = 0;

	while (at < len || *pattern) {
		const char *next = pattern;
		int c = *pattern ? character(&next) : -1;

		if (c == -2) {
			glob = pattern = next;
			glob_at = at;
		} else if (c >= 0 && at < len && said[at] == c) {
			pattern = next;
			at++;
		} else if (glob && glob_at < len) {
			pattern = glob;
			at = ++glob_at;
		} else {
			return false;
		}
	}
	return true;
}

static bool play_read(struct player *p, const char *line)
{
	size_t len = p->said_len;

	p->said_len = 0;
	if (matches(line, p->said, len))
		return true;
	snprintf(p->why, sizeof(p->why), "the server said \"%.*s\"", len < 200 ? (int)len : 200,
		 (const char *)p->said);
	return false;
}

static bool play_line(struct player *p, char *line)
{
	p->number++;
	line[strcspn(line, "\n")] = '\0';
	if (line[0] == '#' || !line[0])
		return true;
	if (strncmp(line, "w ", 2) == 0 && p->said_len == 0)
		return play_write(p, line + 2);
	if (strncmp(line, "r ", 2) == 0)
		return play_read(p, line + 2);
	snprintf(p->why, sizeof(p->why),
		 p->said_len ? "the server said \"%.*s\", nobody read it" : "no such line%.*s",
		 p->said_len < 200 ? (int)p->said_len : 200, (const char *)p->said);
	return false;
}

static bool play(struct player *p, FILE *file)
{
	static char line[LINE_MAX];

	while (fgets(line, sizeof(line), file))
		if (!play_line(p, line))
			return false;
	p->number++;
	if (p->said_len)
		return play_line(p, strcpy(line, "end"));
	if (p->fake.misused)
		snprintf(p->why, sizeof(p->why), "the target was asked for what is illegal");
	return !p->fake.misused && p->number > 1;
}

static bool play_file(const char *path, struct player *p)
{
	const struct target_stop stop = { .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGTRAP };
	void *mem = malloc(rsp_server_memory(RSP_PACKET_MAX));
	FILE *file = fopen(path, "r");
	bool right = false;

	snprintf(p->why, sizeof(p->why), "cannot be played");
	p->said = malloc(LINE_MAX);
	p->said_len = p->number = 0;
	target_fake_init(&p->fake);
	if (file && mem && p->said) {
		rsp_server_init(&p->server, &p->fake.target, RSP_RIGHT_ALL, mem, RSP_PACKET_MAX,
				&stop);
		right = play(p, file);
	}
	if (file)
		fclose(file);
	free(p->said);
	free(mem);
	return right;
}

int main(int argc, char **argv)
{
	static struct player p;
	int i, failed = 0;

	printf("1..%d\n", argc - 1);
	for (i = 1; i < argc; i++) {
		bool right = play_file(argv[i], &p);

		if (!right)
			printf("# %s:%u: %s\n", argv[i], p.number, p.why);
		printf("%s %d - %s\n", right ? "ok" : "not ok", i, argv[i]);
		failed |= !right;
	}
	return failed;
}
