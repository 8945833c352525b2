/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents sorted by guest-physical address, and the page runs they cover. All
 * look-ups are binary searches; nothing here is per page.
 */
#include "pager/loader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void loader_init(struct loader *loader)
{
	*loader = (struct loader){0};
}

void loader_fini(struct loader *loader)
{
	free(loader->extents);
	free(loader->regions);
	loader_init(loader);
}

int loader_add(struct loader *loader, struct extent extent)
{
	assert(!loader->regions);
	if (!extent.len)
		return 0;
	/* The page of the last byte must end below 2^64. */
	if (extent.gpa + extent.len < extent.gpa ||
	    page_up(extent.gpa + extent.len) < extent.gpa ||
	    extent.offset + extent.len < extent.offset)
		return -EINVAL;
	if (loader->nr_extents == loader->room) {
		size_t room = loader->room ? 2 * loader->room : 8;
		struct extent *e =
			reallocarray(loader->extents, room, sizeof(*e));

		if (!e)
			return -ENOMEM;
		loader->extents = e;
		loader->room = room;
	}
	loader->extents[loader->nr_extents++] = extent;
	return 0;
}

static int by_gpa(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return (x->gpa > y->gpa) - (x->gpa < y->gpa);
}

static int by_start(const void *a, const void *b)
{
	const struct gpa_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Merges sorted page ranges that touch or overlap into regions. */
static void merge(struct loader *loader, const struct gpa_range *r, size_t nr)
{
	struct region *last = NULL;

	for (size_t i = 0; i < nr; i++) {
		if (last && r[i].start <= last->gpa + last->pages * PAGE_SIZE) {
			uint64_t end = r[i].start + r[i].len;
			uint64_t pages = (end - last->gpa) >> PAGE_SHIFT;

			if (pages > last->pages)
				last->pages = pages;
			continue;
		}
		last = &loader->regions[loader->nr_regions++];
		*last = (struct region){
			.gpa = r[i].start,
			.pages = r[i].len >> PAGE_SHIFT,
		};
	}
	for (size_t i = 0; i < loader->nr_regions; i++) {
		loader->regions[i].first = loader->pages;
		loader->pages += loader->regions[i].pages;
	}
}

int loader_seal(struct loader *loader, const struct gpa_range *zero, size_t nr)
{
	size_t n = loader->nr_extents;
	struct gpa_range *ranges;

	assert(!loader->regions);
	if (n)
		qsort(loader->extents, n, sizeof(*loader->extents), by_gpa);
	for (size_t i = 1; i < n; i++) {
		const struct extent *a = &loader->extents[i - 1];

		if (a->gpa + a->len > a[1].gpa)
			return -EEXIST;
	}
	/* One more than needed: an empty table is not an error. */
	ranges = calloc(n + nr + 1, sizeof(*ranges));
	loader->regions = calloc(n + nr + 1, sizeof(*loader->regions));
	if (!ranges || !loader->regions) {
		free(ranges);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const struct extent *e = &loader->extents[i];

		ranges[i].start = page_down(e->gpa);
		ranges[i].len = page_up(e->gpa + e->len) - ranges[i].start;
	}
	for (size_t i = 0; i < nr; i++)
		ranges[n + i] = zero[i];
	qsort(ranges, n + nr, sizeof(*ranges), by_start);
	merge(loader, ranges, n + nr);
	free(ranges);
	return 0;
}

const struct region *loader_find(const struct loader *loader, gpa_t gpa)
{
	size_t lo = 0, hi = loader->nr_regions;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct region *r = &loader->regions[mid];

		if (gpa < r->gpa)
			hi = mid;
		else if (gpa - r->gpa >= r->pages * PAGE_SIZE)
			lo = mid + 1;
		else
			return r;
	}
	return NULL;
}

/* Index of the first extent that ends after gpa; nr_extents if none does. */
static size_t first_after(const struct loader *loader, gpa_t gpa)
{
	size_t lo = 0, hi = loader->nr_extents;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct extent *e = &loader->extents[mid];

		if (e->gpa + e->len <= gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct extent *loader_extent(const struct loader *loader, gpa_t gpa,
				   uint64_t len)
{
	size_t i = first_after(loader, gpa);

	if (i == loader->nr_extents || loader->extents[i].gpa >= gpa + len)
		return NULL;
	return &loader->extents[i];
}

uint64_t loader_run(const struct loader *loader, gpa_t gpa, bool *zero)
{
	size_t i = first_after(loader, gpa);
	const struct extent *e;
	gpa_t end;

	assert(!(gpa & PAGE_MASK));
	*zero = true;
	if (i == loader->nr_extents) /* all pages to 2^64 */
		return ((page_down(UINT64_MAX) - gpa) >> PAGE_SHIFT) + 1;
	e = &loader->extents[i];
	end = page_down(e->gpa);
	if (end <= gpa) {
		*zero = false;
		for (; i < loader->nr_extents && e->gpa < gpa + PAGE_SIZE;
		     i++, e++)
			end = page_up(e->gpa + e->len);
	}
	return (end - gpa) >> PAGE_SHIFT;
}

int loader_compose(const struct loader *loader, gpa_t gpa, void *buf,
		   uint64_t len, bool zeroed, uint64_t *bytes,
		   struct loader_failure *failure)
{
	uint8_t *p = buf;
	gpa_t at = gpa, end = gpa + len;

	for (size_t i = first_after(loader, gpa); at < end; i++) {
		const struct extent *e = NULL;
		gpa_t start = end, stop = end;
		int rc;

		if (i < loader->nr_extents && loader->extents[i].gpa < end) {
			e = &loader->extents[i];
			start = e->gpa > at ? e->gpa : at;
			stop = e->gpa + e->len < end ? e->gpa + e->len : end;
		}
		if (!zeroed)
			memset(p + (at - gpa), 0, start - at);
		at = stop;
		if (!e)
			break;
		rc = e->source->read(e->source->ctx, p + (start - gpa),
				     stop - start,
				     e->offset + (start - e->gpa));
		if (rc) {
			*failure = (struct loader_failure){
				.source = e->source->name,
				.offset = e->offset + (start - e->gpa),
				.gpa = start,
				.error = -rc,
			};
			return rc;
		}
		*bytes += stop - start;
	}
	return 0;
}
