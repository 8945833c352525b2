/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/inspect/tree.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/inspect/words.h"

#define CHUNK 64 /* entries read at once */

/* One tree_build. */
struct building {
	struct tree *tree;
	gva_t first, last;
	size_t max_boxes;
};

/* Boxes are few; the level's limit bounds this. */
static size_t find_box(const struct tree *tree, gpa_t table)
{
	for (size_t i = 0; i < tree->nr_boxes; i++)
		if (tree->boxes[i].table == table)
			return i;
	return TREE_NONE;
}

static int new_box(struct tree *tree, gpa_t table, unsigned level, gva_t va)
{
	struct tree_box *boxes = tree->boxes;

	boxes = reallocarray(boxes, tree->nr_boxes + 1, sizeof(*boxes));
	if (!boxes)
		return -ENOMEM;
	tree->boxes = boxes;
	boxes[tree->nr_boxes++] = (struct tree_box){
		.table = table,
		.level = level,
		.va = va,
	};
	tree->level_boxes[level]++;
	return 0;
}

/* The box that an entry leads to; a new one, if there is room. */
static int box_below(const struct building *b, const struct tree_box *box,
		     const struct pt_entry *entry, gva_t va, size_t *below)
{
	struct tree *tree = b->tree;
	unsigned level = box->level + 1;

	*below = find_box(tree, entry->pa);
	if (*below != TREE_NONE)
		return 0;
	if (tree->level_boxes[level] == b->max_boxes) {
		tree->level_hidden[level]++;
		return 0;
	}
	*below = tree->nr_boxes;
	return new_box(tree, entry->pa, level, va);
}

/* Is this entry the next one of the group? */
static bool goes_on(const struct tree_group *group, unsigned index,
		    const struct pt_entry *next)
{
	const struct pt_entry *e = &group->entry;

	if (group->last + 1 != index || e->kind != next->kind)
		return false;
	if (e->kind == PT_KIND_LEAF)
		return e->rights == next->rights &&
		       e->pa + (index - group->first) * e->size == next->pa;
	return e->kind == PT_KIND_RESERVED;
}

static int add_entry(const struct building *b, size_t box_index, unsigned index,
		     uint64_t raw)
{
	struct tree *tree = b->tree;
	const struct pt_format *format = tree->space->format;
	struct tree_box *box = &tree->boxes[box_index];
	struct tree_group *group = &box->groups[box->nr_groups];
	gva_t va = pt_extend(
		format,
		box->va + ((gva_t)index << format->levels[box->level].shift));
	gva_t last = va + (pt_level_size(format, box->level) - 1);
	struct pt_entry e = pt_entry_decode(tree->space, box->level, raw);
	size_t below = TREE_NONE;
	int rc = 0;

	if (e.kind == PT_KIND_ABSENT || va > b->last || last < b->first)
		return 0;
	tree->malformed |= e.kind == PT_KIND_RESERVED;
	if (box->nr_groups && goes_on(group - 1, index, &e)) {
		group[-1].last = index;
		return 0;
	}
	if (box->nr_groups == TREE_GROUPS) {
		box->nr_more++;
		if (e.kind == PT_KIND_TABLE)
			tree->level_hidden[box->level + 1]++;
		return 0;
	}
	box->nr_groups++;
	if (e.kind == PT_KIND_TABLE)
		rc = box_below(b, box, &e, va, &below);
	/* The boxes may be elsewhere now. */
	box = &tree->boxes[box_index];
	box->groups[box->nr_groups - 1] =
		(struct tree_group){index, index, e, below};
	return rc;
}

static int fill_box(const struct building *b, size_t index)
{
	const struct pt_space *space = b->tree->space;
	const struct pt_format *format = space->format;
	const struct tree_box box = b->tree->boxes[index];
	unsigned nr = pt_level_entries(format, box.level);
	unsigned bytes = format->entry_bytes;
	uint64_t entries[CHUNK];
	int rc = 0;

	for (unsigned i = 0; !rc && i < nr; i += CHUNK) {
		unsigned n = nr - i < CHUNK ? nr - i : CHUNK;

		if (space->mem->read(space->mem->ctx,
				     pt_entry_at(format, box.table, i), bytes,
				     entries, n)) {
			b->tree->boxes[index].unreadable = true;
			b->tree->unreadable = true;
			return 0;
		}
		for (unsigned j = 0; !rc && j < n; j++)
			rc = add_entry(b, index, i + j, entries[j]);
	}
	return rc;
}

int tree_build(struct tree *tree, const struct pt_space *space, gva_t first,
	       gva_t last, size_t max_boxes)
{
	const struct building b = {tree, first, last, max_boxes};
	int rc;

	*tree = (struct tree){.space = space};
	if (!space->format->nr_levels)
		return 0;
	rc = new_box(tree, space->root, 0, 0);
	for (size_t i = 0; !rc && i < tree->nr_boxes; i++)
		rc = fill_box(&b, i);
	if (rc)
		tree_fini(tree);
	return rc;
}

void tree_fini(struct tree *tree)
{
	free(tree->boxes);
	*tree = (struct tree){0};
}

static void group_line(const struct tree *tree, const struct tree_group *group,
		       char line[TREE_LINE])
{
	const struct pt_entry *e = &group->entry;
	char range[32], size[WORDS_ROOM] = "", rights[WORDS_ROOM] = "";

	if (group->first == group->last)
		snprintf(range, sizeof(range), "%u", group->first);
	else
		snprintf(range, sizeof(range), "%u-%u", group->first,
			 group->last);
	words_rights(tree->space->format, e->rights, rights);
	if (e->kind == PT_KIND_RESERVED)
		snprintf(line, TREE_LINE, "%s: reserved bits 0x%llx", range,
			 (unsigned long long)e->reserved);
	else if (e->kind == PT_KIND_LEAF)
		snprintf(line, TREE_LINE, "%s: %s %s 0x%llx", range,
			 words_size(e->size, size), rights,
			 (unsigned long long)e->pa);
	else
		snprintf(line, TREE_LINE, "%s: table %s%s", range, rights,
			 group->box == TREE_NONE ? ", not shown" : "");
}

bool tree_line(const struct tree *tree, const struct tree_box *box,
	       unsigned index, char line[TREE_LINE],
	       const struct tree_group **group)
{
	const char *name = tree->space->format->levels[box->level].name;

	*group = NULL;
	if (index == 0) {
		snprintf(line, TREE_LINE, "%ss at 0x%llx", name,
			 (unsigned long long)box->table);
		return true;
	}
	if (index == 1) {
		snprintf(line, TREE_LINE, "for 0x%llx",
			 (unsigned long long)box->va);
		return true;
	}
	if (index < 2 + box->nr_groups) {
		*group = &box->groups[index - 2];
		group_line(tree, *group, line);
		return true;
	}
	if (index > 2 + box->nr_groups || !(box->unreadable || box->nr_more))
		return false;
	if (box->unreadable)
		snprintf(line, TREE_LINE, "not in the memory given");
	else
		snprintf(line, TREE_LINE, "and %u more entries", box->nr_more);
	return true;
}
