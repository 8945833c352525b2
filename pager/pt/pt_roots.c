/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one idea: a visit of each root (pt_visit.h) that does not go into what is
 * in the set already.
 */
#include "pager/pt/pt_roots.h"

#include <stddef.h>

#include "pager/pt/pt_decode.h"

/* A set: open addressing. */

void pt_set_init(struct pt_set *set, struct pt_known *slots, uint64_t nr_slots)
{
	*set = (struct pt_set){.slots = slots, .nr_slots = nr_slots};
	for (uint64_t i = 0; i < nr_slots; i++)
		slots[i].used = false;
}

static uint64_t hash(gpa_t pa, unsigned level)
{
	/* 2^64 divided by the golden ratio. */
	uint64_t product = ((pa >> 5) + level) * UINT64_C(0x9e3779b97f4a7c15);

	return product >> 32;
}

/* Its slot, or the one that it gets; NULL: there is none left. */
static struct pt_known *find_slot(const struct pt_set *set, gpa_t pa,
				  unsigned level)
{
	uint64_t at = hash(pa, level);

	for (uint64_t i = 0; i < set->nr_slots; i++, at++) {
		struct pt_known *slot = &set->slots[at & (set->nr_slots - 1)];

		if (!slot->used || (slot->pa == pa && slot->level == level))
			return slot;
	}
	return NULL;
}

/* The walk. */

struct walking {
	struct pt_roots *roots;
	const struct pt_roots_fns *fns;
	unsigned root;
	/* From the root to the table whose entries are looked at. */
	const struct pt_known *path[PT_MAX_LEVELS];
	enum pt_status status;
	bool stopped;
};

static enum pt_visit_next stop(struct walking *w, enum pt_status status)
{
	w->stopped = true;
	w->status = status;
	return PT_VISIT_STOP;
}

static void add(struct walking *w, struct pt_set *set, struct pt_known *slot,
		const struct pt_known *what)
{
	*slot = *what;
	slot->root = (uint16_t)w->root;
	slot->used = true;
	set->nr++;
}

/* The table that one of the tables above is, too; NULL: none is. */
static const struct pt_known *above(const struct walking *w, gpa_t table,
				    unsigned level)
{
	for (unsigned i = 0; i < level; i++)
		if (w->path[i]->pa == table)
			return w->path[i];
	return NULL;
}

static enum pt_visit_next tell_alias(struct walking *w,
				     const struct pt_visit *visit,
				     const struct pt_known *table,
				     const struct pt_known *at)
{
	const struct pt_alias alias = {
		.root = w->root,
		.owner = table->root,
		.depth = at->level,
		.va = at->va,
		.owner_va = table->va,
		.table = table,
		.recursive = above(w, at->pa, at->level),
	};

	if (w->fns->alias && w->fns->alias(w->fns->ctx, visit, &alias))
		return stop(w, PT_OK);
	return PT_VISIT_OVER;
}

/* Comes to the table `at`. ON: for the first time. */
static enum pt_visit_next reach_table(struct walking *w,
				      const struct pt_visit *visit,
				      const struct pt_known *at)
{
	const struct pt_known *known = above(w, at->pa, at->level);
	struct pt_known *slot;

	if (known)
		return tell_alias(w, visit, known, at);
	slot = find_slot(&w->roots->tables, at->pa, at->level);
	if (!slot)
		return stop(w, PT_NO_MEMORY);
	if (slot->used)
		return tell_alias(w, visit, slot, at);
	add(w, &w->roots->tables, slot, at);
	w->path[at->level] = slot;
	if (w->fns->table && w->fns->table(w->fns->ctx, visit, slot))
		return stop(w, PT_OK);
	return PT_VISIT_ON;
}

static enum pt_visit_next reach_leaf(struct walking *w,
				     const struct pt_visit *visit)
{
	struct pt_set *pages = &w->roots->pages;
	struct pt_known *slot = NULL;
	bool again = false;

	if (pages->nr_slots) {
		slot = find_slot(pages, visit->entry.pa, visit->level);
		if (!slot)
			return stop(w, PT_NO_MEMORY);
		again = slot->used;
		if (!again)
			add(w, pages, slot,
			    &(struct pt_known){
				    .pa = visit->entry.pa,
				    .va = visit->va,
				    .level = (uint8_t)visit->level,
			    });
	}
	if (w->fns->leaf && w->fns->leaf(w->fns->ctx, visit, slot, again))
		return stop(w, PT_OK);
	return PT_VISIT_ON;
}

