/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table formats of x86. SDM 3A 4.3 (tables 4-4 to 4-6), 4.4 (4-8 to
 * 4-11), 4.5 (4-15 to 4-20).
 *
 * New entries leave the attribute bits (global, memory type) 0: write-back
 * memory under the PAT that a CPU starts with.
 */
#include "pager/pt/format_x86.h"

/* Without NX. */
#define GRANTS_32                                                     \
	{                                                             \
		.write = WRITE, .user = USER, .kernel_exec = PT_NEVER \
	}

const struct pt_format pt_x86_64 = FORMAT_X86_64;

const struct pt_format pt_x86_64_la57 = {
	.name = "5-level paging",
	.nr_levels = 5,
	.va_bits = 57,
	.sign_extended = true,
	COMMON_64,
	.levels =
		{
			{.name = "PML5E",
			 .shift = 48,
			 .bits = 9,
			 ENTRY,
			 .table_reserved = SIZE},
			LEVEL_512G,
			LEVEL_1G,
			LEVEL_2M,
			LEVEL_4K,
		},
};

const struct pt_format pt_x86_pae = {
	.name = "PAE paging",
	.nr_levels = 3,
	.va_bits = 32,
	COMMON_64,
	.levels =
		{
			{.name = "PDPTE",
			 .shift = 30,
			 .bits = 2,
			 ENTRY,
			 .no_rights = true,
			 .table_reserved =
				 BITS(1, 2) | BITS(5, 8) | BITS(52, 63)},
			{.name = "PDE",
			 .shift = 21,
			 .bits = 9,
			 LARGE_PAGE,
			 .table_reserved = BITS(52, 62),
			 .leaf_reserved = BITS(13, 20) | BITS(52, 62)},
			{.name = "PTE",
			 .shift = 12,
			 .bits = 9,
			 SMALL_PAGE,
			 .leaf_reserved = BITS(52, 62)},
		},
};

#define COMMON_32                                                         \
	.nr_levels = 2, .entry_bytes = 4, .va_bits = 32,                  \
	.addr_mask = BITS(12, 31), .table = GRANTS_32, .leaf = GRANTS_32, \
	.accessed = ACCESSED, .dirty = DIRTY, .global = GLOBAL,           \
	.software = SOFTWARE, .cow = COW
#define LEVEL_4K_32                                                \
	{                                                          \
		.name = "PTE", .shift = 12, .bits = 10, SMALL_PAGE \
	}

/* PSE-36: bits 13 to 20 of a large leaf are bits 32 to 39 of its address. */
const struct pt_format pt_x86_32 = {
	.name = "32-bit paging",
	COMMON_32,
	.levels =
		{
			{.name = "PDE",
			 .shift = 22,
			 .bits = 10,
			 LARGE_PAGE,
			 .leaf_reserved = BIT(21),
			 .high_mask = BITS(13, 20),
			 .high_shift = 32 - 13},
			LEVEL_4K_32,
		},
};

/* Without CR4.PSE the size bit means nothing. */
const struct pt_format pt_x86_32_small = {
	.name = "32-bit paging without PSE",
	COMMON_32,
	.levels =
		{
			{.name = "PDE", .shift = 22, .bits = 10, ENTRY},
			LEVEL_4K_32,
		},
};

const struct pt_format pt_x86_off = {
	.name = "no paging",
	.va_bits = 32,
};
