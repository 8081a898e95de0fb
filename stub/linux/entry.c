/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * How CPUs come into the stub: the die notifier for #BP and #DB, two NMI handlers, and an int3 of
 * our own for the thread that lets the debugger in. Each CPU has one place for its registers and is
 * inside at most once: an NMI that interrupts the stub only leaves a note.
 */
#include <linux/kdebug.h>
#include <linux/objtool.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include <asm/apic.h>
#include <asm/debugreg.h>
#include <asm/nmi.h>

#include "stub/linux/module.h"

struct entry_cpu {
	struct regs_save save;
	bool inside;		  /* the stub, or its poll; set and read by this CPU only */
	bool called;		  /* by an NMI while inside */
	atomic_t owed;		  /* NMIs sent to this CPU that have not come */
	int spare;		  /* NMIs that came as one with an earlier one, or still come */
	enum stub_cause own_int3; /* what the module's own int3 means */
	pid_t pid;		  /* what the CPU was doing when it came in last */
	char comm[TASK_COMM_LEN];
};

static struct entry_cpu __percpu *cpus;

/* --- in and out --- */

static void note_task(struct entry_cpu *c)
{
	c->pid = current->pid;
	memcpy(c->comm, current->comm, sizeof(c->comm));
	c->comm[sizeof(c->comm) - 1] = '\0';
}

/* What IRET takes, as the hardware pushes it. */
struct iret_frame {
	unsigned long ip, cs, flags, sp, ss;
};

/*
 * An NMI that has interrupted the kernel does not return by its pt_regs: behind them lies another
 * frame, which IRET takes, and which an NMI that nests replaces to come again; only then pt_regs'
 * frame counts (arch/x86/entry/entry_64.S, "first_nmi" to "nmi_restore"). @was: as the NMI came in.
 */
static void mend_nmi_frame(struct pt_regs *regs, const struct iret_frame *was)
{
	struct iret_frame *iret = (struct iret_frame *)(regs + 1);

	if (user_mode(regs) || memcmp(iret, was, sizeof(*was)))
		return;
	WRITE_ONCE(iret->flags, regs->flags);
	WRITE_ONCE(iret->sp, regs->sp);
	WRITE_ONCE(iret->ip, regs->ip);
}

static void put(struct entry_cpu *c, struct pt_regs *regs, bool nmi)
{
	struct iret_frame was = { regs->ip, regs->cs, regs->flags, regs->sp, regs->ss };

	regs_put(&c->save, regs);
	if (nmi)
		mend_nmi_frame(regs, &was);
}

/* The CPU's trap; then the round-ups that came meanwhile. Interrupts are off. */
static enum stub_verdict enter(const struct stub_trap *trap, struct pt_regs *regs, bool nmi)
{
	static const struct stub_trap round_up = { .cause = STUB_ROUND_UP };
	struct entry_cpu *c = this_cpu_ptr(cpus);
	enum stub_verdict first = STUB_NOT_MINE, verdict;
	bool again = false;

	if (c->inside)
		return STUB_NOT_MINE;
	do {
		c->inside = true;
		barrier();
		note_task(c);
		regs_take(&c->save, regs);
		verdict = stub_trap(linux_stub, raw_smp_processor_id(), again ? &round_up : trap,
				    &c->save.regs);
		if (verdict == STUB_MINE)
			put(c, regs, nmi);
		if (!again)
			first = verdict;
		again = true;
		barrier();
		c->inside = false;
		barrier();
	} while (xchg(&c->called, false));
	return first;
}

/* --- #BP and #DB --- */

/*
 * Stops this CPU in process context: the notifier below knows the int3's address. The label is
 * behind it, where rip is.
 */
static noinline __noclone void own_int3(enum stub_cause cause)
{
	this_cpu_ptr(cpus)->own_int3 = cause;
	asm volatile("int3\n"
		     "cvmdbg_own_int3:\n" ANNOTATE_NOENDBR
		     :
		     :
		     : "memory");
}
extern const char cvmdbg_own_int3[];

static int on_int3(struct pt_regs *regs)
{
	struct stub_trap trap = { .cause = STUB_INT3 };

	if (user_mode(regs))
		return NOTIFY_DONE;
	if (regs->ip == (unsigned long)cvmdbg_own_int3) {
		trap.cause = this_cpu_ptr(cpus)->own_int3;
		(void)enter(&trap, regs, false);
		return NOTIFY_STOP;
	}
	/* In what the stub calls (text.c refuses what is known): better no breakpoint than no
	 * guest. */
	if (this_cpu_ptr(cpus)->inside && stub_lift(linux_stub, regs->ip - 1)) {
		regs->ip--;
		return NOTIFY_STOP;
	}
	return enter(&trap, regs, false) == STUB_MINE ? NOTIFY_STOP : NOTIFY_DONE;
}

/* @dr6 in positive polarity; what is left in it the kernel takes for somebody else's. */
static int on_debug(struct pt_regs *regs, unsigned long *dr6)
{
	const struct stub_trap trap = { .cause = STUB_DEBUG };

	if (!(*dr6 & DR_STEP) || enter(&trap, regs, false) != STUB_MINE)
		return NOTIFY_DONE;
	*dr6 &= ~DR_STEP;
	return NOTIFY_STOP;
}

