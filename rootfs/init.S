/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest user space: says that it is there, on the console and at the
 * ready marker's port, and turns the machine off. On Linux's command line,
 * `-- again` restarts it instead, and `-- stay` stays. Without a libc: System V
 * ABI for the arguments, ioperm(2), reboot(2) for the numbers.
 */
#define READY_PORT	0x3f0	/* the VMM's, guest/abi.h */

#define SYS_write	1
#define SYS_pause	34
#define SYS_reboot	169
#define SYS_ioperm	173

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
	mov	$SYS_ioperm, %eax
	mov	$READY_PORT, %edi
	mov	$1, %esi
	mov	$1, %edx
	syscall
	test	%eax, %eax
	jnz	1f			/* a kernel that forbids it */
	mov	$READY_PORT, %edx
	out	%al, %dx

1:	mov	$SYS_write, %eax
	mov	$1, %edi
	lea	hello(%rip), %rsi
	mov	$(hello_end - hello), %edx
	syscall

	mov	$POWER_OFF, %edx
	cmpq	$1, (%rsp)		/* argc */
	je	2f
	mov	$RESTART, %edx
	mov	16(%rsp), %rax		/* argv[1] */
	cmpb	$'s', (%rax)
	je	3f
2:	mov	$SYS_reboot, %eax
	mov	$MAGIC, %edi
	mov	$MAGIC2, %esi
	syscall
3:	mov	$SYS_pause, %eax
	syscall
	jmp	3b

	.section .note.GNU-stack, "", @progbits
