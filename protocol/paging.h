/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * x86-64 page walks over encrypted tables: four and five levels, 4 KiB, 2 MiB and 1 GiB leaves, the
 * C-bit (APM volume 2, 15.34.1; Documentation/arch/x86/amd-memory-encryption.rst). Pure: the
 * caller supplies table entries. Table pages are always private; a leaf is private iff its C-bit is
 * set.
 */
#ifndef PROTOCOL_PAGING_H
#define PROTOCOL_PAGING_H

#include "addr.h"
#include "status.h"

struct paging {
	gpa_t root;	     /* top table */
	uint64_t cmask;	     /* 1 << C-bit position, or 0 */
	unsigned int levels; /* 4 or 5 */
};

struct paging_leaf {
	gpa_t gpa;	/* of the address asked for, not of the page's start */
	uint64_t bytes; /* page size */
	bool encrypted, write, exec, user;
};

/* Supplies the plaintext of the table entry at @at, 8-byte aligned; not 0: it cannot be read. */
typedef int paging_entry_fn(void *arg, gpa_t at, uint64_t *ret);

/* Decodes CR3 and CR4 as a guest holds them (CR3 may carry the C-bit and a PCID). */
struct paging paging_from_cr(uint64_t cr3, uint64_t cr4, unsigned int cbit);

/* ST_FAULT: not mapped, or not canonical; ST_IO: a table could not be read. */
int paging_walk(const struct paging *p, paging_entry_fn *entry, void *arg, gva_t gva,
		struct paging_leaf *ret) MUST_USE;

/*
 * The maximal run of addresses around @gva that is mapped alike (flags and C-bit, not physical
 * contiguity) or not mapped at all; *last is inclusive. Bounded work: whole missing subtrees count
 * as one step; stops early at @limit leaves. Returns 1 when mapped, 0 when not.
 */
int paging_region(const struct paging *p, paging_entry_fn *entry, void *arg, gva_t gva,
		  unsigned int limit, uint64_t *first, uint64_t *last,
		  struct paging_leaf *ret) MUST_USE;

bool paging_canonical(const struct paging *p, gva_t gva);

#endif
