/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ways to load without a fault handler: everything now, or whole pages
 * mapped from the file for the kernel to bring. Internal to the pager.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/loader.h"
#include "pager/memory.h"
#include "pager/page.h"

/*
 * Puts every extent of the sealed table into memory, which is fresh (zero). If
 * `map`, whole pages of an extent are mapped where its source is a file and
 * offset and address are congruent modulo the page size; all other bytes are
 * read. Adds what was read to *bytes. 0; -EIO with *failure filled; -errno of
 * mmap(2).
 */
int prepare(const struct loader *loader, const struct pager_memory *memory,
	    size_t nr, bool map, uint64_t *bytes,
	    struct loader_failure *failure);

/*
 * Gives [gpa, gpa + len), whole pages of one range of memory, at hva, back to the
 * host: zeros are there from now on. Where `prepare` mapped a file, no byte of it
 * is seen again: anonymous memory is mapped over it, all at once for those who
 * touch it meanwhile. 0 or -errno, from max_map_count(5) on -ENOMEM: then each
 * page is as it was or zero.
 */
int prepare_discard(const struct loader *loader, char *hva, gpa_t gpa,
		    uint64_t len);

/* How many of the table's pages, leaving out discarded ones, are in this
 * process's page tables now, by /proc/self/pagemap; 0 where that cannot be read. */
uint64_t prepare_resident(const struct loader *loader,
			  const struct pager_memory *memory, size_t nr,
			  const struct pages *pages);
