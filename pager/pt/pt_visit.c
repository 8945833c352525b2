/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one idea: inside a space addresses are taken without the copies of their
 * sign bit. Then both halves are one range from 0 to 2^va_bits - 1, nothing wraps,
 * and a table's part of it is a first and a last index.
 */
#include "pager/pt/pt_visit.h"

#include <stddef.h>

#include "pager/pt/pt_decode.h"

/* Leaves like the one that was added last: their entries differ in the address
 * alone. */
struct alike {
	uint64_t raw;  /* of that one */
	uint64_t mask; /* what they have in common; 0: there is no such leaf */
	uint64_t address; /* in what they differ */
	uint64_t step;	  /* from one page to the next */
};

/* A table that is being gone through. */
struct table {
	struct table *parent;
	gpa_t at;
	gva_t base; /* the first address that it is for, without sign */
	unsigned level;
	unsigned rights;       /* that the levels above leave */
	unsigned index, end;   /* the entry to look at; after the last one */
	unsigned chunk, limit; /* entries [chunk, limit) have been read */
	uint64_t entries[PT_VISIT_ENTRIES];
	struct alike alike;
};

/* The run that may go on. */
struct open_run {
	pt_run_fn fn;
	void *ctx;
	gva_t first, last; /* runs are clipped to this */
	struct pt_run run; /* page_size 0: none is open */
};

struct visiting {
	struct pt_space *space;
	const struct pt_visitor *visitor;
	struct open_run *open; /* of pt_runs; else NULL */
	struct pt_seen *seen;
	gva_t first, last; /* without sign */
	enum pt_status status;
};

static gva_t without_sign(const struct pt_format *format, gva_t va)
{
	return va & (UINT64_MAX >> (64 - format->va_bits));
}

static bool stop(struct visiting *v)
{
	v->seen->stopped = true;
	return false;
}

gva_t pt_last(const struct pt_format *format)
{
	return pt_extend(format, UINT64_MAX);
}

/* The first address that t's entry is for. */
static gva_t entry_va(const struct visiting *v, const struct table *t)
{
	const struct pt_format *format = v->space->format;
	unsigned shift = format->levels[t->level].shift;

	return pt_extend(format, t->base + ((gva_t)t->index << shift));
}

/* The runs. Each function says whether there is to be more. */

static bool close_run(struct open_run *open)
{
	struct pt_run run = open->run;

	open->run.page_size = 0;
	if (!run.page_size)
		return true;
	if (run.va < open->first) {
		run.pa += open->first - run.va;
		run.len -= open->first - run.va;
		run.va = open->first;
	}
	if (run.len - 1 > open->last - run.va)
		run.len = open->last - run.va + 1;
	return !open->fn(open->ctx, &run);
}

static bool goes_on(const struct pt_run *run, const struct pt_run *next)
{
	return run->page_size == next->page_size &&
	       run->va + run->len == next->va &&
	       run->pa + run->len == next->pa && run->rights == next->rights &&
	       run->software == next->software;
}

static bool add_run(struct open_run *open, const struct pt_run *next)
{
	if (goes_on(&open->run, next)) {
		open->run.len += next->len;
		return true;
	}
	if (!close_run(open))
		return false;
	open->run = *next;
	return true;
}

static bool add_leaf(struct visiting *v, struct table *t,
		     const struct pt_visit *visit)
{
	const struct pt_format *format = v->space->format;
	const struct pt_level *l = &format->levels[t->level];
	struct alike *alike = &t->alike;

	alike->raw = visit->raw;
	alike->step = visit->entry.size >> format->addr_shift;
	alike->address = format->addr_mask & ~(alike->step - 1) &
			 ~(l->leaf_reserved | v->space->reserved);
	alike->mask = ~(alike->address | format->accessed | format->dirty);
	return add_run(v->open, &(struct pt_run){
					.va = visit->va,
					.pa = visit->entry.pa,
					.len = visit->entry.size,
					.page_size = visit->entry.size,
					.rights = visit->rights,
					.software = visit->entry.software,
				});
}

