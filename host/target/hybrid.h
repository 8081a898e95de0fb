/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A plain SEV guest: memory through the PSP, registers and run control through QEMU's gdbstub,
 * which KVM tells the truth (facts: qemu.md 9), break- and watchpoints by points.h.
 */
#ifndef HOST_TARGET_HYBRID_H
#define HOST_TARGET_HYBRID_H

#include "host/target/registry.h"

extern const struct backend hybrid_backend;

#endif
