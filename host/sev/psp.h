/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The guest's memory in plaintext, page by page, through the security processor. Two routes, chosen
 * at open: a mirror VM of our own that shares the guest's encryption context, or the ioctl injected
 * into QEMU (Linux arch/x86/kvm/svm/sev.c; docs/design.md "Two routes to the PSP"). psp.c decides,
 * psp_mirror.c is the only file of the project that issues KVM ioctls, psp_inject.c asks
 * qemu/inject.h to issue them.
 *
 * Always whole, page-aligned pages: Linux before 8d6297a3e73e ("KVM: SEV: Rewrite logic to
 * {de,en}crypt memory for debug") loses bytes or overruns its pinned page otherwise.
 */
#ifndef HOST_SEV_PSP_H
#define HOST_SEV_PSP_H

#include "host/journal.h"
#include "host/qemu/vm.h"

enum psp_route { PSP_AUTO, PSP_MIRROR, PSP_INJECT };

enum { PSP_BATCH_PAGES = 64 }; /* pages of one decrypt request */

struct psp_stats {
	uint64_t decrypt_pages; /* = PSP commands: the kernel issues one a page */
	uint64_t encrypt_pages;
	uint64_t requests; /* ioctls */
	uint64_t failures;
};

struct psp;

const char *psp_route_name(enum psp_route route);

/*
 * Opens the route and proves with GUEST_STATUS and one page that it works. AUTO: mirror where all
 * RAM is shared memory, else inject. @vm must be attached and outlive the psp; @journal records
 * what a crash would leave behind (inject only). Errors say which precondition of sev-host.md 7/8
 * failed and the remedy.
 */
int psp_open(struct vm *vm, enum psp_route route, struct journal *journal, struct psp **ret,
	     struct err *err) MUST_USE;
void psp_close(struct psp *psp);

enum psp_route psp_route(const struct psp *psp);
const struct vm *psp_vm(const struct psp *psp);
const struct psp_stats *psp_stats(const struct psp *psp);
/* From GUEST_STATUS: policy and state (sev-host.md 13). */
uint32_t psp_policy(const struct psp *psp);
uint32_t psp_state(const struct psp *psp);

/*
 * Decrypts @count (1..PSP_BATCH_PAGES) pages from @gpa, page-aligned, all inside one vm_range, into
 * @ret. All or ST_IO/ST_POLICY/...; a failed batch is retried page by page inside, and @done says
 * how many pages from the start are good.
 */
int psp_decrypt(struct psp *psp, gpa_t gpa, unsigned int count, void *ret, unsigned int *done,
		struct err *err) MUST_USE;

/* Encrypts one whole page. The vCPUs must be stopped. */
int psp_encrypt(struct psp *psp, gpa_t gpa, const void *page, struct err *err) MUST_USE;

/*
 * The bytes as they are in DRAM: plaintext of shared pages, ciphertext of private ones. No PSP
 * command. @len within one vm_range.
 */
int psp_read_raw(struct psp *psp, gpa_t gpa, void *ret, size_t len, struct err *err) MUST_USE;
int psp_write_raw(struct psp *psp, gpa_t gpa, const void *data, size_t len,
		  struct err *err) MUST_USE;
/* Pointer to @gpa's page in the agent's own mapping, or NULL on the inject route. */
const uint8_t *psp_raw_page(const struct psp *psp, gpa_t gpa);

#endif
