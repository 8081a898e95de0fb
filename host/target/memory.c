/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Virtual and physical reads and writes in terms of pages. A read is cut where the next page is not
 * the neighbour in physical memory; each such run is asked for at once, so that the PSP gets
 * neighbours in one request and never a page that was not asked for.
 */
#include "host/target/memory.h"

#include <inttypes.h>
#include <string.h>

#include "host/target/planted.h"

enum {
	MEMORY_REGION_LEAVES = 65536, /* bound of one region query */
};

/* CR0.PG: without paging virtual is physical, and everything is private (APM 2, 15.34.4). */
#define CR0_PG	 (1ull << 31)
#define EFER_LMA (1ull << 10)

int memory_init(struct memory *m, struct vm *vm, struct psp *psp, struct journal *journal,
		struct err *err)
{
	*m = (struct memory){ .vm = vm, .psp = psp, .journal = journal };
	return pages_create(psp, &m->pages, err);
}

void memory_deinit(struct memory *m)
{
	pages_destroy(m->pages);
	m->pages = NULL;
}

void memory_drop(struct memory *m)
{
	pages_drop(m->pages);
	m->deny_known = false;
}

/* --- translation --- */

static bool denies(const struct memory *m)
{
	return m->policy && deny_wanted(m->policy);
}

/* How many of @len bytes from @gpa on the policy allows; not 0, or ST_POLICY. */
static int allowed_part(struct memory *m, gpa_t gpa, size_t len)
{
	if (denies(m))
		len = (size_t)deny_allowed(&m->deny, gpa.v, len);
	return len ? (int)len
		   : err_set(&m->err, ST_POLICY, "guest physical 0x%" PRIx64 ": %s", gpa.v,
			     m->deny.all
				     ? "the policy denies memory that cannot be found now, so all"
				     : "memory that the policy denies");
}

/* Of any table, denied or not. */
static int any_entry(void *arg, gpa_t at, uint64_t *ret)
{
	struct memory *m = arg;
	const uint8_t *page;
	int status = pages_get(m->pages, at, true, 0, &page, &m->err);

	if (!status)
		*ret = get_le64(page + at.v % PAGE_BYTES);
	return status;
}

static int table_entry(void *arg, gpa_t at, uint64_t *ret)
{
	struct memory *m = arg;

	m->table_status = allowed_part(m, at, sizeof(*ret));
	if (m->table_status > 0)
		m->table_status = any_entry(m, at, ret);
	return m->table_status;
}

static int cpu_regs(struct memory *m, unsigned int vcpu, struct x86_64_regs *ret)
{
	int status = m->cpu->ops->regs->read(m->cpu, vcpu, ret);

	if (status)
		err_set(&m->err, status, "reading registers of vCPU %u: %s", vcpu,
			m->cpu->explain(m->cpu));
	return status;
}

/* levels 0: the vCPU does not translate addresses (paging is off). */
int memory_paging(struct memory *m, unsigned int vcpu, struct paging *ret)
{
	struct x86_64_regs regs;
	int status;

	if (!m->cpu) {
		if (!m->kernel.paging.levels)
			return err_set(
				&m->err, ST_NOREGS,
				"the guest's page tables are unknown: its registers are encrypted "
				"and no kernel was found in its memory");
		*ret = m->kernel.paging;
		return 0;
	}
	status = cpu_regs(m, vcpu, &regs);
	if (status)
		return status;
	if (!(x86_64_get(&regs, X86_64_cr0) & CR0_PG)) {
		*ret = (struct paging){ .levels = 0 };
		return 0;
	}
	if (!(x86_64_get(&regs, X86_64_efer) & EFER_LMA))
		return err_set(&m->err, ST_UNSUPPORTED,
			       "vCPU %u uses 32-bit page tables: use physical addresses", vcpu);
	*ret = paging_from_cr(x86_64_get(&regs, X86_64_cr3), x86_64_get(&regs, X86_64_cr4),
			      m->vm->cbit);
	return 0;
}

/*
 * The first access of a stop finds out what is denied, by the tables of every vCPU. One that is not
 * in long mode has none that map the policy's addresses.
 */
