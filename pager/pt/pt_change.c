/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing what is mapped: unmap, protect. Both look at the range first, and
 * refuse what they could do only in part.
 */
#include "pager/pt/pt_edit.h"

#include "pager/pt/pt_decode.h"
#include "pager/pt/pt_path.h"

/* --- unmap --- */

static enum pt_status expect_no_leaf(struct pt_path *path, unsigned level,
				     gva_t va, uint64_t raw)
{
	if (pt_entry_kind(path->space, level, raw) == PT_KIND_TABLE)
		return PT_OK;
	return pt_path_fail_leaf(path, PT_LARGE, level, va, raw);
}

/* What is only partly inside the range must be a table. */
static enum pt_status check_edges(struct pt_path *path, unsigned level,
				  gva_t va, gva_t last, uint64_t raw)
{
	const struct pt_format *format = path->space->format;
	enum pt_status status;

	if (!pt_is_present(&format->levels[level], raw) ||
	    pt_is_whole(format, level, va, last))
		return PT_OK;
	status = expect_no_leaf(path, level, va, raw);
	if (status)
		return status;
	pt_path_enter(path, level, va, raw);
	return pt_path_each(path, level + 1, va, last, check_edges);
}

/* Does the entry lead to a table, other than one of those above it? */
static bool leads_down(const struct pt_path *path, unsigned level, uint64_t raw)
{
	gpa_t table = pt_table_pa(path->space->format, raw);

	if (pt_entry_kind(path->space, level, raw) != PT_KIND_TABLE)
		return false;
	for (unsigned i = 0; i <= level; i++)
		if (path->at[i].table == table)
			return false;
	return true;
}

/* Frees the table that the entry leads to, after those below it. One that cannot
 * be read goes, too; what was below it is lost. */
static enum pt_status free_below(struct pt_path *path, unsigned level, gva_t va,
				 gva_t last, uint64_t raw)
{
	enum pt_status status = PT_OK;

	if (!leads_down(path, level, raw))
		return PT_OK;
	pt_path_enter(path, level, va, raw);
	if (level + 1 < pt_last_level(path->space->format))
		status = pt_path_each(path, level + 1, va, last, free_below);
	pt_path_free(path, path->at[level + 1].table);
	return status;
}

static enum pt_status unmap_entry(struct pt_path *path, unsigned level,
				  gva_t va, gva_t last, uint64_t raw)
{
	const struct pt_format *format = path->space->format;
	enum pt_status status;

	if (!pt_is_present(&format->levels[level], raw))
		return PT_OK;
	if (pt_is_whole(format, level, va, last)) {
		status = pt_path_write(path, level, va, 0, 0, 1);
		return status ? status : free_below(path, level, va, last, raw);
	}
	status = expect_no_leaf(path, level, va, raw);
	if (status)
		return status;
	pt_path_enter(path, level, va, raw);
	return pt_path_each(path, level + 1, va, last, unmap_entry);
}

enum pt_status pt_unmap(struct pt_space *space, gva_t va, uint64_t len,
			struct pt_obstacle *obstacle)
{
	gva_t last = va + (len - 1);
	struct pt_path path;
	enum pt_status status = pt_path_begin(&path, space, va, len, obstacle);

	if (!status)
		status = pt_path_each(&path, 0, va, last, check_edges);
	return status ? status : pt_path_each(&path, 0, va, last, unmap_entry);
}

/* --- protect --- */

struct protect {
	struct pt_path path; /* first: a path's owner */
	unsigned rights;
};

static enum pt_status check_mapped(struct pt_path *path, unsigned level,
				   gva_t va, gva_t last, uint64_t raw)
{
	const struct pt_format *format = path->space->format;
	enum pt_kind kind = pt_entry_kind(path->space, level, raw);

	if (kind == PT_KIND_ABSENT)
		return pt_path_fail(path, PT_ABSENT, level, va, 0);
	if (kind == PT_KIND_LEAF && pt_is_whole(format, level, va, last))
		return PT_OK;
	if (kind != PT_KIND_TABLE)
		return pt_path_fail_leaf(path, PT_LARGE, level, va, raw);
	pt_path_enter(path, level, va, raw);
	return pt_path_each(path, level + 1, va, last, check_mapped);
}

static enum pt_status protect_entry(struct pt_path *path, unsigned level,
				    gva_t va, gva_t last, uint64_t raw)
{
	const struct pt_format *format = path->space->format;
	unsigned rights = ((struct protect *)path)->rights;
	enum pt_kind kind = pt_entry_kind(path->space, level, raw);
	enum pt_status status;
	uint64_t changed;

	if (kind == PT_KIND_TABLE) {
		status = pt_path_widen(path, level, va, raw, rights);
		return status ? status
			      : pt_path_each(path, level + 1, va, last,
					     protect_entry);
	}
	/* Checked before; somebody else may have been here. */
	if (kind != PT_KIND_LEAF)
		return PT_OK;
	changed = pt_set_rights(format, &format->leaf, raw, rights);
	if (rights & PT_WRITE)
		changed &= ~format->cow;
	return changed == raw ? PT_OK
			      : pt_path_write(path, level, va, changed, 0, 1);
}

enum pt_status pt_protect(struct pt_space *space, gva_t va, uint64_t len,
			  unsigned rights, struct pt_obstacle *obstacle)
{
	struct protect p = {.rights = rights};
	gva_t last = va + (len - 1);
	enum pt_status status =
		pt_path_begin(&p.path, space, va, len, obstacle);

	if (!status)
		status = pt_path_check_rights(&p.path, rights);
	if (!status)
		status = pt_path_each(&p.path, 0, va, last, check_mapped);
	return status ? status
		      : pt_path_each(&p.path, 0, va, last, protect_entry);
}
