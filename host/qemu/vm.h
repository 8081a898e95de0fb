/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What one finds out about a running VM from outside: its process, descriptors, RAM layout, vCPUs
 * and SEV launch facts (QMP, /proc/PID). Read-only: opening a VM changes nothing in it.
 */
#ifndef HOST_QEMU_VM_H
#define HOST_QEMU_VM_H

#include "host/qemu/qmp.h"
#include "host/sev/policy.h"
#include "protocol/addr.h"
#include "protocol/limits.h"

enum {
	VM_RANGES_MAX = 64,
	VM_PATH_MAX = 64,
};

/* A run of guest physical addresses that is RAM, contiguous in QEMU's address space. */
struct vm_range {
	gpa_t gpa;
	uint64_t bytes;
	hva_t hva;
	char name[32]; /* QEMU's RAM block */
	/* Where the agent can map the same pages; not shared: anonymous or private memory. */
	bool shared;
	char path[VM_PATH_MAX]; /* /proc/PID/map_files/... or /proc/PID/fd/N */
	uint64_t offset;	/* of the range's first byte in that file */
};

struct vm {
	struct qmp *qmp;
	pid_t pid;
	uid_t uid;
	int pidfd;
	int lock_fd; /* flock on /proc/PID/mem: one agent a VM; inherited by the keeper */
	int mem_fd;  /* /proc/PID/mem, for raw reads of anonymous RAM */
	char version[32];
	enum sev_type type;
	uint64_t policy;
	unsigned int cbit;	/* position; 0: unknown */
	unsigned int sev_state; /* GUEST_STATUS numbering */
	int vm_fd;		/* number of anon_inode:kvm-vm in QEMU, -1: none */
	int sev_fd;		/* number of /dev/sev in QEMU, -1: closed */
	unsigned int vcpus;
	pid_t vcpu_tid[VCPUS_MAX];
	unsigned int nranges;
	struct vm_range range[VM_RANGES_MAX]; /* ascending gpa */
};

/*
 * Connects to QMP and collects everything above that needs no ptrace rights. Does not judge whether
 * the guest can be debugged (policy.h does) and takes no lock.
 */
int vm_open(const char *qmp_path, struct vm **ret, struct err *err) MUST_USE;
void vm_close(struct vm *vm);

/* Opens /proc/PID/mem and takes the lock: from here on nobody else attaches. ST_BUSY, ST_ACCES. */
int vm_attach(struct vm *vm, struct err *err) MUST_USE;

/* The range that holds @gpa, or NULL (MMIO or nothing). */
const struct vm_range *vm_range_find(const struct vm *vm, gpa_t gpa);

/* Total RAM in bytes. */
uint64_t vm_ram_bytes(const struct vm *vm);

#endif
