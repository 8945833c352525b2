/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended page tables: guest-physical to host-physical addresses. SDM 3C 29.3.2
 * (tables 29-1 to 29-7), 29.3.3.1 (misconfigurations).
 *
 * New pages are write-back memory. Left out: mode-based execute control,
 * supervisor shadow stacks, sub-page permissions; their bits are ignored.
 */
#include "pager/pt/bits.h"
#include "pager/pt/pt_format.h"

#define READ	 BIT(0)
#define WRITE	 BIT(1)
#define EXEC	 BIT(2)
#define ANY	 (READ | WRITE | EXEC)
#define SIZE	 BIT(7)
#define ACCESSED BIT(8)
#define DIRTY	 BIT(9)
#define SOFTWARE (BIT(11) | BITS(52, 56))
#define COW	 BIT(52)

#define TYPE_SHIFT 3
#define WRITE_BACK (UINT64_C(6) << TYPE_SHIFT)

/* Write access without read access. */
#define BAD_RIGHTS (1U << 2 | 1U << 6)
/* Memory types 2, 3 and 7 do not exist. */
#define BAD_TYPES (1U << 2 | 1U << 3 | 1U << 7)

#define GRANTS                                                                \
	{                                                                     \
		.read = READ, .write = WRITE, .exec = EXEC, .user = PT_NEVER, \
		.kernel_exec = PT_NEVER                                       \
	}

const struct pt_format pt_ept = {
	.name = "EPT",
	.nr_levels = 4,
	.entry_bytes = 8,
	.va_bits = 48,
	.addr_mask = BITS(12, 51),
	.table = GRANTS,
	.leaf = GRANTS,
	.rights_field = {.shift = 0, .bits = 3, .bad = BAD_RIGHTS},
	.type_field = {.shift = TYPE_SHIFT, .bits = 3, .bad = BAD_TYPES},
	.accessed = ACCESSED,
	.dirty = DIRTY,
	.software = SOFTWARE,
	.cow = COW,
	.levels =
		{
			{.name = "EPT PML4E",
			 .shift = 39,
			 .bits = 9,
			 .any = ANY,
			 .table_reserved = BITS(3, 7)},
			{.name = "EPT PDPTE",
			 .shift = 30,
			 .bits = 9,
			 .any = ANY,
			 .leaf_bits = SIZE,
			 .optional_leaf = true,
			 .table_reserved = BITS(3, 6),
			 .leaf_reserved = BITS(12, 29),
			 .leaf_set = SIZE | WRITE_BACK},
			{.name = "EPT PDE",
			 .shift = 21,
			 .bits = 9,
			 .any = ANY,
			 .leaf_bits = SIZE,
			 .table_reserved = BITS(3, 6),
			 .leaf_reserved = BITS(12, 20),
			 .leaf_set = SIZE | WRITE_BACK},
			{.name = "EPT PTE",
			 .shift = 12,
			 .bits = 9,
			 .any = ANY,
			 .leaf_bits = ANY,
			 .leaf_set = WRITE_BACK},
		},
};
