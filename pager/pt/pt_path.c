/* SPDX-License-Identifier: Apache-2.0 */
#include "pager/pt/pt_path.h"

#include <stddef.h>

#include "pager/pt/pt_decode.h"

/* Entries that pt_path_each reads at once. */
#define CHUNK 16

/* Tables deny nothing; but the unprivileged mode gets in only where asked. */
#define PERMISSIVE (PT_READ | PT_WRITE | PT_EXEC | PT_KERNEL_EXEC)

enum pt_status pt_path_fail(struct pt_path *path, enum pt_status status,
			    unsigned level, gva_t va, gpa_t frame)
{
	*path->obstacle =
		(struct pt_obstacle){.va = va, .level = level, .frame = frame};
	return status;
}

enum pt_status pt_path_fail_table(struct pt_path *path, unsigned level,
				  gva_t va)
{
	pt_path_fail(path, PT_NO_TABLE, level, va, 0);
	path->obstacle->bits = path->space->format->levels[level].shift;
	return PT_NO_TABLE;
}

/* A callback failed. */
static enum pt_status fail_error(struct pt_path *path, enum pt_status status,
				 unsigned level, gva_t va, int error)
{
	pt_path_fail(path, status, level, va, 0);
	path->obstacle->error = error;
	return status;
}

static enum pt_status check_range(const struct pt_format *format, gva_t va,
				  uint64_t len)
{
	gva_t last = va + (len - 1);

	if ((va | len) & (pt_page_size(format) - 1))
		return PT_UNALIGNED;
	if (!pt_is_canonical(format, va))
		return format->sign_extended ? PT_NOT_CANONICAL : PT_TOO_WIDE;
	if (!format->nr_levels || !len || last < va ||
	    !pt_is_canonical(format, last))
		return PT_OUT_OF_RANGE;
	/* Not from one half into the other. */
	if (format->sign_extended && (va ^ last) >> (format->va_bits - 1))
		return PT_OUT_OF_RANGE;
	return PT_OK;
}

enum pt_status pt_path_begin(struct pt_path *path, struct pt_space *space,
			     gva_t va, uint64_t len,
			     struct pt_obstacle *obstacle)
{
	enum pt_status status = check_range(space->format, va, len);

	path->space = space;
	path->obstacle = obstacle ? obstacle : &path->unasked;
	path->at[0].table = space->root;
	path->at[0].fresh = false;
	path->detached = 0;
	return status ? pt_path_fail(path, status, 0, va, 0) : PT_OK;
}

enum pt_status pt_path_check_rights(struct pt_path *path, unsigned rights)
{
	const struct pt_format *format = path->space->format;
	unsigned level = pt_last_level(format);
	uint64_t raw = pt_entry_leaf(format, level, 0, rights);

	if (pt_entry_kind(path->space, level, raw) == PT_KIND_LEAF &&
	    pt_entry_rights(format, &format->leaf, level, raw) == rights)
		return PT_OK;
	return pt_path_fail(path, PT_BAD_RIGHTS, level, 0, 0);
}

enum pt_status pt_path_fail_leaf(struct pt_path *path, enum pt_status status,
				 unsigned level, gva_t va, uint64_t raw)
{
	const struct pt_format *format = path->space->format;
	enum pt_kind kind = pt_entry_kind(path->space, level, raw);
	gpa_t frame = pt_table_pa(format, raw);

	if (kind == PT_KIND_RESERVED)
		return pt_path_fail(path, PT_RESERVED, level, va, 0);
	if (kind == PT_KIND_LEAF)
		frame = pt_leaf_pa(format, level, raw) +
			(va & (pt_level_size(format, level) - 1));
	return pt_path_fail(path, status, level, va, frame);
}

enum pt_status pt_path_read(struct pt_path *path, unsigned level, gva_t va,
			    uint64_t *raw, unsigned nr)
{
	const struct pt_format *format = path->space->format;
	const struct pt_mem *mem = path->space->mem;
	gpa_t at = pt_entry_at(format, path->at[level].table,
			       pt_index(format, level, va));
	int error = mem->read(mem->ctx, at, format->entry_bytes, raw, nr);

	if (!error)
		return PT_OK;
	return fail_error(path, PT_UNREADABLE, level, va, error);
}

/* The root is elsewhere now. 0, or not 0 and nothing has changed. */
static int move_root(struct pt_space *space, gpa_t root)
{
	const struct pt_mem *mem = space->mem;
	int error = mem->set_root ? mem->set_root(mem->ctx, root) : 0;

	if (!error)
		space->root = root;
	return error;
}

/* Entries that one callback writes. If that moves their table, the entry that
 * leads to it is next, with the same consequences. */
static int write_up(struct pt_path *path, unsigned level, unsigned index,
		    uint64_t entry, uint64_t step, unsigned nr)
{
	const struct pt_format *format = path->space->format;
	const struct pt_mem *mem = path->space->mem;
	unsigned bytes = format->entry_bytes;
	int error;

	for (;; level--) {
		gpa_t table = path->at[level].table, moved = table;

		error = nr > 1 ? mem->fill(mem->ctx, table, index, bytes, entry,
					   step, nr, &moved)
			       : mem->write(mem->ctx, table, index, bytes,
					    entry, &moved);
		if (error || moved == table)
			return error;
		path->at[level].table = moved;
		if (!level)
			return move_root(path->space, moved);
		if (level == path->detached)
			return 0;
		index = path->at[level - 1].index;
		entry = path->at[level - 1].raw & ~format->addr_mask;
		entry |= moved >> format->addr_shift & format->addr_mask;
		nr = 1;
	}
}

