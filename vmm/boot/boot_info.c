/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The information structure, whatever the protocol: its place, and its contents
 * from one description. Placed before anything else that has no fixed place,
 * because its customary place is the protocol's; written last.
 */
#include "vmm/boot/boot_plan.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "vmm/boot/bzimage.h"

/* What is placed later splits entries of the map: the information itself,
 * firmware tables, reset code, page tables, children. */
#define ENTRIES_LATER 10

static struct bootinfo describe(const struct boot_plan *plan)
{
	const struct bzimage *bz = plan->params.bzimage;
	const struct image *image = plan->image;

	return (struct bootinfo){
		.gpa = plan->info_gpa,
		.cmdline = plan->cmdline,
		.loader = plan->params.loader_name,
		.modules = plan->info_modules,
		.nr_modules = plan->nr_modules,
		.map = &plan->map,
		.sections = plan->sections,
		.shnum = plan->sections ? image->shnum : 0,
		.shentsize = image->shentsize,
		.shstrndx = image->shstrndx,
		.has_image_base = plan->has_image_base,
		.image_base = (uint32_t)image->segments[0].paddr,
		.children = plan->children_tag,
		.children_len =
			plan->children_tag ? plan->children_tag->size : 0,
		.rsdp = plan->firmware_bytes.bytes,
		.rsdp_gpa = plan->firmware_bytes.bytes ? plan->firmware_gpa : 0,
		.setup_header = bz ? bz->header : NULL,
		.setup_header_len = bz ? bz->header_len : 0,
	};
}

/* The most it can come to. */
static uint64_t most_bytes(const struct boot_plan *plan)
{
	static const uint8_t rsdp[BOOTINFO_RSDP_LEN];
	struct bootinfo info = describe(plan);

	info.rsdp = rsdp;
	return page_up(plan->ops->info_size(&info) +
		       ENTRIES_LATER * sizeof(struct memmap_entry));
}

static int take_given_place(struct boot_plan *plan, struct image_error *err)
{
	gpa_t gpa = plan->params.mbi_addr;
	const struct image_segment *hit =
		image_segment_at(plan->image, gpa, plan->info_len);

	if (hit)
		return boot_error(
			err, -ENOEXEC,
			"%s: --mbi-addr 0x%llx: segment %u is at "
			"0x%llx to 0x%llx; choose another address or "
			"leave the option out",
			plan->image->path, (unsigned long long)gpa, hit->index,
			(unsigned long long)hit->paddr,
			(unsigned long long)(hit->paddr + hit->memsz));
	if (!boot_in_ram(plan, gpa, plan->info_len))
		return boot_error(err, -EINVAL,
				  "--mbi-addr 0x%llx: 0x%llx bytes from there "
				  "are not RAM",
				  (unsigned long long)gpa,
				  (unsigned long long)plan->info_len);
	plan->info_gpa = gpa;
	return boot_plan_take(plan, gpa, plan->info_len, true);
}

static int take_free_place(struct boot_plan *plan, struct image_error *err)
{
	const struct boot_zone *zone = &plan->ops->info_zone;
	gpa_t custom = zone->highest ? zone->max - plan->info_len : zone->min;
	int rc = boot_plan_place_in(plan, plan->info_len, *zone, true,
				    &plan->info_gpa);

	if (rc == -ENOSPC)
		return boot_error(err, -EINVAL,
				  "no room for 0x%llx bytes of %s below 4 GiB; "
				  "try more --mem",
				  (unsigned long long)plan->info_len,
				  plan->ops->info_name);
	if (!rc && plan->info_gpa != custom)
		boot_note(plan,
			  "%s: the %s's place, 0x%llx, is not free; it moves "
			  "to 0x%llx",
			  plan->image->path, plan->ops->info_name,
			  (unsigned long long)custom,
			  (unsigned long long)plan->info_gpa);
	return rc;
}

int boot_place_info(struct boot_plan *plan, struct image_error *err)
{
	int rc;

	plan->info_len = most_bytes(plan);
	rc = plan->params.mbi_addr_given ? take_given_place(plan, err)
					 : take_free_place(plan, err);
	return rc ? rc
		  : memmap_set(&plan->map, plan->info_gpa, plan->info_len,
			       MEMMAP_RESERVED);
}

int boot_write_info(struct boot_plan *plan)
{
	struct bootinfo info = describe(plan);
	size_t len = plan->ops->info_size(&info);
	uint8_t *bytes = malloc(len);

	if (!bytes)
		return -ENOMEM;
	assert(len <= plan->info_len);
	plan->ops->info_build(&info, bytes);
	plan->info_bytes = (struct source_bytes){bytes, len};
	plan->info_source =
		source_bytes(plan->ops->info_name, &plan->info_bytes);
	return boot_plan_extent(plan, plan->info_gpa, len, &plan->info_source,
				0);
}
