/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking and building page tables of any format in pt.h.
 *
 * The one idea: ranges are kept by their last byte, as the last page of the
 * space ends at 2^64, and each step asks one question of one level: does a leaf
 * of this size fit here?
 */
#include "pager/pt/pt.h"

#include <errno.h>
#include <stddef.h>

/* Bytes that one entry of the level maps. */
static uint64_t level_size(const struct pt_format *format, unsigned level)
{
	return UINT64_C(1) << format->levels[level].shift;
}

static gpa_t entry_gpa(const struct pt_format *format, gpa_t table, gva_t va,
		       unsigned level)
{
	uint64_t index = va >> format->levels[level].shift;

	index &= (UINT64_C(1) << format->levels[level].bits) - 1;
	return table + index * format->entry_bytes;
}

static bool is_leaf(const struct pt_format *format, unsigned level,
		    uint64_t entry)
{
	switch (format->levels[level].leaf) {
	case PT_LEAF_ALWAYS:
		return true;
	case PT_LEAF_SIZED:
		return entry & format->size;
	case PT_LEAF_NEVER:
		break;
	}
	return false;
}

static bool is_canonical(const struct pt_format *format, gva_t va)
{
	uint64_t high = va >> (format->va_bits - 1);

	if (!format->sign_extended)
		return high <= 1;
	return high == 0 || high == UINT64_MAX >> (format->va_bits - 1);
}

/* Has the entry, which is present, bits set that must not be? */
static bool is_malformed(const struct pt_format *format, unsigned level,
			 uint64_t entry)
{
	const struct pt_level *l = &format->levels[level];

	return entry & (is_leaf(format, level, entry) ? l->leaf_reserved
						      : l->table_reserved);
}

/* The rights of the levels above, less what the entry takes away. */
static unsigned rights(const struct pt_format *format, unsigned level,
		       uint64_t entry, unsigned flags)
{
	if (format->levels[level].no_rights)
		return flags;
	if (!(entry & format->write))
		flags &= ~PT_WRITE;
	if (!(entry & format->user))
		flags &= ~PT_USER;
	if (entry & format->nx)
		flags |= PT_NX;
	return flags;
}

/* Where the leaf's page starts. Below the page's size an entry has attributes,
 * not address bits. */
static gpa_t leaf_pa(const struct pt_format *format, unsigned level,
		     uint64_t entry)
{
	const struct pt_level *l = &format->levels[level];

	return (entry & format->addr_mask & ~(level_size(format, level) - 1)) |
	       (entry & l->high_mask) << l->high_shift;
}

int pt_walk(const struct pt_space *space, gva_t va, struct pt_walk *walk)
{
	const struct pt_format *format = space->format;
	const struct pt_mem *mem = space->mem;
	gpa_t table = space->root;
	unsigned level;
	int error;

	if (!is_canonical(format, va))
		return -EINVAL;
	walk->flags = PT_WRITE | PT_USER;
	for (level = 0;; level++) {
		walk->level = level;
		walk->page_size = level_size(format, level);
		walk->entry_gpa = entry_gpa(format, table, va, level);
		error = mem->read(mem->ctx, walk->entry_gpa, &walk->entry);
		if (error)
			return error;
		if (!(walk->entry & format->present))
			return -ENOENT;
		if (is_malformed(format, level, walk->entry))
			return -EBADMSG;
		walk->flags = rights(format, level, walk->entry, walk->flags);
		if (is_leaf(format, level, walk->entry))
			break;
		table = walk->entry & format->addr_mask;
	}
	walk->pa = leaf_pa(format, level, walk->entry) |
		   (va & (walk->page_size - 1));
	return 0;
}

int pt_translate(const struct pt_space *space, gva_t va, gpa_t *pa,
		 uint64_t *page_size)
{
	struct pt_walk walk;
	int error = pt_walk(space, va, &walk);

	if (error)
		return error;
	*pa = walk.pa;
	*page_size = walk.page_size;
	return 0;
}

/* May the level have leaves, and do va and pa agree below their size? */
static bool leaves_allowed(const struct pt_format *format, unsigned level,
			   gva_t va, gpa_t pa, unsigned flags)
{
	unsigned need = format->levels[level].need;

	return format->levels[level].leaf != PT_LEAF_NEVER &&
	       (flags & need) == need &&
	       !((va ^ pa) & (level_size(format, level) - 1));
}

static int check_range(const struct pt_format *format, gva_t va, gpa_t pa,
		       uint64_t len)
{
	uint64_t page = level_size(format, format->nr_levels - 1);
	uint64_t max_pa = format->addr_mask | (page - 1);
	gva_t last = va + (len - 1);

	if (!len || ((va | pa | len) & (page - 1)) || last < va)
		return -EINVAL;
	if (!is_canonical(format, va) || !is_canonical(format, last))
		return -EINVAL;
	/* Not from one half into the other. */
	if (format->sign_extended && (va ^ last) >> (format->va_bits - 1))
		return -EINVAL;
	if (pa > max_pa || len - 1 > max_pa - pa)
		return -EINVAL;
	return 0;
}

