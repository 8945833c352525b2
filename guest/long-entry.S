/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry of a program for `--boot long`: already in 64-bit mode, at the linked
 * (virtual) address, RDI = multiboot2 information. No multiboot header.
 */
#include "guest/abi.h"

	.section .text
	.globl	start
start:
	lea	stack_top(%rip), %rsp
	lea	start(%rip), %rsi	/* where are we really? */
	call	long_main
	out	%al, $ABI_PORT_EXIT
1:	hlt
	jmp	1b

	.section .bss
	.balign	16
	.zero	4096
stack_top:

	.section .note.GNU-stack, "", @progbits
