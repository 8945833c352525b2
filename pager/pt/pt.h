/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables as a data structure: build them, walk them.
 *
 * The one idea: a format is data (how many levels, which bits of the address
 * choose an entry at each, what the bits of an entry mean), and the tables lie
 * behind three callbacks. So the same code serves a VMM that composes tables
 * for a guest and a guest that edits its own, at whatever address it sees them.
 *
 * Specification: SDM 3A 4.3 (32-bit), 4.4 (PAE), 4.5 (4 and 5 levels). What a
 * CPU has cached of the tables (4.10) is the caller's to flush, and locking is
 * the caller's duty.
 *
 * Left out so far: unmapping, changes of rights, and the bits that are reserved
 * on some CPUs only (physical addresses wider than theirs, NX while it is off).
 *
 * Freestanding: no libc beyond its compile-time headers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pager/gpa.h"

/* Until its users have moved to the new headers: names of its own. */
#define pt_map		old_pt_map
#define pt_walk		old_pt_walk
#define pt_runs		old_pt_runs
#define pt_translate	old_pt_translate
#define pt_tables_for	old_pt_tables_for
#define pt_x86_64	old_pt_x86_64
#define pt_x86_64_la57	old_pt_x86_64_la57
#define pt_x86_pae	old_pt_x86_pae
#define pt_x86_32	old_pt_x86_32
#define pt_x86_32_small old_pt_x86_32_small

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
	/* One entry of the format's size, by its address, read in one piece. */
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

struct pt_level {
	unsigned shift, bits; /* of the address: the index */
	enum pt_leaf leaf;
	unsigned need;	/* flag of pt_map that leaves need here, or 0 */
	bool no_rights; /* entries have none: all is allowed here */
	/* Bits that must be 0, in an entry that leads to a table and in a leaf
	 * of this level. */
	uint64_t table_reserved, leaf_reserved;
	/* Of a leaf: address bits that stand elsewhere, at high_mask in the
	 * entry, and belong high_shift further up (PSE-36). */
	uint64_t high_mask;
	unsigned high_shift;
};

struct pt_format {
	const char *name;
	unsigned nr_levels;
	unsigned entry_bytes; /* 4 or 8 */
	unsigned va_bits;
	/* The address bits from va_bits on: copies of the one below them; else
	 * 0. */
	bool sign_extended;
	uint64_t present, write, user, nx, size; /* bits of an entry */
	uint64_t addr_mask;			 /* address bits of an entry */
	struct pt_level levels[PT_MAX_LEVELS];	 /* from the root down */
};

/* Leaves of 4 KiB, 2 MiB and 1 GiB. */
extern const struct pt_format pt_x86_64;      /* 4 levels */
extern const struct pt_format pt_x86_64_la57; /* 5 levels */
/* 32-bit addresses. PAE: leaves of 4 KiB and 2 MiB; the root has 4 entries. */
extern const struct pt_format pt_x86_pae;
extern const struct pt_format pt_x86_32;       /* CR4.PSE: 4 KiB and 4 MiB */
extern const struct pt_format pt_x86_32_small; /* 4 KiB alone */

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
 * present; -EBADMSG: it has a reserved bit set; -EINVAL: va is not canonical and
 * *walk is not filled; or an error of read.
 */
int pt_walk(const struct pt_space *space, gva_t va, struct pt_walk *walk);

/* What pt_runs does and finds. The caller sets max_tables, the rest is 0. */
struct pt_scan {
	uint64_t max_tables; /* stop before the next one */
	uint64_t tables;     /* read, each time that one was reached */
	uint64_t leaves;     /* found */
	uint64_t skipped;    /* entries malformed or not readable */
	gva_t va;	     /* everything below has been seen */
};

/* [va, va + len) is mapped to [pa, pa + len), with the same rights. Not 0: no
 * more. */
typedef int (*pt_run_fn)(void *ctx, gva_t va, gpa_t pa, uint64_t len,
			 unsigned flags);

/*
 * Calls run for everything that is mapped, in order of addresses, neighbours
 * that go on in pa and have the same rights as one. A table that cannot be read
 * or an entry with reserved bits set maps nothing, and is counted. Tables that
 * lead back to themselves end at the last level like others, but the number of
 * ways through them has no other bound than max_tables: -E2BIG when that is
 * reached (what came before has been told). Otherwise 0, or what run returned.
 */
int pt_runs(const struct pt_space *space, struct pt_scan *scan, pt_run_fn run,
	    void *ctx);

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
