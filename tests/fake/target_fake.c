/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The machine of arrays. A step moves the pc by one byte, a resume runs to the next point. */
#include "tests/fake/target_fake.h"

#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"

enum { NOP = 0x90 };

static struct target_fake *to_fake(struct target *t)
{
	return CONTAINER_OF(t, struct target_fake, target);
}

static bool fails(struct target_fake *f)
{
	return ++f->calls == f->fail_at;
}

/* For operations that are legal only while the machine stands. */
static bool stopped_call_fails(struct target_fake *f, unsigned int vcpu)
{
	if (f->running || f->gone || f->detached || vcpu >= TARGET_FAKE_VCPUS)
		f->misused++;
	return fails(f);
}

uint8_t target_fake_pattern(size_t offset)
{
	return (uint8_t)(offset * 7 + offset / 256);
}

/* --- memory --- */

/* The bytes at @addr and how many follow each other; 0: not mapped. */
static size_t find(struct target_fake *f, uint64_t addr, uint8_t **ret)
{
	if (addr - TARGET_FAKE_RAM < sizeof(f->ram)) {
		*ret = f->ram + (addr - TARGET_FAKE_RAM);
		return sizeof(f->ram) - (size_t)(addr - TARGET_FAKE_RAM);
	}
	if (addr - TARGET_FAKE_ROM < sizeof(f->rom)) {
		*ret = f->rom + (addr - TARGET_FAKE_ROM);
		return sizeof(f->rom) - (size_t)(addr - TARGET_FAKE_ROM);
	}
	return 0;
}

static int mem_read(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		    void *buf, size_t len)
{
	struct target_fake *f = to_fake(t);
	uint8_t *from;
	size_t there;

	if (stopped_call_fails(f, vcpu))
		return ST_IO;
	there = space == TARGET_VIRT ? find(f, addr, &from) : 0;
	if (!there)
		return ST_FAULT;
	if (len > there)
		len = there;
	memcpy(buf, from, len);
	return (int)len;
}

static int mem_region(struct target *t, unsigned int vcpu, uint64_t addr, struct target_region *ret)
{
	struct target_fake *f = to_fake(t);
	uint8_t *byte;

	if (stopped_call_fails(f, vcpu))
		return ST_IO;
	*ret = (struct target_region){ .start = addr, .last = addr | (PAGE_BYTES - 1) };
	if (find(f, addr, &byte)) {
		ret->start = addr & ~(uint64_t)(PAGE_BYTES - 1);
		ret->mapped = ret->encrypted = true;
		ret->write = addr < TARGET_FAKE_ROM;
		ret->exec = !ret->write;
	}
	return 0;
}

static int mem_write(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		     const void *buf, size_t len)
{
	struct target_fake *f = to_fake(t);

	if (stopped_call_fails(f, vcpu))
		return ST_IO;
	if (space != TARGET_VIRT || addr - TARGET_FAKE_RAM >= sizeof(f->ram) ||
	    len > sizeof(f->ram) - (addr - TARGET_FAKE_RAM))
		return ST_FAULT;
	memcpy(f->ram + (addr - TARGET_FAKE_RAM), buf, len);
	return 0;
}

/* --- registers --- */

static int regs_read(struct target *t, unsigned int vcpu, struct x86_64_regs *ret)
{
	struct target_fake *f = to_fake(t);

	if (stopped_call_fails(f, vcpu))
		return ST_IO;
	*ret = f->regs[vcpu];
	return 0;
}

static int regs_write(struct target *t, unsigned int vcpu, enum x86_64_reg reg, const uint8_t *raw)
{
	struct target_fake *f = to_fake(t);

	if (stopped_call_fails(f, vcpu))
		return ST_IO;
	if (reg == X86_64_cr8)
		return ST_UNSUPPORTED;
	x86_64_set_raw(&f->regs[vcpu], reg, raw);
	return 0;
}

/* --- points --- */

