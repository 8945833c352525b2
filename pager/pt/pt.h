/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables as a data structure: build them, walk them.
 *
 * The one idea: a format is data (how many levels, which bits of the address
 * choose an entry at each, what the bits of an entry mean), and the tables lie
 * behind three callbacks. So the same code serves a VMM that composes tables
 * for a guest and a guest that edits its own, at whatever address it sees them.
 *
 * Specification: SDM 3A 4.5 (4-level paging). What a CPU has cached of the
 * tables (4.10) is the caller's to flush, and locking is the caller's duty.
 *
 * Left out so far: other formats than x86-64 with 4 levels, unmapping, changes
 * of rights, reserved bits (except the size bit where no leaf may be), and
 * formats whose entries are not 8 bytes.
 *
 * Freestanding: no libc beyond its compile-time headers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pager/gpa.h"

/* What a mapping allows. Reading is always allowed. */
#define PT_WRITE 0x1U /* writable */
#define PT_NX	 0x2U /* not executable */
#define PT_USER	 0x4U /* in ring 3 too */
/* What pt_map may do. */
#define PT_1G 0x8U /* use 1 GiB leaves: the CPU has them */

/*
 * Where the tables are. Each callback returns 0 or a negative errno, which ends
 * the operation and is passed on.
 */
struct pt_mem {
	void *ctx;
	/* One entry, by its address, read in one piece. */
	int (*read)(void *ctx, gpa_t entry_gpa, uint64_t *entry);
	int (*write)(void *ctx, gpa_t entry_gpa, uint64_t entry);
	/* A new table of zeros; -ENOMEM when there is none. */
	int (*alloc)(void *ctx, gpa_t *table);
};

enum pt_leaf {
	PT_LEAF_NEVER,	/* always a table */
	PT_LEAF_SIZED,	/* the size bit says which */
	PT_LEAF_ALWAYS, /* never a table */
};

#define PT_MAX_LEVELS 5

struct pt_format {
	const char *name;
	unsigned nr_levels;
	unsigned va_bits; /* the rest are copies of the highest of them */
	uint64_t present, write, user, nx, size; /* bits of an entry */
	uint64_t addr_mask;			 /* address bits of an entry */
	struct {
		unsigned shift, bits; /* of the address: the index */
		enum pt_leaf leaf;
		unsigned need; /* flag of pt_map that leaves need here, or 0 */
	} levels[PT_MAX_LEVELS]; /* from the root down */
};

/* 4-level paging: leaves of 4 KiB, 2 MiB and 1 GiB. */
extern const struct pt_format pt_x86_64;

/* An address space: the format, the tables' memory and the root's address. */
struct pt_space {
	const struct pt_format *format;
	const struct pt_mem *mem;
	gpa_t root;
};

/*
 * Maps [va, va + len) to [pa, pa + len) with the largest leaves that fit. The
 * leaf has exactly the rights in flags; entries that lead to tables allow
 * everything, but ring 3 only with PT_USER, and those that are there already
 * are widened by what flags need. Tables that lack are allocated. The range may
 * end at 2^64.
 *
 * Returns 0; -EINVAL: an address or len is no multiple of 4 KiB, len is 0, the
 * range wraps or is not canonical, pa does not fit an entry; -EEXIST: part of
 * the range is mapped already, *existing (if not NULL) is the frame of the
 * first such page, and nothing has changed; -EBADMSG as pt_walk; -ENOMEM or
 * another error of a callback, or -EEXIST with *existing untouched, when
 * somebody else maps here at the same time: what was mapped until then stays.
 */
int pt_map(const struct pt_space *space, gva_t va, gpa_t pa, uint64_t len,
	   unsigned flags, gpa_t *existing);

/* One way from the root to a leaf, or to where it ends. */
struct pt_walk {
	unsigned level;	    /* of the last entry read; 0 is the root */
	gpa_t entry_gpa;    /* its address */
	uint64_t entry;	    /* its value */
	uint64_t page_size; /* what this entry maps, or would map */
	gpa_t pa;	    /* of the address itself, if mapped */
	unsigned flags;	    /* rights that all levels together leave */
};

/*
 * Follows va. Returns 0 with *walk complete; -ENOENT: the entry in *walk is not
 * present; -EBADMSG: it has the size bit where the format has no leaf; -EINVAL:
 * va is not canonical and *walk is not filled; or an error of read.
 */
int pt_walk(const struct pt_space *space, gva_t va, struct pt_walk *walk);

/* The physical address behind va and the size of its page. As pt_walk. */
int pt_translate(const struct pt_space *space, gva_t va, gpa_t *pa,
		 uint64_t *page_size);

/*
 * How many tables, the root not counted, pt_map allocates for this range in an
 * empty space. For several ranges the sum is an upper bound: tables that two of
 * them share count twice. The arguments must be good for pt_map.
 */
uint64_t pt_tables_for(const struct pt_format *format, gva_t va, gpa_t pa,
		       uint64_t len, unsigned flags);
