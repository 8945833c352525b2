/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt/pt_map: which tables and leaves a mapping makes, and what it says to
 * what it cannot do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "tests/unit/pt_memory.h"

#define P  UINT64_C(1)
#define RW UINT64_C(2)
#define US UINT64_C(4)
#define PS (UINT64_C(1) << 7)
#define NX (UINT64_C(1) << 63)

#define RX  (PT_READ | PT_EXEC)
#define RWX (PT_READ | PT_WRITE | PT_EXEC)

static struct pt_space space;

static void setup(void)
{
	space = memory_space(&pt_x86_64);
}

/* The tables, in order of their making. */
static uint64_t *table(unsigned n)
{
	return memory_table(TABLES_AT + n * PAGE_SIZE);
}

static enum pt_status map_up_to(gva_t va, gpa_t pa, uint64_t len,
				unsigned rights, uint64_t max_page,
				struct pt_obstacle *met)
{
	struct pt_mapping mapping = {.rights = rights, .max_page = max_page};

	return pt_map(&space, va, pa, len, &mapping, met);
}

static enum pt_status map(gva_t va, gpa_t pa, uint64_t len, unsigned rights)
{
	return map_up_to(va, pa, len, rights, 2 * MiB, NULL);
}

static void maps(gva_t va, gpa_t pa, uint64_t len, unsigned rights)
{
	ck_assert_int_eq(map(va, pa, len, rights), PT_OK);
}

/* With leaves of any size. */
static void maps_huge(gva_t va, gpa_t pa, uint64_t len)
{
	ck_assert_int_eq(map_up_to(va, pa, len, RWX, 0, NULL), PT_OK);
}

static struct pt_walk walks(gva_t va)
{
	struct pt_walk walk;

	ck_assert_int_eq(pt_walk(&space, va, &walk), PT_OK);
	return walk;
}

static void is_at(gva_t va, gpa_t pa, uint64_t page_size)
{
	struct pt_walk walk = walks(va);

	ck_assert_uint_eq(walk.pa, pa);
	ck_assert_uint_eq(walk.page_size, page_size);
}

static void is_absent(gva_t va, unsigned level)
{
	struct pt_walk walk;

	ck_assert_int_eq(pt_walk(&space, va, &walk), PT_ABSENT);
	ck_assert_uint_eq(pt_walk_level(&walk), level);
}

START_TEST(one_page_takes_four_tables_and_neighbours_share_them)
{
	maps(0, 0, PAGE_SIZE, RX);
	ck_assert_uint_eq(memory.in_use, 4);
	maps(PAGE_SIZE, 0, PAGE_SIZE, RX);
	ck_assert_uint_eq(memory.in_use, 4);
	maps(2 * MiB, 0, PAGE_SIZE, RX);
	ck_assert_uint_eq(memory.in_use, 5);
	maps(GiB, 0, PAGE_SIZE, RX);
	ck_assert_uint_eq(memory.in_use, 7);
	maps(512 * GiB, 0, PAGE_SIZE, RX);
	ck_assert_uint_eq(memory.in_use, 10);
}
END_TEST

START_TEST(five_hundred_and_twelve_small_pages_fill_one_table)
{
	/* A frame that is not congruent modulo 2 MiB: no large leaf. */
	maps(2 * MiB, PAGE_SIZE, 2 * MiB, RX);
	ck_assert_uint_eq(memory.in_use, 4);
	setup();
	maps(2 * MiB, PAGE_SIZE, 2 * MiB + PAGE_SIZE, RX);
	ck_assert_uint_eq(memory.in_use, 5);
}
END_TEST

START_TEST(an_identity_map_of_4_gib_takes_six_tables)
{
	maps(0, 0, 4 * GiB, RWX);
	ck_assert_uint_eq(memory.in_use, 1 + 1 + 4);
	is_at(0, 0, 2 * MiB);
	is_at(0xfee00123, 0xfee00123, 2 * MiB);
	is_at(4 * GiB - 1, 4 * GiB - 1, 2 * MiB);
	is_absent(4 * GiB, 1);
	is_absent(512 * GiB, 0);
}
END_TEST

START_TEST(leaves_are_no_larger_than_asked_for)
{
	maps_huge(0, 0, 4 * GiB);
	ck_assert_uint_eq(memory.in_use, 2);
	is_at(3 * GiB + 5, 3 * GiB + 5, GiB);
	ck_assert_uint_eq(table(1)[3], 3 * GiB | P | RW | PS);
	setup();
	ck_assert_int_eq(map_up_to(0, 0, 4 * MiB, RX, PAGE_SIZE, NULL), PT_OK);
	is_at(0, 0, PAGE_SIZE);
	is_at(4 * MiB - 1, 4 * MiB - 1, PAGE_SIZE);
	/* Not a size of this format: the next smaller one, or the smallest. */
	setup();
	ck_assert_int_eq(map_up_to(0, 0, 4 * MiB, RX, 4 * MiB, NULL), PT_OK);
	is_at(0, 0, 2 * MiB);
	setup();
	ck_assert_int_eq(map_up_to(0, 0, 4 * MiB, RX, 1, NULL), PT_OK);
	is_at(0, 0, PAGE_SIZE);
}
END_TEST

START_TEST(leaves_that_the_processor_lacks_are_not_used)
{
	space.refused_leaves = 1U << 1;
	maps_huge(0, 0, GiB);
	is_at(0, 0, 2 * MiB);
	ck_assert_uint_eq(pt_tables_for(&space, 0, 0, GiB, 0), 2);
}
END_TEST

