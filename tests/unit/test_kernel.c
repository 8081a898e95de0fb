/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host/sev/kernel.c in RAM built here: a kernel image with its tables and VMCOREINFO, found through
 * either; what looks like one and is none is not believed, and the cost is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/sev/kernel.h"

enum {
	RAM_PAGES = 300,
	CBIT = 51,
	/* Pages of the image: phys_base + (va - 0xffffffff80000000) = the page's address. */
	TOP = 16,
	L3 = 17,
	L2 = 18,
	L1 = 19,
	INFO = 40,  /* VMCOREINFO */
	RUIN = 200, /* an older one, higher in RAM: found first */
};

#define C     (1ull << CBIT)
#define SLIDE 0x22000000ull
#define STEXT (KERNEL_TEXT_LINK + SLIDE)
/* Image addresses of TOP: one 2 MiB page maps the image to physical 0. */
#define TOP_VA (STEXT + TOP * (uint64_t)PAGE_BYTES)

static uint8_t ram[RAM_PAGES][PAGE_BYTES];
static unsigned int decrypted;
static int failure;
static struct vm vm;

const struct vm *psp_vm(const struct psp *psp)
{
	(void)psp;
	return &vm;
}

const struct vm_range *vm_range_find(const struct vm *v, gpa_t gpa)
{
	return gpa.v < v->range[0].bytes ? &v->range[0] : NULL;
}

uint64_t vm_ram_bytes(const struct vm *v)
{
	return v->range[0].bytes;
}

int psp_decrypt(struct psp *psp, gpa_t gpa, unsigned int count, void *ret, unsigned int *done,
		struct err *err)
{
	(void)psp;
	*done = 0;
	if (failure)
		return err_set(err, failure, "broken");
	if (gpa.v + (uint64_t)count * PAGE_BYTES > sizeof(ram))
		return err_set(err, ST_FAULT, "not RAM");
	memcpy(ret, ram[gpa.v / PAGE_BYTES], (size_t)count * PAGE_BYTES);
	decrypted += count;
	*done = count;
	return 0;
}

int psp_encrypt(struct psp *psp, gpa_t gpa, const void *page, struct err *err)
{
	(void)psp;
	(void)gpa;
	(void)page;
	return err_set(err, ST_UNSUPPORTED, "not here");
}

int psp_read_raw(struct psp *psp, gpa_t gpa, void *ret, size_t len, struct err *err)
{
	(void)psp;
	(void)gpa;
	(void)ret;
	(void)len;
	return err_set(err, ST_UNSUPPORTED, "not here");
}

int psp_write_raw(struct psp *psp, gpa_t gpa, const void *data, size_t len, struct err *err)
{
	return psp_encrypt(psp, gpa, len ? data : NULL, err);
}

const uint8_t *psp_raw_page(const struct psp *psp, gpa_t gpa)
{
	(void)psp;
	(void)gpa;
	return NULL;
}

static void entry(unsigned int page, uint64_t index, uint64_t value)
{
	put_le64(ram[page] + index * 8, value);
}

static void write_info(uint8_t *page, uint64_t top)
{
	char text[512];
	int len = snprintf(text, sizeof(text),
			   "OSRELEASE=6.1.0-test\nSYMBOL(swapper_pg_dir)=%llx\n"
			   "SYMBOL(_stext)=%llx\nNUMBER(phys_base)=%lld\nKERNELOFFSET=%llx\n",
			   (unsigned long long)top, STEXT, -(long long)(0x1000000 + SLIDE), SLIDE);

	memset(page, 0, PAGE_BYTES);
	put_le32(page, 11);
	put_le32(page + 4, (uint32_t)len);
	memcpy(page + 12, "VMCOREINFO", 11);
	memcpy(page + 24, text, (size_t)len);
}

static int setup(void **state)
{
	(void)state;
	memset(ram, 0, sizeof(ram));
	decrypted = 0;
	failure = 0;
	vm.cbit = CBIT;
	vm.nranges = 1;
	vm.range[0] = (struct vm_range){ .bytes = sizeof(ram) };
	entry(TOP, 511, L3 * PAGE_BYTES | C | 3);
	entry(L3, 510, L2 * PAGE_BYTES | C | 3);
	entry(L2, (STEXT >> 21) & 511, C | 0x81);
	return 0;
}

