/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Where things lie in the bare-metal guest, for its assembly, its C code and its linker script
 * alike. Numbers only: this file is also read by the assembler and the linker.
 */
#ifndef STUB_BAREMETAL_LAYOUT_H
#define STUB_BAREMETAL_LAYOUT_H

/*
 * Virtual memory, four levels, 2 MiB pages:
 *   0x0000000000000000  the first 1 GiB of physical memory, for the way into long mode
 *   0xffff888000000000  the same: how ram.c reads and writes RAM
 *   0xffffc90000000000  devices: the ring's shared memory; in the last 2 MiB the local APIC
 *   0xffffffff80000000  the first 1 GiB once more: the image runs here
 */
#define RAM_MAPPED 0x40000000
#define DIRECT_VA  0xffff888000000000
#define DEVICE_VA  0xffffc90000000000
#define KERNEL_VA  0xffffffff80000000
#define LAPIC_PA   0xfee00000
#define LAPIC_SLOT 511

/* Physical memory. */
#define AP_START_PA 0x8000   /* real-mode code of the other CPUs */
#define BOOT_PA	    0x100000 /* 32-bit code, executed at its physical address */
#define IMAGE_PA    0x200000

#define CPUS	  4
#define STACK_LEN 0x8000

#define LARGE_PAGE   0x200000
#define PTE_PRESENT  0x1
#define PTE_WRITE    0x2
#define PTE_UNCACHED 0x10
#define PTE_LARGE    0x80

#define SEL_CODE32 0x08
#define SEL_DATA   0x10
#define SEL_CODE64 0x18

#define VECTOR_TIMER	0x20
#define VECTOR_SPURIOUS 0xff
/* The entry code of vector n is at trap_vectors + n * VECTOR_CODE_LEN. */
#define VECTOR_CODE_LEN 16

#endif
