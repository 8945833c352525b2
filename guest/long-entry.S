/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a program for `--boot long`: already in 64-bit mode, at the linked
 * (virtual) address, RDI = multiboot2 information, on a stack. No multiboot
 * header.
 */
#include "guest/abi.h"

	.section .text
	.globl	start
start:
	lea	start(%rip), %rsi	/* where are we really? */
	mov	%rsp, %rdx
	call	long_main
	out	%al, $ABI_PORT_EXIT
1:	hlt
	jmp	1b

	.section .note.GNU-stack, "", @progbits
