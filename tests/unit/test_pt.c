/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page tables in an array of pages: counts and vectors of
 * reference/pagetables.md A4, and random mappings against a flat oracle.
 */
#include "pager/pt/pt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

#define P   UINT64_C(1)
#define RW  UINT64_C(2)
#define US  UINT64_C(4)
#define PS  (UINT64_C(1) << 7)
#define NX  (UINT64_C(1) << 63)
#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)

/* The memory: tables from BASE on, the root first. */
#define BASE	   UINT64_C(0x5000)
#define MAX_TABLES 4096

static uint64_t tables[MAX_TABLES][512];
static unsigned nr_tables, max_tables;
static unsigned nr_writes;

static uint64_t *entry_at(gpa_t gpa)
{
	uint64_t index = (gpa - BASE) / PAGE_SIZE;

	/* One test for all: this runs millions of times. */
	if (gpa < BASE || index >= nr_tables || gpa % 8)
		ck_abort_msg("no entry at %#lx", (unsigned long)gpa);
	return &tables[index][gpa % PAGE_SIZE / 8];
}

static int mem_read(void *ctx, gpa_t entry_gpa, uint64_t *entry)
{
	(void)ctx;
	*entry = *entry_at(entry_gpa);
	return 0;
}

static int mem_write(void *ctx, gpa_t entry_gpa, uint64_t entry)
{
	(void)ctx;
	*entry_at(entry_gpa) = entry;
	nr_writes++;
	return 0;
}

static int mem_alloc(void *ctx, gpa_t *table)
{
	(void)ctx;
	if (nr_tables == max_tables)
		return -ENOMEM;
	*table = BASE + nr_tables++ * PAGE_SIZE;
	return 0;
}

static const struct pt_mem mem = {tables, mem_read, mem_write, mem_alloc};
static const struct pt_space space = {&pt_x86_64, &mem, BASE};

static void setup(void)
{
	memset(tables, 0, sizeof(tables[0]) * (nr_tables ? nr_tables : 1));
	nr_tables = 1;
	max_tables = MAX_TABLES;
	nr_writes = 0;
}

static int map(gva_t va, gpa_t pa, uint64_t len, unsigned flags)
{
	return pt_map(&space, va, pa, len, flags, NULL);
}

static void maps(gva_t va, gpa_t pa, uint64_t len, unsigned flags)
{
	ck_assert_int_eq(map(va, pa, len, flags), 0);
}

static void is_at(gva_t va, gpa_t pa, uint64_t page_size)
{
	uint64_t size = 0;
	gpa_t found = 0;

	ck_assert_int_eq(pt_translate(&space, va, &found, &size), 0);
	ck_assert_uint_eq(found, pa);
	ck_assert_uint_eq(size, page_size);
}

static void is_absent(gva_t va, unsigned level)
{
	struct pt_walk walk;

	ck_assert_int_eq(pt_walk(&space, va, &walk), -ENOENT);
	ck_assert_uint_eq(walk.level, level);
}

START_TEST(one_page_takes_four_tables_and_neighbours_share_them)
{
	maps(0, 0, PAGE_SIZE, 0);
	ck_assert_uint_eq(nr_tables, 4);
	maps(PAGE_SIZE, 0, PAGE_SIZE, 0);
	ck_assert_uint_eq(nr_tables, 4);
	maps(2 * MiB, 0, PAGE_SIZE, 0);
	ck_assert_uint_eq(nr_tables, 5);
	maps(GiB, 0, PAGE_SIZE, 0);
	ck_assert_uint_eq(nr_tables, 7);
	maps(512 * GiB, 0, PAGE_SIZE, 0);
	ck_assert_uint_eq(nr_tables, 10);
}
END_TEST

START_TEST(five_hundred_and_twelve_small_pages_fill_one_table)
{
	/* A frame that is not congruent modulo 2 MiB: no large leaf. */
	maps(2 * MiB, PAGE_SIZE, 2 * MiB, 0);
	ck_assert_uint_eq(nr_tables, 4);
	setup();
	maps(2 * MiB, PAGE_SIZE, 2 * MiB + PAGE_SIZE, 0);
	ck_assert_uint_eq(nr_tables, 5);
}
END_TEST

