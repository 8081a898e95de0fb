/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host/sev/pages.c over a PSP that is defined here: how many commands a sequence of reads and
 * writes costs is the point of the module, so that is what most tests count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/sev/pages.h"

enum {
	RAM_PAGES = PAGES_MAX + 100,
	BORDER = 10, /* pages of the first of two ranges */
};

/* --- the PSP; "encryption" is an exclusive or --- */

enum { CIPHER = 0x5a };

static uint8_t ram[RAM_PAGES * PAGE_BYTES];
static unsigned int decrypted, encrypted, requests;
static uint64_t bad_page;
static struct vm vm;

const struct vm *psp_vm(const struct psp *psp)
{
	(void)psp;
	return &vm;
}

const struct vm_range *vm_range_find(const struct vm *v, gpa_t gpa)
{
	unsigned int i;

	for (i = 0; i < v->nranges; i++)
		if (gpa.v - v->range[i].gpa.v < v->range[i].bytes)
			return &v->range[i];
	return NULL;
}

int psp_decrypt(struct psp *psp, gpa_t gpa, unsigned int count, void *ret, unsigned int *done,
		struct err *err)
{
	uint8_t *out = ret;
	size_t i;

	(void)psp;
	assert_in_range(count, 1, PSP_BATCH_PAGES);
	assert_ptr_equal(vm_range_find(&vm, gpa),
			 vm_range_find(&vm, GPA(gpa.v + (count - 1) * (uint64_t)PAGE_BYTES)));
	requests++;
	for (*done = 0; *done < count; (*done)++) {
		if (gpa.v + (uint64_t)*done * PAGE_BYTES == bad_page)
			return err_set(err, ST_IO, "bad page");
		decrypted++;
		for (i = 0; i < PAGE_BYTES; i++)
			*out++ = ram[gpa.v + (uint64_t)*done * PAGE_BYTES + i] ^ CIPHER;
	}
	return 0;
}

int psp_encrypt(struct psp *psp, gpa_t gpa, const void *page, struct err *err)
{
	const uint8_t *in = page;
	size_t i;

	(void)psp;
	if (gpa.v == bad_page)
		return err_set(err, ST_IO, "bad page");
	encrypted++;
	for (i = 0; i < PAGE_BYTES; i++)
		ram[gpa.v + i] = in[i] ^ CIPHER;
	return 0;
}

int psp_read_raw(struct psp *psp, gpa_t gpa, void *ret, size_t len, struct err *err)
{
	(void)psp;
	(void)err;
	memcpy(ret, ram + gpa.v, len);
	return 0;
}

int psp_write_raw(struct psp *psp, gpa_t gpa, const void *data, size_t len, struct err *err)
{
	(void)psp;
	(void)err;
	memcpy(ram + gpa.v, data, len);
	return 0;
}

const uint8_t *psp_raw_page(const struct psp *psp, gpa_t gpa)
{
	(void)psp;
	(void)gpa;
	return NULL;
}

/* --- tests --- */

static int setup(void **state)
{
	struct pages *pages;
	struct err err;
	size_t i;

	vm.nranges = 2;
	vm.range[0] = (struct vm_range){ .gpa = GPA(0), .bytes = BORDER * PAGE_BYTES };
	vm.range[1] = (struct vm_range){ .gpa = GPA(BORDER * PAGE_BYTES),
					 .bytes = sizeof(ram) - BORDER * PAGE_BYTES };
	for (i = 0; i < sizeof(ram); i++)
		ram[i] = (uint8_t)(i / PAGE_BYTES * 7 + i);
	decrypted = encrypted = requests = 0;
	bad_page = UINT64_MAX;
	assert_int_equal(pages_create(NULL, &pages, &err), 0);
	*state = pages;
	return 0;
}

static int teardown(void **state)
{
	pages_destroy(*state);
	return 0;
}

static const uint8_t *get(struct pages *pages, unsigned int page, unsigned int ahead)
{
	const uint8_t *ret;
	struct err err;

	assert_int_equal(
		pages_get(pages, GPA(page * (uint64_t)PAGE_BYTES + 77), true, ahead, &ret, &err),
		0);
	assert_int_equal(ret[5], ram[page * (size_t)PAGE_BYTES + 5] ^ CIPHER);
	return ret;
}

static void a_page_is_decrypted_once_a_stop(void **state)
{
	get(*state, 3, 0);
	get(*state, 3, 0);
	get(*state, 4, 0);
	get(*state, 3, 5);
	assert_int_equal(decrypted, 2);
	pages_drop(*state);
	get(*state, 3, 0);
	assert_int_equal(decrypted, 3);
	assert_int_equal(pages_stats(*state)->hits, 2);
	assert_int_equal(pages_stats(*state)->misses, 3);
}

