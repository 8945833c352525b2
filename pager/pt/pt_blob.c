/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: a table's entries are collected while those below it are written, and
 * come after them. Reading: the order, which a good blob has, is asked of each
 * step, so no way through a bad one is longer than its levels.
 */
#include "pager/pt/pt_blob.h"

#include <stddef.h>

#define INDEX_BITS 9
#define TABLE_SIZE (PT_BLOB_ENTRIES * sizeof(uint64_t))

/* Address bits below the index of a level; level 0 has the leaves. */
static unsigned level_shift(unsigned level)
{
	return PAGE_SHIFT + INDEX_BITS * level;
}

/* --- writing --------------------------------------------------------------- */

/* The pages not yet written: the first is next, of *pages. */
struct todo {
	const struct pt_blob_pages *pages;
	uint64_t nr;
	uint64_t next;
};

static gva_t next_va(const struct todo *todo)
{
	return todo->pages->va + todo->next * todo->pages->page_size;
}

/* Takes as many pages as the entries from index on hold. */
static unsigned take_leaves(struct todo *todo, unsigned level, unsigned index,
			    uint64_t *entries)
{
	const uint64_t large = level ? PT_BLOB_LARGE : 0;
	uint64_t nr = todo->pages->nr - todo->next;
	uint64_t frame = todo->pages->frame + todo->next;

	if (nr > PT_BLOB_ENTRIES - index)
		nr = PT_BLOB_ENTRIES - index;
	for (uint64_t i = 0; entries && i < nr; i++)
		entries[index + i] = large | (frame + i);
	todo->next += nr;
	if (todo->next == todo->pages->nr) {
		todo->pages++;
		todo->nr--;
		todo->next = 0;
	}
	return (unsigned)nr;
}

static enum pt_status put_entries(struct pt_blob_writer *w, struct todo *todo,
				  unsigned level, gva_t base,
				  uint64_t *entries);

/* The table for [base, base + 512 entries of its level), behind those below
 * it. */
static enum pt_status put_table(struct pt_blob_writer *w, struct todo *todo,
				unsigned level, gva_t base, uint64_t *offset)
{
	uint64_t entries[PT_BLOB_ENTRIES];
	enum pt_status status;

	status = put_entries(w, todo, level, base, w->tables ? entries : NULL);
	if (status)
		return status;
	*offset = w->used * TABLE_SIZE;
	if (w->tables && w->used == w->room)
		return PT_NO_MEMORY;
	for (unsigned i = 0; w->tables && i < PT_BLOB_ENTRIES; i++)
		w->tables[w->used * PT_BLOB_ENTRIES + i] = entries[i];
	w->used++;
	return PT_OK;
}

static enum pt_status put_entries(struct pt_blob_writer *w, struct todo *todo,
				  unsigned level, gva_t base, uint64_t *entries)
{
	const unsigned shift = level_shift(level);
	unsigned filled = 0; /* entries below this one are done */
	enum pt_status status;
	uint64_t offset;

	for (unsigned i = 0; entries && i < PT_BLOB_ENTRIES; i++)
		entries[i] = PT_BLOB_NONE;
	while (todo->nr && (next_va(todo) - base) >> shift < PT_BLOB_ENTRIES) {
		unsigned index = (unsigned)((next_va(todo) - base) >> shift);

		if (index < filled || todo->pages->page_size > UINT64_C(1)
								       << shift)
			return PT_MAPPED;
		if (todo->pages->page_size == UINT64_C(1) << shift) {
			filled = index +
				 take_leaves(todo, level, index, entries);
			continue;
		}
		status = put_table(w, todo, level - 1,
				   base + ((gva_t)index << shift), &offset);
		if (status)
			return status;
		if (entries)
			entries[index] = offset;
		filled = index + 1;
	}
	return PT_OK;
}

enum pt_status pt_blob_put(struct pt_blob_writer *writer,
			   const struct pt_blob_pages *pages, uint64_t nr,
			   uint64_t *root)
{
	struct todo todo = {.pages = pages, .nr = nr};
	enum pt_status status =
		put_table(writer, &todo, writer->levels - 1, 0, root);

	return !status && todo.nr ? PT_OUT_OF_RANGE : status;
}

/* --- reading --------------------------------------------------------------- */

/* A table of the blob that may lead to others: tables below limit alone. */
static enum pt_status read_table(const struct pt_blob *blob, uint64_t offset,
				 uint64_t limit, const uint64_t **table)
{
	if (offset % TABLE_SIZE || blob->bytes < TABLE_SIZE ||
	    offset > blob->bytes - TABLE_SIZE)
		return PT_UNREADABLE;
	if (offset >= limit)
		return PT_RESERVED;
	*table = blob->tables + offset / sizeof(uint64_t);
	return PT_OK;
}

