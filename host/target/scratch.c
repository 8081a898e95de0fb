/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The fake page table: one page a level, each with the single entry that leads to the next, and a
 * target page that receives QEMU's int3. The pages are ordinary RAM whose raw bytes (ciphertext)
 * are kept in the journal meanwhile.
 */
#include "host/target/scratch.h"

#include <inttypes.h>
#include <string.h>

enum {
	ENTRY_BITS = 9,
	PAGE_SHIFT = 12,
	/* Present, writable, user, accessed, dirty: an entry nobody objects to. */
	ENTRY_FLAGS = 0x67,
};

#define CR0_PG	 (1ull << 31)
#define CR4_LA57 (1ull << 12)
#define EFER_LMA (1ull << 10)

static_assert(JOURNAL_SCRATCH_MAX >= 6, "five levels of tables and a target");

static int cpu_error(struct target *cpu, int status, const char *what, struct err *err)
{
	return err_set(err, status, "%s: %s", what, cpu->explain(cpu));
}

/*
 * The end of the largest range of RAM: in a running guest mostly free or page cache, never
 * firmware.
 */
static uint64_t scratch_place(const struct vm *vm, unsigned int count)
{
	const struct vm_range *best = &vm->range[0];
	unsigned int i;

	for (i = 1; i < vm->nranges; i++)
		if (vm->range[i].bytes > best->bytes)
			best = &vm->range[i];
	return best->gpa.v + best->bytes - (uint64_t)count * PAGE_BYTES;
}

static int save(struct psp *psp, struct journal *journal, uint64_t place, unsigned int count,
		struct err *err)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		uint64_t gpa = place + (uint64_t)i * PAGE_BYTES;
		int status = psp_read_raw(psp, GPA(gpa), journal->scratch[i], PAGE_BYTES, err);

		if (status)
			return status;
		journal->scratch_gpa[i] = gpa;
	}
	journal->scratch_count = count;
	return 0;
}

/* Pages 0 .. count-2 are tables from the top down, page count-1 is the target. */
static int build(struct psp *psp, const struct journal *journal, uint64_t addr, struct err *err)
{
	unsigned int levels = journal->scratch_count - 1;
	unsigned int i;

	for (i = 0; i < levels; i++) {
		uint8_t page[PAGE_BYTES] = { 0 };
		unsigned int shift = PAGE_SHIFT + ENTRY_BITS * (levels - 1 - i);
		size_t slot = (addr >> shift) % (1u << ENTRY_BITS);
		int status;

		put_le64(page + slot * sizeof(uint64_t), journal->scratch_gpa[i + 1] | ENTRY_FLAGS);
		status = psp_write_raw(psp, GPA(journal->scratch_gpa[i]), page, PAGE_BYTES, err);
		if (status)
			return status;
	}
	return 0;
}

static int write_cr3(struct target *cpu, uint64_t cr3, struct err *err)
{
	uint8_t raw[sizeof(uint64_t)];
	int status;

	put_le64(raw, cr3);
	status = cpu->ops->regsw->write(cpu, 0, X86_64_cr3, raw);
	return status ? cpu_error(cpu, status, "writing CR3", err) : 0;
}

static int read_regs(struct target *cpu, struct x86_64_regs *ret, struct err *err)
{
	int status = cpu->ops->regs->read(cpu, 0, ret);

	return status ? cpu_error(cpu, status, "reading registers", err) : 0;
}

static int restore_page(struct psp *psp, const struct journal *journal, unsigned int i,
			struct err *err)
{
	uint8_t now[PAGE_BYTES];
	gpa_t gpa = GPA(journal->scratch_gpa[i]);
	int status = psp_write_raw(psp, gpa, journal->scratch[i], PAGE_BYTES, err);

	if (!status)
		status = psp_read_raw(psp, gpa, now, PAGE_BYTES, err);
	if (!status && memcmp(now, journal->scratch[i], PAGE_BYTES) != 0)
		status = err_set(err, ST_IO, "page 0x%" PRIx64 " was not restored", gpa.v);
	return status;
}

int scratch_restore(struct psp *psp, struct journal *journal, struct target *cpu, struct err *err)
{
	struct x86_64_regs regs;
	int status, first = 0;
	unsigned int i;

	if (!journal->scratch_used)
		return 0;
	for (i = 0; i < journal->scratch_count; i++) {
		status = restore_page(psp, journal, i, err);
		if (!first)
			first = status;
	}
	status = write_cr3(cpu, journal->scratch_cr3, err);
	if (!status)
		status = read_regs(cpu, &regs, err);
	if (!status && x86_64_get(&regs, X86_64_cr3) != journal->scratch_cr3)
		status = err_set(err, ST_IO, "CR3 was not restored");
	if (!first)
		first = status;
	if (!first)
		__atomic_store_n(&journal->scratch_used, false, __ATOMIC_SEQ_CST);
	return first;
}

/* With the saved state in the journal: the swap, the request, the way back. */
static int swap_and_insert(struct psp *psp, struct journal *journal, struct target *cpu,
			   uint64_t addr, struct err *err)
{
	struct err undo;
	int back, status;

	__atomic_store_n(&journal->scratch_used, true, __ATOMIC_SEQ_CST);
	status = build(psp, journal, addr, err);
	if (!status)
		status = write_cr3(cpu, journal->scratch_gpa[0], err);
	if (!status) {
		status = cpu->ops->points->insert(cpu, TARGET_POINT_SW, addr, 1);
		if (status)
			cpu_error(cpu, status, "QEMU refused it", err);
	}
	back = scratch_restore(psp, journal, cpu, &undo);
	if (back) {
		*err = undo;
		return err_add(err, back, "putting back what was displaced for a breakpoint");
	}
	return status;
}

int scratch_register(struct vm *vm, struct psp *psp, struct journal *journal, struct target *cpu,
		     uint64_t addr, struct err *err)
{
	struct x86_64_regs before, after;
	unsigned int count;
	int status = read_regs(cpu, &before, err);

	if (status)
		return status;
	if (!(x86_64_get(&before, X86_64_cr0) & CR0_PG) ||
	    !(x86_64_get(&before, X86_64_efer) & EFER_LMA))
		return err_set(err, ST_UNSUPPORTED, "vCPU 0 is not in 64-bit mode yet");
	count = (x86_64_get(&before, X86_64_cr4) & CR4_LA57 ? 5 : 4) + 1;
	status = save(psp, journal, scratch_place(vm, count), count, err);
	if (status)
		return status;
	journal->scratch_cr3 = x86_64_get(&before, X86_64_cr3);
	status = swap_and_insert(psp, journal, cpu, addr, err);
	if (!status)
		status = read_regs(cpu, &after, err);
	if (!status && memcmp(before.data, after.data, sizeof(before.data)) != 0)
		status = err_set(err, ST_IO, "QEMU changed registers of vCPU 0 on the way");
	return status;
}