enum pt_status pt_path_write(struct pt_path *path, unsigned level, gva_t va,
			     uint64_t entry, uint64_t step, unsigned nr)
{
	unsigned index = pt_index(path->space->format, level, va);
	bool at_once = path->space->mem->fill;
	int error = 0;

	for (unsigned i = 0; i < nr && !error; i += at_once ? nr : 1)
		error = write_up(path, level, index + i, entry + i * step, step,
				 at_once ? nr : 1);
	if (!error)
		return PT_OK;
	return fail_error(path, PT_UNWRITABLE, level, va, error);
}

void pt_path_enter(struct pt_path *path, unsigned level, gva_t va, uint64_t raw)
{
	const struct pt_format *format = path->space->format;

	path->at[level].index = pt_index(format, level, va);
	path->at[level].raw = raw;
	path->at[level + 1].table = pt_table_pa(format, raw);
	path->at[level + 1].fresh = false;
}

enum pt_status pt_path_link(struct pt_path *path, unsigned level, gva_t va,
			    gpa_t table, unsigned rights)
{
	const struct pt_format *format = path->space->format;
	uint64_t raw =
		pt_entry_table(format, level, table, rights | PERMISSIVE);
	enum pt_status status;

	if (pt_table_pa(format, raw) != table || raw & path->space->reserved)
		return pt_path_fail(path, PT_OUT_OF_RANGE, level, va, table);
	status = pt_path_write(path, level, va, raw, 0, 1);
	pt_path_enter(path, level, va, raw);
	return status;
}

enum pt_status pt_path_alloc(struct pt_path *path, unsigned level, gva_t va,
			     gpa_t *table)
{
	const struct pt_mem *mem = path->space->mem;
	int error = mem->alloc(mem->ctx, table);

	if (!error)
		return PT_OK;
	return fail_error(path, PT_NO_MEMORY, level, va, error);
}

void pt_path_free(struct pt_path *path, gpa_t table)
{
	const struct pt_mem *mem = path->space->mem;

	if (mem->free)
		mem->free(mem->ctx, table);
}

enum pt_status pt_path_widen(struct pt_path *path, unsigned level, gva_t va,
			     uint64_t raw, unsigned rights)
{
	const struct pt_format *format = path->space->format;
	unsigned has = pt_entry_rights(format, &format->table, level, raw);
	uint64_t wide = raw;
	enum pt_status status = PT_OK;

	if ((has & rights) != rights)
		wide = pt_set_rights(format, &format->table, raw, has | rights);
	if (wide != raw)
		status = pt_path_write(path, level, va, wide, 0, 1);
	pt_path_enter(path, level, va, wide);
	return status;
}

enum pt_status pt_path_each(struct pt_path *path, unsigned level, gva_t va,
			    gva_t last, pt_path_fn fn)
{
	const struct pt_format *format = path->space->format;
	unsigned shift = format->levels[level].shift;
	uint64_t left = (last >> shift) - (va >> shift) + 1, raw[CHUNK];
	enum pt_status status = PT_OK;
	unsigned nr = 0;
	gva_t slot_last;

	for (unsigned i = 0; left && !status; i++, left--) {
		if (i == nr) {
			nr = left < CHUNK ? left : CHUNK;
			i = 0;
			status = pt_path_read(path, level, va, raw, nr);
			if (status)
				break;
		}
		slot_last = pt_slot_last(format, level, va);
		status = fn(path, level, va,
			    slot_last < last ? slot_last : last, raw[i]);
		va = slot_last + 1;
	}
	return status;
}

enum pt_status pt_path_follow(struct pt_path *path, gva_t va, unsigned lowest,
			      unsigned *level, uint64_t *raw)
{
	enum pt_status status;

	for (*level = 0;; ++*level) {
		enum pt_kind kind;

		status = pt_path_read(path, *level, va, raw, 1);
		if (status)
			return status;
		kind = pt_entry_kind(path->space, *level, *raw);
		if (kind == PT_KIND_RESERVED)
			return pt_path_fail_leaf(path, PT_RESERVED, *level, va,
						 *raw);
		if (kind != PT_KIND_TABLE || *level == lowest)
			return PT_OK;
		pt_path_enter(path, *level, va, *raw);
	}
}

gpa_t pt_leaf_reach(const struct pt_space *space, unsigned level)
{
	const struct pt_format *format = space->format;
	const struct pt_level *l = &format->levels[level];

	return (format->addr_mask & ~space->reserved) << format->addr_shift |
	       (l->high_mask & ~space->reserved_high) << l->high_shift |
	       (pt_page_size(format) - 1);
}

uint64_t pt_set_rights(const struct pt_format *format,
		       const struct pt_grants *grants, uint64_t raw,
		       unsigned rights)
{
	uint64_t all = pt_rights_bits(format, grants, ~0U) ^
		       pt_rights_bits(format, grants, 0);

	return (raw & ~all) | pt_rights_bits(format, grants, rights);
}
