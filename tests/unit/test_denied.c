/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * `deny mem` on the PSP's route (host/target/memory.c, points.c): a denied page is out of reach by
 * its address, by an alias, by its physical address, as page table, and by breakpoints, whatever
 * tables the vCPUs stand on; and a policy that denies nothing costs nothing. Works on
 * tests/conformance/fake_vm, where page 1 of the mapped ones is physical page 0x102000.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/target/memory.h"
#include "host/target/points.h"
#include "tests/conformance/fake_cpu.h"

#define MAPPED 0xffff888000010000ull
#define SECOND (MAPPED + PAGE_BYTES)
#define ALIAS  (KERNEL_TEXT_LINK + SECOND_GPA)

enum {
	SECOND_GPA = 0x102000,
	THIRD_GPA = 0x104000,
	LAST_TABLE = 0x4000, /* maps the pages at MAPPED */
	UNUSED = 0x1f0000,   /* zeroes: tables that map nothing */
	LEAF_FLAGS = 0x63,
};

struct fixture {
	struct fake_vm *vm;
	struct fake_cpu cpu;
	struct psp *psp;
	struct memory memory;
	struct points points;
	struct policy policy;
	uint8_t buf[3 * PAGE_BYTES];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;

	f->vm = fake_vm_create(SEV_PLAIN);
	fake_cpu_init(&f->cpu, f->vm);
	assert_int_equal(psp_open(&f->vm->vm, PSP_AUTO, &f->vm->journal, &f->psp, &err), 0);
	assert_int_equal(memory_init(&f->memory, &f->vm->vm, f->psp, &f->vm->journal, &err), 0);
	f->memory.cpu = &f->cpu.target;
	f->memory.policy = &f->policy;
	points_init(&f->points, &f->memory, &f->cpu.target);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	memory_deinit(&f->memory);
	fake_vm_destroy(f->vm);
	free(f);
	return 0;
}

static void deny(struct fixture *f, bool phys, uint64_t first, uint64_t last)
{
	f->policy.deny[f->policy.deny_count++] = (struct policy_range){ phys, first, last };
	memory_drop(&f->memory);
}

static int read_at(struct fixture *f, enum target_space space, uint64_t addr, size_t len)
{
	return memory_read(&f->memory, 0, space, addr, f->buf, len);
}

static int write_at(struct fixture *f, enum target_space space, uint64_t addr, size_t len)
{
	memset(f->buf, 0xee, len);
	return memory_write(&f->memory, 0, space, addr, f->buf, len);
}

/* One byte of the second page; the whole page is denied, by whatever way. */
static void no_way_leads_there(void **state)
{
	struct fixture *f = *state;

	deny(f, false, SECOND + 8, SECOND + 8);
	assert_int_equal(read_at(f, TARGET_VIRT, SECOND, 1), ST_POLICY);
	assert_non_null(strstr(f->memory.err.text, "the policy denies"));
	assert_int_equal(read_at(f, TARGET_VIRT, SECOND + PAGE_BYTES - 1, 1), ST_POLICY);
	assert_int_equal(read_at(f, TARGET_VIRT, ALIAS + 8, 1), ST_POLICY);
	assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA + 8, 1), ST_POLICY);
	assert_int_equal(write_at(f, TARGET_VIRT, SECOND, 1), ST_POLICY);
	assert_int_equal(write_at(f, TARGET_VIRT, ALIAS, 1), ST_POLICY);
	assert_int_equal(write_at(f, TARGET_PHYS, SECOND_GPA, 1), ST_POLICY);
	assert_int_equal(read_at(f, TARGET_VIRT, SECOND + PAGE_BYTES, 8), 8);
	assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA + PAGE_BYTES, 8), 8);
	assert_true(fake_vm_untouched(f->vm));
}

static void reads_are_cut_writes_are_whole(void **state)
{
	struct fixture *f = *state;

	deny(f, true, SECOND_GPA, SECOND_GPA + PAGE_BYTES - 1);
	memset(f->buf, 0, sizeof(f->buf));
	assert_int_equal(read_at(f, TARGET_VIRT, MAPPED, sizeof(f->buf)), PAGE_BYTES);
	assert_memory_equal(f->buf, f->vm->truth, PAGE_BYTES);
	assert_int_equal(f->buf[PAGE_BYTES], 0);
	/* Neighbours in physical memory are read as one run. */
	assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA - 16, 32), 16);
	assert_int_equal(write_at(f, TARGET_VIRT, MAPPED, PAGE_BYTES + 1), ST_POLICY);
	assert_int_equal(write_at(f, TARGET_PHYS, SECOND_GPA - 16, 32), ST_POLICY);
	assert_true(fake_vm_untouched(f->vm));
}

