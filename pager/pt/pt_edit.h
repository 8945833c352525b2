/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing page tables: map, unmap, protect, split, merge; and tables as objects
 * of their own.
 *
 * Entries that lead to tables are permissive, leaves restrictive. A table is
 * complete before anything leads to it. What a processor has cached of the tables
 * (SDM 3A 4.10) is the caller's to flush; locking is the caller's duty.
 *
 * If the memory moves a table that is written to (struct pt_mem, write), the
 * entry that leads to it is written next, and so on up to the root, whose new
 * address is space->root, after set_root has been called.
 */
#pragma once

#include "pager/pt/pt_entry.h"
#include "pager/pt/pt_walk.h"

/* What was met on the way of an edit that failed. */
struct pt_obstacle {
	gva_t va;	/* where */
	unsigned level; /* of the entry; 0 is the root */
	gpa_t frame;	/* PT_MAPPED, PT_LARGE: what is mapped there */
	unsigned bits;	/* PT_NO_TABLE: low address bits left unresolved: 39,
			   30, 21 of an x86-64 address */
	int error;	/* of the callback that failed */
};

enum pt_map_kind {
	PT_MAP_BASIC, /* the rights as they are */
	PT_MAP_COW, /* not writable, and marked: to be copied when written to */
	PT_MAP_NONE, /* tables alone; the leaf's entry stays 0 */
};

struct pt_mapping {
	enum pt_map_kind kind;
	unsigned rights; /* PT_... */
	uint64_t
		max_page; /* largest leaves to use; 0: all that the space has */
	bool no_alloc;	  /* tables that lack are an error: PT_NO_TABLE */
};

/*
 * Maps [va, va + len) to [pa, pa + len) with the largest leaves that fit. A leaf
 * has exactly the rights asked for; tables on the way are widened by what these
 * need. The range may end at 2^64.
 *
 * PT_OK; before anything has changed: PT_UNALIGNED, PT_OUT_OF_RANGE,
 * PT_NOT_CANONICAL, PT_MAPPED and PT_LARGE (part of the range is mapped),
 * PT_RESERVED, PT_UNREADABLE; after what was mapped until then: PT_NO_MEMORY,
 * PT_NO_TABLE, PT_UNWRITABLE, or PT_MAPPED when somebody else maps there at the
 * same time. obstacle: NULL, or filled in when it is not PT_OK.
 */
enum pt_status pt_map(struct pt_space *space, gva_t va, gpa_t pa, uint64_t len,
		      const struct pt_mapping *mapping,
		      struct pt_obstacle *obstacle);

/*
 * Unmaps all pages of the range; what is not mapped is passed over. Tables that
 * are empty afterwards and whose whole reach is inside the range are freed, and
 * no others. A large page that is only partly inside: PT_LARGE, before anything
 * has changed.
 */
enum pt_status pt_unmap(struct pt_space *space, gva_t va, uint64_t len,
			struct pt_obstacle *obstacle);

/* Changes the rights of all pages of the range, which must all be mapped
 * (PT_ABSENT) and wholly inside (PT_LARGE); before anything has changed. */
enum pt_status pt_protect(struct pt_space *space, gva_t va, uint64_t len,
			  unsigned rights, struct pt_obstacle *obstacle);

/* Replaces the leaf around va by a table of smaller ones, until the page that va
 * is in has page_size. What it maps, rights and attributes, stays. PT_OK, also if
 * it is as small already. */
enum pt_status pt_split(struct pt_space *space, gva_t va, uint64_t page_size,
			struct pt_obstacle *obstacle);

/* Replaces the table of leaves in which va is by one leaf of page_size, if they
 * are all there, go on in physical memory, and agree in rights and attributes
 * (accessed and dirty ones are joined): else PT_ABSENT or PT_MAPPED, with the
 * entry that does not fit. */
enum pt_status pt_merge(struct pt_space *space, gva_t va, uint64_t page_size,
			struct pt_obstacle *obstacle);

/* Tables as objects: makes `table`, empty and the caller's, the one whose
 * entries map pages of this size around va; takes it out again (whatever hangs
 * below it goes with it, and stays the caller's). */
enum pt_status pt_map_table(struct pt_space *space, gva_t va,
			    uint64_t page_size, gpa_t table,
			    struct pt_obstacle *obstacle);
enum pt_status pt_unmap_table(struct pt_space *space, gva_t va,
			      uint64_t page_size, gpa_t *table);

/*
 * How many tables, the root not counted, pt_map allocates for this range in an
 * empty space. For several ranges the sum is an upper bound: tables that two of
 * them share count twice. The arguments must be good for pt_map.
 */
uint64_t pt_tables_for(const struct pt_space *space, gva_t va, gpa_t pa,
		       uint64_t len, uint64_t max_page);
