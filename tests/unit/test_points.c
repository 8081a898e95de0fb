/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * host/target/points.c and what is below it: who gets a debug register, what is planted, that
 * planted bytes are hidden, kept over writes and taken out, and that the fake page table leaves no
 * trace. Works on tests/conformance/fake_vm with a CPU that records what it is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/target/memory.h"
#include "host/target/planted.h"
#include "host/target/points.h"
#include "host/target/scratch.h"
#include "tests/conformance/fake_cpu.h"

struct fixture {
	struct fake_vm *vm;
	struct fake_cpu cpu;
	struct psp *psp;
	struct memory memory;
	struct points points;
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

static uint64_t at(struct fixture *f, unsigned int n)
{
	/* The second page on: private ones. */
	return f->vm->machine.mapped + PAGE_BYTES + 16 * n;
}

static int sw(struct fixture *f, unsigned int n)
{
	return points_insert(&f->points, 0, TARGET_POINT_SW, at(f, n), 1);
}

static int unsw(struct fixture *f, unsigned int n)
{
	return points_remove(&f->points, TARGET_POINT_SW, at(f, n), 1);
}

static int hw(struct fixture *f, unsigned int n)
{
	return points_insert(&f->points, 0, TARGET_POINT_HW, at(f, n), 1);
}

static void first_four_take_registers(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < TARGET_HW_POINTS; i++)
		assert_int_equal(sw(f, i), 0);
	assert_int_equal(f->cpu.slots, TARGET_HW_POINTS);
	assert_true(fake_vm_untouched(f->vm));
	for (i = 0; i < TARGET_HW_POINTS; i++)
		assert_int_equal(unsw(f, i), 0);
	assert_int_equal(f->cpu.slots, 0);
}

static void more_are_planted(void **state)
{
	struct fixture *f = *state;
	uint8_t plain[PAGE_BYTES], raw;
	unsigned int i, done;
	struct err err;

	for (i = 0; i < 10; i++)
		assert_int_equal(sw(f, i), 0);
	assert_int_equal(f->cpu.slots, TARGET_HW_POINTS);
	assert_int_equal(f->cpu.registered, 6);
	assert_int_equal(x86_64_get(&f->cpu.regs[0], X86_64_cr3), f->vm->cr3);
	/* The guest would execute int3 there; the debugger sees what was there. */
	assert_int_equal(psp_decrypt(f->psp, GPA(0x102000), 1, plain, &done, &err), 0);
	assert_int_equal(plain[16 * 9], 0xcc);
	assert_int_equal(memory_read(&f->memory, 0, TARGET_VIRT, at(f, 9), &raw, 1), 1);
	assert_int_equal(raw, f->vm->truth[PAGE_BYTES + 16 * 9]);
	assert_int_equal(memory_read(&f->memory, 0, TARGET_PHYS, 0x102000 + 16 * 9, &raw, 1), 1);
	assert_int_equal(raw, f->vm->truth[PAGE_BYTES + 16 * 9]);
	for (i = 0; i < 10; i++)
		assert_int_equal(unsw(f, i), 0);
	assert_true(fake_vm_untouched(f->vm));
	/* QEMU still knows the addresses: no second detour. */
	for (i = 0; i < 10; i++)
		assert_int_equal(sw(f, i), 0);
	assert_int_equal(f->cpu.registered, 6);
	assert_int_equal(planted_undo(&f->vm->journal, f->memory.pages, &err), 0);
	assert_true(fake_vm_untouched(f->vm));
}

static void hardware_by_name_evicts(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < 5; i++)
		assert_int_equal(sw(f, i), 0);
	for (i = 10; i < 14; i++)
		assert_int_equal(hw(f, i), 0);
	assert_int_equal(f->cpu.slots, TARGET_HW_POINTS);
	assert_int_equal(hw(f, 14), ST_NOSPC);
	for (i = 0; i < 5; i++)
		assert_true(points_at(&f->points, TARGET_POINT_SW, at(f, i)));
	for (i = 0; i < 5; i++)
		assert_int_equal(unsw(f, i), 0);
	assert_true(fake_vm_untouched(f->vm));
}

static void shared_register(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sw(f, 0), 0);
	assert_int_equal(hw(f, 0), 0);
	assert_int_equal(f->cpu.slots, 1);
	assert_int_equal(unsw(f, 0), 0);
	assert_int_equal(f->cpu.slots, 1);
	assert_int_equal(points_remove(&f->points, TARGET_POINT_HW, at(f, 0), 1), 0);
	assert_int_equal(f->cpu.slots, 0);
}

