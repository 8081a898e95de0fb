/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Decides which route to the security processor to take, counts, and turns what came back into
 * words. A two-way switch instead of a vtable: there is no third route on a stock host.
 */
#include "host/sev/psp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "host/sev/psp_internal.h"

struct psp {
	struct vm *vm;
	enum psp_route route; /* MIRROR or INJECT */
	struct psp_mirror *mirror;
	struct psp_inject *inject;
	struct psp_stats stats;
	struct abi_sev_guest_status status;
};

const char *psp_route_name(enum psp_route route)
{
	static const char *const names[] = { "auto", "mirror", "inject" };

	return names[route];
}

/* --- the two routes --- */

static int route_open(struct psp *p, struct journal *journal, struct err *err)
{
	int status;

	if (p->route == PSP_MIRROR)
		status = psp_mirror_open(p->vm, &p->mirror, err);
	else
		status = psp_inject_open(p->vm, journal, &p->inject, err);
	return status ? err_add(err, status, "PSP by way of %s", psp_route_name(p->route)) : 0;
}

static int route_debug(struct psp *p, uint32_t id, gpa_t gpa, unsigned int count,
		       struct psp_answer *ret, struct err *err)
{
	p->stats.requests++;
	if (p->route == PSP_MIRROR)
		return psp_mirror_debug(p->mirror, id, gpa, count, ret, err);
	return psp_inject_debug(p->inject, id, gpa, count, ret, err);
}

static int pool_get(struct psp *p, void *ret, size_t len, struct err *err)
{
	if (p->route == PSP_MIRROR)
		return psp_mirror_pool_get(p->mirror, ret, len, err);
	return psp_inject_pool_get(p->inject, ret, len, err);
}

static int pool_put(struct psp *p, const void *data, size_t len, struct err *err)
{
	if (p->route == PSP_MIRROR)
		return psp_mirror_pool_put(p->mirror, data, len, err);
	return psp_inject_pool_put(p->inject, data, len, err);
}

/* --- life --- */

enum {
	/* What is smaller is firmware: its being private does not stop the mirror from being
	   useful. */
	MAIN_RAM_MIN = 1 << 24,
};

static enum psp_route choose(const struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nranges; i++)
		if (!vm->range[i].shared && vm->range[i].bytes >= MAIN_RAM_MIN)
			return PSP_INJECT;
	for (i = 0; i < vm->nranges; i++)
		if (vm->range[i].shared)
			return PSP_MIRROR;
	return PSP_INJECT;
}

/* GUEST_STATUS needs everything that the debug commands need and touches nothing. */
static int prove(struct psp *p, struct err *err)
{
	struct psp_answer answer = { 0 };
	int status;

	if (p->route == PSP_MIRROR)
		status = psp_mirror_status(p->mirror, &p->status, &answer, err);
	else
		status = psp_inject_status(p->inject, &p->status, &answer, err);
	if (!status && answer.error)
		status = psp_status_explain(&answer, p->route, err);
	/* The firmware answers success and state INVALID for a handle that it does not know. */
	if (!status && !p->status.state)
		status = err_set(err, ST_GONE, "the firmware does not know this guest");
	return status ? err_add(err, status, "asking for the guest's status by way of %s",
				psp_route_name(p->route))
		      : 0;
}

/* GUEST_STATUS pins nothing: only a page shows a memory limit, before a debugger depends on it. */
static int try_page(struct psp *p, struct err *err)
{
	uint8_t page[PAGE_BYTES];
	unsigned int done;
	int status = psp_decrypt(p, p->vm->range[0].gpa, 1, page, &done, err);

	p->stats = (struct psp_stats){ 0 };
	return status;
}

int psp_open(struct vm *vm, enum psp_route route, struct journal *journal, struct psp **ret,
	     struct err *err)
{
	struct psp *p = calloc(1, sizeof(*p));
	int status;

	if (!p)
		return err_set(err, ST_NOMEM, "out of memory");
	p->vm = vm;
	p->route = route == PSP_AUTO ? choose(vm) : route;
	status = route_open(p, journal, err);
	if (!status)
		status = prove(p, err);
	if (!status)
		status = try_page(p, err);
	if (status) {
		psp_close(p);
		return status;
	}
	*ret = p;
	return 0;
}

void psp_close(struct psp *p)
{
	if (!p)
		return;
	psp_mirror_close(p->mirror);
	psp_inject_close(p->inject);
	free(p);
}

enum psp_route psp_route(const struct psp *p)
{
	return p->route;
}

const struct vm *psp_vm(const struct psp *p)
{
	return p->vm;
}

const struct psp_stats *psp_stats(const struct psp *p)
{
	return &p->stats;
}

uint32_t psp_policy(const struct psp *p)
{
	return p->status.policy;
}

uint32_t psp_state(const struct psp *p)
{
	return p->status.state;
}

/* --- pages --- */

static int check_pages(const struct psp *p, gpa_t gpa, unsigned int count, struct err *err)
{
	const struct vm_range *range = vm_range_find(p->vm, gpa);
	uint64_t bytes = (uint64_t)count * PAGE_BYTES;

	if (!count || count > PSP_BATCH_PAGES || gpa.v % PAGE_BYTES)
		return err_set(err, ST_INVAL, "%u pages at 0x%" PRIx64 " are no PSP request", count,
			       gpa.v);
	if (!range || bytes > range->bytes - (gpa.v - range->gpa.v))
		return err_set(err, ST_FAULT, "0x%" PRIx64 " is not guest RAM", gpa.v);
	return 0;
}

