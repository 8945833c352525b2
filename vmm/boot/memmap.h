/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of guest-physical memory that a guest is told: pure arithmetic on
 * sorted, disjoint ranges.
 *
 * RAM starts at 0, stops for the device hole below 4 GiB and goes on at 4 GiB.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"

/* A PC's conventional memory ends here, and then there are adapters and
 * firmware up to 1 MiB. */
#define MEMMAP_LOWER_END   UINT64_C(0xa0000)
#define MEMMAP_UPPER_START UINT64_C(0x100000)

/* Where this VMM's device hole starts and ends. */
#define MEMMAP_HOLE_START UINT64_C(0xbffda000)
#define MEMMAP_HOLE_END	  UINT64_C(0x100000000)

/* Multiboot2 3.6.8 / ACPI 15.1 address range types. */
enum memmap_type {
	MEMMAP_USABLE = 1,
	MEMMAP_RESERVED = 2
};

struct memmap_entry {
	gpa_t start;
	uint64_t len; /* start + len may be 2^64: use start + (len - 1) */
	enum memmap_type type;
};

struct memmap {
	struct memmap_entry *entries; /* sorted, disjoint, merged by type */
	size_t nr, room;
};

/*
 * Splits bytes of RAM around [hole_start, hole_end). Fills ram[0..1], returns
 * 1 or 2. bytes is a multiple of PAGE_SIZE, not 0, and at most 2^64 less the
 * hole; hole_start is not 0.
 */
unsigned memmap_ram(struct gpa_range ram[2], uint64_t bytes, gpa_t hole_start,
		    gpa_t hole_end);

/* An empty map; memmap_fini gives its memory back and leaves it empty. */
void memmap_init(struct memmap *map);
void memmap_fini(struct memmap *map);

/*
 * Gives [start, start + len) the type, whatever it was before; neighbours of
 * one type become one entry. The range may end at 2^64. 0, -ENOMEM or -EINVAL:
 * empty, wraps, or would make one entry of 2^64 bytes, which len cannot hold.
 * The map is unchanged after an error.
 */
int memmap_set(struct memmap *map, gpa_t start, uint64_t len,
	       enum memmap_type type);

/*
 * First free place: lowest (or highest) start >= min, start + len <= max, with
 * start % align == 0, wholly inside USABLE, sharing no page with the nr taken
 * ranges (any order, may overlap, may be empty). An align of 0 means 1; a len
 * of 0 is placed as one byte. Returns 0 and *start, or -ENOSPC.
 */
int memmap_place(const struct memmap *map, const struct gpa_range *taken,
		 size_t nr, uint64_t len, uint64_t align, gpa_t min, gpa_t max,
		 bool highest, gpa_t *start);

/*
 * Basic memory information, in KiB: multiboot 0.6.96, 3.3 (mem_lower,
 * mem_upper), multiboot2 2.0, 3.6.3. Lower memory is what there is from 0 to
 * 640 KiB, reserved or not: that is where guests look for room of their own, by
 * the map. Upper memory goes from 1 MiB to the first byte that is not usable.
 */
uint32_t memmap_lower_kib(const struct memmap *map);
uint32_t memmap_upper_kib(const struct memmap *map);
