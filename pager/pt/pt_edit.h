/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing page tables: map, unmap, protect, split, merge; and tables as objects
 * of their own.
 *
 * Entries that lead to tables are permissive, leaves restrictive. Nothing leads
 * to a table before it is complete, be it empty or full. What a processor has
 * cached of the tables (SDM 3A 4.10) is the caller's to flush; locking is the
 * caller's duty; accessed and dirty bits that a processor sets in an entry while
 * it is changed are lost.
 *
 * If the memory moves a table that is written to (struct pt_mem, write), the
 * entry that leads to it is written next, and so on up to the root, whose new
 * address is space->root, after set_root has been called.
 */
#pragma once

#include "pager/pt/pt_entry.h"
#include "pager/pt/pt_walk.h"

/* What was met on the way of an edit that failed. What a status says nothing
 * about is 0. */
struct pt_obstacle {
	gva_t va;	/* where */
	unsigned level; /* of the entry; 0 is the root */
	/* PT_MAPPED, PT_LARGE: the frame at va. PT_UNALIGNED, PT_OUT_OF_RANGE:
	 * the frame, or the table, that does not fit; else 0. */
	gpa_t frame;
	unsigned bits; /* PT_NO_TABLE: low address bits left unresolved: 39,
			  30, 21 of an x86-64 address */
	int error;     /* of the callback that failed */
};

enum pt_map_kind {
	PT_MAP_BASIC, /* the rights as they are */
	PT_MAP_COW,   /* not writable, and marked: to be copied when written */
	PT_MAP_NONE,  /* tables alone; the leaf's entry stays 0 */
};

struct pt_mapping {
	enum pt_map_kind kind;
	unsigned rights;   /* PT_... */
	uint64_t max_page; /* largest leaves; 0: all that the space has */
	bool no_alloc;	   /* tables that lack are an error: PT_NO_TABLE */
};

/*
 * Maps [va, va + len) to [pa, pa + len) with the largest leaves that fit. A leaf
 * has exactly the rights asked for; tables on the way are widened by what these
 * need. The range may end at 2^64.
 *
 * PT_OK; before anything has changed: PT_UNALIGNED, PT_OUT_OF_RANGE,
 * PT_NOT_CANONICAL, PT_TOO_WIDE, PT_BAD_RIGHTS, PT_MAPPED and PT_LARGE (part of
 * the range is mapped; the page is larger than max_page or reaches out of the
 * range), PT_RESERVED, PT_UNREADABLE, PT_NO_TABLE; after what was mapped until
 * then: PT_NO_MEMORY, PT_UNWRITABLE, or PT_MAPPED and PT_LARGE when somebody else
 * maps there at the same time. Tables that were allocated stay linked. obstacle:
 * NULL, or filled in when it is not PT_OK.
 */
enum pt_status pt_map(struct pt_space *space, gva_t va, gpa_t pa, uint64_t len,
		      const struct pt_mapping *mapping,
		      struct pt_obstacle *obstacle);

/*
 * Unmaps all pages of the range; what is not mapped is passed over, a malformed
 * entry is cleared. Tables whose whole reach is inside the range are freed, and no
 * others. What is only partly inside: PT_LARGE (a page) or PT_RESERVED, before
 * anything has changed; so are errors of the range, as pt_map. PT_UNWRITABLE,
 * PT_UNREADABLE after what was unmapped until then.
 *
 * A table is unlinked with one write, and keeps what it contains. One that is also
 * among those above it (a recursive entry) is only unlinked. One that is reached
 * in several ways inside the range is freed as often: take it out first
 * (pt_unmap_table).
 */
enum pt_status pt_unmap(struct pt_space *space, gva_t va, uint64_t len,
			struct pt_obstacle *obstacle);

/* Changes the rights of all pages of the range, which must all be mapped
 * (PT_ABSENT) and wholly inside (PT_LARGE); before anything has changed, as the
 * errors of pt_map. A page that becomes writable is no longer marked to be
 * copied. */
enum pt_status pt_protect(struct pt_space *space, gva_t va, uint64_t len,
			  unsigned rights, struct pt_obstacle *obstacle);

/* Replaces the leaf around va by a table of smaller ones, until no page around va
 * is larger than page_size. What it maps, rights and attributes, stays. PT_OK,
 * also if it is as small already; PT_ABSENT; PT_UNALIGNED: there are no pages of
 * that size; PT_OUT_OF_RANGE: small pages cannot be so high (PSE-36); errors of
 * callbacks, with what is mapped unchanged. */
enum pt_status pt_split(struct pt_space *space, gva_t va, uint64_t page_size,
			struct pt_obstacle *obstacle);

/* Replaces the table of leaves in which va is by one leaf of page_size, if they
 * are all there, go on in physical memory, and agree in rights and attributes
 * (accessed and dirty ones are joined): else PT_ABSENT or PT_MAPPED, with the
 * entry that does not fit. PT_OK, also if it is one already; PT_LARGE: va's page
 * is larger; PT_UNALIGNED: of va, there are no pages of that size, or the frame
 * does not start at a multiple of it. */
enum pt_status pt_merge(struct pt_space *space, gva_t va, uint64_t page_size,
			struct pt_obstacle *obstacle);

/* Tables as objects: makes `table`, which is the caller's, the one whose entries
 * map pages of this size around va. PT_NO_TABLE: the one above lacks; PT_MAPPED:
 * there is a table (frame) or a page already; PT_LARGE: va is inside a larger
 * page. */
enum pt_status pt_map_table(struct pt_space *space, gva_t va,
			    uint64_t page_size, gpa_t table,
			    struct pt_obstacle *obstacle);

/* Takes it out again; what hangs below it goes with it, and stays the caller's.
 * PT_ABSENT, PT_LARGE: there is none. */
enum pt_status pt_unmap_table(struct pt_space *space, gva_t va,
			      uint64_t page_size, gpa_t *table);

/*
 * How many tables, the root not counted, pt_map allocates for this range in an
 * empty space. For several ranges the sum is an upper bound: tables that two of
 * them share count twice. The arguments must be good for pt_map.
 */
uint64_t pt_tables_for(const struct pt_space *space, gva_t va, gpa_t pa,
		       uint64_t len, uint64_t max_page);