static void writes_go_below(void **state)
{
	struct fixture *f = *state;
	uint8_t data[PAGE_BYTES], got[PAGE_BYTES];
	unsigned int i;

	for (i = 0; i < 8; i++)
		assert_int_equal(sw(f, i), 0);
	memset(data, 0x90, sizeof(data));
	assert_int_equal(memory_write(&f->memory, 0, TARGET_VIRT, at(f, 0), data, 300), 0);
	assert_int_equal(memory_read(&f->memory, 0, TARGET_VIRT, at(f, 0), got, 300), 300);
	assert_memory_equal(got, data, 300);
	for (i = 0; i < 8; i++)
		assert_int_equal(unsw(f, i), 0);
	assert_int_equal(memory_read(&f->memory, 0, TARGET_VIRT, at(f, 0), got, 300), 300);
	assert_memory_equal(got, data, 300);
}

/* Whatever fails on the way, nothing stays displaced. */
static void failures_leave_no_trace(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	for (i = 0; i < TARGET_HW_POINTS; i++)
		assert_int_equal(sw(f, i), 0);
	f->cpu.fail_insert = 1;
	assert_true(sw(f, 8) < 0);
	assert_non_null(strstr(f->memory.err.text, "the test says no"));
	assert_true(fake_vm_untouched(f->vm));
	assert_int_equal(x86_64_get(&f->cpu.regs[0], X86_64_cr3), f->vm->cr3);
	f->cpu.fail_reg_write = 1;
	assert_true(sw(f, 8) < 0);
	assert_true(fake_vm_untouched(f->vm));
	assert_false(f->vm->journal.scratch_used);
	/* The way back fails once: the journal remembers, restoring can be repeated. */
	f->cpu.fail_reg_write = 2;
	assert_true(sw(f, 8) < 0);
	assert_true(f->vm->journal.scratch_used);
	assert_int_equal(scratch_restore(f->psp, &f->vm->journal, &f->cpu.target, &f->memory.err),
			 0);
	assert_int_equal(x86_64_get(&f->cpu.regs[0], X86_64_cr3), f->vm->cr3);
	assert_true(fake_vm_untouched(f->vm));
	/* A debug register that QEMU refuses. */
	assert_int_equal(unsw(f, 0), 0);
	f->cpu.fail_insert = 1;
	assert_true(sw(f, 0) < 0);
	assert_false(points_at(&f->points, TARGET_POINT_SW, at(f, 0)));
}

static void refusals(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	assert_int_equal(points_insert(&f->points, 0, TARGET_POINT_WATCH_READ, at(f, 0), 4),
			 ST_UNSUPPORTED);
	for (i = 0; i < TARGET_HW_POINTS; i++)
		assert_int_equal(sw(f, i), 0);
	assert_int_equal(points_insert(&f->points, 0, TARGET_POINT_SW, f->vm->machine.unmapped, 1),
			 ST_FAULT);
	x86_64_set(&f->cpu.regs[0], X86_64_efer, 0);
	assert_int_equal(sw(f, 9), ST_UNSUPPORTED);
	assert_true(fake_vm_untouched(f->vm));
}

/* Reads cost one PSP command a distinct private page, tables included, whatever their number. */
static void commands_are_counted(void **state)
{
	struct fixture *f = *state;
	uint8_t got[CONFORMANCE_BYTES];
	uint64_t mapped = f->vm->machine.mapped;
	int i;

	assert_int_equal(memory_read(&f->memory, 0, TARGET_VIRT, mapped + 8, got, 8), 8);
	assert_int_equal(fake_vm_commands(), 4); /* four tables; the page itself is shared */
	for (i = 0; i < 50; i++)
		assert_int_equal(memory_read(&f->memory, 0, TARGET_VIRT, mapped, got, sizeof(got)),
				 (int)sizeof(got));
	assert_int_equal(fake_vm_commands(), 6);
	memory_drop(&f->memory);
	assert_int_equal(memory_read(&f->memory, 0, TARGET_VIRT, mapped + 2 * PAGE_BYTES, got, 1),
			 1);
	assert_int_equal(fake_vm_commands(), 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(first_four_take_registers),
		TEST(more_are_planted),
		TEST(hardware_by_name_evicts),
		TEST(shared_register),
		TEST(writes_go_below),
		TEST(failures_leave_no_trace),
		TEST(refusals),
		TEST(commands_are_counted),
#undef TEST
	};

	return cmocka_run_group_tests_name("points", tests, NULL, NULL);
}
