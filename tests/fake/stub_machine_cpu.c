/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The toy's CPUs: they fetch from memory, run one of a few instructions and trap into the stub as
 * the hardware and a kernel's entry code would have it (APM volume 2, 13.1 and 8.2). An instruction
 * that they do not know is a crash, and is passed over.
 */
#include <string.h>

#include "protocol/paging.h"
#include "tests/fake/stub_machine.h"

enum {
	EFLAGS_TF = 1 << 8,
	EFLAGS_IF = 1 << 9,
	POLL_EVERY = 16, /* instructions */
	FETCH_MAX = 7,
	NOT_HIT = TARGET_HW_POINTS,
};

/* --- memory --- */

void stub_machine_bytes_get(const uint8_t *from, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}

void stub_machine_bytes_put(uint8_t *to, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	size_t i;

	for (i = 0; i < len; i++)
		__atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
}

static int table_entry(void *arg, gpa_t at, uint64_t *ret)
{
	struct stub_machine *m = arg;
	uint8_t raw[sizeof(*ret)];

	stub_machine_bytes_get(m->ram + at.v, raw, sizeof(raw));
	*ret = get_le64(raw);
	return 0;
}

uint8_t *stub_machine_at(struct stub_machine *m, uint64_t addr, enum stub_machine_access access)
{
	struct paging paging = paging_from_cr(m->cr3, 0, 0);
	struct paging_leaf leaf;

	if (paging_walk(&paging, table_entry, m, GVA(addr), &leaf) ||
	    (access == STUB_MACHINE_WRITE && !leaf.write) ||
	    (access == STUB_MACHINE_FETCH && !leaf.exec) || leaf.gpa.v >= sizeof(m->ram))
		return NULL;
	return m->ram + leaf.gpa.v;
}

/* Byte by byte: an access may cross into another page. */
static bool load(struct stub_machine *m, uint64_t addr, void *buf, size_t len)
{
	uint8_t *byte, *to = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		byte = stub_machine_at(m, addr + i, STUB_MACHINE_READ);
		if (!byte)
			return false;
		stub_machine_bytes_get(byte, to + i, 1);
	}
	return true;
}

static bool store(struct stub_machine *m, uint64_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	uint8_t *byte;
	size_t i;

	for (i = 0; i < len; i++)
		if (!stub_machine_at(m, addr + i, STUB_MACHINE_WRITE))
			return false;
	for (i = 0; i < len; i++) {
		byte = stub_machine_at(m, addr + i, STUB_MACHINE_WRITE);
		stub_machine_bytes_put(byte, from + i, 1);
	}
	return true;
}

bool stub_machine_peek(struct stub_machine *m, uint64_t addr, void *buf, size_t len)
{
	return load(m, addr, buf, len);
}

/* --- registers and traps --- */

static uint64_t get(const struct stub_machine_cpu *c, enum x86_64_reg reg)
{
	return x86_64_get(&c->regs, reg);
}

static void set(struct stub_machine_cpu *c, enum x86_64_reg reg, uint64_t value)
{
	x86_64_set(&c->regs, reg, value);
}

static void crash(struct stub_machine_cpu *c)
{
	__atomic_add_fetch(&c->crashes, 1, __ATOMIC_RELAXED);
}

static void trap(struct stub_machine_cpu *c, struct stub_trap trap)
{
	if (stub_trap(&c->machine->stub, c->number, &trap, &c->regs) == STUB_NOT_MINE)
		crash(c);
}

/* The slot of a point of @type's kind that [addr, addr + len) touches, or NOT_HIT. */
static unsigned int hit(const struct stub_machine_cpu *c, bool exec, uint64_t addr, size_t len)
{
	unsigned int i;

	for (i = 0; i < TARGET_HW_POINTS; i++) {
		const struct port_hw *hw = &c->hw[i];

		if (hw->used && (hw->type == TARGET_POINT_HW) == exec &&
		    addr < hw->addr + hw->len && hw->addr < addr + len)
			break;
	}
	return i;
}

