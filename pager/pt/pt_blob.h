/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables as data: trees that mean the same wherever they lie, and whatever
 * processor reads them.
 *
 * A blob is tables of 512 little-endian words, one after the other, a table
 * before the one that leads to it. A word is
 *   all ones                nothing;
 *   an offset in the blob   of the next table (0 is one, the first);
 *   a frame's number        in a table of the last level: a page of 4 KiB;
 *   bit 63, and a number    in a table above: one page of what an entry of that
 *                           level maps, 2 MiB or 1 GiB.
 * What a frame is, and what it allows, is not said here: a list goes with it. Of
 * several address spaces in a blob each has a root, the offset of its top table.
 * The levels are those of the processor: 4, and 3 of Sv39.
 *
 * The encoding is that of Microkit's child page tables.
 *
 * Freestanding: no libc beyond its compile-time headers.
 */
#pragma once

#include "pager/pt/pt_walk.h"

#define PT_BLOB_NONE	UINT64_MAX
#define PT_BLOB_LARGE	(UINT64_C(1) << 63)
#define PT_BLOB_ENTRIES 512

/* Pages that go on in addresses and frames: page n of nr is at va + n * page_size
 * and is frame + n. */
struct pt_blob_pages {
	gva_t va;
	uint64_t page_size; /* 4 KiB, 2 MiB or 1 GiB */
	uint64_t frame, nr;
};

/* A blob under construction. */
struct pt_blob_writer {
	uint64_t *tables; /* NULL: only count */
	uint64_t room;	  /* tables that there is room for; if not NULL */
	uint64_t used;	  /* tables that are written */
	unsigned levels;  /* 2 to 5 */
};

/*
 * Adds the tables of one address space. pages: sorted by address, disjoint,
 * aligned to their size. PT_OK and *root; PT_MAPPED: two of them want one entry;
 * PT_OUT_OF_RANGE: not below 2^(12 + 9 * levels); PT_NO_MEMORY: no room; all after
 * some tables have been written.
 */
enum pt_status pt_blob_put(struct pt_blob_writer *writer,
			   const struct pt_blob_pages *pages, uint64_t nr,
			   uint64_t *root);

/* A blob to be read, from anywhere: nothing in it is believed. */
struct pt_blob {
	const uint64_t *tables;
	uint64_t bytes;
	unsigned levels;
};

struct pt_blob_leaf {
	gva_t va; /* of the page's first byte */
	uint64_t page_size;
	uint64_t frame;
};

/*
 * The page that va is in. PT_OK; PT_ABSENT: there is none; PT_TOO_WIDE: va has
 * more bits than the levels; PT_UNREADABLE: a table is not in the blob;
 * PT_RESERVED: a table that leads to itself or a later one, or a large page where
 * none can be.
 */
enum pt_status pt_blob_find(const struct pt_blob *blob, uint64_t root, gva_t va,
			    struct pt_blob_leaf *leaf);

/* Not 0: no more. */
typedef int (*pt_blob_fn)(void *ctx, const struct pt_blob_leaf *leaf);

/*
 * Calls fn for every page of a space, in order of addresses. PT_OK, also when fn
 * has ended it; else as pt_blob_find, before anything above the bad entry has
 * been told. A blob in which a table is reached twice ends, too: PT_RESERVED as
 * soon as more have been read than there are.
 */
enum pt_status pt_blob_leaves(const struct pt_blob *blob, uint64_t root,
			      pt_blob_fn fn, void *ctx);

/* Pages of one size and with the same rights, one after the other. */
struct pt_blob_run {
	gva_t first, last; /* first and last byte */
	uint64_t page_size;
	unsigned rights;
};

struct pt_blob_runs_fns {
	/* What a frame allows, in whatever bits. */
	unsigned (*rights)(void *ctx, uint64_t frame);
	/* Not 0: no more. */
	int (*run)(void *ctx, const struct pt_blob_run *run);
	void *ctx;
};

/* The same by runs. As pt_blob_leaves. */
enum pt_status pt_blob_runs(const struct pt_blob *blob, uint64_t root,
			    const struct pt_blob_runs_fns *fns);
