/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The mirror route: a VM of our own that shares the guest's encryption context
 * (Documentation/virt/kvm/api.rst 7.25, KVM_CAP_VM_COPY_ENC_CONTEXT_FROM), and the guest's RAM
 * mapped from the memory file that QEMU uses. The only file of the project that issues KVM ioctls
 * itself.
 */
#include "host/sev/psp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "host/cleanup.h"

struct psp_mirror {
	struct vm *vm;
	int kvm_fd; /* the mirror VM */
	/*
	 * KVM copies the *number* under which QEMU holds /dev/sev and looks it up in our table.
	 * Where that number is one of ours already, /dev/sev takes its place only during the ioctl.
	 */
	int sev_fd;
	bool sev_fd_placed;
	uint8_t *pool;
	uint8_t *ram[VM_RANGES_MAX]; /* parallel to vm->range; NULL: not mapped */
	bool writable[VM_RANGES_MAX];
	unsigned int touched; /* pages since the mappings were last let go */
};

/* Pages of the mapping that may be resident at once; the kernel maps some neighbours of each. */
enum { MIRROR_TOUCHED_MAX = 128 };

/* --- /dev/sev at QEMU's number --- */

static int sev_fd_open(struct psp_mirror *m, struct err *err)
{
	struct rlimit limit;
	int number = m->vm->sev_fd;

	m->sev_fd = open("/dev/sev", O_RDWR | O_CLOEXEC);
	if (m->sev_fd < 0)
		return err_sys(err,
			       "opening /dev/sev (needed for the mirror route; run as root or give "
			       "this user access)");
	if (m->sev_fd == number) {
		m->sev_fd_placed = true;
		return 0;
	}
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur <= (rlim_t)number) {
		limit.rlim_cur = (rlim_t)number + 1;
		if (limit.rlim_cur > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit))
			return err_set(
				err, ST_NOSPC,
				"QEMU holds /dev/sev as number %d, above the limit of cvmdbg; "
				"raise RLIMIT_NOFILE (`ulimit -n`)",
				number);
	}
	if (fcntl(number, F_GETFD) >= 0)
		return 0;
	if (dup3(m->sev_fd, number, O_CLOEXEC) < 0)
		return err_sys(err, "placing /dev/sev at number %d", number);
	close(m->sev_fd);
	m->sev_fd = number;
	m->sev_fd_placed = true;
	return 0;
}

