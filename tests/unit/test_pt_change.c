/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt: unmapping, changing rights, splitting and merging pages, and tables
 * as objects.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "tests/unit/pt_memory.h"

#define P   UINT64_C(1)
#define RW  UINT64_C(2)
#define US  UINT64_C(4)
#define PCD UINT64_C(0x10)
#define A   UINT64_C(0x20)
#define D   UINT64_C(0x40)
#define PS  UINT64_C(0x80) /* and PAT of a small page */
#define G   UINT64_C(0x100)
#define PAT UINT64_C(0x1000) /* of a large one */
#define NX  (UINT64_C(1) << 63)

#define RX  (PT_READ | PT_EXEC)
#define RWX (PT_READ | PT_WRITE | PT_EXEC)

static struct pt_space space;
static struct pt_obstacle met;

static void setup(void)
{
	space = memory_space(&pt_x86_64);
	memset(&met, 0xff, sizeof(met));
}

/* The tables, in order of their making. */
static uint64_t *table(unsigned n)
{
	return memory_table(TABLES_AT + n * PAGE_SIZE);
}

static void maps(gva_t va, gpa_t pa, uint64_t len, unsigned rights,
		 uint64_t max_page)
{
	struct pt_mapping mapping = {.rights = rights, .max_page = max_page};

	ck_assert_int_eq(pt_map(&space, va, pa, len, &mapping, NULL), PT_OK);
}

static void maps_cow(gva_t va, gpa_t pa, uint64_t len)
{
	struct pt_mapping mapping = {.kind = PT_MAP_COW, .rights = RWX};

	ck_assert_int_eq(pt_map(&space, va, pa, len, &mapping, NULL), PT_OK);
}

static struct pt_walk walks(gva_t va)
{
	struct pt_walk walk;

	ck_assert_int_eq(pt_walk(&space, va, &walk), PT_OK);
	return walk;
}

static void is_at(gva_t va, gpa_t pa, uint64_t page_size, unsigned rights)
{
	struct pt_walk walk = walks(va);

	ck_assert_uint_eq(walk.pa, pa);
	ck_assert_uint_eq(walk.page_size, page_size);
	ck_assert_uint_eq(walk.rights, rights);
}

static void is_absent(gva_t va, unsigned level)
{
	struct pt_walk walk;

	ck_assert_int_eq(pt_walk(&space, va, &walk), PT_ABSENT);
	ck_assert_uint_eq(pt_walk_level(&walk), level);
}

/* Nothing was written, and this is what was met. */
static void was_met(gva_t va, unsigned level, gpa_t frame)
{
	ck_assert_uint_eq(memory.entries, 0);
	ck_assert_uint_eq(met.va, va);
	ck_assert_uint_eq(met.level, level);
	ck_assert_uint_eq(met.frame, frame);
	ck_assert_uint_eq(met.bits, 0);
	ck_assert_int_eq(met.error, 0);
}

static void unmaps(gva_t va, uint64_t len)
{
	ck_assert_int_eq(pt_unmap(&space, va, len, &met), PT_OK);
	memory_leaks_nothing(&space);
}

/* --- unmap --- */

START_TEST(an_unmapped_page_is_absent_and_its_neighbours_stay)
{
	maps(0x1000, 0x1000, 3 * PAGE_SIZE, RX, 0);
	memory_forget();
	unmaps(0x2000, PAGE_SIZE);
	is_absent(0x2000, 3);
	is_at(0x1fff, 0x1fff, PAGE_SIZE, RX);
	is_at(0x3000, 0x3000, PAGE_SIZE, RX);
	ck_assert_uint_eq(memory.entries, 1);
	ck_assert_uint_eq(memory.in_use, 4);
}
END_TEST

START_TEST(unmapping_nothing_writes_nothing)
{
	unmaps(0, 0x800000000000);
	unmaps(0xffff800000000000, 0x800000000000);
	maps(0x1000, 0, PAGE_SIZE, RX, 0);
	memory_forget();
	unmaps(0, PAGE_SIZE);
	unmaps(0x2000, 2 * MiB - 0x2000);
	unmaps(2 * MiB, 510 * GiB);
	ck_assert_uint_eq(memory.entries, 0);
}
END_TEST

START_TEST(empty_tables_wholly_inside_are_freed_and_no_others)
{
	maps(2 * MiB, 0, PAGE_SIZE, RX, 0);
	/* Empty afterwards, but not wholly inside. */
	unmaps(2 * MiB, 2 * MiB - PAGE_SIZE);
	ck_assert_uint_eq(memory.in_use, 4);
	is_absent(2 * MiB, 3);
	/* Just so: the last table. */
	unmaps(2 * MiB, 2 * MiB);
	ck_assert_uint_eq(memory.in_use, 3);
	is_absent(2 * MiB, 2);
	unmaps(0, GiB);
	ck_assert_uint_eq(memory.in_use, 2);
	is_absent(2 * MiB, 1);
	unmaps(0, 512 * GiB);
	ck_assert_uint_eq(memory.in_use, 1);
	is_absent(2 * MiB, 0);
}
END_TEST