START_TEST(an_identity_map_of_4_gib_takes_six_tables)
{
	maps(0, 0, 4 * GiB, PT_WRITE);
	ck_assert_uint_eq(nr_tables, 1 + 1 + 4);
	is_at(0, 0, 2 * MiB);
	is_at(0xfee00123, 0xfee00123, 2 * MiB);
	is_at(4 * GiB - 1, 4 * GiB - 1, 2 * MiB);
	is_absent(4 * GiB, 1);
	is_absent(512 * GiB, 0);
}
END_TEST

START_TEST(leaves_of_1_gib_are_used_only_when_allowed)
{
	maps(0, 0, 4 * GiB, PT_WRITE | PT_1G);
	ck_assert_uint_eq(nr_tables, 2);
	is_at(3 * GiB + 5, 3 * GiB + 5, GiB);
	ck_assert_uint_eq(tables[1][3], 3 * GiB | P | RW | PS);
}
END_TEST

START_TEST(the_largest_leaves_that_fit_are_used)
{
	maps(2 * MiB - PAGE_SIZE, 4 * MiB - PAGE_SIZE, 2 * MiB + 2 * PAGE_SIZE,
	     0);
	is_at(2 * MiB - 1, 4 * MiB - 1, PAGE_SIZE);
	is_at(2 * MiB, 4 * MiB, 2 * MiB);
	is_at(4 * MiB, 6 * MiB, PAGE_SIZE);
	is_absent(4 * MiB + PAGE_SIZE, 3);
	ck_assert_uint_eq(nr_tables, 5);
}
END_TEST

START_TEST(entries_have_the_bits_of_the_manual)
{
	maps(0x200000, 0x7000, PAGE_SIZE, PT_WRITE | PT_NX);
	ck_assert_uint_eq(tables[0][0], (BASE + 0x1000) | P | RW);
	ck_assert_uint_eq(tables[1][0], (BASE + 0x2000) | P | RW);
	ck_assert_uint_eq(tables[2][1], (BASE + 0x3000) | P | RW);
	ck_assert_uint_eq(tables[3][0], 0x7000 | P | RW | NX);
	maps(0x400000, 0x800000, 2 * MiB, 0);
	ck_assert_uint_eq(tables[2][2], 0x800000 | P | PS);
}
END_TEST

START_TEST(tables_are_permissive_and_leaves_restrictive)
{
	struct pt_walk walk;

	maps(0x1000, 0x1000, PAGE_SIZE, PT_NX);
	maps(0x2000, 0x2000, PAGE_SIZE, PT_WRITE);
	ck_assert_int_eq(pt_walk(&space, 0x1000, &walk), 0);
	ck_assert_uint_eq(walk.flags, PT_NX);
	ck_assert_int_eq(pt_walk(&space, 0x2000, &walk), 0);
	ck_assert_uint_eq(walk.flags, PT_WRITE);
}
END_TEST

START_TEST(a_user_page_widens_the_tables_above_it)
{
	struct pt_walk walk;

	maps(0x1000, 0x1000, PAGE_SIZE, 0);
	maps(0x2000, 0x2000, PAGE_SIZE, PT_USER);
	ck_assert_uint_eq(tables[0][0] & US, US);
	ck_assert_uint_eq(tables[2][0] & US, US);
	ck_assert_int_eq(pt_walk(&space, 0x1000, &walk), 0);
	ck_assert_uint_eq(walk.flags, 0);
	ck_assert_int_eq(pt_walk(&space, 0x2000, &walk), 0);
	ck_assert_uint_eq(walk.flags, PT_USER);
}
END_TEST

START_TEST(tables_that_others_made_narrow_are_widened_as_needed)
{
	struct pt_walk walk;

	maps(0x1000, 0x1000, PAGE_SIZE, 0);
	tables[0][0] = (tables[0][0] & ~RW) | NX;
	maps(0x2000, 0x2000, PAGE_SIZE, PT_NX);
	ck_assert_uint_eq(tables[0][0], (BASE + 0x1000) | P | NX);
	maps(0x3000, 0x3000, PAGE_SIZE, PT_WRITE);
	ck_assert_uint_eq(tables[0][0], (BASE + 0x1000) | P | RW);
	ck_assert_int_eq(pt_walk(&space, 0x3000, &walk), 0);
	ck_assert_uint_eq(walk.flags, PT_WRITE);
}
END_TEST

