/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF32 program for EM_386 without any multiboot header, so that `--boot
 * auto` takes `elf`. Entered as by multiboot2, with ESI equal to EBX. Ends with
 * the number of the check that failed, or 0.
 */
#include "guest/lib/bare.h"

	.section .text
	.code32
	.globl	start
start:
	cmp	$ABI_MB2_MAGIC, %eax
	mov	$1, %al
	jne	fail
	cmp	%ebx, %esi		/* the information: both registers */
	mov	$2, %al
	jne	fail
	cmpl	$16, (%ebx)		/* its size: head and end tag at least */
	mov	$3, %al
	jb	fail
	testl	$7, (%ebx)		/* multiboot2 3.6.1: multiple of 8 */
	mov	$4, %al
	jnz	fail
	mov	(%ebx), %ecx		/* end tag in its place: type 0, size 8 */
	cmpl	$0, -8(%ebx, %ecx)
	mov	$5, %al
	jne	fail
	cmpl	$8, -4(%ebx, %ecx)
	mov	$6, %al
	jne	fail
	PRINT	"elf32: EAX, EBX, ESI and the information are right\n"
	READY
	EXIT	0
fail:
	EXIT_AL