START_TEST(whole_tables_go_with_one_write_each)
{
	maps(GiB, 0, 2 * GiB, RX, PAGE_SIZE);
	maps(4 * GiB, 0, 4 * MiB, RX, PAGE_SIZE);
	ck_assert_uint_eq(memory.in_use, 1 + 1 + 3 + 2 * 512 + 2);
	memory_forget();
	unmaps(GiB + PAGE_SIZE, 2 * GiB - PAGE_SIZE);
	/* 511 pages of the first table, 511 tables, 512 tables at once. */
	ck_assert_uint_eq(memory.entries, 511 + 511 + 1);
	ck_assert_uint_eq(memory.in_use, 1 + 1 + 2 + 1 + 2);
	is_at(GiB, 0, PAGE_SIZE, RX);
	is_at(4 * GiB, 0, PAGE_SIZE, RX);
}
END_TEST

START_TEST(the_whole_space_can_be_unmapped)
{
	maps(0, 0, 512 * GiB, RX, 0);
	maps(0x7ffffffff000, 0, PAGE_SIZE, RX, 0);
	maps(0xffff800000000000, 0, 2 * MiB, RX, 0);
	maps(0 - 3 * PAGE_SIZE, 0, 3 * PAGE_SIZE, RX, 0);
	unmaps(0 - PAGE_SIZE, PAGE_SIZE);
	is_absent(0 - PAGE_SIZE, 3);
	is_at(0 - PAGE_SIZE - 1, 0x1fff, PAGE_SIZE, RX);
	unmaps(0xffff800000000000, 0x800000000000);
	unmaps(0, 0x800000000000);
	ck_assert_uint_eq(memory.in_use, 1);
	is_absent(0, 0);
	is_absent(0 - PAGE_SIZE, 0);
}
END_TEST

START_TEST(a_large_page_partly_inside_is_refused_before_anything_changes)
{
	static const struct {
		gva_t va;
		uint64_t len;
		gva_t met;
	} parts[] = {
		{0, 2 * MiB + PAGE_SIZE, 2 * MiB},
		{2 * MiB + PAGE_SIZE, PAGE_SIZE, 2 * MiB + PAGE_SIZE},
		{4 * MiB - PAGE_SIZE, 2 * MiB, 4 * MiB - PAGE_SIZE},
		{2 * MiB, 2 * MiB - PAGE_SIZE, 2 * MiB},
	};

	maps(2 * MiB - PAGE_SIZE, 8 * MiB - PAGE_SIZE, 2 * MiB + 2 * PAGE_SIZE,
	     RX, 0);
	memory_forget();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		ck_assert_int_eq(
			pt_unmap(&space, parts[i].va, parts[i].len, &met),
			PT_LARGE);
		was_met(parts[i].met, 2, parts[i].met + 6 * MiB);
		ck_assert_int_eq(
			pt_unmap(&space, parts[i].va, parts[i].len, NULL),
			PT_LARGE);
	}
	unmaps(2 * MiB, 2 * MiB);
	is_at(2 * MiB - 1, 8 * MiB - 1, PAGE_SIZE, RX);
	is_at(4 * MiB, 10 * MiB, PAGE_SIZE, RX);
}
END_TEST

static void refuse_ranges(enum pt_status (*edit)(gva_t va, uint64_t len))
{
	static const struct {
		gva_t va;
		uint64_t len;
		enum pt_status status;
	} bad[] = {
		{0, 0, PT_OUT_OF_RANGE},
		{0x800, PAGE_SIZE, PT_UNALIGNED},
		{0, 0x800, PT_UNALIGNED},
		{0 - PAGE_SIZE, 2 * PAGE_SIZE, PT_OUT_OF_RANGE},
		{0x800000000000, PAGE_SIZE, PT_NOT_CANONICAL},
		{0x7ffffffff000, 2 * PAGE_SIZE, PT_OUT_OF_RANGE},
		{0, 0xffff800000001000, PT_OUT_OF_RANGE},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(edit(bad[i].va, bad[i].len), bad[i].status);
		was_met(bad[i].va, 0, 0);
	}
	ck_assert_uint_eq(memory.reads, 0);
}

static enum pt_status unmap(gva_t va, uint64_t len)
{
	return pt_unmap(&space, va, len, &met);
}

START_TEST(bad_ranges_are_not_unmapped)
{
	refuse_ranges(unmap);
}
END_TEST

START_TEST(a_malformed_entry_is_cleared_and_not_followed)
{
	maps(0, 0, 4 * MiB, RX, PAGE_SIZE);
	table(2)[1] |= PS | UINT64_C(1) << 13; /* a large page gone wrong */
	memory_forget();
	ck_assert_int_eq(pt_unmap(&space, 2 * MiB, PAGE_SIZE, &met),
			 PT_RESERVED);
	was_met(2 * MiB, 2, 0);
	ck_assert_int_eq(pt_unmap(&space, 0, GiB, &met), PT_OK);
	/* The directory and the first table: the other is not known as one. */
	ck_assert_uint_eq(memory.in_use, 2 + 1);
	is_absent(0, 1);
}
END_TEST

