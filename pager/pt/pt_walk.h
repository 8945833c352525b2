/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following one address from the root to its page, as a processor does, but
 * without its side effects: nothing is written, no accessed bit is set, and what
 * is asked is only "where", not "may I" (pt_access.h asks that).
 */
#pragma once

#include "pager/pt/pt_format.h"

/* How an operation on page tables ended. PT_OK alone is 0. */
enum pt_status {
	PT_OK,
	PT_ABSENT,	  /* the entry at walk.level is not present */
	PT_RESERVED,	  /* it has a reserved bit set, or a reserved value */
	PT_NOT_CANONICAL, /* the address's upper bits are not copies of its sign */
	PT_TOO_WIDE,	  /* it has more bits than the format translates */
	PT_UNREADABLE,	  /* the table could not be read (walk.error) */
	/* Of edits (pt_edit.h): */
	PT_MAPPED,	 /* there is a page already */
	PT_LARGE,	 /* the address is inside a larger page than that */
	PT_NO_MEMORY,	 /* no table to be had */
	PT_UNALIGNED,	 /* an address or a length is no multiple of a page */
	PT_OUT_OF_RANGE, /* a range is empty, wraps or leaves its half of the
			    space, or a frame's address does not fit an entry */
	PT_NO_TABLE,   /* a table lacks on the way, and must not be allocated */
	PT_BAD_RIGHTS, /* the format or the processor cannot say these rights */
	PT_UNWRITABLE, /* an entry could not be written */
	PT_NR_STATUSES,
};

/* "absent", "reserved bits", ...: one or a few words. */
const char *pt_status_name(enum pt_status status);

/* The way of an address. */
struct pt_walk {
	unsigned nr_read; /* entries read: the last one is of level nr_read-1 */
	struct {
		gpa_t at; /* the entry's address */
		uint64_t raw;
	} path[PT_MAX_LEVELS]; /* from the root down */
	uint64_t page_size;    /* what the last entry maps, or would map */
	gpa_t pa;	       /* of the address itself; PT_OK alone */
	unsigned rights;       /* those that all levels together leave; PT_OK */
	uint64_t reserved;     /* PT_RESERVED: the bits that are wrong */
	int error;	       /* PT_UNREADABLE: what mem->read returned */
};

/* The level at which the walk ended; 0 is the root. */
static inline unsigned pt_walk_level(const struct pt_walk *walk)
{
	return walk->nr_read ? walk->nr_read - 1 : 0;
}

/*
 * Follows va. PT_OK with *walk complete; PT_ABSENT or PT_RESERVED, the last entry
 * of the path being the one; PT_UNREADABLE, the last entry of the path having an
 * address, but no value; PT_NOT_CANONICAL or PT_TOO_WIDE, nothing read.
 */
enum pt_status pt_walk(const struct pt_space *space, gva_t va,
		       struct pt_walk *walk);
