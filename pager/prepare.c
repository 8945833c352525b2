/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extents are disjoint in bytes and memory starts as zeros, so each extent can
 * be put in place by itself: a page that two of them share is never mapped,
 * because it is whole in neither.
 */
#define _GNU_SOURCE
#include "pager/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGEMAP_PRESENT (UINT64_C(1) << 63) /* proc(5) pagemap */
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

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

static uint64_t count_present(int pagemap, uint64_t hva, uint64_t pages)
{
	uint64_t entries[512], present = 0;

	while (pages) {
		size_t n = pages < 512 ? pages : 512;
		ssize_t got =
			pread(pagemap, entries, n * sizeof(*entries),
			      (off_t)(hva / PAGE_SIZE * sizeof(*entries)));

		if (got != (ssize_t)(n * sizeof(*entries)))
			return present;
		for (size_t i = 0; i < n; i++)
			present += !!(entries[i] &
				      (PAGEMAP_PRESENT | PAGEMAP_SWAPPED));
		hva += n * PAGE_SIZE;
		pages -= n;
	}
	return present;
}

uint64_t prepare_resident(const struct loader *loader,
			  const struct pager_memory *memory, size_t nr)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t present = 0;

	if (pagemap < 0)
		return 0;
	for (size_t i = 0; i < loader->nr_regions; i++) {
		const struct region *r = &loader->regions[i];
		void *hva = pager_memory_at(memory, nr, r->gpa);

		present += count_present(pagemap, (uintptr_t)hva, r->pages);
	}
	close(pagemap);
	return present;
}
