/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `multiboot`: the first Multiboot Specification (0.6.96). The header may
 * replace the ELF headers (3.1.3); the entry state is 3.2.
 *
 * The command line starts with the image's path, as with QEMU and the first
 * GRUB, because kernels count on it: argv[0] of kvm-unit-tests, and a word that
 * Xen throws away. The information is where QEMU puts it: kernels of this
 * protocol take 0 for a null pointer.
 */
#define _GNU_SOURCE
#include "vmm/boot/boot_plan.h"
#include "vmm/boot/multiboot.h"

#include <errno.h>
#include <stdio.h>

static int apply_header(struct boot_plan *plan, const struct mb_header *h,
			struct image_error *err)
{
	struct image *image = plan->image;
	int rc;

	if (h->video)
		boot_note(plan,
			  "%s: asks for a video mode (multiboot flag 2): "
			  "ignored, there is no screen",
			  image->path);
	if (!h->has_address)
		return 0;
	rc = boot_image_by_address(image, &h->address, h->offset,
				   "multiboot address fields", err);
	if (rc)
		return rc;
	image->entry = h->address.entry;
	if (!image_segment_at(image, image->entry, 1))
		return boot_error(err, -ENOEXEC,
				  "%s: multiboot entry_addr 0x%x is behind the "
				  "image's end 0x%llx: correct it, or "
				  "load_end_addr and bss_end_addr",
				  image->path, h->address.entry,
				  (unsigned long long)image_end(image));
	return 0;
}

static int name_image(struct boot_plan *plan)
{
	const char *words = plan->params.cmdline;

	if (asprintf(&plan->own_cmdline, "%s%s%s", plan->image->path,
		     *words ? " " : "", words) < 0) {
		plan->own_cmdline = NULL;
		return -ENOMEM;
	}
	plan->cmdline = plan->own_cmdline;
	return 0;
}

static int read_header(struct boot_plan *plan, struct image_error *err)
{
	uint8_t head[MB_SEARCH];
	struct mb_header header;
	char why[256] = "";
	size_t len;
	int rc = boot_image_head(plan, head, sizeof(head), &len, err);

	if (rc)
		return rc;
	rc = mb_header_find(&header, head, len, why, sizeof(why));
	if (rc)
		return boot_error(err, rc == -ENOENT ? rc : -ENOEXEC, "%s: %s",
				  plan->image->path, why);
	rc = apply_header(plan, &header, err);
	return rc ? rc : name_image(plan);
}

static int enter(struct boot_plan *plan, struct image_error *err)
{
	(void)err;
	plan->entry.rax = MB_MAGIC;
	plan->entry.rbx = plan->info_gpa;
	return 0;
}

const struct boot_ops boot_multiboot = {
	.name = "multiboot",
	.info_name = "multiboot information",
	.info_zone = {0x9000, MEMMAP_LOWER_END, false},
	.has_sections = true,
	.read = read_header,
	.info_size = mb_info_size,
	.info_build = mb_info_build,
	.enter = enter,
};
