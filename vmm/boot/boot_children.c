/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children (vmm/child/): a region of their own for their pages and page tables,
 * and the tag that tells the guest of it. Their files are modules besides, and
 * without --child-pts nothing but modules.
 */
#include "vmm/boot/boot_plan.h"

#include <errno.h>
#include <stdlib.h>

#define GPA_END (UINT64_C(1) << 52)

static int check_protocol(const struct boot_plan *plan, struct image_error *err)
{
	if (plan->ops->has_children)
		return 0;
	return boot_error(err, -EINVAL,
			  "%s: --child-pts: boot protocol %s has no tag that "
			  "tells of children; start it as multiboot2, or leave "
			  "--child-pts out",
			  plan->image->path, plan->ops->name);
}

int boot_open_children(struct boot_plan *plan, struct image_error *err)
{
	const struct boot_params *params = &plan->params;
	size_t tag_size = child_set_tag_size(params->nr_children);
	int rc;

	if (!params->nr_children)
		return 0;
	rc = child_set_create(&plan->children, params->children,
			      params->nr_children, &child_x86_64,
			      params->memory, "--mem", err);
	if (rc || !params->child_pts)
		return rc;
	rc = check_protocol(plan, err);
	if (rc)
		return rc;
	plan->children_tag = calloc(1, tag_size);
	if (!plan->children_tag)
		return -ENOMEM;
	/* The information needs its place before the children have theirs. */
	plan->children_tag->size = (uint32_t)tag_size;
	return 0;
}

/* Where modules go, and, if there is no room, above 4 GiB. */
static int place_region(struct boot_plan *plan, uint64_t bytes, gpa_t *region)
{
	const struct boot_zone zones[] = {
		{image_end(plan->image), BOOT_BELOW_4G, false},
		{MEMMAP_UPPER_START, BOOT_BELOW_4G, false},
		{BOOT_BELOW_4G, GPA_END, false},
	};
	const uint64_t align = child_set_align(plan->children);
	int rc = -ENOSPC;

	for (size_t i = 0; rc == -ENOSPC && i < sizeof(zones) / sizeof(*zones);
	     i++)
		rc = boot_plan_place_aligned(plan, bytes, align, zones[i], true,
					     region);
	return rc;
}

static int add_extent(void *ctx, gpa_t gpa, uint64_t len,
		      const struct pager_source *source, uint64_t offset)
{
	return boot_plan_extent(ctx, gpa, len, source, offset);
}

static int describe(struct boot_plan *plan)
{
	struct gpa_range *modules =
		calloc(plan->nr_modules + 1, sizeof(*modules));

	if (!modules)
		return -ENOMEM;
	for (size_t i = 0; i < plan->nr_modules; i++)
		modules[i] = (struct gpa_range){plan->info_modules[i].start,
						plan->info_modules[i].len};
	child_set_describe(plan->children, modules, plan->children_tag);
	free(modules);
	return 0;
}

int boot_place_children(struct boot_plan *plan, struct image_error *err)
{
	uint64_t bytes;
	gpa_t region;
	int rc;

	if (!plan->children_tag)
		return 0;
	bytes = child_set_bytes(plan->children);
	rc = place_region(plan, bytes, &region);
	if (rc == -ENOSPC)
		return boot_error(
			err, -EINVAL,
			"--child-pts: no room for 0x%llx bytes of "
			"children's pages and page tables, aligned "
			"to 0x%llx; try more --mem",
			(unsigned long long)bytes,
			(unsigned long long)child_set_align(plan->children));
	if (!rc)
		rc = child_set_build(plan->children, region);
	if (!rc)
		rc = child_set_extents(plan->children, add_extent, plan);
	if (!rc)
		rc = describe(plan);
	if (!rc)
		rc = memmap_set(&plan->map, region, bytes, MEMMAP_RESERVED);
	if (!rc)
		boot_note(plan, "%zu children: 0x%llx bytes at 0x%llx",
			  plan->params.nr_children, (unsigned long long)bytes,
			  (unsigned long long)region);
	return rc;
}
