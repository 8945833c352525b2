/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as objects of their own: hung in where one lacks, taken out with what
 * is below.
 */
#include "pager/pt/pt_edit.h"

#include <stddef.h>

#include "pager/pt/pt_decode.h"
#include "pager/pt/pt_path.h"

/*
 * To the entry that leads, or would lead, to the table whose entries map pages of
 * this size around va; if the way ends above, to where it ends. *parent is the
 * level of the one, *level that of the other.
 */
static enum pt_status follow(struct pt_path *path, struct pt_space *space,
			     gva_t va, uint64_t page_size, unsigned *parent,
			     unsigned *level, uint64_t *raw,
			     struct pt_obstacle *obstacle)
{
	const struct pt_format *format = space->format;
	enum pt_status status =
		pt_path_begin(path, space, va & ~(pt_page_size(format) - 1),
			      pt_page_size(format), obstacle);

	if (status)
		return status;
	for (*parent = 0; *parent < pt_last_level(format); ++*parent)
		if (pt_level_size(format, *parent + 1) == page_size)
			return pt_path_follow(path, va, *parent, level, raw);
	return pt_path_fail(path, PT_UNALIGNED, 0, va, 0);
}

enum pt_status pt_map_table(struct pt_space *space, gva_t va,
			    uint64_t page_size, gpa_t table,
			    struct pt_obstacle *obstacle)
{
	const struct pt_format *format = space->format;
	unsigned parent, level;
	struct pt_path path;
	uint64_t raw;
	enum pt_status status = follow(&path, space, va, page_size, &parent,
				       &level, &raw, obstacle);

	if (status)
		return status;
	if (pt_is_present(&format->levels[level], raw))
		return pt_path_fail_leaf(&path,
					 level < parent ? PT_LARGE : PT_MAPPED,
					 level, va, raw);
	if (level < parent)
		return pt_path_fail_table(&path, level, va);
	if (table & PAGE_MASK)
		return pt_path_fail(&path, PT_UNALIGNED, level, va, table);
	return pt_path_link(&path, level, va, table, 0);
}

enum pt_status pt_unmap_table(struct pt_space *space, gva_t va,
			      uint64_t page_size, gpa_t *table)
{
	const struct pt_format *format = space->format;
	unsigned parent, level;
	struct pt_path path;
	uint64_t raw;
	enum pt_status status = follow(&path, space, va, page_size, &parent,
				       &level, &raw, NULL);

	if (status)
		return status;
	if (!pt_is_present(&format->levels[level], raw))
		return PT_ABSENT;
	if (pt_is_leaf(&format->levels[level], raw))
		return PT_LARGE;
	*table = pt_table_pa(format, raw);
	return pt_path_write(&path, level, va, 0, 0, 1);
}
