/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that move when they are written to: those of a snapshot, which stays as
 * it was, byte by byte; and what memory that never moves pays for this: nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "tests/unit/pt_memory.h"

#define RX  (PT_READ | PT_EXEC)
#define RWX (PT_READ | PT_WRITE | PT_EXEC)

static struct pt_space space;
static struct pt_obstacle met;

/* The snapshot: its root, and its tables as they were. */
static struct pt_space old;
static char (*copy)[PAGE_SIZE];

static enum pt_status map(gva_t va, uint64_t len)
{
	struct pt_mapping mapping = {.rights = RX};

	return pt_map(&space, va, va, len, &mapping, &met);
}

static void maps(gva_t va, uint64_t len)
{
	ck_assert_int_eq(map(va, len), PT_OK);
}

/* Two tables under one directory, a page in each; a large page. */
static void setup(void)
{
	space = memory_space(&pt_x86_64);
	maps(0, PAGE_SIZE);
	maps(2 * MiB, PAGE_SIZE);
	maps(4 * MiB, 2 * MiB);
	memory_freeze();
	memory_forget();
	old = space;
	free(copy);
	copy = malloc(memory.nr * sizeof(*copy));
	ck_assert_ptr_nonnull(copy);
	for (unsigned i = 0; i < memory.nr; i++)
		memcpy(copy[i], memory_table(TABLES_AT + i * PAGE_SIZE),
		       PAGE_SIZE);
}

static void teardown(void)
{
	struct pt_walk walk;

	for (unsigned i = 0; i < memory.frozen; i++)
		ck_assert_int_eq(memcmp(copy[i],
					memory_table(TABLES_AT + i * PAGE_SIZE),
					PAGE_SIZE),
				 0);
	ck_assert_int_eq(pt_walk(&old, 0, &walk), PT_OK);
	ck_assert_int_eq(pt_walk(&old, PAGE_SIZE, &walk), PT_ABSENT);
	ck_assert_uint_eq(walk.nr_read, 4);
	free(copy);
	copy = NULL;
}

/* What was done since the last time. */
static void took(unsigned copies, unsigned entries, unsigned roots)
{
	ck_assert_uint_eq(memory.copies, copies);
	ck_assert_uint_eq(memory.entries, entries);
	ck_assert_uint_eq(memory.roots, roots);
	memory_forget();
}

static void is_at(gva_t va, gpa_t pa, uint64_t page_size)
{
	struct pt_walk walk;

	ck_assert_int_eq(pt_walk(&space, va, &walk), PT_OK);
	ck_assert_uint_eq(walk.pa, pa);
	ck_assert_uint_eq(walk.page_size, page_size);
}

START_TEST(the_first_write_of_a_leaf_copies_the_way_to_it)
{
	maps(PAGE_SIZE, PAGE_SIZE);
	/* The leaf, and three entries that lead to copies. */
	took(4, 1 + 3, 1);
	ck_assert_uint_ne(space.root, old.root);
	is_at(PAGE_SIZE, PAGE_SIZE, PAGE_SIZE);
	is_at(0, 0, PAGE_SIZE);
	is_at(2 * MiB, 2 * MiB, PAGE_SIZE);
}
END_TEST

START_TEST(the_second_write_in_a_table_copies_nothing)
{
	maps(PAGE_SIZE, PAGE_SIZE);
	memory_forget();
	maps(2 * PAGE_SIZE, PAGE_SIZE);
	took(0, 1, 0);
	is_at(2 * PAGE_SIZE, 2 * PAGE_SIZE, PAGE_SIZE);
}
END_TEST

START_TEST(a_write_under_another_entry_copies_one_table)
{
	maps(PAGE_SIZE, PAGE_SIZE);
	memory_forget();
	maps(2 * MiB + PAGE_SIZE, PAGE_SIZE);
	took(1, 1 + 1, 0);
	is_at(2 * MiB + PAGE_SIZE, 2 * MiB + PAGE_SIZE, PAGE_SIZE);
}
END_TEST

START_TEST(many_leaves_of_a_table_move_it_once)
{
	maps(PAGE_SIZE, 511 * PAGE_SIZE);
	took(4, 511 + 3, 1);
	setup();
	memory.mem.fill = NULL;
	maps(PAGE_SIZE, 511 * PAGE_SIZE);
	took(4, 511 + 3, 1);
}
END_TEST

START_TEST(a_range_over_two_tables_moves_what_they_share_once)
{
	maps(PAGE_SIZE, 2 * MiB - PAGE_SIZE);
	memory_forget();
	setup();
	ck_assert_int_eq(pt_protect(&space, 0, PAGE_SIZE, PT_READ, &met),
			 PT_OK);
	took(4, 1 + 3, 1);
	setup();
	/* Two leaves, their tables, and once what is above both. */
	maps(6 * MiB, 2 * MiB);
	took(3, 1 + 2, 1);
	setup();
	ck_assert_int_eq(pt_unmap(&space, 0, 2 * MiB + PAGE_SIZE, &met), PT_OK);
	/* The first table is unlinked, not moved; the second moves. */
	took(4, 1 + 2 + 1 + 1, 1);
}
END_TEST

