/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory map against the loader vectors F1 to F3 and F10 of
 * reference/pagetables.md, and against an array with one type per page.
 */
#include "vmm/boot/memmap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)

static struct memmap map;

static void setup(void)
{
	memmap_init(&map);
}

static void teardown(void)
{
	memmap_fini(&map);
}

static void set(gpa_t start, uint64_t len, enum memmap_type type)
{
	ck_assert_int_eq(memmap_set(&map, start, len, type), 0);
}

static void set_ram(uint64_t bytes, gpa_t hole_start)
{
	struct gpa_range ram[2];
	unsigned nr = memmap_ram(ram, bytes, hole_start, MEMMAP_HOLE_END);

	for (unsigned i = 0; i < nr; i++)
		set(ram[i].start, ram[i].len, MEMMAP_USABLE);
}

static void is_entry(size_t i, gpa_t start, uint64_t len, enum memmap_type type)
{
	ck_assert_uint_lt(i, map.nr);
	ck_assert_uint_eq(map.entries[i].start, start);
	ck_assert_uint_eq(map.entries[i].len, len);
	ck_assert_int_eq(map.entries[i].type, type);
}

START_TEST(f1_information_page_is_reserved_and_the_kernel_is_usable)
{
	set_ram(16 * MiB, MEMMAP_HOLE_START);
	set(0, PAGE_SIZE, MEMMAP_RESERVED);
	ck_assert_uint_eq(map.nr, 2);
	is_entry(0, 0, 0x1000, MEMMAP_RESERVED);
	is_entry(1, 0x1000, 0xfff000, MEMMAP_USABLE);
}
END_TEST

START_TEST(f2_a_run_of_one_page_is_listed)
{
	set(0x1000, 0x4000, MEMMAP_USABLE);
	set(0x7000, 0x1000, MEMMAP_USABLE);
	ck_assert_uint_eq(map.nr, 2);
	is_entry(0, 0x1000, 0x4000, MEMMAP_USABLE);
	is_entry(1, 0x7000, 0x1000, MEMMAP_USABLE);
}
END_TEST

START_TEST(f3_ram_cut_by_the_hole_goes_on_at_4_gib)
{
	set_ram(4 * GiB, 0xc0000000);
	set(0, PAGE_SIZE, MEMMAP_RESERVED);
	ck_assert_uint_eq(map.nr, 3);
	is_entry(1, 0x1000, 0xbffff000, MEMMAP_USABLE);
	is_entry(2, 0x100000000, 0x40000000, MEMMAP_USABLE);
	ck_assert_uint_eq(map.entries[1].len + map.entries[2].len,
			  4 * GiB - PAGE_SIZE);
}
END_TEST

START_TEST(f10_two_hundred_separate_runs_are_all_kept)
{
	for (gpa_t i = 200; i-- > 0;)
		set(i * 2 * PAGE_SIZE, PAGE_SIZE, MEMMAP_USABLE);
	ck_assert_uint_eq(map.nr, 200);
	for (gpa_t i = 0; i < 200; i++)
		is_entry(i, i * 2 * PAGE_SIZE, PAGE_SIZE, MEMMAP_USABLE);
}
END_TEST

START_TEST(ram_up_to_the_hole_is_one_range)
{
	struct gpa_range ram[2];

	ck_assert_uint_eq(
		memmap_ram(ram, PAGE_SIZE, MEMMAP_HOLE_START, MEMMAP_HOLE_END),
		1);
	ck_assert_uint_eq(ram[0].start, 0);
	ck_assert_uint_eq(ram[0].len, PAGE_SIZE);
	ck_assert_uint_eq(memmap_ram(ram, MEMMAP_HOLE_START, MEMMAP_HOLE_START,
				     MEMMAP_HOLE_END),
			  1);
	ck_assert_uint_eq(ram[0].len, MEMMAP_HOLE_START);
}
END_TEST

START_TEST(one_page_more_than_the_hole_allows_lies_at_4_gib)
{
	struct gpa_range ram[2];

	ck_assert_uint_eq(memmap_ram(ram, MEMMAP_HOLE_START + PAGE_SIZE,
				     MEMMAP_HOLE_START, MEMMAP_HOLE_END),
			  2);
	ck_assert_uint_eq(ram[0].len, MEMMAP_HOLE_START);
	ck_assert_uint_eq(ram[1].start, 4 * GiB);
	ck_assert_uint_eq(ram[1].len, PAGE_SIZE);
}
END_TEST

