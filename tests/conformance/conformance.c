/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * One suite for struct target, run on every back end: the contracts of protocol/target.h, each as a
 * test. A group that a back end does not offer is skipped and reported; docs/support-matrix.md is
 * made from that report.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/buf.h"
#include "tests/conformance/conformance.h"

enum {
	POLLS_MAX = 1000,
	NAME_BYTES = 96,
	TEXT_BYTES = 4096,
	EDGE = 100, /* bytes in front of an edge that a read crosses */
};

struct state {
	const struct conformance_backend *backend;
	struct target *t;
	struct conformance_machine machine;
};

static int setup(void **arg)
{
	struct state *s = malloc(sizeof(*s));

	s->backend = *arg;
	s->t = s->backend->open(&s->machine);
	assert_non_null(s->t);
	*arg = s;
	return 0;
}

static int teardown(void **arg)
{
	struct state *s = *arg;

	s->backend->close(s->t);
	free(s);
	return 0;
}

/* The group is not offered: that is a result too. */
#define NEED(s, group)                                                                             \
	do {                                                                                       \
		if (!(s)->t->ops->group) {                                                         \
			print_message("# %s: no %s group\n", (s)->backend->name, #group);          \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static int read_mem(struct state *s, uint64_t addr, void *buf, size_t len)
{
	return s->t->ops->mem->read(s->t, 0, TARGET_VIRT, addr, buf, len);
}

static int write_mem(struct state *s, uint64_t addr, const void *buf, size_t len)
{
	return s->t->ops->memw->write(s->t, 0, TARGET_VIRT, addr, buf, len);
}

static void assert_memory(struct state *s, const uint8_t *want)
{
	uint8_t got[CONFORMANCE_BYTES];

	assert_int_equal(read_mem(s, s->machine.mapped, got, sizeof(got)), (int)sizeof(got));
	assert_memory_equal(got, want, sizeof(got));
}

/* --- mem --- */

static void required_groups(void **arg)
{
	struct state *s = *arg;

	assert_non_null(s->t->ops->name);
	assert_non_null(s->t->ops->mem);
	assert_non_null(s->t->ops->vcpus);
	assert_non_null(s->t->ops->run);
	assert_true(s->t->va_bits == 48 || s->t->va_bits == 57);
	assert_non_null(s->t->explain);
	assert_non_null(s->t->explain(s->t));
}

static void read_everything(void **arg)
{
	struct state *s = *arg;

	assert_memory(s, s->machine.truth);
}

static void read_any_offset(void **arg)
{
	struct state *s = *arg;
	static const size_t lens[] = { 1, 2, 7, 8, 16, 100, PAGE_BYTES, PAGE_BYTES + 1 };
	uint8_t got[PAGE_BYTES + 1];
	size_t off;
	unsigned int i;

	for (off = 0; off + sizeof(got) <= CONFORMANCE_BYTES; off += 509)
		for (i = 0; i < ARRAY_LEN(lens); i++) {
			assert_int_equal(read_mem(s, s->machine.mapped + off, got, lens[i]),
					 (int)lens[i]);
			assert_memory_equal(got, s->machine.truth + off, lens[i]);
		}
}

static void read_stops_at_the_edge(void **arg)
{
	struct state *s = *arg;
	uint64_t end = s->machine.mapped + CONFORMANCE_BYTES;
	uint8_t got[4 * EDGE];
	size_t before;

	for (before = 1; before < EDGE; before += 7) {
		memset(got, 0x77, sizeof(got));
		assert_int_equal(read_mem(s, end - before, got, 2 * before), (int)before);
		assert_memory_equal(got, s->machine.truth + CONFORMANCE_BYTES - before, before);
	}
}

static void read_unmapped(void **arg)
{
	struct state *s = *arg;
	/* Not mapped; not canonical; the last byte of the address space. */
	const uint64_t addr[] = { s->machine.unmapped, 0x0000800000000000, 0xfffe000000000000,
				  UINT64_MAX };
	uint8_t got[8];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(addr); i++)
		assert_int_equal(read_mem(s, addr[i], got, sizeof(got)), ST_FAULT);
}

static void read_nothing(void **arg)
{
	struct state *s = *arg;
	uint8_t byte = 0x77;

	assert_int_equal(read_mem(s, s->machine.mapped, &byte, 0), 0);
	assert_int_equal(byte, 0x77);
}

static void regions(void **arg)
{
	struct state *s = *arg;
	struct target_region r;

	assert_int_equal(s->t->ops->mem->region(s->t, 0, s->machine.mapped + 5, &r), 0);
	assert_true(r.mapped);
	assert_true(r.start <= s->machine.mapped + 5 && r.last >= s->machine.mapped + 5);
	assert_true(r.last < s->machine.mapped + CONFORMANCE_BYTES);
	assert_int_equal(s->t->ops->mem->region(s->t, 0, s->machine.unmapped + 5, &r), 0);
	assert_false(r.mapped);
	assert_true(r.start <= s->machine.unmapped + 5 && r.last >= s->machine.unmapped + 5);
}

/* --- memw --- */

static void write_and_read_back(void **arg)
{
	struct state *s = *arg;
	uint8_t want[CONFORMANCE_BYTES], data[200];
	static const size_t at[] = { 0, 3, PAGE_BYTES - 100, 2 * PAGE_BYTES - 1 };
	unsigned int i;

	NEED(s, memw);
	memcpy(want, s->machine.truth, sizeof(want));
	for (i = 0; i < ARRAY_LEN(at); i++) {
		memset(data, (int)(0xa0 + i), sizeof(data));
		memcpy(want + at[i], data, sizeof(data));
		assert_int_equal(write_mem(s, s->machine.mapped + at[i], data, sizeof(data)), 0);
		assert_memory(s, want);
	}
}

static void write_all_or_nothing(void **arg)
{
	struct state *s = *arg;
	uint64_t end = s->machine.mapped + CONFORMANCE_BYTES;
	uint8_t data[64];

	NEED(s, memw);
	memset(data, 0xee, sizeof(data));
	assert_int_equal(write_mem(s, s->machine.unmapped, data, sizeof(data)), ST_FAULT);
	assert_int_equal(write_mem(s, end - 32, data, sizeof(data)), ST_FAULT);
	assert_memory(s, s->machine.truth);
}

/* --- regs --- */

static void registers_read_the_same(void **arg)
{
	struct state *s = *arg;
	struct x86_64_regs one, two;

	NEED(s, regs);
	x86_64_regs_clear(&one);
	x86_64_regs_clear(&two);
	assert_int_equal(s->t->ops->regs->read(s->t, 0, &one), 0);
	assert_int_equal(s->t->ops->regs->read(s->t, 0, &two), 0);
	assert_memory_equal(one.data, two.data, sizeof(one.data));
	assert_memory_equal(one.valid, two.valid, sizeof(one.valid));
}

static void registers_write_one(void **arg)
{
	struct state *s = *arg;
	struct x86_64_regs before, after;
	uint8_t raw[8];

	NEED(s, regsw);
	x86_64_regs_clear(&before);
	x86_64_regs_clear(&after);
	assert_int_equal(s->t->ops->regs->read(s->t, 0, &before), 0);
	put_le64(raw, 0x1122334455667788);
	assert_int_equal(s->t->ops->regsw->write(s->t, 0, X86_64_r10, raw), 0);
	assert_int_equal(s->t->ops->regs->read(s->t, 0, &after), 0);
	assert_int_equal(x86_64_get(&after, X86_64_r10), 0x1122334455667788);
	x86_64_set(&before, X86_64_r10, 0x1122334455667788);
	assert_memory_equal(before.data, after.data, sizeof(before.data));
}

/* --- points --- */

static int insert(struct state *s, enum target_point type, uint64_t addr)
{
	return s->t->ops->points->insert(s->t, type, addr, 1);
}

static int remove_point(struct state *s, enum target_point type, uint64_t addr)
{
	return s->t->ops->points->remove(s->t, type, addr, 1);
}

static void points_are_invisible(void **arg)
{
	struct state *s = *arg;
	unsigned int i;

	NEED(s, points);
	for (i = 0; i < 3 * TARGET_HW_POINTS; i++)
		assert_int_equal(insert(s, TARGET_POINT_SW, s->machine.mapped + 16 * i), 0);
	assert_memory(s, s->machine.truth);
	for (i = 0; i < 3 * TARGET_HW_POINTS; i++)
		assert_int_equal(remove_point(s, TARGET_POINT_SW, s->machine.mapped + 16 * i), 0);
	assert_memory(s, s->machine.truth);
}

static void points_twice(void **arg)
{
	struct state *s = *arg;

	NEED(s, points);
	assert_int_equal(insert(s, TARGET_POINT_SW, s->machine.mapped), 0);
	assert_int_equal(insert(s, TARGET_POINT_SW, s->machine.mapped), 0);
	assert_int_equal(insert(s, TARGET_POINT_HW, s->machine.mapped), 0);
	assert_int_equal(remove_point(s, TARGET_POINT_SW, s->machine.mapped), 0);
	assert_int_equal(remove_point(s, TARGET_POINT_HW, s->machine.mapped), 0);
	assert_memory(s, s->machine.truth);
}

static void points_survive_writes(void **arg)
{
	struct state *s = *arg;
	uint8_t want[CONFORMANCE_BYTES], data[32];
	unsigned int i;

	NEED(s, points);
	NEED(s, memw);
	memcpy(want, s->machine.truth, sizeof(want));
	for (i = 0; i < 2 * TARGET_HW_POINTS; i++)
		assert_int_equal(insert(s, TARGET_POINT_SW, s->machine.mapped + 8 + i), 0);
	memset(data, 0x90, sizeof(data));
	memcpy(want, data, sizeof(data));
	assert_int_equal(write_mem(s, s->machine.mapped, data, sizeof(data)), 0);
	assert_memory(s, want);
	for (i = 0; i < 2 * TARGET_HW_POINTS; i++)
		assert_int_equal(remove_point(s, TARGET_POINT_SW, s->machine.mapped + 8 + i), 0);
	assert_memory(s, want);
}

static void points_hardware_runs_out(void **arg)
{
	struct state *s = *arg;
	unsigned int i;
	int status = 0;

	NEED(s, points);
	for (i = 0; i <= TARGET_HW_POINTS && !status; i++)
		status = insert(s, TARGET_POINT_HW, s->machine.mapped + 64 * i);
	assert_true(status < 0 || i == TARGET_HW_POINTS + 1);
	while (i-- > 0)
		(void)!remove_point(s, TARGET_POINT_HW, s->machine.mapped + 64 * i);
	assert_int_equal(insert(s, TARGET_POINT_HW, s->machine.mapped), 0);
	assert_int_equal(remove_point(s, TARGET_POINT_HW, s->machine.mapped), 0);
}

/* --- run --- */

static int wait_stop(struct state *s, struct target_stop *stop)
{
	int i, status = 0;

	for (i = 0; i < POLLS_MAX && !status; i++)
		status = s->t->ops->run->poll(s->t, stop);
	return status;
}

static void run_and_interrupt(void **arg)
{
	struct state *s = *arg;
	enum target_action *actions;
	unsigned int i, n = s->t->ops->vcpus->count(s->t);
	struct target_stop stop;

	actions = malloc(n * sizeof(actions[0]));
	for (i = 0; i < n; i++)
		actions[i] = TARGET_CONT;
	assert_int_equal(s->t->ops->run->resume(
				 s->t, &(struct target_resume){ .actions = actions, .count = n }),
			 0);
	assert_int_equal(s->t->ops->run->interrupt(s->t), 0);
	assert_int_equal(wait_stop(s, &stop), 1);
	assert_true(stop.vcpu < n);
	assert_true(stop.kind != TARGET_STOP_GONE);
	assert_memory(s, s->machine.truth);
	free(actions);
}

static void interrupt_when_stopped(void **arg)
{
	struct state *s = *arg;
	struct target_stop stop;

	assert_int_equal(s->t->ops->run->interrupt(s->t), 0);
	assert_int_equal(s->t->ops->run->poll(s->t, &stop), 0);
	assert_memory(s, s->machine.truth);
}

static void detach_restores(void **arg)
{
	struct state *s = *arg;
	unsigned int i;

	for (i = 0; s->t->ops->points && i < 6; i++)
		assert_int_equal(insert(s, TARGET_POINT_SW, s->machine.mapped + 32 * i), 0);
	assert_int_equal(s->t->ops->run->detach(s->t, true), 0);
}

/* --- vcpus, monitor --- */

static void vcpus_have_names(void **arg)
{
	struct state *s = *arg;
	unsigned int i, n = s->t->ops->vcpus->count(s->t);
	char name[RSP_NAME_MAX], little[4];

	assert_in_range(n, 1, VCPUS_MAX);
	for (i = 0; i < n; i++) {
		assert_int_equal(s->t->ops->vcpus->name(s->t, i, name, sizeof(name)), 0);
		assert_true(strnlen(name, sizeof(name)) < sizeof(name));
		assert_int_equal(s->t->ops->vcpus->name(s->t, i, little, sizeof(little)), 0);
		assert_true(strnlen(little, sizeof(little)) < sizeof(little));
	}
}

static void monitor_answers(void **arg)
{
	struct state *s = *arg;
	static const char *const lines[] = {
		"",	  "help",      "no-such-command", "stats",
		"policy", "translate", "phys zzz",	  "regions 0"
	};
	char text[TEXT_BYTES];
	struct buf out;
	unsigned int i;

	NEED(s, monitor);
	for (i = 0; i < ARRAY_LEN(lines); i++) {
		buf_init(&out, text, sizeof(text));
		assert_int_equal(s->t->ops->monitor->command(s->t, 0, lines[i], &out), 0);
		assert_true(buf_used(&out) > 0);
	}
}

static const struct {
	const char *name;
	void (*run)(void **arg);
} tests[] = {
#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
	ROW(required_groups),
	ROW(read_everything),
	ROW(read_any_offset),
	ROW(read_stops_at_the_edge),
	ROW(read_unmapped),
	ROW(read_nothing),
	ROW(regions),
	ROW(write_and_read_back),
	ROW(write_all_or_nothing),
	ROW(registers_read_the_same),
	ROW(registers_write_one),
	ROW(points_are_invisible),
	ROW(points_twice),
	ROW(points_survive_writes),
	ROW(points_hardware_runs_out),
	ROW(run_and_interrupt),
	ROW(interrupt_when_stopped),
	ROW(detach_restores),
	ROW(vcpus_have_names),
	ROW(monitor_answers),
#undef ROW
};

int main(void)
{
	unsigned int i, count = conformance_backends_count * (unsigned int)ARRAY_LEN(tests);
	char(*names)[NAME_BYTES] = calloc(count, sizeof(names[0]));
	struct CMUnitTest *rows = calloc(count, sizeof(rows[0]));
	int failures;

	for (i = 0; i < count; i++) {
		const struct conformance_backend *b = &conformance_backends[i / ARRAY_LEN(tests)];

		snprintf(names[i], sizeof(names[i]), "%s/%s", b->name,
			 tests[i % ARRAY_LEN(tests)].name);
		rows[i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = tests[i % ARRAY_LEN(tests)].run,
			.setup_func = setup,
			.teardown_func = teardown,
			.initial_state = (void *)(uintptr_t)b,
		};
	}
	failures = _cmocka_run_group_tests("conformance", rows, count, NULL, NULL);
	free(rows);
	free(names);
	return failures;
}
