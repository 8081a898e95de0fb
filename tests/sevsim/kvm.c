/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Objects and the ioctls that are not memory commands; those are in dbg.c. */
#include "kvm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dbg.h"
#include "psp.h"

#define KVM_CREATE_VM	      0xae01u
#define KVM_CHECK_EXTENSION   0xae03u
#define KVM_ENABLE_CAP	      0x4068aea3u
#define KVM_MEMORY_ENCRYPT_OP 0xc008aebau

enum { CAP_COPY_ENC_CONTEXT = 197, OBJECTS_MAX = 4096, NAME_MAX_LEN = 64 };

enum kind { DEV_KVM, DEV_SEV, VM };

struct object {
	enum kind kind;
	ino_t ino;
	pid_t tgid; /* whose address space made it */
	bool sev, mirror;
};

static struct object objects[OBJECTS_MAX];
static unsigned int nobjects;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct object *remember(int fd, enum kind kind, pid_t tgid)
{
	struct object *o;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	pthread_mutex_lock(&lock);
	/* Old entries belong to agents long dead. */
	o = &objects[nobjects++ % OBJECTS_MAX];
	*o = (struct object){ .kind = kind, .ino = st.st_ino, .tgid = tgid };
	pthread_mutex_unlock(&lock);
	return o;
}

static int placeholder(const char *name, unsigned int flags)
{
	char full[NAME_MAX_LEN];

	snprintf(full, sizeof(full), KVM_PLACEHOLDER "%s", name);
	return memfd_create(full, flags);
}

/* What descriptor @fd of thread @tid stands for, or NULL. */
static struct object *lookup(pid_t tid, int fd)
{
	struct object *found = NULL;
	unsigned int i;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)tid, fd);
	if (stat(path, &st))
		return NULL;
	pthread_mutex_lock(&lock);
	for (i = 0; i < OBJECTS_MAX && !found; i++)
		if (objects[i].ino && objects[i].ino == st.st_ino)
			found = &objects[i];
	pthread_mutex_unlock(&lock);
	return found;
}

static pid_t tgid_of(pid_t tid)
{
	char path[64], line[128];
	int tgid = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &tgid) == 1)
			break;
	if (f)
		fclose(f);
	return tgid;
}

static struct object *qemu_vm;

int kvm_placeholders(void)
{
	char name[32];
	unsigned int i;
	int fd;

	fd = placeholder("/dev/kvm", 0);
	if (!remember(fd, DEV_KVM, 0))
		return -1;
	sim.vm_fd = placeholder("anon_inode:kvm-vm", 0);
	qemu_vm = remember(sim.vm_fd, VM, 0);
	if (!qemu_vm)
		return -1;
	qemu_vm->sev = true;
	for (i = 0; i < sim.ncpus; i++) {
		snprintf(name, sizeof(name), "anon_inode:kvm-vcpu:%u", i);
		placeholder(name, 0);
	}
	sim.sev_fd = placeholder("/dev/sev", 0);
	return remember(sim.sev_fd, DEV_SEV, 0) ? 0 : -1;
}

void kvm_adopt(pid_t qemu)
{
	if (qemu_vm)
		qemu_vm->tgid = qemu;
}

int kvm_open(bool sev, pid_t tgid)
{
	int fd = placeholder(sev ? "/dev/sev" : "/dev/kvm", MFD_CLOEXEC);

	return remember(fd, sev ? DEV_SEV : DEV_KVM, tgid) ? fd : -1;
}

static long create_vm(pid_t tgid, int *made)
{
	*made = placeholder("anon_inode:kvm-vm", MFD_CLOEXEC);
	return remember(*made, VM, tgid) ? 0 : -ENOMEM;
}

/* svm_vm_copy_asid_from: the checks in their order (Linux 6.1 sev.c:2062, 7.3 sev.c:2872). */
static long enable_cap(pid_t tid, struct object *vm, uint64_t arg)
{
	struct {
		uint32_t cap, flags;
		uint64_t args[4];
	} cap;
	struct iovec local = { &cap, sizeof(cap) };
	struct iovec remote = { (void *)(uintptr_t)arg, sizeof(cap) };
	struct object *source;
	int error = psp_step(PSP_ENABLE_CAP);

	if (process_vm_readv(tid, &local, 1, &remote, 1, 0) != sizeof(cap))
		return -EFAULT;
	if (cap.cap != CAP_COPY_ENC_CONTEXT || cap.flags)
		return -EINVAL;
	if (error)
		return -error;
	source = lookup(tid, (int)cap.args[0]);
	if (!source || source->kind != VM)
		return -EBADF;
	if (source == vm || !source->sev || source->mirror || vm->sev || sim.type == SIM_SNP)
		return -EINVAL;
	vm->sev = vm->mirror = true;
	return 0;
}

static bool holds_sev(pid_t tid)
{
	struct object *o = lookup(tid, sim.sev_fd);

	return o && o->kind == DEV_SEV;
}

static long vm_ioctl(pid_t tid, pid_t tgid, struct object *vm, uint32_t request, uint64_t arg)
{
	if (vm->tgid != tgid) {
		psp_violation(PSP_WRONG_MM);
		return -EIO;
	}
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return arg == CAP_COPY_ENC_CONTEXT;
	case KVM_ENABLE_CAP:
		return enable_cap(tid, vm, arg);
	case KVM_MEMORY_ENCRYPT_OP:
		if (!arg)
			return 0;
		return dbg_op(&(struct dbg_caller){ .tid = tid,
						    .sev = vm->sev,
						    .mirror = vm->mirror,
						    .qemu = tgid == sim.qemu,
						    .holds_sev = holds_sev(tid) },
			      arg);
	default:
		return -ENOTTY;
	}
}

long kvm_ioctl(pid_t tid, int fd, uint32_t request, uint64_t arg, int *made)
{
	struct object *o = lookup(tid, fd);
	pid_t tgid;

	*made = -1;
	if (!o)
		return KVM_NOT_OURS;
	tgid = tgid_of(tid);
	if (o->kind == VM)
		return vm_ioctl(tid, tgid, o, request, arg);
	if (o->kind == DEV_KVM && request == KVM_CREATE_VM)
		return create_vm(tgid, made);
	if (o->kind == DEV_KVM && request == KVM_CHECK_EXTENSION)
		return arg == CAP_COPY_ENC_CONTEXT;
	return -ENOTTY;
}
