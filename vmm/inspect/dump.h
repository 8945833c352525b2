/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory out of files: raw dumps of ranges of it, and the PT_LOADs of
 * ELF files, which are at their p_paddr. What no file has cannot be read; it is
 * not zero.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "pager/pt/pt_format.h"
#include "vmm/error.h"
#include "vmm/inspect/mapped_file.h"

/* Bytes of a file, or zeros (an ELF segment's behind p_filesz). */
struct dump_range {
	gpa_t start, last;    /* both included */
	const uint8_t *bytes; /* NULL: zeros */
	unsigned file;	      /* whose, an index */
};

struct dump_file {
	char *path;
	struct mapped_file mapped;
};

struct dump {
	struct dump_file *files;
	size_t nr_files;
	/* Sorted and disjoint, once dump_complete has said 0. */
	struct dump_range *ranges;
	size_t nr_ranges, ranges_room;
};

void dump_init(struct dump *dump);
void dump_fini(struct dump *dump);

/*
 * Opens a file for dump_add_range. *file is the dump's, until dump_fini. 0, or
 * -errno with err filled.
 */
int dump_open(struct dump *dump, const char *path,
	      const struct mapped_file **file, struct error *err);

/* [start, start + len) is `bytes`, of the file opened last, or NULL. The caller
 * has checked that it does not wrap; len is not 0. 0 or -ENOMEM. */
int dump_add_range(struct dump *dump, gpa_t start, uint64_t len,
		   const uint8_t *bytes);

/* A raw dump, "FILE" or "FILE@ADDRESS": what is behind the last @ is the address
 * of its first byte if it starts with a digit. 0, or -errno with err filled. */
int dump_add_raw(struct dump *dump, const char *arg, struct error *err);

/*
 * No more ranges: two that have an address in common must have the same bytes of
 * one file there, as in a core that shows physical memory at several virtual
 * addresses. 0, or -EINVAL with err naming both.
 */
int dump_complete(struct dump *dump, struct error *err);

/* The dump as memory that page tables are in: to be read. -ENODATA where there
 * is none. */
struct pt_mem dump_mem(struct dump *dump);

/* Is there memory at this address? */
bool dump_has(const struct dump *dump, gpa_t gpa);
