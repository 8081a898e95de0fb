/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Who owns the machine. A trap that is ours makes its CPU the owner: it calls the others by NMI,
 * serves the debugger and lets them go; whoever comes second waits. A step hands the
 * ownership to the CPU that steps, which comes back with it.
 */
#include "stub_internal.h"

enum arrival {
	ARRIVAL_FOREIGN, /* not ours */
	ARRIVAL_DONE,	 /* ours, and nothing to do */
	ARRIVAL_AGAIN,	 /* a stop; if another one is served now, it will come again by itself */
	ARRIVAL_ONCE,	 /* a stop that has to be told */
};

/* --- what has happened --- */

static bool stepping(const struct stub *s, unsigned int cpu)
{
	return s->step.active && s->step.cpu == cpu;
}

/* A host can inject #BP where no int3 is; going on is right, dying would be the kernel's answer. */
static bool is_int3(struct stub *s, const struct x86_64_regs *regs, uint64_t pc)
{
	uint8_t byte = INT3;

	return guarded_read(s, regs, TARGET_VIRT, pc, &byte, 1) != 1 || byte == INT3;
}

static enum arrival int3(struct stub *s, unsigned int cpu, struct x86_64_regs *regs,
			 struct target_stop *stop)
{
	uint64_t pc = x86_64_get(regs, X86_64_rip) - 1;
	const struct stub_point *point = breaks_at(s, pc);

	if (step_arrives(s, cpu, pc)) {
		x86_64_set(regs, X86_64_rip, pc);
		stop->kind = TARGET_STOP_STEP;
		return ARRIVAL_ONCE;
	}
	if (!point)
		return stub_user_mode(regs) || is_int3(s, regs, pc) ? ARRIVAL_FOREIGN
								    : ARRIVAL_DONE;
	x86_64_set(regs, X86_64_rip, point->used ? point->addr : pc);
	stop->kind = TARGET_STOP_SWBREAK;
	return point->used ? ARRIVAL_AGAIN : ARRIVAL_DONE;
}

static enum arrival debug(struct stub *s, unsigned int cpu, struct x86_64_regs *regs,
			  struct target_stop *stop)
{
	uint64_t flags = x86_64_get(regs, X86_64_eflags);

	stop->kind = TARGET_STOP_STEP;
	if (stepping(s, cpu))
		return ARRIVAL_ONCE;
	/* The end of a step that was given up, or a #DB that nobody asked for. */
	if (s->step.cpu == cpu && (flags & EFLAGS_TF)) {
		step_end(s, regs);
		return ARRIVAL_DONE;
	}
	return flags & EFLAGS_TF ? ARRIVAL_FOREIGN : ARRIVAL_DONE;
}

/* @hit: the point as it was when the CPU came; while it waited the slot may have got another. */
static enum arrival hw_point(struct stub *s, const struct stub_trap *trap,
			     const struct port_hw *hit, struct target_stop *stop)
{
	static const enum target_stop_kind kinds[TARGET_POINTS] = {
		[TARGET_POINT_HW] = TARGET_STOP_HWBREAK,
		[TARGET_POINT_WATCH_WRITE] = TARGET_STOP_WATCH_WRITE,
		[TARGET_POINT_WATCH_READ] = TARGET_STOP_WATCH_READ,
		[TARGET_POINT_WATCH_ACCESS] = TARGET_STOP_WATCH_ACCESS,
	};
	const struct port_hw *hw = &s->hw[trap->slot % TARGET_HW_POINTS];

	if (!hw->used || hw->type != hit->type || hw->addr != hit->addr)
		return ARRIVAL_DONE; /* removed meanwhile */
	stop->kind = kinds[hw->type];
	stop->addr = hw->addr;
	return ARRIVAL_ONCE;
}

