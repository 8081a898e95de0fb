/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The code that the IDT points to: makes a struct frame (machine.h) on the interrupted stack, calls
 * trap_c with it and goes back with what is in it then. There is no user mode, so there are no
 * stacks to switch, and an NMI may come at any instruction of this.
 */
#include "layout.h"

/* Exceptions with an error code: AMD64 manual, volume 2, table 8-1. */
#define WITH_CODE 0x60227d00

	.text
	.code64
	.globl trap_vectors
	.balign VECTOR_CODE_LEN
trap_vectors:
	.set n, 0
	.rept VECTOR_TIMER + 1
	.balign VECTOR_CODE_LEN
	.if n >= 32 || !((WITH_CODE >> n) & 1)
	pushq $0
	.endif
	pushq $n
	jmp trap_common
	.set n, n + 1
	.endr

	.type trap_common, @function
trap_common:
	cld
	.irp reg, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	push %\reg
	.endr
	mov %rsp, %rdi			/* 16-byte aligned: 22 words from an aligned start */
	call trap_c
	.irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
	pop %\reg
	.endr
	add $16, %rsp			/* vector and error code */
	iretq
	.size trap_common, . - trap_common

	.globl trap_spurious
	.type trap_spurious, @function
trap_spurious:
	iretq
	.size trap_spurious, . - trap_spurious
	.section .note.GNU-stack, "", @progbits
