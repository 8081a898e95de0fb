/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The explanation that goes with a negative enum status on the host. The failing call sets it,
 * callers prepend what they were doing, so a user reads from the outermost intention to the cause:
 * "reading 0xffff8880...: PSP: POLICY_FAILURE (7): guest policy 0x1 has NODBG set; ...".
 * Never overwrite an explanation, never print one here: the command or serve.c prints it once.
 */
#ifndef HOST_ERR_H
#define HOST_ERR_H

#include "protocol/status.h"

enum { ERR_TEXT_MAX = 768 };

struct err {
	char text[ERR_TEXT_MAX];
};

/* Sets the text and returns @status, so that `return err_set(...)` reads well. */
int err_set(struct err *e, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prepends "text: " and returns @status. */
int err_add(struct err *e, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Sets "text: strerror(errno)" and returns the status nearest to errno (ST_ACCES, ST_NOMEM,
 * ST_GONE for ESRCH, ST_TIMEOUT, ST_BUSY, else ST_IO). To be called right after the failing call.
 */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
