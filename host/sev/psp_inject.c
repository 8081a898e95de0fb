/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The inject route: the same ioctl, made by QEMU's main thread. Parameters and plaintext live in
 * pages that inject.h maps in QEMU: one of parameters, then the pool. Knows nothing of how a call
 * gets into another process.
 */
#include "host/sev/psp_internal.h"

#include <stdlib.h>

#include "host/qemu/inject.h"

/* The first page of the area. */
struct params {
	struct abi_sev_cmd cmd;
	union {
		struct abi_sev_dbg dbg;
		struct abi_sev_guest_status status;
	};
};

enum {
	AREA_POOL = PAGE_BYTES, /* offset of the pool */
	AREA_PAGES = 1 + PSP_BATCH_PAGES,
};

struct psp_inject {
	struct vm *vm;
	struct inject *inject;
};

static hva_t area(const struct psp_inject *p, uint64_t offset)
{
	return HVA(inject_area(p->inject).v + offset);
}

int psp_inject_open(struct vm *vm, struct journal *journal, struct psp_inject **ret,
		    struct err *err)
{
	struct psp_inject *p;
	int status;

	if (vm->vm_fd < 0)
		return err_set(err, ST_UNSUPPORTED, "QEMU (PID %d) does not use KVM", (int)vm->pid);
	if (vm->sev_fd < 0)
		return err_set(
			err, ST_UNSUPPORTED,
			"QEMU (PID %d) has closed /dev/sev, which KVM needs; relaunch the guest "
			"with a QEMU that keeps it open",
			(int)vm->pid);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, ST_NOMEM, "out of memory");
	p->vm = vm;
	status = inject_open(vm, AREA_PAGES, journal, &p->inject, err);
	if (status) {
		free(p);
		return status;
	}
	*ret = p;
	return 0;
}

void psp_inject_close(struct psp_inject *p)
{
	if (!p)
		return;
	inject_close(p->inject);
	free(p);
}

/* Runs the command in @params and brings them back as KVM left them. */
static int command(struct psp_inject *p, uint32_t id, struct params *params, struct psp_answer *ret,
		   struct err *err)
{
	long result;
	int status;

	params->cmd = (struct abi_sev_cmd){
		.id = id,
		.data = area(p, offsetof(struct params, dbg)).v,
		.error = ABI_SEV_NO_FW_CALL,
		.sev_fd = (uint32_t)p->vm->sev_fd,
	};
	status = inject_poke(p->inject, area(p, 0), params, sizeof(*params), err);
	if (!status)
		status = inject_ioctl(p->inject, p->vm->vm_fd, ABI_KVM_MEMORY_ENCRYPT_OP,
				      area(p, 0).v, &result, err);
	if (!status)
		status = inject_peek(p->inject, area(p, 0), params, sizeof(*params), err);
	if (status)
		return status;
	*ret = (struct psp_answer){
		.error = result < 0 ? (int)-result : 0,
		.code = params->cmd.error,
	};
	return 0;
}

int psp_inject_status(struct psp_inject *p, struct abi_sev_guest_status *guest,
		      struct psp_answer *ret, struct err *err)
{
	struct params params = { 0 };
	int status = command(p, ABI_SEV_GUEST_STATUS, &params, ret, err);

	if (!status)
		*guest = params.status;
	return status;
}

int psp_inject_debug(struct psp_inject *p, uint32_t id, gpa_t gpa, unsigned int count,
		     struct psp_answer *ret, struct err *err)
{
	const struct vm_range *range = vm_range_find(p->vm, gpa);
	bool decrypt = id == ABI_SEV_DBG_DECRYPT;
	uint64_t page, pool = area(p, AREA_POOL).v;
	struct params params = { 0 };

	if (!range)
		return err_set(err, ST_FAULT, "0x%llx is not guest RAM", (unsigned long long)gpa.v);
	page = range->hva.v + (gpa.v - range->gpa.v);
	params.dbg = (struct abi_sev_dbg){
		.src_uaddr = decrypt ? page : pool,
		.dst_uaddr = decrypt ? pool : page,
		.len = count * PAGE_BYTES,
	};
	return command(p, id, &params, ret, err);
}

int psp_inject_pool_get(struct psp_inject *p, void *ret, size_t len, struct err *err)
{
	return inject_peek(p->inject, area(p, AREA_POOL), ret, len, err);
}

int psp_inject_pool_put(struct psp_inject *p, const void *data, size_t len, struct err *err)
{
	return inject_poke(p->inject, area(p, AREA_POOL), data, len, err);
}