START_TEST(the_largest_leaves_that_fit_are_used)
{
	maps(2 * MiB - PAGE_SIZE, 4 * MiB - PAGE_SIZE, 2 * MiB + 2 * PAGE_SIZE,
	     RX);
	is_at(2 * MiB - 1, 4 * MiB - 1, PAGE_SIZE);
	is_at(2 * MiB, 4 * MiB, 2 * MiB);
	is_at(4 * MiB, 6 * MiB, PAGE_SIZE);
	is_absent(4 * MiB + PAGE_SIZE, 3);
	ck_assert_uint_eq(memory.in_use, 5);
}
END_TEST

START_TEST(entries_have_the_bits_of_the_manual)
{
	maps(0x200000, 0x7000, PAGE_SIZE, PT_READ | PT_WRITE);
	ck_assert_uint_eq(table(0)[0], (TABLES_AT + 0x1000) | P | RW);
	ck_assert_uint_eq(table(1)[0], (TABLES_AT + 0x2000) | P | RW);
	ck_assert_uint_eq(table(2)[1], (TABLES_AT + 0x3000) | P | RW);
	ck_assert_uint_eq(table(3)[0], 0x7000 | P | RW | NX);
	maps(0x400000, 0x800000, 2 * MiB, RX);
	ck_assert_uint_eq(table(2)[2], 0x800000 | P | PS);
}
END_TEST

START_TEST(pages_to_be_copied_are_read_only_and_marked)
{
	struct pt_mapping mapping = {.kind = PT_MAP_COW,
				     .rights = PT_READ | PT_WRITE | PT_USER};
	struct pt_walk walk;

	ck_assert_int_eq(
		pt_map(&space, 0x1000, 0x7000, PAGE_SIZE, &mapping, NULL),
		PT_OK);
	walk = walks(0x1000);
	ck_assert_uint_eq(walk.rights, PT_READ | PT_USER);
	ck_assert_uint_eq(walk.path[3].raw, 0x7000 | P | US | 1 << 9 | NX);
}
END_TEST

START_TEST(tables_can_be_made_without_leaves)
{
	struct pt_mapping mapping = {.kind = PT_MAP_NONE,
				     .rights = PT_READ | PT_USER,
				     .max_page = PAGE_SIZE};

	ck_assert_int_eq(pt_map(&space, 2 * MiB, 0, 4 * MiB, &mapping, NULL),
			 PT_OK);
	ck_assert_uint_eq(memory.in_use, 1 + 2 + 2);
	is_absent(2 * MiB, 3);
	is_absent(6 * MiB - 1, 3);
	is_absent(6 * MiB, 2);
	ck_assert_uint_eq(table(2)[1] & (P | RW | US), P | RW | US);
	/* Again, there is nothing left to do. */
	memory_forget();
	ck_assert_int_eq(pt_map(&space, 2 * MiB, 0, 4 * MiB, &mapping, NULL),
			 PT_OK);
	ck_assert_uint_eq(memory.entries, 0);
}
END_TEST

START_TEST(tables_are_permissive_and_leaves_restrictive)
{
	maps(0x1000, 0x1000, PAGE_SIZE, PT_READ);
	maps(0x2000, 0x2000, PAGE_SIZE, RWX);
	ck_assert_uint_eq(walks(0x1000).rights, PT_READ);
	ck_assert_uint_eq(walks(0x2000).rights, RWX);
}
END_TEST

START_TEST(a_user_page_widens_the_tables_above_it)
{
	maps(0x1000, 0x1000, PAGE_SIZE, RX);
	maps(0x2000, 0x2000, PAGE_SIZE, RX | PT_USER);
	ck_assert_uint_eq(table(0)[0] & US, US);
	ck_assert_uint_eq(table(2)[0] & US, US);
	ck_assert_uint_eq(walks(0x1000).rights, RX);
	ck_assert_uint_eq(walks(0x2000).rights, RX | PT_USER);
}
END_TEST

START_TEST(tables_that_others_made_narrow_are_widened_as_needed)
{
	maps(0x1000, 0x1000, PAGE_SIZE, RX);
	table(0)[0] = (table(0)[0] & ~RW) | NX;
	maps(0x2000, 0x2000, PAGE_SIZE, PT_READ);
	ck_assert_uint_eq(table(0)[0], (TABLES_AT + 0x1000) | P | NX);
	maps(0x3000, 0x3000, PAGE_SIZE, RWX);
	ck_assert_uint_eq(table(0)[0], (TABLES_AT + 0x1000) | P | RW);
	ck_assert_uint_eq(walks(0x3000).rights, RWX);
}
END_TEST

START_TEST(the_last_page_of_the_space_can_be_mapped)
{
	maps(UINT64_MAX - 0xfff, 0x3000, PAGE_SIZE, RWX);
	is_at(UINT64_MAX, 0x3fff, PAGE_SIZE);
	ck_assert_uint_eq(memory.in_use, 4);
	setup();
	maps(0 - 2 * GiB, 0, 2 * GiB, RWX);
	is_at(UINT64_MAX, 2 * GiB - 1, 2 * MiB);
	ck_assert_uint_eq(memory.in_use, 4);
}
END_TEST

START_TEST(the_edges_of_both_halves_can_be_mapped)
{
	maps(0x00007ffffffff000, 0x1000, PAGE_SIZE, RX);
	maps(0xffff800000000000, 0x2000, PAGE_SIZE, RX);
	is_at(0x00007fffffffffff, 0x1fff, PAGE_SIZE);
	is_at(0xffff800000000000, 0x2000, PAGE_SIZE);
}
END_TEST