/* 0 when nothing in [va, last] is mapped, else -EEXIST and the first frame. */
static int check_absent(const struct pt_space *space, gva_t va, gva_t last,
			gpa_t *existing)
{
	struct pt_walk walk;
	gva_t slot_last;
	int error;

	for (;;) {
		error = pt_walk(space, va, &walk);
		if (!error && existing)
			*existing = walk.pa;
		if (!error)
			return -EEXIST;
		if (error != -ENOENT)
			return error;
		slot_last = va | (walk.page_size - 1);
		if (slot_last >= last)
			return 0;
		va = slot_last + 1;
	}
}

/* The table below the entry at an address: one that is there, or a new one. */
static int next_table(const struct pt_space *space, unsigned level, gpa_t at,
		      uint64_t entry, unsigned flags, gpa_t *table)
{
	const struct pt_format *format = space->format;
	const struct pt_mem *mem = space->mem;
	bool no_rights = format->levels[level].no_rights;
	uint64_t user = flags & PT_USER ? format->user : 0, wide;
	int error;

	if (entry & format->present) {
		*table = entry & format->addr_mask;
		if (no_rights)
			return 0;
		wide = entry | user;
		if (flags & PT_WRITE)
			wide |= format->write;
		if (!(flags & PT_NX))
			wide &= ~format->nx;
		return wide == entry ? 0 : mem->write(mem->ctx, at, wide);
	}
	error = mem->alloc(mem->ctx, table);
	if (error)
		return error;
	wide = *table | format->present;
	if (!no_rights)
		wide |= format->write | user;
	return mem->write(mem->ctx, at, wide);
}

static uint64_t leaf_entry(const struct pt_format *format, unsigned level,
			   gpa_t pa, unsigned flags)
{
	uint64_t entry = pa | format->present;

	if (flags & PT_WRITE)
		entry |= format->write;
	if (flags & PT_USER)
		entry |= format->user;
	if (flags & PT_NX)
		entry |= format->nx;
	if (format->levels[level].leaf == PT_LEAF_SIZED)
		entry |= format->size;
	return entry;
}

static bool leaf_fits(const struct pt_format *format, unsigned level, gva_t va,
		      gva_t last, gpa_t pa, unsigned flags)
{
	uint64_t mask = level_size(format, level) - 1;

	return leaves_allowed(format, level, va, pa, flags) && !(va & mask) &&
	       last - va >= mask;
}

/*
 * Writes the one leaf that starts at va and does not pass last; *size is what
 * it maps. A table that is there already, if an empty one, is kept.
 */
static int map_leaf(const struct pt_space *space, gva_t va, gva_t last,
		    gpa_t pa, unsigned flags, uint64_t *size)
{
	const struct pt_format *format = space->format;
	const struct pt_mem *mem = space->mem;
	gpa_t table = space->root, at;
	unsigned level;
	uint64_t entry;
	bool present;
	int error;

	for (level = 0;; level++) {
		at = entry_gpa(format, table, va, level);
		*size = level_size(format, level);
		error = mem->read(mem->ctx, at, &entry);
		if (error)
			return error;
		present = entry & format->present;
		if (!present && leaf_fits(format, level, va, last, pa, flags))
			break;
		/* Absent a moment ago: somebody else maps here too. */
		if (present && is_leaf(format, level, entry))
			return -EEXIST;
		error = next_table(space, level, at, entry, flags, &table);
		if (error)
			return error;
	}
	return mem->write(mem->ctx, at, leaf_entry(format, level, pa, flags));
}

int pt_map(const struct pt_space *space, gva_t va, gpa_t pa, uint64_t len,
	   unsigned flags, gpa_t *existing)
{
	gva_t last = va + (len - 1);
	uint64_t size;
	int error = check_range(space->format, va, pa, len);

	if (!error)
		error = check_absent(space, va, last, existing);
	if (error)
		return error;
	for (;;) {
		error = map_leaf(space, va, last, pa, flags, &size);
		if (error || last - va == size - 1)
			return error;
		va += size;
		pa += size;
	}
}

