/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A guest that carries the stub: registers, run control and points are the stub's. So is memory,
 * unless the host can read the guest's (SEV, SEV-ES): then it comes from the PSP, which the
 * guest has no say in.
 */
#ifndef HOST_TARGET_STUB_H
#define HOST_TARGET_STUB_H

#include "host/target/registry.h"

extern const struct backend stub_backend;

#endif
