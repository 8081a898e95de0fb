/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Where the guest's kernel is. Nothing found is believed before the page tables agree with it: RAM
 * may hold the remains of kernels that ran earlier.
 */
#include "host/sev/kernel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/cleanup.h"
#include "host/sev/vmcoreinfo.h"

/* The gigabyte that holds the kernel image: the last but one entry of the last table of level 3. */
#define IMAGE_BASE  0xffffffff80000000ull
#define IMAGE_BYTES 0x40000000ull

/* CONFIG_PHYSICAL_ALIGN: KASLR moves the image by multiples of it. */
enum { IMAGE_ALIGN = 0x200000 };

/* --- through page tables --- */

struct tables {
	struct pages *pages;
	struct err *err;
};

static int table_entry(void *arg, gpa_t at, uint64_t *ret)
{
	struct tables *t = arg;
	const uint8_t *page;
	int status = pages_get(t->pages, at, true, 0, &page, t->err);

	if (!status)
		*ret = get_le64(page + at.v % PAGE_BYTES);
	return status;
}

/*
 * Linux unmaps what lies before _text and after _end (cleanup_highmap in arch/x86/mm/init_64.c), so
 * the first mapped address of the range is _text. Only where the image can begin is looked at: the
 * tables on the way there are all that is read.
 */
int kernel_from_paging(struct pages *pages, const struct paging *p, struct kernel *ret,
		       struct err *err)
{
	struct tables tables = { .pages = pages, .err = err };
	uint64_t va = IMAGE_BASE;
	struct paging_leaf leaf = { 0 };
	int status;

	do {
		status = paging_walk(p, table_entry, &tables, GVA(va), &leaf);
		if (status == ST_FAULT)
			va += IMAGE_ALIGN;
	} while (status == ST_FAULT && va < IMAGE_BASE + IMAGE_BYTES);
	if (status && status != ST_FAULT)
		return err_add(err, status, "looking for the kernel");
	if (status || va < KERNEL_TEXT_LINK || (p->cmask && !leaf.encrypted))
		return err_set(err, ST_FAULT, "the page tables map no Linux kernel");
	*ret = (struct kernel){ .text = va, .paging = *p };
	return 0;
}

/* --- through VMCOREINFO --- */

/* Takes @info for true if the page tables it names map the kernel where it says. */
static int verify(struct vm *vm, struct psp *psp, const struct vmcoreinfo *info, struct kernel *ret,
		  struct err *err)
{
	struct paging paging = {
		.root = vmcoreinfo_image_gpa(info, info->top_table),
		.cmask = vm->cbit ? 1ull << vm->cbit : 0,
		.levels = info->l5 ? 5 : 4,
	};
	uint64_t known = info->stext ? info->stext : info->top_table;
	struct tables tables = { .err = err };
	struct paging_leaf leaf = { 0 };
	int status = pages_create(psp, &tables.pages, err);

	if (status)
		return status;
	status = paging_walk(&paging, table_entry, &tables, GVA(known), &leaf);
	pages_destroy(tables.pages);
	if (status == ST_FAULT || (!status && leaf.gpa.v != vmcoreinfo_image_gpa(info, known).v))
		return err_set(
			err, ST_FAULT,
			"VMCOREINFO of %s does not fit the page tables: a kernel that no longer "
			"runs?",
			info->release);
	if (status)
		return err_add(err, status, "reading the kernel's page tables");
	*ret = (struct kernel){ .text = KERNEL_TEXT_LINK + info->kerneloffset, .paging = paging };
	memcpy(ret->release, info->release, sizeof(ret->release));
	return 0;
}

static_assert(sizeof(((struct kernel *)0)->release) == sizeof(((struct vmcoreinfo *)0)->release),
	      "OSRELEASE");

/* @page: plaintext of the page at @gpa. ST_INVAL: it does not begin VMCOREINFO. */
static int from_page(struct vm *vm, struct psp *psp, gpa_t gpa, const uint8_t *page,
		     struct kernel *ret, struct err *err)
{
	uint8_t both[2 * PAGE_BYTES];
	struct vmcoreinfo info;
	size_t offset, len;
	unsigned int done;

