/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A parent of protection domains: what it knows of its children (guest/abi.h,
 * ABI_MB2_CHILDREN), how it looks into their memory, how it runs them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "guest/abi.h"
#include "guest/lib/cpu.h"
#include "guest/lib/vspace.h"
#include "pager/pt/pt_blob.h"

enum child_state {
	CHILD_READY,   /* started, or not yet */
	CHILD_ENDED,   /* by its own call; status is valid */
	CHILD_STOPPED, /* by a fault that nobody mended */
};

struct child {
	const struct abi_child *info;
	unsigned index;
	struct vspace space; /* the live tables */
	struct trap trap;    /* registers, and why it does not run */
	enum child_state state;
	uint64_t status;
};

/* children.c */

extern struct child children[ABI_CHILDREN_MAX];
extern unsigned nr_children;

/* Finds the tag, and CHECKs it: none, no children. Gives every child's live tables this program's upper
 * half, so that this program goes on when a child's tables are in use. */
struct mb2_info;
void children_find(const struct mb2_info *info);

/* The copy of the tables; a child's root in it. */
const struct pt_blob *children_blob(void);
uint64_t child_root(const struct child *child);

/* By its number, which the copy's leaves have. */
const struct abi_frame *child_frame(uint64_t number);

/* What the frame allows, as PT_... */
unsigned child_rights(const struct abi_frame *frame);

/* The page that the child has around va, mapped now or not, and its frame. NULL:
 * none. */
const struct abi_frame *child_page(const struct child *child, gva_t va,
				   struct pt_blob_leaf *leaf);

/* window.c */

void window_init(void);

/* The same bytes, seen by the parent, with every right but execution, until the
 * next call for this size: a page of 4 KiB or 2 MiB. */
void *window_show(gpa_t pa, uint64_t size);

/* Copies from or to a child's memory, page by page, whatever the child itself
 * may do there. How many bytes: fewer where it has no page. */
uint64_t child_read(const struct child *child, gva_t va, void *to,
		    uint64_t len);
uint64_t child_write(const struct child *child, gva_t va, const void *from,
		     uint64_t len);

/* Writable memory as it was at first: from the child's file, or zeros. Shared
 * regions stay. */
void child_restore(const struct child *child);

/* run.c */

/* Registers as at the start. */
void child_start(struct child *child);

/* Maps the frame of a page that the child has, but not mapped. False: it has no
 * page there, or one that does not allow the access. */
bool child_map(struct child *child, gva_t va, uint64_t error);

/*
 * Runs it until it ends or is stopped, in which case a line has said so; or until
 * a breakpoint: true. Faults in pages that it has (backed=false) are mended, in
 * others only if give_pages.
 */
bool child_run(struct child *child, bool give_pages);