static enum arrival classify(struct stub *s, unsigned int cpu, const struct stub_trap *trap,
			     const struct port_hw *hit, struct x86_64_regs *regs,
			     struct target_stop *stop)
{
	*stop = (struct target_stop){ .signal = TARGET_SIGTRAP, .vcpu = cpu };
	switch (trap->cause) {
	case STUB_INT3:
		return int3(s, cpu, regs, stop);
	case STUB_DEBUG:
		return debug(s, cpu, regs, stop);
	case STUB_HW_POINT:
		return hw_point(s, trap, hit, stop);
	case STUB_BREAK:
		stop->signal = TARGET_SIGINT;
		return ARRIVAL_AGAIN;
	case STUB_FATAL:
		stop->signal = trap->signal;
		stop->text = trap->text;
		return s->session || s->config.policy->on_panic != POLICY_PANIC_IGNORE
			       ? ARRIVAL_ONCE
			       : ARRIVAL_FOREIGN;
	default:
		return ARRIVAL_FOREIGN;
	}
}

/* --- holding and letting go --- */

static void leave(struct stub *s, unsigned int cpu)
{
	s->port->ops->sync_core(s->port);
	s->port->ops->leaving(s->port, cpu);
}

/*
 * Whether the CPU may go: it was let out, or the owner had finished before it came, or it steps
 * and somebody had a brief look when it came back.
 */
static bool may_go(struct stub *s, unsigned int cpu)
{
	struct stub_cpu *c = &s->cpu[cpu];
	uint32_t owner = stub_load(&s->owner);

	/* Looking costs the others nothing; only a change is worth a locked access. */
	if (stub_load(&c->presence) == STUB_KEPT)
		return false;
	if (stub_swap(&c->presence, STUB_LET_OUT, STUB_OUT))
		return true;
	if (stub_owner_steps(owner, cpu))
		return stub_swap(&c->presence, STUB_WAITS, STUB_OUT);
	return !owner && stub_load(&c->action) != TARGET_HOLD &&
	       stub_swap(&c->presence, STUB_WAITS, STUB_OUT);
}

static void hold(struct stub *s, unsigned int cpu, struct x86_64_regs *regs)
{
	uint64_t now = s->port->ops->now_ms(s->port), watched = now;

	s->cpu[cpu].regs = regs;
	stub_store(&s->cpu[cpu].presence, STUB_WAITS);
	while (!may_go(s, cpu)) {
		now = s->port->ops->now_ms(s->port);
		if (now != watched)
			step_watch(s);
		watched = now;
		s->port->ops->relax(s->port);
	}
	leave(s, cpu);
}

/* A CPU that was let out and has not noticed yet is held again. */
static bool keep(struct stub_cpu *c)
{
	return stub_swap(&c->presence, STUB_WAITS, STUB_KEPT) ||
	       stub_swap(&c->presence, STUB_LET_OUT, STUB_KEPT) ||
	       stub_load(&c->presence) == STUB_KEPT;
}

static void round_up(struct stub *s, unsigned int self)
{
	uint64_t until = s->port->ops->now_ms(s->port) + STUB_ROUND_UP_MS;
	unsigned int i;

	for (i = 0; i < s->cpus; i++) {
		s->cpu[i].missing = false;
		if (i != self && !keep(&s->cpu[i]) && s->port->ops->cpu_online(s->port, i))
			s->port->ops->kick(s->port, i);
	}
	for (i = 0; i < s->cpus; i++) {
		if (i == self || !s->port->ops->cpu_online(s->port, i))
			continue;
		while (!keep(&s->cpu[i]) && !s->cpu[i].missing) {
			s->cpu[i].missing = s->port->ops->now_ms(s->port) > until;
			s->port->ops->relax(s->port);
		}
	}
}

/* --- the owner --- */

/* From nobody, from a step of its own, or from a step that does not end. */
static bool take(struct stub *s, unsigned int cpu)
{
	uint32_t owner = stub_load(&s->owner);

	return (!owner || (owner & OWNER_OVERDUE) || stub_owner_steps(owner, cpu)) &&
	       stub_swap(&s->owner, owner, cpu + 1);
}

/* Whatever the stop was, a step ends with it. */
static void finish_step(struct stub *s)
{
	if (s->step.active)
		step_end(s, stub_regs(s, s->step.cpu));
	s->step.active = false;
}

static bool find_step(const struct stub *s, unsigned int *ret)
{
	unsigned int i;

	for (i = 0; i < s->cpus; i++) {
		if (s->cpu[i].action != TARGET_STEP || !stub_regs(s, i))
			continue;
		*ret = i;
		return true;
	}
	return false;
}