static struct target_fake_point *point_find(struct target_fake *f, enum target_point type,
					    uint64_t addr, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < TARGET_FAKE_POINTS; i++)
		if (f->points[i].used && f->points[i].type == type && f->points[i].addr == addr &&
		    f->points[i].len == len)
			return &f->points[i];
	return NULL;
}

static int point_insert(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	struct target_fake *f = to_fake(t);
	unsigned int i;

	if (stopped_call_fails(f, 0))
		return ST_IO;
	if (type == TARGET_POINT_WATCH_READ)
		return ST_UNSUPPORTED;
	if (point_find(f, type, addr, len))
		return 0;
	for (i = 0; i < TARGET_FAKE_POINTS; i++) {
		if (f->points[i].used)
			continue;
		f->points[i] = (struct target_fake_point){ true, type, addr, len };
		return 0;
	}
	return ST_NOSPC;
}

static int point_remove(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	struct target_fake *f = to_fake(t);
	struct target_fake_point *point = point_find(f, type, addr, len);

	if (stopped_call_fails(f, 0))
		return ST_IO;
	if (!point)
		return ST_INVAL;
	point->used = false;
	return 0;
}

/* --- running --- */

static int run_resume(struct target *t, const struct target_resume *how)
{
	struct target_fake *f = to_fake(t);

	if (stopped_call_fails(f, how->count - 1))
		return ST_IO;
	memcpy(f->actions, how->actions, how->count * sizeof(how->actions[0]));
	f->running = true;
	f->resumes++;
	return 0;
}

static int run_interrupt(struct target *t)
{
	struct target_fake *f = to_fake(t);

	if (fails(f))
		return ST_IO;
	f->interrupted = f->running;
	return 0;
}

/* The nearest point ahead of @vcpu on its way through memory, or a watchpoint at once. */
static bool run_to_point(struct target_fake *f, unsigned int vcpu, struct target_stop *ret)
{
	static const enum target_stop_kind kinds[] = {
		[TARGET_POINT_SW] = TARGET_STOP_SWBREAK,
		[TARGET_POINT_HW] = TARGET_STOP_HWBREAK,
		[TARGET_POINT_WATCH_WRITE] = TARGET_STOP_WATCH_WRITE,
		[TARGET_POINT_WATCH_ACCESS] = TARGET_STOP_WATCH_ACCESS,
	};
	uint64_t pc = x86_64_get(&f->regs[vcpu], X86_64_rip), nearest = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < TARGET_FAKE_POINTS; i++) {
		const struct target_fake_point *p = &f->points[i];
		uint64_t at = p->type >= TARGET_POINT_WATCH_WRITE ? pc + 1 : p->addr;

		if (!p->used || at <= pc || at >= nearest)
			continue;
		nearest = at;
		*ret = (struct target_stop){ .kind = kinds[p->type], .vcpu = vcpu };
		ret->addr = p->type >= TARGET_POINT_WATCH_WRITE ? p->addr : 0;
	}
	if (nearest == UINT64_MAX)
		return false;
	x86_64_set(&f->regs[vcpu], X86_64_rip, nearest);
	return true;
}

static bool run_machine(struct target_fake *f, struct target_stop *ret)
{
	unsigned int i;

	for (i = 0; i < TARGET_FAKE_VCPUS; i++) {
		if (f->actions[i] != TARGET_STEP)
			continue;
		x86_64_set(&f->regs[i], X86_64_rip, x86_64_get(&f->regs[i], X86_64_rip) + 1);
		*ret = (struct target_stop){ .kind = TARGET_STOP_STEP, .vcpu = i };
		return true;
	}
	for (i = 0; i < TARGET_FAKE_VCPUS; i++)
		if (f->actions[i] == TARGET_CONT && run_to_point(f, i, ret))
			return true;
	return false;
}

