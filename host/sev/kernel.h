/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Finds the Linux kernel in a guest, so that gdb's symbols are right under KASLR and a guest
 * without readable registers still has page tables. Two ways: from a CR3, by looking where the
 * kernel image is mapped (three pages); or from the VMCOREINFO page, by searching RAM (sev-host.md
 * 16).
 */
#ifndef HOST_SEV_KERNEL_H
#define HOST_SEV_KERNEL_H

#include "host/sev/pages.h"
#include "protocol/paging.h"

/* Where x86-64 vmlinux is linked: CONFIG_PHYSICAL_START above __START_KERNEL_map. */
#define KERNEL_TEXT_LINK 0xffffffff81000000ull

struct kernel {
	uint64_t text; /* run-time address of what is linked at KERNEL_TEXT_LINK; 0: unknown */
	struct paging paging; /* levels 0: unknown */
	char release[65];     /* OSRELEASE, from VMCOREINFO only */
};

/* The image's address from a vCPU's page tables: ST_FAULT when they do not map a Linux kernel. */
int kernel_from_paging(struct pages *pages, const struct paging *p, struct kernel *ret,
		       struct err *err) MUST_USE;

/* Searches RAM for the note or text page (top down); @progress is called now and then with bytes
 * done of total. */
typedef void kernel_progress_fn(void *arg, uint64_t done, uint64_t total);
int kernel_from_ram(struct vm *vm, struct psp *psp, kernel_progress_fn *progress, void *arg,
		    struct kernel *ret, struct err *err) MUST_USE;

/* Parses VMCOREINFO text at @gpa (/sys/kernel/vmcoreinfo of the guest): no search. */
int kernel_from_vmcoreinfo(struct vm *vm, struct psp *psp, gpa_t gpa, struct kernel *ret,
			   struct err *err) MUST_USE;

#endif
