/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* protocol/deny.c: which physical pages a policy's ranges are, and that doubt denies everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "protocol/deny.h"
#include "tests/unit/tables.h"

#define KERNEL 0xffff888000000000ull
#define TOP    0xfffffffffffff000ull

struct scene {
	struct tables tables;
	struct paging paging;
	struct policy policy;
	struct deny deny;
};

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->tables.used = 1;
	s->paging = paging_from_cr(BASE | C, 0, CBIT);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void map(struct scene *s, uint64_t gva, unsigned int level, uint64_t entry)
{
	tables_map(&s->tables, 4, gva, level, entry);
}

static void want(struct scene *s, bool phys, uint64_t first, uint64_t last)
{
	s->policy.deny[s->policy.deny_count++] = (struct policy_range){ phys, first, last };
}

static void refresh(struct scene *s)
{
	deny_refresh(&s->deny, &s->policy, &s->paging, tables_entry, &s->tables);
}

static void assert_run(const struct scene *s, unsigned int i, uint64_t first, uint64_t last)
{
	assert_true(i < s->deny.count);
	assert_int_equal(s->deny.run[i].first, first);
	assert_int_equal(s->deny.run[i].last, last);
}

static void physical_ranges(void **state)
{
	struct scene *s = *state;

	assert_false(deny_wanted(&s->policy));
	want(s, true, 0x5010, 0x5020);
	want(s, true, 0x2000, 0x2fff);
	want(s, true, 0x3000, 0x3000); /* touches the last */
	want(s, true, 0x9000, 0xafff);
	want(s, true, 0x4fff, 0x5000); /* joins two */
	want(s, true, UINT64_MAX, UINT64_MAX);
	assert_true(deny_wanted(&s->policy));
	refresh(s);
	assert_false(s->deny.all);
	assert_int_equal(s->deny.count, 3);
	assert_run(s, 0, 0x2000, 0x5fff);
	assert_run(s, 1, 0x9000, 0xafff);
	assert_run(s, 2, TOP, UINT64_MAX);
	assert_int_equal(deny_allowed(&s->deny, 0x1000, 0x1000), 0x1000);
	assert_int_equal(deny_allowed(&s->deny, 0x1ff0, 0x20), 0x10);
	assert_int_equal(deny_allowed(&s->deny, 0x2000, 1), 0);
	assert_int_equal(deny_allowed(&s->deny, 0x5fff, 1), 0);
	assert_int_equal(deny_allowed(&s->deny, 0x6000, 0x3000), 0x3000);
	assert_int_equal(deny_allowed(&s->deny, 0x6000, 0x3001), 0x3000);
	assert_int_equal(deny_allowed(&s->deny, UINT64_MAX, 1), 0);
	assert_int_equal(deny_allowed(&s->deny, TOP - 1, 2), 1);
	assert_int_equal(deny_allowed(&s->deny, TOP, 0x2000), 0);
	assert_int_equal(deny_allowed(&s->deny, TOP - 1, UINT64_MAX), 1);
	assert_int_equal(deny_allowed(&s->deny, 0, UINT64_MAX), 0x2000);
	assert_int_equal(deny_allowed(&s->deny, 0, 0), 0);
	/* What begins behind all runs ends with the address space. */
	s->deny.count--;
	assert_int_equal(deny_allowed(&s->deny, TOP, UINT64_MAX), 0x1000);
}

static void leaves_of_every_size(void **state)
{
	struct scene *s = *state;

	map(s, KERNEL, 1, 0x7000 | C | P);
	map(s, KERNEL + PAGE_BYTES, 1, 0x3000 | C | P);
	map(s, KERNEL + 0x200000, 2, 0x800000 | C | P | LARGE);
	map(s, KERNEL + 0x40000000, 3, 0x80000000 | P | LARGE);
	want(s, false, KERNEL + 10, KERNEL + PAGE_BYTES + 10);
	want(s, false, KERNEL + 0x201000, KERNEL + 0x201fff);
	want(s, false, KERNEL + 0x40123000, KERNEL + 0x40123fff);
	refresh(s);
	assert_false(s->deny.all);
	assert_int_equal(s->deny.count, 4);
	assert_run(s, 0, 0x3000, 0x3fff);
	assert_run(s, 1, 0x7000, 0x7fff);
	/* A part of a large page is that part, not all of it. */
	assert_run(s, 2, 0x801000, 0x801fff);
	assert_run(s, 3, 0x80123000, 0x80123fff);
}

static void holes_are_passed_over(void **state)
{
	struct scene *s = *state;

	map(s, KERNEL + 0x8000000000, 1, 0x7000 | C | P);
	map(s, TOP, 1, 0x9000 | C | P);
	want(s, false, KERNEL, UINT64_MAX);
	refresh(s);
	assert_false(s->deny.all);
	assert_int_equal(s->deny.count, 2);
	assert_run(s, 0, 0x7000, 0x7fff);
	assert_run(s, 1, 0x9000, 0x9fff);
}

/* What is looked up anew at each stop is what is mapped then. */
static void each_stop_looks_again(void **state)
{
	struct scene *s = *state;

	want(s, false, KERNEL, KERNEL + 0xfff);
	refresh(s);
	assert_int_equal(s->deny.count, 0);
	map(s, KERNEL, 1, 0x7000 | C | P);
	refresh(s);
	assert_run(s, 0, 0x7000, 0x7fff);
}

static void doubt_denies_everything(void **state)
{
	struct scene *s = *state;

	want(s, true, 0x1000, 0x1fff);
	want(s, false, KERNEL, KERNEL + 0xfff);
	/* No tables at all. */
	deny_refresh(&s->deny, &s->policy, NULL, tables_entry, &s->tables);
	assert_true(s->deny.all);
	assert_int_equal(deny_allowed(&s->deny, 0x100000, 1), 0);
	/* One that cannot be read. */
	map(s, KERNEL, 1, 0x7000 | C | P);
	refresh(s);
	assert_false(s->deny.all);
	s->tables.bad = BASE + PAGE_BYTES;
	refresh(s);
	assert_true(s->deny.all);
}

/* Every other page: more runs than there is room for. */
static void too_scattered(void **state)
{
	struct scene *s = *state;
	uint64_t i;

	for (i = 0; i < DENY_RUNS_MAX; i++)
		map(s, KERNEL + i * PAGE_BYTES, 1, (0x10000 + 2 * i * PAGE_BYTES) | P);
	want(s, false, KERNEL, KERNEL + DENY_RUNS_MAX * PAGE_BYTES - 1);
	refresh(s);
	assert_false(s->deny.all);
	assert_int_equal(s->deny.count, DENY_RUNS_MAX);
	want(s, true, 0, 0);
	refresh(s);
	assert_true(s->deny.all);
}

/* Tables that lead back to themselves make a range endless: the work is bounded. */
static void hostile_tables(void **state)
{
	struct scene *s = *state;
	unsigned int i;

	for (i = 0; i < 512; i++)
		put_le64(s->tables.page[0] + 8 * i, BASE | C | P);
	want(s, false, 0xffff800000000000, UINT64_MAX);
	refresh(s);
	assert_true(s->deny.all);
	assert_true(s->tables.reads <= 4 * (DENY_LEAVES_MAX + 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(physical_ranges),	       TEST(leaves_of_every_size),
		TEST(holes_are_passed_over),   TEST(each_stop_looks_again),
		TEST(doubt_denies_everything), TEST(too_scattered),
		TEST(hostile_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