START_TEST(a_recursive_entry_frees_nothing_above_itself)
{
	maps(0, 0, PAGE_SIZE, RX, 0);
	table(0)[300] = TABLES_AT | P | RW;
	table(1)[7] = (TABLES_AT + 0x1000) | P | RW;
	ck_assert_int_eq(pt_unmap(&space, 0xffff960000000000, 512 * GiB, &met),
			 PT_OK);
	ck_assert_uint_eq(memory.in_use, 4);
	ck_assert_uint_eq(table(0)[300], 0);
	unmaps(0, 512 * GiB);
	ck_assert_uint_eq(memory.in_use, 1);
}
END_TEST

START_TEST(without_free_tables_are_unlinked_all_the_same)
{
	maps(0, 0, PAGE_SIZE, RX, 0);
	memory.mem.free = NULL;
	ck_assert_int_eq(pt_unmap(&space, 0, 512 * GiB, &met), PT_OK);
	is_absent(0, 0);
	ck_assert_uint_eq(memory.in_use, 4);
}
END_TEST

START_TEST(tables_that_cannot_be_read_or_written_are_told)
{
	maps(0, 0, 2 * PAGE_SIZE, RX, 0);
	for (unsigned good = 0; good < 4; good++) {
		memory_forget();
		memory.good_reads = good;
		ck_assert_int_eq(pt_unmap(&space, 0, PAGE_SIZE, &met),
				 PT_UNREADABLE);
		ck_assert_uint_eq(met.level, good);
		ck_assert_int_eq(met.error, -EIO);
		ck_assert_uint_eq(memory.entries, 0);
	}
	memory_forget();
	memory.good_writes = 1;
	ck_assert_int_eq(pt_unmap(&space, 0, 2 * PAGE_SIZE, &met),
			 PT_UNWRITABLE);
	ck_assert_uint_eq(met.va, PAGE_SIZE);
	ck_assert_uint_eq(met.level, 3);
	ck_assert_int_eq(met.error, -EROFS);
	is_absent(0, 3);
	is_at(PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, RX);
	/* Unlinked, then not readable: it goes, what was below is lost. */
	memory_forget();
	memory.good_reads = 1 + 1;
	ck_assert_int_eq(pt_unmap(&space, 0, 512 * GiB, &met), PT_UNREADABLE);
	memory_forget();
	is_absent(0, 0);
}
END_TEST

/* --- protect --- */

START_TEST(rights_change_in_the_range_and_nowhere_else)
{
	maps(0, 0, 4 * PAGE_SIZE, RX, 0);
	maps(2 * MiB, 4 * MiB, 2 * MiB, RX, 0);
	ck_assert_int_eq(pt_protect(&space, 0x1000, 2 * PAGE_SIZE,
				    PT_READ | PT_WRITE | PT_USER, &met),
			 PT_OK);
	is_at(0, 0, PAGE_SIZE, RX);
	is_at(0x1000, 0x1000, PAGE_SIZE, PT_READ | PT_WRITE | PT_USER);
	is_at(0x2fff, 0x2fff, PAGE_SIZE, PT_READ | PT_WRITE | PT_USER);
	is_at(0x3000, 0x3000, PAGE_SIZE, RX);
	ck_assert_int_eq(pt_protect(&space, 2 * MiB, 2 * MiB, PT_READ, &met),
			 PT_OK);
	is_at(2 * MiB, 4 * MiB, 2 * MiB, PT_READ);
}
END_TEST

START_TEST(attributes_stay_when_rights_change)
{
	maps(0, 0x7000, PAGE_SIZE, RX, 0);
	table(3)[0] |= PCD | A | D | PS | G | 0x400;
	ck_assert_int_eq(pt_protect(&space, 0, PAGE_SIZE, PT_READ, &met),
			 PT_OK);
	ck_assert_uint_eq(table(3)[0],
			  0x7000 | P | NX | PCD | A | D | PS | G | 0x400);
}
END_TEST

START_TEST(rights_as_they_are_write_nothing)
{
	maps(0, 0, 8 * MiB, RWX, PAGE_SIZE);
	memory_forget();
	ck_assert_int_eq(pt_protect(&space, 0, 8 * MiB, RWX, &met), PT_OK);
	ck_assert_uint_eq(memory.entries, 0);
	ck_assert_int_eq(pt_protect(&space, 0, 8 * MiB, RX, &met), PT_OK);
	ck_assert_uint_eq(memory.entries, 8 * MiB / PAGE_SIZE);
}
END_TEST

START_TEST(a_page_that_becomes_writable_is_not_copied_any_more)
{
	maps_cow(0, 0x7000, PAGE_SIZE);
	ck_assert_int_eq(pt_protect(&space, 0, PAGE_SIZE, PT_READ, &met),
			 PT_OK);
	ck_assert_uint_eq(table(3)[0], 0x7000 | P | NX | 0x200);
	ck_assert_int_eq(
		pt_protect(&space, 0, PAGE_SIZE, PT_READ | PT_WRITE, &met),
		PT_OK);
	ck_assert_uint_eq(table(3)[0], 0x7000 | P | RW | NX);
}
END_TEST

