/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Composing what the region begins with zeros: the copy, the live tables, the
 * frame array, in one buffer that stands for their place. Work goes by areas,
 * not pages, but for the entries themselves.
 */
#include "vmm/child/child_set.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "pager/pt/pt_edit.h"

/* --- the frame array ------------------------------------------------------- */

/* The page at va of a segment: which bytes of the file are in it? */
static void fill_from_file(struct abi_frame *frame,
			   const struct image_segment *s, gva_t va)
{
	gva_t start = s->vaddr > va ? s->vaddr : va;
	gva_t end = s->vaddr + s->filesz;

	if (end > va + PAGE_SIZE)
		end = va + PAGE_SIZE;
	if (start >= end)
		return;
	frame->origin = ABI_FILE;
	frame->offset = s->offset + (start - s->vaddr);
	frame->at = (uint16_t)(start - va);
	frame->len = (uint16_t)(end - start);
}

static void fill_area(struct child_set *set, size_t child,
		      const struct child_area *area)
{
	for (uint64_t i = 0; i < area->len / PAGE_SIZE; i++) {
		struct abi_frame *frame = &set->frames[area->frame + i];

		*frame = (struct abi_frame){
			.gpa = child_frame_gpa(set, area->frame + i),
			.size = PAGE_SIZE,
			.rights = (uint8_t)area->rights,
			.origin = ABI_ZERO,
			.child = (uint16_t)child,
		};
		if (area->what == CHILD_SEGMENT)
			fill_from_file(frame, area->segment,
				       area->va + i * PAGE_SIZE);
	}
}

static void fill_pool(struct child_set *set, const struct child_pool *pool)
{
	for (uint64_t i = 0; i < pool->len / pool->page_size; i++)
		set->frames[pool->frame + i] = (struct abi_frame){
			.gpa = child_frame_gpa(set, pool->frame + i),
			.size = (uint32_t)pool->page_size,
			.rights = ABI_READ | ABI_WRITE,
			.origin = ABI_SHARED,
			.child = (uint16_t)pool->child,
		};
}

static void fill_frames(struct child_set *set)
{
	for (size_t i = 0; i < set->nr_pools; i++)
		fill_pool(set, &set->pools[i]);
	for (size_t i = 0; i < set->nr; i++)
		for (size_t k = 0; k < set->spaces[i].nr_areas; k++)
			if (set->spaces[i].areas[k].what != CHILD_SHARE)
				fill_area(set, i, &set->spaces[i].areas[k]);
}

/* --- the copy -------------------------------------------------------------- */

static int build_copy(struct child_set *set)
{
	struct pt_blob_writer writer = {
		.tables = set->copy,
		.room = set->nr_tables,
		.levels = set->arch->format->nr_levels,
	};
	enum pt_status status = PT_OK;

	for (size_t i = 0; !status && i < set->nr; i++) {
		const struct child_space *space = &set->spaces[i];
		struct pt_blob_pages *pages =
			calloc(space->nr_areas, sizeof(*pages));

		if (!pages)
			return -ENOMEM;
		child_pages(space, pages);
		status = pt_blob_put(&writer, pages, space->nr_areas,
				     &set->roots[i]);
		free(pages);
	}
	assert(!status && writer.used == set->nr_tables);
	return 0;
}

/* --- the live tables ------------------------------------------------------- */

static uint64_t *slot(const struct child_tables *t, gpa_t gpa)
{
	return &t->entries[(gpa - t->gpa) / sizeof(uint64_t)];
}

static int live_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		     unsigned nr)
{
	const struct child_tables *t = ctx;

	if (at < t->gpa || at - t->gpa >= t->used * PAGE_SIZE)
		return -EFAULT;
	pt_copy_entries(slot(t, at), bytes, entries, nr);
	return 0;
}

static int live_write(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		      uint64_t entry, gpa_t *moved)
{
	(void)bytes;
	(void)moved;
	slot(ctx, table)[index] = entry;
	return 0;
}

static int live_fill(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		     uint64_t entry, uint64_t step, unsigned nr, gpa_t *moved)
{
	(void)moved;
	pt_fill_entries(slot(ctx, table) + index, bytes, entry, step, nr);
	return 0;
}

static int live_alloc(void *ctx, gpa_t *table)
{
	struct child_tables *t = ctx;

	if (t->used == t->room)
		return -ENOMEM;
	*table = t->gpa + t->used++ * PAGE_SIZE;
	return 0;
}

unsigned child_pt_rights(unsigned rights)
{
	return PT_USER | PT_READ | (rights & ABI_WRITE ? PT_WRITE : 0) |
	       (rights & ABI_EXEC ? PT_EXEC : 0);
}

