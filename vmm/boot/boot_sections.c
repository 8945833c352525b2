/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF sections for a guest that wants to see its symbols: the section headers
 * become a part of the information (multiboot, multiboot2), and sections that no segment
 * brings (symbols, strings, debug information) get a place in memory, noted in
 * their headers. Lazy as everything: nothing of them is read unless the guest
 * looks.
 *
 * Multiboot2 2.0, 3.6.7; multiboot 0.6.96, 3.3.
 */
#include "vmm/boot/boot_plan.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

/* Section header tables larger than this are not passed on. */
#define SECTIONS_MAX (256 * 1024)

int boot_read_sections(struct boot_plan *plan)
{
	const struct image *image = plan->image;
	size_t len = (size_t)image->shnum * image->shentsize;
	struct pager_source file = source_file(image->path, image->fd);

	if (!plan->ops->has_sections || !image->shnum)
		return 0;
	if (len > SECTIONS_MAX) {
		boot_note(plan,
			  "%s: %u section headers are too many to pass on",
			  image->path, image->shnum);
		return 0;
	}
	plan->sections = malloc(len);
	if (!plan->sections)
		return -ENOMEM;
	if (file.read(file.ctx, plan->sections, len, image->shoff)) {
		free(plan->sections);
		plan->sections = NULL;
	}
	return 0;
}

static int place_section(struct boot_plan *plan, uint32_t type, uint64_t addr,
			 uint64_t offset, uint64_t size, uint64_t *placed)
{
	const struct image *image = plan->image;
	int rc;

	*placed = 0;
	if (addr || !size || type == SHT_NULL || type == SHT_NOBITS ||
	    offset > image->size || size > image->size - offset)
		return 0;
	rc = boot_plan_place(plan, size, image_end(image), BOOT_BELOW_4G, false,
			     placed);
	if (rc == -ENOSPC)
		return 0; /* the guest does without */
	return rc ? rc
		  : boot_plan_extent(plan, *placed, size, &plan->image_source,
				     offset);
}

int boot_place_sections(struct boot_plan *plan)
{
	const struct image *image = plan->image;
	uint64_t placed;
	int rc = 0;

	for (uint32_t i = 0; plan->sections && !rc && i < image->shnum; i++) {
		void *header = plan->sections + (size_t)i * image->shentsize;

		if (image->class == 64) {
			Elf64_Shdr *s = header;

			rc = place_section(plan, s->sh_type, s->sh_addr,
					   s->sh_offset, s->sh_size, &placed);
			if (placed)
				s->sh_addr = placed;
		} else {
			Elf32_Shdr *s = header;

			rc = place_section(plan, s->sh_type, s->sh_addr,
					   s->sh_offset, s->sh_size, &placed);
			if (placed)
				s->sh_addr = (uint32_t)placed;
		}
	}
	return rc;
}