START_TEST(the_last_frame_of_the_format_can_be_mapped)
{
	maps(0, 0x000ffffffffff000, PAGE_SIZE, RX);
	is_at(0xfff, 0x000fffffffffffff, PAGE_SIZE);
	ck_assert_int_eq(map(0x1000, 0x000ffffffffff000, 2 * PAGE_SIZE, RX),
			 PT_OUT_OF_RANGE);
	ck_assert_int_eq(map(0x1000, 0x0010000000000000, PAGE_SIZE, RX),
			 PT_OUT_OF_RANGE);
	ck_assert_int_eq(map(0x1000, UINT64_MAX - 0xfff, 2 * PAGE_SIZE, RX),
			 PT_OUT_OF_RANGE);
}
END_TEST

START_TEST(frames_of_a_large_32_bit_page_can_be_above_4_gib)
{
	const uint64_t len = 4 * MiB;

	space = memory_space(&pt_x86_32);
	ck_assert_int_eq(map_up_to(8 * MiB, 5 * GiB, 2 * len, RX, 0, NULL),
			 PT_OK);
	is_at(12 * MiB + 5, 5 * GiB + 4 * MiB + 5, len);
	/* Across 4 GiB the address's parts change places. */
	ck_assert_int_eq(map_up_to(len, 4 * GiB - len, len, RX, 0, NULL),
			 PT_OK);
	ck_assert_int_eq(
		map_up_to(16 * MiB, 4 * GiB - len, 2 * len, RX, 0, NULL),
		PT_OK);
	is_at(16 * MiB, 4 * GiB - len, len);
	is_at(20 * MiB, 4 * GiB, len);
}
END_TEST

START_TEST(small_pages_above_4_gib_do_not_fit_a_32_bit_entry)
{
	static const struct {
		gva_t va;
		gpa_t pa;
		uint64_t len, max_page;
	} bad[] = {
		{0, 4 * GiB, PAGE_SIZE, 0},
		{0, 4 * GiB, 4 * MiB, PAGE_SIZE},
		{0, 4 * GiB - PAGE_SIZE, 2 * PAGE_SIZE, 0},
		{0, 4 * GiB, 4 * MiB + PAGE_SIZE, 0},
		{PAGE_SIZE, 4 * GiB + PAGE_SIZE, 8 * MiB, 0},
		{0, 1024 * GiB, 4 * MiB, 0},
	};
	struct pt_obstacle met;

	space = memory_space(&pt_x86_32);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(map_up_to(bad[i].va, bad[i].pa, bad[i].len, RX,
					   bad[i].max_page, &met),
				 PT_OUT_OF_RANGE);
	ck_assert_uint_eq(memory.entries, 0);
	/* An empty table is in the way of the large page. */
	ck_assert_int_eq(map_up_to(0, 0, PAGE_SIZE, RX, 0, NULL), PT_OK);
	memset(table(1), 0, PAGE_SIZE);
	ck_assert_int_eq(map_up_to(0, 4 * GiB, 4 * MiB, RX, 0, &met),
			 PT_OUT_OF_RANGE);
	ck_assert_uint_eq(met.level, 1);
	ck_assert_uint_eq(met.frame, 4 * GiB);
}
END_TEST

START_TEST(a_frame_wider_than_the_processors_addresses_is_refused)
{
	space.reserved = pt_reserved_above(space.format, 36);
	maps(0, 64 * GiB - PAGE_SIZE, PAGE_SIZE, RX);
	ck_assert_int_eq(map(0x1000, 64 * GiB, PAGE_SIZE, RX), PT_OUT_OF_RANGE);
	ck_assert_int_eq(map(0x1000, 64 * GiB - PAGE_SIZE, 2 * PAGE_SIZE, RX),
			 PT_OUT_OF_RANGE);
}
END_TEST

START_TEST(bad_ranges_are_refused_before_anything_is_written)
{
	static const struct {
		gva_t va;
		gpa_t pa;
		uint64_t len;
		enum pt_status status;
	} bad[] = {
		{0, 0, 0, PT_OUT_OF_RANGE},
		{1, 0, PAGE_SIZE, PT_UNALIGNED},
		{0, 0x800, PAGE_SIZE, PT_UNALIGNED},
		{0, 0, PAGE_SIZE - 1, PT_UNALIGNED},
		{UINT64_MAX - 0xfff, 0, 2 * PAGE_SIZE, PT_OUT_OF_RANGE},
		{0x1000, 0, UINT64_MAX & ~PAGE_MASK, PT_OUT_OF_RANGE},
		{0x0000800000000000, 0, PAGE_SIZE, PT_NOT_CANONICAL},
		{0xffff7ffffffff000, 0, PAGE_SIZE, PT_NOT_CANONICAL},
		{0xffff7ffffffff000, 0, 2 * PAGE_SIZE, PT_NOT_CANONICAL},
		{0x00007ffffffff000, 0, 2 * PAGE_SIZE, PT_OUT_OF_RANGE},
		/* Canonical at both ends, a hole between. */
		{0x00007ffffffff000, 0, 0xffff000000002000, PT_OUT_OF_RANGE},
		{0, 0, UINT64_MAX & ~PAGE_MASK, PT_OUT_OF_RANGE},
	};
	struct pt_obstacle met;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		met.va = ~bad[i].va;
		ck_assert_int_eq(map_up_to(bad[i].va, bad[i].pa, bad[i].len, RX,
					   0, &met),
				 bad[i].status);
		ck_assert_uint_eq(met.va, bad[i].va);
		ck_assert_int_eq(map(bad[i].va, bad[i].pa, bad[i].len, RX),
				 bad[i].status);
	}
	ck_assert_uint_eq(memory.entries, 0);
	ck_assert_uint_eq(memory.reads, 0);
}
END_TEST

