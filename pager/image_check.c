/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the segments of an image must be like, each, together and against RAM,
 * and the questions asked of them afterwards. No ELF here: image_open.c decodes.
 *
 * All values come from the file, so no sum is formed before it is known to
 * fit. Once image_check_segment has passed a segment, paddr + memsz is a
 * gpa_t, and vaddr + memsz - 1 a gva_t.
 */
#include "pager/image_check.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATH_SHOWN = 160, /* of a long path: its end, so that err has room */
	MIB_SHIFT = 20,
};

static const char *const relink = "correct the linker script";

int image_fail(struct image_error *err, const char *path, int error,
	       const char *fmt, ...)
{
	size_t len = strlen(path);
	va_list ap;
	int at;

	if (len > PATH_SHOWN)
		at = snprintf(err->text, sizeof(err->text),
			      "...%s: ", path + len - PATH_SHOWN);
	else
		at = snprintf(err->text, sizeof(err->text), "%s: ", path);
	va_start(ap, fmt);
	vsnprintf(err->text + at, sizeof(err->text) - (size_t)at, fmt, ap);
	va_end(ap);
	return -error;
}

#define bad(image, err, ...) \
	image_fail((err), (image)->path, ENOEXEC, __VA_ARGS__)

bool image_has_bytes(const struct image *image, uint64_t offset, uint64_t len)
{
	return offset <= image->size && len <= image->size - offset;
}

/* The field that segment->paddr comes from. */
static const char *paddr_name(const struct image *image)
{
	return image->program ? "p_vaddr" : "p_paddr";
}

static gpa_t segment_end(const struct image_segment *segment)
{
	return segment->paddr + segment->memsz;
}

/* Is addr in [start, start + len)? The range may end at the top of the space. */
static bool contains(uint64_t start, uint64_t len, uint64_t addr)
{
	return addr >= start && addr - start < len;
}

static int check_addresses(const struct image *image,
			   const struct image_segment *segment,
			   struct image_error *err)
{
	/* The highest address that a segment can have a byte at. Physical ends
	 * are used as numbers, so the very last byte of 2^64 is out. */
	gva_t last_gva = image->class == 32 ? UINT32_MAX : UINT64_MAX;
	gpa_t last_gpa = image->class == 32 ? UINT32_MAX : UINT64_MAX - 1;

	if (segment->paddr > last_gpa ||
	    segment->memsz - 1 > last_gpa - segment->paddr)
		return bad(image, err,
			   "program header %u: %s 0x%" PRIx64
			   " + p_memsz 0x%" PRIx64
			   " passes the end of the %u-bit address space; %s",
			   segment->index, paddr_name(image), segment->paddr,
			   segment->memsz, image->class, relink);
	if (segment->memsz - 1 > last_gva - segment->vaddr)
		return bad(image, err,
			   "program header %u: p_vaddr 0x%" PRIx64
			   " + p_memsz 0x%" PRIx64
			   " passes the end of the %u-bit address space; %s",
			   segment->index, segment->vaddr, segment->memsz,
			   image->class, relink);
	return 0;
}

int image_check_segment(const struct image *image,
			const struct image_segment *segment,
			struct image_error *err)
{
	if (segment->filesz > segment->memsz)
		return bad(image, err,
			   "program header %u: p_filesz 0x%" PRIx64
			   " > p_memsz 0x%" PRIx64
			   ": a segment cannot have more bytes in the file "
			   "than in memory; relink the image",
			   segment->index, segment->filesz, segment->memsz);
	if (segment->memsz == 0)
		return 0;
	/* Without bytes in the file p_offset says nothing. */
	if (segment->filesz &&
	    !image_has_bytes(image, segment->offset, segment->filesz))
		return bad(image, err,
			   "program header %u: p_offset 0x%" PRIx64
			   " + p_filesz 0x%" PRIx64
			   " passes the end of the file (0x%" PRIx64
			   " bytes): truncated; copy or build it again",
			   segment->index, segment->offset, segment->filesz,
			   image->size);
	return check_addresses(image, segment, err);
}

