/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this access be made, and if not, how does the processor say so? A walk
 * (pt_walk.h) with the rules of one architecture on top; and which format a
 * processor's registers select.
 *
 * Left out: accessed and dirty bits are asked for where their absence is a fault
 * (RISC-V without hardware updates, AArch64), but never set; the reads that a
 * nested walk makes for the first stage's tables.
 */
#pragma once

#include "pager/pt/pt_walk.h"

enum pt_access_kind {
	PT_ACCESS_READ,
	PT_ACCESS_WRITE,
	PT_ACCESS_FETCH
};

struct pt_access {
	enum pt_access_kind kind;
	bool user; /* ring 3, U mode, EL0 */
};

enum pt_fault_kind {
	PT_FAULT_NONE,
	PT_FAULT_PAGE,	     /* code: see each function */
	PT_FAULT_GENERAL,    /* x86: #GP */
	PT_FAULT_MISCONFIG,  /* EPT: code is the level, 1 the last */
	PT_FAULT_REFUSED,    /* no processor would form this address */
	PT_FAULT_UNREADABLE, /* a table is outside memory (walk.error) */
};

struct pt_fault {
	enum pt_fault_kind kind;
	uint64_t code;
	const char *why; /* a few words; not NULL */
};

/* Which x86 processor: what CPUID says (SDM 3A 4.1.4). */
struct pt_x86_cpu {
	unsigned phys_bits; /* MAXPHYADDR, 32 to 52 */
	bool gb_pages, pse36;
	bool execute_only; /* EPT: pages that can only be executed */
};

/* Everything. */
extern const struct pt_x86_cpu pt_x86_cpu_max;

/* The registers that decide how a linear address is translated. */
struct pt_x86_regs {
	uint64_t cr0, cr3, cr4, efer;
	uint32_t pkru;
	bool ac;       /* EFLAGS.AC */
	bool implicit; /* the access is the processor's own (IDT, TSS) */
};

/*
 * The space that the registers select (SDM 3A 4.1.1): by CR0.PG, CR4.PAE,
 * EFER.LMA (not LME: that only asks) and CR4.LA57. NULL and *space filled in; or
 * why no processor can have these registers, in a few words.
 */
const char *pt_x86_space(struct pt_space *space, const struct pt_mem *mem,
			 const struct pt_x86_regs *regs,
			 const struct pt_x86_cpu *cpu);

/* code: the error code of #PF (SDM 3A 4.7). *walk as pt_walk leaves it. */
struct pt_fault pt_x86_access(const struct pt_space *space,
			      const struct pt_x86_regs *regs, gva_t va,
			      struct pt_access access, struct pt_walk *walk);

/* The space that an EPT pointer selects (SDM 3C 25.6.11): 4 levels, write-back
 * or uncached tables. As pt_x86_space. */
const char *pt_ept_space(struct pt_space *space, const struct pt_mem *mem,
			 uint64_t eptp, const struct pt_x86_cpu *cpu);

/*
 * A guest's access. code: the exit qualification of the violation (SDM 3C table
 * 28-7), with the bits 7 and 8 set: the access was to the translation of a linear
 * address. Of a misconfiguration: the level, 1 the last.
 */
struct pt_fault pt_ept_access(const struct pt_space *space, gpa_t gpa,
			      struct pt_access access, struct pt_walk *walk);

struct pt_riscv_regs {
	uint64_t satp;
	bool sum, mxr; /* sstatus: S may touch U's pages; X implies R */
};
const char *pt_riscv_space(struct pt_space *space, const struct pt_mem *mem,
			   uint64_t satp);

/* code: the exception code of a page fault, 12 fetch, 13 load, 15 store
 * (Privileged 10.3.2, algorithm); why: which rule. */
struct pt_fault pt_riscv_access(const struct pt_space *space,
				const struct pt_riscv_regs *regs, gva_t va,
				struct pt_access access, struct pt_walk *walk);

/* TTBR0's space, of 48-bit addresses. */
const char *pt_aarch64_space(struct pt_space *space, const struct pt_mem *mem,
			     uint64_t ttbr, unsigned phys_bits);

/* code: the fault status code (DDI 0487, ESR_ELx.DFSC): kind << 2 | level. */
struct pt_fault pt_aarch64_access(const struct pt_space *space, gva_t va,
				  struct pt_access access,
				  struct pt_walk *walk);
