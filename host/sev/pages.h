/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Guest memory by page, decrypted at most once a stop. A stop is an epoch: what was decrypted stays
 * valid until pages_drop. Bounded: PAGES_MAX pages, the least recently used goes first, so the
 * agent's memory does not grow with the guest's RAM.
 */
#ifndef HOST_SEV_PAGES_H
#define HOST_SEV_PAGES_H

#include "host/sev/psp.h"

enum { PAGES_MAX = 4096 }; /* 16 MiB */

struct pages_stats {
	uint64_t hits, misses;
};

struct pages;

int pages_create(struct psp *psp, struct pages **ret, struct err *err) MUST_USE;
void pages_destroy(struct pages *pages);

/*
 * The page that holds @gpa (any offset): *ret points to its start and stays valid until the next
 * pages_* call. Private pages come from the PSP, shared ones raw. @ahead: how many following pages
 * the caller will want too (neighbours share one ioctl). ST_FAULT: not RAM.
 */
int pages_get(struct pages *pages, gpa_t gpa, bool encrypted, unsigned int ahead,
	      const uint8_t **ret, struct err *err) MUST_USE;

/* Writes @len bytes inside one page: read-modify-write through the PSP, or raw when shared. */
int pages_put(struct pages *pages, gpa_t gpa, bool encrypted, const void *data, size_t len,
	      struct err *err) MUST_USE;

/* Forgets everything: the guest is about to run. */
void pages_drop(struct pages *pages);

const struct pages_stats *pages_stats(const struct pages *pages);

#endif
