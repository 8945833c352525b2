/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of a space as a tree of boxes, small enough to be looked at: for
 * each level so many tables, for each table its used entries, those that go on
 * from one another as one. What has no room is counted. A table that is reached
 * again, at whatever level, has one box: recursive entries are arrows that lead
 * back.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "pager/pt/pt_entry.h"

#define TREE_GROUPS 16 /* per box */
#define TREE_NONE   SIZE_MAX

/* Entries first to last of a table, alike. */
struct tree_group {
	unsigned first, last;
	struct pt_entry entry; /* the first one's */
	size_t box;	       /* that a table's entry leads to, or TREE_NONE */
};

struct tree_box {
	gpa_t table;
	unsigned level; /* of its entries; 0 is the root */
	gva_t va;	/* the first address that it is for */
	bool unreadable;
	struct tree_group groups[TREE_GROUPS];
	unsigned nr_groups;
	unsigned nr_more; /* used entries without a group */
};

struct tree {
	const struct pt_space *space;
	struct tree_box *boxes; /* level by level */
	size_t nr_boxes;
	size_t level_boxes[PT_MAX_LEVELS];
	uint64_t level_hidden[PT_MAX_LEVELS]; /* ways to tables without a box */
	bool malformed, unreadable;
};

/* Entries of [first, last] alone. 0 or -ENOMEM. */
int tree_build(struct tree *tree, const struct pt_space *space, gva_t first,
	       gva_t last, size_t max_boxes);
void tree_fini(struct tree *tree);

#define TREE_LINE 96

/* The lines of a box: two of a title, one for each group, one for the rest.
 * False: there are no more. group: which one it is of, or NULL. */
bool tree_line(const struct tree *tree, const struct tree_box *box,
	       unsigned index, char line[TREE_LINE],
	       const struct tree_group **group);

/* The picture, for graphviz and as it is. 0 or -ENOMEM; errors of writing stay
 * with the stream. */
int tree_dot(FILE *out, const struct tree *tree);
int tree_svg(FILE *out, const struct tree *tree);
