/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Explanations: fixed storage in the caller's struct, cut at its end rather than allocated. */
#include "host/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void format(char *ret, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));

static void format(char *ret, const char *fmt, va_list args)
{
	if (vsnprintf(ret, ERR_TEXT_MAX, fmt, args) < 0)
		ret[0] = '\0';
}

/* "first: second". A temporary, since either may live in e->text. */
static void join(struct err *e, const char *first, const char *second)
{
	char text[ERR_TEXT_MAX];
	size_t len = strlen(first);

	memcpy(text, first, len + 1);
	snprintf(text + len, sizeof(text) - len, ": %s", second);
	memcpy(e->text, text, sizeof(text));
}

int err_set(struct err *e, int status, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX]; /* an argument may be e->text itself */
	va_list args;

	va_start(args, fmt);
	format(text, fmt, args);
	va_end(args);
	memcpy(e->text, text, sizeof(text));
	return status;
}

int err_add(struct err *e, int status, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	format(text, fmt, args);
	va_end(args);
	join(e, text, e->text);
	return status;
}

static int status_of_errno(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return ST_ACCES;
	case ENOMEM:
		return ST_NOMEM;
	case ESRCH:
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
		return ST_GONE;
	case ETIMEDOUT:
		return ST_TIMEOUT;
	case EBUSY:
	case EADDRINUSE:
		return ST_BUSY;
	default:
		return ST_IO;
	}
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int error = errno;
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	format(text, fmt, args);
	va_end(args);
	join(e, text, strerror(error));
	return status_of_errno(error);
}
