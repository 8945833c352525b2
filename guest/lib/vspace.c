/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/lib/vspace.h"

#include <stddef.h>

#include "pager/pt/pt_edit.h"
#include "pager/pt/pt_walk.h"

const char *vspace_error_name(enum vspace_error error)
{
	static const char *const names[VSPACE_NR_ERRORS] = {
		[VSPACE_OK] = "ok",
		[VSPACE_NO_SPACE] = "no address space",
		[VSPACE_OTHER_SPACE] = "mapped in another address space",
		[VSPACE_OTHER_ADDRESS] = "mapped at another address",
		[VSPACE_NOT_USER] = "not a user address",
		[VSPACE_UNALIGNED] = "unaligned",
		[VSPACE_NO_TABLE] = "missing table",
		[VSPACE_OCCUPIED] = "delete first",
		[VSPACE_TABLE_IN_USE] = "table in use",
		[VSPACE_MEMORY] = "table out of reach",
	};

	return names[error];
}

static bool is_assigned(const struct vspace *space)
{
	return space && space->pt.format;
}

static bool is_user(const struct vspace *space, gva_t va, uint64_t len)
{
	return va < space->user_end && len <= space->user_end - va;
}

static void flush(const struct vspace *space, gva_t va, uint64_t len)
{
	if (space->flush)
		space->flush(space->ctx, va, len);
}

/* The level whose entries map `size` bytes. */
static unsigned level_of(const struct pt_format *format, uint64_t size)
{
	unsigned level = format->nr_levels - 1;

	while (level && pt_level_size(format, level) < size)
		level--;
	return level;
}

/*
 * The entry for va among those that map `size` bytes. VSPACE_NO_TABLE: there is
 * none, as the way to it ends with *bits of the address left, in nothing or in a
 * larger page.
 */
static enum vspace_error find(const struct vspace *space, gva_t va,
			      uint64_t size, struct pt_entry *entry,
			      unsigned *bits)
{
	const struct pt_format *format = space->pt.format;
	unsigned level = level_of(format, size);
	struct pt_walk walk;

	if (pt_walk(&space->pt, va, &walk) == PT_UNREADABLE)
		return VSPACE_MEMORY;
	if (pt_walk_level(&walk) < level) {
		if (bits)
			*bits = format->levels[pt_walk_level(&walk)].shift;
		return VSPACE_NO_TABLE;
	}
	*entry = pt_entry_decode(&space->pt, level, walk.path[level].raw);
	return VSPACE_OK;
}

static bool is_leaf_of(const struct pt_entry *entry,
		       const struct vspace_frame *frame)
{
	return entry->kind == PT_KIND_LEAF && entry->pa == frame->pa;
}

/* What can be said without looking at a table. */
static enum vspace_error check_place(const struct vspace *space,
				     const struct vspace_frame *frame, gva_t va)
{
	if (!is_assigned(space))
		return VSPACE_NO_SPACE;
	if (frame->space && frame->space != space)
		return VSPACE_OTHER_SPACE;
	if (frame->space && frame->va != va)
		return VSPACE_OTHER_ADDRESS;
	if (!is_user(space, va, frame->size))
		return VSPACE_NOT_USER;
	if (va & (frame->size - 1))
		return VSPACE_UNALIGNED;
	return VSPACE_OK;
}

/* Makes the entry for the frame, which is absent or the frame's, have these
 * rights. */
static enum pt_status write_leaf(struct vspace *space,
				 const struct vspace_frame *frame, gva_t va,
				 unsigned rights, bool is_there)
{
	const struct pt_mapping mapping = {
		.rights = rights,
		.max_page = frame->size,
		.no_alloc = true,
	};

	if (!(rights & PT_READ))
		return is_there ? pt_unmap(&space->pt, va, frame->size, NULL)
				: PT_OK;
	if (is_there)
		return pt_protect(&space->pt, va, frame->size, rights, NULL);
	return pt_map(&space->pt, va, frame->pa, frame->size, &mapping, NULL);
}

enum vspace_error vspace_map(struct vspace *space, struct vspace_frame *frame,
			     gva_t va, unsigned rights, unsigned *bits)
{
	enum vspace_error error = check_place(space, frame, va);
	struct pt_entry entry;
	bool is_there;

	if (!error)
		error = find(space, va, frame->size, &entry, bits);
	if (error)
		return error;
	is_there = frame->space && is_leaf_of(&entry, frame);
	if (entry.kind != PT_KIND_ABSENT && !is_there)
		return VSPACE_OCCUPIED;
	if (write_leaf(space, frame, va, rights & frame->rights, is_there))
		return VSPACE_MEMORY;
	frame->space = space;
	frame->va = va;
	flush(space, va, frame->size);
	return VSPACE_OK;
}

