/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Table pages are those reachable from a vCPU's CR3, and from every other top-level table: pages
 * whose kernel half equals that of a CR3 page (init_top_pgt, other processes).
 */
#include "tables.h"

#include <string.h>

#include "ram.h"

#define ENTRY_ADDR 0x000ffffffffff000ull
#define PRESENT	   1ull
#define LARGE	   (1ull << 7)
#define CR0_PG	   (1ull << 31)
#define CR4_LA57   (1ull << 12)
#define EFER_LMA   (1ull << 10)

enum { ENTRIES = 512, HALF = SIM_PAGE / 2, LEVEL_4K = 1, LEVEL_1G = 3 };

static uint64_t cmask(void)
{
	return 1ull << sim.cbit;
}

static uint64_t entry_target(uint64_t entry)
{
	return entry & ENTRY_ADDR & ~cmask();
}

static void mark(uint64_t gpa, int level)
{
	bool made;
	uint8_t *page = ram_view(gpa, &made);
	int i;

	/* Made before: this table has been here, or two tables share it. */
	if (!page || !made)
		return;
	for (i = 0; i < ENTRIES; i++) {
		bool leaf;
		uint64_t entry;

		memcpy(&entry, page + i * sizeof(entry), sizeof(entry));
		if (!(entry & PRESENT))
			continue;
		leaf = level == LEVEL_4K || (level <= LEVEL_1G && entry & LARGE);
		if (!ram_block(entry_target(entry)) || (leaf && !ram_private(entry_target(entry))))
			continue;
		if (!leaf)
			mark(entry_target(entry), level - 1);
		entry |= cmask();
		memcpy(page + i * sizeof(entry), &entry, sizeof(entry));
	}
}

/* Another top-level table with the same kernel half. An empty half says nothing. */
static void mark_siblings(uint64_t root, int levels)
{
	const uint8_t *top = ram_shadow(root);
	static const uint8_t empty[HALF];
	unsigned int i;

	if (!top || !memcmp(top + HALF, empty, HALF))
		return;
	for (i = 0; i < sim.nblocks; i++) {
		uint64_t gpa, end = sim.block[i].gpa + sim.block[i].bytes;

		for (gpa = sim.block[i].gpa; gpa < end; gpa += SIM_PAGE) {
			const uint8_t *page = ram_shadow(gpa);

			if (ram_private(gpa) && !memcmp(page + HALF, top + HALF, HALF))
				mark(gpa, levels);
		}
	}
}

void tables_mark(const struct sim_cpu *cpus)
{
	uint64_t seen[SIM_CPUS_MAX];
	unsigned int cpu, i, count = 0;

	for (cpu = 0; cpu < sim.ncpus && cpu < SIM_CPUS_MAX; cpu++) {
		const struct sim_cpu *regs = &cpus[cpu];
		uint64_t root;
		int levels;

		if (!(regs->cr0 & CR0_PG) || !(regs->efer & EFER_LMA))
			continue;
		root = entry_target(regs->cr3);
		levels = regs->cr4 & CR4_LA57 ? 5 : 4;
		for (i = 0; i < count && seen[i] != root; i++)
			;
		if (i < count)
			continue;
		seen[count++] = root;
		mark(root, levels);
		/* One vCPU's table finds all the others of the same kernel. */
		if (count == 1)
			mark_siblings(root, levels);
	}
}

void tables_strip(uint8_t *page)
{
	int i;

	for (i = 0; i < ENTRIES; i++) {
		uint64_t entry;

		memcpy(&entry, page + i * sizeof(entry), sizeof(entry));
		if (!(entry & PRESENT))
			continue;
		entry &= ~cmask();
		memcpy(page + i * sizeof(entry), &entry, sizeof(entry));
	}
}