static void neighbours_share_a_request(void **state)
{
	get(*state, 20, 9);
	assert_int_equal(requests, 1);
	assert_int_equal(decrypted, 10);
	get(*state, 29, 0);
	assert_int_equal(requests, 1);
	get(*state, 30, 0);
	assert_int_equal(requests, 2);
	/* Up to what is here already, up to the range's end, up to a batch. */
	get(*state, 17, 9);
	assert_int_equal(decrypted, 14);
	get(*state, BORDER - 2, 9);
	assert_int_equal(decrypted, 16);
	get(*state, 100, 1000);
	assert_int_equal(decrypted, 16 + PSP_BATCH_PAGES);
	get(*state, RAM_PAGES - 1, 1000);
	assert_int_equal(decrypted, 17 + PSP_BATCH_PAGES);
}

static void a_bad_page_does_not_spoil_its_neighbours(void **state)
{
	const uint8_t *ret;
	struct err err;

	bad_page = 22 * PAGE_BYTES;
	get(*state, 20, 9);
	get(*state, 21, 0);
	assert_int_equal(decrypted, 2);
	assert_int_equal(pages_get(*state, GPA(bad_page), true, 0, &ret, &err), ST_IO);
}

static void the_least_recently_used_page_goes(void **state)
{
	unsigned int i;

	for (i = 0; i < PAGES_MAX; i++)
		get(*state, i, 0);
	get(*state, 0, 0);
	assert_int_equal(decrypted, PAGES_MAX);
	get(*state, PAGES_MAX, 0);
	get(*state, 0, 0);
	assert_int_equal(decrypted, PAGES_MAX + 1);
	get(*state, 1, 0);
	assert_int_equal(decrypted, PAGES_MAX + 2);
	for (i = 0; i < RAM_PAGES; i++)
		get(*state, i, 7);
	for (i = RAM_PAGES; i--;)
		get(*state, i, 0);
}

static void the_two_views_of_a_page_are_two_pages(void **state)
{
	const uint8_t *raw;
	struct err err;

	get(*state, 3, 0);
	assert_int_equal(pages_get(*state, GPA(3 * PAGE_BYTES), false, 0, &raw, &err), 0);
	assert_int_equal(raw[5], ram[3 * PAGE_BYTES + 5]);
	assert_int_equal(pages_put(*state, GPA(3 * PAGE_BYTES + 5), false, "x", 1, &err), 0);
	assert_int_equal(ram[3 * PAGE_BYTES + 5], 'x');
	assert_int_equal(encrypted, 0);
	get(*state, 3, 0);
	assert_int_equal(pages_get(*state, GPA(3 * PAGE_BYTES), false, 0, &raw, &err), 0);
	assert_int_equal(raw[5], 'x');
}

static void a_write_keeps_the_rest_of_the_page(void **state)
{
	uint8_t before[PAGE_BYTES];
	const uint8_t *page;
	struct err err;

	memcpy(before, get(*state, 5, 0), PAGE_BYTES);
	memcpy(before + 100, "hello", 5);
	assert_int_equal(pages_put(*state, GPA(5 * PAGE_BYTES + 100), true, "hello", 5, &err), 0);
	page = get(*state, 5, 0);
	assert_memory_equal(page, before, PAGE_BYTES);
	assert_int_equal(decrypted, 1);
	assert_int_equal(encrypted, 1);
	pages_drop(*state);
	assert_memory_equal(get(*state, 5, 0), before, PAGE_BYTES);
	/* A whole page needs no reading first. */
	assert_int_equal(pages_put(*state, GPA(6 * PAGE_BYTES), true, before, PAGE_BYTES, &err), 0);
	assert_int_equal(decrypted, 2);
	assert_memory_equal(get(*state, 6, 0), before, PAGE_BYTES);
}

static void a_failed_write_is_not_remembered(void **state)
{
	struct err err;

	get(*state, 5, 0);
	bad_page = 5 * PAGE_BYTES;
	assert_int_equal(pages_put(*state, GPA(bad_page), true, "hello", 5, &err), ST_IO);
	bad_page = UINT64_MAX;
	get(*state, 5, 0);
	assert_int_equal(decrypted, 2);
}

static void what_is_no_page(void **state)
{
	const uint8_t *page;
	struct err err;

	assert_int_equal(pages_get(*state, GPA(sizeof(ram)), true, 0, &page, &err), ST_FAULT);
	assert_int_equal(pages_put(*state, GPA(sizeof(ram)), true, "x", 1, &err), ST_FAULT);
	assert_int_equal(pages_put(*state, GPA(PAGE_BYTES - 1), true, "xy", 2, &err), ST_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_page_is_decrypted_once_a_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(neighbours_share_a_request, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_page_does_not_spoil_its_neighbours, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_least_recently_used_page_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(the_two_views_of_a_page_are_two_pages, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_write_keeps_the_rest_of_the_page, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_failed_write_is_not_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_page, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
