/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image's part in a plan: its head, in which protocols look for their mark;
 * the "a.out kludge", by which a header replaces its segments; its place, and
 * what of it is in the file.
 */
#define _GNU_SOURCE /* SEEK_DATA */
#include "vmm/boot/boot_plan.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A segment larger than this that is neither writable nor executable is data
 * that need not be reachable before the guest reads it. */
#define LARGE_DATA (UINT64_C(256) << 20)

/* Holes that are worth an extent more: those larger than a pager's window. */
#define HOLE_MIN  (UINT64_C(256) << 10)
#define HOLES_MAX 256

int boot_image_head(const struct boot_plan *plan, uint8_t *head, size_t room,
		    size_t *len, struct image_error *err)
{
	ssize_t n = pread(plan->image->fd, head, room, 0);
	int rc = n < 0 ? -errno : 0;

	if (rc)
		return boot_error(err, rc, "%s: cannot read its head: %s",
				  plan->image->path, strerror(-rc));
	*len = (size_t)n;
	return 0;
}

int boot_image_by_address(struct image *image,
			  const struct multiboot_address *a, uint32_t offset,
			  const char *fields, struct image_error *err)
{
	uint64_t start = offset - (a->header_addr - a->load_addr);
	uint64_t in_file = image->size - start;
	uint64_t filesz =
		a->load_end_addr ? a->load_end_addr - a->load_addr : in_file;
	uint64_t memsz =
		a->bss_end_addr ? a->bss_end_addr - a->load_addr : filesz;

	if (filesz > in_file)
		return boot_error(
			err, -ENOEXEC,
			"%s: %s: load_end_addr "
			"0x%x asks for 0x%llx bytes at offset 0x%llx, "
			"the file has 0x%llx there",
			image->path, fields, a->load_end_addr,
			(unsigned long long)filesz, (unsigned long long)start,
			(unsigned long long)in_file);
	image->segments[0] = (struct image_segment){
		.index = 0,
		.flags = PF_R | PF_W | PF_X,
		.offset = start,
		.vaddr = a->load_addr,
		.paddr = a->load_addr,
		.filesz = filesz,
		.memsz = memsz > filesz ? memsz : filesz,
	};
	image->nr_segments = 1;
	return 0;
}

/* Where data begins at or behind `at`, and where it ends: lseek(2), SEEK_DATA. On
 * a file system that does not tell, everything is data. */
static void find_data(int fd, uint64_t at, uint64_t end, struct gpa_range *data)
{
	off_t from = lseek(fd, (off_t)at, SEEK_DATA), to;

	*data = (struct gpa_range){at, end - at};
	if (from < 0 && errno == ENXIO)
		*data = (struct gpa_range){end, 0}; /* a hole to the end */
	if (from < 0 || (uint64_t)from < at)
		return;
	*data = (struct gpa_range){end, 0};
	if ((uint64_t)from >= end)
		return;
	to = lseek(fd, from, SEEK_HOLE);
	if (to <= from || (uint64_t)to > end)
		to = (off_t)end;
	*data = (struct gpa_range){(uint64_t)from, (uint64_t)(to - from)};
}

/* Is it worth looking for holes? In a file in the page cache (tmpfs) that takes
 * time for every page it has. */
static bool is_sparse(const struct image *image)
{
	struct stat st;

	return !fstat(image->fd, &st) &&
	       (uint64_t)st.st_blocks * 512 + HOLE_MIN <= image->size;
}

/*
 * The segment's bytes become extents. Holes of a sparse file are zeros, as memory
 * is that nobody provides for, so they need none, and are never read: a vmlinux
 * has megabytes of them, its .bss, where its build has put something behind that.
 * Small holes, and those of a file that has thousands, are read like data.
 */
static int add_extents(struct boot_plan *plan, const struct image_segment *s,
		       bool sparse)
{
	uint64_t at = s->offset, end = s->offset + s->filesz, from = at;
	struct gpa_range data;
	int rc = 0;

	for (unsigned n = 0; sparse && !rc && n < HOLES_MAX && at < end; n++) {
		find_data(plan->image->fd, at, end, &data);
		if (data.start - at >= HOLE_MIN && at > from)
			rc = boot_plan_extent(
				plan, s->paddr + (from - s->offset), at - from,
				&plan->image_source, from);
		if (data.start - at >= HOLE_MIN)
			from = data.start;
		at = data.start + data.len;
	}
	return rc || from == end
		       ? rc
		       : boot_plan_extent(plan, s->paddr + (from - s->offset),
					  end - from, &plan->image_source,
					  from);
}

int boot_image_take(struct boot_plan *plan, struct image_error *err)
{
	const struct gpa_range hole = {
		MEMMAP_HOLE_START,
		MEMMAP_HOLE_END - MEMMAP_HOLE_START,
	};
	struct image *image = plan->image;
	bool sparse = is_sparse(image);
	int rc = image_check_ram(image, plan->ram, plan->nr_ram, hole, err);

	if (rc)
		return rc;
	plan->image_source = source_file(image->path, image->fd);
	for (size_t i = 0; !rc && i < image->nr_segments; i++) {
		const struct image_segment *s = &image->segments[i];

		rc = boot_plan_take(plan, s->paddr, s->memsz,
				    s->flags & (PF_W | PF_X) ||
					    s->memsz <= LARGE_DATA);
		if (!rc && s->filesz)
			rc = add_extents(plan, s, sparse);
	}
	return rc;
}