START_TEST(ram_may_end_at_2_to_the_64)
{
	uint64_t hole = MEMMAP_HOLE_END - MEMMAP_HOLE_START;
	struct gpa_range ram[2];

	ck_assert_uint_eq(
		memmap_ram(ram, 0 - hole, MEMMAP_HOLE_START, MEMMAP_HOLE_END),
		2);
	ck_assert_uint_eq(ram[1].start + ram[1].len, 0);
}
END_TEST

START_TEST(neighbours_of_one_type_become_one_entry)
{
	set(0x1000, 0x1000, MEMMAP_USABLE);
	set(0x3000, 0x1000, MEMMAP_USABLE);
	set(0x2000, 0x1000, MEMMAP_USABLE);
	ck_assert_uint_eq(map.nr, 1);
	is_entry(0, 0x1000, 0x3000, MEMMAP_USABLE);
}
END_TEST

START_TEST(neighbours_of_two_types_stay_apart)
{
	set(0x1000, 0x1000, MEMMAP_USABLE);
	set(0x3000, 0x1000, MEMMAP_USABLE);
	set(0x2000, 0x1000, MEMMAP_RESERVED);
	ck_assert_uint_eq(map.nr, 3);
	is_entry(1, 0x2000, 0x1000, MEMMAP_RESERVED);
}
END_TEST

START_TEST(a_range_inside_another_splits_it_and_can_be_given_back)
{
	set(0, 0x5000, MEMMAP_USABLE);
	set(0x2000, 0x1000, MEMMAP_RESERVED);
	ck_assert_uint_eq(map.nr, 3);
	is_entry(0, 0, 0x2000, MEMMAP_USABLE);
	is_entry(2, 0x3000, 0x2000, MEMMAP_USABLE);
	set(0x2000, 0x1000, MEMMAP_USABLE);
	ck_assert_uint_eq(map.nr, 1);
	is_entry(0, 0, 0x5000, MEMMAP_USABLE);
}
END_TEST

START_TEST(a_range_over_many_entries_replaces_them)
{
	for (gpa_t i = 0; i < 20; i++)
		set(i * 0x2000, 0x1000, 1 + i % 2);
	set(0x1000, 0x24000, MEMMAP_RESERVED);
	ck_assert_uint_eq(map.nr, 3);
	is_entry(0, 0, 0x1000, MEMMAP_USABLE);
	is_entry(1, 0x1000, 0x24000, MEMMAP_RESERVED);
	is_entry(2, 0x26000, 0x1000, MEMMAP_RESERVED);
}
END_TEST

START_TEST(an_empty_or_wrapping_range_is_refused)
{
	set(0x1000, 0x1000, MEMMAP_USABLE);
	ck_assert_int_eq(memmap_set(&map, 0x1000, 0, MEMMAP_RESERVED), -EINVAL);
	ck_assert_int_eq(memmap_set(&map, 0, 0, MEMMAP_RESERVED), -EINVAL);
	ck_assert_int_eq(
		memmap_set(&map, UINT64_MAX - 0xfff, 0x1001, MEMMAP_RESERVED),
		-EINVAL);
	ck_assert_int_eq(memmap_set(&map, 2, UINT64_MAX, MEMMAP_RESERVED),
			 -EINVAL);
	ck_assert_uint_eq(map.nr, 1);
	is_entry(0, 0x1000, 0x1000, MEMMAP_USABLE);
}
END_TEST

START_TEST(a_range_may_end_at_2_to_the_64)
{
	gpa_t top = UINT64_MAX - 0xfff;

	set(top, 0x1000, MEMMAP_USABLE);
	set(top - 0x1000, 0x1000, MEMMAP_USABLE);
	set(0, 0x1000, MEMMAP_USABLE);
	ck_assert_uint_eq(map.nr, 2);
	is_entry(1, top - 0x1000, 0x2000, MEMMAP_USABLE);
	set(top, 0x1000, MEMMAP_RESERVED);
	ck_assert_uint_eq(map.nr, 3);
	is_entry(2, top, 0x1000, MEMMAP_RESERVED);
	set(0x1000, 0 - UINT64_C(0x1000), MEMMAP_RESERVED);
	ck_assert_uint_eq(map.nr, 2);
}
END_TEST

START_TEST(one_entry_for_the_whole_space_is_refused_and_changes_nothing)
{
	set(0x1000, 0 - UINT64_C(0x1000), MEMMAP_USABLE);
	ck_assert_int_eq(memmap_set(&map, 0, 0x1000, MEMMAP_USABLE), -EINVAL);
	ck_assert_uint_eq(map.nr, 1);
	set(0, 0x1000, MEMMAP_RESERVED);
	ck_assert_uint_eq(map.nr, 2);
}
END_TEST

