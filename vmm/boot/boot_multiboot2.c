/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `multiboot2`: Multiboot2 Specification 2.0. The header may ask for another
 * place, another entry, or not to be treated as an ELF file at all (3.1); the
 * entry state is 3.3. And `elf`: for a file without any protocol's mark, the
 * same information and registers, ESI (and EDI) as well.
 */
#include "vmm/boot/boot_plan.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/boot/multiboot2.h"

/* 3.1.13: where a relocatable image goes. */
static int relocate(struct boot_plan *plan, const struct mb2_header *h,
		    struct image_error *err)
{
	struct image *image = plan->image;
	gpa_t old = image->segments[0].paddr, base;
	uint64_t len = image_end(image) - old;
	uint64_t align = h->align > PAGE_SIZE ? h->align : PAGE_SIZE;
	gpa_t max = (uint64_t)h->max_addr + 1;
	/* The first megabyte is for those who insist. */
	gpa_t min = h->min_addr < MEMMAP_UPPER_START && max > MEMMAP_UPPER_START
			    ? MEMMAP_UPPER_START
			    : h->min_addr;

	if (h->preference == MB2_PREFER_NONE && boot_in_ram(plan, old, len) &&
	    old >= h->min_addr && old + len <= max && !(old % h->align))
		return 0;
	/* The image keeps its place within a page, in case it is not a page's
	 * start, as far as the alignment that the header asks for lets it. */
	if (memmap_place(&plan->map, NULL, 0, len + (old & PAGE_MASK), align,
			 min, max, h->preference == MB2_PREFER_HIGH, &base))
		return boot_error(err, -ENOEXEC,
				  "%s: multiboot2 relocatable tag: no room for "
				  "0x%llx bytes from 0x%x to 0x%x, alignment "
				  "0x%x; try more --mem",
				  image->path, (unsigned long long)len,
				  h->min_addr, h->max_addr, h->align);
	if (h->align < PAGE_SIZE)
		base += old & PAGE_MASK & ~((uint64_t)h->align - 1);
	boot_note(plan, "%s: relocated from 0x%llx to 0x%llx", image->path,
		  (unsigned long long)old, (unsigned long long)base);
	image_relocate(image, base - old);
	return 0;
}

static int apply_header(struct boot_plan *plan, const struct mb2_header *h,
			struct image_error *err)
{
	struct image *image = plan->image;
	gpa_t linked = image->segments[0].paddr;
	int rc = 0;

	if (h->has_address) {
		rc = boot_image_by_address(image, &h->address, h->offset,
					   "multiboot2 address tag", err);
		if (rc)
			return rc;
		linked = image->segments[0].paddr;
	}
	if (h->console_required)
		boot_note(plan,
			  "%s: asks for a console; it has the serial port",
			  image->path);
	if (h->relocatable) {
		rc = relocate(plan, h, err);
		plan->has_image_base = true;
	}
	if (rc)
		return rc;
	if (h->has_entry)
		image->entry =
			h->address.entry + (image->segments[0].paddr - linked);
	if (!image_segment_at(image, image->entry, 1))
		return boot_error(
			err, -ENOEXEC,
			"%s: multiboot2 entry address tag: 0x%x is in "
			"no segment of the image",
			image->path, h->address.entry);
	return 0;
}

static int read_header(struct boot_plan *plan, struct image_error *err)
{
	struct mb2_header header;
	uint8_t *head = malloc(MB2_SEARCH);
	char why[256] = "";
	size_t len;
	int rc;

	if (!head)
		return -ENOMEM;
	rc = boot_image_head(plan, head, MB2_SEARCH, &len, err);
	if (rc)
		goto out;
	rc = mb2_header_find(&header, head, len, why, sizeof(why));
	if (rc)
		rc = boot_error(err, rc == -ENOENT ? rc : -ENOEXEC, "%s: %s",
				plan->image->path, why);
	else
		rc = apply_header(plan, &header, err);
out:
	free(head);
	return rc;
}

int boot_multiboot2_enter(struct boot_plan *plan, struct image_error *err)
{
	struct boot_entry *entry = &plan->entry;

	(void)err;
	entry->rax = ABI_MB2_MAGIC;
	entry->rbx = entry->rsi = entry->rdi = plan->info_gpa;
	return 0;
}

const struct boot_ops boot_multiboot2 = {
	.name = "multiboot2",
	.info_name = "multiboot2 information",
	.info_zone = {0, BOOT_BELOW_4G, false},
	.has_children = true,
	.has_sections = true,
	.read = read_header,
	.info_size = mb2_info_size,
	.info_build = mb2_info_build,
	.enter = boot_multiboot2_enter,
};

const struct boot_ops boot_elf = {
	.name = "elf",
	.info_name = "multiboot2 information",
	.info_zone = {0, BOOT_BELOW_4G, false},
	.has_children = true,
	.has_sections = true,
	.info_size = mb2_info_size,
	.info_build = mb2_info_build,
	.enter = boot_multiboot2_enter,
};