START_TEST(a_space_without_tables_cannot_be_edited)
{
	space = memory_space(&pt_x86_off);
	ck_assert_int_eq(map(0, 0, PAGE_SIZE, RX), PT_OUT_OF_RANGE);
	ck_assert_int_eq(pt_unmap(&space, 0, PAGE_SIZE, NULL), PT_OUT_OF_RANGE);
	ck_assert_int_eq(map(4 * GiB, 0, PAGE_SIZE, RX), PT_TOO_WIDE);
}
END_TEST

START_TEST(an_address_of_more_than_32_bits_is_too_wide)
{
	static const struct pt_format *const formats[] = {&pt_x86_32,
							  &pt_x86_pae};

	for (unsigned i = 0; i < 2; i++) {
		space = memory_space(formats[i]);
		ck_assert_int_eq(map(4 * GiB, 0, PAGE_SIZE, PT_READ | PT_EXEC),
				 PT_TOO_WIDE);
		ck_assert_int_eq(map(4 * GiB - PAGE_SIZE, 0, 2 * PAGE_SIZE,
				     PT_READ | PT_EXEC),
				 PT_OUT_OF_RANGE);
		maps(4 * GiB - PAGE_SIZE, 0, PAGE_SIZE, PT_READ | PT_EXEC);
		is_at(4 * GiB - 1, PAGE_SIZE - 1, PAGE_SIZE);
	}
}
END_TEST

START_TEST(a_mapped_page_is_refused_with_its_frame_and_nothing_changes)
{
	struct pt_obstacle met;

	maps(0x5000, 0x9000, PAGE_SIZE, RX);
	maps(0x7000, 0xb000, PAGE_SIZE, RX);
	memory_forget();
	ck_assert_int_eq(map_up_to(0x2000, 0x2000, 0x8000, RX, 0, &met),
			 PT_MAPPED);
	ck_assert_uint_eq(met.frame, 0x9000);
	ck_assert_uint_eq(met.va, 0x5000);
	ck_assert_uint_eq(met.level, 3);
	ck_assert_int_eq(map(0, 0, 2 * MiB, RX), PT_MAPPED);
	ck_assert_int_eq(map(0x5000, 0x9000, PAGE_SIZE, RX), PT_MAPPED);
	ck_assert_uint_eq(memory.entries, 0);
	is_absent(0x2000, 3);
}
END_TEST

START_TEST(a_small_page_inside_a_large_leaf_is_refused_with_its_frame)
{
	struct pt_obstacle met;

	maps(2 * MiB, 8 * MiB, 2 * MiB, RX);
	ck_assert_int_eq(map_up_to(2 * MiB + 0x3000, 0, PAGE_SIZE, RX, 0, &met),
			 PT_LARGE);
	ck_assert_uint_eq(met.frame, 8 * MiB + 0x3000);
	ck_assert_uint_eq(met.va, 2 * MiB + 0x3000);
	ck_assert_uint_eq(met.level, 2);
	/* Its head is inside the range, or all of it. */
	ck_assert_int_eq(
		map_up_to(2 * MiB - PAGE_SIZE, 0, 2 * PAGE_SIZE, RX, 0, &met),
		PT_LARGE);
	ck_assert_uint_eq(met.va, 2 * MiB);
	ck_assert_uint_eq(met.frame, 8 * MiB);
	ck_assert_int_eq(map_up_to(2 * MiB, 0, 2 * MiB, RX, 0, &met),
			 PT_MAPPED);
	ck_assert_uint_eq(met.frame, 8 * MiB);
	ck_assert_int_eq(map_up_to(2 * MiB, 0, 2 * MiB, RX, PAGE_SIZE, &met),
			 PT_LARGE);
}
END_TEST

START_TEST(the_page_before_a_mapped_one_can_be_mapped)
{
	maps(2 * MiB, 2 * MiB, 2 * MiB, RX);
	maps(2 * MiB - PAGE_SIZE, 0, PAGE_SIZE, RX);
	maps(4 * MiB, 0, PAGE_SIZE, RX);
	ck_assert_int_eq(map(0, 0, 2 * MiB, RX), PT_MAPPED);
	maps(0, 0, 2 * MiB - PAGE_SIZE, RX);
}
END_TEST

START_TEST(running_out_of_tables_is_reported_at_each_level)
{
	struct pt_obstacle met;

	for (unsigned most = 1; most < 4; most++) {
		setup();
		memory.max = most;
		ck_assert_int_eq(map_up_to(0, 0, PAGE_SIZE, RX, 0, &met),
				 PT_NO_MEMORY);
		ck_assert_uint_eq(met.level, most - 1);
		ck_assert_int_eq(met.error, -ENOMEM);
		ck_assert_uint_eq(memory.in_use, most);
		memory_leaks_nothing(&space);
		is_absent(0, most - 1);
		memory.max = 4;
		maps(0, 0, PAGE_SIZE, RX);
		ck_assert_uint_eq(memory.in_use, 4);
	}
}
END_TEST

START_TEST(what_was_mapped_before_memory_ran_out_stays)
{
	struct pt_obstacle met;

	memory.max = 6;
	ck_assert_int_eq(map_up_to(0, 0, 8 * MiB, RX, PAGE_SIZE, &met),
			 PT_NO_MEMORY);
	ck_assert_uint_eq(met.va, 6 * MiB);
	ck_assert_uint_eq(met.level, 2);
	is_at(6 * MiB - 1, 6 * MiB - 1, PAGE_SIZE);
	is_absent(6 * MiB, 2);
	memory_leaks_nothing(&space);
}
END_TEST