/* The oracle: one type per page, 0 where nothing was ever set. */
#define PAGES 64

static void compare_with(const unsigned char pages[PAGES])
{
	size_t i = 0;

	for (size_t at = 0; at < PAGES;) {
		size_t end = at + 1;

		while (end < PAGES && pages[end] == pages[at])
			end++;
		if (pages[at])
			is_entry(i++, at * PAGE_SIZE, (end - at) * PAGE_SIZE,
				 pages[at]);
		at = end;
	}
	ck_assert_uint_eq(map.nr, i);
}

START_TEST(random_ranges_agree_with_an_array_of_pages)
{
	unsigned char pages[PAGES] = {0};

	srand(1);
	for (int round = 0; round < 20000; round++) {
		size_t at = (size_t)rand() % PAGES;
		size_t nr = 1 + (size_t)rand() % (PAGES - at);
		int type = 1 + rand() % 2;

		if (rand() % 4)
			nr = 1 + nr % 4 % (PAGES - at);
		set(at * PAGE_SIZE, nr * PAGE_SIZE, type);
		memset(pages + at, type, nr);
		compare_with(pages);
		if (!(round % 100)) {
			memmap_fini(&map);
			memset(pages, 0, sizeof(pages));
		}
	}
}
END_TEST

static int place(const struct gpa_range *taken, size_t nr, uint64_t len,
		 uint64_t align, bool highest, gpa_t *start)
{
	return memmap_place(&map, taken, nr, len, align, 0, UINT64_MAX, highest,
			    start);
}

START_TEST(the_lowest_and_the_highest_place_are_found)
{
	gpa_t at;

	set(0x1000, 0x4000, MEMMAP_USABLE);
	set(0x9000, 0x4000, MEMMAP_USABLE);
	ck_assert_int_eq(place(NULL, 0, 0x1800, PAGE_SIZE, false, &at), 0);
	ck_assert_uint_eq(at, 0x1000);
	ck_assert_int_eq(place(NULL, 0, 0x1800, PAGE_SIZE, true, &at), 0);
	ck_assert_uint_eq(at, 0xb000);
}
END_TEST

START_TEST(a_place_does_not_span_reserved_memory_or_a_gap)
{
	gpa_t at;

	set(0, 0x3000, MEMMAP_USABLE);
	set(0x3000, 0x1000, MEMMAP_RESERVED);
	set(0x4000, 0x3000, MEMMAP_USABLE);
	set(0x8000, 0x3000, MEMMAP_USABLE);
	ck_assert_int_eq(place(NULL, 0, 0x3001, 1, false, &at), -ENOSPC);
	ck_assert_int_eq(place(NULL, 0, 0x3001, 1, true, &at), -ENOSPC);
	ck_assert_int_eq(place(NULL, 0, 0x3000, 1, false, &at), 0);
	ck_assert_uint_eq(at, 0);
}
END_TEST

START_TEST(taken_ranges_in_any_order_are_stepped_over)
{
	static const struct gpa_range taken[] = {
		{0x6000, 0x1000}, {0x0, 0x1000},    {0x1800, 0x10},
		{0x500, 0x1000},  {0x9000, 0x1000}, {0x3000, 0},
	};
	gpa_t at;

	set(0, 0xa000, MEMMAP_USABLE);
	ck_assert_int_eq(place(taken, 6, 0x4000, PAGE_SIZE, false, &at), 0);
	ck_assert_uint_eq(at, 0x2000);
	ck_assert_int_eq(place(taken, 6, 0x2000, PAGE_SIZE, true, &at), 0);
	ck_assert_uint_eq(at, 0x7000);
	ck_assert_int_eq(place(taken, 6, 0x4001, PAGE_SIZE, true, &at),
			 -ENOSPC);
}
END_TEST

START_TEST(no_page_is_shared_with_a_taken_byte)
{
	static const struct gpa_range taken[] = {{0x1234, 1}};
	gpa_t at;

	set(0x1000, 0x2000, MEMMAP_USABLE);
	ck_assert_int_eq(place(taken, 1, 8, 8, false, &at), 0);
	ck_assert_uint_eq(at, 0x2000);
	set(0, 0x2000, MEMMAP_USABLE);
	set(0x2000, 0x1000, MEMMAP_RESERVED);
	ck_assert_int_eq(place(taken, 1, 8, 8, true, &at), 0);
	ck_assert_uint_eq(at, 0xff8);
}
END_TEST

