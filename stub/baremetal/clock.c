/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Time: the TSC, whose frequency is measured against channel 2 of the PIT (Intel 8254 data sheet;
 * port 0x61 gates it), and with it that of the local APIC's timer. Takes the TSCs of all CPUs to be
 * one.
 */
#include "stub/baremetal/machine.h"

enum {
	PIT_HZ = 1193182,
	PIT_MS = 50,
	PIT_COUNT = PIT_HZ * PIT_MS / 1000,
	PIT_CHANNEL2 = 0x42,
	PIT_COMMAND = 0x43,
	PIT_ONE_SHOT = 0xb0, /* channel 2, both bytes, mode 0 */
	PORT_B = 0x61,
	PORT_B_GATE = 0x01,
	PORT_B_SPEAKER = 0x02,
	PORT_B_OUT2 = 0x20,
	TIMER_MS = 10,
};

static struct {
	uint64_t start, ticks_per_ms;
	uint32_t timer_count;
} clock;

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

void clock_init(void)
{
	uint64_t start;
	uint32_t left;

	out8(PORT_B, (uint8_t)((in8(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE));
	out8(PIT_COMMAND, PIT_ONE_SHOT);
	*cpu_lapic(LAPIC_TIMER_DIVIDE) = LAPIC_DIVIDE_BY_1;
	out8(PIT_CHANNEL2, PIT_COUNT & 0xff);
	out8(PIT_CHANNEL2, PIT_COUNT >> 8); /* counts from here on */
	*cpu_lapic(LAPIC_TIMER_COUNT) = UINT32_MAX;
	start = tsc();
	while (!(in8(PORT_B) & PORT_B_OUT2))
		;
	left = *cpu_lapic(LAPIC_TIMER_NOW);
	clock.ticks_per_ms = (tsc() - start) / PIT_MS;
	clock.timer_count = (UINT32_MAX - left) / PIT_MS * TIMER_MS;
	*cpu_lapic(LAPIC_TIMER_COUNT) = 0;
	clock.start = start;
}

uint64_t clock_ms(void)
{
	return (tsc() - clock.start) / clock.ticks_per_ms;
}

uint32_t clock_timer_count(void)
{
	return clock.timer_count;
}
