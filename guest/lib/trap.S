/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into ring 3 and back.
 *
 * The one idea: user_enter stores its own stack pointer as RSP0, so a trap from
 * ring 3 pushes its frame directly below the registers that user_enter saved.
 * The `ud2` at user_exit therefore returns from user_enter by dropping the
 * frame. (`syscall` does not leave ring 3 on some nested hosts; a fault always
 * does.)
 */
#include "guest/lib/cpu.h"

/* Exceptions that push an error code: SDM 3A table 6-1. */
#define HAS_ERROR_CODE 0x60227d00

	.section .text
	.globl	trap_stubs
	.balign	16
trap_stubs:
	.set	vector, 0
	.rept	VECTORS
	.balign	16
	.if	!((HAS_ERROR_CODE >> vector) & 1)
	pushq	$0
	.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

/* Stack: vector, error code, then RIP, CS, RFLAGS, RSP, SS. */
trap_common:
	cmpq	$user_exit, 16(%rsp)
	je	user_leave
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	call	trap_handle
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

/*
 * uint64_t user_enter(uint64_t *rsp0, user_fn fn, uint64_t stack,
 *		       uint64_t cpu, uint64_t cpus, void *arg)
 */
	.globl	user_enter
user_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	sub	$8, %rsp		/* a trap aligns RSP0 to 16 bytes: */
	mov	%rsp, (%rdi)		/* it must be aligned already */
	sub	$8, %rdx
	movq	$user_exit, (%rdx)	/* where fn returns to */
	pushq	$SEL_USER_DATA
	push	%rdx
	pushq	$2			/* RFLAGS: the bit that is always set */
	pushq	$SEL_USER_CODE
	push	%rsi
	mov	%rcx, %rdi
	mov	%r8, %rsi
	mov	%r9, %rdx
	iretq

user_leave:				/* RAX is what fn returned */
	add	$(7 * 8 + 8), %rsp	/* frame and alignment */
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .user, "ax"
user_exit:
	ud2

	.section .note.GNU-stack, "", @progbits
