/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A session's bytes in the format of gdb's `set remotelogfile` (gdb/serial.c, serial_logchar), so
 * that a log of ours and one of gdb's replay alike: lines "w BYTES" for what gdb wrote and "r
 * BYTES" for what it read, with C escapes. It holds guest memory in plaintext: the file is for its
 * owner only.
 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

#include "host/err.h"

struct log;

/* Creates or empties @path. */
int log_open(const char *path, struct log **ret, struct err *err) MUST_USE;
void log_close(struct log *log);

/*
 * What gdb wrote and what it read. @log may be NULL: nothing is kept. When the file cannot take it
 * (disk full), that is said once on stderr and the log ends; the session goes on.
 */
void log_write(struct log *log, const void *data, size_t len);
void log_read(struct log *log, const void *data, size_t len);

#endif
