/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The tiny guest's voice: formatted text to the serial port, and VMCOREINFO, the text by which
 * tools find a kernel's page tables in an image of its memory. Polled, no interrupts, no state.
 */
#include "tiny.h"

enum {
	SERIAL = 0x3f8,
	SERIAL_LSR = SERIAL + 5,
	SERIAL_LSR_EMPTY = 0x20,
	PIC1_DATA = 0x21,
	PIC2_DATA = 0xa1,
	NOTE_HEADER_LEN = 24, /* three u32, then "VMCOREINFO\0" padded to 12 */
	NOTE_NAME_LEN = 11,
};

static char vmcoreinfo_text[4096] __attribute__((aligned(4096)));
static char vmcoreinfo_note[4096] __attribute__((aligned(4096)));

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

void pic_mask(void)
{
	out8(PIC1_DATA, 0xff);
	out8(PIC2_DATA, 0xff);
}

/* Append to @buf at @pos, or send when there is no buffer. */
static size_t put(char *buf, size_t pos, char c)
{
	if (buf) {
		buf[pos] = c;
	} else {
		while (!(in8(SERIAL_LSR) & SERIAL_LSR_EMPTY))
			;
		out8(SERIAL, (uint8_t)c);
	}
	return pos + 1;
}

static size_t put_number(char *buf, size_t pos, uint64_t value, unsigned int base)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n)
		pos = put(buf, pos, digits[--n]);
	return pos;
}

static size_t put_format(char *buf, const char *format, va_list args)
{
	size_t pos = 0;

	for (; *format; format++) {
		if (*format != '%') {
			pos = put(buf, pos, *format);
			continue;
		}
		switch (*++format) {
		case 'd':
			pos = put_number(buf, pos, va_arg(args, uint64_t), 10);
			break;
		case 'x':
			pos = put_number(buf, pos, va_arg(args, uint64_t), 16);
			break;
		case 's':
			for (const char *s = va_arg(args, const char *); *s; s++)
				pos = put(buf, pos, *s);
			break;
		}
	}
	return pos;
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put_format(NULL, format, args);
	va_end(args);
}

size_t print_to(char *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	size_t n = put_format(buf, format, args);
	va_end(args);
	return n;
}

uint64_t vmcoreinfo_fill(uint64_t la57)
{
	static const char name[NOTE_NAME_LEN] = "VMCOREINFO";
	uint64_t top = (uint64_t)(uintptr_t)(la57 ? pml5 : init_top_pgt);
	uint32_t header[3] = { NOTE_NAME_LEN, 0, 0 };
	size_t len = print_to(vmcoreinfo_text,
			      "OSRELEASE=0.1-tiny\n"
			      "PAGESIZE=4096\n"
			      "SYMBOL(_stext)=%x\n"
			      "NUMBER(phys_base)=%d\n"
			      "SYMBOL(init_top_pgt)=%x\n"
			      "SYMBOL(swapper_pg_dir)=%x\n"
			      "NUMBER(pgtable_l5_enabled)=%d\n"
			      "KERNELOFFSET=0\n"
			      "NUMBER(sme_mask)=0\n",
			      (uint64_t)(uintptr_t)_stext,
			      (uint64_t)(KERNEL_PA - (KERNEL_VA - 0xffffffff80000000)), top, top,
			      (uint64_t)(la57 ? 1 : 0));

	header[1] = (uint32_t)len;
	__builtin_memcpy(vmcoreinfo_note, header, sizeof(header));
	__builtin_memcpy(vmcoreinfo_note + sizeof(header), name, sizeof(name));
	for (size_t i = 0; i < len; i++)
		vmcoreinfo_note[NOTE_HEADER_LEN + i] = vmcoreinfo_text[i];
	return (uint64_t)(uintptr_t)vmcoreinfo_note - KERNEL_VA + KERNEL_PA;
}
