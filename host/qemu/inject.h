/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * System calls made by QEMU's main thread on our behalf (ptrace). Nothing is patched: an existing
 * `syscall; ret` runs the call, and its `ret` goes to libc's own signal return trampoline with a
 * signal frame below the thread's stack that restores every register. So if the tracer is killed at
 * any instruction, QEMU's thread finishes the call and carries on where it was.
 */
#ifndef HOST_QEMU_INJECT_H
#define HOST_QEMU_INJECT_H

#include "host/journal.h"
#include "host/qemu/vm.h"

struct inject;

/*
 * Finds the gadgets and maps @pages anonymous pages in QEMU (recorded in @journal before the call),
 * for parameters and plaintext. ST_ACCES with the reason (Yama, user, dumpable), ST_UNSUPPORTED if
 * no gadget is found.
 */
int inject_open(struct vm *vm, unsigned int pages, struct journal *journal, struct inject **ret,
		struct err *err) MUST_USE;
/* Unmaps the pages. */
void inject_close(struct inject *in);

/* QEMU's address of the mapped pages. */
hva_t inject_area(const struct inject *in);

/* process_vm_readv/writev of QEMU. */
int inject_peek(struct inject *in, hva_t addr, void *ret, size_t len, struct err *err) MUST_USE;
int inject_poke(struct inject *in, hva_t addr, const void *data, size_t len,
		struct err *err) MUST_USE;

/* An ioctl of QEMU on its descriptor @fd; *ret is its result or -errno. */
int inject_ioctl(struct inject *in, int fd, unsigned long request, uint64_t arg, long *ret,
		 struct err *err) MUST_USE;

/* After a crash of another agent: unmaps the area that @journal names. For the keeper. */
int inject_recover(struct vm *vm, struct journal *journal, struct err *err) MUST_USE;

#endif
