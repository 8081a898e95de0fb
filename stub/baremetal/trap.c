/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * How CPUs come into the stub: the IDT and what each vector means. A CPU is inside at most once;
 * an NMI that interrupts it there leaves a note. All gates are interrupt gates.
 */
#include "stub/baremetal/machine.h"

enum {
	VECTOR_DEBUG = 1,
	VECTOR_NMI = 2,
	VECTOR_INT3 = 3,
	VECTOR_UD = 6,
	IDT_LEN = 256,
	IDT_INTERRUPT_GATE = 0x8e,
	DR6_STEP = 1 << 14,
	EFLAGS_RF = 1 << 16,
};

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};
static_assert(sizeof(struct gate) == 16, "gate of the AMD64 manual, volume 2, 4.8.4");

static struct gate idt[IDT_LEN];
static struct stub *the_stub;

/* --- the IDT --- */

static void gate_set(unsigned int vector, const uint8_t *code)
{
	uint64_t offset = (uintptr_t)code;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)offset,
		.selector = SEL_CODE64,
		.type = IDT_INTERRUPT_GATE,
		.offset_middle = (uint16_t)(offset >> 16),
		.offset_high = (uint32_t)(offset >> 32),
	};
}

void trap_init(struct stub *stub)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uintptr_t)idt };
	unsigned int v;

	the_stub = stub;
	for (v = 0; v <= VECTOR_TIMER; v++)
		gate_set(v, trap_vectors + v * VECTOR_CODE_LEN);
	gate_set(VECTOR_SPURIOUS, trap_spurious);
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

/* --- in and out --- */

/* The CPU's trap; then the round-ups that came meanwhile. */
static enum stub_verdict enter(struct cpu *c, const struct stub_trap *trap, struct frame *f)
{
	static const struct stub_trap round_up = { .cause = STUB_ROUND_UP };
	enum stub_verdict first = STUB_NOT_MINE, verdict;
	bool again = false;

	if (c->inside)
		return STUB_NOT_MINE;
	do {
		c->inside = true;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		regs_take(&c->regs, f);
		verdict = stub_trap(the_stub, c->number, again ? &round_up : trap, &c->regs);
		if (verdict == STUB_MINE)
			regs_put(&c->regs, f);
		if (!again)
			first = verdict;
		again = true;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		c->inside = false;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	} while (__atomic_exchange_n(&c->called, false, __ATOMIC_SEQ_CST));
	return first;
}

static bool poll(struct cpu *c)
{
	bool wanted;

	if (c->inside)
		return false;
	c->inside = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	wanted = stub_poll(the_stub);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	c->inside = false;
	return wanted;
}

/* The debugger may want in, and round-ups may have come while we asked. */
static void poll_and_enter(struct cpu *c, struct frame *f)
{
	struct stub_trap trap = { .cause = STUB_BREAK };

	if (!poll(c)) {
		if (!__atomic_exchange_n(&c->called, false, __ATOMIC_SEQ_CST))
			return;
		trap.cause = STUB_ROUND_UP;
	}
	(void)enter(c, &trap, f);
}

/* --- the vectors --- */

static void complain(const char *what, const struct frame *f)
{
	console_text("bare: ");
	console_text(what);
	console_text(" at 0x");
	console_hex(f->rip);
	console_text(" code 0x");
	console_hex(f->code);
	console_text("\n");
}

static void on_debug(struct cpu *c, struct frame *f)
{
	struct stub_trap trap = { .cause = STUB_DEBUG };
	uint64_t dr6 = hw_status_take();
	bool execute;

	if (hw_hit(dr6, &trap.slot, &execute)) {
		trap.cause = STUB_HW_POINT;
		/* Or the instruction would hit again for ever. */
		if (execute)
			f->rflags |= EFLAGS_RF;
	} else if (!(dr6 & DR6_STEP)) {
		return;
	}
	if (enter(c, &trap, f) != STUB_MINE)
		complain("unexpected debug exception", f);
}

static void on_int3(struct cpu *c, struct frame *f)
{
	static const struct stub_trap trap = { .cause = STUB_INT3 };

	if (enter(c, &trap, f) != STUB_MINE)
		complain("unexpected breakpoint", f);
}

/* Ours when a kick is owed. Others (QEMU's inject-nmi) let the debugger in at once. */
static void on_nmi(struct cpu *c, struct frame *f)
{
	static const struct stub_trap trap = { .cause = STUB_ROUND_UP };

	if (!__atomic_exchange_n(&c->owed, 0, __ATOMIC_SEQ_CST))
		poll_and_enter(c, f);
	else if (c->inside)
		__atomic_store_n(&c->called, true, __ATOMIC_SEQ_CST);
	else
		(void)enter(c, &trap, f);
}

static const char *const fault_names[] = {
	[0] = "divide error", [4] = "overflow",
	[5] = "bound range",  [6] = "invalid opcode",
	[8] = "double fault", [11] = "segment not present",
	[12] = "stack fault", [13] = "general protection fault",
	[14] = "page fault",  [17] = "alignment check",
};

/* The debugger may mend the cause; who goes on unmended comes again. */
static void on_fault(struct cpu *c, struct frame *f)
{
	struct stub_trap trap = {
		.cause = STUB_FATAL,
		.signal = f->vector == VECTOR_UD ? TARGET_SIGILL : TARGET_SIGSEGV,
		.text = f->vector < ARRAY_LEN(fault_names) ? fault_names[f->vector] : NULL,
	};

	if (!trap.text)
		trap.text = "exception";
	complain(trap.text, f);
	if (enter(c, &trap, f) != STUB_MINE)
		cpu_halt_forever();
}

void trap_c(struct frame *f);

void trap_c(struct frame *f)
{
	struct cpu *c = cpu_this();

	hw_control(0);
	switch (f->vector) {
	case VECTOR_DEBUG:
		on_debug(c, f);
		break;
	case VECTOR_NMI:
		on_nmi(c, f);
		break;
	case VECTOR_INT3:
		on_int3(c, f);
		break;
	case VECTOR_TIMER:
		cpu_timer_done();
		poll_and_enter(c, f);
		break;
	default:
		on_fault(c, f);
	}
	hw_control(c->dr7);
}

void trap_kick(struct port *p, unsigned int cpu)
{
	(void)p;
	__atomic_store_n(&cpus[cpu].owed, 1, __ATOMIC_SEQ_CST);
	cpu_nmi(cpu);
}
