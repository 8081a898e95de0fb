/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A struct target over fake_vm's raw memory, with QEMU's habits (kvm-all.c, target/i386/kvm/kvm.c).
 */
#include "tests/conformance/fake_cpu.h"

#include <stdio.h>
#include <string.h>

enum { INT3 = 0xcc };

static struct fake_cpu *to_cpu(struct target *t)
{
	return CONTAINER_OF(t, struct fake_cpu, target);
}

static bool fails(unsigned int *countdown)
{
	return *countdown && --*countdown == 0;
}

/* A walk that takes the C-bit for a part of the address, as QEMU's does. */
static int walk(struct fake_cpu *c, unsigned int vcpu, uint64_t addr, uint8_t **ret)
{
	uint64_t at = x86_64_get(&c->regs[vcpu], X86_64_cr3) & 0x000ffffffffff000;
	int shift;

	for (shift = 39; shift >= 12; shift -= 9) {
		uint64_t entry;

		if (at > FAKE_VM_RAM_BYTES - PAGE_BYTES)
			return ST_FAULT;
		entry = get_le64(c->vm->ram + at + (addr >> shift) % 512 * 8);
		if (!(entry & 1))
			return ST_FAULT;
		at = entry & 0x000ffffffffff000;
	}
	if (at > FAKE_VM_RAM_BYTES - PAGE_BYTES)
		return ST_FAULT;
	*ret = c->vm->ram + at + addr % PAGE_BYTES;
	return 0;
}

static int cpu_read(struct target *t, unsigned int vcpu, enum target_space space, uint64_t addr,
		    void *buf, size_t len)
{
	uint8_t *byte;
	size_t i;

	for (i = 0; i < len; i++) {
		int status = space == TARGET_PHYS ? ST_UNSUPPORTED
						  : walk(to_cpu(t), vcpu, addr + i, &byte);

		if (status)
			return i ? (int)i : status;
		((uint8_t *)buf)[i] = *byte;
	}
	return (int)len;
}

static int cpu_region(struct target *t, unsigned int vcpu, uint64_t addr, struct target_region *ret)
{
	uint8_t *byte;

	*ret = (struct target_region){ .start = addr, .last = addr };
	ret->mapped = walk(to_cpu(t), vcpu, addr, &byte) == 0;
	return 0;
}

static int cpu_regs_read(struct target *t, unsigned int vcpu, struct x86_64_regs *ret)
{
	*ret = to_cpu(t)->regs[vcpu];
	return 0;
}

static int cpu_regs_write(struct target *t, unsigned int vcpu, enum x86_64_reg reg,
			  const uint8_t *raw)
{
	struct fake_cpu *c = to_cpu(t);

	if (fails(&c->fail_reg_write))
		return ST_IO;
	x86_64_set_raw(&c->regs[vcpu], reg, raw);
	return 0;
}

static int cpu_insert(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	struct fake_cpu *c = to_cpu(t);
	uint8_t *byte;

	(void)len;
	if (fails(&c->fail_insert))
		return ST_IO;
	if (type == TARGET_POINT_WATCH_READ)
		return ST_UNSUPPORTED;
	if (type == TARGET_POINT_SW) {
		if (walk(c, 0, addr, &byte))
			return ST_INVAL;
		*byte = INT3;
		c->registered++;
		return 0;
	}
	if (c->slots == TARGET_HW_POINTS)
		return ST_INVAL;
	c->slots++;
	return 0;
}

static int cpu_remove(struct target *t, enum target_point type, uint64_t addr, unsigned int len)
{
	struct fake_cpu *c = to_cpu(t);

	(void)addr;
	(void)len;
	if (type == TARGET_POINT_SW || c->slots == 0)
		return ST_INVAL;
	c->slots--;
	return 0;
}

static int cpu_resume(struct target *t, const struct target_resume *how)
{
	(void)how;
	to_cpu(t)->running = true;
	return 0;
}

static int cpu_interrupt(struct target *t)
{
	to_cpu(t)->interrupted = to_cpu(t)->running;
	return 0;
}

static int cpu_poll(struct target *t, struct target_stop *ret)
{
	struct fake_cpu *c = to_cpu(t);

	if (!c->interrupted)
		return 0;
	c->running = c->interrupted = false;
	*ret = (struct target_stop){ .kind = TARGET_STOP_SIGNAL, .signal = TARGET_SIGINT };
	return 1;
}

static int cpu_detach(struct target *t, bool resume)
{
	struct fake_cpu *c = to_cpu(t);

	c->slots = 0;
	c->detached = true;
	c->running = resume;
	return 0;
}

static unsigned int cpu_vcpus(struct target *t)
{
	(void)t;
	return FAKE_CPU_VCPUS;
}

static int cpu_name(struct target *t, unsigned int vcpu, char *buf, size_t size)
{
	(void)t;
	snprintf(buf, size, "CPU#%u [running]", vcpu);
	return 0;
}

static const char *cpu_explain(struct target *t)
{
	(void)t;
	return "the test says no";
}

static const struct target_ops cpu_ops = {
	.name = "fake_cpu",
	.mem = &(const struct target_mem_ops){ .read = cpu_read, .region = cpu_region },
	.regs = &(const struct target_regs_ops){ .read = cpu_regs_read },
	.regsw = &(const struct target_regsw_ops){ .write = cpu_regs_write },
	.run = &(const struct target_run_ops){ .resume = cpu_resume,
					       .interrupt = cpu_interrupt,
					       .poll = cpu_poll,
					       .detach = cpu_detach },
	.points = &(const struct target_points_ops){ .insert = cpu_insert, .remove = cpu_remove },
	.vcpus = &(const struct target_vcpus_ops){ .count = cpu_vcpus, .name = cpu_name },
};

void fake_cpu_init(struct fake_cpu *cpu, struct fake_vm *vm)
{
	unsigned int i;

	*cpu = (struct fake_cpu){ .vm = vm };
	cpu->target.ops = &cpu_ops;
	cpu->target.explain = cpu_explain;
	cpu->target.va_bits = 48;
	for (i = 0; i < FAKE_CPU_VCPUS; i++) {
		x86_64_regs_clear(&cpu->regs[i]);
		x86_64_set(&cpu->regs[i], X86_64_rip, vm->machine.mapped);
		x86_64_set(&cpu->regs[i], X86_64_r10, i);
		x86_64_set(&cpu->regs[i], X86_64_cr0, 0x80050033);
		x86_64_set(&cpu->regs[i], X86_64_cr3, vm->cr3);
		x86_64_set(&cpu->regs[i], X86_64_cr4, 0x6f0);
		x86_64_set(&cpu->regs[i], X86_64_efer, 0xd01);
	}
	vm->cpu = &cpu->target;
}
