/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The RAM layout part of vm_open: fills vm->range. vm->qmp and vm->pid must be set. */
#ifndef HOST_QEMU_VM_RAM_H
#define HOST_QEMU_VM_RAM_H

#include "host/qemu/vm.h"

/*
 * Which guest physical addresses are the guest's RAM, where QEMU has them and where the agent can
 * map the same pages. RAM is what belongs to a memory backend. Flash, option ROMs and vga.vram have
 * RAM blocks too, but no backend, and are devices to the guest.
 */
int vm_ram_find(struct vm *vm, struct err *err) MUST_USE;

#endif
