/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Result codes shared by every layer. A function returns 0 or a count on success and a negative
 * enum status on failure. To add a code: one row in status.def, nothing else.
 */
#ifndef PROTOCOL_STATUS_H
#define PROTOCOL_STATUS_H

#include "base.h"

enum status {
	ST_OK = 0,
#define X(name, code, text) name = -(code),
#include "status.def"
#undef X
};

/* One line without a full stop; "unknown error" for a code that is not in status.def. */
const char *status_text(int status);

#endif