START_TEST(the_last_page_of_the_space_can_be_mapped)
{
	maps(UINT64_MAX - 0xfff, 0x3000, PAGE_SIZE, PT_WRITE);
	is_at(UINT64_MAX, 0x3fff, PAGE_SIZE);
	ck_assert_uint_eq(nr_tables, 4);
	setup();
	maps(0 - 2 * GiB, 0, 2 * GiB, PT_WRITE);
	is_at(UINT64_MAX, 2 * GiB - 1, 2 * MiB);
	ck_assert_uint_eq(nr_tables, 4);
}
END_TEST

START_TEST(the_edges_of_both_halves_can_be_mapped)
{
	maps(0x00007ffffffff000, 0x1000, PAGE_SIZE, 0);
	maps(0xffff800000000000, 0x2000, PAGE_SIZE, 0);
	is_at(0x00007fffffffffff, 0x1fff, PAGE_SIZE);
	is_at(0xffff800000000000, 0x2000, PAGE_SIZE);
}
END_TEST

START_TEST(the_last_frame_of_the_format_can_be_mapped)
{
	maps(0, 0x000ffffffffff000, PAGE_SIZE, 0);
	is_at(0xfff, 0x000fffffffffffff, PAGE_SIZE);
	ck_assert_int_eq(map(0x1000, 0x000ffffffffff000, 2 * PAGE_SIZE, 0),
			 -EINVAL);
	ck_assert_int_eq(map(0x1000, 0x0010000000000000, PAGE_SIZE, 0),
			 -EINVAL);
	ck_assert_int_eq(map(0x1000, UINT64_MAX - 0xfff, 2 * PAGE_SIZE, 0),
			 -EINVAL);
}
END_TEST

