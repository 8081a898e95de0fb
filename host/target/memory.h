/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The memory of an encrypted guest as a debugger wants it: by virtual address through the guest's
 * own page tables or by physical address, private pages decrypted, shared ones raw, each at most
 * once a stop. Where page tables start comes from a vCPU's registers when the host can see them,
 * else from the kernel that was found in RAM. What a policy denies is out of reach by any address,
 * as page table too. Does not know how the guest is run.
 */
#ifndef HOST_TARGET_MEMORY_H
#define HOST_TARGET_MEMORY_H

#include "host/journal.h"
#include "host/sev/kernel.h"
#include "protocol/deny.h"
#include "protocol/target.h"

struct memory {
	struct vm *vm;
	struct psp *psp;
	struct pages *pages;
	struct journal *journal;
	struct target *cpu;   /* its registers hold CR3 and CR4; NULL: kernel.paging for all */
	struct kernel kernel; /* text 0: not found (yet) */
	struct err err;	      /* of the last failure, for struct target's explain */
	/* The owner may set it; NULL, or one without `deny mem`: everything is allowed. */
	const struct policy *policy;
	/* private: what the policy denies at this stop, found out at the first access */
	bool deny_known;
	struct deny deny;
	int table_status; /* of the last page table read */
};

int memory_init(struct memory *m, struct vm *vm, struct psp *psp, struct journal *journal,
		struct err *err) MUST_USE;
void memory_deinit(struct memory *m);

/* struct target_mem_ops.read and .region, struct target_memw_ops.write: same contracts. */
int memory_read(struct memory *m, unsigned int vcpu, enum target_space space, uint64_t addr,
		void *buf, size_t len) MUST_USE;
int memory_region(struct memory *m, unsigned int vcpu, uint64_t addr,
		  struct target_region *ret) MUST_USE;
int memory_write(struct memory *m, unsigned int vcpu, enum target_space space, uint64_t addr,
		 const void *buf, size_t len) MUST_USE;

/*
 * Whether the policy allows all of [@addr, @addr + @len): 0, ST_POLICY, or why that cannot be told.
 * Costs nothing when it denies nothing.
 */
int memory_allowed(struct memory *m, unsigned int vcpu, enum target_space space, uint64_t addr,
		   size_t len) MUST_USE;

/* The page that holds @gva as seen by @vcpu. ST_FAULT: not mapped. */
int memory_translate(struct memory *m, unsigned int vcpu, gva_t gva,
		     struct paging_leaf *ret) MUST_USE;

/* Page tables of @vcpu. ST_NOREGS when neither registers nor a kernel tell. */
int memory_paging(struct memory *m, unsigned int vcpu, struct paging *ret) MUST_USE;

/*
 * Looks for the kernel image through the page tables of each of @vcpus vCPUs; sets m->kernel.text.
 */
void memory_find_kernel(struct memory *m, unsigned int vcpus);

/* The guest is about to run: forget what was read. */
void memory_drop(struct memory *m);

#endif
