/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pvh`: Xen's x86/HVM direct boot ABI, which Linux's vmlinux and others have as
 * well: a note says where 32-bit code starts.
 *
 * The start info is at the top of base memory, because PVH kernels use the
 * bottom without asking: Xen has its trampoline and its stack from 0x1000 to
 * 0x11000, OSv its tables below 0x8000.
 */
#include "vmm/boot/boot_plan.h"
#include "vmm/boot/pvh.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* Has it notes for Xen's paravirtualized start, which needs Xen's hypercalls
 * from the first instruction on? */
static bool is_xen_pv(const struct image *image)
{
	static const uint32_t types[] = {
		PVH_NOTE_XEN_VERSION,
		PVH_NOTE_GUEST_OS,
		PVH_NOTE_LOADER,
	};
	uint8_t desc[1];
	size_t len;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!image_find_note(image, PVH_NOTE_NAME, types[i], desc,
				     sizeof(desc), &len))
			return true;
	return false;
}

/* The entry stands in 4 bytes; in Linux and others that are 64-bit, in 8. */
static int find_entry(const struct boot_plan *plan, uint64_t *entry,
		      struct image_error *err)
{
	const char *path = plan->image->path;
	uint8_t desc[8] = {0};
	size_t len;
	int rc = image_find_note(plan->image, PVH_NOTE_NAME,
				 PVH_NOTE_PHYS32_ENTRY, desc, sizeof(desc),
				 &len);

	if (rc == -ENOENT && plan->params.protocol == BOOT_AUTO &&
	    is_xen_pv(plan->image) && !boot_is_linux(plan))
		return boot_error(err, -ENOEXEC,
				  "%s: a Xen PV kernel (Xen notes, but no "
				  "PHYS32_ENTRY note, type %d): this VMM "
				  "starts PVH kernels; if it can start without "
				  "Xen, try --boot=elf",
				  path, PVH_NOTE_PHYS32_ENTRY);
	if (rc == -ENOENT)
		return boot_error(err, rc,
				  "%s: no Xen PHYS32_ENTRY note (type %d) in a "
				  "PT_NOTE, so no entry for PVH",
				  path, PVH_NOTE_PHYS32_ENTRY);
	if (rc)
		return boot_error(err, rc, "%s: cannot read its notes: %s",
				  path, strerror(-rc));
	if (len != 4 && len != 8)
		return boot_error(err, -ENOEXEC,
				  "%s: Xen PHYS32_ENTRY note: descsz %zu is "
				  "neither 4 nor 8: an address of one of these "
				  "sizes is needed",
				  path, len);
	memcpy(entry, desc, sizeof(desc));
	return 0;
}

static int read_note(struct boot_plan *plan, struct image_error *err)
{
	struct image *image = plan->image;
	const struct image_segment *s;
	uint64_t entry = 0;
	int rc = find_entry(plan, &entry, err);

	if (rc)
		return rc;
	s = image_segment_at(image, entry, 1);
	if (!s)
		return boot_error(err, -ENOEXEC,
				  "%s: Xen PHYS32_ENTRY note: 0x%" PRIx64
				  " is in no segment's physical range; the "
				  "note has a p_paddr address, not a p_vaddr "
				  "one",
				  image->path, entry);
	if (!(s->flags & PF_X))
		return boot_error(err, -ENOEXEC,
				  "%s: Xen PHYS32_ENTRY note: 0x%" PRIx64
				  " is in program header %u, whose p_flags "
				  "0x%" PRIx32 " lack PF_X: not executable",
				  image->path, entry, s->index, s->flags);
	if (entry - s->paddr >= s->filesz)
		return boot_error(err, -ENOEXEC,
				  "%s: Xen PHYS32_ENTRY note: 0x%" PRIx64
				  " is past the p_filesz 0x%" PRIx64
				  " bytes of program header %u: only zeros "
				  "there",
				  image->path, entry, s->filesz, s->index);
	image->entry = entry;
	return 0;
}

static int enter(struct boot_plan *plan, struct image_error *err)
{
	(void)err;
	plan->entry.rbx = plan->info_gpa;
	return 0;
}

const struct boot_ops boot_pvh = {
	.name = "pvh",
	.info_name = "PVH start info",
	.info_zone = {PAGE_SIZE, MEMMAP_LOWER_END, true},
	.read = read_note,
	.info_size = pvh_info_size,
	.info_build = pvh_info_build,
	.enter = enter,
};