START_TEST(only_what_is_wholly_mapped_is_protected)
{
	maps(0, 0, PAGE_SIZE, RX, 0);
	maps(2 * MiB, 4 * MiB, 2 * MiB, RX, 0);
	memory_forget();
	ck_assert_int_eq(pt_protect(&space, 0, 2 * PAGE_SIZE, PT_READ, &met),
			 PT_ABSENT);
	was_met(PAGE_SIZE, 3, 0);
	ck_assert_int_eq(pt_protect(&space, 2 * MiB, 4 * MiB, PT_READ, &met),
			 PT_ABSENT);
	was_met(4 * MiB, 2, 0);
	ck_assert_int_eq(
		pt_protect(&space, 2 * MiB + PAGE_SIZE, PAGE_SIZE, RWX, &met),
		PT_LARGE);
	was_met(2 * MiB + PAGE_SIZE, 2, 4 * MiB + PAGE_SIZE);
	table(0)[0] |= PS;
	ck_assert_int_eq(pt_protect(&space, 0, PAGE_SIZE, PT_READ, &met),
			 PT_RESERVED);
	was_met(0, 0, 0);
}
END_TEST

static enum pt_status protect(gva_t va, uint64_t len)
{
	return pt_protect(&space, va, len, RX, &met);
}

START_TEST(bad_ranges_and_rights_are_not_protected)
{
	refuse_ranges(protect);
	maps(0, 0, PAGE_SIZE, RX, 0);
	memory_forget();
	ck_assert_int_eq(pt_protect(&space, 0, PAGE_SIZE, 0, &met),
			 PT_BAD_RIGHTS);
	ck_assert_int_eq(
		pt_protect(&space, 0, PAGE_SIZE, RX | PT_KERNEL_EXEC, &met),
		PT_BAD_RIGHTS);
	ck_assert_uint_eq(memory.entries, 0);
	/* Of EPT, nothing would be absent, and write alone malformed. */
	space = memory_space(&pt_ept);
	maps(0, 0, PAGE_SIZE, RX, 0);
	ck_assert_int_eq(pt_protect(&space, 0, PAGE_SIZE, 0, &met),
			 PT_BAD_RIGHTS);
	ck_assert_int_eq(pt_protect(&space, 0, PAGE_SIZE, PT_WRITE, &met),
			 PT_BAD_RIGHTS);
}
END_TEST

/* --- split, merge --- */

START_TEST(a_split_page_maps_the_same)
{
	maps(0, 4 * GiB, GiB, RWX | PT_USER, 0);
	ck_assert_int_eq(pt_split(&space, 0x12345678, 2 * MiB, &met), PT_OK);
	is_at(0, 4 * GiB, 2 * MiB, RWX | PT_USER);
	is_at(GiB - 1, 5 * GiB - 1, 2 * MiB, RWX | PT_USER);
	ck_assert_uint_eq(memory.in_use, 3);
	ck_assert_int_eq(pt_split(&space, 0x12345678, PAGE_SIZE, &met), PT_OK);
	is_at(0x12345678, 4 * GiB + 0x12345678, PAGE_SIZE, RWX | PT_USER);
	is_at(0, 4 * GiB, 2 * MiB, RWX | PT_USER);
	ck_assert_uint_eq(memory.in_use, 4);
	memory_forget();
	ck_assert_int_eq(pt_split(&space, 0x12345678, PAGE_SIZE, &met), PT_OK);
	ck_assert_int_eq(pt_split(&space, 0x12345678, 2 * MiB, &met), PT_OK);
	ck_assert_int_eq(pt_split(&space, 0, GiB, &met), PT_OK);
	ck_assert_uint_eq(memory.entries, 0);
}
END_TEST

START_TEST(a_page_can_be_split_by_two_levels_at_once)
{
	maps(0, 0, GiB, RX, 0);
	ck_assert_int_eq(pt_split(&space, GiB - 1, PAGE_SIZE, &met), PT_OK);
	is_at(GiB - 1, GiB - 1, PAGE_SIZE, RX);
	is_at(GiB - 2 * MiB - 1, GiB - 2 * MiB - 1, 2 * MiB, RX);
	ck_assert_uint_eq(memory.in_use, 4);
	memory_leaks_nothing(&space);
}
END_TEST

START_TEST(attributes_stay_when_a_page_is_split_or_merged)
{
	const uint64_t large = 8 * MiB | P | RW | PCD | A | D | G | 0xe00 |
			       UINT64_C(0x7ff) << 52 | NX;

	maps(0, 8 * MiB, 2 * MiB, PT_READ | PT_WRITE, 0);
	table(2)[0] = large | PS | PAT;
	ck_assert_int_eq(pt_split(&space, 0, PAGE_SIZE, &met), PT_OK);
	/* PAT is elsewhere in small pages, in the size bit's place. */
	for (unsigned i = 0; i < 512; i++)
		ck_assert_uint_eq(table(3)[i], (large + i * PAGE_SIZE) | PS);
	ck_assert_int_eq(pt_merge(&space, 0, 2 * MiB, &met), PT_OK);
	ck_assert_uint_eq(table(2)[0], large | PS | PAT);
	table(2)[0] = large | PS;
	ck_assert_int_eq(pt_split(&space, 0, PAGE_SIZE, &met), PT_OK);
	ck_assert_uint_eq(table(3)[511], large + 511 * PAGE_SIZE);
	ck_assert_int_eq(pt_merge(&space, 0, 2 * MiB, &met), PT_OK);
	ck_assert_uint_eq(table(2)[0], large | PS);
	memory_leaks_nothing(&space);
}
END_TEST

