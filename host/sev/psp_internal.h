/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What psp.c and its two routes share. A route moves pages between the guest and a pool of
 * PSP_BATCH_PAGES plaintext pages, and moves bytes between the pool and the agent. Nothing else
 * touches the pool: with SNP initialised on the host a page is the firmware's while a command works
 * on it, and any write to it faults (sev-host.md 6).
 */
#ifndef HOST_SEV_PSP_INTERNAL_H
#define HOST_SEV_PSP_INTERNAL_H

#include "host/sev/abi.h"
#include "host/sev/psp.h"
#include "host/sev/psp_status.h"

enum { PSP_POOL_BYTES = PSP_BATCH_PAGES * PAGE_BYTES };

struct psp_mirror;
struct psp_inject;

/*
 * Each route has the same functions. Negative: the route itself failed, @err says how. 0: the ioctl
 * was made, *ret tells how it ended.
 */
int psp_mirror_open(struct vm *vm, struct psp_mirror **ret, struct err *err) MUST_USE;
void psp_mirror_close(struct psp_mirror *m);
int psp_mirror_status(struct psp_mirror *m, struct abi_sev_guest_status *status,
		      struct psp_answer *ret, struct err *err) MUST_USE;
/* @id DECRYPT: @count guest pages at @gpa into the pool; ENCRYPT: the pool into the guest pages. */
int psp_mirror_debug(struct psp_mirror *m, uint32_t id, gpa_t gpa, unsigned int count,
		     struct psp_answer *ret, struct err *err) MUST_USE;
int psp_mirror_pool_get(struct psp_mirror *m, void *ret, size_t len, struct err *err) MUST_USE;
int psp_mirror_pool_put(struct psp_mirror *m, const void *data, size_t len,
			struct err *err) MUST_USE;
/* The agent's own mapping of @gpa, or NULL; @write: only if it is writable. */
uint8_t *psp_mirror_page(const struct psp_mirror *m, gpa_t gpa, bool write);

int psp_inject_open(struct vm *vm, struct journal *journal, struct psp_inject **ret,
		    struct err *err) MUST_USE;
void psp_inject_close(struct psp_inject *p);
int psp_inject_status(struct psp_inject *p, struct abi_sev_guest_status *status,
		      struct psp_answer *ret, struct err *err) MUST_USE;
int psp_inject_debug(struct psp_inject *p, uint32_t id, gpa_t gpa, unsigned int count,
		     struct psp_answer *ret, struct err *err) MUST_USE;
int psp_inject_pool_get(struct psp_inject *p, void *ret, size_t len, struct err *err) MUST_USE;
int psp_inject_pool_put(struct psp_inject *p, const void *data, size_t len,
			struct err *err) MUST_USE;

#endif
