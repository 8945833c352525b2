/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large pages as tables of smaller ones, and back. What a processor sees is the
 * same mapping before and after: frames, rights, attributes.
 */
#include "pager/pt/pt_edit.h"

#include "pager/pt/pt_decode.h"
#include "pager/pt/pt_path.h"

/* A path to the page of va, and the level whose leaves have this size. */
static enum pt_status begin(struct pt_path *path, struct pt_space *space,
			    gva_t va, uint64_t page_size, unsigned *level,
			    struct pt_obstacle *obstacle)
{
	const struct pt_format *format = space->format;
	enum pt_status status =
		pt_path_begin(path, space, va & ~(pt_page_size(format) - 1),
			      pt_page_size(format), obstacle);

	if (status)
		return status;
	for (*level = 0; *level < format->nr_levels; ++*level)
		if (pt_level_size(format, *level) == page_size &&
		    pt_has_leaves(space, *level))
			return PT_OK;
	return pt_path_fail(path, PT_UNALIGNED, 0, va, 0);
}

/*
 * The leaf of the level `to` that maps pa as `raw`, one of the level `from`, maps
 * its page. Attribute bits stay where they are, but for those that tell leaves of
 * the two levels apart, and the one that each has in a place of its own.
 */
static uint64_t convert(const struct pt_format *format, unsigned from,
			unsigned to, uint64_t raw, gpa_t pa)
{
	const struct pt_level *old = &format->levels[from];
	const struct pt_level *new = &format->levels[to];
	bool pat = raw & old->pat;

	raw &= ~(format->addr_mask | old->pat);
	raw &= ~(old->leaf_set & ~new->leaf_set);
	raw |= new->leaf_set & ~old->leaf_set;
	return raw | (pat ? new->pat : 0) | pt_address_bits(format, to, pa);
}

/* --- split --- */

/* Fills a new table with what the leaf `raw` maps. */
static enum pt_status fill_table(struct pt_path *path, unsigned level, gva_t va,
				 uint64_t raw, gpa_t *table)
{
	const struct pt_format *format = path->space->format;
	gpa_t pa = pt_leaf_pa(format, level, raw);
	uint64_t size = pt_level_size(format, level + 1);
	uint64_t first = convert(format, level, level + 1, raw, pa);
	gva_t start = va & ~(pt_level_size(format, level) - 1);
	enum pt_status status;

	if (pa + (pt_level_size(format, level) - 1) >
	    pt_leaf_reach(path->space, level + 1))
		return pt_path_fail(path, PT_OUT_OF_RANGE, level, va, pa);
	path->at[level + 1].table = *table;
	path->detached = level + 1;
	status = pt_path_write(path, level + 1, start, first,
			       size >> format->addr_shift,
			       pt_level_entries(format, level + 1));
	path->detached = 0;
	*table = path->at[level + 1].table;
	return status;
}

/* A table in the place of the leaf. */
static enum pt_status split_leaf(struct pt_path *path, unsigned level, gva_t va,
				 uint64_t raw)
{
	const struct pt_format *format = path->space->format;
	unsigned rights = pt_entry_rights(format, &format->leaf, level, raw);
	enum pt_status status;
	gpa_t table;

	status = pt_path_alloc(path, level, va, &table);
	if (status)
		return status;
	status = fill_table(path, level, va, raw, &table);
	if (!status)
		status = pt_path_link(path, level, va, table, rights);
	if (status)
		pt_path_free(path, table);
	return status;
}

enum pt_status pt_split(struct pt_space *space, gva_t va, uint64_t page_size,
			struct pt_obstacle *obstacle)
{
	const struct pt_format *format = space->format;
	unsigned wanted, level;
	struct pt_path path;
	uint64_t raw;
	enum pt_status status =
		begin(&path, space, va, page_size, &wanted, obstacle);

	while (!status) {
		status = pt_path_follow(&path, va, wanted, &level, &raw);
		if (status)
			break;
		if (!pt_is_present(&format->levels[level], raw))
			return pt_path_fail(&path, PT_ABSENT, level, va, 0);
		/* Small enough, or made of smaller ones. */
		if (level == wanted)
			break;
		status = split_leaf(&path, level, va, raw);
	}
	return status;
}

/* --- merge --- */

struct merge {
	struct pt_path path; /* first: a path's owner */
	bool begun;
	uint64_t first;	 /* the first entry */
	uint64_t next;	 /* what must follow, but for `joined` bits */
	uint64_t joined; /* accessed and dirty, if any entry has them */
};

/* The entries of the table, one after the other. */
static enum pt_status merge_entry(struct pt_path *path, unsigned level,
				  gva_t va, gva_t last, uint64_t raw)
{
	const struct pt_format *format = path->space->format;
	struct merge *m = (struct merge *)path;
	enum pt_kind kind = pt_entry_kind(path->space, level, raw);
	uint64_t join = format->accessed | format->dirty;

	(void)last;
	if (kind == PT_KIND_ABSENT)
		return pt_path_fail(path, PT_ABSENT, level, va, 0);
	if (!m->begun) {
		m->begun = true;
		m->first = raw;
		m->next = raw & ~join;
	}
	if (kind != PT_KIND_LEAF || (raw & ~join) != m->next)
		return pt_path_fail_leaf(path, PT_MAPPED, level, va, raw);
	m->next += pt_level_size(format, level) >> format->addr_shift;
	m->joined |= raw & join;
	return PT_OK;
}

/* One leaf in the place of the table that `table_raw` leads to. What the table
 * denies to all its pages, the leaf denies. */
static enum pt_status merge_table(struct merge *m, unsigned level, gva_t va,
				  uint64_t table_raw)
{
	struct pt_path *path = &m->path;
	const struct pt_format *format = path->space->format;
	gpa_t pa = pt_leaf_pa(format, level + 1, m->first);
	unsigned has =
		pt_entry_rights(format, &format->leaf, level + 1, m->first);
	unsigned rights =
		has & pt_entry_rights(format, &format->table, level, table_raw);
	uint64_t raw =
		convert(format, level + 1, level, m->first | m->joined, pa);
	enum pt_status status = PT_OK;

	if (pa & (pt_level_size(format, level) - 1))
		return pt_path_fail(path, PT_UNALIGNED, level, va, pa);
	if (rights != has) {
		status = pt_path_check_rights(path, rights);
		raw = pt_set_rights(format, &format->leaf, raw, rights);
	}
	if (!status)
		status = pt_path_write(path, level, va, raw, 0, 1);
	if (!status)
		pt_path_free(path, path->at[level + 1].table);
	return status;
}

enum pt_status pt_merge(struct pt_space *space, gva_t va, uint64_t page_size,
			struct pt_obstacle *obstacle)
{
	const struct pt_format *format = space->format;
	struct merge m = {.begun = false};
	unsigned wanted, level;
	uint64_t raw;
	gva_t start = va & ~(page_size - 1);
	enum pt_status status =
		begin(&m.path, space, va, page_size, &wanted, obstacle);

	if (!status)
		status = pt_path_follow(&m.path, va, wanted, &level, &raw);
	if (status)
		return status;
	if (!pt_is_present(&format->levels[level], raw))
		return pt_path_fail(&m.path, PT_ABSENT, level, va, 0);
	if (level < wanted)
		return pt_path_fail_leaf(&m.path, PT_LARGE, level, va, raw);
	if (pt_is_leaf(&format->levels[level], raw))
		return PT_OK;
	pt_path_enter(&m.path, level, va, raw);
	status = pt_path_each(&m.path, level + 1, start,
			      start + (page_size - 1), merge_entry);
	return status ? status : merge_table(&m, level, start, raw);
}