START_TEST(a_table_that_cannot_be_linked_is_given_back)
{
	struct pt_obstacle met;

	for (unsigned good = 0; good < 4; good++) {
		setup();
		memory.good_writes = good;
		ck_assert_int_eq(map_up_to(0, 0, PAGE_SIZE, RX, 0, &met),
				 PT_UNWRITABLE);
		ck_assert_uint_eq(met.level, good);
		ck_assert_int_eq(met.error, -EROFS);
		memory_leaks_nothing(&space);
		memory_forget();
		maps(0, 0, PAGE_SIZE, RX);
		memory_leaks_nothing(&space);
	}
}
END_TEST

START_TEST(a_missing_table_is_reported_with_the_bits_left)
{
	struct pt_mapping mapping = {.rights = RX, .no_alloc = true};
	static const unsigned bits[] = {39, 30, 21};
	struct pt_obstacle met;

	for (unsigned level = 0; level < 3; level++) {
		memory_forget();
		ck_assert_int_eq(
			pt_map(&space, 0x201000, 0, PAGE_SIZE, &mapping, &met),
			PT_NO_TABLE);
		ck_assert_uint_eq(met.bits, bits[level]);
		ck_assert_uint_eq(met.level, level);
		ck_assert_uint_eq(met.va, 0x201000);
		ck_assert_uint_eq(memory.entries, 0);
		/* Larger pages need less. */
		if (level == 1)
			ck_assert_int_eq(
				pt_map(&space, GiB, 0, GiB, &mapping, &met),
				PT_OK);
		/* One more table for the next round. */
		memory.max = level + 2;
		ck_assert_int_eq(map(0, 0, PAGE_SIZE, RX),
				 level == 2 ? PT_OK : PT_NO_MEMORY);
	}
	memory.max = MAX_TABLES;
	maps(2 * MiB, 0, PAGE_SIZE, RX);
	ck_assert_int_eq(pt_map(&space, 0x201000, 0, PAGE_SIZE, &mapping, &met),
			 PT_OK);
	/* Found before the first page is written. */
	memory_forget();
	ck_assert_int_eq(pt_map(&space, 4 * MiB - PAGE_SIZE, 0, 2 * PAGE_SIZE,
				&mapping, &met),
			 PT_NO_TABLE);
	ck_assert_uint_eq(met.va, 4 * MiB);
	ck_assert_uint_eq(met.bits, 21);
	ck_assert_uint_eq(memory.entries, 0);
}
END_TEST

START_TEST(an_empty_table_in_the_way_of_a_large_leaf_is_used)
{
	maps(0, 0, PAGE_SIZE, RX);
	table(3)[0] = 0;
	maps(0, 0, 2 * MiB, RX);
	is_at(0, 0, PAGE_SIZE);
	is_at(2 * MiB - 1, 2 * MiB - 1, PAGE_SIZE);
	ck_assert_uint_eq(memory.in_use, 4);
}
END_TEST

START_TEST(rights_that_the_format_cannot_say_are_refused)
{
	static const struct {
		const struct pt_format *format;
		unsigned rights;
	} bad[] = {
		{&pt_x86_64, 0},
		{&pt_x86_64, PT_WRITE},
		{&pt_x86_64, RX | PT_KERNEL_EXEC},
		{&pt_x86_32, PT_READ}, /* no NX */
		{&pt_ept, 0},
		{&pt_ept, PT_WRITE},
		{&pt_ept, PT_WRITE | PT_EXEC},
		{&pt_ept, PT_READ | PT_USER},
		{&pt_sv39, 0},
		{&pt_sv39, PT_USER},
		{&pt_sv39, PT_WRITE},
		{&pt_sv39, PT_WRITE | PT_EXEC},
		{&pt_aarch64, PT_WRITE},
		{&pt_aarch64, 0},
	};
	struct pt_obstacle met;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		space = memory_space(bad[i].format);
		ck_assert_int_eq(
			map_up_to(0, 0, PAGE_SIZE, bad[i].rights, 0, &met),
			PT_BAD_RIGHTS);
		ck_assert_uint_eq(memory.entries, 0);
	}
	/* NX while it is off. */
	setup();
	space.reserved = NX;
	ck_assert_int_eq(map(0, 0, PAGE_SIZE, PT_READ), PT_BAD_RIGHTS);
	maps(0, 0, PAGE_SIZE, RX);
}
END_TEST

START_TEST(what_cannot_be_marked_is_not_mapped_to_be_copied)
{
	struct pt_mapping mapping = {.kind = PT_MAP_COW, .rights = RWX};
	struct pt_format plain = pt_x86_64;

	plain.cow = 0;
	space.format = &plain;
	ck_assert_int_eq(pt_map(&space, 0, 0, PAGE_SIZE, &mapping, NULL),
			 PT_BAD_RIGHTS);
	/* Execute-only pages are the processor's choice. */
	space = memory_space(&pt_ept);
	mapping.rights = PT_WRITE;
	ck_assert_int_eq(pt_map(&space, 0, 0, PAGE_SIZE, &mapping, NULL),
			 PT_BAD_RIGHTS);
}
END_TEST

