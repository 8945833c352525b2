/* SPDX-License-Identifier: Apache-2.0 */
#include "pager/pt/pt_walk.h"

#include "pager/pt/format_x86.h"
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

/* The identity: no tables, no rights to be denied. */
static enum pt_status walk_nothing(gva_t va, struct pt_walk *walk)
{
	walk->page_size = PAGE_SIZE;
	walk->pa = va;
	walk->rights = PT_READ | PT_WRITE | PT_EXEC | PT_USER;
	return PT_OK;
}

/* Where a walk is. */
struct step {
	gpa_t table;
	unsigned level;
	uint64_t granting; /* what all tables until now grant */
};
#define GO_ON PT_NR_STATUSES

/* Whatever the compiler knows of the format, it knows in here too. */
#define INLINE static inline __attribute__((always_inline))

INLINE enum pt_status end(struct pt_walk *walk, const struct pt_format *format,
			  unsigned level, enum pt_status status)
{
	walk->nr_read = level + 1;
	walk->page_size = pt_level_size(format, level);
	return status;
}

/* What all tables grant, and the leaf alone. */
INLINE unsigned path_rights(const struct pt_format *format, uint64_t tables,
			    uint64_t leaf)
{
	const struct pt_grants *a = &format->table, *b = &format->leaf;

	if (a->read == b->read && a->write == b->write && a->exec == b->exec &&
	    a->user == b->user && a->kernel_exec == b->kernel_exec)
		return pt_rights(a, tables & leaf);
	return pt_rights(a, tables) & pt_rights(b, leaf);
}

/* Reads one entry, and goes to the table that it leads to. has_values: as
 * pt_has_values, or true. */
INLINE enum pt_status go(const struct pt_space *space,
			 const struct pt_format *format, gva_t va,
			 bool has_values, struct step *step,
			 struct pt_walk *walk)
{
	unsigned level = step->level++;
	const struct pt_level *l = &format->levels[level];
	gpa_t at =
		pt_entry_at(format, step->table, pt_index(format, level, va));
	uint64_t read, raw, wrong;

	walk->path[level].at = at;
	walk->error = space->mem->read(space->mem->ctx, at, format->entry_bytes,
				       &read, 1);
	if (walk->error)
		return end(walk, format, level, PT_UNREADABLE);
	raw = read;
	walk->path[level].raw = raw;
	if (!pt_is_present(l, raw))
		return end(walk, format, level, PT_ABSENT);
	wrong = raw & (pt_reserved_bits(l, raw) | space->reserved);
	if (has_values)
		wrong |= pt_wrong_values(space, level, raw);
	if (wrong) {
		walk->reserved = wrong;
		return end(walk, format, level, PT_RESERVED);
	}
	if (!pt_is_leaf(l, raw)) {
		step->granting &= pt_granting(format, level, raw);
		step->table = pt_table_pa(format, raw);
		return GO_ON;
	}
	walk->pa = pt_leaf_pa(format, level, raw) |
		   (va & (pt_level_size(format, level) - 1));
	walk->rights = path_rights(format, step->granting,
				   pt_granting(format, level, raw));
	return end(walk, format, level, PT_OK);
}

INLINE enum pt_status begin(const struct pt_space *space,
			    const struct pt_format *format, gva_t va,
			    struct step *step, struct pt_walk *walk)
{
	*step = (struct step){
		.table = space->root,
		.granting = UINT64_MAX,
	};
	walk->nr_read = 0;
	if (pt_is_canonical(format, va))
		return GO_ON;
	return format->sign_extended ? PT_NOT_CANONICAL : PT_TOO_WIDE;
}

static enum pt_status walk_any(const struct pt_space *space, gva_t va,
			       struct pt_walk *walk)
{
	const struct pt_format *format = space->format;
	struct step step;
	enum pt_status status = begin(space, format, va, &step, walk);

	while (status == GO_ON && step.level < format->nr_levels)
		status = go(space, format, va, true, &step, walk);
	return status == GO_ON ? walk_nothing(va, walk) : status;
}

/*
 * The same for the format that nearly all tables have, when reserved bits are all
 * that can be wrong in an entry. Here the compiler sees what
 * is in the descriptor, and makes of it what one would write for this format
 * alone: it takes half of the time.
 */
static enum pt_status walk_x86_64(const struct pt_space *space, gva_t va,
				  struct pt_walk *walk)
{
	static const struct pt_format format = FORMAT_X86_64;
	struct step step;
	enum pt_status status = begin(space, &format, va, &step, walk);

#pragma GCC unroll 4
	for (unsigned level = 0; level < 4; level++)
		if (status == GO_ON)
			status = go(space, &format, va, false, &step, walk);
	return status;
}

enum pt_status pt_walk(const struct pt_space *space, gva_t va,
		       struct pt_walk *walk)
{
	if (space->format == &pt_x86_64 && !pt_has_values(space, &pt_x86_64))
		return walk_x86_64(space, va, walk);
	return walk_any(space, va, walk);
}
