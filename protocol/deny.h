/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Memory that a policy denies, as pages of guest physical memory: whatever address leads to one of
 * them, the debugger does not get there. A range of virtual addresses means the pages that the
 * kernel's page tables map there when the machine is stopped; each stop looks again. A range that
 * begins or ends inside a page denies the whole page.
 *
 * Bounded: when a range is scattered over more runs of pages than there is room for, all memory is
 * denied until it is not (DENY_ALL): a policy that cannot be kept must not be kept half.
 */
#ifndef PROTOCOL_DENY_H
#define PROTOCOL_DENY_H

#include "paging.h"
#include "policy.h"

enum {
	DENY_RUNS_MAX = 1024,
	/* Leaves looked at for all virtual ranges of a policy, at each stop. */
	DENY_LEAVES_MAX = 65536,
};

struct deny_run {
	uint64_t first, last; /* guest physical, whole pages, inclusive */
};

struct deny {
	bool all;	    /* a range could not be followed: everything is denied */
	unsigned int count; /* sorted, disjoint */
	struct deny_run run[DENY_RUNS_MAX];
};

/* Whether @policy denies anything; if not, the rest need not be called. */
bool deny_wanted(const struct policy *policy);

/*
 * Follows the policy's ranges through the page tables that @p names. @p NULL: the tables cannot be
 * found, so with any virtual range everything is denied.
 */
void deny_refresh(struct deny *d, const struct policy *policy, const struct paging *p,
		  paging_entry_fn *entry, void *arg);

/*
 * Adds what other page tables, of another CPU, map there: the kernel's part need not be mapped by
 * all (page table isolation).
 */
void deny_add(struct deny *d, const struct policy *policy, const struct paging *p,
	      paging_entry_fn *entry, void *arg);

/* How many of the @len bytes at @gpa may be touched, from the first on: 0 to @len. */
uint64_t deny_allowed(const struct deny *d, uint64_t gpa, uint64_t len);

#endif