/* How many of the nr entries go on where the leaf ends. */
static unsigned count_going_on(const struct alike *alike,
			       const uint64_t *entries, unsigned nr)
{
	uint64_t expected = alike->raw, last = expected + nr * alike->step;
	uint64_t mask = alike->mask | alike->address, differ;
	unsigned i, j;

	/* Addresses end in between. */
	if ((last ^ expected) & ~alike->address)
		return 0;
	for (i = 0; i + 8 <= nr; i += 8) {
		differ = 0;
		for (j = 1; j <= 8; j++)
			differ |= entries[i + j - 1] ^
				  (expected + j * alike->step);
		if (differ & mask)
			break;
		expected += 8 * alike->step;
	}
	for (; i < nr; i++) {
		expected += alike->step;
		if ((entries[i] ^ expected) & mask)
			break;
	}
	return i;
}

/*
 * The short way for most of a table, t's entry being the one after the leaf that
 * was added last: nothing has to be found out again about entries that are like
 * that one. What is read at a time is no part of both halves of a space, so the
 * hole between them is looked for here, and not at each entry.
 */
static bool take_alike(struct visiting *v, struct table *t)
{
	unsigned shift = v->space->format->addr_shift, nr, from = t->index;
	struct alike *alike = &t->alike;
	struct pt_run *run = &v->open->run, next = *run;
	bool more = run->va + run->len == entry_va(v, t);

	if (!more)
		return true;
	while (more) {
		const uint64_t *entries = &t->entries[t->index - t->chunk];

		nr = count_going_on(alike, entries, t->limit - t->index);
		t->index += nr;
		run->len += nr * run->page_size;
		alike->raw += nr * alike->step;
		if (t->index == t->limit ||
		    (entries[nr] ^ alike->raw) & alike->mask)
			break;
		/* Another place. */
		next.va = run->va + run->len;
		next.len = run->page_size;
		next.pa = run->pa + run->len - run->page_size +
			  (((entries[nr] & alike->address) -
			    (alike->raw & alike->address))
			   << shift);
		alike->raw = entries[nr];
		v->seen->va = next.va;
		t->index++;
		more = add_run(v->open, &next);
	}
	v->seen->leaves += t->index - from;
	return more || stop(v);
}

/* The visit. */

/* Entries from t->index on. False: that one cannot be read. */
static bool read_chunk(struct visiting *v, struct table *t)
{
	const struct pt_format *format = v->space->format;
	const struct pt_mem *mem = v->space->mem;
	gpa_t at = pt_entry_at(format, t->at, t->index);
	unsigned limit = (t->index | (PT_VISIT_ENTRIES - 1)) + 1;

	limit = limit < t->end ? limit : t->end;
	t->chunk = t->index;
	t->limit = limit;
	if (!mem->read(mem->ctx, at, format->entry_bytes, t->entries,
		       limit - t->chunk))
		return true;
	/* Memory may end in between. */
	t->limit = t->chunk + 1;
	return !mem->read(mem->ctx, at, format->entry_bytes, t->entries, 1);
}

static bool tell_bad(struct visiting *v, const struct pt_visit *visit,
		     enum pt_status status)
{
	const struct pt_visitor *visitor = v->visitor;

	v->seen->skipped++;
	if (visitor->bad &&
	    visitor->bad(visitor->ctx, visit, status) == PT_VISIT_STOP)
		return stop(v);
	return true;
}

