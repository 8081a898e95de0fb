/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Page walks (see paging.h). One function goes down the tables; translating and finding regions are
 * both made of it. Entries come from the guest: any value may occur, none may lead out of the
 * table that was asked for.
 */
#include "paging.h"

#include "limits.h"

#define ENTRY_PRESENT (1ull << 0)
#define ENTRY_WRITE   (1ull << 1)
#define ENTRY_USER    (1ull << 2)
#define ENTRY_LARGE   (1ull << 7)
#define ENTRY_NX      (1ull << 63)
#define ENTRY_ADDR    0x000ffffffffff000ull /* bits 51:12 */

#define CR4_LA57 (1ull << 12)

enum {
	PAGE_SHIFT = 12,
	INDEX_BITS = 9,
	INDEX_MASK = (1 << INDEX_BITS) - 1,
	ENTRY_BYTES = 8,
};

/* Where a walk ended: at a leaf, or at an entry whose absence leaves @bytes unmapped. */
struct block {
	uint64_t first, bytes;
	bool mapped;
	struct paging_leaf leaf;
};

struct paging paging_from_cr(uint64_t cr3, uint64_t cr4, unsigned int cbit)
{
	uint64_t cmask = cbit ? 1ull << cbit : 0;

	return (struct paging){
		.root = GPA(cr3 & ENTRY_ADDR & ~cmask),
		.cmask = cmask,
		.levels = cr4 & CR4_LA57 ? 5 : 4,
	};
}

/* Size of each half of the canonical addresses. */
static uint64_t half_bytes(const struct paging *p)
{
	return 1ull << (PAGE_SHIFT + INDEX_BITS * p->levels - 1);
}

bool paging_canonical(const struct paging *p, gva_t gva)
{
	return gva.v < half_bytes(p) || gva.v >= -half_bytes(p);
}

/* What one entry of a level-@level table maps. */
static unsigned int level_shift(unsigned int level)
{
	return PAGE_SHIFT + INDEX_BITS * (level - 1);
}

static bool entry_is_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || (entry & ENTRY_LARGE);
}

/* PS is reserved above level 3 (Intel SDM 4.5, APM 2 5.3): the CPU faults, so nothing is mapped. */
static bool entry_valid(uint64_t entry, unsigned int level)
{
	return (entry & ENTRY_PRESENT) && !(level > 3 && (entry & ENTRY_LARGE));
}

static int descend(const struct paging *p, paging_entry_fn *entry, void *arg, gva_t gva,
		   struct block *ret)
{
	gpa_t at = p->root;
	bool write = true, user = true, exec = true;
	unsigned int level;

	for (level = p->levels; level; level--) {
		unsigned int shift = level_shift(level);
		uint64_t value, offset = gva.v & ((1ull << shift) - 1);

		at.v += (gva.v >> shift & INDEX_MASK) * ENTRY_BYTES;
		if (entry(arg, at, &value))
			return ST_IO;
		*ret = (struct block){ .first = gva.v - offset, .bytes = 1ull << shift };
		if (!entry_valid(value, level))
			return 0;
		write &= !!(value & ENTRY_WRITE);
		user &= !!(value & ENTRY_USER);
		exec &= !(value & ENTRY_NX);
		at = GPA(value & ENTRY_ADDR & ~p->cmask);
		if (!entry_is_leaf(value, level))
			continue;
		/* Of a large leaf the low address bits are PAT and reserved ones. */
		at.v &= ~((1ull << shift) - 1);
		ret->mapped = true;
		ret->leaf = (struct paging_leaf){
			.gpa = GPA(at.v + offset),
			.bytes = 1ull << shift,
			.encrypted = value & p->cmask,
			.write = write,
			.exec = exec,
			.user = user,
		};
		return 0;
	}
	return ST_INVAL; /* levels 0 */
}

int paging_walk(const struct paging *p, paging_entry_fn *entry, void *arg, gva_t gva,
		struct paging_leaf *ret)
{
	struct block block = { 0 };
	int status;

	if (!paging_canonical(p, gva))
		return ST_FAULT;
	status = descend(p, entry, arg, gva, &block);
	if (status)
		return status;
	if (!block.mapped)
		return ST_FAULT;
	*ret = block.leaf;
	return 0;
}

static bool alike(const struct block *a, const struct block *b)
{
	if (a->mapped != b->mapped)
		return false;
	return !a->mapped ||
	       (a->leaf.encrypted == b->leaf.encrypted && a->leaf.write == b->leaf.write &&
		a->leaf.exec == b->leaf.exec && a->leaf.user == b->leaf.user);
}

/* The addresses that @gva's region can extend over: its canonical half, or the hole between the
 * halves. */
static void region_bounds(const struct paging *p, gva_t gva, uint64_t *first, uint64_t *last)
{
	uint64_t half = half_bytes(p);

	if (gva.v < half) {
		*first = 0;
		*last = half - 1;
	} else if (gva.v >= -half) {
		*first = -half;
		*last = UINT64_MAX;
	} else {
		*first = half;
		*last = -half - 1;
	}
}

int paging_region(const struct paging *p, paging_entry_fn *entry, void *arg, gva_t gva,
		  unsigned int limit, uint64_t *first, uint64_t *last, struct paging_leaf *ret)
{
	uint64_t lowest, highest;
	struct block here = { 0 }, next = { 0 };
	int status;

	region_bounds(p, gva, &lowest, &highest);
	if (!paging_canonical(p, gva)) {
		*first = lowest;
		*last = highest;
		return 0;
	}
	status = descend(p, entry, arg, gva, &here);
	if (status)
		return status;
	*first = here.first;
	*last = here.first + (here.bytes - 1);
	/* A table that cannot be read ends the region: what is known is still true. */
	while (*last < highest && limit && !descend(p, entry, arg, GVA(*last + 1), &next) &&
	       alike(&here, &next)) {
		*last += next.bytes;
		limit--;
	}
	while (*first > lowest && limit && !descend(p, entry, arg, GVA(*first - 1), &next) &&
	       alike(&here, &next)) {
		*first = next.first;
		limit--;
	}
	if (here.mapped)
		*ret = here.leaf;
	return here.mapped;
}
