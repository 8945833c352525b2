/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RISC-V's Sv39, Sv48 and Sv57: Privileged 10.4 to 10.6. An entry that grants
 * nothing leads to a table, any other is a leaf, at any level; only leaves have
 * rights.
 *
 * New pages have the accessed and dirty bits set, as processors may fault
 * instead of setting them. Svnapot and Svpbmt are left out: their bits are
 * reserved.
 */
#include "pager/pt/bits.h"
#include "pager/pt/pt_format.h"

#define VALID	 BIT(0)
#define READ	 BIT(1)
#define WRITE	 BIT(2)
#define EXEC	 BIT(3)
#define USER	 BIT(4)
#define GLOBAL	 BIT(5)
#define ACCESSED BIT(6)
#define DIRTY	 BIT(7)
#define SOFTWARE BITS(8, 9)
#define COW	 BIT(8)
#define ALWAYS_0 BITS(54, 63)

/* A page starts at a multiple of its size: the low bits of the PPN are 0. */
#define LEVEL(level_name, level_shift)                                        \
	{                                                                     \
		.name = level_name, .shift = level_shift, .bits = 9,          \
		.any = VALID, .leaf_bits = READ | WRITE | EXEC,               \
		.table_reserved = USER | ACCESSED | DIRTY | ALWAYS_0,         \
		.leaf_reserved = ALWAYS_0 | (BIT((level_shift)-2) - BIT(10)), \
		.table_set = VALID, .leaf_set = VALID | ACCESSED | DIRTY      \
	}
#define LEVEL_256T LEVEL("level 4 PTE", 48)
#define LEVEL_512G LEVEL("level 3 PTE", 39)
#define LEVEL_1G   LEVEL("level 2 PTE", 30)
#define LEVEL_2M   LEVEL("level 1 PTE", 21)
#define LEVEL_4K   LEVEL("level 0 PTE", 12)

/* Write without read is reserved. */
#define BAD_RIGHTS (1U << 2 | 1U << 6)

#define COMMON                                                              \
	.entry_bytes = 8, .sign_extended = true, .addr_mask = BITS(10, 53), \
	.addr_shift = 2, .table = {.kernel_exec = PT_NEVER},                \
	.leaf = {.read = READ,                                              \
		 .write = WRITE,                                            \
		 .exec = EXEC,                                              \
		 .user = USER,                                              \
		 .kernel_exec = PT_NEVER},                                  \
	.rights_field = {.shift = 1, .bits = 3, .bad = BAD_RIGHTS},         \
	.accessed = ACCESSED, .dirty = DIRTY, .global = GLOBAL,             \
	.software = SOFTWARE, .cow = COW

const struct pt_format pt_sv39 = {
	.name = "Sv39",
	.nr_levels = 3,
	.va_bits = 39,
	COMMON,
	.levels = {LEVEL_1G, LEVEL_2M, LEVEL_4K},
};

const struct pt_format pt_sv48 = {
	.name = "Sv48",
	.nr_levels = 4,
	.va_bits = 48,
	COMMON,
	.levels = {LEVEL_512G, LEVEL_1G, LEVEL_2M, LEVEL_4K},
};

const struct pt_format pt_sv57 = {
	.name = "Sv57",
	.nr_levels = 5,
	.va_bits = 57,
	COMMON,
	.levels = {LEVEL_256T, LEVEL_512G, LEVEL_1G, LEVEL_2M, LEVEL_4K},
};

const struct pt_format pt_riscv_bare = {
	.name = "Bare",
	.va_bits = 64,
};