static void tables_can_be_denied(void **state)
{
	struct fixture *f = *state;

	deny(f, true, LAST_TABLE, LAST_TABLE);
	assert_int_equal(read_at(f, TARGET_VIRT, MAPPED, 1), ST_POLICY);
	assert_int_equal(write_at(f, TARGET_VIRT, MAPPED, 1), ST_POLICY);
	assert_int_equal(read_at(f, TARGET_VIRT, ALIAS, 1), 1);
	assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA, 1), 1);
}

static void points_stay_outside(void **state)
{
	struct fixture *f = *state;

	deny(f, false, SECOND, SECOND);
	assert_int_equal(points_insert(&f->points, 0, TARGET_POINT_SW, SECOND, 1), ST_POLICY);
	assert_int_equal(points_insert(&f->points, 0, TARGET_POINT_HW, ALIAS, 1), ST_POLICY);
	assert_int_equal(points_insert(&f->points, 0, TARGET_POINT_WATCH_WRITE, SECOND - 4, 8),
			 ST_POLICY);
	assert_int_equal(f->cpu.slots, 0);
	assert_int_equal(points_insert(&f->points, 0, TARGET_POINT_SW, MAPPED, 1), 0);
}

/* A debugger that waits until one CPU stands on tables without the kernel gains nothing. */
static void every_cpu_counts(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	deny(f, false, SECOND, SECOND);
	for (i = 0; i < FAKE_CPU_VCPUS; i++) {
		x86_64_set(&f->cpu.regs[i], X86_64_cr3, UNUSED);
		memory_drop(&f->memory);
		assert_int_equal(memory_read(&f->memory, i, TARGET_VIRT, MAPPED, f->buf, 1),
				 ST_FAULT);
		assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA, 1), ST_POLICY);
		assert_int_equal(read_at(f, TARGET_PHYS, THIRD_GPA, 1), 1);
		x86_64_set(&f->cpu.regs[i], X86_64_cr3, f->vm->cr3);
	}
}

static void without_tables_all_is_denied(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < FAKE_CPU_VCPUS; i++)
		x86_64_set(&f->cpu.regs[i], X86_64_cr0, 0x11);
	deny(f, true, THIRD_GPA, THIRD_GPA);
	assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA, 1), 1);
	deny(f, false, SECOND, SECOND);
	assert_int_equal(read_at(f, TARGET_PHYS, UNUSED, 1), ST_POLICY);
	assert_non_null(strstr(f->memory.err.text, "cannot be found"));
}

static void each_stop_looks_again(void **state)
{
	struct fixture *f = *state;
	uint8_t entry[8];

	deny(f, false, SECOND, SECOND);
	assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA, 1), ST_POLICY);
	assert_int_equal(read_at(f, TARGET_PHYS, THIRD_GPA, 1), 1);
	put_le64(entry, THIRD_GPA | LEAF_FLAGS | 1ull << FAKE_VM_CBIT);
	assert_int_equal(memory_write(&f->memory, 0, TARGET_PHYS, LAST_TABLE + 0x11 * 8, entry,
				      sizeof(entry)),
			 0);
	/* What was denied when the guest stopped stays so until it has run. */
	assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA, 1), ST_POLICY);
	memory_drop(&f->memory);
	assert_int_equal(read_at(f, TARGET_PHYS, THIRD_GPA, 1), ST_POLICY);
	assert_int_equal(read_at(f, TARGET_PHYS, SECOND_GPA, 1), 1);
}

static uint64_t cost(struct fixture *f)
{
	uint64_t before = fake_vm_commands();

	memory_drop(&f->memory);
	assert_int_equal(read_at(f, TARGET_VIRT, MAPPED, sizeof(f->buf)), sizeof(f->buf));
	assert_int_equal(memory_allowed(&f->memory, 0, TARGET_VIRT, MAPPED, 1), 0);
	return fake_vm_commands() - before;
}

static void denying_nothing_costs_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t with = cost(f);

	f->memory.policy = NULL;
	assert_int_equal(cost(f), with);
	/* A virtual range whose tables are needed anyway costs no more. */
	f->memory.policy = &f->policy;
	deny(f, false, MAPPED + CONFORMANCE_BYTES, MAPPED + CONFORMANCE_BYTES);
	assert_int_equal(cost(f), with);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_way_leads_there),    TEST(reads_are_cut_writes_are_whole),
		TEST(tables_can_be_denied),  TEST(points_stay_outside),
		TEST(every_cpu_counts),	     TEST(without_tables_all_is_denied),
		TEST(each_stop_looks_again), TEST(denying_nothing_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
