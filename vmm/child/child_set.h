/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a set of children is made of. Internal to child_*.c.
 */
#pragma once

#include "vmm/child/children.h"

#define CHILD_LARGE_PAGE (UINT64_C(2) << 20)

/* What children share under one name. */
struct child_pool {
	const char *name;
	uint64_t len, page_size;
	uint64_t frame; /* the first one's number */
	size_t child;	/* who named it first */
};

/* Tables under construction, or built, that stand for a place in memory. */
struct child_tables {
	uint64_t *entries;
	gpa_t gpa;
	uint64_t used, room; /* tables */
};

struct child_set {
	const struct child_arch *arch;
	struct child_space *spaces;
	size_t nr;
	struct child_pool *pools;
	size_t nr_pools;

	/* Frames: first nr_large of 2 MiB, then those of 4 KiB. */
	uint64_t nr_large, nr_frames;
	uint64_t nr_tables; /* of the copy, and of the live tables */

	/* child_set_build's. */
	gpa_t region;
	void *bytes; /* copy, live tables, frame array, one after the other */
	uint64_t *copy;
	struct child_tables live;
	struct pt_mem live_mem;
	struct abi_frame *frames;
	uint64_t *roots; /* in the copy */
	gpa_t *live_roots;
	struct source_bytes source_bytes;
	struct pager_source source;
	struct pager_source *files; /* a child's each */
};

/* Bytes of all frames, and of what is behind them. */
uint64_t child_frames_bytes(const struct child_set *set);
uint64_t child_tables_bytes(const struct child_set *set);

gpa_t child_frame_gpa(const struct child_set *set, uint64_t frame);

/* The pages of a child, for pt_blob_put: as many as it has areas. */
void child_pages(const struct child_space *space, struct pt_blob_pages *pages);

/* The rights of a page as the toolkit has them, with PT_USER. */
unsigned child_pt_rights(unsigned rights);