	if (!vmcoreinfo_probe(page, &offset, &len))
		return err_set(err, ST_INVAL, "there is no VMCOREINFO at 0x%" PRIx64, gpa.v);
	memcpy(both, page, PAGE_BYTES);
	/* A note may run on into the next page; what cannot be read of it is left out. */
	if (offset + len > PAGE_BYTES &&
	    psp_decrypt(psp, GPA(gpa.v + PAGE_BYTES), 1, both + PAGE_BYTES, &done, err))
		len = PAGE_BYTES - offset;
	if (vmcoreinfo_parse((const char *)both + offset, len, &info))
		return err_set(err, ST_INVAL, "VMCOREINFO at 0x%" PRIx64 " is not of x86-64 Linux",
			       gpa.v);
	return verify(vm, psp, &info, ret, err);
}

int kernel_from_vmcoreinfo(struct vm *vm, struct psp *psp, gpa_t gpa, struct kernel *ret,
			   struct err *err)
{
	gpa_t start = GPA(gpa.v & ~(uint64_t)(PAGE_BYTES - 1));
	uint8_t page[PAGE_BYTES];
	unsigned int done;
	int status = psp_decrypt(psp, start, 1, page, &done, err);

	return status ? status : from_page(vm, psp, start, page, ret, err);
}

/* --- searching RAM --- */

struct scan {
	struct vm *vm;
	struct psp *psp;
	kernel_progress_fn *progress;
	void *arg;
	uint64_t done, total;
	uint8_t batch[PSP_BATCH_PAGES * PAGE_BYTES];
};

/* Goes on after a page that cannot be read; not after the PSP is lost. */
static bool fatal(int status)
{
	return status == ST_GONE || status == ST_TIMEOUT || status == ST_BUSY ||
	       status == ST_POLICY || status == ST_ACCES;
}

/* @count pages from @gpa on, the last first: the kernel allocates the page early, from the top. */
static int scan_batch(struct scan *s, gpa_t gpa, unsigned int count, struct kernel *ret,
		      struct err *err)
{
	unsigned int done;
	int status = psp_decrypt(s->psp, gpa, count, s->batch, &done, err);

	if (fatal(status))
		return status;
	while (done--) {
		gpa_t at = GPA(gpa.v + (uint64_t)done * PAGE_BYTES);

		status = from_page(s->vm, s->psp, at, s->batch + (size_t)done * PAGE_BYTES, ret,
				   err);
		if (!status)
			return 1;
		if (fatal(status))
			return status;
	}
	return 0;
}

static int scan_range(struct scan *s, const struct vm_range *range, struct kernel *ret,
		      struct err *err)
{
	uint64_t pages = range->bytes / PAGE_BYTES;
	int status = 0;

	while (pages && !status) {
		unsigned int count =
			pages < PSP_BATCH_PAGES ? (unsigned int)pages : PSP_BATCH_PAGES;

		pages -= count;
		status = scan_batch(s, GPA(range->gpa.v + pages * PAGE_BYTES), count, ret, err);
		s->done += (uint64_t)count * PAGE_BYTES;
		if (s->progress)
			s->progress(s->arg, status ? s->total : s->done, s->total);
	}
	return status;
}

int kernel_from_ram(struct vm *vm, struct psp *psp, kernel_progress_fn *progress, void *arg,
		    struct kernel *ret, struct err *err)
{
	AUTO_FREE struct scan *s = malloc(sizeof(*s));
	unsigned int i;
	int status = 0;

	if (!s)
		return err_set(err, ST_NOMEM, "out of memory");
	s->vm = vm;
	s->psp = psp;
	s->progress = progress;
	s->arg = arg;
	s->done = 0;
	s->total = vm_ram_bytes(vm);
	for (i = vm->nranges; i-- && !status;)
		status = scan_range(s, &vm->range[i], ret, err);
	if (status < 0)
		return err_add(err, status, "searching the guest's memory for its kernel");
	if (!status)
		return err_set(err, ST_FAULT,
			       "no Linux kernel was found in the guest's memory (not booted yet?)");
	return 0;
}
