/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest user space: says that it is there, and turns the machine off, or
 * starts it anew if it is given an argument (`-- again` on Linux's command
 * line). Without a libc: System V ABI for the argument count, reboot(2) for the
 * numbers.
 */
#define SYS_write	1
#define SYS_pause	34
#define SYS_reboot	169

#define MAGIC		0xfee1dead
#define MAGIC2		672274793
#define RESTART		0x01234567
#define POWER_OFF	0x4321fedc

	.section .rodata
hello:	.ascii	"init: user space is there\n"
hello_end:

	.section .text
	.globl	_start
_start:
	mov	(%rsp), %r12
	mov	$SYS_write, %eax
	mov	$1, %edi
	lea	hello(%rip), %rsi
	mov	$(hello_end - hello), %edx
	syscall

	mov	$POWER_OFF, %edx
	cmp	$1, %r12
	je	1f
	mov	$RESTART, %edx
1:	mov	$SYS_reboot, %eax
	mov	$MAGIC, %edi
	mov	$MAGIC2, %esi
	syscall
2:	mov	$SYS_pause, %eax
	syscall
	jmp	2b

	.section .note.GNU-stack, "", @progbits