START_TEST(bad_ranges_are_refused_before_anything_is_written)
{
	static const struct {
		gva_t va;
		gpa_t pa;
		uint64_t len;
	} bad[] = {
		{0, 0, 0},
		{1, 0, PAGE_SIZE},
		{0, 0x800, PAGE_SIZE},
		{0, 0, PAGE_SIZE - 1},
		{UINT64_MAX - 0xfff, 0, 2 * PAGE_SIZE},
		{0x1000, 0, UINT64_MAX & ~PAGE_MASK},
		{0x0000800000000000, 0, PAGE_SIZE},
		{0xffff7ffffffff000, 0, PAGE_SIZE},
		{0xffff7ffffffff000, 0, 2 * PAGE_SIZE},
		{0x00007ffffffff000, 0, 2 * PAGE_SIZE},
		/* Canonical at both ends, a hole between. */
		{0x00007ffffffff000, 0, 0xffff000000002000},
		{0, 0, UINT64_MAX & ~PAGE_MASK},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(map(bad[i].va, bad[i].pa, bad[i].len, 0),
				 -EINVAL);
	ck_assert_uint_eq(nr_writes, 0);
	ck_assert_uint_eq(nr_tables, 1);
}
END_TEST

START_TEST(a_mapped_page_is_refused_with_its_frame_and_nothing_changes)
{
	gpa_t existing = 0;
	unsigned writes;

	maps(0x5000, 0x9000, PAGE_SIZE, 0);
	maps(0x7000, 0xb000, PAGE_SIZE, 0);
	writes = nr_writes;
	ck_assert_int_eq(pt_map(&space, 0x2000, 0x2000, 0x8000, 0, &existing),
			 -EEXIST);
	ck_assert_uint_eq(existing, 0x9000);
	ck_assert_int_eq(pt_map(&space, 0, 0, 2 * MiB, 0, &existing), -EEXIST);
	ck_assert_int_eq(pt_map(&space, 0x5000, 0x9000, PAGE_SIZE, 0, NULL),
			 -EEXIST);
	ck_assert_uint_eq(nr_writes, writes);
	is_absent(0x2000, 3);
}
END_TEST

START_TEST(a_small_page_inside_a_large_leaf_is_refused_with_its_frame)
{
	gpa_t existing = 0;

	maps(2 * MiB, 8 * MiB, 2 * MiB, 0);
	ck_assert_int_eq(
		pt_map(&space, 2 * MiB + 0x3000, 0, PAGE_SIZE, 0, &existing),
		-EEXIST);
	ck_assert_uint_eq(existing, 8 * MiB + 0x3000);
}
END_TEST

START_TEST(the_page_before_a_mapped_one_can_be_mapped)
{
	maps(2 * MiB, 2 * MiB, 2 * MiB, 0);
	maps(2 * MiB - PAGE_SIZE, 0, PAGE_SIZE, 0);
	maps(4 * MiB, 0, PAGE_SIZE, 0);
	ck_assert_int_eq(map(0, 0, 2 * MiB, 0), -EEXIST);
	maps(0, 0, 2 * MiB - PAGE_SIZE, 0);
}
END_TEST

START_TEST(running_out_of_tables_is_reported_at_each_level)
{
	for (unsigned most = 1; most < 4; most++) {
		setup();
		max_tables = most;
		ck_assert_int_eq(map(0, 0, PAGE_SIZE, 0), -ENOMEM);
		ck_assert_uint_eq(nr_tables, most);
		is_absent(0, most - 1);
		max_tables = 4;
		maps(0, 0, PAGE_SIZE, 0);
		ck_assert_uint_eq(nr_tables, 4);
	}
}
END_TEST

START_TEST(an_empty_table_in_the_way_of_a_large_leaf_is_used)
{
	maps(0, 0, PAGE_SIZE, 0);
	tables[3][0] = 0;
	maps(0, 0, 2 * MiB, 0);
	is_at(0, 0, PAGE_SIZE);
	is_at(2 * MiB - 1, 2 * MiB - 1, PAGE_SIZE);
	ck_assert_uint_eq(nr_tables, 4);
}
END_TEST

START_TEST(a_walk_tells_where_it_ended)
{
	struct pt_walk walk;

	is_absent(0x201000, 0);
	maps(0x200000, 0x7000, PAGE_SIZE, 0);
	ck_assert_int_eq(pt_walk(&space, 0x201000, &walk), -ENOENT);
	ck_assert_uint_eq(walk.level, 3);
	ck_assert_uint_eq(walk.entry_gpa, BASE + 0x3008);
	ck_assert_uint_eq(walk.entry, 0);
	ck_assert_uint_eq(walk.page_size, PAGE_SIZE);
	is_absent(0x400000, 2);
	is_absent(GiB, 1);
}
END_TEST

START_TEST(an_address_that_is_not_canonical_is_not_walked)
{
	struct pt_walk walk;
	uint64_t size;
	gpa_t pa;

	ck_assert_int_eq(pt_walk(&space, 0x0000800000000000, &walk), -EINVAL);
	ck_assert_int_eq(pt_walk(&space, 0xffff7fffffffffff, &walk), -EINVAL);
	ck_assert_int_eq(pt_translate(&space, UINT64_C(1) << 63, &pa, &size),
			 -EINVAL);
}
END_TEST

START_TEST(a_size_bit_in_the_root_is_malformed)
{
	struct pt_walk walk;

	maps(0, 0, PAGE_SIZE, 0);
	tables[0][0] |= PS;
	ck_assert_int_eq(pt_walk(&space, 0, &walk), -EBADMSG);
	ck_assert_uint_eq(walk.level, 0);
	ck_assert_int_eq(map(0x1000, 0, PAGE_SIZE, 0), -EBADMSG);
}
END_TEST

START_TEST(bit_7_of_a_small_page_is_no_size)
{
	maps(0x1000, 0x2000, PAGE_SIZE, 0);
	tables[3][1] |= PS;
	is_at(0x1008, 0x2008, PAGE_SIZE);
}
END_TEST

START_TEST(attribute_bits_of_a_large_leaf_are_not_its_address)
{
	maps(2 * MiB, 8 * MiB, 2 * MiB, PT_NX);
	tables[2][1] |= 0x1000 | 0x60; /* PAT, dirty, accessed */
	is_at(2 * MiB + 0x1234, 8 * MiB + 0x1234, 2 * MiB);
}
END_TEST

static int failing_read(void *ctx, gpa_t entry_gpa, uint64_t *entry)
{
	return entry_gpa < BASE + PAGE_SIZE ? mem_read(ctx, entry_gpa, entry)
					    : -EIO;
}

START_TEST(an_error_of_a_callback_is_passed_on)
{
	struct pt_mem failing = mem;
	struct pt_space bad = {&pt_x86_64, &failing, BASE};
	struct pt_walk walk;

	maps(0, 0, PAGE_SIZE, 0);
	failing.read = failing_read;
	ck_assert_int_eq(pt_walk(&bad, 0, &walk), -EIO);
	ck_assert_int_eq(pt_map(&bad, 0x1000, 0, PAGE_SIZE, 0, NULL), -EIO);
}
END_TEST

/* Says the page is absent once, as if another CPU mapped it right after. */
static int racing_read(void *ctx, gpa_t entry_gpa, uint64_t *entry)
{
	static unsigned reads;

	mem_read(ctx, entry_gpa, entry);
	if (entry_gpa == BASE + 0x3008 && !reads++)
		*entry = 0;
	return 0;
}

START_TEST(a_page_mapped_meanwhile_is_refused)
{
	struct pt_mem racing = mem;
	struct pt_space raced = {&pt_x86_64, &racing, BASE};

	maps(0x1000, 0x9000, PAGE_SIZE, 0);
	racing.read = racing_read;
	ck_assert_int_eq(pt_map(&raced, 0x1000, 0x5000, PAGE_SIZE, 0, NULL),
			 -EEXIST);
	is_at(0x1000, 0x9000, PAGE_SIZE);
}
END_TEST

static void counts(gva_t va, gpa_t pa, uint64_t len, unsigned flags,
		   uint64_t want)
{
	ck_assert_uint_eq(pt_tables_for(&pt_x86_64, va, pa, len, flags), want);
	setup();
	maps(va, pa, len, flags);
	ck_assert_uint_eq(nr_tables - 1, want);
}

START_TEST(tables_are_counted_without_building_them)
{
	counts(0, 0, PAGE_SIZE, 0, 3);
	counts(0, 0, 4 * GiB, 0, 5);
	counts(0, 0, 4 * GiB, PT_1G, 1);
	counts(0, 0, 512 * GiB, PT_1G, 1);
	counts(256 * GiB, 0, 512 * GiB, PT_1G, 2);
	counts(PAGE_SIZE, PAGE_SIZE, 4 * GiB, PT_1G, 1 + 2 * 2);
	counts(2 * MiB - PAGE_SIZE, 2 * MiB - PAGE_SIZE, 2 * PAGE_SIZE, 0, 4);
	counts(UINT64_MAX - 0xfff, 0, PAGE_SIZE, PT_1G, 3);
	counts(0 - 2 * GiB, 0, 2 * GiB, 0, 3);
	counts(0 - 2 * GiB, 0, 2 * GiB, PT_1G, 1);
	counts(0, PAGE_SIZE, 8 * MiB, 0, 2 + 4);
	counts(PAGE_SIZE, 0, 8 * MiB, 0, 2 + 5);
	counts(0, 2 * MiB, 3 * GiB, PT_1G, 1 + 3);
}
END_TEST

/* A page number among three places that differ at each level. */
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
		unsigned flags = rand() % 2 ? PT_1G : 0;

		if (rand() % 2) {
			pa = (pa & ~(2 * MiB - 1)) | (va & (2 * MiB - 1));
			len += (uint64_t)(rand() % 3) * GiB;
		}
		if (va >> 63)
			len = len - 1 < 0 - va - 1 ? len : 0 - va;
		counts(va, pa, len, flags,
		       pt_tables_for(&pt_x86_64, va, pa, len, flags));
	}
}
END_TEST

