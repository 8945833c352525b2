/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The children of a guest, as --child and --child-pts make them: their pages as
 * numbered frames, their page tables as data and for the processor, and the tag
 * that tells the parent (guest/abi.h has the formats).
 *
 * All of it goes to one region of guest memory: frames, the largest first, then
 * the copy, the live tables, the frame array. Its size is known before its place
 * is; no byte of a child's file is read for it: frames are extents for the pager.
 */
#pragma once

#include "pager/pt/pt_blob.h"
#include "pager/source.h"
#include "vmm/child/child_space.h"

struct child_set;

/*
 * Opens and checks all children, and numbers their frames. options must outlive
 * the set. max_bytes: the most that frames may come to; what is the name of what
 * has so much, "--mem".
 *
 * 0, or with err filled: as child_space_init; -EINVAL also for what two children
 * cannot agree on, and for frames beyond max_bytes.
 */
int child_set_create(struct child_set **out, const struct child_option *options,
		     size_t nr, const struct child_arch *arch,
		     uint64_t max_bytes, const char *what,
		     struct image_error *err);
/* NULL is allowed. */
void child_set_destroy(struct child_set *set);

/* The region: whole pages, at a multiple of align. */
uint64_t child_set_bytes(const struct child_set *set);
uint64_t child_set_align(const struct child_set *set);

/* Composes tables and frame array for a region at this address, which is aligned
 * as above. Once. 0 or -ENOMEM. */
int child_set_build(struct child_set *set, gpa_t region);

/* Bytes of the tag. */
size_t child_set_tag_size(size_t nr_children);

/* Fills the tag, after child_set_build. modules are those that the guest is told
 * of, to be indexed as the options say. */
void child_set_describe(const struct child_set *set,
			const struct gpa_range *modules,
			struct abi_children *tag);

/* [gpa, gpa + len) comes from the source. Not 0: no more. */
typedef int (*child_extent_fn)(void *ctx, gpa_t gpa, uint64_t len,
			       const struct pager_source *source,
			       uint64_t offset);

/* What the region is filled with, after child_set_build; the rest is zeros. The
 * sources live as long as the set. What fn returned. */
int child_set_extents(const struct child_set *set, child_extent_fn fn,
		      void *ctx);

/* For looking at what was built. */
struct pt_blob child_set_copy(const struct child_set *set);
const struct abi_frame *child_set_frames(const struct child_set *set,
					 uint64_t *nr);
const struct child_space *child_set_child(const struct child_set *set,
					  size_t child);
uint64_t child_set_root(const struct child_set *set, size_t child);
/* The live tables' memory belongs to the set, which looks at it alone. */
struct pt_space child_set_live(const struct child_set *set, size_t child);

/*
 * Do copy and live tables say the same of every page, and nothing more? 0; or
 * -EBADMSG with the first difference in err. *pages: how many were compared.
 */
int child_set_verify(const struct child_set *set, uint64_t *pages,
		     struct image_error *err);
