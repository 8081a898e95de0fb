/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * How much of a Linux guest's RAM is private and how much shared, as its kernel sees it: by the
 * C-bits of its direct mapping, which covers all RAM (Documentation/arch/x86/x86_64/mm.rst) and
 * which the kernel changes whenever it shares a page (set_memory_decrypted).
 */
#ifndef HOST_SEV_CENSUS_H
#define HOST_SEV_CENSUS_H

#include "host/sev/pages.h"
#include "protocol/paging.h"

struct census {
	/* In pages of 4 KiB. Unmapped: the firmware's, or taken out of the mapping by the kernel.
	 */
	uint64_t private, shared, unmapped;
};

/*
 * Walks the direct mapping below @p, the page tables of any process. ST_FAULT: no direct mapping is
 * found. The vCPUs should be stopped: tables change under way otherwise.
 */
int census_take(struct pages *pages, const struct vm *vm, const struct paging *p,
		struct census *ret, struct err *err) MUST_USE;

#endif
