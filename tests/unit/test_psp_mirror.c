/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host/sev/psp_mirror.c with /dev/kvm, /dev/sev and ioctl replaced: the steps in their order,
 * /dev/sev at QEMU's number whether or not that number is in use here, addresses that the PSP gets,
 * and errors.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/sev/psp_internal.h"

enum {
	RAM_BYTES = 8 * PAGE_BYTES,
	GPA_FIRST = 0x100000,
	FREE_NUMBER = 77,
};

int open(const char *path, int flags, ...);
int ioctl(int fd, unsigned long request, ...);

/* --- the kernel --- */

static ino_t sev_inode, source_inode;
static int copy_error;
static struct vm vm;
static int ram_fd, taken_fd, source_fd;

static ino_t inode_of(int fd)
{
	char path[32], link[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, link, sizeof(link) - 1) < 0)
		return 0;
	return strstr(link, "dev-sev") ? sev_inode : strstr(link, "guest-vm") ? source_inode : 1;
}

int open(const char *path, int flags, ...)
{
	if (strcmp(path, "/dev/sev") == 0)
		return memfd_create("dev-sev", MFD_CLOEXEC);
	if (strcmp(path, "/dev/kvm") == 0)
		return memfd_create("dev-kvm", MFD_CLOEXEC);
	return openat(AT_FDCWD, path, flags);
}

static int encrypt_op(struct abi_sev_cmd *cmd)
{
	struct abi_sev_dbg *dbg = (struct abi_sev_dbg *)(uintptr_t)cmd->data;

	assert_int_equal(cmd->error, ABI_SEV_NO_FW_CALL);
	if (inode_of(vm.sev_fd) != sev_inode) {
		errno = EBADF;
		return -1;
	}
	if (cmd->id == ABI_SEV_GUEST_STATUS) {
		*(struct abi_sev_guest_status *)dbg = (struct abi_sev_guest_status){ 1, 4, 3 };
		return 0;
	}
	assert_int_equal((dbg->src_uaddr | dbg->dst_uaddr | dbg->len) % PAGE_BYTES, 0);
	memcpy((void *)(uintptr_t)dbg->dst_uaddr, (void *)(uintptr_t)dbg->src_uaddr, dbg->len);
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == ABI_KVM_CREATE_VM)
		return memfd_create("mirror-vm", MFD_CLOEXEC);
	if (request == ABI_KVM_MEMORY_ENCRYPT_OP)
		return encrypt_op(arg);
	assert_int_equal(request, ABI_KVM_ENABLE_CAP);
	assert_int_equal(((struct abi_enable_cap *)arg)->cap, 197);
	assert_int_equal(inode_of((int)((struct abi_enable_cap *)arg)->args[0]), source_inode);
	errno = copy_error;
	return copy_error ? -1 : 0;
}

const struct vm_range *vm_range_find(const struct vm *v, gpa_t gpa)
{
	unsigned int i;

	for (i = 0; i < v->nranges; i++)
		if (gpa.v - v->range[i].gpa.v < v->range[i].bytes)
			return &v->range[i];
	return NULL;
}

/* --- tests --- */

