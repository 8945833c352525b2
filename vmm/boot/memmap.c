/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of guest-physical memory.
 *
 * The one idea: a range is kept by its first and its last byte, never by its
 * end, because the end of the topmost range is 2^64 and does not exist.
 *
 * Types other than usable and reserved (ACPI 15.1 has five) are left out: this
 * machine has no such memory.
 */
#include "vmm/boot/memmap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

unsigned memmap_ram(struct gpa_range ram[2], uint64_t bytes, gpa_t hole_start,
		    gpa_t hole_end)
{
	assert(bytes && !(bytes & PAGE_MASK));
	assert(hole_start && hole_start <= hole_end);
	assert(bytes - 1 <= UINT64_MAX - (hole_end - hole_start));

	ram[0] = (struct gpa_range){0, bytes};
	if (bytes <= hole_start)
		return 1;
	ram[0].len = hole_start;
	ram[1] = (struct gpa_range){hole_end, bytes - hole_start};
	return 2;
}

void memmap_init(struct memmap *map)
{
	*map = (struct memmap){0};
}

void memmap_fini(struct memmap *map)
{
	free(map->entries);
	memmap_init(map);
}

static gpa_t last_byte(const struct memmap_entry *entry)
{
	return entry->start + (entry->len - 1);
}

/* Makes room for two more entries: setting a range inside another splits it. */
static int reserve_two(struct memmap *map)
{
	struct memmap_entry *entries;
	size_t room;

	if (map->room - map->nr >= 2)
		return 0;
	room = map->room ? map->room * 2 : 8;
	entries = reallocarray(map->entries, room, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	map->entries = entries;
	map->room = room;
	return 0;
}

/* Replaces entries [first, end) by the nr new ones. */
static void splice(struct memmap *map, size_t first, size_t end,
		   const struct memmap_entry *new, size_t nr)
{
	size_t tail = map->nr - end;

	memmove(map->entries + first + nr, map->entries + end,
		tail * sizeof(*new));
	memcpy(map->entries + first, new, nr * sizeof(*new));
	map->nr = first + nr + tail;
}

/*
 * What becomes of the entries [first, end), which overlap or touch mid: parts
 * that stick out stay, or join mid if they are of its type. Returns the number
 * of new entries.
 */
static size_t merge(const struct memmap *map, size_t first, size_t end,
		    struct memmap_entry mid, struct memmap_entry new[3])
{
	gpa_t mid_last = last_byte(&mid), old_last;
	const struct memmap_entry *old;
	struct memmap_entry right = {0};
	size_t nr = 0;

	if (first < end && map->entries[first].start < mid.start) {
		old = &map->entries[first];
		if (old->type != mid.type)
			new[nr++] = (struct memmap_entry){
				old->start, mid.start - old->start, old->type};
		else
			mid.start = old->start;
	}
	if (first < end && last_byte(&map->entries[end - 1]) > mid_last) {
		old = &map->entries[end - 1];
		old_last = last_byte(old);
		if (old->type != mid.type)
			right = (struct memmap_entry){
				mid_last + 1, old_last - mid_last, old->type};
		else
			mid_last = old_last;
	}
	mid.len = mid_last - mid.start + 1;
	new[nr++] = mid;
	if (right.len)
		new[nr++] = right;
	return nr;
}

int memmap_set(struct memmap *map, gpa_t start, uint64_t len,
	       enum memmap_type type)
{
	struct memmap_entry mid = {start, len, type}, new[3];
	gpa_t last = start + (len - 1);
	size_t first, end, nr;
	int error;

	if (!len || last < start)
		return -EINVAL;
	error = reserve_two(map);
	if (error)
		return error;

	/* [first, end): the entries that overlap the range or touch it. */
	for (first = 0; first < map->nr; first++)
		if (!start || last_byte(&map->entries[first]) >= start - 1)
			break;
	for (end = first; end < map->nr; end++)
		if (last != UINT64_MAX && map->entries[end].start > last + 1)
			break;

	nr = merge(map, first, end, mid, new);
	if (!new[0].len)
		return -EINVAL;
	splice(map, first, end, new, nr);
	return 0;
}

/* Does [start, last] share a page with a taken range? If so, its pages. */
static bool find_taken(const struct gpa_range *taken, size_t nr, gpa_t start,
		       gpa_t last, gpa_t *taken_first, gpa_t *taken_last)
{
	for (size_t i = 0; i < nr; i++) {
		gpa_t range_last = taken[i].start + (taken[i].len - 1);

		if (!taken[i].len)
			continue;
		*taken_first = page_down(taken[i].start);
		*taken_last = range_last | PAGE_MASK;
		if (start <= *taken_last && last >= *taken_first)
			return true;
	}
	return false;
}

/* What is looked for, and within which bytes (last included) just now. */
struct search {
	const struct gpa_range *taken;
	size_t nr_taken;
	uint64_t len, align;
	gpa_t first, last;
};

static bool place_low(const struct search *search, gpa_t *start)
{
	gpa_t at = search->first, taken_first, taken_last;

	for (;;) {
		uint64_t over = at % search->align;

		if (over &&
		    __builtin_add_overflow(at, search->align - over, &at))
			return false;
		if (at > search->last || search->last - at < search->len - 1)
			return false;
		if (!find_taken(search->taken, search->nr_taken, at,
				at + (search->len - 1), &taken_first,
				&taken_last))
			break;
		if (taken_last == UINT64_MAX)
			return false;
		at = taken_last + 1;
	}
	*start = at;
	return true;
}

static bool place_high(const struct search *search, gpa_t *start)
{
	gpa_t last = search->last, at, taken_first, taken_last;

	for (;;) {
		if (last < search->first ||
		    last - search->first < search->len - 1)
			return false;
		at = last - (search->len - 1);
		at -= at % search->align;
		if (at < search->first)
			return false;
		if (!find_taken(search->taken, search->nr_taken, at,
				at + (search->len - 1), &taken_first,
				&taken_last))
			break;
		if (!taken_first)
			return false;
		last = taken_first - 1;
	}
	*start = at;
	return true;
}

int memmap_place(const struct memmap *map, const struct gpa_range *taken,
		 size_t nr, uint64_t len, uint64_t align, gpa_t min, gpa_t max,
		 bool highest, gpa_t *start)
{
	struct search search = {taken, nr, len ? len : 1, align ? align : 1,
				0,     0};

	for (size_t i = 0; i < map->nr; i++) {
		const struct memmap_entry *entry =
			&map->entries[highest ? map->nr - 1 - i : i];

		if (entry->type != MEMMAP_USABLE || !max)
			continue;
		search.first = entry->start > min ? entry->start : min;
		search.last = last_byte(entry);
		if (search.last > max - 1)
			search.last = max - 1;
		if (search.first > search.last)
			continue;
		if (highest ? place_high(&search, start)
			    : place_low(&search, start))
			return 0;
	}
	return -ENOSPC;
}

/* KiB from start to the first byte that is not there, or not usable unless
 * reserved ones count, or to end. */
static uint32_t present_kib(const struct memmap *map, gpa_t start, gpa_t end,
			    bool reserved)
{
	gpa_t at = start;

	for (size_t i = 0; i < map->nr && at < end; i++) {
		const struct memmap_entry *entry = &map->entries[i];
		gpa_t last = last_byte(entry);

		if (last < at)
			continue;
		if (entry->start > at ||
		    (entry->type != MEMMAP_USABLE && !reserved))
			break;
		at = last < end ? last + 1 : end;
	}
	return (uint32_t)((at - start) >> 10);
}

uint32_t memmap_lower_kib(const struct memmap *map)
{
	return present_kib(map, 0, MEMMAP_LOWER_END, true);
}

uint32_t memmap_upper_kib(const struct memmap *map)
{
	/* As many KiB as 32 bits hold. */
	return present_kib(map, MEMMAP_UPPER_START,
			   MEMMAP_UPPER_START + ((gpa_t)UINT32_MAX << 10),
			   false);
}
