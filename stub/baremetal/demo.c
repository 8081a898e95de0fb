/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the bare-metal guest does all day, for debuggers to look at: every CPU runs
 * demo_run() -> work() -> step_one() -> leaf() and then the instructions of demo_insns.S, a
 * hundred times a second. It must not know that it is debugged; a debugger makes it do other things
 * by writing the demo_* variables.
 */
#include "stub/baremetal/machine.h"

enum { STEPS = 3, ROUNDS_PER_BEAT = 100 };

/* One a CPU, to watch. */
struct demo {
	uint64_t rounds, steps, leaves, last;
};

volatile struct demo demo[CPUS];

/* CPU number + 1: that CPU spins with interrupts off until this is 0 again. */
volatile uint32_t demo_spin_irqs_off;
/* CPU number + 1: that CPU reads memory that is not there. */
volatile uint32_t demo_fault;
volatile uint64_t demo_spins;

uint64_t leaf(unsigned int cpu, uint64_t n);
uint64_t step_one(unsigned int cpu, uint64_t n);
uint64_t work(unsigned int cpu);
void spin_irqs_off(unsigned int cpu);
void fault(void);
void demo_insns(void);

/* The frames that backtraces and breakpoints are tried on: none of them may be inlined. */
__attribute__((noinline)) uint64_t leaf(unsigned int cpu, uint64_t n)
{
	uint64_t result = n * 3 + 1;

	demo[cpu].leaves++;
	demo[cpu].last = result;
	return result;
}

__attribute__((noinline)) uint64_t step_one(unsigned int cpu, uint64_t n)
{
	uint64_t result;

	demo[cpu].steps++;
	result = leaf(cpu, n);
	return result + 1;
}

__attribute__((noinline)) uint64_t work(unsigned int cpu)
{
	uint64_t sum = 0, i;

	for (i = 0; i < STEPS; i++)
		sum += step_one(cpu, demo[cpu].rounds + i);
	return sum;
}

__attribute__((noinline)) void spin_irqs_off(unsigned int cpu)
{
	__asm__ volatile("cli");
	while (demo_spin_irqs_off == cpu + 1)
		demo_spins++;
	__asm__ volatile("sti");
}

__attribute__((noinline)) void fault(void)
{
	demo_fault = 0; /* so that a debugger that sets the pc behind it goes on */
	(void)*(volatile uint8_t *)0xdead000000;
}

void demo_run(unsigned int cpu)
{
	for (;;) {
		demo[cpu].rounds++;
		(void)work(cpu);
		demo_insns();
		if (demo_spin_irqs_off == cpu + 1)
			spin_irqs_off(cpu);
		if (demo_fault == cpu + 1)
			fault();
		if (cpu == 0 && demo[cpu].rounds % ROUNDS_PER_BEAT == 0) {
			console_text("bare: alive ");
			console_decimal(demo[cpu].rounds / ROUNDS_PER_BEAT);
			console_text("\n");
		}
	}
}
