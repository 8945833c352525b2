/* SPDX-License-Identifier: Apache-2.0 */
#include "pager/pt/pt_entry.h"

#include "pager/pt/pt_decode.h"

static uint64_t field_mask(const struct pt_field *field)
{
	return ((UINT64_C(1) << field->bits) - 1) << field->shift;
}

/* The field's bits, if `bad` has its value; else 0. */
static uint64_t wrong_field(const struct pt_field *field, unsigned bad,
			    uint64_t raw)
{
	uint64_t mask = field_mask(field);

	return bad >> ((raw & mask) >> field->shift) & 1 ? mask : 0;
}

/* What no mask can say: values of fields, and what this processor lacks. */
uint64_t pt_wrong_values(const struct pt_space *space, unsigned level,
			 uint64_t raw)
{
	const struct pt_format *format = space->format;
	const struct pt_level *l = &format->levels[level];
	const struct pt_field *rights = &format->rights_field;
	uint64_t wrong = 0;

	if (rights->bits)
		wrong = wrong_field(rights, rights->bad | space->refused_rights,
				    raw);
	if (!pt_is_leaf(l, raw))
		/* No level is left that it could lead to. */
		return level < format->nr_levels - 1 ? wrong
						     : wrong | l->leaf_bits;
	if (format->type_field.bits)
		wrong |= wrong_field(&format->type_field,
				     format->type_field.bad, raw);
	if (space->refused_leaves >> level & 1)
		wrong |= l->leaf_bits;
	return wrong | (raw & l->high_mask & space->reserved_high);
}

unsigned pt_entry_rights(const struct pt_format *format,
			 const struct pt_grants *grants, unsigned level,
			 uint64_t raw)
{
	return pt_rights(grants, pt_granting(format, level, raw));
}

enum pt_kind pt_entry_kind(const struct pt_space *space, unsigned level,
			   uint64_t raw)
{
	const struct pt_level *l = &space->format->levels[level];

	if (!pt_is_present(l, raw))
		return PT_KIND_ABSENT;
	if (pt_wrong_bits(space, level, raw))
		return PT_KIND_RESERVED;
	return pt_is_leaf(l, raw) ? PT_KIND_LEAF : PT_KIND_TABLE;
}

struct pt_entry pt_entry_decode(const struct pt_space *space, unsigned level,
				uint64_t raw)
{
	const struct pt_format *format = space->format;
	const struct pt_level *l = &format->levels[level];
	struct pt_entry entry = {.kind = pt_entry_kind(space, level, raw)};

	if (entry.kind == PT_KIND_ABSENT)
		return entry;
	if (entry.kind == PT_KIND_RESERVED) {
		entry.reserved = pt_wrong_bits(space, level, raw);
		return entry;
	}
	entry.accessed = raw & format->accessed;
	if (entry.kind == PT_KIND_TABLE) {
		entry.pa = pt_table_pa(format, raw);
		entry.rights =
			pt_entry_rights(format, &format->table, level, raw);
		return entry;
	}
	entry.pa = pt_leaf_pa(format, level, raw);
	entry.size = pt_level_size(format, level);
	entry.rights = pt_entry_rights(format, &format->leaf, level, raw);
	entry.dirty = raw & format->dirty;
	entry.global = raw & format->global;
	entry.pat = raw & l->pat;
	entry.cow = raw & format->cow;
	entry.software = raw & format->software;
	return entry;
}

uint64_t pt_rights_bits(const struct pt_format *format,
			const struct pt_grants *grants, unsigned rights)
{
	const uint64_t masks[] = {grants->read, grants->write, grants->exec,
				  grants->user, grants->kernel_exec};
	uint64_t granted = 0, all = 0;

	for (unsigned i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		if (masks[i] == PT_NEVER)
			continue;
		all |= masks[i];
		if (rights >> i & 1)
			granted |= masks[i];
	}
	return granted ^ (format->inverted & all);
}

uint64_t pt_address_bits(const struct pt_format *format, unsigned level,
			 gpa_t pa)
{
	const struct pt_level *l = &format->levels[level];

	return (pa >> format->addr_shift & format->addr_mask) |
	       (l->high_mask ? pa >> l->high_shift & l->high_mask : 0);
}

uint64_t pt_entry_leaf(const struct pt_format *format, unsigned level, gpa_t pa,
		       unsigned rights)
{
	return pt_address_bits(format, level, pa) |
	       format->levels[level].leaf_set |
	       pt_rights_bits(format, &format->leaf, rights);
}

uint64_t pt_entry_table(const struct pt_format *format, unsigned level,
			gpa_t table, unsigned rights)
{
	const struct pt_level *l = &format->levels[level];
	uint64_t entry = (table >> format->addr_shift & format->addr_mask) |
			 l->table_set;

	if (l->no_rights)
		return entry;
	return entry | pt_rights_bits(format, &format->table, rights);
}
