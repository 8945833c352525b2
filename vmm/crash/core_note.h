/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the notes of a core hold beside NT_PRSTATUS: who writes a core and who
 * reads one share this. QEMU's QEMUCPUState, version 1 (target/i386/arch_dump.c),
 * and one of our own for registers that page tables are read with and QEMU's has
 * no place for.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

struct core_note_segment {
	uint32_t selector, limit, flags, pad;
	uint64_t base;
};

struct core_note_qemu { /* name "QEMU", type 0 */
	uint32_t version, size;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
	struct core_note_segment cs, ds, es, fs, gs, ss;
	struct core_note_segment ldt, tr, gdt, idt;
	uint64_t cr[5];
	uint64_t kernel_gs_base;
};
static_assert(sizeof(struct core_note_qemu) == 440, "as QEMU lays it out");

#define CORE_NOTE_OWN_NAME "FAULTLINE"
#define CORE_NOTE_OWN_TYPE 0x464c /* none of those that debuggers know */

struct core_note_own {
	uint64_t efer;
};
