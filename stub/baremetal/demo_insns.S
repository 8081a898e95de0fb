/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Instructions that are hard to step, each with a label to break at: `break demo_pushf`, `stepi`.
 * demo_pushed is what PUSHF has stored last.
 */
	.text
	.code64
	.globl demo_insns, demo_cpuid, demo_rdmsr, demo_pushf, demo_popf, demo_cli, demo_sti
	.globl demo_mov_ss, demo_rep, demo_hlt, demo_insns_end, demo_pushed
	.type demo_insns, @function
demo_insns:
	.cfi_startproc
	push %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_offset rbx, -16
	xor %eax, %eax
	xor %ecx, %ecx
demo_cpuid:
	cpuid
	mov $0xc0000080, %ecx		/* EFER */
demo_rdmsr:
	rdmsr
demo_pushf:
	pushfq
	.cfi_adjust_cfa_offset 8
	mov (%rsp), %rax
	mov %rax, demo_pushed(%rip)	/* TF is never set in it, IF always */
demo_popf:
	popfq
	.cfi_adjust_cfa_offset -8
demo_cli:
	cli
	nop
demo_sti:
	sti
	nop
	mov %ss, %eax
demo_mov_ss:
	mov %eax, %ss
	nop
	lea demo_copy(%rip), %rdi
	lea demo_copy+16(%rip), %rsi
	mov $16, %ecx
demo_rep:
	rep movsb
demo_hlt:
	hlt
demo_insns_end:
	pop %rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size demo_insns, . - demo_insns

	.bss
	.balign 8
demo_pushed:
	.skip 8
demo_copy:
	.skip 32
	.section .note.GNU-stack, "", @progbits
