/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The page cache: a hash table and a recency list over a fixed number of slots. A page is known by
 * its address and by how it was read, since the same bytes look different with and without the
 * C-bit. Asks the PSP for exactly the pages that were asked for and are not here, neighbours
 * together.
 */
#include "host/sev/pages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	BUCKETS = 2 * PAGES_MAX,
	NONE = -1,
};

struct page {
	uint64_t key;	  /* page address | encrypted */
	int chain;	  /* next in the bucket */
	int newer, older; /* recency */
};

struct pages {
	struct psp *psp;
	struct pages_stats stats;
	unsigned int used; /* slots below are in the recency list */
	int newest, oldest;
	int bucket[BUCKETS];
	struct page page[PAGES_MAX];
	uint8_t *data;				    /* PAGES_MAX pages */
	uint8_t batch[PSP_BATCH_PAGES][PAGE_BYTES]; /* landing place of one request */
};

static uint64_t page_key(uint64_t gpa, bool encrypted)
{
	return (gpa & ~(uint64_t)(PAGE_BYTES - 1)) | encrypted;
}

static unsigned int hash(uint64_t key)
{
	/* Fibonacci hashing: neighbours spread over all buckets. */
	return (unsigned int)((key >> 12 ^ key << 20) * 0x9e3779b97f4a7c15ull >> 40) % BUCKETS;
}

static uint8_t *page_data(struct pages *p, int slot)
{
	return p->data + (size_t)slot * PAGE_BYTES;
}

/* --- recency list --- */

static void list_remove(struct pages *p, int slot)
{
	struct page *page = &p->page[slot];

	if (page->newer == NONE)
		p->newest = page->older;
	else
		p->page[page->newer].older = page->older;
	if (page->older == NONE)
		p->oldest = page->newer;
	else
		p->page[page->older].newer = page->newer;
}

static void list_add_newest(struct pages *p, int slot)
{
	p->page[slot].newer = NONE;
	p->page[slot].older = p->newest;
	if (p->newest == NONE)
		p->oldest = slot;
	else
		p->page[p->newest].newer = slot;
	p->newest = slot;
}

static void list_add_oldest(struct pages *p, int slot)
{
	p->page[slot].older = NONE;
	p->page[slot].newer = p->oldest;
	if (p->oldest == NONE)
		p->newest = slot;
	else
		p->page[p->oldest].older = slot;
	p->oldest = slot;
}

/* --- hash table; a slot that holds nothing has key UINT64_MAX and is in no bucket --- */

#define KEY_NONE UINT64_MAX

static int find(const struct pages *p, uint64_t key)
{
	int slot = p->bucket[hash(key)];

	while (slot != NONE && p->page[slot].key != key)
		slot = p->page[slot].chain;
	return slot;
}

static void unhash(struct pages *p, int slot)
{
	int *link;

	if (p->page[slot].key == KEY_NONE)
		return;
	link = &p->bucket[hash(p->page[slot].key)];
	while (*link != slot)
		link = &p->page[*link].chain;
	*link = p->page[slot].chain;
	p->page[slot].key = KEY_NONE;
}

/* Makes @key known as the newest page; the caller fills its data. */
static int insert(struct pages *p, uint64_t key)
{
	int slot, *bucket = &p->bucket[hash(key)];

	if (p->used < PAGES_MAX) {
		slot = (int)p->used++;
	} else {
		slot = p->oldest;
		list_remove(p, slot);
		unhash(p, slot);
	}
	p->page[slot].key = key;
	p->page[slot].chain = *bucket;
	*bucket = slot;
	list_add_newest(p, slot);
	return slot;
}

static void forget(struct pages *p, uint64_t key)
{
	int slot = find(p, key);

	if (slot == NONE)
		return;
	unhash(p, slot);
	list_remove(p, slot);
	list_add_oldest(p, slot);
}

/* --- life --- */

int pages_create(struct psp *psp, struct pages **ret, struct err *err)
{
	struct pages *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(err, ST_NOMEM, "page cache: out of memory");
	/* Pages that are never used cost nothing. */
	p->data = mmap(NULL, (size_t)PAGES_MAX * PAGE_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->data == MAP_FAILED) {
		free(p);
		return err_set(err, ST_NOMEM, "page cache: out of memory");
	}
	p->psp = psp;
	pages_drop(p);
	*ret = p;
	return 0;
}

void pages_destroy(struct pages *p)
{
	if (!p)
		return;
	munmap(p->data, (size_t)PAGES_MAX * PAGE_BYTES);
	free(p);
}

