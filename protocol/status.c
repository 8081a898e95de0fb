/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The text view of status.def. */
#include "status.h"

const char *status_text(int status)
{
	switch (status) {
#define X(name, code, text)                                                                        \
	case name:                                                                                 \
		return text;
#include "status.def"
#undef X
	default:
		return status >= 0 ? "success" : "unknown error";
	}
}