/* The oracle: frame + 1 of each page of a window of 8 MiB, 0 where absent. */
#define WINDOW_VA (GiB - 4 * MiB)
#define WINDOW	  2048

static gpa_t oracle[WINDOW];
static unsigned oracle_flags[WINDOW];

static void oracle_maps(size_t page, gpa_t pa, size_t nr, unsigned flags)
{
	gpa_t existing = 0, want = 0;
	int error;

	for (size_t i = nr; i-- > 0;)
		if (oracle[page + i])
			want = oracle[page + i];
	error = pt_map(&space, WINDOW_VA + page * PAGE_SIZE, pa, nr * PAGE_SIZE,
		       flags, &existing);
	ck_assert_int_eq(error, want ? -EEXIST : 0);
	if (want)
		ck_assert_uint_eq(existing, want - 1);
	for (size_t i = 0; i < nr && !want; i++) {
		oracle[page + i] = pa + i * PAGE_SIZE + 1;
		oracle_flags[page + i] = flags;
	}
}

static void compare_with_oracle(void)
{
	for (size_t i = 0; i < WINDOW; i++) {
		struct pt_walk walk;
		gva_t offset = (gva_t)(rand() % 4096);
		int error = pt_walk(&space, WINDOW_VA + i * PAGE_SIZE + offset,
				    &walk);

		ck_assert_int_eq(error, oracle[i] ? 0 : -ENOENT);
		if (error)
			continue;
		ck_assert_uint_eq(walk.pa, oracle[i] - 1 + offset);
		ck_assert_uint_eq(walk.flags, oracle_flags[i]);
	}
}