START_TEST(a_walk_tells_where_it_ended)
{
	struct pt_walk walk;

	is_absent(0x201000, 0);
	maps(0x200000, 0x7000, PAGE_SIZE, RX);
	ck_assert_int_eq(pt_walk(&space, 0x201000, &walk), PT_ABSENT);
	ck_assert_uint_eq(pt_walk_level(&walk), 3);
	ck_assert_uint_eq(walk.path[3].at, TABLES_AT + 0x3008);
	ck_assert_uint_eq(walk.path[3].raw, 0);
	ck_assert_uint_eq(walk.page_size, PAGE_SIZE);
	is_absent(0x400000, 2);
	is_absent(GiB, 1);
}
END_TEST

START_TEST(an_entry_with_reserved_bits_is_refused)
{
	struct pt_obstacle met;
	struct pt_walk walk;

	maps(0, 0, PAGE_SIZE, RX);
	memory_forget();
	table(0)[0] |= PS;
	ck_assert_int_eq(pt_walk(&space, 0, &walk), PT_RESERVED);
	ck_assert_uint_eq(pt_walk_level(&walk), 0);
	ck_assert_int_eq(map_up_to(0x1000, 0, PAGE_SIZE, RX, 0, &met),
			 PT_RESERVED);
	ck_assert_uint_eq(met.level, 0);
	ck_assert_uint_eq(met.va, 0x1000);
	table(0)[0] &= ~PS;
	table(2)[0] |= PS | 1 << 13;
	ck_assert_int_eq(map_up_to(0x1000, 0, PAGE_SIZE, RX, 0, &met),
			 PT_RESERVED);
	ck_assert_uint_eq(met.level, 2);
	ck_assert_uint_eq(memory.entries, 0);
}
END_TEST

START_TEST(bit_7_of_a_small_page_is_no_size)
{
	maps(0x1000, 0x2000, PAGE_SIZE, RX);
	table(3)[1] |= PS;
	is_at(0x1008, 0x2008, PAGE_SIZE);
}
END_TEST

START_TEST(attribute_bits_of_a_large_leaf_are_not_its_address)
{
	maps(2 * MiB, 8 * MiB, 2 * MiB, PT_READ);
	table(2)[1] |= 0x1000 | 0x60; /* PAT, dirty, accessed */
	is_at(2 * MiB + 0x1234, 8 * MiB + 0x1234, 2 * MiB);
}
END_TEST

START_TEST(a_table_that_cannot_be_read_is_reported)
{
	struct pt_obstacle met;

	maps(0, 0, PAGE_SIZE, RX);
	for (unsigned good = 0; good < 4; good++) {
		memory_forget();
		memory.good_reads = good;
		ck_assert_int_eq(map_up_to(0x1000, 0, PAGE_SIZE, RX, 0, &met),
				 PT_UNREADABLE);
		ck_assert_uint_eq(met.level, good);
		ck_assert_uint_eq(met.va, 0x1000);
		ck_assert_int_eq(met.error, -EIO);
		ck_assert_uint_eq(memory.entries, 0);
	}
}
END_TEST

START_TEST(a_new_table_that_does_not_fit_an_entry_is_given_back)
{
	struct pt_obstacle met;

	space.reserved = 1 << 12; /* the address of every other table */
	ck_assert_int_eq(map_up_to(0, 0, 2 * MiB, RX, 0, &met),
			 PT_OUT_OF_RANGE);
	ck_assert_uint_eq(met.frame, TABLES_AT + 0x2000);
	memory_leaks_nothing(&space);
}
END_TEST

/* Says the page is absent once, as if another CPU mapped it right after. */
static int (*good_read)(void *, gpa_t, unsigned, uint64_t *, unsigned);
static unsigned races;

static int racing_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		       unsigned nr)
{
	int error = good_read(ctx, at, bytes, entries, nr);

	if (at == TABLES_AT + 0x3008 && !races++)
		entries[0] = 0;
	return error;
}

START_TEST(a_page_mapped_meanwhile_is_refused)
{
	struct pt_obstacle met;

	maps(0x1000, 0x9000, PAGE_SIZE, RX);
	good_read = memory.mem.read;
	races = 0;
	memory.mem.read = racing_read;
	ck_assert_int_eq(map_up_to(0x1000, 0x5000, PAGE_SIZE, RX, 0, &met),
			 PT_MAPPED);
	ck_assert_uint_eq(met.frame, 0x9000);
	is_at(0x1000, 0x9000, PAGE_SIZE);
}
END_TEST

START_TEST(old_tables_after_new_ones_keep_what_they_have)
{
	maps(GiB + 2 * PAGE_SIZE, 0x7000, PAGE_SIZE, RX);
	/* A new directory and its table; then the old ones. */
	maps(GiB - PAGE_SIZE, 0x9000, 3 * PAGE_SIZE, RX);
	is_at(GiB - PAGE_SIZE, 0x9000, PAGE_SIZE);
	is_at(GiB + PAGE_SIZE, 0xb000, PAGE_SIZE);
	is_at(GiB + 2 * PAGE_SIZE, 0x7000, PAGE_SIZE);
	memory_leaks_nothing(&space);
}
END_TEST

START_TEST(a_long_run_is_one_write_per_table)
{
	ck_assert_int_eq(map_up_to(0, 0, 64 * MiB, RX, PAGE_SIZE, NULL), PT_OK);
	ck_assert_uint_eq(memory.fills, 32);
	ck_assert_uint_eq(memory.writes, 32 + 2);
	ck_assert_uint_eq(memory.entries, 64 * MiB / PAGE_SIZE + 32 + 2);
	/* Of the root, once to look and once to map; what is new is zeros. */
	ck_assert_uint_eq(memory.reads, 2);
}
END_TEST

