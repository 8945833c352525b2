/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assembler macros for programs that stay in the entry state of multiboot2
 * (3.3: 32-bit protected mode, paging off) and use no library.
 */
/* Assembler macros: */
/* clang-format off */
#pragma once

#include "guest/abi.h"

#define MB2_HEADER_MAGIC 0xe85250d6

/* Multiboot2 3.1.1 to 3.1.3: the shortest header there is. */
	.macro	MB2_HEADER
	.section .multiboot, "a"
	.balign	8
	.long	MB2_HEADER_MAGIC, 0, 24, -(MB2_HEADER_MAGIC + 24)
	.short	0, 0
	.long	8
	.endm

/* Text to the console, in one instruction: the VMM's UART is never busy.
 * Changes ECX, EDX, ESI. */
	.macro	PRINT text:vararg
	.section .rodata
	.set	.Ltext\@, .
	.ascii	\text
	.set	.Llen\@, . - .Ltext\@
	.section .text
	mov	$.Ltext\@, %esi
	mov	$.Llen\@, %ecx
	mov	$ABI_PORT_COM1, %edx
	rep outsb
	.endm

/* Changes EDX. */
	.macro	READY
	mov	$ABI_PORT_READY, %edx
	out	%al, (%dx)
	.endm

/* The end; the status is in AL. The loop is never reached under the VMM. */
	.macro	EXIT_AL
	out	%al, $ABI_PORT_EXIT
.Lstop\@:
	hlt
	jmp	.Lstop\@
	.endm

/* The end, with a constant. */
	.macro	EXIT status
	mov	$\status, %al
	EXIT_AL
	.endm

	.section .note.GNU-stack, "", @progbits
