/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What serving needs of the VM itself: QMP, and where the host may look into the guest the way to
 * the PSP and the keeper. With a stub in the guest all of it is optional.
 */
#ifndef HOST_SERVE_VM_H
#define HOST_SERVE_VM_H

#include "host/keeper.h"
#include "host/serve.h"

struct serve_vm {
	struct vm *vm;	 /* NULL: no QMP socket was named */
	struct psp *psp; /* NULL: the host does not look into the guest */
	struct journal *journal;
	struct keeper keeper;
	bool readable; /* the policy lets the host look into the guest */
};

/* Opens the VM and judges its policy. enum cmd_exit; changes nothing. */
int serve_vm_find(struct serve_vm *v, const struct serve_config *config, struct err *err) MUST_USE;

/* Makes ready to look into the guest, if that is allowed; with a stub failing is a warning. */
int serve_vm_attach(struct serve_vm *v, const struct serve_config *config,
		    struct err *err) MUST_USE;

/* For the user: which VM, and how its memory is read. */
void serve_vm_describe(const struct serve_vm *v, char *buf, size_t size);

/* Safe however far opening came. */
void serve_vm_close(struct serve_vm *v);

#endif