static int on_die(struct notifier_block *nb, unsigned long event, void *data)
{
	struct die_args *args = data;

	switch (event) {
	case DIE_INT3:
		return on_int3(args->regs);
	case DIE_DEBUG:
		/* The pointer travels as a long: arch/x86/kernel/traps.c, notify_debug. */
		return on_debug(args->regs, (unsigned long *)args->err);
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block die_block = { .notifier_call = on_die };

/* --- NMI --- */

void entry_kick(struct port *p, unsigned int cpu)
{
	atomic_inc(&per_cpu_ptr(cpus, cpu)->owed);
	apic->send_IPI_mask(cpumask_of(cpu), NMI_VECTOR);
}

/* Claims only what entry_kick has sent: perf and others live here as well. */
static int on_nmi(unsigned int type, struct pt_regs *regs)
{
	const struct stub_trap trap = { .cause = STUB_ROUND_UP };
	struct entry_cpu *c = this_cpu_ptr(cpus);
	int owed = atomic_xchg(&c->owed, 0);

	if (!owed)
		return NMI_DONE;
	c->spare = owed - 1;
	if (c->inside)
		c->called = true;
	else
		(void)enter(&trap, regs, true);
	return NMI_HANDLED;
}

static bool poll(struct entry_cpu *c)
{
	bool wanted;

	if (c->inside)
		return false;
	c->inside = true;
	barrier();
	wanted = stub_poll(linux_stub);
	barrier();
	c->inside = false;
	barrier();
	return wanted;
}

/* The second of two NMIs that were taken for one, or the host's, which lets the debugger in. */
static int on_unknown_nmi(unsigned int type, struct pt_regs *regs)
{
	struct stub_trap trap = { .cause = STUB_BREAK };
	struct entry_cpu *c = this_cpu_ptr(cpus);

	if (c->inside)
		return NMI_HANDLED;
	if (poll(c)) {
		c->called = false;
		(void)enter(&trap, regs, true);
		return NMI_HANDLED;
	}
	if (xchg(&c->called, false)) {
		trap.cause = STUB_ROUND_UP;
		(void)enter(&trap, regs, true);
	}
	if (c->spare > 0) {
		c->spare--;
		return NMI_HANDLED;
	}
	return READ_ONCE(linux_stub->session) || READ_ONCE(linux_stub->greeted) ? NMI_HANDLED
										: NMI_DONE;
}

/* That they take long is no news: the kernel only tells of a new maximum (nmi_check_duration). */
static struct nmiaction nmi_action = {
	.list = LIST_HEAD_INIT(nmi_action.list),
	.handler = on_nmi,
	.max_duration = U64_MAX,
	.name = "cvmdbg",
};

static struct nmiaction unknown_nmi_action = {
	.list = LIST_HEAD_INIT(unknown_nmi_action.list),
	.handler = on_unknown_nmi,
	.max_duration = U64_MAX,
	.name = "cvmdbg",
};

/* --- the thread's and other files' ways in --- */

bool entry_poll(void)
{
	struct entry_cpu *c;
	unsigned long flags;
	bool wanted;

	local_irq_save(flags);
	c = this_cpu_ptr(cpus);
	wanted = poll(c);
	if (xchg(&c->called, false))
		own_int3(STUB_ROUND_UP);
	local_irq_restore(flags);
	return wanted;
}

void entry_break_in(void)
{
	unsigned long flags;

	local_irq_save(flags);
	own_int3(STUB_BREAK);
	local_irq_restore(flags);
}

void entry_hw_point(unsigned int slot, struct pt_regs *regs)
{
	const struct stub_trap trap = { .cause = STUB_HW_POINT, .slot = slot };

	(void)enter(&trap, regs, false);
}

bool entry_fatal(enum target_signal signal, const char *text, struct pt_regs *regs)
{
	const struct stub_trap trap = { .cause = STUB_FATAL, .signal = signal, .text = text };
	enum stub_verdict verdict;
	unsigned long flags;

	local_irq_save(flags);
	verdict = enter(&trap, regs, false);
	local_irq_restore(flags);
	return verdict == STUB_MINE;
}

int entry_cpu_name(struct port *p, unsigned int cpu, char *buf, size_t size)
{
	const struct entry_cpu *c = per_cpu_ptr(cpus, cpu);

	snprintf(buf, size, "CPU#%u %s(%d)", cpu, c->comm, c->pid);
	return 0;
}

/* --- coming and going --- */

int entry_init(void)
{
	int err;

	cpus = __alloc_percpu(sizeof(*cpus), __alignof__(*cpus));
	if (!cpus)
		return -ENOMEM;
	err = register_die_notifier(&die_block);
	if (err)
		goto free;
	err = __register_nmi_handler(NMI_LOCAL, &nmi_action);
	if (err)
		goto die;
	err = __register_nmi_handler(NMI_UNKNOWN, &unknown_nmi_action);
	if (!err)
		return 0;
	unregister_nmi_handler(NMI_LOCAL, nmi_action.name);
die:
	unregister_die_notifier(&die_block);
free:
	free_percpu(cpus);
	return err;
}

/* Every unregister waits until no handler runs any more (notifier.c, nmi.c: synchronize_rcu). */
void entry_exit(void)
{
	unregister_nmi_handler(NMI_UNKNOWN, nmi_action.name);
	unregister_nmi_handler(NMI_LOCAL, nmi_action.name);
	unregister_die_notifier(&die_block);
	free_percpu(cpus);
}
