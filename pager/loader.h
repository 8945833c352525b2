/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaders: how the bytes of guest-physical memory come to be.
 *
 * An extent says "these bytes come from there". Extents are disjoint in bytes
 * but may share pages, begin and end anywhere, and their file offsets need not
 * be congruent to their addresses. A page's content is zeros, overwritten by
 * every extent that overlaps it. The table costs O(extents), whatever the size
 * of the image or of memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"
#include "pager/source.h"

struct extent {
	gpa_t gpa;
	uint64_t len;
	const struct pager_source *source;
	uint64_t offset; /* of the first byte, in the source */
};

/* A maximal run of pages that the table gives content to. */
struct region {
	gpa_t gpa;
	uint64_t pages;
	uint64_t first; /* number of its first page among all regions' pages */
};

struct loader {
	/* Sorted and disjoint once sealed. */
	struct extent *extents;
	size_t nr_extents, room;
	struct region *regions;
	size_t nr_regions;
	uint64_t pages; /* in all regions */
};

void loader_init(struct loader *loader);
void loader_fini(struct loader *loader);

/* Before loader_seal. The source must outlive the table. A length of 0 is
 * accepted and means nothing. 0, -EINVAL (wraps), -ENOMEM. */
int loader_add(struct loader *loader, struct extent extent);

/*
 * Sorts, and finds the regions: the pages that extents touch and, besides, the
 * nr ranges given here, which are page-aligned, sorted and disjoint (for memory
 * that is to be zero-filled through the pager). 0, -EEXIST when two extents
 * have a byte in common, -ENOMEM.
 */
int loader_seal(struct loader *loader, const struct gpa_range *zero, size_t nr);

/* The region that holds gpa, or NULL. After loader_seal; any thread. */
const struct region *loader_find(const struct loader *loader, gpa_t gpa);

/* The first extent with a byte in [gpa, gpa + len), or NULL. */
const struct extent *loader_extent(const struct loader *loader, gpa_t gpa,
				   uint64_t len);

/*
 * How many of the next pages from page-aligned gpa (at least 1) are of one kind
 * with it: *zero, no extent touches them; otherwise they end with the last
 * extent that touches the first page. Does not look at region ends.
 */
uint64_t loader_run(const struct loader *loader, gpa_t gpa, bool *zero);

/* Where a read failed. */
struct loader_failure {
	const char *source;
	uint64_t offset;
	gpa_t gpa;
	int error; /* positive errno; ENODATA: the source ended */
};

/*
 * Composes the content of [gpa, gpa + len), which need not be aligned, into
 * buf. If `zeroed`, buf is known to be zero already and only bytes with a
 * source are written. Adds what was read to *bytes. 0, or the source's -errno
 * with *failure filled.
 */
int loader_compose(const struct loader *loader, gpa_t gpa, void *buf,
		   uint64_t len, bool zeroed, uint64_t *bytes,
		   struct loader_failure *failure);
