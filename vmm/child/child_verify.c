/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same pages, by two ways: those of the copy are looked up in the live
 * tables, and then must be as many as there.
 */
#include "vmm/child/child_set.h"

#include <errno.h>

#include "pager/pt/pt_visit.h"

struct verify {
	const struct child_set *set;
	size_t child;
	struct pt_space live;
	uint64_t leaves;
	struct image_error *err;
};

static int differ(const struct verify *v, gva_t va, const char *how)
{
	return child_error(v->err, -EBADMSG, v->set->spaces[v->child].option,
			   "child %zu, 0x%llx: %s", v->child,
			   (unsigned long long)va, how);
}

static const char *compare_frame(const struct verify *v,
				 const struct pt_blob_leaf *leaf,
				 const struct pt_walk *walk)
{
	const struct abi_frame *frame = &v->set->frames[leaf->frame];

	if (frame->size != leaf->page_size || frame->size != walk->page_size)
		return "the page's sizes differ";
	if (frame->gpa != walk->pa)
		return "the frame's addresses differ";
	if (child_pt_rights(frame->rights) != walk->rights)
		return "the rights differ";
	return NULL;
}

static int verify_leaf(void *ctx, const struct pt_blob_leaf *leaf)
{
	struct verify *v = ctx;
	const bool backed = v->set->spaces[v->child].option->backed;
	struct pt_walk walk;
	enum pt_status status = pt_walk(&v->live, leaf->va, &walk);
	const char *how = NULL;

	v->leaves++;
	if (leaf->frame >= v->set->nr_frames)
		how = "no such frame";
	else if (!backed &&
		 (status != PT_ABSENT || walk.page_size != leaf->page_size))
		how = "the live tables' leaf is not empty";
	else if (backed && status)
		how = pt_status_name(status);
	else if (backed)
		how = compare_frame(v, leaf, &walk);
	return how ? differ(v, leaf->va, how) : 0;
}

static int verify_child(struct verify *v)
{
	const struct child_space *space = &v->set->spaces[v->child];
	const struct pt_blob copy = child_set_copy(v->set);
	const struct pt_visitor visitor = {0};
	enum pt_status status;
	struct pt_seen seen;

	v->err->text[0] = '\0';
	v->leaves = 0;
	v->live = child_set_live(v->set, v->child);
	status = pt_blob_leaves(&copy, v->set->roots[v->child], verify_leaf, v);
	if (v->err->text[0])
		return -EBADMSG;
	if (status)
		return differ(v, 0, pt_status_name(status));
	status =
		pt_visit(&v->live, 0, pt_last(v->live.format), &visitor, &seen);
	if (status || seen.skipped)
		return differ(v, 0, "the live tables are malformed");
	if (seen.leaves != (space->option->backed ? v->leaves : 0))
		return differ(v, 0, "the live tables have other pages, too");
	return 0;
}

int child_set_verify(const struct child_set *set, uint64_t *pages,
		     struct image_error *err)
{
	struct verify v = {.set = set, .err = err};
	int rc = 0;

	*pages = 0;
	for (v.child = 0; !rc && v.child < set->nr; v.child++) {
		rc = verify_child(&v);
		*pages += v.leaves;
	}
	return rc;
}
