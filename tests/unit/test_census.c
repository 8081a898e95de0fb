/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Counting private and shared pages in page tables built here; pages_get is replaced by plain
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/sev/census.h"

enum {
	TABLES_GPA = 0x1000, /* one table a page from here on */
	TABLES = 8,
	TWO_MIB = 0x200000,
	CBIT = 51,
	PRESENT = 1,
	LARGE = 0x80,
};

#define C (1ull << CBIT)
/* The lowest place is taken by something else; the mapping is 3 GiB further. */
#define DIRECT 0xffff888000000000ull

static uint8_t tables[TABLES][PAGE_BYTES];

int pages_get(struct pages *pages, gpa_t gpa, bool encrypted, unsigned int ahead,
	      const uint8_t **ret, struct err *err)
{
	uint64_t i = (gpa.v - TABLES_GPA) / PAGE_BYTES;

	(void)pages;
	(void)ahead;
	assert_true(encrypted);
	if (i >= TABLES)
		return err_set(err, ST_FAULT, "no table");
	*ret = tables[i];
	return 0;
}

static void put(unsigned int table, unsigned int index, uint64_t entry)
{
	put_le64(&tables[table][8 * index], entry);
}

static uint64_t to_table(unsigned int table)
{
	return (TABLES_GPA + table * PAGE_BYTES) | C | PRESENT;
}

/* 8 MiB of RAM from 0, as Linux maps it: 4 KiB pages first, then 2 MiB ones. */
static int setup(void **state)
{
	unsigned int i;

	(void)state;
	memset(tables, 0, sizeof(tables));
	put(0, DIRECT >> 39 & 511, to_table(1));
	put(1, 0, to_table(4)); /* a page that is no direct mapping: its address does not fit */
	put(4, 0, to_table(5));
	put(5, 7, 0x100000 | C | PRESENT);
	put(1, 3, to_table(2));
	put(2, 0, to_table(3));
	for (i = 0; i < 512; i++)
		put(3, i, (uint64_t)i * PAGE_BYTES | C | PRESENT);
	put(3, 100, 100 * PAGE_BYTES | PRESENT); /* shared */
	put(3, 101, 101 * PAGE_BYTES | PRESENT);
	put(3, 200, 0); /* taken out */
	put(2, 1, 1ull * TWO_MIB | C | PRESENT | LARGE);
	put(2, 2, 2ull * TWO_MIB | PRESENT | LARGE);
	put(2, 3, 3ull * TWO_MIB | C | PRESENT | LARGE);
	return 0;
}

static const struct paging paging = { .root = { TABLES_GPA }, .cmask = C, .levels = 4 };

static void test_count(void **state)
{
	struct vm vm = { .nranges = 2,
			 .range = { { .gpa = { 0 }, .bytes = 0xa0000 },
				    { .gpa = { 0x100000 }, .bytes = 0x700000 } } };
	struct census c;
	struct err err;

	(void)state;
	assert_int_equal(census_take(NULL, &vm, &paging, &c, &err), 0);
	assert_int_equal(c.shared, 512 + 2); /* 100, 101 are below 0xa0000 */
	assert_int_equal(c.unmapped, 0);     /* 200 lies between the ranges */
	assert_int_equal(c.private + c.shared, (0xa0000 + 0x700000) / PAGE_BYTES);
	vm.nranges = 1;
	vm.range[0].bytes = 10ull << 20; /* 2 MiB more than are mapped */
	assert_int_equal(census_take(NULL, &vm, &paging, &c, &err), 0);
	assert_int_equal(c.shared, 512 + 2);
	assert_int_equal(c.unmapped, 512 + 1);
	assert_int_equal(c.private, 2048 - 512 - 2 - 1);
}

/* A range that ends inside a large page counts up to its end. */
static void test_part_of_large_page(void **state)
{
	struct vm vm = { .nranges = 1, .range = { { .gpa = { 0x3ff000 }, .bytes = 0x3000 } } };
	struct census c;
	struct err err;

	(void)state;
	assert_int_equal(census_take(NULL, &vm, &paging, &c, &err), 0);
	assert_int_equal(c.private, 1);
	assert_int_equal(c.shared, 2);
	assert_int_equal(c.unmapped, 0);
}

static void test_no_kernel(void **state)
{
	struct vm vm = { .nranges = 1, .range = { { .gpa = { 0 }, .bytes = 0x100000 } } };
	struct census c;
	struct err err;

	(void)state;
	put(0, DIRECT >> 39 & 511, 0);
	assert_int_equal(census_take(NULL, &vm, &paging, &c, &err), ST_FAULT);
	assert_non_null(strstr(err.text, "direct mapping"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_count, setup),
		cmocka_unit_test_setup(test_part_of_large_page, setup),
		cmocka_unit_test_setup(test_no_kernel, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
