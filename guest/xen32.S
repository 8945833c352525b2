/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest of Xen in 32-bit mode without paging, where arguments are in EBX, ECX
 * and EDX. An ELF32 program entered through its PHYS32_ENTRY note (Xen's public
 * header elfnote.h), or by its entry point. Ends by the shutdown call, or with
 * the number of the check that failed.
 */
#include "guest/lib/bare.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

#define CONSOLE_IO	 18
#define SCHED_OP	 29
#define CONSOLEIO_WRITE	 0
#define SCHEDOP_SHUTDOWN 2

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, XEN_ELFNOTE_PHYS32_ENTRY
	.asciz	"Xen"
	.long	start

	.section .rodata
text:	.ascii	"xen32: hello by hypercall\n"
	.set	text_len, . - text
poweroff:
	.long	0

	.section .bss
	.balign	4096
page:	.skip	4096
	.skip	64
stack:

	.section .text
	.code32
	.globl	start
start:
	mov	$stack, %esp
	mov	$0x40000000, %eax	/* arch-x86/cpuid.h */
	cpuid
	cmp	$0x566e6558, %ebx	/* "XenV" */
	mov	$1, %al
	jne	fail
	mov	$0x40000002, %eax
	cpuid
	mov	%ebx, %ecx
	mov	$page, %eax
	xor	%edx, %edx
	wrmsr

	mov	$CONSOLEIO_WRITE, %ebx
	mov	$text_len, %ecx
	mov	$text, %edx
	call	page + CONSOLE_IO * 32
	test	%eax, %eax
	mov	$2, %al
	jne	fail
	mov	$CONSOLEIO_WRITE, %ebx	/* a text that is not in RAM */
	mov	$1, %ecx
	mov	$0xe0000000, %edx
	call	page + CONSOLE_IO * 32
	cmp	$-14, %eax		/* EFAULT */
	mov	$3, %al
	jne	fail

	mov	$SCHEDOP_SHUTDOWN, %ebx
	mov	$poweroff, %ecx
	call	page + SCHED_OP * 32
	mov	$4, %al
fail:
	EXIT_AL