START_TEST(without_fill_each_entry_is_written_once)
{
	memory.mem.fill = NULL;
	ck_assert_int_eq(map_up_to(0, 0, 4 * MiB, RX, PAGE_SIZE, NULL), PT_OK);
	ck_assert_uint_eq(memory.writes, 1024 + 4);
	ck_assert_uint_eq(memory.entries, 1024 + 4);
	is_at(4 * MiB - 1, 4 * MiB - 1, PAGE_SIZE);
}
END_TEST

static void counts(gva_t va, gpa_t pa, uint64_t len, uint64_t max_page,
		   uint64_t want)
{
	ck_assert_uint_eq(pt_tables_for(&space, va, pa, len, max_page), want);
	setup();
	ck_assert_int_eq(map_up_to(va, pa, len, RWX, max_page, NULL), PT_OK);
	ck_assert_uint_eq(memory.in_use - 1, want);
}

START_TEST(tables_are_counted_without_building_them)
{
	counts(0, 0, PAGE_SIZE, 2 * MiB, 3);
	counts(0, 0, 4 * GiB, 2 * MiB, 5);
	counts(0, 0, 4 * GiB, 0, 1);
	counts(0, 0, 512 * GiB, 0, 1);
	counts(256 * GiB, 0, 512 * GiB, 0, 2);
	counts(PAGE_SIZE, PAGE_SIZE, 4 * GiB, 0, 1 + 2 * 2);
	counts(2 * MiB - PAGE_SIZE, 2 * MiB - PAGE_SIZE, 2 * PAGE_SIZE, 2 * MiB,
	       4);
	counts(UINT64_MAX - 0xfff, 0, PAGE_SIZE, 0, 3);
	counts(0 - 2 * GiB, 0, 2 * GiB, 2 * MiB, 3);
	counts(0 - 2 * GiB, 0, 2 * GiB, 0, 1);
	counts(0, PAGE_SIZE, 8 * MiB, 2 * MiB, 2 + 4);
	counts(PAGE_SIZE, 0, 8 * MiB, 2 * MiB, 2 + 5);
	counts(0, 2 * MiB, 3 * GiB, 0, 1 + 3);
	counts(0, 0, 8 * MiB, PAGE_SIZE, 2 + 4);
}
END_TEST

/* A page number among places that differ at each level. */
static gva_t random_va(void)
{
	static const gva_t places[] = {
		0,
		2 * MiB - 8 * PAGE_SIZE,
		GiB - 4 * MiB,
		512 * GiB - 4 * MiB,
		0xffff800000000000,
		0 - 8 * MiB,
	};
	gva_t va = places[(size_t)rand() % 6];

	return va + (gva_t)(rand() % 512) * PAGE_SIZE;
}

START_TEST(random_ranges_take_as_many_tables_as_counted)
{
	srand(4);
	for (int round = 0; round < 500; round++) {
		gva_t va = random_va();
		gpa_t pa = (gpa_t)(rand() % 4096) * PAGE_SIZE;
		uint64_t len = (1 + (uint64_t)rand() % 1500) * PAGE_SIZE;
		uint64_t max_page = rand() % 2 ? 0 : 2 * MiB;

		if (rand() % 2) {
			pa = (pa & ~(2 * MiB - 1)) | (va & (2 * MiB - 1));
			len += (uint64_t)(rand() % 3) * GiB;
		}
		if (va >> 63)
			len = len - 1 < 0 - va - 1 ? len : 0 - va;
		counts(va, pa, len, max_page,
		       pt_tables_for(&space, va, pa, len, max_page));
	}
}
END_TEST

/* Every format: what is mapped with any rights that it has is found with them,
 * small and large, at both ends of the space. */
START_TEST(mappings_are_found_with_their_rights_in_every_format)
{
	static const struct pt_format *const formats[] = {
		&pt_x86_32,	 &pt_x86_32_small, &pt_x86_pae, &pt_x86_64,
		&pt_x86_64_la57, &pt_ept,	   &pt_sv39,	&pt_sv48,
		&pt_sv57,	 &pt_aarch64,
	};
	/* Read is always there; write; execute; user. EPT's and RISC-V's are
	 * combinations of rwx other than 0, -w-, -wx. AArch64: execute twice. */
	static const unsigned expressible[] = {4, 4,  8,  8,  8,
					       5, 10, 10, 10, 16};
	const struct pt_format *format = formats[_i];
	unsigned nr = 0;

	for (unsigned rights = 0; rights < 32; rights++) {
		gva_t last_page = pt_extend(format, ~PAGE_MASK);
		gva_t large = pt_level_size(format, format->nr_levels - 2);

		space = memory_space(format);
		if (map_up_to(0, 0x7000, PAGE_SIZE, rights, 0, NULL))
			continue;
		nr++;
		is_at(0, 0x7000, PAGE_SIZE);
		ck_assert_int_eq(map_up_to(last_page, 0x8000, PAGE_SIZE, rights,
					   0, NULL),
				 PT_OK);
		is_at(last_page + 5, 0x8005, PAGE_SIZE);
		ck_assert_int_eq(
			map_up_to(large, 3 * large, 2 * large, rights, 0, NULL),
			PT_OK);
		is_at(3 * large - 1, 5 * large - 1,
		      format == &pt_x86_32_small ? PAGE_SIZE : large);
		ck_assert_uint_eq(walks(0).rights, rights);
		ck_assert_uint_eq(walks(last_page).rights, rights);
		ck_assert_uint_eq(walks(large).rights, rights);
		memory_leaks_nothing(&space);
	}
	ck_assert_uint_eq(nr, expressible[_i]);
}
END_TEST

