/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page-table formats of x86, as data. SDM 3A 4.5, tables 4-15 to 4-20.
 *
 * The bits that pt.c does not use (accessed, dirty, global, memory type) are
 * left 0: write-back memory under the PAT that a CPU starts with.
 */
#include "pager/pt/pt.h"

const struct pt_format pt_x86_64 = {
	.name = "x86-64, 4 levels",
	.nr_levels = 4,
	.va_bits = 48,
	.present = UINT64_C(1) << 0,
	.write = UINT64_C(1) << 1,
	.user = UINT64_C(1) << 2,
	.size = UINT64_C(1) << 7,
	.nx = UINT64_C(1) << 63,
	.addr_mask = UINT64_C(0x000ffffffffff000),
	.levels =
		{
			{.shift = 39, .bits = 9, .leaf = PT_LEAF_NEVER},
			{.shift = 30,
			 .bits = 9,
			 .leaf = PT_LEAF_SIZED,
			 .need = PT_1G},
			{.shift = 21, .bits = 9, .leaf = PT_LEAF_SIZED},
			{.shift = 12, .bits = 9, .leaf = PT_LEAF_ALWAYS},
		},
};
