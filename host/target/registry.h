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
	struct vm *vm;	 /* NULL only with a stub */
	struct psp *psp; /* NULL only with a stub: the host cannot look into the guest */
	struct journal *journal;
	const char *stub; /* where the stub in the guest is (chan_connect_stub); NULL: none */
	const struct policy *policy; /* whose denied memory is kept out of reach; NULL: none */
	uint64_t vmcoreinfo;	     /* where the user says VMCOREINFO is; 0: search */
};

struct backend {
	const char *name;
	bool (*fits)(const struct backend_config *config);
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
	/* To be called during a session now and then (see chan_tick); NULL: no need. */
	void (*tick)(struct target *t);
};

/* NULL: nothing serves this kind of VM. */
const struct backend *registry_find(const struct backend_config *config);

#endif
