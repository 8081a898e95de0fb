/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * From a CPU's first instruction to C code in long mode, and the page tables, which are data
 * (layout.h draws them). The first CPU comes by PVH (Xen's start_info ABI, docs/misc/pvh.pandoc
 * there, which QEMU's -kernel speaks): 32-bit, flat segments, paging off, ebx = start_info. The
 * others come in real mode at AP_START_PA and take numbers in the order of their arrival.
 */
#include "layout.h"

#define PA(symbol) ((symbol) - KERNEL_VA)

#define TABLE	  (PTE_PRESENT | PTE_WRITE)
#define PAGE	  (PTE_PRESENT | PTE_WRITE | PTE_LARGE)
#define CR0_PE	  (1 << 0)
#define CR0_PG	  (1 << 31)
#define CR4_PAE	  (1 << 5)
#define MSR_EFER  0xc0000080
#define EFER_LME  (1 << 8)

#define XEN_ELFNOTE_PHYS32_ENTRY 18

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz "Xen"
	.long boot_pvh

	.section .boot, "awx"
	.code32
	.globl boot_pvh
boot_pvh:
	cli
	cld
	mov $ap_real, %esi
	mov $AP_START_PA, %edi
	mov $(ap_real_end - ap_real), %ecx
	rep movsb
	xor %edi, %edi

/* edi = number of this CPU, ebx = start_info */
boot_long_mode:
	lgdt boot_gdt_ptr
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $PA(pml4), %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $(CR0_PG | CR0_PE), %eax
	mov %eax, %cr0
	ljmp $SEL_CODE64, $boot_high

	.code64
boot_high:
	mov $start64, %rax
	jmp *%rax

	.code32
boot_ap:
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov $1, %edi
	lock xadd %edi, boot_next_cpu
	cmp $CPUS, %edi
	jb boot_long_mode
1:	cli
	hlt
	jmp 1b

	.code16
ap_real:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl ap_gdt_ptr - ap_real
	mov %cr0, %eax
	or $CR0_PE, %eax
	mov %eax, %cr0
	ljmpl $SEL_CODE32, $boot_ap
ap_gdt_ptr:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt
ap_real_end:

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* SEL_CODE32 */
	.quad 0x00cf93000000ffff	/* SEL_DATA */
	.quad 0x00af9b000000ffff	/* SEL_CODE64 */
boot_gdt_end:
boot_gdt_ptr:
	.word boot_gdt_end - boot_gdt - 1
	.quad boot_gdt
boot_next_cpu:
	.long 1

	.text
	.code64
	.globl start64
	.type start64, @function
start64:
	.cfi_startproc
	.cfi_undefined rip		/* the outermost frame */
	lea 1(%rdi), %eax
	imul $STACK_LEN, %eax, %eax
	lea stacks(%rip), %rsp
	add %rax, %rsp
	xor %ebp, %ebp
	mov %ebx, %esi
	call start_c
	ud2
	.cfi_endproc
	.size start64, . - start64

	.section .tables, "aw"
	.balign 4096

/* The entries of a table from @from to before @to stay empty. */
.macro hole from, to
	.fill \to - \from, 8, 0
.endm

pml4:
	.quad PA(pdpt_low) + TABLE
	hole 1, 273
	.quad PA(pdpt_low) + TABLE	/* DIRECT_VA */
	hole 274, 402
	.quad PA(pdpt_device) + TABLE	/* DEVICE_VA */
	hole 403, 511
	.quad PA(pdpt_high) + TABLE	/* KERNEL_VA */

pdpt_low:
	.quad PA(pd_ram) + TABLE
	hole 1, 512
pdpt_device:
	.quad PA(pd_device) + TABLE
	hole 1, 512
pdpt_high:
	hole 0, 510
	.quad PA(pd_ram) + TABLE
	hole 511, 512

pd_ram:
	.set pa, 0
	.rept RAM_MAPPED / LARGE_PAGE
	.quad pa + PAGE
	.set pa, pa + LARGE_PAGE
	.endr

	.globl pd_device
pd_device:				/* chan_ring.c fills it from the start */
	hole 0, LAPIC_SLOT
	.quad LAPIC_PA + PAGE + PTE_UNCACHED

	.bss
	.balign 4096
stacks:
	.skip STACK_LEN * CPUS
	.section .note.GNU-stack, "", @progbits
