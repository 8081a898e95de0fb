/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A SEV-ES guest as far as the host can see it: memory through the PSP and the kernel's page
 * tables, pause and continue through QMP, no registers (they are encrypted too).
 */
#ifndef HOST_TARGET_PSP_H
#define HOST_TARGET_PSP_H

#include "host/target/registry.h"

extern const struct backend psp_backend;

#endif
