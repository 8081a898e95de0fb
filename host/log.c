/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The log as a stdio stream, flushed after every call: after a crash it tells what came before. */
#include "host/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct log {
	FILE *file;
	char direction; /* of the line that is open; 0: none yet */
	bool failed;
};

int log_open(const char *path, struct log **ret, struct err *err)
{
	struct log *log = calloc(1, sizeof(*log));
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (log && fd >= 0)
		log->file = fdopen(fd, "w");
	if (log && log->file) {
		*ret = log;
		return 0;
	}
	err_sys(err, "opening log %s", path);
	if (fd >= 0)
		close(fd);
	free(log);
	return ST_IO;
}

void log_close(struct log *log)
{
	if (!log)
		return;
	if (log->direction)
		putc('\n', log->file);
	fclose(log->file);
	free(log);
}

static void put_char(FILE *file, unsigned char c)
{
	static const char escaped[] = "\\\b\f\n\r\t\v", letters[] = "\\bfnrtv";
	const char *at = c ? strchr(escaped, c) : NULL;

	if (at)
		fprintf(file, "\\%c", letters[at - escaped]);
	else if (isprint(c))
		putc_unlocked(c, file);
	else
		fprintf(file, "\\x%02x", c);
}

static void put(struct log *log, char direction, const uint8_t *data, size_t len)
{
	size_t i;

	if (!log || log->failed || !len)
		return;
	if (log->direction != direction)
		fprintf(log->file, "%s%c ", log->direction ? "\n" : "", direction);
	log->direction = direction;
	for (i = 0; i < len; i++)
		put_char(log->file, data[i]);
	if (fflush(log->file) || ferror(log->file)) {
		fprintf(stderr, "cvmdbg: warning: the log ends here: %s\n", strerror(errno));
		log->failed = true;
	}
}

void log_write(struct log *log, const void *data, size_t len)
{
	put(log, 'w', data, len);
}

void log_read(struct log *log, const void *data, size_t len)
{
	put(log, 'r', data, len);
}
