/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several address spaces at once: which tables do they share?
 *
 * The first root that reaches a table owns it; whoever comes later has an alias.
 * In the order in which things are told, an alias points backwards: who builds
 * the spaces again in that order can link instead of copying.
 */
#pragma once

#include "pager/pt/pt_visit.h"

/* A table that was reached before, at the same level. */
struct pt_alias {
	unsigned root;	/* in whose space it was found again: an index */
	unsigned owner; /* the index of the root whose it is */
	unsigned depth; /* tables above it: 0 is a root itself */
	gva_t va;	/* first address that it is for, in this space */
	gva_t owner_va; /* and in the owner's */
	gpa_t table;
	bool recursive; /* it is one of the tables above itself: a recursive
			   entry, not followed */
};

/* A set of tables that have been reached: storage is the caller's. */
struct pt_known {
	gpa_t table; /* 0 with used false: a free slot */
	gva_t va;
	uint8_t level;
	uint8_t used;
	uint16_t root;
};

struct pt_roots {
	const struct pt_space *spaces; /* of one format */
	unsigned nr;
	struct pt_known *known; /* nr_known slots, a power of two, zeroed */
	uint64_t nr_known;
	uint64_t nr_tables; /* in it */
};

/* What is told; each may be NULL. Not 0: no more. A table is told before what is
 * below it. */
struct pt_roots_fns {
	int (*table)(void *ctx, unsigned root, unsigned depth, gva_t va,
		     gpa_t table);
	int (*alias)(void *ctx, const struct pt_alias *alias);
	int (*leaf)(void *ctx, unsigned root, const struct pt_visit *visit);
	void *ctx;
};

/* Walks all roots in order. PT_OK; PT_NO_MEMORY: known is full. */
enum pt_status pt_roots_walk(struct pt_roots *roots,
			     const struct pt_roots_fns *fns);

/*
 * Builds copies of all spaces in `to`'s memory, aliases linked, not copied.
 * frame tells what becomes of a page: called once per frame and size (later
 * leaves of the same one get the same answer), it says the new frame, or leaves
 * it. to[i].root is an empty table at first. known_frames: as known, for frames.
 */
enum pt_status pt_roots_copy(struct pt_roots *roots, struct pt_roots *frames,
			     struct pt_space *to,
			     int (*frame)(void *ctx, gpa_t *pa, uint64_t size),
			     void *ctx);