/* Neighbouring frames of one size lie next to each other. */
static enum pt_status map_area(struct pt_space *live,
			       const struct child_set *set,
			       const struct child_area *area, bool backed)
{
	const struct pt_mapping mapping = {
		.kind = backed ? PT_MAP_BASIC : PT_MAP_NONE,
		.rights = child_pt_rights(area->rights),
		.max_page = area->page_size,
	};

	return pt_map(live, area->va, child_frame_gpa(set, area->frame),
		      area->len, &mapping, NULL);
}

static void build_live(struct child_set *set)
{
	enum pt_status status = PT_OK;

	for (size_t i = 0; i < set->nr; i++) {
		const struct child_space *space = &set->spaces[i];
		struct pt_space live;

		set->live_roots[i] =
			set->live.gpa + set->live.used++ * PAGE_SIZE;
		live = child_set_live(set, i);
		for (size_t k = 0; !status && k < space->nr_areas; k++)
			status = map_area(&live, set, &space->areas[k],
					  space->option->backed);
	}
	assert(!status && set->live.used == set->nr_tables);
}

struct pt_space child_set_live(const struct child_set *set, size_t child)
{
	return pt_space(set->arch->format, &set->live_mem,
			set->live_roots[child]);
}

/* --- all of it ------------------------------------------------------------- */

static void divide(struct child_set *set, gpa_t region)
{
	const uint64_t len = set->nr_tables * PAGE_SIZE;
	const gpa_t copy = region + child_frames_bytes(set);
	char *bytes = set->bytes;

	set->region = region;
	set->copy = set->bytes;
	set->live = (struct child_tables){
		.entries = (void *)(bytes + len),
		.gpa = copy + len,
		.room = set->nr_tables,
	};
	set->live_mem = (struct pt_mem){
		.ctx = &set->live,
		.read = live_read,
		.write = live_write,
		.fill = live_fill,
		.alloc = live_alloc,
	};
	set->frames = (void *)(bytes + 2 * len);
	set->source_bytes =
		(struct source_bytes){bytes, child_tables_bytes(set)};
	set->source =
		source_bytes("children's page tables", &set->source_bytes);
	for (size_t i = 0; i < set->nr; i++)
		set->files[i] = source_file(set->spaces[i].option->path,
					    set->spaces[i].image->fd);
}

int child_set_build(struct child_set *set, gpa_t region)
{
	int rc;

	set->bytes = calloc(1, child_tables_bytes(set));
	set->roots = calloc(set->nr, sizeof(*set->roots));
	set->live_roots = calloc(set->nr, sizeof(*set->live_roots));
	set->files = calloc(set->nr, sizeof(*set->files));
	if (!set->bytes || !set->roots || !set->live_roots || !set->files)
		return -ENOMEM;
	divide(set, region);
	fill_frames(set);
	rc = build_copy(set);
	if (!rc)
		build_live(set);
	return rc;
}

static int file_extents(const struct child_set *set, size_t child,
			child_extent_fn fn, void *ctx)
{
	const struct child_space *space = &set->spaces[child];
	int rc = 0;

	for (size_t i = 0; !rc && i < space->nr_areas; i++) {
		const struct child_area *a = &space->areas[i];

		if (a->what != CHILD_SEGMENT || !a->segment->filesz)
			continue;
		rc = fn(ctx,
			child_frame_gpa(set, a->frame) +
				(a->segment->vaddr - a->va),
			a->segment->filesz, &set->files[child],
			a->segment->offset);
	}
	return rc;
}

int child_set_extents(const struct child_set *set, child_extent_fn fn,
		      void *ctx)
{
	int rc = fn(ctx, set->region + child_frames_bytes(set),
		    set->source_bytes.len, &set->source, 0);

	for (size_t i = 0; !rc && i < set->nr; i++)
		rc = file_extents(set, i, fn, ctx);
	return rc;
}

/* --- looking at it --------------------------------------------------------- */

struct pt_blob child_set_copy(const struct child_set *set)
{
	return (struct pt_blob){
		.tables = set->copy,
		.bytes = set->nr_tables * PAGE_SIZE,
		.levels = set->arch->format->nr_levels,
	};
}

const struct abi_frame *child_set_frames(const struct child_set *set,
					 uint64_t *nr)
{
	*nr = set->nr_frames;
	return set->frames;
}

const struct child_space *child_set_child(const struct child_set *set,
					  size_t child)
{
	return &set->spaces[child];
}

uint64_t child_set_root(const struct child_set *set, size_t child)
{
	return set->roots[child];
}
