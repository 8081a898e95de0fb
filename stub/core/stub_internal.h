/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Inside the stub's core: what its files ask of each other. One section a file. */
#ifndef STUB_CORE_STUB_INTERNAL_H
#define STUB_CORE_STUB_INTERNAL_H

#include "stub/core/stub.h"

enum {
	INT3 = 0xcc,
	EFLAGS_TF = 1 << 8,
	EFLAGS_IF = 1 << 9,
	CS_RPL = 3, /* user mode when set */
};

/*
 * The owner is a CPU's number + 1 while that one serves. A CPU that steps owns the stub on its way
 * and says so, for then it is not inside: others may have a brief look.
 */
enum stub_owner {
	OWNER_STEPS = 1 << 16,
	OWNER_OVERDUE = 1 << 17, /* the step takes long: the others run meanwhile */
	OWNER_BRIEF = 1 << 18,	 /* somebody looks at the link or at the step */
};

static_assert((unsigned int)VCPUS_MAX < (unsigned int)OWNER_STEPS, "CPU numbers and flags");

/* Loads and stores of what several CPUs look at. */
#define stub_load(p)	 __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define stub_store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

static inline bool stub_swap(uint32_t *p, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

/* Whether @owner is @cpu, in the middle of a step. */
static inline bool stub_owner_steps(uint32_t owner, unsigned int cpu)
{
	return (owner & ~(uint32_t)OWNER_OVERDUE) == (OWNER_STEPS | (cpu + 1));
}

static inline bool stub_user_mode(const struct x86_64_regs *regs)
{
	return x86_64_get(regs, X86_64_cs) & CS_RPL;
}

/* Whether the CPU is inside, and not on its way out. */
static inline bool stub_holds(const struct stub *s, unsigned int cpu)
{
	uint32_t presence = stub_load(&s->cpu[cpu].presence);

	return presence == STUB_WAITS || presence == STUB_KEPT;
}

/* The registers of a CPU that is held or owns the stub; NULL for others. */
static inline struct x86_64_regs *stub_regs(const struct stub *s, unsigned int cpu)
{
	return stub_holds(s, cpu) ? s->cpu[cpu].regs : NULL;
}

/* Lets a CPU go that an owner keeps or that came too late to be kept. */
static inline void stub_let_out(struct stub_cpu *c)
{
	if (!stub_swap(&c->presence, STUB_KEPT, STUB_LET_OUT))
		(void)stub_swap(&c->presence, STUB_WAITS, STUB_LET_OUT);
}

/* --- session.c --- */

/* Serves the debugger until it lets the machine go (s->resumed) or nobody is there any more. */
void session_serve(struct stub *s);
/* The number of the session on the link, 0: none. */
uint32_t session_number(struct stub *s);
/* Takes in what the debugger says to a running machine; true: it has to be stopped for that. */
bool session_listen(struct stub *s);
/*
 * Somebody has called who may not be who he should be. True: come in (at once, on a plain link);
 * false: not yet, or never.
 */
bool session_greet(struct stub *s, uint32_t number);
/* Nobody is there: a handshake that was under way is over. */
void session_forget(struct stub *s);
/* Everything as it was before the session. */
void session_end(struct stub *s, const char *why);

/* --- wire.c: the RSP stream's bytes between link and server, sealed or as they are --- */

void wire_begin(struct stub *s);
/* Moves what the link takes and gives; sealed: the handshake as well. */
void wire_move(struct stub *s);
enum link_state wire_state(const struct stub *s); /* plain: LINK_OPEN */
/* Bytes from the debugger, which stay until wire_used. */
size_t wire_peek(struct stub *s, const uint8_t **ret);
void wire_used(struct stub *s, size_t len);
/* How many of the bytes went, or are kept to go. */
size_t wire_send(struct stub *s, const uint8_t *data, size_t len);
/* Whether nothing is kept any more. */
bool wire_flushed(struct stub *s);
void wire_end(struct stub *s);

/* --- guarded.c: as target_mem_ops say; with and without what the debugger must not see --- */

int guarded_read(struct stub *s, const struct x86_64_regs *regs, enum target_space space,
		 uint64_t addr, void *buf, size_t len);
int guarded_write(struct stub *s, const struct x86_64_regs *regs, enum target_space space,
		  uint64_t addr, const void *buf, size_t len);
int guarded_region(struct stub *s, const struct x86_64_regs *regs, uint64_t addr,
		   struct target_region *ret);
/* At a stop: finds the pages that the policy denies, through the tables of all CPUs. */
void guarded_refresh(struct stub *s);
/* Whether the policy denies the page at @addr; local_fail has been told. */
bool guarded_denied(struct stub *s, const struct x86_64_regs *regs, uint64_t addr);
/*
 * Where code at @addr lies; ST_FAULT for what is not executable kernel memory, ST_POLICY for what
 * is denied.
 */
int guarded_text(struct stub *s, const struct x86_64_regs *regs, uint64_t addr, uint64_t *gpa);

/* --- breaks.c --- */

/* The point whose int3 a CPU ran into when its pc is @pc; NULL: none of ours. */
struct stub_point *breaks_at(struct stub *s, uint64_t pc);
int breaks_insert(struct stub *s, enum target_point type, uint64_t addr, unsigned int len);
int breaks_remove(struct stub *s, enum target_point type, uint64_t addr, unsigned int len);
void breaks_clear(struct stub *s);
/* Where a step of a CPU at @pc begins: behind the NOP of a function's first instruction. */
uint64_t breaks_skip_nop(struct stub *s, const struct x86_64_regs *regs, uint64_t pc);
/* Readers of [gpa, gpa + len) see what the guest has there; writers change that. */
void breaks_hide(const struct stub *s, uint64_t gpa, uint8_t *buf, size_t len);
void breaks_keep(struct stub *s, uint64_t gpa, uint8_t *buf, size_t len);

/* --- step.c --- */

/* Prepares a step of @cpu. 1: it has been done already, without running anything. */
int step_begin(struct stub *s, unsigned int cpu);
/* Whether a trap at @pc, behind an int3, is the end of the step. */
bool step_arrives(const struct stub *s, unsigned int cpu, uint64_t pc);
/* Repairs what the step has changed in memory and in @regs; NULL: the CPU has not come back. */
void step_end(struct stub *s, struct x86_64_regs *regs);
/* Called now and then by all other CPUs: an instruction that takes long may wait for them. */
void step_watch(struct stub *s);

/* --- local.c --- */

void local_init(struct stub *s);
/* Keeps @why (text) as the explanation of @status and returns @status. */
int local_fail(struct stub *s, int status, const char *why);

#endif
