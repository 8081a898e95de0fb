/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Where things lie in the tiny guest, for its assembly, its C code and its linker script alike.
 * tests/integration/vm.py repeats the addresses that tests look at. Numbers only: this file is
 * also read by the assembler and the linker.
 */
#ifndef TESTS_GUEST_TINY_LAYOUT_H
#define TESTS_GUEST_TINY_LAYOUT_H

/*
 * Physical memory, 32 MiB:
 *   0x0008000  code the second CPU starts in (real mode)
 *   0x0100000  boot code, executed at its physical address
 *   0x0400000  8 MiB of private pattern
 *   0x1400000  the kernel image
 *   0x1800000  2 MiB of shared pattern: the range that stands for a guest's bounce buffers
 */
#define AP_START_PA 0x8000
#define BOOT_PA	    0x100000
#define BULK_PA	    0x400000
#define BULK_LEN    0x800000
#define KERNEL_PA   0x1400000
#define SHARED_PA   0x1800000
#define SHARED_LEN  0x200000
#define RAM_LEN	    0x2000000

/*
 * Virtual memory; the same tables serve as levels 4 to 1 with and without LA57:
 *   0x0000000000000000  RAM at its physical address, 2 MiB pages; unmapped from RAM_LEN on
 *   0x0000000040000000  one 1 GiB page of physical 0 (if the CPU has them)
 *   0x00000000fec00000  HPET, LAPIC: two 2 MiB pages of MMIO
 *   0xffff888000000000  all of the above once more
 *   0xffffc90000000000  the edges, 4 KiB pages: see below
 *   0xffffffff81000000  the kernel image, 4 KiB pages, unmapped from its end on
 *   0xff11000000000000  with LA57 the first table again, an address that only five levels reach
 */
#define DIRECT_VA 0xffff888000000000
#define EDGES_VA  0xffffc90000000000
#define KERNEL_VA 0xffffffff81000000
#define HPET_PA	  0xfed00000
#define LAPIC_PA  0xfee00000

/* Edges: private, shared, hole, private, MMIO, hole, then two private pages apart in RAM. */
#define EDGE_PRIVATE_PA (BULK_PA + 0x5000)
#define EDGE_FAR_PA	(BULK_PA + BULK_LEN - 0x1000)

/* Byte patterns: the 64-bit word at physical address X is X plus one of these. */
#define PATTERN_PRIVATE 0x5052495600000000
#define PATTERN_SHARED	0x5348415200000000

#define STACK_LEN 0x2000
#define CPU_COUNT 2

#endif
