/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Planted int3 bytes: write-ahead in the journal, then in memory; undone in the other order. */
#include "host/target/planted.h"

enum { INT3 = 0xcc };

static struct journal_point *find(struct journal *journal, gpa_t gpa)
{
	unsigned int i;

	for (i = 0; i < JOURNAL_POINTS_MAX; i++)
		if (journal->point[i].used && journal->point[i].gpa == gpa.v)
			return &journal->point[i];
	return NULL;
}

static struct journal_point *find_free(struct journal *journal)
{
	unsigned int i;

	for (i = 0; i < JOURNAL_POINTS_MAX; i++)
		if (!journal->point[i].used)
			return &journal->point[i];
	return NULL;
}

/*
 * The keeper must see the entry's fields before `used`, and `used` before the guest's memory
 * changes.
 */
static void publish(bool *used, bool value)
{
	__atomic_store_n(used, value, __ATOMIC_SEQ_CST);
}

int planted_insert(struct journal *journal, struct pages *pages, gpa_t gpa, bool encrypted,
		   struct err *err)
{
	static const uint8_t int3 = INT3;
	struct journal_point *point = find_free(journal);
	const uint8_t *page;
	int status;

	if (find(journal, gpa))
		return 0;
	if (!point)
		return err_set(err, ST_NOSPC, "%d software breakpoints are planted already",
			       JOURNAL_POINTS_MAX);
	status = pages_get(pages, gpa, encrypted, 0, &page, err);
	if (status)
		return status;
	point->gpa = gpa.v;
	point->encrypted = encrypted;
	point->byte = page[gpa.v % PAGE_BYTES];
	publish(&point->used, true);
	status = pages_put(pages, gpa, encrypted, &int3, 1, err);
	if (status)
		publish(&point->used, false);
	return status;
}

static int take_out(struct journal_point *point, struct pages *pages, struct err *err)
{
	int status = pages_put(pages, GPA(point->gpa), point->encrypted, &point->byte, 1, err);

	if (!status)
		publish(&point->used, false);
	return status;
}

int planted_remove(struct journal *journal, struct pages *pages, gpa_t gpa, struct err *err)
{
	struct journal_point *point = find(journal, gpa);

	return point ? take_out(point, pages, err) : 0;
}

int planted_undo(struct journal *journal, struct pages *pages, struct err *err)
{
	struct err later;
	int first = 0;
	unsigned int i;

	for (i = 0; i < JOURNAL_POINTS_MAX; i++) {
		int status = 0;

		if (journal->point[i].used)
			status = take_out(&journal->point[i], pages, first ? &later : err);
		if (!first)
			first = status;
	}
	return first;
}

void planted_hide(const struct journal *journal, gpa_t gpa, void *buf, size_t len)
{
	unsigned int i;

	for (i = 0; i < JOURNAL_POINTS_MAX; i++) {
		const struct journal_point *point = &journal->point[i];

		if (point->used && point->gpa - gpa.v < len)
			((uint8_t *)buf)[point->gpa - gpa.v] = point->byte;
	}
}

void planted_keep(struct journal *journal, gpa_t gpa, void *buf, size_t len)
{
	unsigned int i;

	for (i = 0; i < JOURNAL_POINTS_MAX; i++) {
		struct journal_point *point = &journal->point[i];

		if (point->used && point->gpa - gpa.v < len) {
			point->byte = ((uint8_t *)buf)[point->gpa - gpa.v];
			((uint8_t *)buf)[point->gpa - gpa.v] = INT3;
		}
	}
}
