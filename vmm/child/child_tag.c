/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The multiboot2 tag (guest/abi.h): a tag's type and size (multiboot2 3.6.2), and
 * where everything is.
 */
#include "vmm/child/child_set.h"

#include <string.h>

size_t child_set_tag_size(size_t nr_children)
{
	return sizeof(struct abi_children) +
	       nr_children * sizeof(struct abi_child);
}

static void own_frames(const struct child_space *space, struct abi_child *child)
{
	uint64_t first = UINT64_MAX, nr = 0;

	for (size_t i = 0; i < space->nr_areas; i++) {
		const struct child_area *area = &space->areas[i];

		if (area->what == CHILD_SHARE)
			continue;
		if (first > area->frame)
			first = area->frame;
		nr += area->len / PAGE_SIZE;
	}
	child->first_frame = (uint32_t)first;
	child->nr_frames = (uint32_t)nr;
}

static void describe_child(const struct child_set *set, size_t i,
			   const struct gpa_range *modules,
			   struct abi_child *child)
{
	const struct child_space *space = &set->spaces[i];
	const struct child_option *option = space->option;

	*child = (struct abi_child){
		.entry = space->image->e_entry,
		.stack_top = option->stack ? ABI_CHILD_STACK_TOP : 0,
		.cr3 = set->live_roots[i],
		.module = modules[option->module].start,
		.module_len = modules[option->module].len,
		.flags = option->backed ? ABI_CHILD_BACKED : 0,
	};
	memcpy(child->name, option->name, strlen(option->name) + 1);
	own_frames(space, child);
}

void child_set_describe(const struct child_set *set,
			const struct gpa_range *modules,
			struct abi_children *tag)
{
	*tag = (struct abi_children){
		.type = ABI_MB2_CHILDREN,
		.size = (uint32_t)child_set_tag_size(set->nr),
		.version = ABI_CHILDREN_VERSION,
		.levels = set->arch->format->nr_levels,
		.region = set->region,
		.region_len = child_set_bytes(set),
		.frames = set->live.gpa + set->nr_tables * PAGE_SIZE,
		.live = set->live.gpa,
		.nr_frames = (uint32_t)set->nr_frames,
		.nr_live = (uint32_t)set->nr_tables,
		.nr_copy = (uint32_t)set->nr_tables,
		.nr_children = (uint32_t)set->nr,
		.frame_size = sizeof(struct abi_frame),
		.child_size = sizeof(struct abi_child),
		.base = set->region + child_frames_bytes(set),
	};
	for (size_t i = 0; i < ABI_CHILDREN_MAX; i++)
		tag->root[i] = i < set->nr ? set->roots[i] : ABI_EMPTY;
	for (size_t i = 0; i < set->nr; i++)
		describe_child(set, i, modules, &tag->child[i]);
}
