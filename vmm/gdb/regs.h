/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's registers as gdb sees them: which there are, in which order, and how
 * a packet carries them.
 *
 * GDB manual, appendix G (Target Descriptions; G.5.15 i386 Features). Left out:
 * AVX and what came after it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In gdb's order for x86-64. */
enum {
	GPR_RAX,
	GPR_RBX,
	GPR_RCX,
	GPR_RDX,
	GPR_RSI,
	GPR_RDI,
	GPR_RBP,
	GPR_RSP,
	GPR_R8, /* and up to R15 */
	REGS_GENERAL = 16,
	REGS_X87 = 8,
	REGS_XMM = 16,
};

enum {
	SEGMENT_CS,
	SEGMENT_SS,
	SEGMENT_DS,
	SEGMENT_ES,
	SEGMENT_FS,
	SEGMENT_GS,
	SEGMENTS,
};

struct regs {
	uint64_t general[REGS_GENERAL];
	uint64_t rip, rflags;
	uint32_t segments[SEGMENTS]; /* selectors */
	uint8_t st[REGS_X87][10];    /* from the stack's top down */
	/* The tag word in its full form: SDM 1 8.1.7. */
	uint32_t fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop;
	uint8_t xmm[REGS_XMM][16];
	uint32_t mxcsr;
	uint64_t fs_base, gs_base, k_gs_base;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer;
};

/* What gdb is told that the processor is: what the program is made for, which
 * stays the same in all of the processor's modes. */
enum regs_layout {
	REGS_64,
	REGS_32, /* the lower halves of the first 8, and no system registers */
	REGS_LAYOUTS,
};

#define REGS_BYTES_MAX 1024 /* of all registers */

/* How many, and the bytes of all of them together. */
unsigned regs_count(enum regs_layout layout);
size_t regs_bytes(enum regs_layout layout);

/* Registers one behind the other, as a 'g' packet has them, and back. */
void regs_get_all(enum regs_layout layout, const struct regs *regs,
		  uint8_t *bytes);
void regs_set_all(enum regs_layout layout, struct regs *regs,
		  const uint8_t *bytes);

/* One register, number < regs_count: up to 16 bytes. Returns its length. What
 * regs_set leaves of a wider one is 0. */
size_t regs_get(enum regs_layout layout, const struct regs *regs,
		unsigned number, uint8_t *bytes);
size_t regs_set(enum regs_layout layout, struct regs *regs, unsigned number,
		const uint8_t *bytes);

/* The target description, from malloc; NULL: out of memory. */
char *regs_describe(enum regs_layout layout);