START_TEST(the_alignment_holds_in_both_directions)
{
	gpa_t at;

	set(0x1000, 16 * MiB, MEMMAP_USABLE);
	ck_assert_int_eq(place(NULL, 0, PAGE_SIZE, 2 * MiB, false, &at), 0);
	ck_assert_uint_eq(at, 2 * MiB);
	ck_assert_int_eq(place(NULL, 0, 2 * PAGE_SIZE, 2 * MiB, true, &at), 0);
	ck_assert_uint_eq(at, 14 * MiB);
	ck_assert_int_eq(place(NULL, 0, 1, 32 * MiB, true, &at), -ENOSPC);
	ck_assert_int_eq(place(NULL, 0, 1, 32 * MiB, false, &at), -ENOSPC);
}
END_TEST

START_TEST(the_limits_hold_to_the_byte)
{
	gpa_t at;

	set(0, 0x10000, MEMMAP_USABLE);
	for (int highest = 0; highest < 2; highest++) {
		ck_assert_int_eq(memmap_place(&map, NULL, 0, 0x1000, 1, 0x1fff,
					      0x2fff, highest, &at),
				 0);
		ck_assert_uint_eq(at, 0x1fff);
		ck_assert_int_eq(memmap_place(&map, NULL, 0, 0x1000, 1, 0x2000,
					      0x2fff, highest, &at),
				 -ENOSPC);
		ck_assert_int_eq(
			memmap_place(&map, NULL, 0, 1, 1, 0, 0, highest, &at),
			-ENOSPC);
		ck_assert_int_eq(memmap_place(&map, NULL, 0, 1, 1, 0x3000,
					      0x2000, highest, &at),
				 -ENOSPC);
	}
}
END_TEST

START_TEST(placing_at_the_top_of_the_space_does_not_wrap)
{
	gpa_t top = UINT64_MAX - 0xfff, at;
	struct gpa_range taken = {top, 0x1000};

	set(top - 0x1000, 0x2000, MEMMAP_USABLE);
	ck_assert_int_eq(place(&taken, 1, 0x1000, PAGE_SIZE, true, &at), 0);
	ck_assert_uint_eq(at, top - 0x1000);
	ck_assert_int_eq(place(&taken, 1, 0x1001, PAGE_SIZE, false, &at),
			 -ENOSPC);
	ck_assert_int_eq(place(NULL, 0, UINT64_MAX, 1, false, &at), -ENOSPC);
	ck_assert_int_eq(place(NULL, 0, UINT64_MAX, 1, true, &at), -ENOSPC);
	ck_assert_int_eq(place(NULL, 0, 1, UINT64_C(1) << 63, false, &at),
			 -ENOSPC);
}
END_TEST

START_TEST(an_empty_map_has_no_place)
{
	gpa_t at;

	ck_assert_int_eq(place(NULL, 0, 1, 1, false, &at), -ENOSPC);
	ck_assert_int_eq(place(NULL, 0, 1, 1, true, &at), -ENOSPC);
}
END_TEST

START_TEST(memory_taken_to_its_last_page_has_no_place)
{
	struct gpa_range taken[] = {{0, 0x1001}, {UINT64_MAX, 1}};
	gpa_t at;

	set(0, 0x2000, MEMMAP_USABLE);
	set(UINT64_MAX - 0xfff, 0x1000, MEMMAP_USABLE);
	ck_assert_int_eq(place(taken, 2, 1, 1, false, &at), -ENOSPC);
	ck_assert_int_eq(place(taken, 2, 1, 1, true, &at), -ENOSPC);
}
END_TEST

START_TEST(nothing_is_placed_as_one_byte)
{
	struct gpa_range taken = {0, 0x1000};
	gpa_t at;

	set(0, 0x2000, MEMMAP_USABLE);
	ck_assert_int_eq(place(&taken, 1, 0, 0, false, &at), 0);
	ck_assert_uint_eq(at, 0x1000);
}
END_TEST

/* Pages that are usable and that no taken range touches. */
static void free_pages(bool is_free[PAGES], const struct gpa_range *taken,
		       size_t nr)
{
	memset(is_free, 0, PAGES);
	for (size_t i = 0; i < map.nr; i++)
		for (uint64_t at = 0; at < map.entries[i].len; at += PAGE_SIZE)
			is_free[(map.entries[i].start + at) / PAGE_SIZE] =
				map.entries[i].type == MEMMAP_USABLE;
	for (size_t i = 0; i < nr; i++)
		for (uint64_t at = 0; at < taken[i].len; at++)
			is_free[(taken[i].start + at) / PAGE_SIZE] = false;
}