/* In every format: split as far as it goes, merge back, and the entry is what it
 * was. */
START_TEST(split_and_merged_pages_are_as_before_in_every_format)
{
	static const struct pt_format *const formats[] = {
		&pt_x86_32, &pt_x86_pae, &pt_x86_64, &pt_x86_64_la57, &pt_ept,
		&pt_sv39,   &pt_sv48,	 &pt_sv57,   &pt_aarch64,
	};
	const struct pt_format *format = formats[_i];
	unsigned last = format->nr_levels - 1;

	for (unsigned level = 0; level < last; level++) {
		uint64_t size = pt_level_size(format, level);
		uint64_t part = pt_level_size(format, level + 1);
		struct pt_walk before, small;

		space = memory_space(format);
		if (!format->levels[level].leaf_bits)
			continue;
		maps(size, 3 * size, size, RX, 0);
		before = walks(size);
		ck_assert_uint_eq(before.page_size, size);
		ck_assert_int_eq(pt_split(&space, size, part, &met), PT_OK);
		small = walks(2 * size - 1);
		ck_assert_uint_eq(small.page_size, part);
		ck_assert_uint_eq(small.pa, 4 * size - 1);
		ck_assert_uint_eq(small.rights, before.rights);
		memory_leaks_nothing(&space);
		ck_assert_int_eq(pt_merge(&space, 2 * size - 1, size, &met),
				 PT_OK);
		ck_assert_uint_eq(walks(size).path[level].raw,
				  before.path[level].raw);
		memory_leaks_nothing(&space);
	}
}
END_TEST

START_TEST(what_is_not_there_is_not_split)
{
	maps(0, 0, 2 * MiB, RX, 0);
	memory_forget();
	ck_assert_int_eq(pt_split(&space, 2 * MiB, PAGE_SIZE, &met), PT_ABSENT);
	was_met(2 * MiB, 2, 0);
	ck_assert_int_eq(pt_split(&space, 0, 4 * MiB, &met), PT_UNALIGNED);
	ck_assert_int_eq(pt_split(&space, 0, 512 * GiB, &met), PT_UNALIGNED);
	ck_assert_int_eq(pt_split(&space, 0, 0, &met), PT_UNALIGNED);
	ck_assert_int_eq(pt_split(&space, 0x800000000000, PAGE_SIZE, &met),
			 PT_NOT_CANONICAL);
	space.refused_leaves = 1 << 1;
	ck_assert_int_eq(pt_split(&space, 0, GiB, &met), PT_UNALIGNED);
	table(0)[0] |= PS;
	ck_assert_int_eq(pt_split(&space, 0, PAGE_SIZE, &met), PT_RESERVED);
	was_met(0, 0, 0);
}
END_TEST

START_TEST(a_page_above_4_gib_is_not_split_into_32_bit_entries)
{
	space = memory_space(&pt_x86_32);
	maps(0, 4 * GiB, 4 * MiB, RX, 0);
	memory_forget();
	ck_assert_int_eq(pt_split(&space, PAGE_SIZE, PAGE_SIZE, &met),
			 PT_OUT_OF_RANGE);
	was_met(PAGE_SIZE, 0, 4 * GiB);
	memory_leaks_nothing(&space);
}
END_TEST

START_TEST(a_split_that_fails_changes_nothing)
{
	maps(0, 0, 2 * MiB, RX, 0);
	memory.max = memory.in_use;
	memory_forget();
	ck_assert_int_eq(pt_split(&space, 0, PAGE_SIZE, &met), PT_NO_MEMORY);
	ck_assert_int_eq(met.error, -ENOMEM);
	ck_assert_uint_eq(met.level, 2);
	memory.max = MAX_TABLES;
	for (unsigned good = 0; good < 2; good++) {
		memory_forget();
		memory.good_writes = good;
		ck_assert_int_eq(pt_split(&space, 0, PAGE_SIZE, &met),
				 PT_UNWRITABLE);
		ck_assert_uint_eq(met.level, good ? 2 : 3);
		is_at(2 * MiB - 1, 2 * MiB - 1, 2 * MiB, RX);
		memory_leaks_nothing(&space);
	}
	for (unsigned good = 0; good < 3; good++) {
		memory_forget();
		memory.good_reads = good;
		ck_assert_int_eq(pt_split(&space, 0, PAGE_SIZE, &met),
				 PT_UNREADABLE);
		ck_assert_uint_eq(met.level, good);
	}
}
END_TEST

