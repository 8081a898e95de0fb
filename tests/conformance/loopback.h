/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A channel whose other end is an rsp_server in the same process: what is written is answered at
 * once.
 */
#ifndef TESTS_CONFORMANCE_LOOPBACK_H
#define TESTS_CONFORMANCE_LOOPBACK_H

#include "host/chan.h"
#include "protocol/rsp_server.h"

/* Serves @t, which is stopped with SIGTRAP on vCPU 0. */
struct chan *loopback_create(struct target *t);

#endif