/* One CPU steps with the machine's ownership, all others wait. */
static void go_step(struct stub *s, unsigned int self, unsigned int cpu)
{
	if (cpu == self) {
		stub_store(&s->cpu[self].presence, STUB_OUT);
		leave(s, self);
		stub_store(&s->owner, OWNER_STEPS | (cpu + 1));
	} else {
		stub_store(&s->cpu[cpu].presence, STUB_LET_OUT);
		stub_store(&s->owner, OWNER_STEPS | (cpu + 1));
		hold(s, self, s->cpu[self].regs);
	}
}

static void go_run(struct stub *s, unsigned int self)
{
	bool stay = s->cpu[self].action == TARGET_HOLD;
	unsigned int i;

	for (i = 0; i < s->cpus; i++)
		if (i != self && s->cpu[i].action != TARGET_HOLD)
			stub_let_out(&s->cpu[i]);
	if (!stay) {
		leave(s, self);
		stub_store(&s->cpu[self].presence, STUB_OUT);
	}
	stub_store(&s->owner, 0);
	if (stay)
		hold(s, self, s->cpu[self].regs);
}

/*
 * What is denied is found anew, through the tables of all CPUs: those that a CPU uses in user mode
 * may lack the kernel (page table isolation). While all are there, what was found last stays; each
 * session begins in kernel mode, in the code of the port.
 */
static void refresh(struct stub *s)
{
	unsigned int i;

	for (i = 0; i < s->cpus; i++) {
		const struct x86_64_regs *regs = stub_regs(s, i);

		if (!regs || stub_user_mode(regs))
			continue;
		guarded_refresh(s);
		return;
	}
}

static void own(struct stub *s, unsigned int cpu, struct x86_64_regs *regs,
		const struct target_stop *stop)
{
	unsigned int step;
	bool steps;

	s->cpu[cpu].regs = regs;
	stub_store(&s->cpu[cpu].presence, STUB_KEPT);
	round_up(s, cpu);
	finish_step(s);
	s->break_wanted = false;
	s->stop = *stop;
	s->port->ops->stopped(s->port);
	refresh(s);
	do {
		s->stop_pending = true;
		session_serve(s);
		steps = find_step(s, &step);
		if (!steps || step_begin(s, step) != 1)
			break;
		s->stop = (struct target_stop){ .kind = TARGET_STOP_STEP, .vcpu = step };
	} while (s->session);
	s->port->ops->resuming(s->port);
	if (steps && s->step.active)
		go_step(s, cpu, step);
	else
		go_run(s, cpu);
}

/* --- entries --- */

/* An NMI that was sent for a stop: it may come late, or to a CPU that came by itself. */
static enum stub_verdict round_up_arrives(struct stub *s, unsigned int cpu,
					  struct x86_64_regs *regs)
{
	uint32_t owner = stub_load(&s->owner);

	if (owner && owner <= s->cpus && owner != cpu + 1)
		hold(s, cpu, regs);
	return STUB_MINE;
}

enum stub_verdict stub_trap(struct stub *s, unsigned int cpu, const struct stub_trap *trap,
			    struct x86_64_regs *regs)
{
	const struct port_hw hit = s->hw[trap->slot % TARGET_HW_POINTS];
	struct target_stop stop;
	enum arrival arrival;

	/* A trap of a CPU that is inside already: spurious, or an NMI that crossed our way. */
	if (cpu >= s->cpus || stub_holds(s, cpu))
		return trap->cause == STUB_FATAL ? STUB_NOT_MINE : STUB_MINE;
	if (trap->cause == STUB_ROUND_UP)
		return round_up_arrives(s, cpu, regs);
	for (;;) {
		arrival = classify(s, cpu, trap, &hit, regs, &stop);
		if (arrival == ARRIVAL_FOREIGN)
			return STUB_NOT_MINE;
		if (arrival == ARRIVAL_DONE)
			return STUB_MINE;
		if (take(s, cpu))
			break;
		hold(s, cpu, regs);
		if (arrival == ARRIVAL_AGAIN)
			return STUB_MINE;
	}
	own(s, cpu, regs, &stop);
	return STUB_MINE;
}
