/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the entry state of multiboot2 (3.3: 32-bit protected mode, paging off),
 * multiboot or PVH to guest_main in 64-bit mode, for the bootstrap processor and, through a
 * trampoline in real mode, for all others.
 *
 * The one idea: nothing is computed that the assembler or linker can compute.
 * Page tables and descriptors are data in the image; entering 64-bit mode takes
 * some twenty instructions. The tables map the first 4 GiB one to one, with
 * ring 3 allowed, and its first GiB once more at 0xffffffff80000000 for ring 0.
 *
 * Assembled twice: with VIRT_BASE 0 for programs linked where they are loaded,
 * and with VIRT_BASE 0xffffffff80000000 for those linked in the higher half.
 * Until 64-bit mode is on, code must use PHYS() addresses.
 * The mark that a boot loader looks for is multiboot2's, unless START_MB1 (a
 * multiboot header), START_MB1_ADDRESS (the same with address fields) or
 * START_PVH (Xen's note) is defined.
 */
#include "guest/abi.h"
#include "guest/lib/cpu.h"
#include "guest/lib/smp.h"

#ifndef VIRT_BASE
#define VIRT_BASE 0
#endif
#define PHYS(symbol) ((symbol) - VIRT_BASE)

#define CR0_PE 0x00000001
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100

/* SDM 3A 4.5: page-table entries. */
#define PTE_PRESENT 1
#define PTE_WRITE 2
#define PTE_USER 4
#define PTE_LARGE 0x80

#define MB1_HEADER_MAGIC 0x1badb002
#define MB1_ALIGN_MODULES 1
#define MB1_TELL_MEMORY 2
#define MB1_ADDRESS 0x10000
#define MB2_HEADER_MAGIC 0xe85250d6

#define XEN_PHYS32_ENTRY 18

#if defined(START_PVH)
	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, XEN_PHYS32_ENTRY
	.asciz	"Xen"
	.long	PHYS(start)
#elif defined(START_MB1) || defined(START_MB1_ADDRESS)
#ifdef START_MB1_ADDRESS
#define MB1_FLAGS (MB1_ALIGN_MODULES | MB1_TELL_MEMORY | MB1_ADDRESS)
#else
#define MB1_FLAGS (MB1_ALIGN_MODULES | MB1_TELL_MEMORY)
#endif
	.section .multiboot, "a"	/* 0.6.96, 3.1.1 */
	.balign	4
header:
	.long	MB1_HEADER_MAGIC, MB1_FLAGS, -(MB1_HEADER_MAGIC + MB1_FLAGS)
#ifdef START_MB1_ADDRESS		/* 3.1.3: loaded from the header on */
	.long	PHYS(header), PHYS(header), PHYS(data_end), image_end
	.long	PHYS(start)
#endif
#else
	.section .multiboot, "a"
	.balign	8
header:					/* 3.1.1, 3.1.2 */
	.long	MB2_HEADER_MAGIC, 0, header_end - header
	.long	-(MB2_HEADER_MAGIC + header_end - header)
	.short	0, 0			/* 3.1.3: end tag */
	.long	8
header_end:
#endif

	.section .text
	.code32
	.globl	start
start:
	mov	%eax, %edi		/* guest_main's magic */
	mov	%ebx, %esi		/* and info */
	xor	%ebx, %ebx		/* bootstrap processor */
	lgdt	PHYS(gdt_pointer)

/* SDM 3A 9.8.5: initialising IA-32e mode. EBX: is this another processor? */
enter_long:
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$PHYS(pml4), %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	$(CR0_PG | CR0_PE), %eax /* also caches on, after INIT */
	mov	%eax, %cr0
	ljmp	$SEL_CODE, $PHYS(1f)

	.code64
1:	mov	$2f, %rax		/* from the low to the linked address */
	jmp	*%rax
2:	mov	$SEL_DATA, %eax
	mov	%eax, %ss
	test	%ebx, %ebx
	jnz	other_cpu

	mov	$(stacks + STACK_SIZE), %rsp
	mov	%edi, %r12d
	mov	%esi, %r13d
	call	cpu_boot
	mov	%r12d, %edi
	mov	%r13d, %esi
	call	guest_main
	out	%al, $ABI_PORT_EXIT
stop:	cli
	hlt
	jmp	stop

other_cpu:				/* first come, first numbered */
	mov	$1, %edi
	lock xadd %edi, next_cpu(%rip)
	cmp	$CPUS_MAX, %edi
	jae	stop
	lea	1(%rdi), %rsp
	imul	$STACK_SIZE, %rsp
	add	$stacks, %rsp
	call	smp_main
	jmp	stop

/* Where SIPI starts a processor, in real mode at AP_TRAMPOLINE:0 (SDM 3A
 * 9.4.3). smp.c copies it there. */
	.code16
	.globl	ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	xor	%eax, %eax
	mov	%ax, %ds
	lgdtl	AP_TRAMPOLINE + ap_gdt_pointer - ap_trampoline
	mov	$CR0_PE, %al
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $PHYS(ap_start)
ap_gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	PHYS(gdt)
ap_trampoline_end:

	.code32
ap_start:
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$1, %ebx
	jmp	enter_long

	.section .data
	.balign	8
gdt:					/* in the order of SEL_* */
	.quad	0
	.quad	0x00209b0000000000	/* 64-bit code */
	.quad	0x00cf93000000ffff	/* data, flat */
	.quad	0x00cf9b000000ffff	/* 32-bit code, flat */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	PHYS(gdt)

	.balign	4
next_cpu:
	.long	1

/* Four levels with 2 MiB pages: SDM 3A 4.5.4, figure 4-9. */
	.section .tables, "aw"
	.balign	4096
pml4:	.quad	PHYS(pdpt) + (PTE_PRESENT | PTE_WRITE | PTE_USER)
	.zero	510 * 8
	.quad	PHYS(pdpt_high) + (PTE_PRESENT | PTE_WRITE)
pdpt:
	.set	i, 0
	.rept	4
	.quad	PHYS(pd) + i * 4096 + (PTE_PRESENT | PTE_WRITE | PTE_USER)
	.set	i, i + 1
	.endr
	.zero	508 * 8
pdpt_high:
	.zero	510 * 8
	.quad	PHYS(pd) + (PTE_PRESENT | PTE_WRITE)
	.zero	8
pd:
	.set	i, 0
	.rept	4 * 512
	.quad	(i << 21) + (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_LARGE)
	.set	i, i + 1
	.endr

	.section .bss
	.balign	16
stacks:	.zero	CPUS_MAX * STACK_SIZE

	.section .note.GNU-stack, "", @progbits