static bool events(struct stub_machine_cpu *c)
{
	static const struct stub_trap traps[STUB_MACHINE_EVENTS] = {
		[STUB_MACHINE_INT3] = { .cause = STUB_INT3 },
		[STUB_MACHINE_DB] = { .cause = STUB_DEBUG },
		[STUB_MACHINE_HW] = { .cause = STUB_HW_POINT, .slot = TARGET_HW_POINTS - 1 },
		[STUB_MACHINE_NMI] = { .cause = STUB_ROUND_UP },
		[STUB_MACHINE_OOPS] = { .cause = STUB_FATAL,
					.signal = TARGET_SIGSEGV,
					.text = "Oops: the toy is broken" },
	};
	uint32_t event = __atomic_exchange_n(&c->event, STUB_MACHINE_NOTHING, __ATOMIC_ACQUIRE);

	if (event)
		trap(c, traps[event]);
	return event;
}

/* --- instructions --- */

static bool push(struct stub_machine_cpu *c, uint64_t value)
{
	uint64_t sp = get(c, X86_64_rsp) - sizeof(value);
	uint8_t raw[sizeof(value)];

	put_le64(raw, value);
	if (!store(c->machine, sp, raw, sizeof(raw)))
		return false;
	set(c, X86_64_rsp, sp);
	return true;
}

static bool pop(struct stub_machine_cpu *c, uint64_t *ret)
{
	uint64_t sp = get(c, X86_64_rsp);
	uint8_t raw[sizeof(*ret)];

	if (!load(c->machine, sp, raw, sizeof(raw)))
		return false;
	set(c, X86_64_rsp, sp + sizeof(raw));
	*ret = get_le64(raw);
	return true;
}

/* What instructions do beyond going on. */
struct effect {
	uint64_t next;
	bool fault;
	bool emulated;	      /* by a #VC handler that does not look at TF */
	unsigned int watched; /* slot of the watchpoint that was hit */
};

static void set_flag(struct stub_machine_cpu *c, uint32_t flag, bool on)
{
	uint64_t flags = get(c, X86_64_eflags);

	set(c, X86_64_eflags, on ? flags | flag : flags & ~(uint64_t)flag);
}

static void store_al(struct stub_machine_cpu *c, const uint8_t *code, struct effect *e)
{
	uint64_t addr = (uint64_t)(int64_t)(int32_t)get_le32(code + 3);
	uint8_t al = (uint8_t)get(c, X86_64_rax);

	e->next += 7;
	e->fault = !store(c->machine, addr, &al, sizeof(al));
	if (!e->fault)
		e->watched = hit(c, false, addr, sizeof(al));
}

static void run_flags(struct stub_machine_cpu *c, uint8_t opcode, struct effect *e)
{
	uint64_t flags = 0;

	e->next++;
	switch (opcode) {
	case 0x9c: /* pushf */
		e->fault = !push(c, get(c, X86_64_eflags));
		break;
	case 0x9d: /* popf */
		e->fault = !pop(c, &flags);
		if (!e->fault)
			set(c, X86_64_eflags, flags);
		break;
	case 0xcf: /* iret: the toy keeps the frame of its only handler in registers */
		e->next = c->irq_rip;
		set(c, X86_64_eflags, c->irq_flags);
		break;
	default: /* cli, sti */
		set_flag(c, EFLAGS_IF, opcode == 0xfb);
		break;
	}
}

static void run(struct stub_machine_cpu *c, const uint8_t *code, struct effect *e)
{
	static const uint8_t nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	static const uint8_t cpuid[] = { 0x0f, 0xa2 };
	static const uint8_t mov_al[] = { 0x88, 0x04, 0x25 };

	if (code[0] == 0x90) {
		e->next++;
	} else if (code[0] == 0xeb) {
		e->next += 2 + (uint64_t)(int64_t)(int8_t)code[1];
	} else if (code[0] == 0x9c || code[0] == 0x9d || code[0] == 0xcf || code[0] == 0xfa ||
		   code[0] == 0xfb) {
		run_flags(c, code[0], e);
	} else if (code[0] == 0xf4) { /* hlt: an interrupt comes at once, or never */
		e->next += !!(get(c, X86_64_eflags) & EFLAGS_IF);
	} else if (!memcmp(code, nop5, sizeof(nop5))) {
		e->next += sizeof(nop5);
	} else if (!memcmp(code, cpuid, sizeof(cpuid))) {
		e->next += sizeof(cpuid);
		e->emulated = true;
		set(c, X86_64_rax, 0x1d);
	} else if (!memcmp(code, mov_al, sizeof(mov_al))) {
		store_al(c, code, e);
	} else {
		e->fault = true;
	}
}

