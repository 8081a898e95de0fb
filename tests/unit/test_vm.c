/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What vm_open finds in a process that stands for QEMU: a child of ours with a memory file mapped
 * as guest RAM in two pieces, one anonymous DIMM and one vCPU thread. And the lock that vm_attach
 * takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/qemu/vm.h"
#include "tests/fake/qmp_server.h"

enum {
	LOW_BYTES = 0x100000,
	HIGH_BYTES = 0x200000,
	DIMM_BYTES = 0x10000,
	FILE_OFFSET = 0x3000, /* of the low piece in the memory file */
	HVA_TEXT = 160,
};

#define HIGH_GPA 0x100000000ull
#define DIMM_GPA 0x140000000ull
#define MTREE                                                                                      \
	"{\"return\": \"FlatView #0\\r\\n AS \\\"memory\\\", root: system\\r\\n"                   \
	"  0000000000000000-000000000009ffff (prio 0, ram): ram1 KVM\\r\\n"                        \
	"  00000000000a0000-00000000000fffff (prio 0, rom): ram1 @00000000000a0000 KVM\\r\\n"      \
	"  00000000fd000000-00000000fd0fffff (prio 1, ram): vga.vram KVM\\r\\n"                    \
	"  0000000100000000-00000001001fffff (prio 0, ram): ram1 @0000000000100000 KVM\\r\\n"      \
	"  0000000140000000-000000014000ffff (prio 0, ram): /objects/dimm1 KVM\\r\\n\", \"id\": "  \
	"%ID}"
#define SEV_FLAT(policy)                                                                           \
	"{\"return\": {\"enabled\": true, \"api-minor\": 51, \"handle\": 1, \"state\": "           \
	"\"running\", "                                                                            \
	"\"api-major\": 1, \"build-id\": 3, \"policy\": " policy "}, \"id\": %ID}"

struct fixture {
	struct qmp_server server;
	struct vm *vm;
	struct err err;
	int memory_file;
	uint8_t *low, *dimm;
	char hva[4][HVA_TEXT];
};

static const char *hva_text(struct fixture *f, unsigned int i, const uint8_t *hva)
{
	snprintf(f->hva[i], HVA_TEXT,
		 "{\"return\": \"Host virtual address for 0x0 (ram) is %p\\r\\n\", \"id\": %%ID}",
		 hva);
	return f->hva[i];
}

/* @sev: what query-sev says. */
static int start(struct fixture *f, const char *sev)
{
	const struct qmp_answer answers[] = {
		{ "\"query-version\"", "{\"return\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "
				       "\"major\": 7}}, \"id\": %ID}" },
		{ "\"query-cpus-fast\"", "{\"return\": [{\"thread-id\": %PID}], \"id\": %ID}" },
		{ "\"query-sev\"", sev },
		{ "\"query-sev-capabilities\"", "{\"return\": {\"cbitpos\": 47}, \"id\": %ID}" },
		{ "\"confidential-guest-support\"", "{\"return\": \"\", \"id\": %ID}" },
		{ "\"query-memdev\"",
		  "{\"return\": [{\"id\": \"dimm1\"}, {\"id\": \"ram1\"}], \"id\": %ID}" },
		{ "info mtree -f", MTREE },
		{ "gpa2hva 0x0\"", hva_text(f, 0, f->low) },
		{ "gpa2hva 0xa0000\"", hva_text(f, 1, f->low + 0xa0000) },
		{ "gpa2hva 0x100000000\"", hva_text(f, 2, f->low + LOW_BYTES) },
		{ "gpa2hva 0x140000000\"", hva_text(f, 3, f->dimm) },
		{ NULL, NULL },
	};

	qmp_server_start(&f->server, qmp_server_greeting, answers);
	return vm_open(f->server.path, &f->vm, &f->err);
}

static void stop(struct fixture *f)
{
	vm_close(f->vm);
	f->vm = NULL;
	qmp_server_stop(&f->server);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	size_t bytes = LOW_BYTES + HIGH_BYTES;

	f->memory_file = memfd_create("test_vm", MFD_CLOEXEC);
	assert_return_code(ftruncate(f->memory_file, (off_t)bytes + FILE_OFFSET), 0);
	f->low = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory_file, FILE_OFFSET);
	f->dimm =
		mmap(NULL, DIMM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* mbind and madvise cut one mapping into several; it stays one piece of RAM. */
	assert_return_code(madvise(f->low + 0x8000, 0x4000, MADV_DONTDUMP), 0);
	*state = f;
	return f->low == MAP_FAILED || f->dimm == MAP_FAILED;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	munmap(f->low, LOW_BYTES + HIGH_BYTES);
	munmap(f->dimm, DIMM_BYTES);
	close(f->memory_file);
	free(f);
	return 0;
}

static void test_facts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(start(f, SEV_FLAT("4")), 0);
	assert_int_equal(f->vm->pid, f->server.pid);
	assert_int_equal(f->vm->uid, getuid());
	assert_string_equal(f->vm->version, "7.2.22");
	assert_int_equal(f->vm->type, SEV_ES);
	assert_true(f->vm->policy == 4);
	assert_int_equal(f->vm->sev_state, 3);
	assert_int_equal(f->vm->cbit, 47);
	assert_int_equal(f->vm->vcpus, 1);
	assert_int_equal(f->vm->vcpu_tid[0], f->server.pid);
	assert_int_equal(f->vm->vm_fd, -1);
	assert_int_equal(f->vm->sev_fd, -1);
	stop(f);
}