static int setup(void **state)
{
	(void)state;
	sev_inode = 2;
	source_inode = 3;
	copy_error = 0;
	source_fd = memfd_create("guest-vm", 0);
	taken_fd = memfd_create("taken", 0);
	ram_fd = memfd_create("ram", 0);
	assert_int_equal(ftruncate(ram_fd, RAM_BYTES), 0);
	vm.pid = getpid();
	vm.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	vm.vm_fd = source_fd;
	vm.sev_fd = FREE_NUMBER;
	vm.nranges = 2;
	vm.range[0] = (struct vm_range){ .gpa = GPA(0), .bytes = PAGE_BYTES, .name = "rom" };
	vm.range[1] = (struct vm_range){
		.gpa = GPA(GPA_FIRST), .bytes = RAM_BYTES, .name = "ram", .shared = true
	};
	snprintf(vm.range[1].path, sizeof(vm.range[1].path), "/proc/self/fd/%d", ram_fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(source_fd);
	close(taken_fd);
	close(ram_fd);
	close(vm.pidfd);
	return 0;
}

static void use(struct psp_mirror *m)
{
	struct abi_sev_guest_status status;
	struct psp_answer answer;
	uint8_t page[PAGE_BYTES], two[2 * PAGE_BYTES];
	struct err err;

	assert_int_equal(psp_mirror_status(m, &status, &answer, &err), 0);
	assert_int_equal(answer.error, 0);
	assert_int_equal(status.policy, 4);
	memset(page, 0x11, sizeof(page));
	assert_int_equal(psp_mirror_pool_put(m, page, sizeof(page), &err), 0);
	assert_int_equal(psp_mirror_debug(m, ABI_SEV_DBG_ENCRYPT, GPA(GPA_FIRST + 2 * PAGE_BYTES),
					  1, &answer, &err),
			 0);
	assert_int_equal(answer.error, 0);
	assert_int_equal(pread(ram_fd, page, 1, 2 * PAGE_BYTES), 1);
	assert_int_equal(page[0], 0x11);
	assert_int_equal(pwrite(ram_fd, "\x22", 1, 7 * PAGE_BYTES), 1);
	assert_int_equal(psp_mirror_debug(m, ABI_SEV_DBG_DECRYPT, GPA(GPA_FIRST + 6 * PAGE_BYTES),
					  2, &answer, &err),
			 0);
	assert_int_equal(answer.error, 0);
	assert_int_equal(psp_mirror_pool_get(m, two, sizeof(two), &err), 0);
	assert_int_equal(two[PAGE_BYTES], 0x22);
	assert_int_equal(psp_mirror_debug(m, ABI_SEV_DBG_DECRYPT, GPA(0), 1, &answer, &err),
			 ST_UNSUPPORTED);
	assert_null(psp_mirror_page(m, GPA(0), false));
	assert_int_equal(psp_mirror_page(m, GPA(GPA_FIRST + 7 * PAGE_BYTES), true)[0], 0x22);
}

static void with_a_free_number(void **state)
{
	struct psp_mirror *m;
	struct err err = { "" };

	(void)state;
	if (psp_mirror_open(&vm, &m, &err))
		fail_msg("%s", err.text);
	assert_int_equal(inode_of(FREE_NUMBER), sev_inode);
	use(m);
	psp_mirror_close(m);
	assert_int_equal(fcntl(FREE_NUMBER, F_GETFD), -1);
}

static void with_a_number_that_is_ours(void **state)
{
	struct psp_mirror *m;
	struct err err = { "" };

	(void)state;
	vm.sev_fd = taken_fd;
	if (psp_mirror_open(&vm, &m, &err))
		fail_msg("%s", err.text);
	use(m);
	assert_int_equal(inode_of(taken_fd), 1);
	assert_int_equal(fcntl(taken_fd, F_GETFD), 0);
	/* Its owner may let go of it meanwhile. */
	close(taken_fd);
	use(m);
	assert_int_equal(fcntl(taken_fd, F_GETFD), -1);
	psp_mirror_close(m);
}

static void preconditions_are_named(void **state)
{
	static const struct {
		int error, status;
		const char *words;
	} rows[] = {
		{ EINVAL, ST_UNSUPPORTED, "not a SEV or SEV-ES guest" },
		{ EBUSY, ST_BUSY, "being migrated" },
		{ ENOTTY, ST_UNSUPPORTED, "5.13" },
	};
	struct psp_mirror *m;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		copy_error = rows[i].error;
		assert_int_equal(psp_mirror_open(&vm, &m, &err), rows[i].status);
		assert_non_null(strstr(err.text, rows[i].words));
		assert_int_equal(fcntl(FREE_NUMBER, F_GETFD), -1);
	}
	vm.range[1].shared = false;
	assert_int_equal(psp_mirror_open(&vm, &m, &err), ST_UNSUPPORTED);
	assert_non_null(strstr(err.text, "--access inject"));
	vm.sev_fd = -1;
	assert_int_equal(psp_mirror_open(&vm, &m, &err), ST_UNSUPPORTED);
	assert_non_null(strstr(err.text, "closed /dev/sev"));
	vm.vm_fd = -1;
	assert_int_equal(psp_mirror_open(&vm, &m, &err), ST_UNSUPPORTED);
	assert_non_null(strstr(err.text, "does not use KVM"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(with_a_free_number, setup, teardown),
		cmocka_unit_test_setup_teardown(with_a_number_that_is_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(preconditions_are_named, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