static int by_paddr(const void *left, const void *right)
{
	const struct image_segment *a = left, *b = right;

	if (a->paddr != b->paddr)
		return a->paddr < b->paddr ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* Sorted by start, if any two have a byte in common, two neighbours have. */
static int check_disjoint(const struct image *image, struct image_error *err)
{
	for (size_t i = 1; i < image->nr_segments; i++) {
		const struct image_segment *a = &image->segments[i - 1];
		const struct image_segment *b = &image->segments[i];

		if (segment_end(a) <= b->paddr)
			continue;
		return bad(image, err,
			   "program headers %u and %u have bytes in common: "
			   "%s 0x%" PRIx64 " + p_memsz 0x%" PRIx64
			   " and %s 0x%" PRIx64 " + p_memsz 0x%" PRIx64
			   ": no saying whose count; %s",
			   a->index, b->index, paddr_name(image), a->paddr,
			   a->memsz, paddr_name(image), b->paddr, b->memsz,
			   relink);
	}
	return 0;
}

/* a before b, of two segments that contain e_entry? */
static bool better_entry(const struct image_segment *a,
			 const struct image_segment *b)
{
	if (!b)
		return true;
	if ((a->flags & PF_X) != (b->flags & PF_X))
		return a->flags & PF_X;
	return a->index < b->index;
}

static int find_entry(struct image *image, struct image_error *err)
{
	const struct image_segment *segment = NULL;
	uint64_t skip;

	for (size_t i = 0; i < image->nr_segments; i++) {
		const struct image_segment *s = &image->segments[i];

		if (contains(s->vaddr, s->memsz, image->e_entry) &&
		    better_entry(s, segment))
			segment = s;
	}
	if (segment) {
		skip = image->e_entry - segment->vaddr;
	} else {
		segment = image_segment_at(image, image->e_entry, 1);
		if (!segment)
			return bad(image, err,
				   "e_entry 0x%" PRIx64 " is in no segment, by "
				   "p_vaddr nor by p_paddr; name the start "
				   "symbol: ld -e SYMBOL",
				   image->e_entry);
		skip = image->e_entry - segment->paddr;
	}
	if (!(segment->flags & PF_X))
		return bad(image, err,
			   "e_entry 0x%" PRIx64 " is in program header %u, "
			   "whose p_flags 0x%" PRIx32 " lack PF_X: not "
			   "executable; check the start symbol, ld -e SYMBOL",
			   image->e_entry, segment->index, segment->flags);
	if (skip >= segment->filesz)
		return bad(image, err,
			   "e_entry 0x%" PRIx64
			   " is past the p_filesz 0x%" PRIx64
			   " bytes of program header %u: only zeros there; "
			   "check the start symbol, ld -e SYMBOL",
			   image->e_entry, segment->filesz, segment->index);
	image->entry = segment->paddr + skip;
	return 0;
}

int image_settle(struct image *image, struct image_error *err)
{
	int ret;

	if (image->nr_segments == 0)
		return bad(image, err,
			   "no program header is a PT_LOAD with p_memsz > 0, "
			   "so nothing to load; link it as an executable");
	qsort(image->segments, image->nr_segments, sizeof(*image->segments),
	      by_paddr);
	ret = check_disjoint(image, err);
	if (!ret)
		ret = find_entry(image, err);
	return ret;
}

static bool inside_ram(const struct image_segment *segment,
		       const struct gpa_range *ram, size_t nr_ram)
{
	for (size_t i = 0; i < nr_ram; i++) {
		if (contains(ram[i].start, ram[i].len, segment->paddr) &&
		    segment->memsz <=
			    ram[i].len - (segment->paddr - ram[i].start))
			return true;
	}
	return false;
}

/* Bytes of RAM, split around the hole, that reach up to end. */
static uint64_t ram_needed(gpa_t end, struct gpa_range hole)
{
	return end <= hole.start ? end : end - hole.len;
}

int image_check_ram(const struct image *image, const struct gpa_range *ram,
		    size_t nr_ram, struct gpa_range hole,
		    struct image_error *err)
{
	const struct image_segment *outside = NULL;
	uint64_t bytes = 0;

	for (size_t i = 0; i < image->nr_segments; i++) {
		const struct image_segment *s = &image->segments[i];

		/* First, because no --mem helps. */
		if (ranges_overlap(s->paddr, s->memsz, hole.start, hole.len))
			return bad(image, err,
				   "program header %u: p_paddr 0x%" PRIx64
				   " + p_memsz 0x%" PRIx64
				   " is in the device hole 0x%" PRIx64
				   "-0x%" PRIx64 ", where no RAM can be; %s",
				   s->index, s->paddr, s->memsz, hole.start,
				   hole.start + hole.len - 1, relink);
	}
	for (size_t i = 0; i < nr_ram; i++)
		bytes += ram[i].len;
	for (size_t i = 0; !outside && i < image->nr_segments; i++) {
		if (!inside_ram(&image->segments[i], ram, nr_ram))
			outside = &image->segments[i];
	}
	if (outside) {
		/* What the highest segment needs will do for all. */
		uint64_t need = ram_needed(image_end(image), hole) - 1;

		return bad(image, err,
			   "program header %u: p_paddr 0x%" PRIx64
			   " + p_memsz 0x%" PRIx64
			   " passes the end of RAM (0x%" PRIx64
			   " bytes); the image needs --mem %" PRIu64 "M",
			   outside->index, outside->paddr, outside->memsz,
			   bytes, (need >> MIB_SHIFT) + 1);
	}
	return 0;
}

void image_relocate(struct image *image, uint64_t delta)
{
	for (size_t i = 0; i < image->nr_segments; i++) {
		struct image_segment *segment = &image->segments[i];

		segment->paddr += delta;
		assert(segment->memsz <= UINT64_MAX - segment->paddr);
	}
	image->entry += delta;
}

const struct image_segment *image_segment_at(const struct image *image,
					     gpa_t gpa, uint64_t len)
{
	const struct image_segment *segment;
	size_t low = 0, high = image->nr_segments;

	/* The lowest that ends after gpa. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (segment_end(&image->segments[mid]) <= gpa)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == image->nr_segments || len == 0)
		return NULL;
	segment = &image->segments[low];
	return segment->paddr <= gpa || segment->paddr - gpa < len ? segment
								   : NULL;
}

gpa_t image_end(const struct image *image)
{
	return segment_end(&image->segments[image->nr_segments - 1]);
}