/* Tables below the level's own for [va, last]; its own are counted already. */
static uint64_t tables_below(const struct pt_format *format, unsigned level,
			     gva_t va, gva_t last, gpa_t pa, unsigned flags)
{
	uint64_t size = level_size(format, level), mask = size - 1;
	gva_t head_last = va | mask, tail = last & ~mask;
	uint64_t nr = 0;

	if (level == format->nr_levels - 1)
		return 0;
	if (!leaves_allowed(format, level, va, pa, flags))
		return (tail >> format->levels[level].shift) -
		       (va >> format->levels[level].shift) + 1 +
		       tables_below(format, level + 1, va, last, pa, flags);

	/* Leaves fill all but the first and the last part. */
	if (head_last >= last) {
		if (va & mask || last != head_last)
			nr = 1 + tables_below(format, level + 1, va, last, pa,
					      flags);
		return nr;
	}
	if (va & mask)
		nr = 1 +
		     tables_below(format, level + 1, va, head_last, pa, flags);
	if ((last & mask) != mask)
		nr += 1 + tables_below(format, level + 1, tail, last,
				       pa + (tail - va), flags);
	return nr;
}

uint64_t pt_tables_for(const struct pt_format *format, gva_t va, gpa_t pa,
		       uint64_t len, unsigned flags)
{
	return tables_below(format, 0, va, va + (len - 1), pa, flags);
}

/* Where a scan stands: from the root to the table that it is in. */
struct position {
	struct {
		gpa_t table;
		uint64_t index; /* of the entry after the last one looked at */
		unsigned flags; /* rights so far */
	} at[PT_MAX_LEVELS];
	unsigned level;
};

/* A run that may go on. */
struct open_run {
	gva_t va;
	gpa_t pa;
	uint64_t len; /* 0: none */
	unsigned flags;
	pt_run_fn run;
	void *ctx;
};

static int close_run(struct open_run *open)
{
	uint64_t len = open->len;

	open->len = 0;
	return len ? open->run(open->ctx, open->va, open->pa, len, open->flags)
		   : 0;
}

static int add_leaf(struct open_run *open, gva_t va, gpa_t pa, uint64_t len,
		    unsigned flags)
{
	int rc;

	if (open->len && open->va + open->len == va &&
	    open->pa + open->len == pa && open->flags == flags) {
		open->len += len;
		return 0;
	}
	rc = close_run(open);
	if (rc)
		return rc;
	open->va = va;
	open->pa = pa;
	open->len = len;
	open->flags = flags;
	return 0;
}

/* The address that the position's next entry is about. */
static gva_t position_va(const struct pt_format *format,
			 const struct position *p)
{
	gva_t va = p->at[p->level].index << format->levels[p->level].shift;

	for (unsigned i = 0; i < p->level; i++)
		va += (p->at[i].index - 1) << format->levels[i].shift;
	if (format->sign_extended && va >> (format->va_bits - 1) & 1)
		va |= UINT64_MAX << (format->va_bits - 1);
	return va;
}

/* Looks at one entry and moves on: past it, or down into its table. */
static int scan_entry(const struct pt_space *space, struct pt_scan *scan,
		      struct position *p, struct open_run *open)
{
	const struct pt_format *format = space->format;
	unsigned level = p->level, flags;
	gva_t va = position_va(format, p);
	gpa_t at =
		p->at[level].table + p->at[level].index++ * format->entry_bytes;
	uint64_t entry;

	scan->va = va;
	if (space->mem->read(space->mem->ctx, at, &entry)) {
		/* Nor can the rest of the table. */
		p->at[level].index = UINT64_C(1) << format->levels[level].bits;
		scan->skipped++;
		return 0;
	}
	if (!(entry & format->present))
		return 0;
	if (is_malformed(format, level, entry)) {
		scan->skipped++;
		return 0;
	}
	flags = rights(format, level, entry, p->at[level].flags);
	if (is_leaf(format, level, entry)) {
		scan->leaves++;
		return add_leaf(open, va, leaf_pa(format, level, entry),
				level_size(format, level), flags);
	}
	if (scan->tables == scan->max_tables)
		return -E2BIG;
	scan->tables++;
	p->level++;
	p->at[p->level].table = entry & format->addr_mask;
	p->at[p->level].index = 0;
	p->at[p->level].flags = flags;
	return 0;
}

int pt_runs(const struct pt_space *space, struct pt_scan *scan, pt_run_fn run,
	    void *ctx)
{
	const struct pt_format *format = space->format;
	struct open_run open = {.run = run, .ctx = ctx};
	struct position p = {.level = 0};
	int rc = 0, closed;

	if (!scan->max_tables)
		return -E2BIG;
	scan->tables = 1;
	p.at[0].table = space->root;
	p.at[0].flags = PT_WRITE | PT_USER;
	while (!rc) {
		if (p.at[p.level].index <
		    UINT64_C(1) << format->levels[p.level].bits)
			rc = scan_entry(space, scan, &p, &open);
		else if (p.level)
			p.level--;
		else
			break;
	}
	/* One that run refused left none open. */
	closed = close_run(&open);
	return closed ? closed : rc;
}
