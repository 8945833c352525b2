/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an edit stands: the tables from the root down to the one that it looks
 * at, and in each of them the entry that leads on. What is written goes through
 * here, so that a table that moves is told to the tables above it. For the
 * toolkit's own files.
 */
#pragma once

#include "pager/pt/pt_edit.h"

struct pt_path {
	struct pt_space *space;
	struct pt_obstacle *obstacle; /* not NULL */
	struct pt_obstacle unasked;   /* when nobody asks */
	struct {
		gpa_t table;
		bool fresh;	/* what lies ahead in it is zeros */
		unsigned index; /* of the entry that leads to the next table */
		uint64_t raw;	/* its value */
	} at[PT_MAX_LEVELS];
	/* The level of a table that nothing leads to yet; 0: none. */
	unsigned detached;
};

/* To the root. Is [va, va + len) a range of pages of this space? As pt_map. */
enum pt_status pt_path_begin(struct pt_path *path, struct pt_space *space,
			     gva_t va, uint64_t len,
			     struct pt_obstacle *obstacle);

/* Notes what was met, and hands on the status. */
enum pt_status pt_path_fail(struct pt_path *path, enum pt_status status,
			    unsigned level, gva_t va, gpa_t frame);

/* PT_NO_TABLE: va's entry at this level should lead to one. */
enum pt_status pt_path_fail_table(struct pt_path *path, unsigned level,
				  gva_t va);

/* Can a leaf say these rights? PT_BAD_RIGHTS. */
enum pt_status pt_path_check_rights(struct pt_path *path, unsigned rights);

/* The entry of va is a leaf or malformed: fails with PT_RESERVED, or with
 * `status` and the frame behind va. */
enum pt_status pt_path_fail_leaf(struct pt_path *path, enum pt_status status,
				 unsigned level, gva_t va, uint64_t raw);

/* Reads nr entries of the table at this level, from va's on. */
enum pt_status pt_path_read(struct pt_path *path, unsigned level, gva_t va,
			    uint64_t *raw, unsigned nr);

/* Writes nr entries, entry, entry + step, and so on; then the tables above, as
 * far as tables moved. */
enum pt_status pt_path_write(struct pt_path *path, unsigned level, gva_t va,
			     uint64_t entry, uint64_t step, unsigned nr);

/* Goes down into the table that va's entry at this level leads to. */
void pt_path_enter(struct pt_path *path, unsigned level, gva_t va,
		   uint64_t raw);

/* Makes va's entry lead to this table, for leaves of these rights, and enters
 * it. PT_OUT_OF_RANGE: its address does not fit. */
enum pt_status pt_path_link(struct pt_path *path, unsigned level, gva_t va,
			    gpa_t table, unsigned rights);

enum pt_status pt_path_alloc(struct pt_path *path, unsigned level, gva_t va,
			     gpa_t *table);
void pt_path_free(struct pt_path *path, gpa_t table);

/* Enters the table of va's entry, after giving it the rights that leaves below
 * need. */
enum pt_status pt_path_widen(struct pt_path *path, unsigned level, gva_t va,
			     uint64_t raw, unsigned rights);

/* An entry, and the part of the range that it is for. */
typedef enum pt_status (*pt_path_fn)(struct pt_path *path, unsigned level,
				     gva_t va, gva_t last, uint64_t raw);

/* Calls fn for all entries of [va, last], which are in the table at this level,
 * until one fails. fn may go down (pt_path_enter) and call this again. */
enum pt_status pt_path_each(struct pt_path *path, unsigned level, gva_t va,
			    gva_t last, pt_path_fn fn);

/* Follows va to the first entry that leads to no table, or to that of the level
 * `lowest`; *level is its own. */
enum pt_status pt_path_follow(struct pt_path *path, gva_t va, unsigned lowest,
			      unsigned *level, uint64_t *raw);

static inline unsigned pt_last_level(const struct pt_format *format)
{
	return format->nr_levels - 1;
}

/* The last byte for which va's entry is. */
static inline gva_t pt_slot_last(const struct pt_format *format, unsigned level,
				 gva_t va)
{
	return va | (pt_level_size(format, level) - 1);
}

/* Is [va, last] all that an entry is for? */
static inline bool pt_is_whole(const struct pt_format *format, unsigned level,
			       gva_t va, gva_t last)
{
	return last - va == pt_level_size(format, level) - 1;
}

/* May there be leaves at this level? */
static inline bool pt_has_leaves(const struct pt_space *space, unsigned level)
{
	return space->format->levels[level].leaf_bits &&
	       !(space->refused_leaves >> level & 1);
}

/* The last byte that a leaf of this level can be the page of. */
gpa_t pt_leaf_reach(const struct pt_space *space, unsigned level);

/* An entry with its rights exchanged. */
uint64_t pt_set_rights(const struct pt_format *format,
		       const struct pt_grants *grants, uint64_t raw,
		       unsigned rights);
