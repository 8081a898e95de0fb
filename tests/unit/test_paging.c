/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * protocol/paging.c on tables built here: four and five levels, every leaf size, the C-bit, flags,
 * holes, non-canonical addresses, unreadable tables, and regions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tables.h"

static int setup(void **state)
{
	struct tables *t = calloc(1, sizeof(*t));

	t->used = 1;
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct paging paging(unsigned int levels)
{
	return paging_from_cr(BASE | C | 0x18, levels == 5 ? 1 << 12 : 0, CBIT);
}

static void control_registers_are_decoded(void **state)
{
	struct paging p = paging_from_cr(0x8000000012345fffull | C, 1 << 12, CBIT);

	(void)state;
	assert_int_equal(p.root.v, 0x12345000);
	assert_int_equal(p.levels, 5);
	assert_int_equal(p.cmask, C);
	assert_int_equal(paging_from_cr(0, 0, 0).cmask, 0);
	assert_int_equal(paging_from_cr(0, 0, 0).levels, 4);
}

static void every_leaf_size(void **state)
{
	struct tables *t = *state;
	static const struct {
		unsigned int levels, level;
		uint64_t gva, entry, gpa;
		bool encrypted, write, exec, user;
	} rows[] = {
		{ 4, 1, 0xffff888000123456, 0x7000 | C | P | W, 0x7456, true, true, true, false },
		{ 4, 1, 0x00007fffdeadb123, 0x8000 | P | U | NX, 0x8123, false, false, false,
		  true },
		{ 4, 2, 0xffffffff81234567, 0x40200000 | C | P | LARGE | PAT_LARGE, 0x40234567,
		  true, false, true, false },
		{ 4, 3, 0xffff88c0deadbeef, 0x140000000 | P | W | LARGE | PAT_LARGE, 0x15eadbeef,
		  false, true, true, false },
		{ 5, 1, 0xff11000000001008, 0x9000 | C | P | W | NX, 0x9008, true, true, false,
		  false },
		{ 5, 2, 0xffffffff81234567, 0x600000 | C | P | LARGE, 0x634567, true, false, true,
		  false },
	};
	struct paging_leaf leaf;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct paging p = paging(rows[i].levels);

		memset(t, 0, sizeof(*t));
		t->used = 1;
		tables_map(t, rows[i].levels, rows[i].gva, rows[i].level, rows[i].entry);
		assert_int_equal(paging_walk(&p, tables_entry, t, GVA(rows[i].gva), &leaf), 0);
		assert_int_equal(t->reads, rows[i].levels - rows[i].level + 1);
		assert_int_equal(leaf.gpa.v, rows[i].gpa);
		assert_int_equal(leaf.bytes, 1ull << (12 + 9 * (rows[i].level - 1)));
		assert_int_equal(leaf.encrypted, rows[i].encrypted);
		assert_int_equal(leaf.write, rows[i].write);
		assert_int_equal(leaf.exec, rows[i].exec);
		assert_int_equal(leaf.user, rows[i].user);
	}
}

static void what_is_not_mapped(void **state)
{
	struct tables *t = *state;
	struct paging p4 = paging(4), p5 = paging(5);
	struct paging_leaf leaf;

	tables_map(t, 4, 0x1000, 1, 0x7000 | P);
	assert_int_equal(paging_walk(&p4, tables_entry, t, GVA(0x2000), &leaf), ST_FAULT);
	assert_int_equal(paging_walk(&p4, tables_entry, t, GVA(1ull << 40), &leaf), ST_FAULT);
	/* Not present, whatever the other bits say: swapped out. */
	tables_map(t, 4, 0x3000, 1, 0x7000 | W | U);
	assert_int_equal(paging_walk(&p4, tables_entry, t, GVA(0x3000), &leaf), ST_FAULT);
	/* PS is reserved in the top table. */
	tables_map(t, 4, 1ull << 39, 4, 0x7000 | P | LARGE);
	assert_int_equal(paging_walk(&p4, tables_entry, t, GVA(1ull << 39), &leaf), ST_FAULT);
	t->reads = 0;
	assert_int_equal(paging_walk(&p4, tables_entry, t, GVA(0x800000000000), &leaf), ST_FAULT);
	assert_int_equal(paging_walk(&p4, tables_entry, t, GVA(0xffff7fffffffffff), &leaf),
			 ST_FAULT);
	assert_int_equal(paging_walk(&p5, tables_entry, t, GVA(0x0100000000000000), &leaf),
			 ST_FAULT);
	assert_int_equal(t->reads, 0);
	assert_true(paging_canonical(&p5, GVA(0xff11000000000000)));
	assert_false(paging_canonical(&p4, GVA(0xff11000000000000)));
}

