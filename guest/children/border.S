/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instruction across the end of a page, for a debugger's breakpoint: its
 * first byte is the page's last. Ends with 42.
 */
#define CALL_EXIT 1

	.text
	.globl	start, at_border
start:
	xor	%eax, %eax
	jmp	at_border

	.org	4095
at_border:
	mov	$42, %edi
	mov	$CALL_EXIT, %eax
	ud2

	.section .note.GNU-stack, "", @progbits
