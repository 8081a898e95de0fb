/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Physical memory for a stub that may neither fault nor reach a device: RAM of the kernel's
 * resource tree as it was when the session began, that is mapped in the direct map and, in a
 * confidential guest, accepted. Reads go through the direct map. Writes go through a page of
 * kernel virtual space whose page table entry is set for the moment: so read-only text can be
 * written without making it writable, and no kernel function is needed that modules may not call.
 */
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <asm/mem_encrypt.h>
#include <asm/pgtable.h>

#include "stub/linux/compat.h"
#include "stub/linux/module.h"

enum { RANGES_MAX = 256 };

struct ram {
	unsigned int count;
	struct {
		u64 start, end; /* whole pages */
	} range[RANGES_MAX];
};

/* Two, so that a handler always finds one that is whole. */
static struct ram rams[2];
static struct ram *ram = &rams[0];

/* One window a CPU. */
static struct {
	struct page *page; /* what a window shows while it is closed */
	u8 *addr;
	pte_t **pte;
} windows;

/* --- what may be touched --- */

static int add_resource(struct resource *res, void *arg)
{
	struct ram *to = arg;
	u64 start = PAGE_ALIGN(res->start), end = (res->end + 1) & PAGE_MASK;

	if (to->count == RANGES_MAX)
		return -ENOSPC;
	if (start < end) {
		to->range[to->count].start = start;
		to->range[to->count++].end = end;
	}
	return 0;
}

void ram_refresh(void)
{
	struct ram *next = ram == &rams[0] ? &rams[1] : &rams[0];

	next->count = 0;
	(void)walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
				  next, add_resource);
	smp_store_release(&ram, next);
}

static bool is_ram(u64 gpa)
{
	const struct ram *r = smp_load_acquire(&ram);
	unsigned int i;

	for (i = 0; i < r->count; i++)
		if (gpa >= r->range[i].start && gpa < r->range[i].end)
			return pfn_valid(PHYS_PFN(gpa));
	return false;
}

/*
 * Memory that the guest got from the host and has not accepted yet must not be touched, not even by
 * code that survives faults: see drivers/firmware/efi/unaccepted_memory.c and struct
 * efi_unaccepted_memory. A set bit says "not accepted".
 */
static bool is_accepted(u64 gpa)
{
	struct {
		u32 version, unit_size;
		u64 phys_base, size;
	} head;
	unsigned long table = compat_efi_unaccepted();
	const u8 *at;
	u64 unit;
	u8 bits;

	if (table == EFI_INVALID_TABLE_ADDR)
		return true;
	at = __va(table);
	if (copy_from_kernel_nofault(&head, at, sizeof(head)) || !head.unit_size)
		return false;
	unit = (gpa - head.phys_base) / head.unit_size;
	if (gpa < head.phys_base || unit / 8 >= head.size)
		return true;
	if (copy_from_kernel_nofault(&bits, at + sizeof(head) + unit / 8, 1))
		return false;
	return !(bits & 1 << unit % 8);
}

static bool may_touch(u64 gpa, size_t len)
{
	return len && len <= PAGE_SIZE - offset_in_page(gpa) && is_ram(gpa) && is_accepted(gpa);
}

/* --- reading and writing --- */

int ram_read(struct port *p, uint64_t gpa, void *buf, size_t len)
{
	if (!may_touch(gpa, len) || copy_from_kernel_nofault(buf, __va(gpa), len))
		return ST_FAULT;
	return 0;
}

static u8 *window_of(unsigned int cpu)
{
	return windows.addr + cpu * PAGE_SIZE;
}

static void set_window(unsigned int cpu, pte_t pte)
{
	WRITE_ONCE(windows.pte[cpu]->pte, pte.pte);
	asm volatile("invlpg (%0)" : : "r"(window_of(cpu)) : "memory");
}

/*
 * What a window on @gpa needs: the cache mode and the C-bit that the direct map has for that page:
 * private and shared memory, each as the kernel sees it.
 */
static bool entry_for(u64 gpa, pte_t *ret)
{
	unsigned int level;
	pte_t *direct = lookup_address((unsigned long)__va(gpa), &level);
	u64 keep = _PAGE_PWT | _PAGE_PCD | sme_me_mask;

	if (!direct || !(direct->pte & _PAGE_PRESENT))
		return false;
	*ret = __pte((gpa & PAGE_MASK) | (direct->pte & keep) | (__PAGE_KERNEL & ~keep));
	return true;
}

/* Several CPUs at a time, and again in the middle of itself: the window shows then what it did. */
int ram_write(struct port *p, uint64_t gpa, const void *buf, size_t len)
{
	unsigned long flags;
	unsigned int cpu;
	pte_t before, pte;

	if (!may_touch(gpa, len) || !entry_for(gpa, &pte))
		return ST_FAULT;
	local_irq_save(flags);
	cpu = raw_smp_processor_id();
	before = READ_ONCE(*windows.pte[cpu]);
	set_window(cpu, pte);
	memcpy(window_of(cpu) + offset_in_page(gpa), buf, len);
	set_window(cpu, before);
	local_irq_restore(flags);
	return 0;
}

/* --- coming and going --- */

static bool find_entries(void)
{
	unsigned int cpu, level;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		windows.pte[cpu] = lookup_address((unsigned long)window_of(cpu), &level);
		if (!windows.pte[cpu] || level != PG_LEVEL_4K)
			return false;
	}
	return true;
}

/* The same page for all: closed windows show nothing. */
static u8 *map_windows(void)
{
	struct page **pages = kcalloc(nr_cpu_ids, sizeof(*pages), GFP_KERNEL);
	unsigned int cpu;
	u8 *addr;

	if (!pages)
		return NULL;
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		pages[cpu] = windows.page;
	addr = vmap(pages, nr_cpu_ids, VM_MAP, PAGE_KERNEL);
	kfree(pages);
	return addr;
}

int ram_init(void)
{
	windows.page = alloc_page(GFP_KERNEL);
	windows.pte = kcalloc(nr_cpu_ids, sizeof(*windows.pte), GFP_KERNEL);
	if (windows.page && windows.pte)
		windows.addr = map_windows();
	if (!windows.addr || !find_entries()) {
		ram_exit();
		return -ENOMEM;
	}
	ram_refresh();
	return 0;
}

void ram_exit(void)
{
	vunmap(windows.addr);
	kfree(windows.pte);
	if (windows.page)
		__free_page(windows.page);
}
