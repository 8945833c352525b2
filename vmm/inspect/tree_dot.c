/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For graphviz' dot: a record per table, a field per line. No text has characters
 * that records take for their own.
 */
#include "vmm/inspect/tree.h"

static void put_box(FILE *out, const struct tree *tree, size_t index)
{
	const struct tree_box *box = &tree->boxes[index];
	const struct tree_group *group;
	char line[TREE_LINE];

	fprintf(out, "\tt%zu [label=\"{", index);
	for (unsigned i = 0; tree_line(tree, box, i, line, &group); i++)
		fprintf(out, "%s<l%u> %s\\l", i ? "|" : "", i, line);
	fputs("}\"];\n", out);
	for (unsigned i = 0; tree_line(tree, box, i, line, &group); i++)
		if (group && group->entry.kind == PT_KIND_TABLE &&
		    group->box != TREE_NONE)
			fprintf(out, "\tt%zu:l%u -> t%zu:l0;\n", index, i,
				group->box);
}

int tree_dot(FILE *out, const struct tree *tree)
{
	const struct pt_format *format = tree->space->format;

	fprintf(out,
		"digraph tables {\n"
		"\tlabel=\"%s, root 0x%llx\";\n"
		"\trankdir=LR;\n"
		"\tnode [shape=record, fontname=monospace, fontsize=10];\n",
		format->name, (unsigned long long)tree->space->root);
	for (size_t i = 0; i < tree->nr_boxes; i++)
		put_box(out, tree, i);
	for (unsigned level = 0; level < format->nr_levels; level++)
		if (tree->level_hidden[level])
			fprintf(out,
				"\tm%u [shape=plaintext, label=\"%llu more "
				"tables of %ss\"];\n",
				level,
				(unsigned long long)tree->level_hidden[level],
				format->levels[level].name);
	fputs("}\n", out);
	return 0;
}
