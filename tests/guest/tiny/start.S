/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The tiny guest from its first instruction to C code in long mode, for both CPUs, and its page
 * tables, which are data: layout.h draws them. Entry is PVH (Xen's start_info ABI, as QEMU's
 * -kernel speaks it): 32-bit, flat segments, paging off, ebx = start_info.
 */
#include "layout.h"

#define PA(symbol) ((symbol) - KERNEL_VA + KERNEL_PA)

#define PRESENT	 0x1
#define WRITABLE 0x2
#define UNCACHED 0x10
#define LARGE	 0x80
#define TABLE	 (PRESENT | WRITABLE)
#define PAGE	 (PRESENT | WRITABLE)

#define CR0_PE	  (1 << 0)
#define CR0_PG	  (1 << 31)
#define CR4_PAE	  (1 << 5)
#define CR4_LA57  (1 << 12)
#define MSR_EFER  0xc0000080
#define EFER_LME  (1 << 8)
#define SEL_CODE32 0x08
#define SEL_DATA   0x10
#define SEL_CODE64 0x18

#define START_INFO_CMDLINE 24
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
	/* `-append la57` asks for five levels; a CPU without them (CPUID 7 ecx bit 16) stays at four. */
	mov START_INFO_CMDLINE(%ebx), %esi
	cmpl $0x3735616c, (%esi)		/* "la57" */
	jne 1f
	mov $7, %eax
	xor %ecx, %ecx
	cpuid
	bt $16, %ecx
	jnc 1f
	movl $PA(pml5), boot_cr3
	orl $CR4_LA57, boot_cr4
1:	/* Without 1 GiB pages (CPUID 80000001 edx bit 26) that entry would be a fault: drop it. */
	mov $0x80000001, %eax
	cpuid
	bt $26, %edx
	jc 2f
	movl $0, PA(pdpt_low) + 8
2:	/* The second CPU starts in real mode, below 1 MiB. */
	mov $ap_real, %esi
	mov $AP_START_PA, %edi
	mov $(ap_real_end - ap_real), %ecx
	rep movsb
	xor %edi, %edi

/* edi = number of this CPU */
boot_long_mode:
	lgdt boot_gdt_ptr
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov boot_cr4, %eax
	mov %eax, %cr4
	mov boot_cr3, %eax
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
	movabs $start64, %rax
	jmp *%rax

	.code32
boot_ap:
	mov $SEL_DATA, %eax
	mov %eax, %ds
	mov $1, %edi
	jmp boot_long_mode

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
boot_cr3:
	.long PA(init_top_pgt)
	.globl boot_cr4
boot_cr4:
	.long CR4_PAE

	.text
	.code64
	.globl start64
	.type start64, @function
start64:
	.cfi_startproc
	.cfi_undefined rip		/* the outermost frame */
	mov %edi, %eax
	inc %eax
	imul $STACK_LEN, %eax, %eax
	lea stacks(%rip), %rsp
	add %rax, %rsp
	xor %ebp, %ebp
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

	.globl init_top_pgt
init_top_pgt:				/* level 4; the name that VMCOREINFO knows */
	.quad PA(pdpt_low) + TABLE
	hole 1, 273
	.quad PA(pdpt_low) + TABLE	/* DIRECT_VA */
	hole 274, 402
	.quad PA(pdpt_edges) + TABLE	/* EDGES_VA */
	hole 403, 511
	.quad PA(pdpt_high) + TABLE	/* KERNEL_VA */

	.globl pml5
pml5:
	.quad PA(init_top_pgt) + TABLE
	hole 1, 273
	.quad PA(init_top_pgt) + TABLE	/* 0xff11000000000000 */
	hole 274, 511
	.quad PA(init_top_pgt) + TABLE

pdpt_low:
	.quad PA(pd_ram) + TABLE
	.quad 0 + PAGE + LARGE		/* 1 GiB */
	hole 2, 3
	.quad PA(pd_mmio) + TABLE
	hole 4, 512

pd_ram:
	.set pa, 0
	.rept RAM_LEN / 0x200000
	.quad pa + PAGE + LARGE
	.set pa, pa + 0x200000
	.endr
	hole RAM_LEN / 0x200000, 512

pd_mmio:
	hole 0, 502
	.quad (HPET_PA & ~0x1fffff) + PAGE + LARGE + UNCACHED
	.quad LAPIC_PA + PAGE + LARGE + UNCACHED
	hole 504, 512

pdpt_edges:
	.quad PA(pd_edges) + TABLE
	hole 1, 512
pd_edges:
	.quad PA(pt_edges) + TABLE
	hole 1, 512
pt_edges:
	.quad EDGE_PRIVATE_PA + PAGE
	.quad SHARED_PA + PAGE
	hole 2, 3
	.quad EDGE_PRIVATE_PA + PAGE
	.quad HPET_PA + PAGE + UNCACHED
	hole 5, 6
	.quad EDGE_FAR_PA + PAGE
	.quad EDGE_PRIVATE_PA + PAGE
	hole 8, 512

pdpt_high:
	hole 0, 510
	.quad PA(pd_high) + TABLE
	hole 511, 512
pd_high:
	hole 0, 8
	.quad PA(pt_kernel) + TABLE
	hole 9, 512
	.globl pt_kernel
pt_kernel:				/* filled to its full length; start_c unmaps what follows _end */
	.set pa, KERNEL_PA
	.rept 512
	.quad pa + PAGE
	.set pa, pa + 0x1000
	.endr

	.bss
	.balign 4096
stacks:
	.skip STACK_LEN * CPU_COUNT
	.section .note.GNU-stack, "", @progbits