void pages_drop(struct pages *p)
{
	memset(p->bucket, 0xff, sizeof(p->bucket));
	p->used = 0;
	p->newest = p->oldest = NONE;
}

const struct pages_stats *pages_stats(const struct pages *p)
{
	return &p->stats;
}

/* --- reading --- */

/* How many pages from @gpa on one request can bring: inside one range, none of them here yet. */
static unsigned int batch_len(const struct pages *p, const struct vm_range *range, gpa_t gpa,
			      bool encrypted, unsigned int ahead)
{
	uint64_t left = (range->gpa.v + range->bytes - gpa.v) / PAGE_BYTES;
	unsigned int n = 1;

	while (n <= ahead && n < PSP_BATCH_PAGES && n < left &&
	       find(p, page_key(gpa.v + (uint64_t)n * PAGE_BYTES, encrypted)) == NONE)
		n++;
	return n;
}

/* Brings in @gpa's page and those that follow; ends with @gpa's slot. */
static int fetch(struct pages *p, gpa_t gpa, bool encrypted, unsigned int ahead, int *ret,
		 struct err *err)
{
	const struct vm_range *range = vm_range_find(psp_vm(p->psp), gpa);
	unsigned int i, n, done = 0;
	int status;

	if (!range)
		return err_set(err, ST_FAULT, "0x%" PRIx64 " is not guest RAM", gpa.v);
	n = batch_len(p, range, gpa, encrypted, ahead);
	if (encrypted) {
		status = psp_decrypt(p->psp, gpa, n, p->batch, &done, err);
	} else {
		status = psp_read_raw(p->psp, gpa, p->batch, (size_t)n * PAGE_BYTES, err);
		done = status ? 0 : n;
	}
	/* A page further on that fails will say so when it is asked for itself. */
	if (status && !done)
		return status;
	p->stats.misses += done;
	for (i = done; i--;) {
		*ret = insert(p, page_key(gpa.v + (uint64_t)i * PAGE_BYTES, encrypted));
		memcpy(page_data(p, *ret), p->batch[i], PAGE_BYTES);
	}
	return 0;
}

int pages_get(struct pages *p, gpa_t gpa, bool encrypted, unsigned int ahead, const uint8_t **ret,
	      struct err *err)
{
	gpa_t start = GPA(gpa.v & ~(uint64_t)(PAGE_BYTES - 1));
	int slot, status;

	if (!encrypted) {
		*ret = psp_raw_page(p->psp, start);
		if (*ret)
			return 0;
	}
	slot = find(p, page_key(start.v, encrypted));
	if (slot != NONE) {
		p->stats.hits++;
		list_remove(p, slot);
		list_add_newest(p, slot);
	} else {
		status = fetch(p, start, encrypted, ahead, &slot, err);
		if (status)
			return status;
	}
	*ret = page_data(p, slot);
	return 0;
}

/* --- writing --- */

static int put_private(struct pages *p, gpa_t start, size_t offset, const void *data, size_t len,
		       struct err *err)
{
	uint8_t *whole = p->batch[0];
	const uint8_t *old;
	int slot, status;

	if (len < PAGE_BYTES) {
		status = pages_get(p, start, true, 0, &old, err);
		if (status)
			return status;
		memcpy(whole, old, PAGE_BYTES);
	}
	memcpy(whole + offset, data, len);
	status = psp_encrypt(p->psp, start, whole, err);
	if (status) {
		/* It may have happened or not. */
		forget(p, page_key(start.v, true));
		return status;
	}
	slot = find(p, page_key(start.v, true));
	if (slot == NONE)
		slot = insert(p, page_key(start.v, true));
	memcpy(page_data(p, slot), whole, PAGE_BYTES);
	return 0;
}

int pages_put(struct pages *p, gpa_t gpa, bool encrypted, const void *data, size_t len,
	      struct err *err)
{
	size_t offset = gpa.v & (PAGE_BYTES - 1);
	gpa_t start = GPA(gpa.v - offset);

	if (len > PAGE_BYTES - offset)
		return err_set(err, ST_INVAL,
			       "a write of %zu bytes at 0x%" PRIx64 " leaves its page", len, gpa.v);
	if (!vm_range_find(psp_vm(p->psp), gpa))
		return err_set(err, ST_FAULT, "0x%" PRIx64 " is not guest RAM", gpa.v);
	/* The same bytes seen the other way have changed too. */
	forget(p, page_key(start.v, !encrypted));
	if (encrypted)
		return put_private(p, start, offset, data, len, err);
	forget(p, page_key(start.v, false));
	return psp_write_raw(p->psp, gpa, data, len, err);
}
