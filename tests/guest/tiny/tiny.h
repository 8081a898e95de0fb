/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the tiny guest's few files share: symbols of start.S and link.ld, and the console.
 * Freestanding; nothing here is known outside the guest.
 */
#ifndef TESTS_GUEST_TINY_TINY_H
#define TESTS_GUEST_TINY_TINY_H

#include "layout.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* start.S and link.ld */
extern const char _stext[], _etext[], _end[];
extern uint64_t init_top_pgt[512], pml5[512], pt_kernel[512];

/* Entered once on each CPU, in long mode, on its own stack. Does not return. */
void start_c(uint64_t cpu);

/* Print to the first serial port. Knows %d (uint64_t, decimal), %x (uint64_t, hexadecimal), %s. */
void print(const char *format, ...);

/* Print into @buf, which must be large enough; no terminator. Return the number of bytes. */
size_t print_to(char *buf, const char *format, ...);

/* The PC's legacy interrupt controllers: keep them silent. */
void pic_mask(void);

/*
 * Write the page that a Linux kernel calls VMCOREINFO (Linux kernel/crash_core.c) in both its
 * forms, text and ELF note. Return the physical address of the note.
 */
uint64_t vmcoreinfo_fill(uint64_t la57);

#endif