/* Writes t's entry, and those above it as far as tables move. */
static bool write_entry(struct visiting *v, struct table *t, uint64_t raw)
{
	struct pt_space *space = v->space;
	const struct pt_mem *mem = space->mem;
	const struct pt_format *format = space->format;
	gpa_t moved;

	for (;; t = t->parent) {
		t->entries[t->index - t->chunk] = raw;
		moved = t->at;
		v->seen->error = mem->write(mem->ctx, t->at, t->index,
					    format->entry_bytes, raw, &moved);
		if (v->seen->error)
			break;
		if (moved == t->at)
			return true;
		t->at = moved;
		if (!t->parent)
			break;
		raw = t->parent->entries[t->parent->index - t->parent->chunk];
		raw = pt_with_table(format, raw, moved);
	}
	if (!v->seen->error) {
		space->root = moved;
		v->seen->error =
			mem->set_root ? mem->set_root(mem->ctx, moved) : 0;
	}
	if (v->seen->error)
		v->status = PT_UNWRITABLE;
	return !v->seen->error;
}

/* The entry that t is at, as it is now. */
static struct pt_visit look(const struct visiting *v, const struct table *t)
{
	const struct pt_format *format = v->space->format;
	struct pt_visit visit = {
		.level = t->level,
		.at = pt_entry_at(format, t->at, t->index),
		.raw = t->entries[t->index - t->chunk],
		.va = entry_va(v, t),
	};

	visit.entry = pt_entry_decode(v->space, t->level, visit.raw);
	visit.rights = t->rights & visit.entry.rights;
	return visit;
}

typedef enum pt_visit_next (*visit_fn)(void *ctx, struct pt_visit *visit);

/* Calls fn, and writes what it has changed. False: no more. */
static bool call(struct visiting *v, struct table *t, visit_fn fn,
		 struct pt_visit *visit, enum pt_visit_next *next)
{
	uint64_t raw = visit->raw;

	*next = PT_VISIT_ON;
	if (!fn)
		return true;
	*next = fn(v->visitor->ctx, visit);
	if (visit->raw != raw) {
		if (!write_entry(v, t, visit->raw))
			return false;
		*visit = look(v, t);
	}
	return *next == PT_VISIT_STOP ? stop(v) : true;
}

static bool visit_table(struct visiting *v, struct table *t);

static bool visit_below(struct visiting *v, struct table *t,
			struct pt_visit *visit)
{
	const struct pt_format *format = v->space->format;
	gva_t base = without_sign(format, visit->va);
	struct table below;
	enum pt_visit_next next;

	/* The entries are not set yet. */
	below.parent = t;
	below.at = visit->entry.pa;
	below.base = base;
	below.level = t->level + 1;
	below.rights = visit->rights;
	if (!visit_table(v, &below))
		return false;
	if (!v->visitor->post)
		return true;
	*visit = look(v, t);
	return call(v, t, v->visitor->post, visit, &next);
}

static bool visit_entry(struct visiting *v, struct table *t)
{
	struct pt_visit visit = look(v, t);
	enum pt_visit_next next;

	v->seen->va = visit.va;
	if (visit.entry.kind == PT_KIND_ABSENT)
		return true;
	if (visit.entry.kind == PT_KIND_RESERVED)
		return tell_bad(v, &visit, PT_RESERVED);
	if (!call(v, t, v->visitor->pre, &visit, &next))
		return false;
	switch (visit.entry.kind) {
	case PT_KIND_TABLE:
		return next == PT_VISIT_OVER || visit_below(v, t, &visit);
	case PT_KIND_LEAF:
		v->seen->leaves++;
		return !v->open || add_leaf(v, t, &visit) || stop(v);
	case PT_KIND_RESERVED: /* pre has made it so */
		return tell_bad(v, &visit, PT_RESERVED);
	case PT_KIND_ABSENT:
		break;
	}
	return true;
}

static bool tell_unread(struct visiting *v, const struct table *t)
{
	struct pt_visit visit = {
		.level = t->level,
		.at = pt_entry_at(v->space->format, t->at, t->index),
		.va = entry_va(v, t),
	};

	v->seen->va = visit.va;
	return tell_bad(v, &visit, PT_UNREADABLE);
}

