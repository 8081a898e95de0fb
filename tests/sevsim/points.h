/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Breakpoints as KVM has them, made of those of software emulation. A software breakpoint is an
 * address in a list: it stops the guest only where the guest's memory really has an int3; four
 * debug registers.
 */
#ifndef TESTS_SEVSIM_POINTS_H
#define TESTS_SEVSIM_POINTS_H

#include "sim.h"

/* Answers a Z or z packet (text of the reply). */
const char *points_request(const char *text);
/* Removes all, as `?` and D do. */
void points_clear(void);
/* To be machine_before_run and machine_after_stop. */
void points_arm(void);
void points_disarm(void);

/* gdb_proxy.c: whether a virtual access by QEMU works now; registers as they stay on SEV-ES. */
bool gdb_proxy_walks(void);
void gdb_proxy_freeze(void);

#endif
