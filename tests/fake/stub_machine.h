/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A toy machine with the in-guest stub in it, for tests of stub/core in a normal process: memory
 * behind real page tables, one to four CPUs that interpret a handful of instructions, traps,
 * NMIs, debug registers, and a link to a debugger made of two queues. CPUs are threads, or the
 * test runs the only one itself. Time stands still until a test lets it pass.
 */
#ifndef TESTS_FAKE_STUB_MACHINE_H
#define TESTS_FAKE_STUB_MACHINE_H

#include <pthread.h>

#include "stub/core/stub.h"

enum {
	STUB_MACHINE_CPUS = 4,
	STUB_MACHINE_PAGES = 32, /* of RAM, from guest physical 0 */
	STUB_MACHINE_TEXT_BYTES = PAGE_BYTES,
	STUB_MACHINE_REFUSED = 0xf00, /* from here on text_check refuses */
	STUB_MACHINE_HANDLER = 0xe00, /* where interrupts go: an iret */
	STUB_MACHINE_PLAIN_BYTES = 3 * PAGE_BYTES,
	STUB_MACHINE_QUEUE = 0x40000,
	STUB_MACHINE_LOG = 4096,
};

/* The address space. Nothing is mapped around any of these. */
#define STUB_MACHINE_TEXT   0xffffffff81000000ull /* read, execute */
#define STUB_MACHINE_DATA   0xffffffff82000000ull /* read, write; four stacks at its end */
#define STUB_MACHINE_DEVICE 0xffffffff83000000ull /* mapped, and not RAM */
#define STUB_MACHINE_PLAIN  0xffff888000010000ull /* three pages, scattered, of a pattern */
#define STUB_MACHINE_USER   0x400000ull		  /* read, execute, user */

/* What happens to a CPU between two instructions, as a hostile host would have it. */
enum stub_machine_event {
	STUB_MACHINE_NOTHING,
	STUB_MACHINE_INT3, /* #BP where no int3 is */
	STUB_MACHINE_DB,   /* #DB that nobody asked for */
	STUB_MACHINE_HW,   /* a debug register that is not set hits */
	STUB_MACHINE_NMI,  /* an NMI that nobody sent */
	STUB_MACHINE_OOPS, /* the guest's kernel dies: STUB_FATAL */
	STUB_MACHINE_EVENTS,
};

struct stub_machine_cpu {
	struct stub_machine *machine;
	unsigned int number;
	pthread_t thread;
	struct x86_64_regs regs; /* the CPU's own: nobody else touches them while it runs */
	struct port_hw hw[TARGET_HW_POINTS]; /* as loaded when it left the stub */
	uint64_t resume_at;		     /* RF: the execution point here has been reported */
	uint64_t irq_rip;		     /* interrupted by the handler that runs */
	uint32_t irq_flags;
	unsigned int countdown; /* instructions until it looks at the link */
	/* Atomic: */
	uint32_t offline;
	uint32_t deaf;	/* NMIs wait */
	uint32_t stall; /* the host lets it run nothing but NMIs */
	uint32_t nmi, irq, event;
	uint32_t steps;	  /* instructions that were run */
	uint32_t irqs;	  /* interrupts that were taken */
	uint32_t crashes; /* #BP and #DB that the stub did not want, faults, oopses */
};

struct stub_machine_queue {
	uint8_t bytes[STUB_MACHINE_QUEUE];
	size_t start, end; /* what was written and not read yet */
};

struct stub_machine {
	struct port port;
	struct stub stub;
	void *stub_mem;
	uint8_t ram[STUB_MACHINE_PAGES * PAGE_BYTES]; /* bytes, atomic */
	uint8_t text[STUB_MACHINE_TEXT_BYTES];	      /* as it was when the machine was started */
	uint64_t cr3;
	unsigned int tables; /* pages of RAM used for page tables */
	unsigned int cpus;
	struct stub_machine_cpu cpu[STUB_MACHINE_CPUS];
	/* Runs in the stub's waiting loops. By default other threads get the processor. */
	void (*relax)(struct stub_machine *m);
	void *relax_arg;
	pthread_mutex_t lock; /* of what follows */
	struct stub_machine_queue to_stub, from_stub;
	struct port_hw hw[TARGET_HW_POINTS];
	unsigned int hw_taken; /* slots from the end that are somebody else's */
	char log[STUB_MACHINE_LOG];
	uint32_t session, session_seen, sessions; /* on the link; as the stub knows it; so far */
	/* Atomic: */
	uint32_t beat, quit, threads;
	uint32_t stopped, resumed; /* how often */
	uint32_t hung_up;	   /* sessions that the stub has ended itself */
	uint64_t clock;		   /* now_ms */
	uint32_t no_random;	   /* the environment has run out of it */
};

/* The page tables, a loop that all CPUs run, and a stub with the default rights. Not running. */
struct stub_machine *stub_machine_create(unsigned int cpus);
/*
 * The debugger goes away. True when after that nothing of the stub is left in the text and all CPUs
 * run; waits for it.
 */
bool stub_machine_end(struct stub_machine *m);
/* After stub_machine_end: stops the threads, frees everything. */
void stub_machine_destroy(struct stub_machine *m);

/* Before the start: code at STUB_MACHINE_TEXT + @offset. */
void stub_machine_code(struct stub_machine *m, unsigned int offset, const void *code, size_t len);
/* Before the start: where @cpu begins, as an offset into the text. */
void stub_machine_entry(struct stub_machine *m, unsigned int cpu, unsigned int offset);
/* Initialises the stub anew with @config, remembers the text, lets the CPUs run as threads. */
void stub_machine_start(struct stub_machine *m, const struct stub_config *config, bool threads);

/* One step of a CPU without a thread: an event, an interrupt or an instruction. */
void stub_machine_step(struct stub_machine *m, unsigned int cpu);

/* The text is as it was at the start. */
bool stub_machine_text_intact(struct stub_machine *m);
/* Every CPU runs instructions: waits for it, false when one does not. */
bool stub_machine_runs(struct stub_machine *m);
bool stub_machine_cpu_runs(struct stub_machine *m, unsigned int cpu);

/* Guest memory as it is, by virtual address; false when it is not mapped RAM. */
bool stub_machine_peek(struct stub_machine *m, uint64_t addr, void *buf, size_t len);

void stub_machine_event(struct stub_machine *m, unsigned int cpu, enum stub_machine_event event);
void stub_machine_pass(struct stub_machine *m, uint64_t ms);
/* A debugger comes; one that was there has gone without a word. */
void stub_machine_connect(struct stub_machine *m);
void stub_machine_disconnect(struct stub_machine *m);
/* The log since the machine was created holds @text. */
bool stub_machine_logged(struct stub_machine *m, const char *text);

/* The debugger's end of the link: bytes moved. */
size_t stub_machine_send(struct stub_machine *m, const void *data, size_t len);
size_t stub_machine_receive(struct stub_machine *m, void *buf, size_t len);

/* --- stub_machine_cpu.c, for stub_machine.c --- */

/* Atomic bytes: CPUs fetch while others plant. */
void stub_machine_bytes_get(const uint8_t *from, void *buf, size_t len);
void stub_machine_bytes_put(uint8_t *to, const void *buf, size_t len);
/* The RAM behind @addr; NULL: a fault. @rights: what the access needs. */
enum stub_machine_access { STUB_MACHINE_READ, STUB_MACHINE_WRITE, STUB_MACHINE_FETCH };
uint8_t *stub_machine_at(struct stub_machine *m, uint64_t addr, enum stub_machine_access access);

#endif
