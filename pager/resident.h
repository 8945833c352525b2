/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of this process's memory are there: in memory or swapped out, by
 * /proc/self/pagemap (proc(5)). A page that is not there has never been
 * touched, or is a file's and can be had from it again; to touch it may block
 * or cost memory, to ask here does neither.
 */
#pragma once

#include <stdint.h>

/* [offset, offset + len) of the memory asked for is there. Not 0: no more. */
typedef int (*resident_fn)(void *ctx, uint64_t offset, uint64_t len);

/*
 * Opens what resident_runs reads, and keeps it open: for a process that cannot
 * open files later. Before there are threads; not needed otherwise.
 */
void resident_open(void);

/*
 * Calls fn for each run of pages that are there, in order, the longest there
 * are. hva and len: whole pages. 8 GiB take some 10 ms, whatever is there. 0,
 * -errno of opening or reading pagemap, -ENOMEM, or what fn returned.
 */
int resident_runs(const void *hva, uint64_t len, resident_fn fn, void *ctx);