START_TEST(random_mappings_agree_with_a_flat_array)
{
	srand(5);
	for (int round = 0; round < 50; round++) {
		setup();
		memset(oracle, 0, sizeof(oracle));
		for (int i = 0; i < 60; i++) {
			size_t page = (size_t)rand() % WINDOW;
			size_t nr = 1 + (size_t)rand() % 20;
			gpa_t pa = (gpa_t)(rand() % 100000) * PAGE_SIZE;

			if (rand() % 8 == 0)
				nr = 1 + (size_t)rand() % 1100;
			if (rand() % 4 == 0) {
				page &= ~(size_t)511;
				nr = 512;
			}
			if (nr > WINDOW - page)
				nr = WINDOW - page;
			if (rand() % 2)
				pa = (pa & ~(2 * MiB - 1)) |
				     (page % 512 * PAGE_SIZE);
			oracle_maps(page, pa, nr, (unsigned)rand() % 8);
		}
		compare_with_oracle();
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
	tcase_add_test(tcase, leaves_of_1_gib_are_used_only_when_allowed);
	tcase_add_test(tcase, the_largest_leaves_that_fit_are_used);
	tcase_add_test(tcase, entries_have_the_bits_of_the_manual);
	tcase_add_test(tcase, tables_are_permissive_and_leaves_restrictive);
	tcase_add_test(tcase, a_user_page_widens_the_tables_above_it);
	tcase_add_test(tcase,
		       tables_that_others_made_narrow_are_widened_as_needed);
	tcase_add_test(tcase, the_last_page_of_the_space_can_be_mapped);
	tcase_add_test(tcase, the_edges_of_both_halves_can_be_mapped);
	tcase_add_test(tcase, the_last_frame_of_the_format_can_be_mapped);
	tcase_add_test(tcase, the_page_before_a_mapped_one_can_be_mapped);
	tcase_add_test(tcase,
		       an_empty_table_in_the_way_of_a_large_leaf_is_used);
	tcase_add_test(tcase, tables_are_counted_without_building_them);
	tcase_add_test(tcase, random_ranges_take_as_many_tables_as_counted);
	tcase_add_test(tcase, random_mappings_agree_with_a_flat_array);
	suite_add_tcase(suite, tcase);
}

static void add_refusals(Suite *suite)
{
	TCase *tcase = tcase_create("refusals");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase,
		       bad_ranges_are_refused_before_anything_is_written);
	tcase_add_test(
		tcase,
		a_mapped_page_is_refused_with_its_frame_and_nothing_changes);
	tcase_add_test(
		tcase,
		a_small_page_inside_a_large_leaf_is_refused_with_its_frame);
	tcase_add_test(tcase, running_out_of_tables_is_reported_at_each_level);
	tcase_add_test(tcase, a_walk_tells_where_it_ended);
	tcase_add_test(tcase, an_address_that_is_not_canonical_is_not_walked);
	tcase_add_test(tcase, a_size_bit_in_the_root_is_malformed);
	tcase_add_test(tcase, bit_7_of_a_small_page_is_no_size);
	tcase_add_test(tcase,
		       attribute_bits_of_a_large_leaf_are_not_its_address);
	tcase_add_test(tcase, an_error_of_a_callback_is_passed_on);
	tcase_add_test(tcase, a_page_mapped_meanwhile_is_refused);
	suite_add_tcase(suite, tcase);
}

Suite *pt_suite(void)
{
	Suite *suite = suite_create("pt");

	add_building(suite);
	add_refusals(suite);
	suite_add_tcase(suite, pt_scan_case());
	return suite;
}