/* 512 small pages from 2 MiB on, of frames from `pa` on. */
static uint64_t *small_pages(gpa_t pa)
{
	setup();
	maps(2 * MiB, pa, 2 * MiB, RWX, PAGE_SIZE);
	memory_forget();
	return table(3);
}

START_TEST(accessed_and_dirty_bits_are_joined_when_pages_merge)
{
	uint64_t *entries = small_pages(6 * MiB);

	entries[17] |= A;
	entries[400] |= A | D;
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, 2 * MiB, &met), PT_OK);
	ck_assert_uint_eq(table(2)[1], 6 * MiB | P | RW | A | D | PS);
	ck_assert_uint_eq(memory.entries, 1);
	ck_assert_uint_eq(memory.in_use, 3);
}
END_TEST

START_TEST(what_a_table_denies_the_merged_page_denies)
{
	small_pages(6 * MiB);
	table(2)[1] = (table(2)[1] & ~RW) | NX;
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, 2 * MiB, &met), PT_OK);
	is_at(2 * MiB, 6 * MiB, 2 * MiB, PT_READ);
	ck_assert_uint_eq(table(2)[1], 6 * MiB | P | PS | NX);
}
END_TEST

START_TEST(pages_that_differ_are_not_merged)
{
	static const struct {
		unsigned entry;
		uint64_t flip;
		enum pt_status status;
		gpa_t frame;
	} wrong[] = {
		{0, P, PT_ABSENT, 0},
		{0, PAGE_SIZE, PT_MAPPED, 6 * MiB + PAGE_SIZE},
		{511, P, PT_ABSENT, 0},
		{511, PAGE_SIZE, PT_MAPPED, 8 * MiB - 2 * PAGE_SIZE},
		{16, RW, PT_MAPPED, 6 * MiB + 16 * PAGE_SIZE},
		{15, US, PT_MAPPED, 6 * MiB + 15 * PAGE_SIZE},
		{200, NX, PT_MAPPED, 6 * MiB + 200 * PAGE_SIZE},
		{300, G, PT_MAPPED, 6 * MiB + 300 * PAGE_SIZE},
		{300, PS, PT_MAPPED, 6 * MiB + 300 * PAGE_SIZE},
		{300, 0x200, PT_MAPPED, 6 * MiB + 300 * PAGE_SIZE},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint64_t *entries = small_pages(6 * MiB);
		unsigned entry = wrong[i].entry;

		entries[entry] ^= wrong[i].flip;
		ck_assert_int_eq(pt_merge(&space, 2 * MiB, 2 * MiB, &met),
				 wrong[i].status);
		/* The first sets the measure: it is the second that differs. */
		if (!entry && wrong[i].status == PT_MAPPED)
			was_met(2 * MiB + PAGE_SIZE, 3, 6 * MiB + PAGE_SIZE);
		else
			was_met(2 * MiB + entry * PAGE_SIZE, 3, wrong[i].frame);
		ck_assert_uint_eq(memory.in_use, 4);
	}
}
END_TEST

START_TEST(frames_that_start_in_between_are_not_merged)
{
	small_pages(6 * MiB + PAGE_SIZE);
	ck_assert_int_eq(pt_merge(&space, 3 * MiB, 2 * MiB, &met),
			 PT_UNALIGNED);
	was_met(2 * MiB, 2, 6 * MiB + PAGE_SIZE);
}
END_TEST

START_TEST(only_tables_of_leaves_are_merged)
{
	small_pages(6 * MiB);
	ck_assert_int_eq(pt_merge(&space, 4 * MiB, 2 * MiB, &met), PT_ABSENT);
	was_met(4 * MiB, 2, 0);
	ck_assert_int_eq(pt_merge(&space, GiB, 2 * MiB, &met), PT_ABSENT);
	was_met(GiB, 1, 0);
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, GiB, &met), PT_ABSENT);
	was_met(0, 2, 0);
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, PAGE_SIZE, &met), PT_OK);
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, 4 * MiB, &met),
			 PT_UNALIGNED);
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, 512 * GiB, &met),
			 PT_UNALIGNED);
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, 0, &met), PT_UNALIGNED);
	maps(0, 0, 2 * MiB, RWX, 0);
	maps(4 * MiB, 4 * MiB, GiB - 4 * MiB, RWX, 0);
	maps(GiB, GiB, GiB, RWX, 0);
	memory_forget();
	ck_assert_int_eq(pt_merge(&space, 0, GiB, &met), PT_MAPPED);
	ck_assert_uint_eq(met.va, 2 * MiB);
	ck_assert_uint_eq(met.level, 2);
	ck_assert_int_eq(pt_merge(&space, GiB, 2 * MiB, &met), PT_LARGE);
	was_met(GiB, 1, GiB);
	ck_assert_int_eq(pt_merge(&space, GiB, GiB, &met), PT_OK);
}
END_TEST

