/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table formats of x86, as data. SDM 3A 4.3 (tables 4-4 to 4-6), 4.4
 * (4-8 to 4-11), 4.5 (4-15 to 4-20).
 *
 * The bits that pt.c does not use (accessed, dirty, global, memory type) are
 * left 0: write-back memory under the PAT that a CPU starts with.
 */
#include "pager/pt/pt.h"

#define BIT(n) (UINT64_C(1) << (n))
/* Bits low to high, both included. */
#define BITS(low, high) ((BIT((high) - (low)) * 2 - 1) << (low))

/* The same in all of them. */
#define PRESENT BIT(0)
#define WRITE	BIT(1)
#define USER	BIT(2)
#define SIZE	BIT(7)
#define NX	BIT(63)

/* The levels that 4 and 5 level paging share. Between a large leaf's attribute
 * bit PAT (12) and its address bits are reserved ones. */
#define LEVEL_512G                                             \
	{                                                      \
		.shift = 39, .bits = 9, .table_reserved = SIZE \
	}
#define LEVEL_1G                                                              \
	{                                                                     \
		.shift = 30, .bits = 9, .leaf = PT_LEAF_SIZED, .need = PT_1G, \
		.leaf_reserved = BITS(13, 29)                                 \
	}
#define LEVEL_2M                                               \
	{                                                      \
		.shift = 21, .bits = 9, .leaf = PT_LEAF_SIZED, \
		.leaf_reserved = BITS(13, 20)                  \
	}
#define LEVEL_4K                                               \
	{                                                      \
		.shift = 12, .bits = 9, .leaf = PT_LEAF_ALWAYS \
	}

const struct pt_format pt_x86_64 = {
	.name = "4-level paging",
	.nr_levels = 4,
	.entry_bytes = 8,
	.va_bits = 48,
	.sign_extended = true,
	.present = PRESENT,
	.write = WRITE,
	.user = USER,
	.size = SIZE,
	.nx = NX,
	.addr_mask = BITS(12, 51),
	.levels = {LEVEL_512G, LEVEL_1G, LEVEL_2M, LEVEL_4K},
};

const struct pt_format pt_x86_64_la57 = {
	.name = "5-level paging",
	.nr_levels = 5,
	.entry_bytes = 8,
	.va_bits = 57,
	.sign_extended = true,
	.present = PRESENT,
	.write = WRITE,
	.user = USER,
	.size = SIZE,
	.nx = NX,
	.addr_mask = BITS(12, 51),
	.levels =
		{
			{.shift = 48, .bits = 9, .table_reserved = SIZE},
			LEVEL_512G,
			LEVEL_1G,
			LEVEL_2M,
			LEVEL_4K,
		},
};

const struct pt_format pt_x86_pae = {
	.name = "PAE paging",
	.nr_levels = 3,
	.entry_bytes = 8,
	.va_bits = 32,
	.present = PRESENT,
	.write = WRITE,
	.user = USER,
	.size = SIZE,
	.nx = NX,
	.addr_mask = BITS(12, 51),
	.levels =
		{
			{.shift = 30,
			 .bits = 2,
			 .no_rights = true,
			 .table_reserved =
				 BITS(1, 2) | BITS(5, 8) | BITS(52, 63)},
			{.shift = 21,
			 .bits = 9,
			 .leaf = PT_LEAF_SIZED,
			 .table_reserved = BITS(52, 62),
			 .leaf_reserved = BITS(13, 20) | BITS(52, 62)},
			{.shift = 12,
			 .bits = 9,
			 .leaf = PT_LEAF_ALWAYS,
			 .leaf_reserved = BITS(52, 62)},
		},
};

/* PSE-36: bits 13 to 20 of a large leaf are bits 32 to 39 of its address. */
const struct pt_format pt_x86_32 = {
	.name = "32-bit paging",
	.nr_levels = 2,
	.entry_bytes = 4,
	.va_bits = 32,
	.present = PRESENT,
	.write = WRITE,
	.user = USER,
	.size = SIZE,
	.addr_mask = BITS(12, 31),
	.levels =
		{
			{.shift = 22,
			 .bits = 10,
			 .leaf = PT_LEAF_SIZED,
			 .leaf_reserved = BIT(21),
			 .high_mask = BITS(13, 20),
			 .high_shift = 32 - 13},
			{.shift = 12, .bits = 10, .leaf = PT_LEAF_ALWAYS},
		},
};

/* Without CR4.PSE the size bit means nothing. */
const struct pt_format pt_x86_32_small = {
	.name = "32-bit paging without PSE",
	.nr_levels = 2,
	.entry_bytes = 4,
	.va_bits = 32,
	.present = PRESENT,
	.write = WRITE,
	.user = USER,
	.addr_mask = BITS(12, 31),
	.levels =
		{
			{.shift = 22, .bits = 10},
			{.shift = 12, .bits = 10, .leaf = PT_LEAF_ALWAYS},
		},
};