START_TEST(the_largest_pages_of_every_format_are_used)
{
	static const struct {
		const struct pt_format *format;
		uint64_t size;
	} largest[] = {
		{&pt_x86_32, 4 * MiB},
		{&pt_x86_32_small, PAGE_SIZE},
		{&pt_x86_pae, 2 * MiB},
		{&pt_x86_64, GiB},
		{&pt_x86_64_la57, GiB},
		{&pt_ept, GiB},
		{&pt_sv39, GiB},
		{&pt_sv48, 512 * GiB},
		{&pt_sv57, 256 * 1024 * GiB},
		{&pt_aarch64, GiB},
	};

	for (size_t i = 0; i < sizeof(largest) / sizeof(largest[0]); i++) {
		uint64_t size = largest[i].size;

		space = memory_space(largest[i].format);
		maps_huge(size, 0, size);
		is_at(size, 0, size);
		ck_assert_uint_eq(pt_tables_for(&space, size, 0, size, 0),
				  memory.in_use - 1);
	}
}
END_TEST

static void add_building(Suite *suite)
{
	TCase *tcase = tcase_create("building");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase,
		       one_page_takes_four_tables_and_neighbours_share_them);
	tcase_add_test(tcase,
		       five_hundred_and_twelve_small_pages_fill_one_table);
	tcase_add_test(tcase, an_identity_map_of_4_gib_takes_six_tables);
	tcase_add_test(tcase, leaves_are_no_larger_than_asked_for);
	tcase_add_test(tcase, leaves_that_the_processor_lacks_are_not_used);
	tcase_add_test(tcase, the_largest_leaves_that_fit_are_used);
	tcase_add_test(tcase, entries_have_the_bits_of_the_manual);
	tcase_add_test(tcase, pages_to_be_copied_are_read_only_and_marked);
	tcase_add_test(tcase, tables_can_be_made_without_leaves);
	tcase_add_test(tcase, tables_are_permissive_and_leaves_restrictive);
	tcase_add_test(tcase, a_user_page_widens_the_tables_above_it);
	tcase_add_test(tcase,
		       tables_that_others_made_narrow_are_widened_as_needed);
	tcase_add_test(tcase, the_last_page_of_the_space_can_be_mapped);
	tcase_add_test(tcase, the_edges_of_both_halves_can_be_mapped);
	tcase_add_test(tcase, the_last_frame_of_the_format_can_be_mapped);
	tcase_add_test(tcase, frames_of_a_large_32_bit_page_can_be_above_4_gib);
	tcase_add_test(tcase, the_page_before_a_mapped_one_can_be_mapped);
	tcase_add_test(tcase,
		       an_empty_table_in_the_way_of_a_large_leaf_is_used);
	tcase_add_test(tcase, old_tables_after_new_ones_keep_what_they_have);
	tcase_add_test(tcase, a_long_run_is_one_write_per_table);
	tcase_add_test(tcase, without_fill_each_entry_is_written_once);
	tcase_add_test(tcase, tables_are_counted_without_building_them);
	tcase_add_test(tcase, random_ranges_take_as_many_tables_as_counted);
	tcase_add_loop_test(
		tcase, mappings_are_found_with_their_rights_in_every_format, 0,
		10);
	tcase_add_test(tcase, the_largest_pages_of_every_format_are_used);
	suite_add_tcase(suite, tcase);
}

static void add_refusals(Suite *suite)
{
	TCase *tcase = tcase_create("refusals");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase,
		       bad_ranges_are_refused_before_anything_is_written);
	tcase_add_test(tcase, a_space_without_tables_cannot_be_edited);
	tcase_add_test(tcase, an_address_of_more_than_32_bits_is_too_wide);
	tcase_add_test(tcase,
		       small_pages_above_4_gib_do_not_fit_a_32_bit_entry);
	tcase_add_test(tcase,
		       a_frame_wider_than_the_processors_addresses_is_refused);
	tcase_add_test(
		tcase,
		a_mapped_page_is_refused_with_its_frame_and_nothing_changes);
	tcase_add_test(
		tcase,
		a_small_page_inside_a_large_leaf_is_refused_with_its_frame);
	tcase_add_test(tcase, running_out_of_tables_is_reported_at_each_level);
	tcase_add_test(tcase, what_was_mapped_before_memory_ran_out_stays);
	tcase_add_test(tcase, a_table_that_cannot_be_linked_is_given_back);
	tcase_add_test(tcase, a_missing_table_is_reported_with_the_bits_left);
	tcase_add_test(tcase, rights_that_the_format_cannot_say_are_refused);
	tcase_add_test(tcase, what_cannot_be_marked_is_not_mapped_to_be_copied);
	tcase_add_test(tcase, a_walk_tells_where_it_ended);
	tcase_add_test(tcase, an_entry_with_reserved_bits_is_refused);
	tcase_add_test(tcase, bit_7_of_a_small_page_is_no_size);
	tcase_add_test(tcase,
		       attribute_bits_of_a_large_leaf_are_not_its_address);
	tcase_add_test(tcase, a_table_that_cannot_be_read_is_reported);
	tcase_add_test(tcase,
		       a_new_table_that_does_not_fit_an_entry_is_given_back);
	tcase_add_test(tcase, a_page_mapped_meanwhile_is_refused);
	suite_add_tcase(suite, tcase);
}

Suite *pt_suite(void)
{
	Suite *suite = suite_create("pt");

	add_building(suite);
	add_refusals(suite);
	return suite;
}
