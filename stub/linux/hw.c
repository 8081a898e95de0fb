/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Hardware points. The kernel's own #DB handler takes every hit of DR0-DR3 (kernel/hw_breakpoint.c,
 * arch/x86/kernel/hw_breakpoint.c), so the four belong to perf: a session borrows them as events on
 * addresses where nothing ever happens. While the machine is stopped hw_set changes what an event
 * watches; each CPU loads its registers on the way out. Inside #DB and NMI handlers DR7 does not
 * survive, the kernel puts the old one back (asm/debugreg.h, local_db_restore): an irq_work
 * loads it again as soon as the CPU takes interrupts.
 */
#include <linux/cc_platform.h>
#include <linux/hw_breakpoint.h>
#include <linux/irq_work.h>
#include <linux/perf_event.h>
#include <linux/smp.h>

#include <asm/debugreg.h>
#include <asm/msr.h>

#include "stub/linux/module.h"

enum {
	SEV_STATUS_DEBUG_SWAP = 1 << 7, /* AMD APM volume 2, 15.34.10 */
	RESERVE_LOOK_MS = 5,
	RESERVE_MS = 1500, /* a loaded guest under emulation takes some hundred */
};

/* What idle events watch: words that nobody writes. */
static u64 nowhere[TARGET_HW_POINTS];

struct hw_cpu {
	struct irq_work work;
	bool known;		  /* reg is */
	unsigned int loaded;	  /* generation of what DR0-DR3 and DR7 hold */
	u8 reg[TARGET_HW_POINTS]; /* debug register of a slot on this CPU */
};

static struct {
	const char *why;				      /* there are no hardware points */
	struct perf_event *__percpu *event[TARGET_HW_POINTS]; /* NULL: not reserved */
	struct arch_hw_breakpoint info[TARGET_HW_POINTS];
	bool used[TARGET_HW_POINTS];
	unsigned int generation;
	bool wanted, reserved;
} hw;

static DEFINE_PER_CPU(struct hw_cpu, hw_cpus);

/* --- loading --- */

static unsigned long dr7_bits(unsigned int reg, const struct arch_hw_breakpoint *info)
{
	unsigned long control = (info->len | info->type) & 0xf;

	return control << (DR_CONTROL_SHIFT + reg * DR_CONTROL_SIZE) |
	       (unsigned long)DR_GLOBAL_ENABLE << (reg * DR_ENABLE_SIZE);
}

static void set_address(unsigned int reg, unsigned long addr)
{
	switch (reg) {
	case 0:
		set_debugreg(addr, 0);
		break;
	case 1:
		set_debugreg(addr, 1);
		break;
	case 2:
		set_debugreg(addr, 2);
		break;
	default:
		set_debugreg(addr, 3);
		break;
	}
}

static unsigned long get_address(unsigned int reg)
{
	unsigned long addr;

	switch (reg) {
	case 0:
		get_debugreg(addr, 0);
		break;
	case 1:
		get_debugreg(addr, 1);
		break;
	case 2:
		get_debugreg(addr, 2);
		break;
	default:
		get_debugreg(addr, 3);
		break;
	}
	return addr;
}

/* An NMI in the middle may stop the machine and load anew: then once more. */
static void load_dr7(struct irq_work *work)
{
	unsigned long dr7;

	do {
		dr7 = this_cpu_read(cpu_dr7);
		set_debugreg(dr7, 7);
	} while (dr7 != this_cpu_read(cpu_dr7));
}

/* The slots' part of this CPU's registers. Interrupts are off. */
static void load_once(const struct hw_cpu *c)
{
	static const struct arch_hw_breakpoint all = { .len = 0xf, .type = 0xf };
	unsigned long dr7 = this_cpu_read(cpu_dr7);
	unsigned int i;

	for (i = 0; i < TARGET_HW_POINTS; i++) {
		if (!hw.event[i])
			continue;
		dr7 &= ~dr7_bits(c->reg[i], &all);
		if (hw.used[i])
			dr7 |= dr7_bits(c->reg[i], &hw.info[i]);
		set_address(c->reg[i], hw.info[i].address);
	}
	this_cpu_write(cpu_dr7, dr7);
	set_debugreg(dr7, 7);
}

static void load(struct hw_cpu *c)
{
	unsigned int generation;

	do {
		generation = READ_ONCE(hw.generation);
		load_once(c);
	} while (generation != READ_ONCE(hw.generation));
	c->loaded = generation;
}

void hw_leaving(void)
{
	struct hw_cpu *c = this_cpu_ptr(&hw_cpus);

	if (!c->known || c->loaded == READ_ONCE(hw.generation))
		return;
	load(c);
	irq_work_queue(&c->work);
}

/* --- setting, while the machine is stopped --- */

const char *hw_why(struct port *p)
{
	return hw.why ? hw.why : "";
}

static void describe(const struct port_hw *want, unsigned int slot, struct arch_hw_breakpoint *ret)
{
	static const u8 lens[] = { [1] = X86_BREAKPOINT_LEN_1,
				   [2] = X86_BREAKPOINT_LEN_2,
				   [4] = X86_BREAKPOINT_LEN_4,
				   [8] = X86_BREAKPOINT_LEN_8 };

	*ret = (struct arch_hw_breakpoint){ .address = (unsigned long)&nowhere[slot],
					    .len = X86_BREAKPOINT_LEN_8,
					    .type = X86_BREAKPOINT_WRITE };
	if (!want->used)
		return;
	ret->address = want->addr;
	ret->len = lens[want->len];
	if (want->type == TARGET_POINT_HW)
		ret->type = X86_BREAKPOINT_EXECUTE;
	else if (want->type == TARGET_POINT_WATCH_ACCESS)
		ret->type = X86_BREAKPOINT_RW;
}