static void find_denied(struct memory *m)
{
	unsigned int i, vcpus = m->cpu ? m->cpu->ops->vcpus->count(m->cpu) : 1;
	uint64_t roots[VCPUS_MAX];
	unsigned int k, found = 0;

	m->deny_known = true;
	for (i = 0; i < vcpus && i < VCPUS_MAX; i++) {
		struct paging paging;

		if (memory_paging(m, i, &paging) || !paging.levels)
			continue;
		for (k = 0; k < found && roots[k] != paging.root.v; k++)
			;
		if (k < found)
			continue;
		roots[found++] = paging.root.v;
		(k ? deny_add : deny_refresh)(&m->deny, m->policy, &paging, any_entry, m);
	}
	if (!found)
		deny_refresh(&m->deny, m->policy, NULL, any_entry, m);
}

/*
 * Nothing in the host says which physical pages are private; the guest's page tables do. Linux maps
 * all RAM in its direct mapping, but where is unknown without symbols, so: what is not asked for
 * through a virtual address counts as private, as all of the kernel's own memory is.
 */
static struct paging_leaf physical_leaf(uint64_t addr)
{
	return (struct paging_leaf){
		.gpa = GPA(addr),
		.bytes = PAGE_BYTES,
		.encrypted = true,
		.write = true,
		.exec = true,
	};
}

static int translate(struct memory *m, const struct paging *paging, uint64_t addr,
		     struct paging_leaf *ret)
{
	int status;

	if (!paging->levels) {
		*ret = physical_leaf(addr);
		return 0;
	}
	status = paging_walk(paging, table_entry, m, GVA(addr), ret);
	if (status == ST_IO)
		status = m->table_status;
	if (status == ST_FAULT)
		err_set(&m->err, status, "0x%" PRIx64 " is not mapped", addr);
	else if (status)
		err_add(&m->err, status, "page tables of 0x%" PRIx64, addr);
	return status;
}

/* The beginning of every access. */
static int space_paging(struct memory *m, unsigned int vcpu, enum target_space space,
			struct paging *ret)
{
	if (denies(m) && !m->deny_known)
		find_denied(m);
	if (space == TARGET_VIRT)
		return memory_paging(m, vcpu, ret);
	*ret = (struct paging){ .levels = 0 };
	return 0;
}

int memory_translate(struct memory *m, unsigned int vcpu, gva_t gva, struct paging_leaf *ret)
{
	struct paging paging;
	int status = space_paging(m, vcpu, TARGET_VIRT, &paging);

	return status ? status : translate(m, &paging, gva.v, ret);
}

/* --- reading --- */

static size_t page_left(uint64_t addr)
{
	return PAGE_BYTES - (size_t)(addr % PAGE_BYTES);
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Whether the address after @first's page maps to the page that follows it in guest memory. */
static bool follows(const struct paging_leaf *first, size_t distance,
		    const struct paging_leaf *next)
{
	return next->gpa.v == first->gpa.v + distance && next->encrypted == first->encrypted;
}

/*
 * Bytes from @addr, at most @len, that are mapped to neighbouring guest pages of one kind. At least
 * what is left of @addr's own page.
 */
static size_t run_length(struct memory *m, const struct paging *paging, uint64_t addr,
			 const struct paging_leaf *first, size_t len)
{
	const size_t most = (size_t)PSP_BATCH_PAGES * PAGE_BYTES;
	size_t run = page_left(addr);
	struct paging_leaf next;

	while (run < len && run < most && addr + run > addr) {
		if (translate(m, paging, addr + run, &next) || !follows(first, run, &next))
			break;
		run += PAGE_BYTES;
	}
	return min_size(run, len);
}

/* Reads @len bytes of neighbouring pages; as struct target_mem_ops.read. */
static int read_run(struct memory *m, gpa_t gpa, bool encrypted, uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		gpa_t at = GPA(gpa.v + done);
		size_t part = min_size(page_left(at.v), len - done);
		size_t behind = len - done - part;
		const uint8_t *page;
		int status = pages_get(m->pages, at, encrypted,
				       (unsigned int)((behind + PAGE_BYTES - 1) / PAGE_BYTES),
				       &page, &m->err);

		if (status)
			return done ? (int)done : status;
		memcpy(buf + done, page + at.v % PAGE_BYTES, part);
		planted_hide(m->journal, at, buf + done, part);
		done += part;
	}
	return (int)done;
}

int memory_read(struct memory *m, unsigned int vcpu, enum target_space space, uint64_t addr,
		void *buf, size_t len)
{
	struct paging paging;
	size_t done = 0;
	int status = space_paging(m, vcpu, space, &paging);

	while (!status && done < len) {
		struct paging_leaf leaf;
		size_t run;
		int n;

		if (addr + done < addr)
			break; /* the top of the address space */
		status = translate(m, &paging, addr + done, &leaf);
		if (status)
			break;
		run = run_length(m, &paging, addr + done, &leaf, len - done);
		n = allowed_part(m, leaf.gpa, run);
		if (n > 0)
			n = read_run(m, leaf.gpa, leaf.encrypted, (uint8_t *)buf + done, (size_t)n);
		if (n < 0)
			status = n;
		else
			done += (size_t)n;
		if (n >= 0 && (size_t)n < run)
			break;
	}
	return done ? (int)done : status;
}