START_TEST(a_merge_that_fails_changes_nothing)
{
	small_pages(6 * MiB);
	memory.good_writes = 0;
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, 2 * MiB, &met),
			 PT_UNWRITABLE);
	is_at(2 * MiB, 6 * MiB, PAGE_SIZE, RWX);
	memory_leaks_nothing(&space);
	memory_forget();
	memory.good_reads = 3;
	ck_assert_int_eq(pt_merge(&space, 2 * MiB, 2 * MiB, &met),
			 PT_UNREADABLE);
	ck_assert_uint_eq(met.level, 3);
	memory_leaks_nothing(&space);
}
END_TEST

/* --- tables as objects --- */

static gpa_t new_table(void)
{
	gpa_t table_gpa;

	ck_assert_int_eq(memory.mem.alloc(NULL, &table_gpa), 0);
	return table_gpa;
}

START_TEST(tables_are_hung_in_from_the_top_down)
{
	static const struct {
		uint64_t page_size;
		unsigned bits; /* unresolved before */
	} tables[] = {{GiB, 39}, {2 * MiB, 30}, {PAGE_SIZE, 21}};
	struct pt_mapping mapping = {.rights = RX | PT_USER, .no_alloc = true};

	for (unsigned i = 0; i < 3; i++) {
		gpa_t hung = new_table();

		ck_assert_int_eq(pt_map(&space, 0x7654321000, 0x7000, PAGE_SIZE,
					&mapping, &met),
				 PT_NO_TABLE);
		ck_assert_uint_eq(met.bits, tables[i].bits);
		for (unsigned below = i + 1; below < 3; below++) {
			ck_assert_int_eq(pt_map_table(&space, 0x7654321fff,
						      tables[below].page_size,
						      hung, &met),
					 PT_NO_TABLE);
			ck_assert_uint_eq(met.bits, tables[i].bits);
			ck_assert_uint_eq(met.level, i);
		}
		ck_assert_int_eq(pt_map_table(&space, 0x7654321fff,
					      tables[i].page_size, hung, &met),
				 PT_OK);
		ck_assert_int_eq(pt_map_table(&space, 0x7654321fff,
					      tables[i].page_size, hung, &met),
				 PT_MAPPED);
		ck_assert_uint_eq(met.frame, hung);
		ck_assert_uint_eq(met.level, i);
	}
	ck_assert_int_eq(
		pt_map(&space, 0x7654321000, 0x7000, PAGE_SIZE, &mapping, &met),
		PT_OK);
	is_at(0x7654321000, 0x7000, PAGE_SIZE, RX | PT_USER);
	memory_leaks_nothing(&space);
}
END_TEST

START_TEST(a_table_taken_out_takes_what_is_below_with_it)
{
	gpa_t out = 0;

	maps(0, 0, PAGE_SIZE, RWX, 0);
	maps(GiB, 0, PAGE_SIZE, RX, 0);
	ck_assert_int_eq(pt_unmap_table(&space, 5 * MiB, 2 * MiB, &out), PT_OK);
	ck_assert_uint_eq(out, TABLES_AT + 2 * PAGE_SIZE);
	is_absent(0, 1);
	is_at(GiB, 0, PAGE_SIZE, RX);
	ck_assert_uint_eq(memory.in_use, 6);
	/* And elsewhere, there it is again. */
	ck_assert_int_eq(pt_map_table(&space, 2 * GiB, 2 * MiB, out, &met),
			 PT_OK);
	is_at(2 * GiB, 0, PAGE_SIZE, RWX);
	memory_leaks_nothing(&space);
}
END_TEST

START_TEST(a_table_that_is_not_there_is_not_taken_out)
{
	gpa_t out = 1;

	ck_assert_int_eq(pt_unmap_table(&space, 0, PAGE_SIZE, &out), PT_ABSENT);
	maps(0, 0, GiB, RX, 0);
	memory_forget();
	ck_assert_int_eq(pt_unmap_table(&space, 0, PAGE_SIZE, &out), PT_LARGE);
	ck_assert_int_eq(pt_unmap_table(&space, 0, 2 * MiB, &out), PT_LARGE);
	ck_assert_int_eq(pt_unmap_table(&space, GiB, 2 * MiB, &out), PT_ABSENT);
	/* The root is nobody's entry. */
	ck_assert_int_eq(pt_unmap_table(&space, 0, 512 * GiB, &out),
			 PT_UNALIGNED);
	ck_assert_int_eq(pt_unmap_table(&space, 0, 3, &out), PT_UNALIGNED);
	ck_assert_int_eq(pt_unmap_table(&space, 0x800000000000, GiB, &out),
			 PT_NOT_CANONICAL);
	table(0)[0] |= PS;
	ck_assert_int_eq(pt_unmap_table(&space, 0, GiB, &out), PT_RESERVED);
	ck_assert_uint_eq(out, 1);
	ck_assert_uint_eq(memory.entries, 0);
}
END_TEST

START_TEST(a_table_does_not_replace_a_page)
{
	maps(0, 4 * GiB, GiB, RX, 0);
	memory_forget();
	ck_assert_int_eq(pt_map_table(&space, 2 * MiB, 2 * MiB, 0x9000, &met),
			 PT_MAPPED);
	was_met(2 * MiB, 1, 4 * GiB + 2 * MiB);
	ck_assert_int_eq(pt_map_table(&space, 2 * MiB, PAGE_SIZE, 0x9000, &met),
			 PT_LARGE);
	was_met(2 * MiB, 1, 4 * GiB + 2 * MiB);
}
END_TEST

