/* SPDX-License-Identifier: Apache-2.0 */
#include "pager/pt/pt_walk.h"

#include "pager/pt/pt_decode.h"

const char *pt_status_name(enum pt_status status)
{
	static const char *const names[PT_NR_STATUSES] = {
		[PT_OK] = "ok",
		[PT_ABSENT] = "absent",
		[PT_RESERVED] = "reserved bits set",
		[PT_NOT_CANONICAL] = "not canonical",
		[PT_TOO_WIDE] = "address too wide",
		[PT_UNREADABLE] = "table unreadable",
		[PT_MAPPED] = "already mapped",
		[PT_LARGE] = "inside a large page",
		[PT_NO_MEMORY] = "no memory for a table",
		[PT_UNALIGNED] = "unaligned",
		[PT_OUT_OF_RANGE] = "out of range",
		[PT_NO_TABLE] = "table missing",
		[PT_BAD_RIGHTS] = "no such rights",
		[PT_UNWRITABLE] = "entry not writable",
	};

	return names[status];
}

/* What all entries on the way grant: the tables, and the leaf alone. */
static unsigned path_rights(const struct pt_format *format, uint64_t tables,
			    unsigned level, uint64_t leaf)
{
	return pt_rights(&format->table, tables) &
	       pt_rights(&format->leaf, pt_granting(format, level, leaf));
}

/* The identity: no tables, no rights to be denied. */
static enum pt_status walk_nothing(gva_t va, struct pt_walk *walk)
{
	walk->page_size = PAGE_SIZE;
	walk->pa = va;
	walk->rights = PT_READ | PT_WRITE | PT_EXEC | PT_USER;
	return PT_OK;
}

enum pt_status pt_walk(const struct pt_space *space, gva_t va,
		       struct pt_walk *walk)
{
	const struct pt_format *format = space->format;
	const struct pt_mem *mem = space->mem;
	uint64_t granting = UINT64_MAX, raw;
	gpa_t table = space->root, at;

	walk->nr_read = 0;
	if (!pt_is_canonical(format, va))
		return format->sign_extended ? PT_NOT_CANONICAL : PT_TOO_WIDE;
	for (unsigned level = 0; level < format->nr_levels; level++) {
		const struct pt_level *l = &format->levels[level];

		at = pt_entry_at(format, table, pt_index(format, level, va));
		walk->path[level].at = at;
		walk->nr_read = level + 1;
		walk->page_size = UINT64_C(1) << l->shift;
		walk->error =
			mem->read(mem->ctx, at, format->entry_bytes, &raw, 1);
		if (walk->error)
			return PT_UNREADABLE;
		walk->path[level].raw = raw;
		if (!pt_is_present(l, raw))
			return PT_ABSENT;
		walk->reserved = pt_wrong_bits(space, level, raw);
		if (walk->reserved)
			return PT_RESERVED;
		if (pt_is_leaf(l, raw)) {
			walk->pa = pt_leaf_pa(format, level, raw) |
				   (va & (walk->page_size - 1));
			walk->rights =
				path_rights(format, granting, level, raw);
			return PT_OK;
		}
		granting &= pt_granting(format, level, raw);
		table = pt_table_pa(format, raw);
	}
	return walk_nothing(va, walk);
}
