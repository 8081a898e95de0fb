/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Page tables that a test builds, with entries as an encrypted Linux guest has them. Include after
 * <cmocka.h>.
 */
#ifndef TESTS_UNIT_TABLES_H
#define TESTS_UNIT_TABLES_H

#include <string.h>

#include "protocol/limits.h"
#include "protocol/paging.h"

enum {
	TABLES = 32,
	P = 1, /* present */
	W = 2,
	U = 4,
	LARGE = 0x80,
	PAT_LARGE = 0x1000,
	CBIT = 51,
};

#define NX   (1ull << 63)
#define C    (1ull << CBIT)
#define BASE 0x100000ull

struct tables {
	uint8_t page[TABLES][PAGE_BYTES];
	unsigned int used, reads;
	uint64_t bad; /* a table that cannot be read */
};

static inline int tables_entry(void *arg, gpa_t at, uint64_t *ret)
{
	struct tables *t = arg;
	uint64_t page = at.v - at.v % PAGE_BYTES, i = (page - BASE) / PAGE_BYTES;

	t->reads++;
	assert_int_equal(at.v % sizeof(uint64_t), 0);
	if (page == t->bad || i >= t->used)
		return ST_IO;
	*ret = get_le64(t->page[i] + at.v % PAGE_BYTES);
	return 0;
}

/* Maps @gva by a leaf @entry at @level, adding tables as needed; their entries carry C like
 * Linux's. */
static inline void tables_map(struct tables *t, unsigned int levels, uint64_t gva,
			      unsigned int level, uint64_t entry)
{
	unsigned int at = 0, l;

	for (l = levels; l > level; l--) {
		uint8_t *e = &t->page[at][(gva >> (12 + 9 * (l - 1)) & 511) * 8];

		if (!get_le64(e))
			put_le64(e, (BASE + (uint64_t)t->used++ * PAGE_BYTES) | C | P | W | U);
		at = (unsigned int)(((get_le64(e) & ~C & ~0xfffull) - BASE) / PAGE_BYTES);
	}
	put_le64(&t->page[at][(gva >> (12 + 9 * (level - 1)) & 511) * 8], entry);
}

#endif
