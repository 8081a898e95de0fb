/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: paging_walk, paging_region. The input is an address, then entries that fill the tables:
 * whatever the guest writes there, both end, agree with each other and name only pages.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/limits.h"
#include "protocol/paging.h"

enum { TABLES = 8, CBIT = 51 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t tables[TABLES][PAGE_BYTES];

static int table(void *arg, gpa_t at, uint64_t *ret)
{
	(void)arg;
	if (at.v % sizeof(*ret) || at.v >> CBIT & 1)
		abort();
	if (at.v / PAGE_BYTES >= TABLES)
		return ST_IO;
	*ret = get_le64(tables[at.v / PAGE_BYTES] + at.v % PAGE_BYTES);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct paging p;
	struct paging_leaf leaf, same;
	uint64_t first, last;
	gva_t gva;
	size_t i;
	int status, mapped;

	if (size < 17)
		return 0;
	gva = GVA(get_le64(data));
	p = paging_from_cr(0, data[8] & 1 ? 1 << 12 : 0, CBIT);
	memset(tables, 0, sizeof(tables));
	/* Records of 8 bytes: where (which table, which entry), and a small entry. */
	for (i = 9; i + 8 <= size; i += 8) {
		uint64_t v = get_le64(data + i);

		put_le64(tables[v % TABLES] + (v >> 3 & 511) * 8,
			 (v >> 12 & 0xffff) | (v >> 28 & 3) << 51 | (v >> 30 & 1) << 63);
	}
	status = paging_walk(&p, table, NULL, gva, &leaf);
	mapped = paging_region(&p, table, NULL, gva, 64, &first, &last, &same);
	if (mapped >= 0 && (first > gva.v || last < gva.v))
		abort();
	if ((status == 0) != (mapped == 1) || (status == ST_IO) != (mapped == ST_IO))
		abort();
	if (!status && (leaf.gpa.v != same.gpa.v || leaf.gpa.v >> CBIT & 1))
		abort();
	return 0;
}
