/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The vCPUs of a fake_vm as QEMU's gdbstub shows those of a SEV guest: true registers, memory as
 * DRAM holds it, four debug registers, software breakpoints through a page walk that knows nothing
 * of encryption. Can be told to fail.
 */
#ifndef TESTS_CONFORMANCE_FAKE_CPU_H
#define TESTS_CONFORMANCE_FAKE_CPU_H

#include "protocol/target.h"
#include "tests/conformance/fake_vm.h"

enum { FAKE_CPU_VCPUS = 2 };

struct fake_cpu {
	struct target target;
	struct fake_vm *vm;
	struct x86_64_regs regs[FAKE_CPU_VCPUS];
	bool running, interrupted, detached;
	unsigned int slots;	 /* debug registers in use */
	unsigned int registered; /* software breakpoints that were placed */
	/* Fail at the n-th call from now; 0: never. */
	unsigned int fail_insert, fail_reg_write;
};

void fake_cpu_init(struct fake_cpu *cpu, struct fake_vm *vm);

#endif
