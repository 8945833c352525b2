/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table formats of x86. SDM 3A 4.3 (tables 4-4 to 4-6), 4.4 (4-8 to
 * 4-11), 4.5 (4-15 to 4-20).
 *
 * New entries leave the attribute bits (global, memory type) 0: write-back
 * memory under the PAT that a CPU starts with.
 */
#include "pager/pt/pt_format.h"

#define BIT(n) (UINT64_C(1) << (n))
/* Bits low to high, both included. */
#define BITS(low, high) ((BIT((high) - (low)) * 2 - 1) << (low))

/* The same in all of them. */
#define PRESENT	 BIT(0)
#define WRITE	 BIT(1)
#define USER	 BIT(2)
#define ACCESSED BIT(5)
#define DIRTY	 BIT(6)
#define SIZE	 BIT(7)
#define GLOBAL	 BIT(8)
#define SOFTWARE BITS(9, 11)
#define COW	 BIT(9)
#define NX	 BIT(63)
/* PAT: of a small page, and of a large one. */
#define PAT	  BIT(7)
#define LARGE_PAT BIT(12)

#define ENTRY .any = PRESENT, .table_set = PRESENT, .leaf_set = PRESENT
/* Entries that always, by the size bit, or never are leaves. */
#define SMALL_PAGE ENTRY, .leaf_bits = PRESENT, .pat = PAT
#define LARGE_PAGE                                                 \
	.any = PRESENT, .table_set = PRESENT, .leaf_bits = SIZE, \
	.leaf_set = PRESENT | SIZE, .pat = LARGE_PAT

#define GRANTS                                        \
	{                                             \
		.write = WRITE, .exec = NX, .user = USER, \
		.kernel_exec = PT_NEVER               \
	}
/* Without NX. */
#define GRANTS_32 {.write = WRITE, .user = USER, .kernel_exec = PT_NEVER}

/* The levels that 4 and 5 level paging share. Between a large leaf's attribute
 * bit PAT and its address bits are reserved ones. */
#define LEVEL_512G                                                  \
	{                                                           \
		.name = "PML4E", .shift = 39, .bits = 9, ENTRY, \
		.table_reserved = SIZE                              \
	}
#define LEVEL_1G                                                          \
	{                                                                 \
		.name = "PDPTE", .shift = 30, .bits = 9, LARGE_PAGE,      \
		.optional_leaf = true, .leaf_reserved = BITS(13, 29)      \
	}
#define LEVEL_2M                                                     \
	{                                                            \
		.name = "PDE", .shift = 21, .bits = 9, LARGE_PAGE,   \
		.leaf_reserved = BITS(13, 20)                        \
	}
#define LEVEL_4K {.name = "PTE", .shift = 12, .bits = 9, SMALL_PAGE}

#define COMMON_64                                                           \
	.entry_bytes = 8, .addr_mask = BITS(12, 51), .inverted = NX,        \
	.table = GRANTS, .leaf = GRANTS, .accessed = ACCESSED,              \
	.dirty = DIRTY, .global = GLOBAL, .software = SOFTWARE, .cow = COW

const struct pt_format pt_x86_64 = {
	.name = "4-level paging",
	.nr_levels = 4,
	.va_bits = 48,
	.sign_extended = true,
	COMMON_64,
	.levels = {LEVEL_512G, LEVEL_1G, LEVEL_2M, LEVEL_4K},
};

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

#define COMMON_32                                                          \
	.nr_levels = 2, .entry_bytes = 4, .va_bits = 32,                   \
	.addr_mask = BITS(12, 31), .table = GRANTS_32, .leaf = GRANTS_32,  \
	.accessed = ACCESSED, .dirty = DIRTY, .global = GLOBAL,            \
	.software = SOFTWARE, .cow = COW
#define LEVEL_4K_32 {.name = "PTE", .shift = 12, .bits = 10, SMALL_PAGE}

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
