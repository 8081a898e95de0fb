/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Inside the Linux module: what its files ask of each other, one section a file. The stub's core
 * does the debugging (stub/core/stub.h); here is its port (port.h) to a stock kernel, made of
 * what that exports to modules. Everything that is marked "handler" runs in trap handlers,
 * where in_nmi() is true: no locks, no allocation, no printk, nothing that raises #VC.
 */
#ifndef STUB_LINUX_MODULE_H
#define STUB_LINUX_MODULE_H

#include <linux/ptrace.h>

#include <asm/fpu/types.h>

#include "protocol/buf.h"
#include "stub/core/stub.h"

/* There is one machine, so there is one of each; set before the first handler is registered. */
extern struct port linux_port;
extern struct stub *linux_stub;

/* --- main.c --- */

/*
 * Sleeps at least @us, on a timer of this CPU: any other may spin with interrupts off, and so may
 * the one that counts jiffies. Not for handlers.
 */
void main_nap(unsigned int us);
/* Wakes the thread that polls the link. Not for handlers. */
void main_wake(void);

/* --- log.c --- */

/* Handler: keeps a line for the kernel log until log_flush. Lines that do not fit are dropped. */
void log_line(struct port *p, const char *text);
void log_flush(void);

/* --- entry.c: how CPUs come into the stub --- */

int entry_init(void);
void entry_exit(void);
/* Interrupts on. Looks at the link; true: the debugger wants the machine. */
bool entry_poll(void);
/* Interrupts on. Stops the machine on this CPU as the debugger wants. */
void entry_break_in(void);
/* Handler: sends an NMI; see struct port_ops. */
void entry_kick(struct port *p, unsigned int cpu);
/* Handler: a perf event of hw.c has fired on this CPU. */
void entry_hw_point(unsigned int slot, struct pt_regs *regs);
/* Handler: "CPU#2 bash(417)". */
int entry_cpu_name(struct port *p, unsigned int cpu, char *buf, size_t size);

/* --- fatal.c: oops and panic --- */

int fatal_init(void);
void fatal_exit(void);
/* Handler: `monitor lastpanic`. */
void fatal_show(struct buf *out);
/* Handler: enters the stub with interrupts off (entry.c). */
bool entry_fatal(enum target_signal signal, const char *text, struct pt_regs *regs);

/* --- regs.c: registers of an interrupted CPU --- */

/*
 * x87, SSE and AVX as the hardware has them: XSAVE's standard format with the three components that
 * have their places there (SDM volume 1, 13.4); without AVX FXSAVE's, which is its beginning.
 */
struct regs_vector {
	struct fxregs_state fx;
	u64 header[8]; /* [0]: which components are there */
	u8 ymm_high[16][16];
} __aligned(64);
static_assert(offsetof(struct regs_vector, ymm_high) == 576, "AVX in XSAVE's standard format");

/* One CPU's. */
struct regs_save {
	struct x86_64_regs regs; /* what the core works on */
	struct x86_64_regs entry;
	struct regs_vector vector;
};

/* True: registers come with AVX. */
bool regs_init(void);
/* Handler: takes the registers of this CPU. */
void regs_take(struct regs_save *save, struct pt_regs *regs);
/* Handler: puts back what the core has changed in save->regs. */
void regs_put(struct regs_save *save, struct pt_regs *regs);

/* --- symbols.c: what a stock kernel does not export --- */

/*
 * Address of the kernel function @name, found by a kprobe that never fires; 0: not there, or not to
 * be called. Not for handlers.
 */
unsigned long symbols_find(const char *name);

/* --- ram.c: physical memory, see struct port_ops --- */

int ram_init(void);
void ram_exit(void);
/* Takes in memory that was plugged since. Not for handlers. */
void ram_refresh(void);
int ram_read(struct port *p, uint64_t gpa, void *buf, size_t len);
int ram_write(struct port *p, uint64_t gpa, const void *buf, size_t len);

/* --- text.c: where an int3 may stand, see struct port_ops --- */

void text_init(void);
int text_check(struct port *p, uint64_t addr, const char **why);

/* --- hw.c: hardware points, see struct port_ops --- */

/* False: no hardware points on this machine, hw_why says why. */
bool hw_init(void);
const char *hw_why(struct port *p);
int hw_set(struct port *p, unsigned int slot, const struct port_hw *hw);
/* Handler, on the CPU that goes on: loads what hw_set has changed. */
void hw_leaving(void);
/*
 * Takes the debug registers from perf for a session, gives them back. Not for handlers. Neither
 * waits for long: where a CPU does not take interrupts, it is done when it does again.
 */
void hw_reserve(void);
void hw_release(void);
void hw_exit(void);

/* --- watchdogs.c: keep quiet after a long stop --- */

void watchdogs_stopped(struct port *p);
void watchdogs_resuming(struct port *p);
void watchdogs_leaving(void);
/* Called by the thread now and then, with the last time before the module leaves. */
void watchdogs_tick(bool last);

/* --- tasks.c --- */

bool tasks_monitor(struct port *p, unsigned int cpu, const char *line, struct buf *out);

/* --- seal.c: this guest's end of a sealed link --- */

/* Makes the key; NULL: the random generator has failed. */
const struct stub_seal *seal_init(const char *policy, size_t len);
/* Makes /dev/cvmdbg; nothing with a plain channel. */
int seal_publish(void);
void seal_hide(void);
void seal_wipe(void);
/* Handler: see struct port_ops. */
bool seal_random(struct port *p, uint8_t *ret);
/* Replaces the randomness that was used. */
void seal_refill(void);

/* --- clock.c --- */

void clock_init(void);
uint64_t clock_now_ms(struct port *p);

#endif