/* Fewer bytes than FETCH_MAX are there before a hole: the rest reads as 0. */
static bool fetch(struct stub_machine_cpu *c, uint8_t *code)
{
	uint64_t pc = get(c, X86_64_rip);
	uint8_t *byte = stub_machine_at(c->machine, pc, STUB_MACHINE_FETCH);
	size_t i;

	memset(code, 0, FETCH_MAX);
	for (i = 0; i < FETCH_MAX && byte; i++) {
		stub_machine_bytes_get(byte, code + i, 1);
		byte = stub_machine_at(c->machine, pc + i + 1, STUB_MACHINE_FETCH);
	}
	return i;
}

static void instruction(struct stub_machine_cpu *c)
{
	uint64_t pc = get(c, X86_64_rip);
	bool stepping = get(c, X86_64_eflags) & EFLAGS_TF;
	struct effect e = { .next = pc, .watched = NOT_HIT };
	unsigned int slot = hit(c, true, pc, 1);
	uint8_t code[FETCH_MAX];

	if (slot != NOT_HIT && c->resume_at != pc) {
		c->resume_at = pc;
		trap(c, (struct stub_trap){ .cause = STUB_HW_POINT, .slot = slot });
		return;
	}
	c->resume_at = 0;
	if (!fetch(c, code)) {
		crash(c);
		set(c, X86_64_rip, STUB_MACHINE_TEXT);
		return;
	}
	if (code[0] == 0xcc) {
		set(c, X86_64_rip, pc + 1);
		trap(c, (struct stub_trap){ .cause = STUB_INT3 });
		return;
	}
	run(c, code, &e);
	if (e.fault) {
		crash(c);
		e.next = pc + 1;
	}
	set(c, X86_64_rip, e.next);
	__atomic_add_fetch(&c->steps, 1, __ATOMIC_RELAXED);
	if (e.watched != NOT_HIT)
		trap(c, (struct stub_trap){ .cause = STUB_HW_POINT, .slot = e.watched });
	else if (stepping && !e.emulated)
		trap(c, (struct stub_trap){ .cause = STUB_DEBUG });
}

/* --- between instructions --- */

/* The handler is one iret, and it is traced like all code: TF is cleared on the way in. */
static void interrupt(struct stub_machine_cpu *c)
{
	if (!(get(c, X86_64_eflags) & EFLAGS_IF) ||
	    !__atomic_exchange_n(&c->irq, 0, __ATOMIC_ACQUIRE))
		return;
	c->irq_rip = get(c, X86_64_rip);
	c->irq_flags = (uint32_t)get(c, X86_64_eflags);
	set(c, X86_64_rip, STUB_MACHINE_TEXT + STUB_MACHINE_HANDLER);
	set_flag(c, EFLAGS_IF | EFLAGS_TF, false);
	__atomic_add_fetch(&c->irqs, 1, __ATOMIC_RELAXED);
}

static bool look_at_link(struct stub_machine_cpu *c)
{
	if (c->countdown--)
		return false;
	c->countdown = POLL_EVERY;
	if (!stub_poll(&c->machine->stub))
		return false;
	trap(c, (struct stub_trap){ .cause = STUB_BREAK });
	return true;
}

void stub_machine_step(struct stub_machine *m, unsigned int cpu)
{
	struct stub_machine_cpu *c = &m->cpu[cpu];

	if (!__atomic_load_n(&c->deaf, __ATOMIC_ACQUIRE) &&
	    __atomic_exchange_n(&c->nmi, 0, __ATOMIC_ACQUIRE)) {
		trap(c, (struct stub_trap){ .cause = STUB_ROUND_UP });
		return;
	}
	if (__atomic_load_n(&c->stall, __ATOMIC_ACQUIRE) || events(c) || look_at_link(c))
		return;
	interrupt(c);
	instruction(c);
}
