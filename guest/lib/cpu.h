/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one processor needs before it can take exceptions and run code in ring
 * 3: segments, task state, interrupt table.
 *
 * Ring 3 is where guests do their bulk work. It is not for protection: a host
 * whose own KVM is nested may emulate a guest's ring 0 one instruction at a
 * time and run ring 3 natively, a factor of a thousand. So ring 0 starts
 * things and ring 3 loops.
 */
#pragma once

#define SEL_CODE      0x08 /* ring 0, 64-bit */
#define SEL_DATA      0x10
#define SEL_USER_DATA 0x1b /* ring 3 */
#define SEL_USER_CODE 0x23
#define SEL_TSS	      0x28
#define SEL_CODE32    0x18 /* in start.S's table only: the way up */

/* Exceptions, then the interrupts that guests use. */
#define VECTOR_NMI	2
#define VECTOR_BP	3
#define VECTOR_UD	6
#define VECTOR_PF	14
#define VECTOR_TIMER	32
#define VECTOR_SERIAL	33
#define VECTOR_WAKE	34
#define VECTOR_SPURIOUS 47 /* low four bits set: SDM 3A 11.9 */
#define VECTORS		48

#define CPUS_MAX   64
#define STACK_SIZE 4096

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stdint.h>

/*
 * Code for ring 3 stands at low addresses, where physical and linear are the
 * same, wherever the rest of the program is linked: kernel.ld moves USER
 * functions there. They may use nothing but their arguments and each other, all
 * of it at low addresses; the linker refuses a reference that does not reach.
 */
#define USER __attribute__((section(".user"), noinline))

/* cpu counts from 0 (the bootstrap processor); arg is a low address. */
typedef uint64_t (*user_fn)(uint64_t cpu, uint64_t cpus, void *arg);

/* Linear to physical, which is also the low address of the same byte: images
 * are linked either there or in the top 2 GiB, with the same low 31 bits. */
static inline uint64_t phys(const volatile void *p)
{
	return (uint64_t)p & 0x7fffffff;
}

static inline void *low(const volatile void *p)
{
	return (void *)phys(p);
}

/* Once, by the bootstrap processor, before guest_main; start.S calls it. */
void cpu_boot(void);

/* By each other processor. index < CPUS_MAX. */
void cpu_init(unsigned index);

/* Page-table entries may forbid execution (SDM 3A 4.1.1: EFER.NXE); before, such
 * a bit is a reserved one. */
void cpu_enable_nx(void);

/* Calls fn(index, cpus, arg) in ring 3 on this processor, on the user stack of
 * its index; returns what it returned. fn must be USER. */
uint64_t user_run(unsigned index, unsigned cpus, user_fn fn, void *arg);

/* Sleeps until an interrupt has been handled. Interrupts are off before it and
 * after it, so none is lost between a look at a condition and this. */
void cpu_sleep(void);

/* What trap.S pushes, and below it what the processor did. */
struct trap {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/*
 * Goes on in ring 3 with all registers as they are in *trap (selectors of ring
 * 3; vector and error do not matter), until the next exception or interrupt
 * there, which is in *trap then. Nobody has handled it. Read CR2 at once.
 */
void user_resume(unsigned index, struct trap *trap);

/* Called for vectors from 32 up, interrupts off; acknowledges by itself. Set
 * before `sti`. */
extern void (*irq_handler)(unsigned vector);

/* Called for vectors below 32, which otherwise end the program. True: go on, at
 * what trap->rip is now. */
extern bool (*trap_hook)(struct trap *trap);

/* What a program defines. magic and info: EAX and EBX at entry. The result is
 * the exit status. */
struct mb2_info;
int guest_main(uint32_t magic, const struct mb2_info *info);

#endif
