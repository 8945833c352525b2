/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel's multiboot2 header asks of its loader: another place, another
 * entry, or not to be treated as an ELF file at all.
 *
 * Multiboot2 2.0, 3.1.
 */
#include "vmm/boot_plan.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/memmap.h"
#include "vmm/multiboot2.h"

#define MIB (UINT64_C(1) << 20)

static int read_header(struct boot_plan *plan, struct mb2_header *header,
		       struct image_error *err)
{
	struct image *image = plan->image;
	enum boot_protocol asked = plan->params.protocol;
	uint8_t *head = malloc(MB2_SEARCH);
	char why[256] = "";
	ssize_t n;
	int rc;

	if (!head)
		return -ENOMEM;
	n = pread(image->fd, head, MB2_SEARCH, 0);
	rc = n < 0 ? -errno
		   : mb2_header_find(header, head, (size_t)n, why, sizeof(why));
	free(head);
	if (n < 0)
		return boot_error(err, rc, "%s: cannot read its head: %s",
				  image->path, strerror(-rc));
	if (rc == -ENOENT && asked == BOOT_AUTO) {
		plan->protocol = BOOT_ELF;
		if (*why)
			boot_note(plan, "%s: %s", image->path, why);
		return 0;
	}
	if (rc == -ENOENT)
		return boot_error(
			err, -ENOEXEC,
			"%s: no multiboot2 header in its first 32 "
			"KiB%s%s; without --boot=multiboot2 it starts "
			"as a plain ELF",
			image->path, *why ? ": " : "", why);
	if (rc)
		return boot_error(err, -ENOEXEC, "%s: multiboot2 header: %s",
				  image->path, why);
	plan->protocol = BOOT_MULTIBOOT2;
	return 0;
}

/* The multiboot2 header's wishes. */

/* 3.1.5: the file is loaded as the address tag says, the ELF headers do not
 * count. */
static int apply_address(struct image *image, const struct mb2_header *h,
			 struct image_error *err)
{
	uint64_t offset = h->offset - (h->header_addr - h->load_addr);
	uint64_t in_file = image->size - offset;
	uint64_t filesz =
		h->load_end_addr ? h->load_end_addr - h->load_addr : in_file;
	uint64_t memsz =
		h->bss_end_addr ? h->bss_end_addr - h->load_addr : filesz;

	if (filesz > in_file)
		return boot_error(
			err, -ENOEXEC,
			"%s: multiboot2 address tag: load_end_addr "
			"0x%x asks for 0x%llx bytes at offset 0x%llx, "
			"the file has 0x%llx there",
			image->path, h->load_end_addr,
			(unsigned long long)filesz, (unsigned long long)offset,
			(unsigned long long)in_file);
	image->segments[0] = (struct image_segment){
		.index = 0,
		.flags = PF_R | PF_W | PF_X,
		.offset = offset,
		.vaddr = h->load_addr,
		.paddr = h->load_addr,
		.filesz = filesz,
		.memsz = memsz > filesz ? memsz : filesz,
	};
	image->nr_segments = 1;
	return 0;
}

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
	gpa_t min = h->min_addr < MIB && max > MIB ? MIB : h->min_addr;

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
		rc = apply_address(image, h, err);
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
		image->entry = h->entry + (image->segments[0].paddr - linked);
	if (!image_segment_at(image, image->entry, 1))
		return boot_error(
			err, -ENOEXEC,
			"%s: multiboot2 entry address tag: 0x%x is in "
			"no segment of the image",
			image->path, h->entry);
	return 0;
}

int boot_multiboot2(struct boot_plan *plan, struct image_error *err)
{
	struct mb2_header header;
	int rc = read_header(plan, &header, err);

	if (rc || plan->protocol != BOOT_MULTIBOOT2)
		return rc;
	return apply_header(plan, &header, err);
}
