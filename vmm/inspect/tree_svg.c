/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SVG 1.1: a column per level, a box per table, an arrow from each entry to the
 * table that it leads to.
 */
#include <errno.h>
#include <stdlib.h>

#include "vmm/inspect/tree.h"

enum {
	MARGIN = 20,
	TITLE = 28,
	LINE = 16,
	PAD = 6,
	WIDTH = 280,
	COLUMN = WIDTH + 100,
	GAP = 14,
};

struct place {
	unsigned x, y, height;
};

static unsigned nr_lines(const struct tree *tree, const struct tree_box *box)
{
	const struct tree_group *group;
	char line[TREE_LINE];
	unsigned n = 0;

	while (tree_line(tree, box, n, line, &group))
		n++;
	return n;
}

/* Boxes below each other in the column of their level. The picture's height. */
static unsigned place_boxes(const struct tree *tree, struct place *places,
			    unsigned bottoms[PT_MAX_LEVELS])
{
	unsigned height = MARGIN + TITLE;

	for (unsigned i = 0; i < PT_MAX_LEVELS; i++)
		bottoms[i] = MARGIN + TITLE;
	for (size_t i = 0; i < tree->nr_boxes; i++) {
		const struct tree_box *box = &tree->boxes[i];
		unsigned *bottom = &bottoms[box->level];

		places[i] = (struct place){
			.x = MARGIN + box->level * COLUMN,
			.y = *bottom,
			.height = nr_lines(tree, box) * LINE + 2 * PAD,
		};
		*bottom += places[i].height + GAP;
		height = height > *bottom ? height : *bottom;
	}
	return height + LINE + MARGIN;
}

static unsigned line_y(const struct place *place, unsigned line)
{
	return place->y + PAD + line * LINE + LINE / 2;
}

static void put_box(FILE *out, const struct tree *tree, size_t index,
		    const struct place *places)
{
	const struct tree_box *box = &tree->boxes[index];
	const struct place *p = &places[index];
	const struct tree_group *group;
	char line[TREE_LINE];

	fprintf(out,
		"<rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"%u\" rx=\"4\" "
		"fill=\"%s\" stroke=\"#555\"/>\n",
		p->x, p->y, WIDTH, p->height,
		box->unreadable ? "#fdd" : "#f4f6fa");
	for (unsigned i = 0; tree_line(tree, box, i, line, &group); i++)
		fprintf(out, "<text x=\"%u\" y=\"%u\"%s>%s</text>\n",
			p->x + PAD, line_y(p, i) + 4,
			i ? "" : " font-weight=\"bold\"", line);
}

/* An arrow that does not go right leads back, and is dashed. */
static void put_arrow(FILE *out, const struct place *from, unsigned line,
		      const struct place *to)
{
	unsigned x1 = from->x + WIDTH, y1 = line_y(from, line);
	unsigned x2 = to->x, y2 = line_y(to, 0);
	bool back = to->x <= from->x;

	if (back)
		x2 += WIDTH;
	fprintf(out,
		"<path d=\"M%u %u C%u %u %u %u %u %u\" fill=\"none\" "
		"stroke=\"%s\"%s marker-end=\"url(#tip)\"/>\n",
		x1, y1, x1 + 50, y1, back ? x2 + 50 : x2 - 50, y2, x2, y2,
		back ? "#b22" : "#357",
		back ? " stroke-dasharray=\"5 3\"" : "");
}

static void put_arrows(FILE *out, const struct tree *tree, size_t index,
		       const struct place *places)
{
	const struct tree_box *box = &tree->boxes[index];
	const struct tree_group *group;
	char line[TREE_LINE];

	for (unsigned i = 0; tree_line(tree, box, i, line, &group); i++)
		if (group && group->entry.kind == PT_KIND_TABLE &&
		    group->box != TREE_NONE)
			put_arrow(out, &places[index], i, &places[group->box]);
}

/* Columns that have something in them. */
static unsigned nr_columns(const struct tree *tree)
{
	unsigned columns = 1;

	for (unsigned i = 0; i < PT_MAX_LEVELS; i++)
		if (tree->level_boxes[i] || tree->level_hidden[i])
			columns = i + 1;
	return columns;
}

static void put_head(FILE *out, const struct tree *tree, unsigned height)
{
	const struct pt_format *format = tree->space->format;
	unsigned levels = nr_columns(tree);
	unsigned width = 2 * MARGIN + (levels - 1) * COLUMN + WIDTH + 60;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" "
		"height=\"%u\" font-family=\"monospace\" font-size=\"12\">\n"
		"<defs><marker id=\"tip\" markerWidth=\"8\" markerHeight=\"8\" "
		"refX=\"7\" refY=\"4\" orient=\"auto\">"
		"<path d=\"M0 0 L8 4 L0 8 z\" fill=\"#555\"/></marker></defs>\n"
		"<rect width=\"%u\" height=\"%u\" fill=\"white\"/>\n"
		"<text x=\"%d\" y=\"%d\" font-size=\"14\">%s, root 0x%llx"
		"</text>\n",
		width, height, width, height, MARGIN, MARGIN + LINE / 2,
		format->name, (unsigned long long)tree->space->root);
}

static void put_hidden(FILE *out, const struct tree *tree,
		       const unsigned bottoms[PT_MAX_LEVELS])
{
	const struct pt_format *format = tree->space->format;

	for (unsigned i = 0; i < format->nr_levels; i++)
		if (tree->level_hidden[i])
			fprintf(out,
				"<text x=\"%u\" y=\"%u\" "
				"font-style=\"italic\">%llu more tables of "
				"%ss</text>\n",
				MARGIN + i * COLUMN, bottoms[i] + LINE / 2,
				(unsigned long long)tree->level_hidden[i],
				format->levels[i].name);
}

int tree_svg(FILE *out, const struct tree *tree)
{
	struct place *places = calloc(tree->nr_boxes + 1, sizeof(*places));
	unsigned bottoms[PT_MAX_LEVELS];
	unsigned height;

	if (!places)
		return -ENOMEM;
	height = place_boxes(tree, places, bottoms);
	put_head(out, tree, height);
	for (size_t i = 0; i < tree->nr_boxes; i++)
		put_box(out, tree, i, places);
	for (size_t i = 0; i < tree->nr_boxes; i++)
		put_arrows(out, tree, i, places);
	put_hidden(out, tree, bottoms);
	fputs("</svg>\n", out);
	free(places);
	return 0;
}
