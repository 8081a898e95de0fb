/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The text in which a Linux kernel describes itself to crash tools (Linux kernel/vmcore_info.c,
 * Documentation/admin-guide/kdump/vmcoreinfo.rst): lines of KEY=value. Pure; the text comes from
 * the guest.
 */
#ifndef HOST_SEV_VMCOREINFO_H
#define HOST_SEV_VMCOREINFO_H

#include "protocol/paging.h"

enum {
	VMCOREINFO_TEXT_MAX = 4096, /* VMCOREINFO_BYTES: one page */
	VMCOREINFO_RELEASE_MAX = 65,
};

struct vmcoreinfo {
	char release[VMCOREINFO_RELEASE_MAX];
	uint64_t kerneloffset; /* KASLR shift */
	int64_t phys_base;
	uint64_t top_table; /* run-time address of swapper_pg_dir */
	uint64_t stext;	    /* 0: not given */
	uint64_t sme_mask;
	bool l5; /* five levels of tables */
};

/*
 * Whether a page can begin the text (offset 0) or the ELF note around it; needs the page's first 48
 * bytes. *offset: where the text is, *len: its length if the note tells, else what is left of the
 * page.
 */
bool vmcoreinfo_probe(const uint8_t *page, size_t *offset, size_t *len);

/* Parses @len bytes of text, which ends there or at a NUL. ST_INVAL: not VMCOREINFO of an x86-64
 * kernel. */
int vmcoreinfo_parse(const char *text, size_t len, struct vmcoreinfo *ret) MUST_USE;

/* Physical address of @va inside the kernel image (__START_KERNEL_map). */
gpa_t vmcoreinfo_image_gpa(const struct vmcoreinfo *info, uint64_t va);

#endif