static enum pt_visit_next reach(void *ctx, struct pt_visit *visit)
{
	struct walking *w = ctx;

	if (visit->entry.kind == PT_KIND_LEAF)
		return reach_leaf(w, visit);
	return reach_table(w, visit,
			   &(struct pt_known){
				   .pa = visit->entry.pa,
				   .va = visit->va,
				   .level = (uint8_t)(visit->level + 1),
			   });
}

static enum pt_visit_next reach_bad(void *ctx, const struct pt_visit *visit,
				    enum pt_status status)
{
	struct walking *w = ctx;

	if (w->fns->bad && w->fns->bad(w->fns->ctx, visit, status))
		return stop(w, PT_OK);
	return PT_VISIT_ON;
}

enum pt_status pt_roots_walk(struct pt_roots *roots,
			     const struct pt_roots_fns *fns)
{
	struct walking w = {.roots = roots, .fns = fns};
	const struct pt_visitor visitor = {
		.pre = reach,
		.bad = reach_bad,
		.ctx = &w,
	};

	for (; w.root < roots->nr && !w.stopped; w.root++) {
		struct pt_space space = roots->spaces[w.root];
		const struct pt_known at = {.pa = space.root};

		if (space.format->nr_levels &&
		    reach_table(&w, NULL, &at) == PT_VISIT_ON)
			pt_visit(&space, 0, pt_last(space.format), &visitor,
				 NULL);
	}
	return w.status;
}

/* Copying. */

struct copying {
	const struct pt_format *format;
	const struct pt_mem *to;
	gpa_t *copies;
	pt_copy_page_fn copy_page;
	void *ctx;
	gpa_t path[PT_MAX_LEVELS]; /* the copies of the tables above */
	enum pt_status status;
};

static int fail(struct copying *c, enum pt_status status)
{
	c->status = status;
	return 1;
}

/* The copy of the entry that is visited is to be `raw`. */
static int write_copy(struct copying *c, const struct pt_visit *visit,
		      uint64_t raw)
{
	const struct pt_format *format = c->format;
	gpa_t table = c->path[visit->level];

	if (c->to->write(c->to->ctx, table,
			 pt_index(format, visit->level, visit->va),
			 format->entry_bytes, raw, &table))
		return fail(c, PT_UNWRITABLE);
	return 0;
}

static int link_copy(struct copying *c, const struct pt_visit *visit,
		     unsigned root, gpa_t copy)
{
	if (!visit) {
		c->copies[root] = copy;
		return 0;
	}
	return write_copy(c, visit, pt_with_table(c->format, visit->raw, copy));
}

static int copy_table(void *ctx, const struct pt_visit *visit,
		      struct pt_known *table)
{
	struct copying *c = ctx;

	if (c->to->alloc(c->to->ctx, &table->copy))
		return fail(c, PT_NO_MEMORY);
	c->path[table->level] = table->copy;
	return link_copy(c, visit, table->root, table->copy);
}

static int copy_alias(void *ctx, const struct pt_visit *visit,
		      const struct pt_alias *alias)
{
	return link_copy(ctx, visit, alias->root, alias->table->copy);
}

static int copy_leaf(void *ctx, const struct pt_visit *visit,
		     struct pt_known *page, bool again)
{
	struct copying *c = ctx;

	if (!again) {
		page->copy = page->pa;
		if (c->copy_page(c->ctx, page->pa, visit->entry.size,
				 &page->copy))
			return fail(c, PT_NO_MEMORY);
	}
	return write_copy(
		c, visit,
		pt_with_page(c->format, visit->level, visit->raw, page->copy));
}

enum pt_status pt_roots_copy(struct pt_roots *roots, const struct pt_mem *to,
			     gpa_t *copies, pt_copy_page_fn copy_page,
			     void *ctx)
{
	struct copying c = {
		.format = roots->spaces[0].format,
		.to = to,
		.copies = copies,
		.copy_page = copy_page,
		.ctx = ctx,
	};
	const struct pt_roots_fns fns = {
		.table = copy_table,
		.alias = copy_alias,
		.leaf = copy_leaf,
		.ctx = &c,
	};
	enum pt_status status = pt_roots_walk(roots, &fns);

	return status ? status : c.status;
}
