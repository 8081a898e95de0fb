/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The direct mapping starts the kernel half of the address space, at a place that KASLR
 * (CONFIG_RANDOMIZE_MEMORY) moves in steps of 1 GiB: the first thing mapped there is its beginning.
 */
#include "host/sev/census.h"

#include <inttypes.h>

enum { CENSUS_REGIONS_MAX = 64 }; /* holes and regions looked at before giving up */

#define KERNEL_HALF_4 0xffff800000000000ull
#define KERNEL_HALF_5 0xff00000000000000ull
#define GIB	      (1ull << 30)

struct walk {
	struct pages *pages;
	struct err *err;
};

static int table_entry(void *arg, gpa_t at, uint64_t *ret)
{
	struct walk *w = arg;
	const uint8_t *page;
	int status = pages_get(w->pages, at, true, 0, &page, w->err);

	if (!status)
		*ret = get_le64(page + at.v % PAGE_BYTES);
	return status;
}

/* *ret: where guest physical address 0 is mapped. */
static int find_base(struct walk *w, const struct paging *p, uint64_t *ret)
{
	uint64_t at = p->levels == 5 ? KERNEL_HALF_5 : KERNEL_HALF_4;
	unsigned int i;

	for (i = 0; i < CENSUS_REGIONS_MAX; i++) {
		struct paging_leaf leaf;
		uint64_t first, last;
		int mapped =
			paging_region(p, table_entry, w, GVA(at), PAGE_BYTES, &first, &last, &leaf);

		if (mapped < 0)
			return mapped;
		if (mapped && (at - leaf.gpa.v) % GIB == 0) {
			*ret = at - leaf.gpa.v;
			return 0;
		}
		if (last == UINT64_MAX)
			break;
		at = last + 1;
	}
	return err_set(w->err, ST_FAULT,
		       "the page tables show no direct mapping; is this a Linux kernel?");
}

static int count_range(struct walk *w, const struct paging *p, uint64_t base,
		       const struct vm_range *range, struct census *c)
{
	uint64_t at = range->gpa.v, end = at + range->bytes, next;

	for (; at < end; at = next) {
		struct paging_leaf leaf;
		int status = paging_walk(p, table_entry, w, GVA(base + at), &leaf);
		bool mapped = !status && leaf.gpa.v == at;

		if (status && status != ST_FAULT)
			return status;
		next = at + (mapped ? leaf.bytes - leaf.gpa.v % leaf.bytes : PAGE_BYTES);
		if (next > end)
			next = end;
		if (!mapped)
			c->unmapped += (next - at) / PAGE_BYTES;
		else if (leaf.encrypted)
			c->private += (next - at) / PAGE_BYTES;
		else
			c->shared += (next - at) / PAGE_BYTES;
	}
	return 0;
}

int census_take(struct pages *pages, const struct vm *vm, const struct paging *p,
		struct census *ret, struct err *err)
{
	struct walk w = { .pages = pages, .err = err };
	struct census c = { 0 };
	uint64_t base = 0;
	unsigned int i;
	int status = find_base(&w, p, &base);

	for (i = 0; !status && i < vm->nranges; i++)
		status = count_range(&w, p, base, &vm->range[i], &c);
	if (status)
		return err_add(err, status, "counting private and shared pages");
	*ret = c;
	return 0;
}
