/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * CPUs and their local APICs (Intel SDM volume 3, chapter 11; xAPIC mode): starting them,
 * interrupting them, a timer each. Broadcasts INIT and SIPI and counts who comes, so it reads no
 * ACPI tables.
 */
#include "stub/baremetal/machine.h"

enum {
	SPURIOUS_ENABLE = 0x100,
	ICR_PENDING = 0x1000,
	ICR_NMI = 0x4400,
	ICR_INIT_OTHERS = 0xc4500,
	ICR_STARTUP_OTHERS = 0xc4600,
	TIMER_PERIODIC = 0x20000,

	INIT_MS = 10,
	ARRIVAL_MS = 100, /* after SIPI; long for a busy host */
};

struct cpu cpus[CPUS];

struct cpu *cpu_this(void)
{
	uint32_t number;

	__asm__ volatile("movl %%gs:0, %0" : "=r"(number));
	return &cpus[number];
}

void cpu_init(unsigned int number)
{
	struct cpu *c = &cpus[number];

	c->number = number;
	c->apic = *cpu_lapic(LAPIC_ID) >> 24;
	msr_write(MSR_GS_BASE, (uintptr_t)c);
	*cpu_lapic(LAPIC_SPURIOUS) = SPURIOUS_ENABLE | VECTOR_SPURIOUS;
	__atomic_store_n(&c->up, true, __ATOMIC_RELEASE);
}

static void icr_send(uint32_t apic, uint32_t command)
{
	while (*cpu_lapic(LAPIC_ICR) & ICR_PENDING)
		;
	*cpu_lapic(LAPIC_ICR_HIGH) = apic << 24;
	*cpu_lapic(LAPIC_ICR) = command;
}

static void wait_ms(unsigned int ms)
{
	uint64_t until = clock_ms() + ms;

	while (clock_ms() < until)
		__asm__ volatile("pause");
}

unsigned int cpu_online_count(void)
{
	unsigned int n = 0;

	while (n < CPUS && __atomic_load_n(&cpus[n].up, __ATOMIC_ACQUIRE))
		n++;
	return n;
}

unsigned int cpu_start_others(void)
{
	icr_send(0, ICR_INIT_OTHERS);
	wait_ms(INIT_MS);
	icr_send(0, ICR_STARTUP_OTHERS | AP_START_PA >> 12);
	wait_ms(ARRIVAL_MS);
	return cpu_online_count();
}

void cpu_nmi(unsigned int number)
{
	icr_send(cpus[number].apic, ICR_NMI);
}

void cpu_timer_start(void)
{
	*cpu_lapic(LAPIC_TIMER_DIVIDE) = LAPIC_DIVIDE_BY_1;
	*cpu_lapic(LAPIC_LVT_TIMER) = TIMER_PERIODIC | VECTOR_TIMER;
	*cpu_lapic(LAPIC_TIMER_COUNT) = clock_timer_count();
}

void cpu_timer_done(void)
{
	*cpu_lapic(LAPIC_EOI) = 0;
}
