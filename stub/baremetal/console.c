/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The guest's voice on COM1, and the four mem* functions that freestanding code is entitled to.
 * Polled, no lock: lines of two CPUs may mix.
 */
#include "protocol/buf.h"
#include "stub/baremetal/machine.h"

enum { COM1 = 0x3f8, COM1_LSR = COM1 + 5, LSR_EMPTY = 0x20, NUMBER_MAX = 24 };

void console_text(const char *text)
{
	for (; *text; text++) {
		while (!(in8(COM1_LSR) & LSR_EMPTY))
			;
		out8(COM1, (uint8_t)*text);
	}
}

void console_hex(uint64_t value)
{
	char text[NUMBER_MAX] = "";
	struct buf b;

	buf_init(&b, text, sizeof(text) - 1);
	buf_put_hex(&b, value);
	console_text(text);
}

void console_decimal(uint64_t value)
{
	char text[NUMBER_MAX] = "";
	struct buf b;

	buf_init(&b, text, sizeof(text) - 1);
	buf_put_decimal(&b, value);
	console_text(text);
}

/* In assembly: a compiler may turn a loop into a call of the function that it is in. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	void *to = dst;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *to = (char *)dst + n - 1;
	const char *from = (const char *)src + n - 1;

	if ((uintptr_t)dst - (uintptr_t)src >= n)
		return memcpy(dst, src, n);
	__asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(n) : : "memory", "cc");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *to = dst;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