START_TEST(bad_tables_are_not_hung_in)
{
	ck_assert_int_eq(pt_map_table(&space, 0, GiB, 0x9008, &met),
			 PT_UNALIGNED);
	was_met(0, 0, 0x9008);
	ck_assert_int_eq(pt_map_table(&space, 0, GiB, UINT64_C(1) << 52, &met),
			 PT_OUT_OF_RANGE);
	was_met(0, 0, UINT64_C(1) << 52);
	ck_assert_int_eq(pt_map_table(&space, 0, 512 * GiB, 0x9000, &met),
			 PT_UNALIGNED);
	ck_assert_int_eq(pt_map_table(&space, 0, 4 * MiB, 0x9000, &met),
			 PT_UNALIGNED);
	ck_assert_int_eq(
		pt_map_table(&space, 0x800000000000, GiB, 0x9000, &met),
		PT_NOT_CANONICAL);
	space.reserved = pt_reserved_above(space.format, 36);
	ck_assert_int_eq(pt_map_table(&space, 0, GiB, 64 * GiB, &met),
			 PT_OUT_OF_RANGE);
	ck_assert_uint_eq(memory.entries, 0);
}
END_TEST

static void add_unmap(Suite *suite)
{
	TCase *tcase = tcase_create("unmap");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase,
		       an_unmapped_page_is_absent_and_its_neighbours_stay);
	tcase_add_test(tcase, unmapping_nothing_writes_nothing);
	tcase_add_test(tcase,
		       empty_tables_wholly_inside_are_freed_and_no_others);
	tcase_add_test(tcase, whole_tables_go_with_one_write_each);
	tcase_add_test(tcase, the_whole_space_can_be_unmapped);
	tcase_add_test(
		tcase,
		a_large_page_partly_inside_is_refused_before_anything_changes);
	tcase_add_test(tcase, bad_ranges_are_not_unmapped);
	tcase_add_test(tcase, a_malformed_entry_is_cleared_and_not_followed);
	tcase_add_test(tcase, a_recursive_entry_frees_nothing_above_itself);
	tcase_add_test(tcase, without_free_tables_are_unlinked_all_the_same);
	tcase_add_test(tcase, tables_that_cannot_be_read_or_written_are_told);
	suite_add_tcase(suite, tcase);
}

static void add_protect(Suite *suite)
{
	TCase *tcase = tcase_create("protect");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, rights_change_in_the_range_and_nowhere_else);
	tcase_add_test(tcase, attributes_stay_when_rights_change);
	tcase_add_test(tcase, rights_as_they_are_write_nothing);
	tcase_add_test(tcase,
		       a_page_that_becomes_writable_is_not_copied_any_more);
	tcase_add_test(tcase, only_what_is_wholly_mapped_is_protected);
	tcase_add_test(tcase, bad_ranges_and_rights_are_not_protected);
	suite_add_tcase(suite, tcase);
}

static void add_split(Suite *suite)
{
	TCase *tcase = tcase_create("split");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_split_page_maps_the_same);
	tcase_add_test(tcase, a_page_can_be_split_by_two_levels_at_once);
	tcase_add_test(tcase, attributes_stay_when_a_page_is_split_or_merged);
	tcase_add_loop_test(
		tcase, split_and_merged_pages_are_as_before_in_every_format, 0,
		9);
	tcase_add_test(tcase, what_is_not_there_is_not_split);
	tcase_add_test(tcase,
		       a_page_above_4_gib_is_not_split_into_32_bit_entries);
	tcase_add_test(tcase, a_split_that_fails_changes_nothing);
	tcase_add_test(tcase,
		       accessed_and_dirty_bits_are_joined_when_pages_merge);
	tcase_add_test(tcase, what_a_table_denies_the_merged_page_denies);
	tcase_add_test(tcase, pages_that_differ_are_not_merged);
	tcase_add_test(tcase, frames_that_start_in_between_are_not_merged);
	tcase_add_test(tcase, only_tables_of_leaves_are_merged);
	tcase_add_test(tcase, a_merge_that_fails_changes_nothing);
	suite_add_tcase(suite, tcase);
}

static void add_tables(Suite *suite)
{
	TCase *tcase = tcase_create("tables");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, tables_are_hung_in_from_the_top_down);
	tcase_add_test(tcase, a_table_taken_out_takes_what_is_below_with_it);
	tcase_add_test(tcase, a_table_that_is_not_there_is_not_taken_out);
	tcase_add_test(tcase, a_table_does_not_replace_a_page);
	tcase_add_test(tcase, bad_tables_are_not_hung_in);
	suite_add_tcase(suite, tcase);
}

Suite *pt_change_suite(void)
{
	Suite *suite = suite_create("pt_change");

	add_unmap(suite);
	add_protect(suite);
	add_split(suite);
	add_tables(suite);
	return suite;
}