static bool visit_entries(struct visiting *v, struct table *t)
{
	const struct pt_level *l = &v->space->format->levels[t->level];

	while (t->index < t->end) {
		if (t->index == t->limit && !read_chunk(v, t))
			return tell_unread(v, t);
		if (t->alike.mask && !take_alike(v, t))
			return false;
		if (t->index == t->limit)
			continue;
		t->alike.mask = 0;
		if (pt_is_present(l, t->entries[t->index - t->chunk]) &&
		    !visit_entry(v, t))
			return false;
		t->index++;
	}
	return true;
}

/* Those of t's entries that the range has a part of. The table says where it is
 * and what it is for; the rest is filled in here. */
static bool visit_table(struct visiting *v, struct table *t)
{
	const struct pt_format *format = v->space->format;
	const struct pt_level *l = &format->levels[t->level];
	gva_t last = t->base + ((UINT64_C(1) << l->bits << l->shift) - 1);
	uint64_t max_tables = v->visitor->max_tables;

	if (max_tables && v->seen->tables == max_tables) {
		v->seen->cut = true;
		return false;
	}
	v->seen->tables++;
	last = last < v->last ? last : v->last;
	t->index = v->first > t->base ? (v->first - t->base) >> l->shift : 0;
	t->end = (unsigned)((last - t->base) >> l->shift) + 1;
	t->chunk = t->limit = t->index;
	t->alike.mask = 0;
	return visit_entries(v, t);
}

static enum pt_status check_ends(const struct pt_format *format, gva_t first,
				 gva_t last)
{
	if (!pt_is_canonical(format, first) || !pt_is_canonical(format, last))
		return format->sign_extended ? PT_NOT_CANONICAL : PT_TOO_WIDE;
	return last < first ? PT_OUT_OF_RANGE : PT_OK;
}

static enum pt_status visit_space(struct visiting *v, gva_t first, gva_t last)
{
	const struct pt_format *format = v->space->format;
	struct table root;

	v->first = without_sign(format, first);
	v->last = without_sign(format, last);
	root.parent = NULL;
	root.at = v->space->root;
	root.base = 0;
	root.level = 0;
	root.rights = ~0U;
	visit_table(v, &root);
	return v->status;
}

enum pt_status pt_visit(struct pt_space *space, gva_t first, gva_t last,
			const struct pt_visitor *visitor, struct pt_seen *seen)
{
	enum pt_status status = check_ends(space->format, first, last);
	struct pt_seen unused;
	struct visiting v = {
		.space = space,
		.visitor = visitor,
		.seen = seen ? seen : &unused,
	};

	*v.seen = (struct pt_seen){.va = first};
	if (status || !space->format->nr_levels)
		return status;
	return visit_space(&v, first, last);
}

/* Without tables: addresses are physical ones, and everything is allowed. */
static void open_all(struct open_run *open, const struct pt_format *format)
{
	open->run = (struct pt_run){
		.va = open->first,
		.pa = open->first,
		.len = open->last - open->first + 1,
		.page_size = pt_page_size(format),
		.rights = PT_READ | PT_WRITE | PT_EXEC | PT_USER,
	};
}

enum pt_status pt_runs(const struct pt_space *space, gva_t first, gva_t last,
		       uint64_t max_tables, pt_run_fn fn, void *ctx,
		       struct pt_seen *seen)
{
	enum pt_status status = check_ends(space->format, first, last);
	struct pt_space copy = *space; /* not written to */
	struct pt_visitor visitor = {.max_tables = max_tables};
	struct open_run open = {fn, ctx, first, last, {0}};
	struct pt_seen unused;
	struct visiting v = {
		.space = &copy,
		.visitor = &visitor,
		.open = &open,
		.seen = seen ? seen : &unused,
	};

	*v.seen = (struct pt_seen){.va = first};
	if (status)
		return status;
	if (!copy.format->nr_levels)
		open_all(&open, copy.format);
	else
		status = visit_space(&v, first, last);
	/* One that fn refused left none open. */
	if (!close_run(&open))
		v.seen->stopped = true;
	return status;
}
