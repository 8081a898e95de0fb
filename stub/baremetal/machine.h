/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the files of the bare-metal port share, one section a file. A port to another environment
 * without an operating system would start from a copy of this folder: docs/porting.md.
 */
#ifndef STUB_BAREMETAL_MACHINE_H
#define STUB_BAREMETAL_MACHINE_H

#include "stub/baremetal/layout.h"
#include "stub/core/stub.h"

/* --- instructions --- */

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline void cpu_halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

enum { MSR_EFER = 0xc0000080, MSR_FS_BASE = 0xc0000100, MSR_GS_BASE, MSR_KERNEL_GS_BASE };

/* --- start.S, entry.S, link.ld --- */

extern uint64_t pd_device[512];
extern const uint8_t trap_vectors[], trap_spurious[];
extern const uint8_t stub_text[], stub_text_end[];

/* What entry.S leaves on the stack of an interrupted CPU. */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, code;
	uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(struct frame) == 22 * 8, "what entry.S pushes");

/* --- cpu.c: the CPUs and their local APICs --- */

/* A register of this CPU's local APIC (Intel SDM volume 3, 11.4.1; xAPIC mode). */
static inline volatile uint32_t *cpu_lapic(unsigned int reg)
{
	return (volatile uint32_t *)(DEVICE_VA + LAPIC_SLOT * (uint64_t)LARGE_PAGE + reg);
}

enum {
	LAPIC_ID = 0x020,
	LAPIC_EOI = 0x0b0,
	LAPIC_SPURIOUS = 0x0f0,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_TIMER_COUNT = 0x380,
	LAPIC_TIMER_NOW = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
	LAPIC_DIVIDE_BY_1 = 0xb,
};

/* One a CPU; %gs points to the CPU's own. */
struct cpu {
	uint32_t number; /* in the order of arrival; first: read through %gs */
	uint32_t apic;
	bool up;
	bool inside;   /* the stub or its poll; set and read by this CPU only */
	bool called;   /* by an NMI while inside */
	uint32_t owed; /* a kick whose NMI has not come; atomic */
	uint64_t dr7;  /* while the CPU is outside of its trap handlers */
	struct x86_64_regs regs;
};

extern struct cpu cpus[CPUS];

struct cpu *cpu_this(void);
/* On each CPU; @number: from start.S. */
void cpu_init(unsigned int number);
/* On the first: starts the others, waits for them, returns how many CPUs there are. */
unsigned int cpu_start_others(void);
unsigned int cpu_online_count(void);
void cpu_nmi(unsigned int number);
/* On each CPU: VECTOR_TIMER 100 times a second; and the end of one such interrupt. */
void cpu_timer_start(void);
void cpu_timer_done(void);

/* --- clock.c: TSC and local APIC timer, measured with the PIT --- */

void clock_init(void);
uint64_t clock_ms(void);
/* Counts of the local APIC's timer (divided by 1) in 10 ms. */
uint32_t clock_timer_count(void);

/* --- trap.c: IDT, exceptions, NMI, timer --- */

void trap_init(struct stub *stub);
void trap_kick(struct port *p, unsigned int cpu);

/* --- regs.c: struct frame to struct x86_64_regs and back --- */

void regs_take(struct x86_64_regs *regs, const struct frame *f);
void regs_put(const struct x86_64_regs *regs, struct frame *f);

/* --- hw.c: the debug registers --- */

int hw_set(struct port *p, unsigned int slot, const struct port_hw *hw);
void hw_leaving(struct port *p, unsigned int cpu);
/* Which slot has hit by @dr6; false: none. *execute: before the instruction, not after. */
bool hw_hit(uint64_t dr6, unsigned int *slot, bool *execute);
uint64_t hw_status_take(void); /* DR6, which is cleared */
void hw_control(uint64_t dr7);

/* --- ram.c: what of physical memory is RAM, where code may be patched --- */

/* @start_info: physical address of the PVH structure. */
void ram_init(uint64_t start_info);
int ram_read(struct port *p, uint64_t gpa, void *buf, size_t len);
int ram_write(struct port *p, uint64_t gpa, const void *buf, size_t len);
int text_check(struct port *p, uint64_t addr, const char **why);

/* --- chan_ring.c, chan_serial.c: the link; functions as in struct port_ops --- */

struct chan {
	const char *name;
	uint32_t (*session)(struct port *p);
	size_t (*recv)(struct port *p, void *buf, size_t len);
	size_t (*send)(struct port *p, const void *buf, size_t len);
	uint32_t (*beat)(struct port *p);
	void (*hang_up)(struct port *p);
	void (*stopped)(bool stopped);
};

/* NULL: there is no such device. */
const struct chan *chan_ring_find(void);
const struct chan *chan_serial_find(void);

/* --- port.c: struct port_ops --- */

/* Chooses the link. NULL: there is none. */
struct port *port_init(void);
const char *port_link_name(void);

/* --- console.c: COM1 --- */

void console_text(const char *text);
void console_hex(uint64_t value);
void console_decimal(uint64_t value);

/* --- demo.c: what this guest does all day --- */

void demo_run(unsigned int cpu);

/* --- main.c --- */

void start_c(unsigned int cpu, uint64_t start_info);

#endif
