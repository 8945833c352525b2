/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping: first the whole range is looked at, then it is written, table by
 * table, in order of addresses; a table's neighbouring leaves are one run.
 */
#include "pager/pt/pt_edit.h"

#include "pager/pt/pt_decode.h"
#include "pager/pt/pt_path.h"

/* Entries of an old table that are looked at, and then written, at once. */
#define CHUNK 16

struct map {
	struct pt_path path; /* first: a path's owner */
	enum pt_map_kind kind;
	bool no_alloc;
	unsigned rights; /* of the leaves */
	uint64_t mark;	 /* and other bits of theirs */
	uint64_t max_page;
	unsigned leaves; /* bit n: level n may have some */
	gva_t va, last;
	gpa_t pa;
};

static struct map *map_of(struct pt_path *path)
{
	return (struct map *)path;
}

/* The levels at which leaves can map this range, wholly or in part: they are
 * there, not too large, and va and pa agree below their size. */
static unsigned leaf_levels(const struct pt_space *space, gva_t va, gpa_t pa,
			    uint64_t len, uint64_t max_page)
{
	const struct pt_format *format = space->format;
	unsigned leaves = 0;

	for (unsigned level = 0; level < format->nr_levels; level++) {
		uint64_t size = pt_level_size(format, level);

		if (pt_has_leaves(space, level) && !((va ^ pa) & (size - 1)) &&
		    (size <= max_page || level == pt_last_level(format)) &&
		    pa + (len - 1) <= pt_leaf_reach(space, level))
			leaves |= 1U << level;
	}
	return leaves;
}

static bool leaf_fits(const struct map *m, unsigned level, gva_t va, gva_t last)
{
	uint64_t mask = pt_level_size(m->path.space->format, level) - 1;

	return m->leaves >> level & 1 && !(va & mask) && last - va >= mask;
}

/* Is this present entry the way to a table? */
static enum pt_status expect_table(struct map *m, unsigned level, gva_t va,
				   uint64_t raw)
{
	const struct pt_space *space = m->path.space;
	uint64_t size = pt_level_size(space->format, level);
	gva_t start = va & ~(size - 1);
	bool larger = size > m->max_page || start < m->va ||
		      start + (size - 1) > m->last;

	if (pt_entry_kind(space, level, raw) == PT_KIND_TABLE)
		return PT_OK;
	return pt_path_fail_leaf(&m->path, larger ? PT_LARGE : PT_MAPPED, level,
				 va, raw);
}

/* Can what an absent entry is for be mapped? */
static enum pt_status check_absent(struct map *m, unsigned level, gva_t va,
				   gva_t last)
{
	const struct pt_format *format = m->path.space->format;

	if (leaf_fits(m, level, va, last))
		return PT_OK;
	if (!(m->leaves >> pt_last_level(format)))
		return pt_path_fail(&m->path, PT_OUT_OF_RANGE, level, va,
				    m->pa + (va - m->va));
	return m->no_alloc ? pt_path_fail_table(&m->path, level, va) : PT_OK;
}

static enum pt_status check_entry(struct pt_path *path, unsigned level,
				  gva_t va, gva_t last, uint64_t raw)
{
	struct map *m = map_of(path);
	enum pt_status status;

	if (!pt_is_present(&path->space->format->levels[level], raw))
		return check_absent(m, level, va, last);
	status = expect_table(m, level, va, raw);
	if (status)
		return status;
	pt_path_enter(path, level, va, raw);
	return pt_path_each(path, level + 1, va, last, check_entry);
}

/*
 * How many entries from va's on, up to the one of last, are absent; *raw is the
 * first one. Not all of an old table are looked at in one go.
 */
static enum pt_status count_absent(struct map *m, unsigned level, gva_t va,
				   gva_t last, unsigned *nr, uint64_t *raw)
{
	const struct pt_level *l = &m->path.space->format->levels[level];
	unsigned most = (last >> l->shift) - (va >> l->shift) + 1;
	uint64_t entries[CHUNK];
	enum pt_status status;

	*nr = most;
	if (m->path.at[level].fresh)
		return PT_OK;
	if (most > CHUNK)
		most = CHUNK;
	if (!(m->leaves >> level & 1))
		most = 1;
	status = pt_path_read(&m->path, level, va, entries, most);
	if (status)
		return status;
	*raw = entries[0];
	for (*nr = 0; *nr < most && !pt_is_present(l, entries[*nr]);)
		++*nr;
	return PT_OK;
}

/* Leaves for up to nr entries, as far as they fit; *end is their last byte. */
static enum pt_status map_leaves(struct map *m, unsigned level, gva_t va,
				 gva_t last, unsigned nr, gva_t *end)
{
	const struct pt_format *format = m->path.space->format;
	uint64_t size = pt_level_size(format, level);
	uint64_t fit =
		((last - va - (size - 1)) >> format->levels[level].shift) + 1;
	uint64_t entry;

	if (nr > fit)
		nr = fit;
	/* Where an address is in two pieces, it cannot be counted up. */
	if (format->levels[level].high_mask)
		nr = 1;
	*end = va + (nr * size - 1);
	if (m->kind == PT_MAP_NONE)
		return PT_OK;
	entry = pt_entry_leaf(format, level, m->pa + (va - m->va), m->rights) |
		m->mark;
	return pt_path_write(&m->path, level, va, entry,
			     size >> format->addr_shift, nr);
}