/* The entry is a leaf; false: it leads to a table. */
static bool is_leaf(unsigned level, uint64_t entry)
{
	return !level || entry & PT_BLOB_LARGE;
}

/* A leaf has the bit above the last level, and there alone; pages are not larger
 * than 1 GiB. */
static enum pt_status read_leaf(unsigned level, uint64_t entry, gva_t va,
				struct pt_blob_leaf *leaf)
{
	const uint64_t size = UINT64_C(1) << level_shift(level);

	if (level > 2 || !level != !(entry & PT_BLOB_LARGE))
		return PT_RESERVED;
	*leaf = (struct pt_blob_leaf){
		.va = va & ~(size - 1),
		.page_size = size,
		.frame = entry & ~PT_BLOB_LARGE,
	};
	return PT_OK;
}

enum pt_status pt_blob_find(const struct pt_blob *blob, uint64_t root, gva_t va,
			    struct pt_blob_leaf *leaf)
{
	uint64_t limit = UINT64_MAX, offset = root;
	unsigned level = blob->levels;

	if (va >> level_shift(level))
		return PT_TOO_WIDE;
	while (level--) {
		unsigned index =
			(unsigned)(va >> level_shift(level)) % PT_BLOB_ENTRIES;
		const uint64_t *table;
		enum pt_status status = read_table(blob, offset, limit, &table);
		uint64_t entry;

		if (status)
			return status;
		entry = table[index];
		if (entry == PT_BLOB_NONE)
			return PT_ABSENT;
		if (is_leaf(level, entry))
			return read_leaf(level, entry, va, leaf);
		limit = offset;
		offset = entry;
	}
	return PT_RESERVED;
}

/* Where pt_blob_leaves is. */
struct reader {
	const struct pt_blob *blob;
	uint64_t budget; /* tables that may still be read */
	pt_blob_fn fn;
	void *ctx;
	bool stopped;
};

static enum pt_status read_entries(struct reader *r, unsigned level,
				   uint64_t offset, uint64_t limit, gva_t base);

/* An entry of the table at `offset` that is not empty. */
static enum pt_status read_entry(struct reader *r, unsigned level,
				 uint64_t offset, gva_t va, uint64_t entry)
{
	struct pt_blob_leaf leaf;
	enum pt_status status;

	if (!is_leaf(level, entry))
		return read_entries(r, level - 1, entry, offset, va);
	status = read_leaf(level, entry, va, &leaf);
	if (!status)
		r->stopped = r->fn(r->ctx, &leaf);
	return status;
}

static enum pt_status read_entries(struct reader *r, unsigned level,
				   uint64_t offset, uint64_t limit, gva_t base)
{
	const uint64_t *table = NULL;
	enum pt_status status = read_table(r->blob, offset, limit, &table);

	if (!status && !r->budget--)
		status = PT_RESERVED;
	for (unsigned i = 0; i < PT_BLOB_ENTRIES && !status && !r->stopped; i++)
		if (table[i] != PT_BLOB_NONE)
			status = read_entry(
				r, level, offset,
				base + ((gva_t)i << level_shift(level)),
				table[i]);
	return status;
}

enum pt_status pt_blob_leaves(const struct pt_blob *blob, uint64_t root,
			      pt_blob_fn fn, void *ctx)
{
	struct reader r = {
		.blob = blob,
		.budget = blob->bytes / TABLE_SIZE,
		.fn = fn,
		.ctx = ctx,
	};

	return read_entries(&r, blob->levels - 1, root, UINT64_MAX, 0);
}

/* The run that goes on; empty: first is above last. */
struct runs {
	const struct pt_blob_runs_fns *fns;
	struct pt_blob_run run;
	bool stopped;
};

static int take_leaf(void *ctx, const struct pt_blob_leaf *leaf)
{
	struct runs *r = ctx;
	unsigned rights = r->fns->rights(r->fns->ctx, leaf->frame);
	bool empty = r->run.first > r->run.last;

	if (!empty && leaf->va == r->run.last + 1 &&
	    leaf->page_size == r->run.page_size && rights == r->run.rights) {
		r->run.last += leaf->page_size;
		return 0;
	}
	if (!empty && r->fns->run(r->fns->ctx, &r->run)) {
		r->stopped = true;
		return 1;
	}
	r->run = (struct pt_blob_run){
		.first = leaf->va,
		.last = leaf->va + (leaf->page_size - 1),
		.page_size = leaf->page_size,
		.rights = rights,
	};
	return 0;
}

enum pt_status pt_blob_runs(const struct pt_blob *blob, uint64_t root,
			    const struct pt_blob_runs_fns *fns)
{
	struct runs r = {.fns = fns, .run = {.first = 1}};
	enum pt_status status = pt_blob_leaves(blob, root, take_leaf, &r);

	if (!r.stopped && r.run.first <= r.run.last)
		fns->run(fns->ctx, &r.run);
	return status;
}
