/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* KVM_MEMORY_ENCRYPT_OP: GUEST_STATUS, DBG_DECRYPT and DBG_ENCRYPT, as each kernel version does
 * them. */
#ifndef TESTS_SEVSIM_DBG_H
#define TESTS_SEVSIM_DBG_H

#include "sim.h"

struct dbg_caller {
	pid_t tid;
	bool sev;	/* the VM has an encryption context */
	bool mirror;	/* it is a mirror: few commands are allowed, nothing is pinned yet */
	bool qemu;	/* the caller is QEMU */
	bool holds_sev; /* /dev/sev is open at the stored number */
};

/* @arg: address of struct kvm_sev_cmd in the caller. 0 or -errno. */
long dbg_op(const struct dbg_caller *caller, uint64_t arg);

#endif