/* A new table for va, of zeros: complete in itself. */
static enum pt_status add_table(struct map *m, unsigned level, gva_t va)
{
	enum pt_status status;
	gpa_t table;

	status = pt_path_alloc(&m->path, level, va, &table);
	if (status)
		return status;
	status = pt_path_link(&m->path, level, va, table, m->rights);
	if (status)
		pt_path_free(&m->path, table);
	m->path.at[level + 1].fresh = true;
	return status;
}

/* Maps [va, last], which are in the table at this level. */
static enum pt_status map_range(struct map *m, unsigned level, gva_t va,
				gva_t last)
{
	const struct pt_format *format = m->path.space->format;
	enum pt_status status;
	uint64_t raw = 0;
	unsigned nr;
	gva_t end;

	do {
		end = pt_slot_last(format, level, va);
		if (end > last)
			end = last;
		status = count_absent(m, level, va, last, &nr, &raw);
		if (status)
			return status;
		if (nr && leaf_fits(m, level, va, last)) {
			status = map_leaves(m, level, va, last, nr, &end);
		} else {
			/* As before; or else somebody else maps here, too. */
			status = nr ? check_absent(m, level, va, end)
				    : expect_table(m, level, va, raw);
			if (!status)
				status = nr ? add_table(m, level, va)
					    : pt_path_widen(&m->path, level, va,
							    raw, m->rights);
			if (!status)
				status = map_range(m, level + 1, va, end);
		}
		va = end + 1;
	} while (!status && end != last);
	return status;
}

/* What the mapping asks for. */
static enum pt_status check_mapping(struct map *m, gpa_t pa, uint64_t len)
{
	const struct pt_space *space = m->path.space;

	if (pa & (pt_page_size(space->format) - 1))
		return pt_path_fail(&m->path, PT_UNALIGNED, 0, m->va, pa);
	if (pa + (len - 1) < pa || !m->leaves)
		return pt_path_fail(&m->path, PT_OUT_OF_RANGE, 0, m->va, pa);
	if (m->kind == PT_MAP_NONE)
		return PT_OK;
	if (m->kind == PT_MAP_COW && !space->format->cow)
		return pt_path_fail(&m->path, PT_BAD_RIGHTS, 0, m->va, 0);
	return pt_path_check_rights(&m->path, m->rights);
}

enum pt_status pt_map(struct pt_space *space, gva_t va, gpa_t pa, uint64_t len,
		      const struct pt_mapping *mapping,
		      struct pt_obstacle *obstacle)
{
	struct map m = {
		.kind = mapping->kind,
		.no_alloc = mapping->no_alloc,
		.rights = mapping->rights,
		.max_page = mapping->max_page ? mapping->max_page : UINT64_MAX,
		.va = va,
		.last = va + (len - 1),
		.pa = pa,
	};
	enum pt_status status =
		pt_path_begin(&m.path, space, va, len, obstacle);

	if (status)
		return status;
	if (m.kind == PT_MAP_COW) {
		m.rights &= ~PT_WRITE;
		m.mark = space->format->cow;
	}
	m.leaves = leaf_levels(space, va, pa, len, m.max_page);
	status = check_mapping(&m, pa, len);
	if (!status)
		status = pt_path_each(&m.path, 0, va, m.last, check_entry);
	return status ? status : map_range(&m, 0, va, m.last);
}

/* Tables below the level's own for [va, last]; its own are counted already. */
static uint64_t tables_below(const struct pt_format *format, unsigned leaves,
			     unsigned level, gva_t va, gva_t last)
{
	unsigned shift = format->levels[level].shift;
	uint64_t mask = pt_level_size(format, level) - 1;
	gva_t head_last = va | mask, tail = last & ~mask;
	uint64_t nr = 0;

	if (level == pt_last_level(format))
		return 0;
	if (!(leaves >> level & 1))
		return (tail >> shift) - (va >> shift) + 1 +
		       tables_below(format, leaves, level + 1, va, last);

	/* Leaves fill all but the first and the last part. */
	if (head_last >= last) {
		if (va & mask || last != head_last)
			nr = 1 +
			     tables_below(format, leaves, level + 1, va, last);
		return nr;
	}
	if (va & mask)
		nr = 1 + tables_below(format, leaves, level + 1, va, head_last);
	if ((last & mask) != mask)
		nr += 1 + tables_below(format, leaves, level + 1, tail, last);
	return nr;
}

uint64_t pt_tables_for(const struct pt_space *space, gva_t va, gpa_t pa,
		       uint64_t len, uint64_t max_page)
{
	unsigned leaves = leaf_levels(space, va, pa, len,
				      max_page ? max_page : UINT64_MAX);

	return tables_below(space->format, leaves, 0, va, va + (len - 1));
}
