/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor of 4-level paging as a constant expression, and its parts, which
 * other formats of x86 share. SDM 3A 4.5 (tables 4-15 to 4-20).
 */
#pragma once

#include "pager/pt/bits.h"
#include "pager/pt/pt_format.h"

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
#define LARGE_PAGE                                               \
	.any = PRESENT, .table_set = PRESENT, .leaf_bits = SIZE, \
	.leaf_set = PRESENT | SIZE, .pat = LARGE_PAT

#define GRANTS                                            \
	{                                                 \
		.write = WRITE, .exec = NX, .user = USER, \
		.kernel_exec = PT_NEVER                   \
	}
/* The levels that 4 and 5 level paging share. Between a large leaf's attribute
 * bit PAT and its address bits are reserved ones. */
#define LEVEL_512G                                              \
	{                                                       \
		.name = "PML4E", .shift = 39, .bits = 9, ENTRY, \
		.table_reserved = SIZE                          \
	}
#define LEVEL_1G                                                     \
	{                                                            \
		.name = "PDPTE", .shift = 30, .bits = 9, LARGE_PAGE, \
		.optional_leaf = true, .leaf_reserved = BITS(13, 29) \
	}
#define LEVEL_2M                                                   \
	{                                                          \
		.name = "PDE", .shift = 21, .bits = 9, LARGE_PAGE, \
		.leaf_reserved = BITS(13, 20)                      \
	}
#define LEVEL_4K                                                  \
	{                                                         \
		.name = "PTE", .shift = 12, .bits = 9, SMALL_PAGE \
	}

#define COMMON_64                                                              \
	.entry_bytes = 8, .addr_mask = BITS(12, 51), .inverted = NX,           \
	.table = GRANTS, .leaf = GRANTS, .accessed = ACCESSED, .dirty = DIRTY, \
	.global = GLOBAL, .software = SOFTWARE, .cow = COW

#define FORMAT_X86_64                                                    \
	{                                                                \
		.name = "4-level paging", .nr_levels = 4, .va_bits = 48, \
		.sign_extended = true, COMMON_64,                        \
		.levels = {LEVEL_512G, LEVEL_1G, LEVEL_2M, LEVEL_4K},    \
	}
