/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions that are asked of a raw entry again and again. For the toolkit's
 * own files.
 */
#pragma once

#include "pager/pt/pt_format.h"

static inline bool pt_is_present(const struct pt_level *l, uint64_t raw)
{
	return raw & l->any && (raw & l->all) == l->all;
}

/* Of a present one. */
static inline bool pt_is_leaf(const struct pt_level *l, uint64_t raw)
{
	return (raw ^ l->leaf_flip) & l->leaf_bits;
}

/* The bits that must be 0 in a present entry. */
static inline uint64_t pt_reserved_bits(const struct pt_level *l, uint64_t raw)
{
	return pt_is_leaf(l, raw) ? l->leaf_reserved : l->table_reserved;
}

/* Can an entry be malformed in other ways than by a reserved bit? Levels of
 * whose entries none can lead to a table have leaf_bits that say so. */
static inline bool pt_has_values(const struct pt_space *space,
				 const struct pt_format *format)
{
	return format->rights_field.bits || format->type_field.bits ||
	       space->refused_leaves || space->refused_rights ||
	       space->reserved_high;
}

/* The bits of a present entry that make it malformed; 0: none. */
uint64_t pt_wrong_values(const struct pt_space *space, unsigned level,
			 uint64_t raw);
static inline uint64_t pt_wrong_bits(const struct pt_space *space,
				     unsigned level, uint64_t raw)
{
	const struct pt_level *l = &space->format->levels[level];

	return (raw & (pt_reserved_bits(l, raw) | space->reserved)) |
	       pt_wrong_values(space, level, raw);
}

/* The bits that grant rights, as struct pt_grants counts them. */
static inline uint64_t pt_granting(const struct pt_format *format,
				   unsigned level, uint64_t raw)
{
	return format->levels[level].no_rights ? UINT64_MAX
					       : raw ^ format->inverted;
}

static inline unsigned pt_right(uint64_t grant, uint64_t granting,
				unsigned right)
{
	return grant != PT_NEVER && (granting & grant) == grant ? right : 0;
}

/* The rights that are granted. */
static inline __attribute__((always_inline)) unsigned
pt_rights(const struct pt_grants *grants, uint64_t granting)
{
	return pt_right(grants->read, granting, PT_READ) |
	       pt_right(grants->write, granting, PT_WRITE) |
	       pt_right(grants->exec, granting, PT_EXEC) |
	       pt_right(grants->user, granting, PT_USER) |
	       pt_right(grants->kernel_exec, granting, PT_KERNEL_EXEC);
}

static inline gpa_t pt_table_pa(const struct pt_format *format, uint64_t raw)
{
	return (raw & format->addr_mask) << format->addr_shift;
}

/* Where the leaf's page starts. Below the page's size an entry has attributes,
 * not address bits. */
static inline gpa_t pt_leaf_pa(const struct pt_format *format, unsigned level,
			       uint64_t raw)
{
	const struct pt_level *l = &format->levels[level];

	return (pt_table_pa(format, raw) &
		~(pt_level_size(format, level) - 1)) |
	       (raw & l->high_mask) << l->high_shift;
}

/* The bits that say `rights`: set those that grant, and where a set bit denies,
 * those that do not. A right that a format lacks has none. */
uint64_t pt_rights_bits(const struct pt_format *format,
			const struct pt_grants *grants, unsigned rights);

/* The bits of a leaf that say pa; those of the address from 32 on may stand
 * elsewhere (PSE-36). */
uint64_t pt_address_bits(const struct pt_format *format, unsigned level,
			 gpa_t pa);

/* The entry of a table, with another table's address. */
static inline uint64_t pt_with_table(const struct pt_format *format,
				     uint64_t raw, gpa_t table)
{
	return (raw & ~format->addr_mask) |
	       (table >> format->addr_shift & format->addr_mask);
}

/* A leaf of this level, with another page's address, which fits. */
static inline uint64_t pt_with_page(const struct pt_format *format,
				    unsigned level, uint64_t raw, gpa_t pa)
{
	const struct pt_level *l = &format->levels[level];
	uint64_t low =
		format->addr_mask &
		~((pt_level_size(format, level) - 1) >> format->addr_shift);

	return (raw & ~(low | l->high_mask)) |
	       pt_address_bits(format, level, pa);
}