static int run_poll(struct target *t, struct target_stop *ret)
{
	struct target_fake *f = to_fake(t);

	if (!f->running || f->detached)
		f->misused++;
	if (fails(f)) {
		f->gone = true;
		f->running = false;
		return ST_GONE;
	}
	if (f->next_stop < f->nstops)
		*ret = f->stops[f->next_stop++];
	else if (f->interrupted)
		*ret = (struct target_stop){ .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGINT };
	else if (!run_machine(f, ret))
		return 0;
	f->running = f->interrupted = false;
	f->gone = ret->kind == TARGET_STOP_GONE;
	return 1;
}

static int run_detach(struct target *t, bool resume)
{
	struct target_fake *f = to_fake(t);

	(void)resume;
	if (fails(f))
		return ST_IO;
	memset(f->points, 0, sizeof(f->points));
	f->running = false;
	f->detached = true;
	return 0;
}

/* --- the rest --- */

static unsigned int vcpus_count(struct target *t)
{
	(void)t;
	return TARGET_FAKE_VCPUS;
}

static int vcpus_name(struct target *t, unsigned int vcpu, char *buf, size_t size)
{
	if (fails(to_fake(t)))
		return ST_IO;
	snprintf(buf, size, "CPU#%u <fake>", vcpu);
	return 0;
}

static int monitor_command(struct target *t, unsigned int vcpu, const char *line, struct buf *out)
{
	if (stopped_call_fails(to_fake(t), vcpu))
		return ST_IO;
	if (strcmp(line, "silent") == 0)
		return 0;
	buf_put_text(out, "you said: ");
	buf_put_text(out, line);
	buf_put_char(out, '\n');
	return 0;
}

static const char *explain(struct target *t)
{
	(void)t;
	return "the fake target says #no";
}

static const struct target_mem_ops mem_ops = { .read = mem_read, .region = mem_region };
static const struct target_vcpus_ops vcpus_ops = { .count = vcpus_count, .name = vcpus_name };
static const struct target_run_ops run_ops = {
	.resume = run_resume,
	.interrupt = run_interrupt,
	.poll = run_poll,
	.detach = run_detach,
};

static const struct target_ops all_ops = {
	.name = "fake",
	.mem = &mem_ops,
	.vcpus = &vcpus_ops,
	.run = &run_ops,
	.memw = &(const struct target_memw_ops){ .write = mem_write },
	.regs = &(const struct target_regs_ops){ .read = regs_read },
	.regsw = &(const struct target_regsw_ops){ .write = regs_write },
	.points =
		&(const struct target_points_ops){ .insert = point_insert, .remove = point_remove },
	.monitor = &(const struct target_monitor_ops){ .command = monitor_command },
};

const struct target_ops target_fake_bare_ops = {
	.name = "fake, bare",
	.mem = &mem_ops,
	.vcpus = &vcpus_ops,
	.run = &run_ops,
};

void target_fake_init(struct target_fake *f)
{
	unsigned int i;
	size_t at;

	*f = (struct target_fake){ .target = { .ops = &all_ops, .va_bits = 48 } };
	f->target.explain = explain;
	for (at = 0; at < sizeof(f->ram); at++)
		f->ram[at] = target_fake_pattern(at);
	memset(f->rom, NOP, sizeof(f->rom));
	for (i = 0; i < TARGET_FAKE_VCPUS; i++) {
		int reg;

		x86_64_regs_clear(&f->regs[i]);
		for (reg = X86_64_rax; reg <= X86_64_gs; reg++)
			x86_64_set(&f->regs[i], (enum x86_64_reg)reg, 0x100u * i + (unsigned)reg);
		x86_64_set(&f->regs[i], X86_64_rip, TARGET_FAKE_ROM + 0x100 + i);
		x86_64_set(&f->regs[i], X86_64_rsp, TARGET_FAKE_RAM + 0x800);
		x86_64_set(&f->regs[i], X86_64_rbp, TARGET_FAKE_RAM + 0x900);
		x86_64_set(&f->regs[i], X86_64_eflags, 0x246);
		x86_64_set(&f->regs[i], X86_64_cr0, 0x80050033);
	}
}
