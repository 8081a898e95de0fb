/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The transports to a stub inside a guest, from the inside; users call chan_connect_stub. */
#ifndef HOST_CHAN_STUB_H
#define HOST_CHAN_STUB_H

#include "host/chan.h"

/* Each connects to what follows its prefix, as chan_connect_stub. */
int chan_connect_ring(const char *path, struct chan **ret, struct err *err) MUST_USE;
int chan_connect_serial(const char *path, struct chan **ret, struct err *err) MUST_USE;
int chan_connect_serial_socket(const char *path, struct chan **ret, struct err *err) MUST_USE;

#endif