START_TEST(new_tables_do_not_move)
{
	maps(GiB, PAGE_SIZE);
	/* Root and its table; two new tables, two leading to them, a leaf. */
	took(2, 1 + 1 + 1 + 1, 1);
	is_at(GiB, GiB, PAGE_SIZE);
}
END_TEST

START_TEST(a_split_page_moves_the_tables_above_it)
{
	ck_assert_int_eq(pt_split(&space, 5 * MiB, PAGE_SIZE, &met), PT_OK);
	took(3, 512 + 1 + 2, 1);
	is_at(5 * MiB, 5 * MiB, PAGE_SIZE);
	is_at(2 * MiB, 2 * MiB, PAGE_SIZE);
	ck_assert_int_eq(pt_merge(&space, 5 * MiB, 2 * MiB, &met), PT_OK);
	took(0, 1, 0);
	is_at(5 * MiB, 5 * MiB, 2 * MiB);
}
END_TEST

START_TEST(tables_hung_in_and_taken_out_move_those_above)
{
	gpa_t table;

	ck_assert_int_eq(pt_unmap_table(&space, 2 * MiB, PAGE_SIZE, &table),
			 PT_OK);
	took(3, 1 + 2, 1);
	ck_assert_int_eq(pt_map_table(&space, 8 * MiB, PAGE_SIZE, table, &met),
			 PT_OK);
	took(0, 1, 0);
	is_at(8 * MiB, 2 * MiB, PAGE_SIZE);
}
END_TEST

START_TEST(memory_that_does_not_move_pays_nothing)
{
	memory.frozen = 0;
	memory.mem.set_root = NULL;
	maps(PAGE_SIZE, PAGE_SIZE);
	took(0, 1, 0);
	maps(2 * MiB + PAGE_SIZE, PAGE_SIZE);
	took(0, 1, 0);
	ck_assert_uint_eq(space.root, TABLES_AT);
	ck_assert_int_eq(pt_unmap(&space, PAGE_SIZE, PAGE_SIZE, &met), PT_OK);
	took(0, 1, 0);
	ck_assert_int_eq(pt_unmap(&space, 2 * MiB + PAGE_SIZE, PAGE_SIZE, &met),
			 PT_OK);
	memory.frozen = memory.nr;
}
END_TEST

START_TEST(a_moving_root_needs_nobody_to_be_told)
{
	memory.mem.set_root = NULL;
	maps(PAGE_SIZE, PAGE_SIZE);
	took(4, 4, 0);
	ck_assert_uint_ne(space.root, old.root);
	is_at(PAGE_SIZE, PAGE_SIZE, PAGE_SIZE);
}
END_TEST

static int refuse_root(void *ctx, gpa_t root)
{
	(void)ctx;
	(void)root;
	return -EBUSY;
}

START_TEST(a_root_that_is_refused_is_not_the_spaces)
{
	memory.mem.set_root = refuse_root;
	ck_assert_int_eq(map(PAGE_SIZE, PAGE_SIZE), PT_UNWRITABLE);
	ck_assert_int_eq(met.error, -EBUSY);
	ck_assert_uint_eq(space.root, old.root);
}
END_TEST

START_TEST(a_way_up_that_fails_leaves_the_old_tables)
{
	for (unsigned good = 0; good < 4; good++) {
		memory_forget();
		memory.good_writes = good;
		ck_assert_int_eq(map(PAGE_SIZE, PAGE_SIZE), PT_UNWRITABLE);
		ck_assert_int_eq(met.error, -EROFS);
		ck_assert_uint_eq(met.va, PAGE_SIZE);
		ck_assert_uint_eq(memory.roots, 0);
		ck_assert_uint_eq(space.root, old.root);
	}
}
END_TEST

Suite *pt_relocation_suite(void)
{
	Suite *suite = suite_create("pt_relocation");
	TCase *tcase = tcase_create("snapshot");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_first_write_of_a_leaf_copies_the_way_to_it);
	tcase_add_test(tcase, the_second_write_in_a_table_copies_nothing);
	tcase_add_test(tcase, a_write_under_another_entry_copies_one_table);
	tcase_add_test(tcase, many_leaves_of_a_table_move_it_once);
	tcase_add_test(tcase,
		       a_range_over_two_tables_moves_what_they_share_once);
	tcase_add_test(tcase, new_tables_do_not_move);
	tcase_add_test(tcase, a_split_page_moves_the_tables_above_it);
	tcase_add_test(tcase, tables_hung_in_and_taken_out_move_those_above);
	tcase_add_test(tcase, memory_that_does_not_move_pays_nothing);
	tcase_add_test(tcase, a_moving_root_needs_nobody_to_be_told);
	tcase_add_test(tcase, a_root_that_is_refused_is_not_the_spaces);
	tcase_add_test(tcase, a_way_up_that_fails_leaves_the_old_tables);
	suite_add_tcase(suite, tcase);
	return suite;
}
