/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Target: deny_refresh, deny_allowed. The input is two ranges and entries that fill the tables:
 * whatever the guest writes there, the runs are sorted, disjoint and of whole pages, and no page
 * that a range leads to is left out.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/deny.h"
#include "protocol/limits.h"

enum { TABLES = 8, CBIT = 51, RANGE_BYTES = 17, PROBES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t tables[TABLES][PAGE_BYTES];
static struct deny deny;

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

static void check_runs(void)
{
	unsigned int i;

	if (deny.count > DENY_RUNS_MAX)
		abort();
	for (i = 0; i < deny.count; i++) {
		const struct deny_run *r = &deny.run[i];

		if (r->first % PAGE_BYTES || r->last % PAGE_BYTES != PAGE_BYTES - 1 ||
		    r->last < r->first)
			abort();
		if (i && r->first <= deny.run[i - 1].last + 1)
			abort();
		if (!deny.all &&
		    (deny_allowed(&deny, r->first, 1) || deny_allowed(&deny, r->last, 1)))
			abort();
	}
}

/* The first pages of @range, each by a walk of its own. */
static void check_range(const struct policy_range *range, const struct paging *p)
{
	uint64_t at = range->first;
	struct paging_leaf leaf;
	unsigned int i;

	for (i = 0; i < PROBES && at <= range->last; i++, at += PAGE_BYTES) {
		if (range->phys)
			leaf.gpa = GPA(at);
		else if (paging_walk(p, table, NULL, GVA(at), &leaf))
			continue;
		if (deny_allowed(&deny, leaf.gpa.v, 1))
			abort();
		if (at > UINT64_MAX - PAGE_BYTES)
			break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy = { .deny_count = 2 };
	struct paging p;
	size_t i, at = 0;

	if (size < 1 + 2 * RANGE_BYTES)
		return 0;
	p = paging_from_cr(0, data[at++] & 1 ? 1 << 12 : 0, CBIT);
	for (i = 0; i < policy.deny_count; i++, at += RANGE_BYTES) {
		struct policy_range *r = &policy.deny[i];

		*r = (struct policy_range){ data[at] & 1, get_le64(data + at + 1),
					    get_le64(data + at + 9) };
		if (r->last < r->first)
			return 0;
	}
	memset(tables, 0, sizeof(tables));
	/* Records of 8 bytes: where (which table, which entry), and a small entry. */
	for (; at + 8 <= size; at += 8) {
		uint64_t v = get_le64(data + at);

		put_le64(tables[v % TABLES] + (v >> 3 & 511) * 8,
			 (v >> 12 & 0xffff) | (v >> 28 & 3) << 51 | (v >> 30 & 1) << 63);
	}
	deny_refresh(&deny, &policy, &p, table, NULL);
	check_runs();
	for (i = 0; i < policy.deny_count; i++)
		check_range(&policy.deny[i], &p);
	return 0;
}
