/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Not to be run: a guest that uses all of the page-table toolkit, for one format,
 * and nothing else. Its size is the toolkit's.
 */
#include "pager/pt/pt_edit.h"
#include "pager/pt/pt_visit.h"

const void *const ptsize[] __attribute__((section(".used"))) = {
	&pt_x86_64,	  (void *)pt_walk,	(void *)pt_map,
	(void *)pt_unmap, (void *)pt_protect,	(void *)pt_split,
	(void *)pt_merge, (void *)pt_map_table, (void *)pt_unmap_table,
	(void *)pt_visit, (void *)pt_runs,
};