/* The KVM ioctl with /dev/sev in place. Returns errno or 0; negative: the number cannot be had. */
static int encrypt_op(struct psp_mirror *m, struct abi_sev_cmd *cmd, struct err *err)
{
	int number = m->vm->sev_fd, error = 0, flags = 0;
	AUTO_CLOSE int displaced = -1;

	if (!m->sev_fd_placed) {
		flags = fcntl(number, F_GETFD);
		displaced = fcntl(number, F_DUPFD_CLOEXEC, 0);
		if (dup3(m->sev_fd, number, O_CLOEXEC) < 0)
			return err_sys(err, "placing /dev/sev at number %d", number);
	}
	if (ioctl(m->kvm_fd, ABI_KVM_MEMORY_ENCRYPT_OP, cmd))
		error = errno;
	if (m->sev_fd_placed)
		return error;
	if (displaced < 0)
		close(number); /* its owner closed it meanwhile */
	else if (dup3(displaced, number, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		return err_sys(err, "putting back number %d", number);
	return error;
}

/* --- the VM --- */

static int explain_copy(struct err *err)
{
	switch (errno) {
	case EINVAL:
		return err_set(
			err, ST_UNSUPPORTED,
			"KVM makes no mirror of this VM: it is not a SEV or SEV-ES guest, or is "
			"itself a mirror");
	case EBUSY:
		return err_set(err, ST_BUSY,
			       "the VM is being migrated inside this host; try again");
	case ENOTTY:
		return err_set(err, ST_UNSUPPORTED,
			       "this kernel has no mirror VMs (Linux 5.13 and later); use --access "
			       "inject");
	default:
		return err_sys(err, "mirroring the VM's encryption context");
	}
}

static int vm_create(struct psp_mirror *m, struct err *err)
{
	AUTO_CLOSE int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	AUTO_CLOSE int source = -1;
	struct abi_enable_cap cap = { .cap = ABI_KVM_CAP_VM_COPY_ENC_CONTEXT_FROM };

	if (kvm < 0)
		return err_sys(
			err, "opening /dev/kvm (needed for the mirror route; join group kvm or run "
			     "as root)");
	source = (int)syscall(SYS_pidfd_getfd, m->vm->pidfd, m->vm->vm_fd, 0);
	if (source < 0)
		return err_sys(
			err,
			"taking the VM's descriptor %d from QEMU (PID %d); run as root, or as "
			"QEMU's user with kernel.yama.ptrace_scope=0",
			m->vm->vm_fd, (int)m->vm->pid);
	m->kvm_fd = ioctl(kvm, ABI_KVM_CREATE_VM, 0ul);
	if (m->kvm_fd < 0)
		return err_sys(err, "creating the mirror VM");
	(void)fcntl(m->kvm_fd, F_SETFD, FD_CLOEXEC);
	cap.args[0] = (uint64_t)source;
	if (ioctl(m->kvm_fd, ABI_KVM_ENABLE_CAP, &cap))
		return explain_copy(err);
	return 0;
}

/* --- memory --- */

static int map_range(struct psp_mirror *m, unsigned int i, struct err *err)
{
	const struct vm_range *range = &m->vm->range[i];
	AUTO_CLOSE int fd = open(range->path, O_RDWR | O_CLOEXEC);
	int prot = PROT_READ | PROT_WRITE;
	void *ram;

	m->writable[i] = fd >= 0;
	if (fd < 0) {
		fd = open(range->path, O_RDONLY | O_CLOEXEC);
		prot = PROT_READ;
	}
	if (fd < 0)
		return err_sys(err, "opening guest RAM '%s' (%s)", range->name, range->path);
	ram = mmap(NULL, range->bytes, prot, MAP_SHARED | MAP_NORESERVE, fd, (off_t)range->offset);
	if (ram == MAP_FAILED)
		return err_sys(err, "mapping guest RAM '%s' (%s)", range->name, range->path);
	m->ram[i] = ram;
	return 0;
}

/* Ranges that are not shared (a ROM, say) stay out of reach; the rest is worth having. */
static int map_ram(struct psp_mirror *m, struct err *err)
{
	unsigned int i, mapped = 0;
	int status;

	for (i = 0; i < m->vm->nranges; i++) {
		if (!m->vm->range[i].shared)
			continue;
		status = map_range(m, i, err);
		if (status)
			return status;
		mapped++;
	}
	if (!mapped)
		return err_set(
			err, ST_UNSUPPORTED,
			"the guest's RAM is not shared memory; use --access inject, or give QEMU "
			"-object memory-backend-memfd,share=on");
	return 0;
}

static int pool_create(uint8_t **ret, struct err *err)
{
	uint8_t *pool = mmap(NULL, PSP_POOL_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (pool == MAP_FAILED)
		return err_set(err, ST_NOMEM, "plaintext pool: out of memory");
	/* Advice: a kernel without huge pages, or without fork protection, refuses and is right as
	 * it is. */
	(void)madvise(pool, PSP_POOL_BYTES, MADV_NOHUGEPAGE);
	(void)madvise(pool, PSP_POOL_BYTES, MADV_DONTFORK);
	*ret = pool;
	return 0;
}

uint8_t *psp_mirror_page(const struct psp_mirror *m, gpa_t gpa, bool write)
{
	const struct vm_range *range = vm_range_find(m->vm, gpa);
	size_t i;

	if (!range)
		return NULL;
	i = (size_t)(range - m->vm->range);
	if (!m->ram[i] || (write && !m->writable[i]))
		return NULL;
	return m->ram[i] + (gpa.v - range->gpa.v);
}

/* --- life --- */

static int preconditions(const struct vm *vm, struct err *err)
{
	if (vm->vm_fd < 0)
		return err_set(err, ST_UNSUPPORTED, "QEMU (PID %d) does not use KVM", (int)vm->pid);
	if (vm->sev_fd < 0)
		return err_set(
			err, ST_UNSUPPORTED,
			"QEMU (PID %d) has closed /dev/sev, whose number KVM needs; relaunch the "
			"guest with a QEMU that keeps it open",
			(int)vm->pid);
	return 0;
}

int psp_mirror_open(struct vm *vm, struct psp_mirror **ret, struct err *err)
{
	struct psp_mirror *m;
	int status = preconditions(vm, err);

	if (status)
		return status;
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_set(err, ST_NOMEM, "out of memory");
	m->vm = vm;
	m->kvm_fd = m->sev_fd = -1;
	status = sev_fd_open(m, err);
	if (!status)
		status = map_ram(m, err);
	if (!status)
		status = vm_create(m, err);
	if (!status)
		status = pool_create(&m->pool, err);
	if (status) {
		psp_mirror_close(m);
		return status;
	}
	*ret = m;
	return 0;
}

void psp_mirror_close(struct psp_mirror *m)
{
	unsigned int i;

	if (!m)
		return;
	/* The mirror holds the guest's ASID and memory until it is closed. */
	if (m->kvm_fd >= 0)
		close(m->kvm_fd);
	if (m->sev_fd >= 0)
		close(m->sev_fd);
	for (i = 0; i < m->vm->nranges; i++)
		if (m->ram[i])
			munmap(m->ram[i], m->vm->range[i].bytes);
	if (m->pool)
		munmap(m->pool, PSP_POOL_BYTES);
	free(m);
}

/* --- commands --- */

static int command(struct psp_mirror *m, uint32_t id, const void *data, struct psp_answer *ret,
		   struct err *err)
{
	struct abi_sev_cmd cmd = {
		.id = id,
		.data = (uintptr_t)data,
		.error = ABI_SEV_NO_FW_CALL,
		.sev_fd = (uint32_t)m->vm->sev_fd,
	};
	int error = encrypt_op(m, &cmd, err);

	if (error < 0)
		return error;
	*ret = (struct psp_answer){ .error = error, .code = cmd.error };
	return 0;
}

int psp_mirror_status(struct psp_mirror *m, struct abi_sev_guest_status *status,
		      struct psp_answer *ret, struct err *err)
{
	return command(m, ABI_SEV_GUEST_STATUS, status, ret, err);
}

/* A page table entry of a shared mapping costs nothing to lose, and the agent's size stays bounded.
 */
static void let_go(struct psp_mirror *m, unsigned int count)
{
	unsigned int i;

	m->touched += count;
	if (m->touched < MIRROR_TOUCHED_MAX)
		return;
	m->touched = 0;
	for (i = 0; i < m->vm->nranges; i++)
		if (m->ram[i])
			(void)madvise(m->ram[i], m->vm->range[i].bytes, MADV_DONTNEED);
}

int psp_mirror_debug(struct psp_mirror *m, uint32_t id, gpa_t gpa, unsigned int count,
		     struct psp_answer *ret, struct err *err)
{
	bool decrypt = id == ABI_SEV_DBG_DECRYPT;
	uint8_t *page = psp_mirror_page(m, gpa, !decrypt);
	struct abi_sev_dbg dbg = { .len = count * PAGE_BYTES };

	if (!page)
		return err_set(err, ST_UNSUPPORTED,
			       "0x%" PRIx64
			       " is in memory that QEMU does not share%s; use --access inject",
			       gpa.v, decrypt ? "" : " for writing");
	let_go(m, count);
	dbg.src_uaddr = (uintptr_t)(decrypt ? page : m->pool);
	dbg.dst_uaddr = (uintptr_t)(decrypt ? m->pool : page);
	return command(m, id, &dbg, ret, err);
}

int psp_mirror_pool_get(struct psp_mirror *m, void *ret, size_t len, struct err *err)
{
	(void)err;
	memcpy(ret, m->pool, len);
	return 0;
}

int psp_mirror_pool_put(struct psp_mirror *m, const void *data, size_t len, struct err *err)
{
	(void)err;
	memcpy(m->pool, data, len);
	return 0;
}
