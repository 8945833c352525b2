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

/* Of struct trap. */
#define TRAP_CS	  (18 * 8)
#define TRAP_SIZE (22 * 8)

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
	cld				/* ring 3 may have set it */
	cmpq	$user_exit, 16(%rsp)
	jne	1f
	cmpq	$0, 7 * 8(%rsp)		/* user_resume's could jump there */
	je	user_leave
1:
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
	testl	$3, TRAP_CS(%rsp)
	jz	2f
	mov	TRAP_SIZE(%rsp), %rsi	/* what RSP0 points to */
	test	%rsi, %rsi
	jnz	user_pause
2:	call	trap_handle
trap_return:
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
	pushq	$0			/* a trap aligns RSP0 to 16 bytes: */
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

/*
 * void user_continue(uint64_t *rsp0, struct trap *trap): the same for registers
 * that are all given. RSP0 points to where they are to go when ring 3 is left;
 * of user_enter, which needs no registers, it points to 0.
 */
	.globl	user_continue
user_continue:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rsi
	mov	%rsp, (%rdi)
	sub	$TRAP_SIZE, %rsp
	mov	%rsp, %rdi
	mov	$(TRAP_SIZE / 8), %ecx
	rep movsq
	jmp	trap_return

user_pause:				/* from RDI, the frame, to RSI */
	xchg	%rsi, %rdi
	mov	$(TRAP_SIZE / 8), %ecx
	rep movsq
	add	$(TRAP_SIZE + 8), %rsp
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
