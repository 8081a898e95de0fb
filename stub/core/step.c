/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * One instruction of one CPU. Normally by TF, with interrupts held off so that the step does not
 * end in a handler; what the instruction then did with the flags is repaired. Instructions that
 * raise #VC in an encrypted guest are emulated by the kernel, which does not look at TF: behind
 * those stands a temporary int3 instead. All of this is the same in every guest.
 */
#include "insn.h"
#include "stub_internal.h"

static void plant(struct stub *s, const struct x86_64_regs *regs, uint64_t next)
{
	struct stub_step *step = &s->step;
	const struct port_ops *port = s->port->ops;
	const uint8_t int3 = INT3;
	const char *why;

	if (guarded_text(s, regs, next, &step->next_gpa) || port->text_check(s->port, next, &why) ||
	    port->phys_read(s->port, step->next_gpa, &step->byte, 1) || step->byte == INT3)
		return; /* TF then: a step too far is better than none */
	step->next = next;
	step->planted = !port->phys_write(s->port, step->next_gpa, &int3, 1);
}

static void unplant(struct stub *s)
{
	if (s->step.planted)
		(void)s->port->ops->phys_write(s->port, s->step.next_gpa, &s->step.byte, 1);
	s->step.planted = false;
}

static void set_flags(struct x86_64_regs *regs, uint64_t set, uint64_t clear)
{
	uint64_t flags = x86_64_get(regs, X86_64_eflags);

	x86_64_set(regs, X86_64_eflags, (flags & ~clear) | set);
}

/* Device memory is reached by #VC as well. */
static bool touches_device(struct stub *s, const struct x86_64_regs *regs, const struct insn *insn)
{
	uint8_t byte;

	return insn->mem && (guarded_read(s, regs, TARGET_VIRT, insn->operand, &byte, 1) != 1 ||
			     guarded_read(s, regs, TARGET_VIRT, insn->source, &byte, 1) != 1);
}

int step_begin(struct stub *s, unsigned int cpu)
{
	struct x86_64_regs *regs = s->cpu[cpu].regs;
	uint64_t pc = breaks_skip_nop(s, regs, x86_64_get(regs, X86_64_rip));
	struct insn insn = { .kind = INSN_PLAIN };
	uint8_t code[INSN_BYTES_MAX];
	int n = guarded_read(s, regs, TARGET_VIRT, pc, code, sizeof(code));
	bool known = n > 0 && !insn_decode(code, (size_t)n, regs, &insn);

	x86_64_set(regs, X86_64_rip, pc);
	/* Waiting for an interrupt that is held off would be for ever: waking up is allowed. */
	if (known && insn.kind == INSN_HLT && !stub_user_mode(regs)) {
		x86_64_set(regs, X86_64_rip, pc + insn.length);
		return 1;
	}
	s->step = (struct stub_step){
		.active = true,
		.cpu = cpu,
		.from = pc,
		.started = s->port->ops->now_ms(s->port),
		.had_if = !stub_user_mode(regs) && x86_64_get(regs, X86_64_eflags) & EFLAGS_IF,
		.kind = (uint8_t)insn.kind,
	};
	if (known && !stub_user_mode(regs) &&
	    (insn.kind == INSN_VC || touches_device(s, regs, &insn)))
		plant(s, regs, pc + insn.length);
	if (!s->step.planted)
		set_flags(regs, EFLAGS_TF, 0);
	if (!stub_user_mode(regs))
		set_flags(regs, 0, EFLAGS_IF);
	return 0;
}

bool step_arrives(const struct stub *s, unsigned int cpu, uint64_t pc)
{
	return s->step.active && s->step.cpu == cpu && s->step.planted && pc == s->step.next;
}

/* PUSHF has stored the flags of the step. */
static void mend_pushed(struct stub *s, const struct x86_64_regs *regs)
{
	uint64_t sp = x86_64_get(regs, X86_64_rsp);
	uint8_t raw[2];
	uint16_t flags;

	if (guarded_read(s, regs, TARGET_VIRT, sp, raw, sizeof(raw)) != sizeof(raw))
		return;
	flags = (uint16_t)(get_le16(raw) & ~EFLAGS_TF);
	put_le16(raw, (uint16_t)(flags | (s->step.had_if ? EFLAGS_IF : 0)));
	(void)guarded_write(s, regs, TARGET_VIRT, sp, raw, sizeof(raw));
}

/*
 * Whether the registers are those that the step has changed. A CPU that is caught in a fault's or,
 * from user mode, an interrupt's handler has them on its stack: its own flags are the handler's.
 * There TF is clear; when the handler returns, TF traps, and the step is ended then.
 */
static bool is_stepped(const struct stub_step *step, const struct x86_64_regs *regs)
{
	uint64_t pc = x86_64_get(regs, X86_64_rip);

	if (step->planted)
		return pc == step->from || pc == step->next;
	return x86_64_get(regs, X86_64_eflags) & EFLAGS_TF;
}

void step_end(struct stub *s, struct x86_64_regs *regs)
{
	bool stepped = regs && is_stepped(&s->step, regs);
	bool done = stepped && x86_64_get(regs, X86_64_rip) != s->step.from;
	enum insn_kind kind = done ? (enum insn_kind)s->step.kind : INSN_PLAIN;

	unplant(s);
	if (!stepped)
		return;
	set_flags(regs, 0, EFLAGS_TF);
	if (kind == INSN_PUSHF)
		mend_pushed(s, regs);
	/* These have set IF themselves, or loaded it from where the step did not change it. */
	if (kind == INSN_POPF || kind == INSN_CLI || kind == INSN_STI || kind == INSN_IRET ||
	    kind == INSN_SYSCALL)
		return;
	if (s->step.had_if)
		set_flags(regs, EFLAGS_IF, 0);
}

void step_watch(struct stub *s)
{
	uint32_t owner = stub_load(&s->owner);
	unsigned int i;

	if (!(owner & OWNER_STEPS) || (owner & OWNER_OVERDUE) ||
	    !stub_swap(&s->owner, owner, OWNER_BRIEF))
		return;
	/* The CPU that steps cannot end the step now: it waits for the ownership. */
	if (stub_load(&s->cpu[s->step.cpu].presence) == STUB_OUT &&
	    s->port->ops->now_ms(s->port) - s->step.started >= STUB_STEP_MS) {
		owner |= OWNER_OVERDUE;
		for (i = 0; i < s->cpus; i++)
			stub_let_out(&s->cpu[i]);
	}
	stub_store(&s->owner, owner);
}
