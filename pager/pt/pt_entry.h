/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry, seen at its level: the level is a part of what a bit means. Bit 7
 * of an x86 entry says "large page" at the levels 2 and 3, is an attribute at
 * level 1, and must be 0 above; bit 12 is an address bit, except in a large
 * leaf.
 */
#pragma once

#include "pager/pt/pt_format.h"

enum pt_kind {
	PT_KIND_ABSENT, /* no other bit means anything */
	PT_KIND_TABLE,
	PT_KIND_LEAF,
	PT_KIND_RESERVED, /* a bit is set that must not be, or a bad value */
};

struct pt_entry {
	enum pt_kind kind;
	gpa_t pa;	 /* of the table, or of the page's first byte */
	uint64_t size;	 /* of a leaf's page, in bytes */
	unsigned rights; /* PT_...: this entry's own */
	bool accessed, dirty, global, pat, cow; /* of a leaf, but accessed */
	uint64_t software; /* bits left to software, where they stand */
	uint64_t reserved; /* of a reserved entry: the bits that are wrong */
};

/* What `raw`, read at this level (0 is the root), says. */
struct pt_entry pt_entry_decode(const struct pt_space *space, unsigned level,
				uint64_t raw);

/* Of this, the kind alone. */
enum pt_kind pt_entry_kind(const struct pt_space *space, unsigned level,
			   uint64_t raw);

/* The raw value of a leaf, and of an entry that leads to a table. pa fits. */
uint64_t pt_entry_leaf(const struct pt_format *format, unsigned level, gpa_t pa,
		       unsigned rights);
uint64_t pt_entry_table(const struct pt_format *format, unsigned level,
			gpa_t table, unsigned rights);
