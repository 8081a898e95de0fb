/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which target serves which kind of VM. serve.c knows targets only through this table and
 * struct target.
 */
#ifndef HOST_TARGET_REGISTRY_H
#define HOST_TARGET_REGISTRY_H

#include "host/journal.h"
#include "host/sev/psp.h"
#include "protocol/target.h"

/* What a back end works with; all of it outlives the target. */
struct backend_config {
	struct vm *vm;
	struct psp *psp;
	struct journal *journal;
	uint64_t vmcoreinfo; /* where the user says VMCOREINFO is; 0: search */
};

struct backend {
	const char *name;
	bool (*fits)(const struct vm *vm);
	int (*create)(const struct backend_config *config, struct target **ret, struct err *err);
	void (*destroy)(struct target *t);
	/*
	 * Begins a session: stops the VM (the journal says whether it has to run afterwards) and
	 * makes every operation of the target usable. run->detach ends it. On failure the VM is as
	 * it was.
	 */
	int (*attach)(struct target *t, struct target_stop *ret, struct err *err);
	/*
	 * For poll(), during a session: readable when run->poll may have news. -1: QMP's events
	 * tell.
	 */
	int (*fd)(const struct target *t);
};

/* NULL: nothing serves this kind of VM. */
const struct backend *registry_find(const struct vm *vm);

#endif
