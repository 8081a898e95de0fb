/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The bare-metal guest: boots on QEMU's -kernel, starts every CPU, puts the stub between them and a
 * debugger and lets them work. The smallest complete user of stub/core: docs/porting.md goes
 * through it. Run under QEMU only so far, never on hardware.
 */
#include "stub/baremetal/machine.h"

enum {
	IDLE_S = 60,
	STUB_MEMORY = 0x80000,
	PIC1_DATA = 0x21,
	PIC2_DATA = 0xa1,
};

static struct stub stub;
static uint8_t stub_mem[STUB_MEMORY] __attribute__((aligned(8)));
static bool ready; /* the other CPUs may work */

static void fail(const char *why)
{
	console_text("bare: ");
	console_text(why);
	console_text("\n");
	cpu_halt_forever();
}

static void cpu_go(unsigned int cpu)
{
	trap_init(&stub);
	cpu_timer_start();
	__asm__ volatile("sti");
	demo_run(cpu);
}

static void start_first(uint64_t start_info)
{
	static const struct policy policy = {
		.rights = RSP_RIGHT_ALL,
		.idle_s = IDLE_S,
		.on_panic = POLICY_PANIC_STOP,
		.channel = POLICY_CHANNEL_PLAIN,
	};
	static const struct stub_config config = { .policy = &policy };
	struct port *port;
	unsigned int count;

	out8(PIC1_DATA, 0xff);
	out8(PIC2_DATA, 0xff);
	ram_init(start_info);
	clock_init();
	port = port_init();
	if (!port)
		fail("neither ivshmem-plain nor COM2: no link to a debugger");
	count = cpu_start_others();
	if (stub_memory(count, false) > sizeof(stub_mem))
		fail("too little memory for the stub");
	stub_init(&stub, port, &config, stub_mem);
	console_text("bare: ready, CPUs: ");
	console_decimal(count);
	console_text(", link: ");
	console_text(port_link_name());
	console_text("\n");
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

void start_c(unsigned int cpu, uint64_t start_info)
{
	cpu_init(cpu);
	if (cpu == 0)
		start_first(start_info);
	while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		__asm__ volatile("pause");
	cpu_go(cpu);
}
