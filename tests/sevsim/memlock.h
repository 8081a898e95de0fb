/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * RLIMIT_MEMLOCK as KVM applies it to the pages it pins (sev_pin_memory: Linux 6.1 sev.c:422, 7.3
 * sev.c:748): the real limit and the real CAP_IPC_LOCK of the calling thread, against what its VM
 * has pinned already.
 */
#ifndef TESTS_SEVSIM_MEMLOCK_H
#define TESTS_SEVSIM_MEMLOCK_H

#include "sim.h"

/* In the process that becomes QEMU, for --memlock-limit: gives up CAP_IPC_LOCK, if it is there. */
void memlock_obey(void);

/*
 * After sim.block is filled: guest RAM is registered with KVM, so it counts (sim.locked_pages).
 * QEMU's limit is set to have room for one debug command above it, or for none (--memlock-limit).
 */
void memlock_register(void);

/* Whether thread @tid may have @pages pinned by one VM. */
bool memlock_permits(pid_t tid, uint64_t pages);

#endif