/* The page that a search over all pages gives, or -1. */
static int oracle_place(const bool is_free[PAGES], size_t pages, size_t align,
			size_t min, size_t max, bool highest)
{
	int found = -1;

	for (size_t at = min; at + pages <= max; at++) {
		size_t run = 0;

		while (run < pages && is_free[at + run])
			run++;
		if (run < pages || at % align)
			continue;
		found = (int)at;
		if (!highest)
			break;
	}
	return found;
}

START_TEST(random_places_agree_with_a_search_over_all_pages)
{
	srand(2);
	for (int round = 0; round < 20000; round++) {
		struct gpa_range taken[3];
		bool is_free[PAGES], highest = rand() % 2;
		size_t pages = 1 + (size_t)rand() % 6, align = 1 + rand() % 4;
		size_t min = (size_t)rand() % PAGES;
		size_t max = min + (size_t)rand() % (PAGES + 1 - min);
		gpa_t at;
		int want, error;

		set((gpa_t)(rand() % 60) * PAGE_SIZE,
		    (1 + (uint64_t)rand() % 4) * PAGE_SIZE, 1 + rand() % 2);
		for (int i = 0; i < 3; i++)
			taken[i] = (struct gpa_range){
				(gpa_t)(rand() % 60) * PAGE_SIZE +
					(gpa_t)(rand() % 4096),
				(uint64_t)rand() % 5000,
			};
		free_pages(is_free, taken, 3);
		want = oracle_place(is_free, pages, align, min, max, highest);
		error = memmap_place(&map, taken, 3, pages * PAGE_SIZE,
				     align * PAGE_SIZE, min * PAGE_SIZE,
				     max * PAGE_SIZE, highest, &at);
		ck_assert_int_eq(error, want < 0 ? -ENOSPC : 0);
		if (!error)
			ck_assert_uint_eq(at, (gpa_t)want * PAGE_SIZE);
	}
}
END_TEST

static TCase *case_of(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	return tcase;
}

Suite *memmap_suite(void)
{
	Suite *suite = suite_create("memmap");
	TCase *ranges = case_of(suite, "ranges"), *places;

	tcase_add_test(
		ranges,
		f1_information_page_is_reserved_and_the_kernel_is_usable);
	tcase_add_test(ranges, f2_a_run_of_one_page_is_listed);
	tcase_add_test(ranges, f3_ram_cut_by_the_hole_goes_on_at_4_gib);
	tcase_add_test(ranges, f10_two_hundred_separate_runs_are_all_kept);
	tcase_add_test(ranges, ram_up_to_the_hole_is_one_range);
	tcase_add_test(ranges,
		       one_page_more_than_the_hole_allows_lies_at_4_gib);
	tcase_add_test(ranges, ram_may_end_at_2_to_the_64);
	tcase_add_test(ranges, neighbours_of_one_type_become_one_entry);
	tcase_add_test(ranges, neighbours_of_two_types_stay_apart);
	tcase_add_test(ranges,
		       a_range_inside_another_splits_it_and_can_be_given_back);
	tcase_add_test(ranges, a_range_over_many_entries_replaces_them);
	tcase_add_test(ranges, an_empty_or_wrapping_range_is_refused);
	tcase_add_test(ranges, a_range_may_end_at_2_to_the_64);
	tcase_add_test(
		ranges,
		one_entry_for_the_whole_space_is_refused_and_changes_nothing);
	tcase_add_test(ranges, random_ranges_agree_with_an_array_of_pages);

	places = case_of(suite, "places");
	tcase_add_test(places, the_lowest_and_the_highest_place_are_found);
	tcase_add_test(places, a_place_does_not_span_reserved_memory_or_a_gap);
	tcase_add_test(places, taken_ranges_in_any_order_are_stepped_over);
	tcase_add_test(places, no_page_is_shared_with_a_taken_byte);
	tcase_add_test(places, the_alignment_holds_in_both_directions);
	tcase_add_test(places, the_limits_hold_to_the_byte);
	tcase_add_test(places, placing_at_the_top_of_the_space_does_not_wrap);
	tcase_add_test(places, an_empty_map_has_no_place);
	tcase_add_test(places, memory_taken_to_its_last_page_has_no_place);
	tcase_add_test(places, nothing_is_placed_as_one_byte);
	tcase_add_test(places,
		       random_places_agree_with_a_search_over_all_pages);
	return suite;
}
