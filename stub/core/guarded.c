/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Guest memory through page tables that are walked here, page by page: nothing is ever touched
 * through a virtual address, so nothing can fault, and device memory is never reached, because
 * the port gives RAM only. Planted int3 bytes are invisible, and what the policy denies is out of
 * reach by any address, as page table too.
 */
#include "protocol/paging.h"
#include "stub_internal.h"

enum { REGION_LEAVES = 4096 };

static int any_entry(void *arg, gpa_t at, uint64_t *ret)
{
	struct stub *s = arg;
	uint8_t raw[sizeof(*ret)];
	int status = s->port->ops->phys_read(s->port, at.v, raw, sizeof(raw));

	if (!status)
		*ret = get_le64(raw);
	return status;
}

/* Within a page. */
static int check(struct stub *s, uint64_t gpa, size_t len)
{
	return deny_allowed(&s->deny, gpa, len) == len
		       ? 0
		       : local_fail(s, ST_POLICY, "the guest's policy denies this memory");
}

static int table_entry(void *arg, gpa_t at, uint64_t *ret)
{
	int status = check(arg, at.v, sizeof(*ret));

	return status ? status : any_entry(arg, at, ret);
}

static struct paging tables(const struct stub *s, const struct x86_64_regs *regs)
{
	return paging_from_cr(x86_64_get(regs, X86_64_cr3), x86_64_get(regs, X86_64_cr4),
			      s->config.cbit);
}

/* Whether an earlier CPU has the same tables. */
static bool followed(const struct stub *s, unsigned int cpu, uint64_t cr3)
{
	unsigned int i;

	for (i = 0; i < cpu; i++)
		if (stub_regs(s, i) && x86_64_get(stub_regs(s, i), X86_64_cr3) == cr3)
			return true;
	return false;
}

void guarded_refresh(struct stub *s)
{
	const struct policy *policy = s->config.policy;
	bool first = true;
	unsigned int i;

	for (i = 0; i < s->cpus && deny_wanted(policy); i++) {
		const struct x86_64_regs *regs = stub_regs(s, i);
		struct paging paging;

		if (!regs || followed(s, i, x86_64_get(regs, X86_64_cr3)))
			continue;
		paging = tables(s, regs);
		if (first)
			deny_refresh(&s->deny, policy, &paging, any_entry, s);
		else
			deny_add(&s->deny, policy, &paging, any_entry, s);
		first = false;
	}
}

/* The physical address of @addr and how many bytes from there are in the same page of RAM. */
static int resolve(struct stub *s, const struct x86_64_regs *regs, enum target_space space,
		   uint64_t addr, struct paging_leaf *ret)
{
	struct paging paging = tables(s, regs);

	if (space == TARGET_VIRT)
		return paging_walk(&paging, table_entry, s, GVA(addr), ret);
	*ret = (struct paging_leaf){ .gpa = GPA(addr), .bytes = PAGE_BYTES, .write = true };
	return 0;
}

static size_t page_part(uint64_t addr, size_t len)
{
	size_t left = PAGE_BYTES - addr % PAGE_BYTES;

	return len < left ? len : left;
}

int guarded_read(struct stub *s, const struct x86_64_regs *regs, enum target_space space,
		 uint64_t addr, void *buf, size_t len)
{
	size_t done = 0;
	int status = 0;

	while (done < len) {
		size_t n = page_part(addr + done, len - done);
		uint8_t *to = (uint8_t *)buf + done;
		struct paging_leaf leaf;

		status = resolve(s, regs, space, addr + done, &leaf);
		if (!status)
			status = check(s, leaf.gpa.v, n);
		if (!status)
			status = s->port->ops->phys_read(s->port, leaf.gpa.v, to, n);
		if (status)
			break;
		breaks_hide(s, leaf.gpa.v, to, n);
		done += n;
	}
	if (done || !len)
		return (int)done;
	return status == ST_POLICY ? status : ST_FAULT;
}

/* Every page is looked at before the first is written: all or nothing. */
static int writable(struct stub *s, const struct x86_64_regs *regs, enum target_space space,
		    uint64_t addr, size_t len)
{
	struct paging_leaf leaf;
	size_t done, n;
	uint8_t byte;
	int status = 0;

	for (done = 0; done < len && !status; done += n) {
		n = page_part(addr + done, len - done);
		status = resolve(s, regs, space, addr + done, &leaf);
		if (!status)
			status = check(s, leaf.gpa.v, n);
		if (!status)
			status = s->port->ops->phys_read(s->port, leaf.gpa.v, &byte, 1);
	}
	return status && status != ST_POLICY ? ST_FAULT : status;
}

/* Read-only mappings are written as well, as debuggers expect of code. */
int guarded_write(struct stub *s, const struct x86_64_regs *regs, enum target_space space,
		  uint64_t addr, const void *buf, size_t len)
{
	enum { CHUNK = 256 };
	uint8_t bytes[CHUNK];
	int status = writable(s, regs, space, addr, len);
	size_t done, n;

	for (done = 0; done < len && !status; done += n) {
		struct paging_leaf leaf;

		n = page_part(addr + done, len - done);
		if (n > CHUNK)
			n = CHUNK;
		status = resolve(s, regs, space, addr + done, &leaf);
		if (status)
			break;
		memcpy(bytes, (const uint8_t *)buf + done, n);
		breaks_keep(s, leaf.gpa.v, bytes, n);
		status = s->port->ops->phys_write(s->port, leaf.gpa.v, bytes, n);
	}
	return status;
}

int guarded_region(struct stub *s, const struct x86_64_regs *regs, uint64_t addr,
		   struct target_region *ret)
{
	struct paging paging = tables(s, regs);
	struct paging_leaf leaf = { 0 };
	int mapped = paging_region(&paging, table_entry, s, GVA(addr), REGION_LEAVES, &ret->start,
				   &ret->last, &leaf);

	if (mapped < 0)
		return mapped;
	ret->mapped = mapped;
	ret->write = leaf.write;
	ret->exec = leaf.exec;
	ret->user = leaf.user;
	ret->encrypted = leaf.encrypted;
	return 0;
}

bool guarded_denied(struct stub *s, const struct x86_64_regs *regs, uint64_t addr)
{
	struct paging_leaf leaf;

	return regs && !resolve(s, regs, TARGET_VIRT, addr, &leaf) && check(s, leaf.gpa.v, 1);
}

int guarded_text(struct stub *s, const struct x86_64_regs *regs, uint64_t addr, uint64_t *gpa)
{
	struct paging_leaf leaf;
	int status = resolve(s, regs, TARGET_VIRT, addr, &leaf);

	if (status || !leaf.exec || leaf.user)
		return ST_FAULT;
	*gpa = leaf.gpa.v;
	return check(s, leaf.gpa.v, 1);
}
