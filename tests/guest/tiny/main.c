/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The tiny guest: a bare-metal specimen for debuggers that boots in well under a second. CPU 0 runs
 * main0() -> tick() -> work() -> leaf() 250 times a second, CPU 1 runs spin1(). It reports on the
 * first serial port what a debugger did to it: a variable that was changed, a breakpoint left
 * behind in its text, a trap that nobody took. It must not know who debugs it, nor how.
 */
#include "tiny.h"

enum {
	TIMER_VECTOR = 0x20,
	TIMER_PERIOD_NS = 4000000, /* QEMU's LAPIC counts nanoseconds */
	TICKS_PER_BEAT = 50,

	LAPIC_EOI = 0x0b0,
	LAPIC_SVR = 0x0f0,
	LAPIC_ICR = 0x300,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_TIMER_COUNT = 0x380,
	LAPIC_TIMER_DIVIDE = 0x3e0,
	LAPIC_SVR_ENABLE = 0x1ff,
	LAPIC_TIMER_PERIODIC = 0x20000,
	LAPIC_DIVIDE_BY_1 = 0xb,
	ICR_INIT_OTHERS = 0xc4500,
	ICR_STARTUP_OTHERS = 0xc4600,

	IDT_LEN = 256,
	IDT_INTERRUPT_GATE = 0x8e,
	SEL_CODE64 = 0x18,
	CR4_LA57 = 1 << 12,
};

/* What the CPU pushes for an exception or interrupt. */
struct frame {
	uint64_t ip, cs, flags, sp, ss;
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
_Static_assert(sizeof(struct gate) == 16, "gate of the AMD64 manual, volume 2, 4.8.4");

/* For debuggers to watch and to change. */
volatile uint64_t counter;
volatile uint64_t knob = 1;
volatile uint64_t spins;
volatile uint64_t last_leaf, last_work;
volatile uint8_t scribble[64]; /* nobody reads it */

/* For debuggers to print: never changes by itself. */
struct specimen {
	char name[16];
	uint32_t numbers[4];
	struct specimen *self;
} specimen = { "tiny", { 1, 10, 100, 1000 }, &specimen };

static struct gate idt[IDT_LEN];
static uint32_t text_sum;

static uint32_t lapic_read(uint32_t reg)
{
	return *(volatile uint32_t *)(uintptr_t)(LAPIC_PA + reg);
}

static void lapic_write(uint32_t reg, uint32_t value)
{
	*(volatile uint32_t *)(uintptr_t)(LAPIC_PA + reg) = value;
}

static void halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

__attribute__((interrupt)) static void on_debug(struct frame *frame)
{
	print("\nUNEXPECTED DEBUG at 0x%x\n", frame->ip);
}

__attribute__((interrupt)) static void on_breakpoint(struct frame *frame)
{
	print("\nUNEXPECTED BREAKPOINT at 0x%x\n", frame->ip);
}

__attribute__((interrupt)) static void on_fault(struct frame *frame)
{
	print("\nUNEXPECTED FAULT at 0x%x\n", frame->ip);
	halt_forever();
}

__attribute__((interrupt)) static void on_fault_code(struct frame *frame, uint64_t code)
{
	uint64_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	print("\nUNEXPECTED FAULT at 0x%x code 0x%x cr2 0x%x\n", frame->ip, code, cr2);
	halt_forever();
}

__attribute__((interrupt)) static void on_timer(__attribute__((unused)) struct frame *frame)
{
	lapic_write(LAPIC_EOI, 0);
}

__attribute__((noinline)) static void gate_set(int vector, const void *handler)
{
	uint64_t offset = (uint64_t)(uintptr_t)handler;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)offset,
		.selector = SEL_CODE64,
		.type = IDT_INTERRUPT_GATE,
		.offset_middle = (uint16_t)(offset >> 16),
		.offset_high = (uint32_t)(offset >> 32),
	};
}