static void test_ram(void **state)
{
	struct fixture *f = *state;
	const struct vm_range *r;
	char byte = 0;
	int fd;

	assert_int_equal(start(f, SEV_FLAT("0")), 0);
	assert_int_equal(f->vm->nranges, 3);
	assert_true(vm_ram_bytes(f->vm) == LOW_BYTES + HIGH_BYTES + DIMM_BYTES);
	r = &f->vm->range[0];
	assert_true(r->gpa.v == 0 && r->bytes == LOW_BYTES);
	assert_ptr_equal(r->hva.v, f->low);
	assert_true(r->shared);
	r = &f->vm->range[1];
	assert_true(r->gpa.v == HIGH_GPA && r->bytes == HIGH_BYTES);
	assert_true(r->shared);
	assert_true(r->offset == FILE_OFFSET + LOW_BYTES);
	/* The path leads to the very same page. */
	f->low[LOW_BYTES + 5] = 0x5a;
	fd = open(r->path, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)r->offset + 5), 1);
	assert_int_equal(byte, 0x5a);
	close(fd);
	r = &f->vm->range[2];
	assert_true(r->gpa.v == DIMM_GPA && r->bytes == DIMM_BYTES);
	assert_false(r->shared);
	stop(f);
}

static void test_find(void **state)
{
	struct fixture *f = *state;
	const struct vm *vm;

	assert_int_equal(start(f, SEV_FLAT("0")), 0);
	vm = f->vm;
	assert_ptr_equal(vm_range_find(vm, GPA(0)), &vm->range[0]);
	assert_ptr_equal(vm_range_find(vm, GPA(LOW_BYTES - 1)), &vm->range[0]);
	assert_null(vm_range_find(vm, GPA(LOW_BYTES)));
	assert_null(vm_range_find(vm, GPA(0xfd000000)));
	assert_null(vm_range_find(vm, GPA(HIGH_GPA - 1)));
	assert_ptr_equal(vm_range_find(vm, GPA(HIGH_GPA)), &vm->range[1]);
	assert_null(vm_range_find(vm, GPA(UINT64_MAX)));
	stop(f);
}

static void test_types(void **state)
{
	static const struct {
		const char *sev;
		enum sev_type type;
		uint64_t policy;
	} rows[] = {
		{ SEV_FLAT("0"), SEV_PLAIN, 0 },
		{ "{\"return\": {\"enabled\": false, \"policy\": 0}, \"id\": %ID}", SEV_NONE, 0 },
		{ "{\"return\": {\"enabled\": true, \"sev-type\": \"sev\", \"state\": \"running\", "
		  "\"policy\": 5, \"handle\": 1}, \"id\": %ID}",
		  SEV_ES, 5 },
		{ "{\"return\": {\"enabled\": true, \"sev-type\": \"sev-snp\", \"state\": "
		  "\"running\", "
		  "\"snp-policy\": 196608}, \"id\": %ID}",
		  SEV_SNP, 0x30000 },
		{ "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}, \"id\": %ID}",
		  SEV_NONE, 0 },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(start(f, rows[i].sev), 0);
		assert_int_equal(f->vm->type, rows[i].type);
		assert_true(f->vm->policy == rows[i].policy);
		stop(f);
	}
	assert_int_equal(start(f, "{\"return\": {\"enabled\": true}, \"id\": %ID}"), ST_INVAL);
	stop(f);
}

/* libvirt listens and passes the socket on: its process has no thread that QEMU calls a vCPU. */
static void test_foreign_socket(void **state)
{
	const struct qmp_answer answers[] = {
		{ "\"query-version\"", "{\"return\": {\"qemu\": {\"micro\": 0, \"minor\": 2, "
				       "\"major\": 9}}, \"id\": %ID}" },
		{ "\"query-cpus-fast\"", "{\"return\": [{\"thread-id\": 1}], \"id\": %ID}" },
		{ NULL, NULL },
	};
	struct qmp_server server;
	struct vm *vm;
	struct err err;

	(void)state;
	qmp_server_start(&server, qmp_server_greeting, answers);
	assert_int_equal(vm_open(server.path, &vm, &err), ST_UNSUPPORTED);
	assert_non_null(strstr(err.text, "libvirt"));
	qmp_server_stop(&server);
}

static void test_lock(void **state)
{
	struct fixture *f = *state;
	struct vm second;

	assert_int_equal(start(f, SEV_FLAT("0")), 0);
	second = *f->vm;
	assert_int_equal(vm_attach(f->vm, &f->err), 0);
	assert_int_equal(vm_attach(&second, &f->err), ST_BUSY);
	assert_non_null(strstr(f->err.text, "another cvmdbg"));
	assert_int_equal(second.mem_fd, -1);
	assert_int_equal(second.pidfd, -1);
	/* A failed attempt takes nothing away, and what is let go can be taken. */
	assert_int_equal(vm_attach(&second, &f->err), ST_BUSY);
	close(f->vm->lock_fd);
	f->vm->lock_fd = -1;
	assert_int_equal(vm_attach(&second, &f->err), 0);
	close(second.lock_fd);
	close(second.mem_fd);
	close(second.pidfd);
	stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts), cmocka_unit_test(test_ram),
		cmocka_unit_test(test_find),  cmocka_unit_test(test_types),
		cmocka_unit_test(test_lock),  cmocka_unit_test(test_foreign_socket),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
