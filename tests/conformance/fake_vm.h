/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * An encrypted VM in one process, for tests of what stands on psp.h: 2 MiB of RAM, page tables with
 * C-bits, a toy cipher. Replaces host/sev/psp, host/qemu/{qmp,vm,inject} and host/target/gdbstub at
 * link time, all of which would need a real QEMU; the paging, page cache, kernel and target code
 * above them is the product's.
 */
#ifndef TESTS_CONFORMANCE_FAKE_VM_H
#define TESTS_CONFORMANCE_FAKE_VM_H

#include "host/target/registry.h"
#include "tests/conformance/conformance.h"

enum {
	FAKE_VM_RAM_BYTES = 2 * 1024 * 1024,
	FAKE_VM_CBIT = 51,
};

struct fake_vm {
	struct vm vm;
	struct journal journal;
	enum qmp_run_state run_state;
	struct target *cpu; /* what the fake gdbstub serves: registers, run control, slots */
	uint64_t cr3;	    /* with C-bit, as the guest holds it */
	struct conformance_machine machine;
	uint8_t truth[CONFORMANCE_BYTES];
	uint8_t *ram; /* as DRAM holds it: private pages are ciphertext */
};

/*
 * A fresh VM of @type; one at a time exists. The first mapped page is shared, the others private.
 */
struct fake_vm *fake_vm_create(enum sev_type type);
void fake_vm_destroy(struct fake_vm *f);

/* Whether RAM is bit for bit as it was created, except for what the guest's truth changed. */
bool fake_vm_untouched(const struct fake_vm *f);

/* PSP commands so far. */
uint64_t fake_vm_commands(void);

#endif
