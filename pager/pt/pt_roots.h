/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several address spaces at once: which tables do they share?
 *
 * The first root that reaches a table owns it; whoever comes later has an alias.
 * In the order in which things are told an alias points backwards, so that who
 * builds the spaces again in that order can link instead of copying, as
 * pt_roots_copy does.
 *
 * A table that is reached at two levels is two tables: it says something else at
 * each. So no table is gone through more than once per level, whatever leads where.
 */
#pragma once

#include "pager/pt/pt_visit.h"

/* Something that was reached: a slot of a set. */
struct pt_known {
	gpa_t pa;   /* of a table, or of a page's first byte */
	gpa_t copy; /* pt_roots_copy: where its copy is */
	gva_t va;   /* the first address that it is for, where it was first */
	uint16_t root; /* whose that was: an index */
	uint8_t level; /* of a table's entries, or of the entry of a page */
	bool used;
};

/* What has been reached. Storage is the caller's: as many tables, or pages, as
 * there are slots are found. */
struct pt_set {
	struct pt_known *slots;
	uint64_t nr_slots; /* a power of 2 */
	uint64_t nr;	   /* how many are used */
};

/* An empty set in slots. */
void pt_set_init(struct pt_set *set, struct pt_known *slots, uint64_t nr_slots);

/* A table that was reached before, at the same level. */
struct pt_alias {
	unsigned root;	/* in whose space it was found again: an index */
	unsigned owner; /* the index of the root whose it is */
	unsigned depth; /* tables above it: 0 is a root itself */
	gva_t va;	/* first address that it is for, in this space */
	gva_t owner_va; /* and in the owner's */
	const struct pt_known *table;
	/* It is one of the tables above itself, whatever the level: by this
	 * entry tables map themselves. Not followed. */
	bool recursive;
};

struct pt_roots {
	const struct pt_space *spaces; /* of one format and one memory */
	unsigned nr;		       /* up to 65536 */
	struct pt_set tables;
	struct pt_set pages; /* without slots: pages are not looked for */
};

/*
 * What is told; each may be NULL. Not 0: no more. visit is the entry that leads
 * there, NULL for a root. What is in a set may be given a copy.
 */
struct pt_roots_fns {
	/* A table, before what is below it; table->root is whose. */
	int (*table)(void *ctx, const struct pt_visit *visit,
		     struct pt_known *table);
	int (*alias)(void *ctx, const struct pt_visit *visit,
		     const struct pt_alias *alias);
	/* A leaf of a table that was told. page: NULL, if they are not looked
	 * for; again: it was found before, in this size. */
	int (*leaf)(void *ctx, const struct pt_visit *visit,
		    struct pt_known *page, bool again);
	/* As struct pt_visitor has it. */
	int (*bad)(void *ctx, const struct pt_visit *visit,
		   enum pt_status status);
	void *ctx;
};

/*
 * Goes through all roots in order. The sets are those of pt_set_init, or of a
 * call before: what was known then is owned by the roots of then. PT_OK, also when
 * there was to be no more; PT_NO_MEMORY: a set is full.
 */
enum pt_status pt_roots_walk(struct pt_roots *roots,
			     const struct pt_roots_fns *fns);

/*
 * Says where a page's copy is: *pa of size bytes is to be *copy, which is *pa at
 * first. Called once for each page and size, in the order of the walk. Not 0: it
 * cannot be copied.
 */
typedef int (*pt_copy_page_fn)(void *ctx, gpa_t pa, uint64_t size, gpa_t *copy);

/*
 * Builds all spaces again from tables that `to` allocates and writes (and does not
 * move): tables that were shared are shared, tables that mapped themselves map
 * their copies, and pages that were shared are copied once. Entries keep their
 * bits, except addresses; malformed ones and those whose table cannot be read
 * become 0. copies: the new roots, one for each space. roots has slots for pages.
 *
 * PT_OK; PT_NO_MEMORY: a set is full, no table is to be had, or a page was
 * refused; PT_UNWRITABLE. What was built until then stays in `to`.
 */
enum pt_status pt_roots_copy(struct pt_roots *roots, const struct pt_mem *to,
			     gpa_t *copies, pt_copy_page_fn copy_page,
			     void *ctx);
