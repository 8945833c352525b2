/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF32, 32-bit protected mode, no paging: three calls deep, with frame
 * pointers, a jump to where there is no memory.
 */
#include "guest/lib/bare.h"

#define NOWHERE 0xd0000000		/* device space */

	.macro	FUNCTION name
	.globl	\name
	.type	\name, @function
\name:	push	%ebp
	mov	%esp, %ebp
	.endm

	.macro	END name
	pop	%ebp
	ret
	.size	\name, . - \name
	.endm

	MB2_HEADER
	.section .text
	.code32
	.globl	start
start:
	mov	$stack_end, %esp
	xor	%ebp, %ebp		/* the chain's end */
	call	outer
	EXIT	99			/* not reached */

	FUNCTION outer
	call	middle
	END	outer

	FUNCTION middle
	call	inner
	END	middle

	FUNCTION inner
	movl	$42, answer
	mov	$NOWHERE, %eax
	call	*%eax
	END	inner

	.section .data
	.globl	answer
answer:	.long	0

	.section .bss
	.balign	16
	.zero	256
stack_end:
