/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Each precondition is one function that explains itself; a route is open when none objects. */
#include "host/routes.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "host/cleanup.h"

/* What both need of the VM: a SEV context and the descriptors QEMU reaches it by. */
static int check_descriptors(const struct vm *vm, struct err *err)
{
	if (vm->vm_fd < 0)
		return err_set(err, ST_UNSUPPORTED,
			       "QEMU (PID %d) holds no KVM virtual machine: it runs without KVM",
			       (int)vm->pid);
	if (vm->sev_fd < 0)
		return err_set(
			err, ST_UNSUPPORTED,
			"QEMU (PID %d) has closed /dev/sev, without which KVM refuses the debug "
			"commands",
			(int)vm->pid);
	return 0;
}

static int read_yama_scope(void)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%d", &scope) != 1)
		scope = 0;
	fclose(file);
	return scope;
}

/*
 * Attach rights (ptrace(2), "Ptrace access mode checking"): opening /proc/PID/mem for writing asks
 * the kernel that very question, PTRACE_MODE_ATTACH, security modules included.
 */
static int check_attach(const struct vm *vm, struct err *err)
{
	char path[32];
	int scope = read_yama_scope();

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)vm->pid);
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	if (geteuid() != vm->uid)
		return err_set(err, ST_ACCES,
			       "no right to attach to QEMU: run as root, or as its user %u",
			       (unsigned int)vm->uid);
	if (scope)
		return err_set(
			err, ST_ACCES,
			"no right to attach to QEMU: kernel.yama.ptrace_scope is %d; run as root, "
			"or set it to 0",
			scope);
	return err_set(err, ST_ACCES,
		       "no right to attach to QEMU although it is ours: it is not dumpable, or a "
		       "security module forbids it; run as root");
}

static int check_device(const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "opening %s", path) : 0;
}

static int check_shared(const struct vm *vm, struct err *err)
{
	unsigned int i;

	for (i = 0; i < vm->nranges; i++)
		if (!vm->range[i].shared)
			return err_set(err, ST_UNSUPPORTED,
				       "RAM '%s' is not shared memory: start QEMU with -object "
				       "memory-backend-memfd,id=ram1,size=...,share=on -machine "
				       "...,memory-backend=ram1",
				       vm->range[i].name);
	return 0;
}

void routes_forecast(const struct vm *vm, struct routes *ret)
{
	struct err *mirror = &ret->mirror.why, *inject = &ret->inject.why;

	memset(ret, 0, sizeof(*ret));
	ret->inject.open = !check_descriptors(vm, inject) && !check_attach(vm, inject);
	ret->mirror.open = !check_descriptors(vm, mirror) && !check_shared(vm, mirror) &&
			   !check_attach(vm, mirror) && !check_device("/dev/kvm", mirror) &&
			   !check_device("/dev/sev", mirror);
}
