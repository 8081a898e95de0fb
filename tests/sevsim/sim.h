/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the parts of sevsim know of each other. One process, three kinds of threads: the main thread
 * runs the proxies (QMP, gdbstub, control; poll loop), one thread a seccomp listener answers system
 * calls, workers encrypt. `struct sim` is the one instance; sim.lock guards the VM's run state, so
 * that nobody encrypts while somebody decrypts.
 */
#ifndef TESTS_SEVSIM_SIM_H
#define TESTS_SEVSIM_SIM_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum sim_type { SIM_SEV, SIM_SEV_ES, SIM_SNP };
enum sim_kernel { SIM_LINUX_6_1, SIM_LINUX_6_12, SIM_LINUX_7_3 };
enum { SIM_RANGES_MAX = 64, SIM_CPUS_MAX = 64, SIM_PAGE = 4096 };

struct sim_range {
	uint64_t gpa, bytes;
};

/* One run of guest RAM: contiguous in GPA, in QEMU's address space and in its file. */
struct sim_block {
	uint64_t gpa, bytes, hva;
	uint8_t *map; /* our own shared mapping, NULL for anonymous RAM */
	dev_t dev;    /* of the backing file, when there is one */
	ino_t ino;
	uint64_t offset; /* of the block in that file */
};

struct sim {
	/* from the command line */
	enum sim_type type;
	enum sim_kernel kernel;
	uint64_t policy;
	unsigned int cbit;
	bool qemu_91;	    /* query-sev in the form of QEMU 9.1 and later */
	bool close_sev;	    /* QEMU holds no /dev/sev */
	bool memlock_limit; /* QEMU's RLIMIT_MEMLOCK has no room above guest RAM */
	const char *dir;
	const char *gdb_at_start;
	unsigned int nshared;
	struct sim_range shared[SIM_RANGES_MAX];
	/* the machine */
	pid_t qemu;
	int vm_fd, sev_fd; /* the placeholders' numbers in QEMU */
	unsigned int nblocks;
	struct sim_block block[SIM_RANGES_MAX];
	uint64_t locked_pages; /* that the VM has registered with KVM */
	unsigned int ncpus;    /* QEMU's -smp, checked against QEMU */
	pthread_mutex_t lock;
	bool stopped;	/* RAM is ciphertext */
	uint64_t stops; /* since the statistics were reset */
};

extern struct sim sim;

/* --- the machine behind its private sockets (machine.c) --- */

struct sim_cpu {
	uint64_t rip, cr0, cr3, cr4, efer;
};

int machine_cpu(unsigned int cpu, struct sim_cpu *ret);
/* Writes physical memory through QEMU, so that translated code is dropped. VM stopped. */
int machine_write(uint64_t gpa, const void *data, size_t len);

/* --- RAM as the host sees it (ram.c) --- */

/* After sim.block is filled. */
int ram_open(void);
/*
 * The VM has just stopped: private pages become ciphertext. Call with sim.lock held. QEMU is not
 * asked anything: its main thread may wait for the lock, in an ioctl that an agent injected.
 */
int ram_encrypt(const struct sim_cpu *cpus);
/* The VM is about to run: plaintext again. Call with sim.lock held, then ram_write_back without. */
int ram_decrypt(void);
/* What anybody changed meanwhile reaches the guest through QEMU. */
int ram_write_back(void);
/* The block that holds @gpa or NULL; whether the page is private. */
struct sim_block *ram_block(uint64_t gpa);
bool ram_private(uint64_t gpa);
/* The truth, stopped or running: up to @len bytes of plaintext (C-bits in tables as the guest sees
 * them). */
int ram_plaintext(uint64_t gpa, void *buf, size_t len);

/* --- system calls (notify.c, kvm.c, psp.c) --- */

/* Starts a thread that answers what the filter hands to @listener; closes it at the end. */
int notify_start(int listener);
/* Installs the filter on the calling process (after no_new_privs) and returns the listener; used
 * before exec. */
int notify_install(bool agent);
/* Opens placeholder memfds for QEMU before exec, one for each of sim.ncpus, not close-on-exec;
 * fills sim.vm_fd, sim.sev_fd. */
int kvm_placeholders(void);
/* Objects made at start belong to QEMU: its PID is known now. */
void kvm_adopt(pid_t qemu);
json_t *psp_stats(void);
void psp_stats_reset(void);
/* Arms, changes or clears a fault (fields: psp.c); NULL on success, else what is wrong with @spec.
 */
const char *psp_fault(const json_t *spec);

#endif