/* One request; *ret (may be NULL) tells what the PSP said. */
static int debug(struct psp *p, uint32_t id, gpa_t gpa, unsigned int count, struct psp_answer *ret,
		 struct err *err)
{
	int status = route_debug(p, id, gpa, count, ret, err);

	if (!status && ret->error)
		status = psp_status_explain(ret, p->route, err);
	if (status)
		p->stats.failures++;
	else if (id == ABI_SEV_DBG_DECRYPT)
		p->stats.decrypt_pages += count;
	else
		p->stats.encrypt_pages += count;
	return status;
}

static int decrypt_once(struct psp *p, gpa_t gpa, unsigned int count, uint8_t *ret,
			struct psp_answer *answer, struct err *err)
{
	int status = debug(p, ABI_SEV_DBG_DECRYPT, gpa, count, answer, err);

	return status ? status : pool_get(p, ret, (size_t)count * PAGE_BYTES, err);
}

int psp_decrypt(struct psp *p, gpa_t gpa, unsigned int count, void *ret, unsigned int *done,
		struct err *err)
{
	struct psp_answer answer = { 0 };
	uint8_t *out = ret;
	int status;

	*done = 0;
	status = check_pages(p, gpa, count, err);
	if (status)
		return status;
	status = decrypt_once(p, gpa, count, out, &answer, err);
	if (!status)
		*done = count;
	/* KVM does not say which page of a batch failed: find out. */
	if (count > 1 && psp_status_is_about_page(&answer)) {
		for (status = 0; !status && *done < count; *done += !status)
			status = decrypt_once(p, GPA(gpa.v + (uint64_t)*done * PAGE_BYTES), 1,
					      out + (size_t)*done * PAGE_BYTES, &answer, err);
	}
	if (status)
		return err_add(err, status, "decrypting guest page 0x%" PRIx64,
			       gpa.v + (uint64_t)*done * PAGE_BYTES);
	return 0;
}

int psp_encrypt(struct psp *p, gpa_t gpa, const void *page, struct err *err)
{
	struct psp_answer answer = { 0 };
	int status = check_pages(p, gpa, 1, err);

	if (status)
		return status;
	status = pool_put(p, page, PAGE_BYTES, err);
	if (!status)
		status = debug(p, ABI_SEV_DBG_ENCRYPT, gpa, 1, &answer, err);
	return status ? err_add(err, status, "encrypting guest page 0x%" PRIx64, gpa.v) : 0;
}

/* --- raw bytes --- */

static int check_raw(const struct psp *p, gpa_t gpa, size_t len, hva_t *ret, struct err *err)
{
	const struct vm_range *range = vm_range_find(p->vm, gpa);

	if (!range || len > range->bytes - (gpa.v - range->gpa.v))
		return err_set(err, ST_FAULT, "0x%" PRIx64 " is not guest RAM", gpa.v);
	*ret = HVA(range->hva.v + (gpa.v - range->gpa.v));
	return 0;
}

static int explain_raw(ssize_t n, gpa_t gpa, struct err *err)
{
	if (n < 0)
		return err_sys(err, "guest memory 0x%" PRIx64 " in QEMU", gpa.v);
	return err_set(err, ST_IO, "guest memory 0x%" PRIx64 " in QEMU: only %zd bytes", gpa.v, n);
}

int psp_read_raw(struct psp *p, gpa_t gpa, void *ret, size_t len, struct err *err)
{
	const uint8_t *mapped = psp_raw_page(p, gpa);
	struct iovec local = { .iov_base = ret, .iov_len = len }, remote = { .iov_len = len };
	hva_t hva;
	ssize_t n;
	int status = check_raw(p, gpa, len, &hva, err);

	if (status)
		return status;
	if (mapped) {
		memcpy(ret, mapped, len);
		return 0;
	}
	remote.iov_base = (void *)(uintptr_t)hva.v;
	n = process_vm_readv(p->vm->pid, &local, 1, &remote, 1, 0);
	return n == (ssize_t)len ? 0 : explain_raw(n, gpa, err);
}

int psp_write_raw(struct psp *p, gpa_t gpa, const void *data, size_t len, struct err *err)
{
	uint8_t *mapped = p->mirror ? psp_mirror_page(p->mirror, gpa, true) : NULL;
	struct iovec local = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct iovec remote = { .iov_len = len };
	hva_t hva;
	ssize_t n;
	int status = check_raw(p, gpa, len, &hva, err);

	if (status)
		return status;
	if (mapped) {
		memcpy(mapped, data, len);
		return 0;
	}
	remote.iov_base = (void *)(uintptr_t)hva.v;
	n = process_vm_writev(p->vm->pid, &local, 1, &remote, 1, 0);
	return n == (ssize_t)len ? 0 : explain_raw(n, gpa, err);
}

const uint8_t *psp_raw_page(const struct psp *p, gpa_t gpa)
{
	return p->mirror ? psp_mirror_page(p->mirror, gpa, false) : NULL;
}