int memory_allowed(struct memory *m, unsigned int vcpu, enum target_space space, uint64_t addr,
		   size_t len)
{
	struct paging paging;
	size_t done, part;
	int status;

	if (!denies(m))
		return 0;
	status = space_paging(m, vcpu, space, &paging);
	for (done = 0; status >= 0 && done < len; done += part) {
		struct paging_leaf leaf;

		part = min_size(page_left(addr + done), len - done);
		status = translate(m, &paging, addr + done, &leaf);
		if (!status)
			status = allowed_part(m, leaf.gpa, part);
	}
	return status < 0 ? status : 0;
}

/* --- writing --- */

static int write_part(struct memory *m, const struct paging_leaf *leaf, const uint8_t *data,
		      size_t len)
{
	uint8_t bytes[PAGE_BYTES];

	memcpy(bytes, data, len);
	planted_keep(m->journal, leaf->gpa, bytes, len);
	return pages_put(m->pages, leaf->gpa, leaf->encrypted, bytes, len, &m->err);
}

/* All or nothing: every page is looked up, and read, before the first is written. */
static int check_range(struct memory *m, const struct paging *paging, uint64_t addr, size_t len)
{
	size_t done, part;

	if (len && addr + (len - 1) < addr)
		return err_set(&m->err, ST_FAULT, "the range wraps around");
	for (done = 0; done < len; done += part) {
		struct paging_leaf leaf;
		const uint8_t *page;
		int status = translate(m, paging, addr + done, &leaf);

		part = min_size(page_left(addr + done), len - done);
		if (!status)
			status = allowed_part(m, leaf.gpa, part);
		if (status > 0)
			status = pages_get(m->pages, leaf.gpa, leaf.encrypted, 0, &page, &m->err);
		if (status)
			return status;
	}
	return 0;
}

int memory_write(struct memory *m, unsigned int vcpu, enum target_space space, uint64_t addr,
		 const void *buf, size_t len)
{
	struct paging paging;
	size_t done = 0;
	int status = space_paging(m, vcpu, space, &paging);

	if (!status)
		status = check_range(m, &paging, addr, len);
	while (!status && done < len) {
		size_t part = min_size(page_left(addr + done), len - done);
		struct paging_leaf leaf;

		status = translate(m, &paging, addr + done, &leaf);
		if (!status)
			status = write_part(m, &leaf, (const uint8_t *)buf + done, part);
		done += part;
	}
	return status;
}

/* --- regions --- */

int memory_region(struct memory *m, unsigned int vcpu, uint64_t addr, struct target_region *ret)
{
	struct paging paging;
	struct paging_leaf leaf = { 0 };
	int status = space_paging(m, vcpu, TARGET_VIRT, &paging);

	if (status)
		return status;
	*ret = (struct target_region){ 0 };
	if (!paging.levels) {
		const struct vm_range *range = vm_range_find(m->vm, GPA(addr));

		leaf = physical_leaf(addr);
		ret->start = range ? range->gpa.v : addr & ~(uint64_t)(PAGE_BYTES - 1);
		ret->last = range ? range->gpa.v + range->bytes - 1 : addr | (PAGE_BYTES - 1);
		status = range ? 1 : 0;
	} else {
		status = paging_region(&paging, table_entry, m, GVA(addr), MEMORY_REGION_LEAVES,
				       &ret->start, &ret->last, &leaf);
	}
	if (status < 0)
		return status;
	ret->mapped = status == 1;
	if (ret->mapped) {
		ret->write = leaf.write;
		ret->exec = leaf.exec;
		ret->user = leaf.user;
		ret->encrypted = leaf.encrypted;
	}
	return 0;
}

void memory_find_kernel(struct memory *m, unsigned int vcpus)
{
	struct kernel found = { 0 };
	struct paging paging;
	struct err ignored;
	unsigned int i;

	for (i = 0; i < vcpus && !m->kernel.text; i++) {
		if (memory_paging(m, i, &paging) || !paging.levels)
			continue;
		if (!kernel_from_paging(m->pages, &paging, &found, &ignored))
			m->kernel.text = found.text;
	}
}
