/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word per page, read in blocks: 2 MiB of them for a GiB of memory. (Linux
 * 6.7 can tell runs, PAGEMAP_SCAN; what that would save is a second per TiB.)
 */
#include "pager/resident.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "pager/gpa.h"

#define PAGEMAP_PRESENT (UINT64_C(1) << 63) /* proc(5) pagemap */
#define PAGEMAP_SWAPPED (UINT64_C(1) << 62)

#define BLOCK 65536 /* pages asked for at once */

struct scan {
	resident_fn fn;
	void *ctx;
	uint64_t start, page; /* of the run, and the page to look at */
	bool inside;	      /* a run */
};

static int end_run(struct scan *scan)
{
	if (!scan->inside)
		return 0;
	scan->inside = false;
	return scan->fn(scan->ctx, scan->start * PAGE_SIZE,
			(scan->page - scan->start) * PAGE_SIZE);
}

static int take_block(struct scan *scan, const uint64_t *entries, size_t nr)
{
	for (size_t i = 0; i < nr; i++, scan->page++) {
		bool there = entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED);
		int rc = there ? 0 : end_run(scan);

		if (rc)
			return rc;
		if (there && !scan->inside) {
			scan->inside = true;
			scan->start = scan->page;
		}
	}
	return 0;
}

static int scan_pages(struct scan *scan, int fd, uint64_t first, uint64_t pages,
		      uint64_t *entries)
{
	int rc = 0;

	while (!rc && pages) {
		size_t nr = pages < BLOCK ? pages : BLOCK;
		ssize_t n = pread(fd, entries, nr * sizeof(*entries),
				  (off_t)(first * sizeof(*entries)));

		if (n < (ssize_t)sizeof(*entries))
			return n < 0 ? -errno : -EIO;
		nr = (size_t)n / sizeof(*entries);
		rc = take_block(scan, entries, nr);
		first += nr;
		pages -= nr;
	}
	return rc ? rc : end_run(scan);
}

/* resident_open's; -1: resident_runs opens its own. */
static int kept = -1;

static int open_pagemap(void)
{
	return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

void resident_open(void)
{
	if (kept < 0)
		kept = open_pagemap();
}

int resident_runs(const void *hva, uint64_t len, resident_fn fn, void *ctx)
{
	struct scan scan = {.fn = fn, .ctx = ctx};
	uint64_t *entries = malloc(BLOCK * sizeof(*entries));
	int fd = kept >= 0 ? kept : open_pagemap();
	int rc;

	if (fd < 0)
		rc = -errno;
	else if (!entries)
		rc = -ENOMEM;
	else
		rc = scan_pages(&scan, fd, (uintptr_t)hva >> PAGE_SHIFT,
				len >> PAGE_SHIFT, entries);
	if (fd >= 0 && fd != kept)
		close(fd);
	free(entries);
	return rc;
}