static int from_paging(struct kernel *ret)
{
	struct paging p = paging_from_cr(TOP * PAGE_BYTES | C, 0, CBIT);
	struct pages *pages;
	struct err err;
	int status;

	assert_int_equal(pages_create(NULL, &pages, &err), 0);
	status = kernel_from_paging(pages, &p, ret, &err);
	pages_destroy(pages);
	return status;
}

static void page_tables_tell_the_slide(void **state)
{
	struct kernel k;

	(void)state;
	assert_int_equal(from_paging(&k), 0);
	assert_int_equal(k.text, STEXT);
	assert_int_equal(k.paging.levels, 4);
	assert_int_equal(decrypted, 3);
}

static void small_pages_do_too(void **state)
{
	struct kernel k;

	(void)state;
	entry(L2, (STEXT >> 21) & 511, L1 * PAGE_BYTES | C | 3);
	entry(L1, 0, 0x5000 | C | 1);
	assert_int_equal(from_paging(&k), 0);
	assert_int_equal(k.text, STEXT);
}

static void page_tables_without_linux(void **state)
{
	struct kernel k;

	(void)state;
	/* Shared: not a kernel's text. */
	entry(L2, (STEXT >> 21) & 511, 0x81);
	assert_int_equal(from_paging(&k), ST_FAULT);
	/* Below where any x86-64 Linux is linked. */
	entry(L2, 0, C | 0x81);
	assert_int_equal(from_paging(&k), ST_FAULT);
	entry(TOP, 511, 0);
	assert_int_equal(from_paging(&k), ST_FAULT);
	failure = ST_IO;
	assert_int_equal(from_paging(&k), ST_IO);
}

static uint64_t progressed;

static void progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	assert_true(done <= total && done >= progressed);
	progressed = done;
}

static void ram_is_searched_from_the_top(void **state)
{
	struct kernel k;
	struct err err;

	(void)state;
	write_info(ram[INFO], TOP_VA);
	progressed = 0;
	assert_int_equal(kernel_from_ram(&vm, NULL, progress, NULL, &k, &err), 0);
	assert_string_equal(k.release, "6.1.0-test");
	assert_int_equal(k.text, STEXT);
	assert_int_equal(k.paging.root.v, TOP * PAGE_BYTES);
	assert_int_equal(k.paging.cmask, C);
	assert_int_equal(progressed, sizeof(ram));
	/* Whole batches down to the one with VMCOREINFO, and three tables. */
	assert_true(decrypted <= RAM_PAGES - INFO + PSP_BATCH_PAGES + 3);
}

static void the_ruins_of_a_kernel_are_passed_over(void **state)
{
	struct kernel k;
	struct err err;

	(void)state;
	write_info(ram[INFO], TOP_VA);
	write_info(ram[RUIN], TOP_VA + 0x10000);
	assert_int_equal(kernel_from_ram(&vm, NULL, NULL, NULL, &k, &err), 0);
	assert_int_equal(k.paging.root.v, TOP * PAGE_BYTES);
	memset(ram[INFO], 0, PAGE_BYTES);
	assert_int_equal(kernel_from_ram(&vm, NULL, NULL, NULL, &k, &err), ST_FAULT);
	failure = ST_TIMEOUT;
	decrypted = 0;
	assert_int_equal(kernel_from_ram(&vm, NULL, NULL, NULL, &k, &err), ST_TIMEOUT);
}

static void vmcoreinfo_can_be_named(void **state)
{
	struct kernel k;
	struct err err;

	(void)state;
	write_info(ram[INFO], TOP_VA);
	assert_int_equal(kernel_from_vmcoreinfo(&vm, NULL, GPA(INFO * PAGE_BYTES + 24), &k, &err),
			 0);
	assert_int_equal(k.text, STEXT);
	assert_int_equal(decrypted, 4);
	assert_int_equal(kernel_from_vmcoreinfo(&vm, NULL, GPA(RUIN * PAGE_BYTES), &k, &err),
			 ST_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(page_tables_tell_the_slide, setup),
		cmocka_unit_test_setup(small_pages_do_too, setup),
		cmocka_unit_test_setup(page_tables_without_linux, setup),
		cmocka_unit_test_setup(ram_is_searched_from_the_top, setup),
		cmocka_unit_test_setup(the_ruins_of_a_kernel_are_passed_over, setup),
		cmocka_unit_test_setup(vmcoreinfo_can_be_named, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