static void a_table_that_cannot_be_read(void **state)
{
	struct tables *t = *state;
	struct paging p = paging(4);
	struct paging_leaf leaf;
	unsigned int i;

	tables_map(t, 4, 0x1000, 1, 0x7000 | P);
	for (i = 0; i < 4; i++) {
		t->bad = BASE + (uint64_t)i * PAGE_BYTES;
		assert_int_equal(paging_walk(&p, tables_entry, t, GVA(0x1000), &leaf), ST_IO);
	}
}

static void assert_region(struct tables *t, uint64_t gva, int mapped, uint64_t first, uint64_t last)
{
	struct paging p = paging(4);
	struct paging_leaf leaf;
	uint64_t f, l;

	assert_int_equal(paging_region(&p, tables_entry, t, GVA(gva), 10000, &f, &l, &leaf),
			 mapped);
	assert_int_equal(f, first);
	assert_int_equal(l, last);
}

static void regions(void **state)
{
	struct tables *t = *state;
	uint64_t va;

	/* 1-3 private, 4 shared, 5 a hole, 6 read-only; then 2 MiB pages, the same kind as the 4
	 * KiB before. */
	for (va = 0x1000; va <= 0x3000; va += PAGE_BYTES)
		tables_map(t, 4, va, 1, (0x900000 - va) | C | P | W);
	tables_map(t, 4, 0x4000, 1, 0x7000 | P | W);
	tables_map(t, 4, 0x6000, 1, 0x7000 | C | P);
	tables_map(t, 4, 0x1ff000, 1, 0x7000 | C | P | W);
	tables_map(t, 4, 0x200000, 2, 0x200000 | C | P | W | LARGE);
	tables_map(t, 4, 0x400000, 2, 0x800000 | C | P | W | LARGE);

	assert_region(t, 0x0123, 0, 0, 0xfff);
	assert_region(t, 0x2345, 1, 0x1000, 0x3fff);
	assert_region(t, 0x4000, 1, 0x4000, 0x4fff);
	assert_region(t, 0x5fff, 0, 0x5000, 0x5fff);
	assert_region(t, 0x6000, 1, 0x6000, 0x6fff);
	assert_region(t, 0x3fffff, 1, 0x1ff000, 0x5fffff);
	assert_region(t, 1ull << 45, 0, 0x600000, 0x7fffffffffff);
	assert_region(t, UINT64_MAX, 0, 0xffff800000000000, UINT64_MAX);
	assert_region(t, 0x900000000000, 0, 0x800000000000, 0xffff7fffffffffff);
}

static void regions_are_bounded(void **state)
{
	struct tables *t = *state;
	struct paging p = paging(4);
	struct paging_leaf leaf;
	uint64_t va, first, last;

	for (va = 0; va < 0x100000; va += PAGE_BYTES)
		tables_map(t, 4, va, 1, va | C | P);
	assert_int_equal(paging_region(&p, tables_entry, t, GVA(0), 7, &first, &last, &leaf), 1);
	assert_int_equal(first, 0);
	assert_int_equal(last, 0x7fff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_registers_are_decoded),
		cmocka_unit_test_setup_teardown(every_leaf_size, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_mapped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_table_that_cannot_be_read, setup, teardown),
		cmocka_unit_test_setup_teardown(regions, setup, teardown),
		cmocka_unit_test_setup_teardown(regions_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
