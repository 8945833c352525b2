/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AArch64: VMSAv8-64, stage 1, 4 KiB granule, 48-bit addresses. DDI 0487 D8.3
 * (descriptors), D8.4 (access permissions).
 *
 * New pages are inner shareable memory of attribute index 0, with the access
 * flag set. Left out: FEAT_LPA2's 52-bit addresses, hardware dirty state
 * (DBM), the contiguous bit (an attribute like others), secure memory.
 */
#include "pager/pt/bits.h"
#include "pager/pt/pt_format.h"

#define VALID BIT(0)
/* Leads to a table, or, at the last level, is a page; 0 is a block. */
#define TABLE	 BIT(1)
#define EL0	 BIT(6) /* AP[1] */
#define READONLY BIT(7) /* AP[2] */
#define INNER	 BITS(8, 9)
#define ACCESSED BIT(10)
#define PXN	 BIT(53)
#define UXN	 BIT(54)
#define SOFTWARE BITS(55, 58)
#define COW	 BIT(55)
/* Of tables: what all below is denied. */
#define PXN_BELOW      BIT(59)
#define UXN_BELOW      BIT(60)
#define EL0_BELOW      BIT(61)
#define READONLY_BELOW BIT(62)

#define BLOCK                                                 \
	.any = VALID, .leaf_bits = TABLE, .leaf_flip = TABLE, \
	.table_set = TABLE | VALID, .leaf_set = VALID | ACCESSED | INNER

const struct pt_format pt_aarch64 = {
	.name = "AArch64, 4 KiB granule",
	.nr_levels = 4,
	.entry_bytes = 8,
	.va_bits = 48,
	.addr_mask = BITS(12, 47),
	.inverted = READONLY | PXN | UXN | PXN_BELOW | UXN_BELOW | EL0_BELOW |
		    READONLY_BELOW,
	.table = {.write = READONLY_BELOW,
		  .exec = UXN_BELOW,
		  .user = EL0_BELOW,
		  .kernel_exec = PXN_BELOW},
	.leaf = {.write = READONLY,
		 .exec = UXN,
		 .user = EL0,
		 .kernel_exec = PXN},
	.accessed = ACCESSED,
	.software = SOFTWARE,
	.cow = COW,
	.levels =
		{
			/* Without blocks: without TABLE an entry is invalid. */
			{.name = "level 0 descriptor",
			 .shift = 39,
			 .bits = 9,
			 .any = VALID,
			 .all = TABLE,
			 .table_set = TABLE | VALID},
			{.name = "level 1 descriptor",
			 .shift = 30,
			 .bits = 9,
			 BLOCK},
			{.name = "level 2 descriptor",
			 .shift = 21,
			 .bits = 9,
			 BLOCK},
			{.name = "level 3 descriptor",
			 .shift = 12,
			 .bits = 9,
			 .any = VALID,
			 .all = TABLE,
			 .leaf_bits = VALID,
			 .leaf_set = TABLE | VALID | ACCESSED | INNER},
		},
};
