/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Runs of physical pages, sorted by insertion: policies deny a few ranges, kernels map them in a
 * few large pieces. The tables that are walked are the guest's, which may be hostile to an agent:
 * every walk takes from one budget.
 */
#include "deny.h"

#include "limits.h"

#define PAGE_MASK_BITS ((uint64_t)PAGE_BYTES - 1)

/* What one run of the refresh works with. */
struct refresh {
	struct deny *deny;
	const struct paging *paging;
	paging_entry_fn *entry;
	void *arg;
	unsigned int leaves; /* still to be looked at */
};

bool deny_wanted(const struct policy *policy)
{
	return policy->deny_count > 0;
}

static void remove_runs(struct deny *d, unsigned int at, unsigned int count)
{
	memmove(&d->run[at], &d->run[at + count], (d->count - at - count) * sizeof(d->run[0]));
	d->count -= count;
}

/* Adds [first, last], merged with what it touches. */
static void add(struct deny *d, uint64_t first, uint64_t last)
{
	unsigned int at = 0, touched = 0;

	first &= ~PAGE_MASK_BITS;
	last |= PAGE_MASK_BITS;
	/* Before @at everything ends before us, and not right before us. */
	while (at < d->count && d->run[at].last < first && d->run[at].last + 1 != first)
		at++;
	for (; at + touched < d->count; touched++) {
		struct deny_run *r = &d->run[at + touched];

		if (r->first > last && r->first != last + 1)
			break;
		if (r->first < first)
			first = r->first;
		if (r->last > last)
			last = r->last;
	}
	remove_runs(d, at, touched);
	if (d->count == DENY_RUNS_MAX) {
		d->all = true;
		return;
	}
	memmove(&d->run[at + 1], &d->run[at], (d->count - at) * sizeof(d->run[0]));
	d->run[at] = (struct deny_run){ first, last };
	d->count++;
}

/*
 * The piece of [*at, last] that begins at *at: one leaf, or a hole; moves *at behind it. False: the
 * tables cannot be followed, or the budget is used up.
 */
static bool follow(struct refresh *r, uint64_t *at, uint64_t last)
{
	uint64_t first_hole, last_hole, piece_last;
	struct paging_leaf leaf;
	int status;

	if (!r->leaves)
		return false;
	r->leaves--;
	status = paging_walk(r->paging, r->entry, r->arg, GVA(*at), &leaf);
	if (!status) {
		piece_last = *at | (leaf.bytes - 1);
		if (piece_last > last)
			piece_last = last;
		add(r->deny, leaf.gpa.v, leaf.gpa.v + (piece_last - *at));
	} else if (status == ST_FAULT) {
		/* The whole of a missing subtree at once. */
		if (paging_region(r->paging, r->entry, r->arg, GVA(*at), 0, &first_hole, &last_hole,
				  &leaf) != 0)
			return false;
		piece_last = last_hole > last ? last : last_hole;
	} else {
		return false;
	}
	*at = piece_last + 1;
	return true;
}

static bool follow_range(struct refresh *r, const struct policy_range *range)
{
	uint64_t at = range->first;

	do {
		if (!follow(r, &at, range->last))
			return false;
	} while (at && at <= range->last && !r->deny->all);
	return true;
}

void deny_add(struct deny *d, const struct policy *policy, const struct paging *p,
	      paging_entry_fn *entry, void *arg)
{
	struct refresh r = { d, p, entry, arg, DENY_LEAVES_MAX };
	unsigned int i;

	for (i = 0; i < policy->deny_count && !d->all; i++) {
		const struct policy_range *range = &policy->deny[i];

		if (range->phys)
			add(d, range->first, range->last);
		else if (!p || !follow_range(&r, range))
			d->all = true;
	}
}

void deny_refresh(struct deny *d, const struct policy *policy, const struct paging *p,
		  paging_entry_fn *entry, void *arg)
{
	d->all = false;
	d->count = 0;
	deny_add(d, policy, p, entry, arg);
}

uint64_t deny_allowed(const struct deny *d, uint64_t gpa, uint64_t len)
{
	unsigned int low = 0, high = d->count;
	uint64_t gap;

	if (d->all)
		return 0;
	/* Nothing goes around the end of the address space: pages at its start may be denied. */
	if (gpa && len > -gpa)
		len = -gpa;
	/* The first run that ends at or behind @gpa. */
	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (d->run[middle].last < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == d->count)
		return len;
	gap = d->run[low].first > gpa ? d->run[low].first - gpa : 0;
	return gap < len ? gap : len;
}