enum vspace_error vspace_adopt(struct vspace *space, struct vspace_frame *frame,
			       gva_t va, unsigned *bits)
{
	enum vspace_error error = check_place(space, frame, va);
	struct pt_entry entry;

	if (!error)
		error = find(space, va, frame->size, &entry, bits);
	if (error)
		return error;
	if (!is_leaf_of(&entry, frame))
		return VSPACE_OCCUPIED;
	frame->space = space;
	frame->va = va;
	return VSPACE_OK;
}

enum vspace_error vspace_unmap(struct vspace_frame *frame)
{
	struct vspace *space = frame->space;
	enum vspace_error error;
	struct pt_entry entry;

	if (is_assigned(space)) {
		error = find(space, frame->va, frame->size, &entry, NULL);
		if (error == VSPACE_MEMORY)
			return error;
		if (!error && is_leaf_of(&entry, frame)) {
			if (pt_unmap(&space->pt, frame->va, frame->size, NULL))
				return VSPACE_MEMORY;
			flush(space, frame->va, frame->size);
		}
	}
	frame->space = NULL;
	return VSPACE_OK;
}

/* Bytes that an entry of the table maps. */
static uint64_t page_size_in(const struct vspace *space,
			     const struct vspace_table *table)
{
	const struct pt_format *format = space->pt.format;
	unsigned above = level_of(format, UINT64_C(1) << table->bits);

	return pt_level_size(format, above + 1);
}

enum vspace_error vspace_map_table(struct vspace *space,
				   struct vspace_table *table, gva_t va,
				   unsigned *bits)
{
	uint64_t reach = UINT64_C(1) << table->bits;
	enum vspace_error error;
	struct pt_entry entry;

	if (table->space)
		return VSPACE_TABLE_IN_USE;
	if (!is_assigned(space))
		return VSPACE_NO_SPACE;
	va &= ~(reach - 1);
	if (!is_user(space, va, reach))
		return VSPACE_NOT_USER;
	error = find(space, va, reach, &entry, bits);
	if (error)
		return error;
	if (entry.kind != PT_KIND_ABSENT)
		return VSPACE_OCCUPIED;
	if (pt_map_table(&space->pt, va, page_size_in(space, table), table->pa,
			 NULL))
		return VSPACE_MEMORY;
	table->space = space;
	table->va = va;
	return VSPACE_OK;
}

/* Writes only what is not 0 already: most of a table, as a rule, is. */
static enum vspace_error clear_table(const struct vspace *space,
				     const struct vspace_table *table)
{
	const struct pt_mem *mem = space->pt.mem;
	unsigned bytes = space->pt.format->entry_bytes;
	uint64_t entries[16];

	for (unsigned i = 0; i < PAGE_SIZE / bytes; i += 16) {
		if (mem->read(mem->ctx, table->pa + i * bytes, bytes, entries,
			      16))
			return VSPACE_MEMORY;
		for (unsigned j = 0; j < 16; j++) {
			gpa_t moved = table->pa;

			if (entries[j] && mem->write(mem->ctx, table->pa, i + j,
						     bytes, 0, &moved))
				return VSPACE_MEMORY;
		}
	}
	return VSPACE_OK;
}

/* Takes the table out, if it is where its handle says. */
static enum vspace_error unlink_table(struct vspace *space,
				      const struct vspace_table *table)
{
	uint64_t reach = UINT64_C(1) << table->bits;
	enum vspace_error error;
	struct pt_entry entry;
	gpa_t taken;

	error = find(space, table->va, reach, &entry, NULL);
	if (error == VSPACE_MEMORY)
		return error;
	if (error || entry.kind != PT_KIND_TABLE || entry.pa != table->pa)
		return VSPACE_OK;
	if (pt_unmap_table(&space->pt, table->va, page_size_in(space, table),
			   &taken))
		return VSPACE_MEMORY;
	flush(space, table->va, reach);
	return VSPACE_OK;
}

enum vspace_error vspace_unmap_table(struct vspace_table *table)
{
	struct vspace *space = table->space;
	enum vspace_error error = VSPACE_OK;

	if (is_assigned(space)) {
		error = unlink_table(space, table);
		if (!error)
			error = clear_table(space, table);
	}
	if (!error)
		table->space = NULL;
	return error;
}
