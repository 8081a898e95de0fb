/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Signals that ask a command to end, as a descriptor for its event loop. */
#ifndef HOST_SIGNALS_H
#define HOST_SIGNALS_H

#include "host/err.h"

/*
 * From here on SIGINT, SIGTERM and SIGHUP make *ret readable, which the caller closes, and SIGPIPE
 * does nothing.
 */
int signals_catch(int *ret, struct err *err) MUST_USE;

#endif
