/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From options to numbered frames. Whatever two children name alike they share,
 * so its pages are numbered first; then come each child's own, by address.
 */
#include "vmm/child/child_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct child_pool *find_pool(const struct child_set *set,
				    const char *name)
{
	for (size_t i = 0; i < set->nr_pools; i++)
		if (!strcmp(set->pools[i].name, name))
			return &set->pools[i];
	return NULL;
}

static uint64_t best_page(const struct child_share *share)
{
	return (share->va | share->len) % CHILD_LARGE_PAGE ? PAGE_SIZE
							   : CHILD_LARGE_PAGE;
}

/* Its pages are large where they can be for everybody. */
static int join_pool(struct child_set *set, size_t child,
		     const struct child_share *share, struct image_error *err)
{
	struct child_pool *pool = find_pool(set, share->name);

	if (!pool) {
		pool = &set->pools[set->nr_pools++];
		*pool = (struct child_pool){
			.name = share->name,
			.len = share->len,
			.page_size = CHILD_LARGE_PAGE,
			.child = child,
		};
	}
	if (pool->len != share->len)
		return child_error(
			err, -EINVAL, set->spaces[child].option,
			"share=%.60s has 0x%llx bytes here, but 0x%llx in "
			"--child %.160s; give both the same size",
			share->name, (unsigned long long)share->len,
			(unsigned long long)pool->len,
			set->spaces[pool->child].option->path);
	if (best_page(share) < pool->page_size)
		pool->page_size = PAGE_SIZE;
	return 0;
}

static int make_pools(struct child_set *set, struct image_error *err)
{
	size_t room = 0;
	int rc = 0;

	for (size_t i = 0; i < set->nr; i++)
		room += set->spaces[i].option->nr_shares;
	set->pools = calloc(room + 1, sizeof(*set->pools));
	if (!set->pools)
		return -ENOMEM;
	for (size_t i = 0; i < set->nr; i++) {
		const struct child_option *option = set->spaces[i].option;

		for (size_t k = 0; !rc && k < option->nr_shares; k++)
			rc = join_pool(set, i, &option->shares[k], err);
	}
	return rc;
}

static void number_pools(struct child_set *set, uint64_t page_size)
{
	for (size_t i = 0; i < set->nr_pools; i++) {
		struct child_pool *pool = &set->pools[i];

		if (pool->page_size != page_size)
			continue;
		pool->frame = set->nr_frames;
		set->nr_frames += pool->len / page_size;
	}
}

static void number_area(struct child_set *set, struct child_area *area)
{
	if (area->what == CHILD_SHARE) {
		const struct child_pool *pool =
			find_pool(set, area->share->name);

		area->page_size = pool->page_size;
		area->frame = pool->frame;
		return;
	}
	area->page_size = PAGE_SIZE;
	area->frame = set->nr_frames;
	set->nr_frames += area->len / PAGE_SIZE;
}

/* A child has less than 2^36 pages, so nothing overflows. */
static void number_frames(struct child_set *set)
{
	number_pools(set, CHILD_LARGE_PAGE);
	set->nr_large = set->nr_frames;
	number_pools(set, PAGE_SIZE);
	for (size_t i = 0; i < set->nr; i++)
		for (size_t k = 0; k < set->spaces[i].nr_areas; k++)
			number_area(set, &set->spaces[i].areas[k]);
}

static int check_size(const struct child_set *set, uint64_t max_bytes,
		      const char *what, struct image_error *err)
{
	const struct child_space *largest = &set->spaces[0];
	uint64_t most = 0;

	if (set->nr_frames <= UINT32_MAX &&
	    child_frames_bytes(set) <= max_bytes)
		return 0;
	for (size_t i = 0; i < set->nr; i++) {
		const struct child_space *space = &set->spaces[i];
		uint64_t bytes = 0;

		for (size_t k = 0; k < space->nr_areas; k++)
			bytes += space->areas[k].len;
		if (bytes <= most)
			continue;
		most = bytes;
		largest = space;
	}
	return child_error(err, -EINVAL, largest->option,
			   "0x%llx bytes of pages, and all children together "
			   "have 0x%llx, more than the 0x%llx bytes of %s; "
			   "make one larger or the other smaller",
			   (unsigned long long)most,
			   (unsigned long long)child_frames_bytes(set),
			   (unsigned long long)max_bytes, what);
}