static void idt_fill(void)
{
	/* Exceptions with an error code: AMD64 manual, volume 2, table 8-1. */
	static const uint8_t with_code[] = { 8, 10, 11, 12, 13, 14, 17, 21 };

	for (int v = 0; v < 32; v++)
		gate_set(v, (void *)on_fault);
	for (size_t i = 0; i < sizeof(with_code); i++)
		gate_set(with_code[i], (void *)on_fault_code);
	gate_set(1, (void *)on_debug);
	gate_set(3, (void *)on_breakpoint);
	for (int v = TIMER_VECTOR; v < IDT_LEN; v++)
		gate_set(v, (void *)on_timer);
}

static void cpu_start(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uint64_t)(uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(idtr));
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE);
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, LAPIC_TIMER_PERIODIC | TIMER_VECTOR);
	lapic_write(LAPIC_TIMER_COUNT, TIMER_PERIOD_NS);
	__asm__ volatile("sti");
}

static void other_cpu_start(void)
{
	lapic_write(LAPIC_ICR, ICR_INIT_OTHERS);
	while (lapic_read(LAPIC_ICR) & 0x1000)
		;
	lapic_write(LAPIC_ICR, ICR_STARTUP_OTHERS | AP_START_PA >> 12);
}

static void pattern_fill(uint64_t pa, uint64_t len, uint64_t pattern)
{
	for (uint64_t end = pa + len; pa < end; pa += 8)
		*(volatile uint64_t *)pa = pa + pattern;
}

/* Adler-32's idea: order matters, one changed byte always shows. */
static uint32_t text_checksum(void)
{
	uint32_t a = 1, b = 0;

	for (const volatile uint8_t *p = (const volatile uint8_t *)_stext;
	     p < (const volatile uint8_t *)_etext; p++) {
		a = (a + *p) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

/* The frames that backtraces and breakpoints are tried on: none of them may be inlined. */
__attribute__((noinline)) uint64_t leaf(uint64_t n);
__attribute__((noinline)) uint64_t work(uint64_t n);
__attribute__((noinline)) void tick(void);
__attribute__((noinline)) void spin1(void);

uint64_t leaf(uint64_t n)
{
	uint64_t result = n * 3 + 1;

	last_leaf = result;
	return result;
}

uint64_t work(uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < 3; i++)
		sum += leaf(n + i);
	return sum;
}

void tick(void)
{
	static uint64_t knob_seen = 1;
	uint64_t value = knob;

	counter++;
	last_work = work(counter);
	if (value != knob_seen) {
		knob_seen = value;
		print("knob=%d\n", value);
	}
	if (counter % TICKS_PER_BEAT == 0)
		print("alive %d text: %s\n", counter / TICKS_PER_BEAT,
		      text_checksum() == text_sum ? "ok" : "CHANGED");
}

void spin1(void)
{
	for (;;) {
		for (int i = 0; i < 100; i++)
			spins++;
		__asm__ volatile("hlt");
	}
}

__attribute__((noinline)) static void main0(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	for (uint64_t page = ((uint64_t)(uintptr_t)_end - KERNEL_VA) / 4096; page < 512; page++)
		pt_kernel[page] = 0;
	pattern_fill(BULK_PA, BULK_LEN, PATTERN_PRIVATE);
	pattern_fill(SHARED_PA, SHARED_LEN, PATTERN_SHARED);
	text_sum = text_checksum();
	idt_fill();
	pic_mask();

	print("tiny: levels %d\n", (uint64_t)(cr4 & CR4_LA57 ? 5 : 4));
	print("shared: 0x%x+0x%x\n", (uint64_t)SHARED_PA, (uint64_t)SHARED_LEN);
	print("vmcoreinfo: 0x%x 0x%x\n", vmcoreinfo_fill(cr4 & CR4_LA57), (uint64_t)4096);
	cpu_start();
	other_cpu_start();
	while (spins == 0)
		;
	print("tiny: ready\n");
	for (;;) {
		tick();
		__asm__ volatile("hlt");
	}
}

void start_c(uint64_t cpu)
{
	if (cpu == 0)
		main0();
	cpu_start();
	spin1();
}
