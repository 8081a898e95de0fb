/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The VM's part of serving: opened in order, closed in reverse. */
#include "host/serve_vm.h"

#include <stdio.h>

#include "host/cmd.h"

int serve_vm_find(struct serve_vm *v, const struct serve_config *config, struct err *err)
{
	struct err why;

	if (!config->qmp)
		return CMD_OK;
	if (vm_open(config->qmp, &v->vm, err))
		return CMD_FAILED;
	v->readable = !sev_policy_check(v->vm->type, v->vm->policy, &why);
	if (v->readable || config->stub)
		return CMD_OK;
	*err = why;
	return CMD_NOT_DEBUGGABLE;
}

static int attach(struct serve_vm *v, const struct serve_config *config, struct err *err)
{
	int status = vm_attach(v->vm, err);

	if (!status)
		status = keeper_journal_create(&v->journal, err);
	if (!status)
		status = keeper_start(v->vm, v->journal, &v->keeper, err);
	if (!status)
		status = psp_open(v->vm, config->route, v->journal, &v->psp, err);
	return status;
}

int serve_vm_attach(struct serve_vm *v, const struct serve_config *config, struct err *err)
{
	int status = v->readable ? attach(v, config, err) : 0;

	if (status && config->stub) {
		fprintf(stderr, "cvmdbg: warning: memory comes from the stub: %s\n", err->text);
		status = 0;
	}
	return status;
}

void serve_vm_describe(const struct serve_vm *v, char *buf, size_t size)
{
	if (!v->vm)
		snprintf(buf, size, "a guest");
	else
		snprintf(buf, size, "PID %d (%s, %s)", (int)v->vm->pid, sev_type_name(v->vm->type),
			 v->psp ? psp_route_name(psp_route(v->psp)) : "memory by the stub");
}

void serve_vm_close(struct serve_vm *v)
{
	psp_close(v->psp);
	vm_close(v->vm); /* before the keeper goes: should it have work, it needs the QMP socket */
	keeper_stop(&v->keeper);
	keeper_journal_destroy(v->journal);
}