int hw_set(struct port *p, unsigned int slot, const struct port_hw *want)
{
	unsigned int cpu;

	if (!hw.event[slot])
		return want->used ? ST_NOSPC : 0;
	describe(want, slot, &hw.info[slot]);
	hw.used[slot] = want->used;
	/* Should perf move the event to another register, it takes what is said here. */
	for_each_online_cpu(cpu)
	{
		struct perf_event *event = *per_cpu_ptr(hw.event[slot], cpu);

		if (event)
			*counter_arch_bp(event) = hw.info[slot];
	}
	WRITE_ONCE(hw.generation, hw.generation + 1);
	return 0;
}

/* --- borrowing the registers --- */

static void on_hit(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	unsigned int i;

	for (i = 0; i < TARGET_HW_POINTS; i++)
		if (hw.event[i] && *this_cpu_ptr(hw.event[i]) == event)
			entry_hw_point(i, regs);
}

/* Finds out where perf has put the events on this CPU. */
static void learn(void *unused)
{
	struct hw_cpu *c = this_cpu_ptr(&hw_cpus);
	unsigned int i, reg;

	for (i = 0; i < TARGET_HW_POINTS; i++)
		for (reg = 0; reg < TARGET_HW_POINTS; reg++)
			if (get_address(reg) == (unsigned long)&nowhere[i])
				c->reg[i] = reg;
	c->known = true;
}

static void load_now(void *unused)
{
	load(this_cpu_ptr(&hw_cpus));
}

static struct perf_event *__percpu *borrow(unsigned int slot)
{
	struct perf_event *__percpu *event;
	struct perf_event_attr attr;

	hw_breakpoint_init(&attr);
	attr.bp_addr = (unsigned long)&nowhere[slot];
	attr.bp_len = HW_BREAKPOINT_LEN_8;
	attr.bp_type = HW_BREAKPOINT_W;
	event = register_wide_hw_breakpoint(&attr, on_hit, NULL);
	return IS_ERR((void __force *)event) ? NULL : event;
}

/* The machine may be stopped anywhere in here: a slot is shown when it is ready. */
static void reserve(void)
{
	struct perf_event *__percpu *event[TARGET_HW_POINTS];
	unsigned int i;

	if (hw.reserved)
		return;
	for (i = 0; i < TARGET_HW_POINTS; i++)
		event[i] = borrow(i);
	on_each_cpu(learn, NULL, 1);
	for (i = 0; i < TARGET_HW_POINTS; i++) {
		describe(&(struct port_hw){ .used = false }, i, &hw.info[i]);
		WRITE_ONCE(hw.event[i], event[i]);
	}
	/* Off until they are used: enabled registers cost every #DB and NMI. */
	on_each_cpu(load_now, NULL, 1);
	WRITE_ONCE(hw.reserved, true);
}

/* Leaves a slot that a new session uses already, for the next time. */
static void release(void)
{
	bool left = false;
	unsigned int i;
	int cpu;

	if (!hw.reserved)
		return;
	WRITE_ONCE(hw.reserved, false);
	for_each_possible_cpu(cpu) irq_work_sync(&per_cpu_ptr(&hw_cpus, cpu)->work);
	for (i = 0; i < TARGET_HW_POINTS; i++) {
		struct perf_event *__percpu *event = xchg(&hw.event[i], NULL);

		if (READ_ONCE(hw.used[i])) {
			WRITE_ONCE(hw.event[i], event);
			left = true;
		} else if (event) {
			unregister_wide_hw_breakpoint(event);
		}
	}
	WRITE_ONCE(hw.reserved, left);
}

/*
 * Both wait for every CPU, and one may be spinning with interrupts off, which is what a debugger
 * comes to look at. So a worker waits, and the debugger is let in without hardware points.
 */
static void adjust(struct work_struct *work)
{
	if (READ_ONCE(hw.wanted))
		reserve();
	else
		release();
}

static DECLARE_WORK(hw_work, adjust);

void hw_reserve(void)
{
	unsigned int ms;

	if (hw.why)
		return;
	WRITE_ONCE(hw.wanted, true);
	queue_work(system_unbound_wq, &hw_work);
	for (ms = 0; ms < RESERVE_MS && !READ_ONCE(hw.reserved); ms += RESERVE_LOOK_MS)
		main_nap(RESERVE_LOOK_MS * USEC_PER_MSEC);
}

void hw_release(void)
{
	WRITE_ONCE(hw.wanted, false);
	if (READ_ONCE(hw.reserved))
		queue_work(system_unbound_wq, &hw_work);
}

void hw_exit(void)
{
	flush_work(&hw_work);
	hw_release();
	flush_work(&hw_work);
}

bool hw_init(void)
{
	u64 status;
	int cpu;

	for_each_possible_cpu(cpu) init_irq_work(&per_cpu_ptr(&hw_cpus, cpu)->work, load_dr7);
	if (!cc_platform_has(CC_ATTR_GUEST_STATE_ENCRYPT))
		return true;
	/* Without DebugSwap the host neither loads nor saves DR0-DR3, and no write says so. */
	rdmsrl(MSR_AMD64_SEV, status);
	if (status & SEV_STATUS_DEBUG_SWAP)
		return true;
	hw.why = "debug registers do not work in this guest: the host does not offer DebugSwap";
	return false;
}
