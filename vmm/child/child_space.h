/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a child's address space: the segments of its file, a stack, and what
 * it shares. Pages and page tables come later (child_set.h).
 */
#pragma once

#include "pager/image.h"
#include "vmm/child/child_arch.h"
#include "vmm/child/child_option.h"

enum child_what {
	CHILD_SEGMENT,
	CHILD_STACK,
	CHILD_SHARE,
};

struct child_area {
	enum child_what what;
	gva_t va; /* whole pages */
	uint64_t len;
	uint64_t guard;	 /* so many bytes below must be free, too */
	unsigned rights; /* enum abi_rights */
	const struct image_segment *segment; /* CHILD_SEGMENT */
	const struct child_share *share;     /* CHILD_SHARE */
	/* child_set_create's: pages of this size, and the first one's frame. */
	uint64_t page_size;
	uint64_t frame;
};

struct child_space {
	const struct child_option *option; /* not owned */
	struct image *image;
	struct child_area *areas; /* by address, disjoint */
	size_t nr_areas;
};

/*
 * Opens the child's file and finds out what is where. Refused are addresses in
 * the upper half, and two areas that want a page both, which are both named.
 *
 * 0, or with err filled: as image_open_program; -ENOEXEC what is wrong with the
 * file alone; -EINVAL what the option asks for besides; -ENOMEM. To be given to
 * child_space_fini in any case.
 */
int child_space_init(struct child_space *space,
		     const struct child_option *option,
		     const struct child_arch *arch, struct image_error *err);
void child_space_fini(struct child_space *space);

/* Fills err with "FILE: text", returns rc. */
__attribute__((format(printf, 4, 5))) int
child_error(struct image_error *err, int rc, const struct child_option *option,
	    const char *format, ...);
