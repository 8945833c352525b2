/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents are disjoint in bytes and memory starts as zeros, so each extent can
 * be put in place by itself: a page that two of them share is never mapped,
 * because it is whole in neither.
 */
#define _GNU_SOURCE
#include "pager/prepare.h"

#include <errno.h>
#include <sys/mman.h>

#include "pager/resident.h"

/* Reads the extent's bytes [from, to), offsets from its start, to hva. */
static int read_part(const struct extent *e, uint64_t from, uint64_t to,
		     char *hva, uint64_t *bytes, struct loader_failure *failure)
{
	int rc;

	if (from >= to)
		return 0;
	rc = e->source->read(e->source->ctx, hva + from, to - from,
			     e->offset + from);
	if (rc) {
		*failure = (struct loader_failure){
			.source = e->source->name,
			.offset = e->offset + from,
			.gpa = e->gpa + from,
			.error = -rc,
		};
		return -EIO;
	}
	*bytes += to - from;
	return 0;
}

/* The extent's whole pages as offsets from its start; false: not mappable. */
static bool mappable(const struct extent *e, uint64_t *from, uint64_t *to)
{
	*from = page_up(e->gpa) - e->gpa;
	*to = page_down(e->gpa + e->len) - e->gpa;
	return e->source->fd >= 0 && !((e->offset - e->gpa) & PAGE_MASK) &&
	       page_down(e->gpa + e->len) > page_up(e->gpa);
}

static int put(const struct extent *e, char *hva, bool map, uint64_t *bytes,
	       struct loader_failure *failure)
{
	uint64_t from, to;
	int rc;

	if (!map || !mappable(e, &from, &to))
		return read_part(e, 0, e->len, hva, bytes, failure);
	if (mmap(hva + from, to - from, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, e->source->fd,
		 (off_t)(e->offset + from)) == MAP_FAILED)
		return -errno;
	rc = read_part(e, 0, from, hva, bytes, failure);
	return rc ? rc : read_part(e, to, e->len, hva, bytes, failure);
}

int prepare(const struct loader *loader, const struct pager_memory *memory,
	    size_t nr, bool map, uint64_t *bytes,
	    struct loader_failure *failure)
{
	for (size_t i = 0; i < loader->nr_extents; i++) {
		const struct extent *e = &loader->extents[i];
		int rc = put(e, pager_memory_at(memory, nr, e->gpa), map, bytes,
			     failure);

		if (rc)
			return rc;
	}
	return 0;
}

/* The part of [gpa, gpa + len) that is mapped from the extent's file. */
static struct gpa_range mapped_part(const struct extent *e, gpa_t gpa,
				    uint64_t len)
{
	uint64_t from, to;
	gpa_t start, end;

	if (!mappable(e, &from, &to))
		return (struct gpa_range){0};
	start = e->gpa + from > gpa ? e->gpa + from : gpa;
	end = e->gpa + to < gpa + len ? e->gpa + to : gpa + len;
	return (struct gpa_range){start, end > start ? end - start : 0};
}

/*
 * Neighbours become one mapping, here and with RAM around: the kernel merges
 * anonymous memory of equal flags, and these are RAM's. When mmap(2) refuses
 * because there are too many mappings, the old one is still there.
 */
static int replace(char *hva, uint64_t len)
{
	return mmap(hva, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		    0) == MAP_FAILED
		       ? -errno
		       : 0;
}

static int give_back(char *hva, uint64_t len)
{
	return madvise(hva, len, MADV_DONTNEED) ? -errno : 0;
}

int prepare_discard(const struct loader *loader, char *hva, gpa_t gpa,
		    uint64_t len)
{
	const struct extent *past = loader->extents + loader->nr_extents;
	gpa_t at = gpa, end = gpa + len;
	int rc = 0;

	for (const struct extent *e = loader_extent(loader, gpa, len);
	     !rc && e && e < past && e->gpa < end; e++) {
		struct gpa_range part = mapped_part(e, gpa, len);

		if (!part.len)
			continue;
		rc = give_back(hva + (at - gpa), part.start - at);
		if (!rc)
			rc = replace(hva + (part.start - gpa), part.len);
		at = part.start + part.len;
	}
	return rc ? rc : give_back(hva + (at - gpa), end - at);
}

/* One region of prepare_resident. */
struct count {
	const struct pages *pages;
	uint64_t first; /* number of the region's first page */
	uint64_t present;
};

static int count_present(void *ctx, uint64_t offset, uint64_t len)
{
	struct count *c = ctx;
	uint64_t page = c->first + (offset >> PAGE_SHIFT);

	for (uint64_t end = page + (len >> PAGE_SHIFT); page < end; page++)
		c->present += page_state(c->pages, page) != PAGE_DISCARDED;
	return 0;
}

uint64_t prepare_resident(const struct loader *loader,
			  const struct pager_memory *memory, size_t nr,
			  const struct pages *pages)
{
	struct count count = {.pages = pages};

	for (size_t i = 0; i < loader->nr_regions; i++) {
		const struct region *r = &loader->regions[i];
		void *hva = pager_memory_at(memory, nr, r->gpa);

		count.first = r->first;
		resident_runs(hva, r->pages * PAGE_SIZE, count_present, &count);
	}
	return count.present;
}