void child_pages(const struct child_space *space, struct pt_blob_pages *pages)
{
	for (size_t i = 0; i < space->nr_areas; i++) {
		const struct child_area *area = &space->areas[i];

		pages[i] = (struct pt_blob_pages){
			.va = area->va,
			.page_size = area->page_size,
			.frame = area->frame,
			.nr = area->len / area->page_size,
		};
	}
}

/* The live tables are as many as the copy's: the same pages make both trees. */
static int count_tables(struct child_set *set)
{
	struct pt_blob_writer writer = {
		.levels = set->arch->format->nr_levels,
	};

	for (size_t i = 0; i < set->nr; i++) {
		const struct child_space *space = &set->spaces[i];
		struct pt_blob_pages *pages =
			calloc(space->nr_areas, sizeof(*pages));
		uint64_t root;

		if (!pages)
			return -ENOMEM;
		child_pages(space, pages);
		/* Disjoint areas are never refused. */
		(void)pt_blob_put(&writer, pages, space->nr_areas, &root);
		free(pages);
	}
	set->nr_tables = writer.used;
	return 0;
}

static int fill(struct child_set *set, const struct child_option *options,
		size_t nr, uint64_t max_bytes, const char *what,
		struct image_error *err)
{
	int rc = 0;

	set->spaces = calloc(nr, sizeof(*set->spaces));
	if (!set->spaces)
		return -ENOMEM;
	while (!rc && set->nr < nr) {
		rc = child_space_init(&set->spaces[set->nr], &options[set->nr],
				      set->arch, err);
		set->nr++;
	}
	if (!rc)
		rc = make_pools(set, err);
	if (rc)
		return rc;
	number_frames(set);
	rc = check_size(set, max_bytes, what, err);
	return rc ? rc : count_tables(set);
}

int child_set_create(struct child_set **out, const struct child_option *options,
		     size_t nr, const struct child_arch *arch,
		     uint64_t max_bytes, const char *what,
		     struct image_error *err)
{
	struct child_set *set = calloc(1, sizeof(*set));
	int rc = -ENOMEM;

	err->text[0] = '\0';
	if (set) {
		set->arch = arch;
		rc = fill(set, options, nr, max_bytes, what, err);
	}
	if (!rc) {
		*out = set;
		return 0;
	}
	if (!err->text[0])
		child_error(err, rc, &options[0], "out of memory");
	child_set_destroy(set);
	return rc;
}

void child_set_destroy(struct child_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->nr; i++)
		child_space_fini(&set->spaces[i]);
	free(set->spaces);
	free(set->pools);
	free(set->bytes);
	free(set->roots);
	free(set->live_roots);
	free(set->files);
	free(set);
}

uint64_t child_frames_bytes(const struct child_set *set)
{
	return set->nr_large * CHILD_LARGE_PAGE +
	       (set->nr_frames - set->nr_large) * PAGE_SIZE;
}

gpa_t child_frame_gpa(const struct child_set *set, uint64_t frame)
{
	return frame < set->nr_large
		       ? set->region + frame * CHILD_LARGE_PAGE
		       : set->region + set->nr_large * CHILD_LARGE_PAGE +
				 (frame - set->nr_large) * PAGE_SIZE;
}

uint64_t child_tables_bytes(const struct child_set *set)
{
	return 2 * set->nr_tables * PAGE_SIZE +
	       page_up(set->nr_frames * sizeof(struct abi_frame));
}

uint64_t child_set_bytes(const struct child_set *set)
{
	return child_frames_bytes(set) + child_tables_bytes(set);
}

uint64_t child_set_align(const struct child_set *set)
{
	return set->nr_large ? CHILD_LARGE_PAGE : PAGE_SIZE;
}
