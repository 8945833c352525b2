/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt/pt_roots: what several address spaces share, and copies of them that
 * share the same. Roots are A = 0x1000 and B = 0x8000.
 */
#include "pager/pt/pt_roots.h"

#include <errno.h>
#include <string.h>

#include "tests/suites.h"
#include "tests/unit/table_help.h"

#define A 0
#define B 1

static struct pt_space spaces[2];
static struct pt_known table_slots[64], page_slots[64];
static struct pt_roots roots;

static void setup(void)
{
	tables_reset();
	spaces[A] = pt_space(&pt_x86_64, &tables_mem, 0x1000);
	spaces[B] = pt_space(&pt_x86_64, &tables_mem, 0x8000);
	roots = (struct pt_roots){.spaces = spaces, .nr = 2};
	pt_set_init(&roots.tables, table_slots, 64);
	pt_set_init(&roots.pages, page_slots, 64);
}

static void put(gpa_t table, unsigned index, uint64_t entry)
{
	tables_put(&pt_x86_64, table, index, entry | P | RW | US);
}

/* What was told. */
static struct pt_alias aliases[32];
static struct pt_known told[64];
static struct {
	gpa_t pa;
	bool again;
} leaves[32];
static unsigned nr_aliases, nr_told, nr_leaves, nr_bad;

static int note_table(void *ctx, const struct pt_visit *visit,
		      struct pt_known *table)
{
	(void)ctx;
	ck_assert_uint_lt(nr_told, 64);
	ck_assert(!visit == !table->level);
	if (visit) {
		ck_assert_uint_eq(visit->level + 1, table->level);
		ck_assert_uint_eq(visit->va, table->va);
		ck_assert_uint_eq(visit->entry.pa, table->pa);
	}
	told[nr_told++] = *table;
	return 0;
}

/* Backwards: the owner's table has been told. */
static int note_alias(void *ctx, const struct pt_visit *visit,
		      const struct pt_alias *alias)
{
	unsigned i;

	(void)ctx;
	(void)visit;
	ck_assert_uint_lt(nr_aliases, 32);
	aliases[nr_aliases++] = *alias;
	for (i = 0; i < nr_told; i++)
		if (told[i].pa == alias->table->pa &&
		    told[i].level == alias->table->level)
			break;
	ck_assert_uint_lt(i, nr_told);
	return 0;
}

static int note_leaf(void *ctx, const struct pt_visit *visit,
		     struct pt_known *page, bool again)
{
	(void)ctx;
	ck_assert_uint_lt(nr_leaves, 32);
	ck_assert(!page || page->pa == visit->entry.pa);
	leaves[nr_leaves].pa = visit->entry.pa;
	leaves[nr_leaves++].again = again;
	return 0;
}

static int note_bad(void *ctx, const struct pt_visit *visit,
		    enum pt_status status)
{
	(void)ctx;
	(void)visit;
	(void)status;
	nr_bad++;
	return 0;
}

static const struct pt_roots_fns notes = {
	.table = note_table,
	.alias = note_alias,
	.leaf = note_leaf,
	.bad = note_bad,
};

static void walk(void)
{
	nr_aliases = nr_told = nr_leaves = nr_bad = 0;
	ck_assert_int_eq(pt_roots_walk(&roots, &notes), PT_OK);
	ck_assert_uint_eq(roots.tables.nr, nr_told);
}

static void alias_is(unsigned i, unsigned root, unsigned depth, unsigned owner,
		     gva_t va, gva_t owner_va, bool recursive)
{
	ck_assert_uint_lt(i, nr_aliases);
	ck_assert_uint_eq(aliases[i].root, root);
	ck_assert_uint_eq(aliases[i].depth, depth);
	ck_assert_uint_eq(aliases[i].owner, owner);
	ck_assert_uint_eq(aliases[i].va, va);
	ck_assert_uint_eq(aliases[i].owner_va, owner_va);
	ck_assert_int_eq(aliases[i].recursive, recursive);
}

START_TEST(tables_of_different_spaces_are_told_in_order)
{
	put(0x1000, 0, 0x2000);
	put(0x2000, 1, 0x3000);
	put(0x3000, 2, 0x4000);
	put(0x4000, 3, 0x20000);
	put(0x8000, 256, 0x9000);
	walk();
	ck_assert_uint_eq(nr_aliases, 0);
	ck_assert_uint_eq(nr_told, 6);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(told[i].pa, 0x1000 * (i + 1));
		ck_assert_uint_eq(told[i].level, i);
		ck_assert_uint_eq(told[i].root, A);
	}
	ck_assert_uint_eq(told[3].va, 0x40400000);
	ck_assert_uint_eq(told[4].root, B);
	ck_assert_uint_eq(told[5].va, 0xffff800000000000);
	ck_assert_uint_eq(nr_leaves, 1);
}
END_TEST

START_TEST(table_of_the_second_level_is_shared)
{
	put(0x1000, 0, 0x2000);
	put(0x8000, 1, 0x2000);
	walk();
	ck_assert_uint_eq(nr_aliases, 1);
	alias_is(0, B, 1, A, 0x8000000000, 0, false);
}
END_TEST

START_TEST(table_of_the_third_level_is_shared)
{
	put(0x1000, 0, 0x2000);
	put(0x2000, 0, 0x3000);
	put(0x8000, 0, 0x9000);
	put(0x9000, 5, 0x3000);
	walk();
	ck_assert_uint_eq(nr_aliases, 1);
	alias_is(0, B, 2, A, 0x140000000, 0, false);
}
END_TEST

START_TEST(table_of_the_last_level_is_shared)
{
	put(0x1000, 0, 0x2000);
	put(0x2000, 0, 0x3000);
	put(0x3000, 0, 0x4000);
	put(0x8000, 0, 0x9000);
	put(0x9000, 0, 0xa000);
	put(0xa000, 7, 0x4000);
	walk();
	ck_assert_uint_eq(nr_aliases, 1);
	alias_is(0, B, 3, A, 0xe00000, 0, false);
}
END_TEST

START_TEST(root_itself_is_shared)
{
	put(0x1000, 0, 0x2000);
	spaces[B].root = 0x1000;
	walk();
	ck_assert_uint_eq(nr_aliases, 1);
	alias_is(0, B, 0, A, 0, 0, false);
	ck_assert_uint_eq(nr_told, 2);
}
END_TEST

START_TEST(space_shares_with_itself)
{
	put(0x1000, 0, 0x2000);
	put(0x1000, 256, 0x2000);
	walk();
	ck_assert_uint_eq(nr_aliases, 1);
	alias_is(0, A, 1, A, 0xffff800000000000, 0, false);
}
END_TEST

/* As a table of its own space, it is not followed; from another space it is a
 * table of another level, in which the same entry is found once more. */
START_TEST(recursive_entry_is_told_once)
{
	put(0x1000, 0, 0x2000);
	put(0x1000, 510, 0x1000);
	walk();
	ck_assert_uint_eq(nr_aliases, 1);
	alias_is(0, A, 1, A, 0xffffff0000000000, 0, true);
	ck_assert_uint_eq(nr_told, 3);
	setup();
	put(0x1000, 510, 0x1000);
	put(0x8000, 510, 0x1000);
	walk();
	ck_assert_uint_eq(nr_aliases, 2);
	alias_is(1, B, 2, B, 0xffffff7f80000000, 0xffffff0000000000, true);
	ck_assert_uint_eq(nr_told, 3);
}
END_TEST

/* Each at its first level below itself. */
START_TEST(recursion_of_lower_tables_is_told)
{
	roots.nr = 1;
	put(0x1000, 0, 0x2000);
	put(0x2000, 3, 0x1000);
	put(0x2000, 4, 0x2000);
	walk();
	ck_assert_uint_eq(nr_aliases, 2);
	alias_is(0, A, 2, A, 0xc0000000, 0, true);
	alias_is(1, A, 2, A, 0x100000000, 0, true);
	ck_assert_uint_eq(nr_told, 2);
}
END_TEST

START_TEST(table_at_two_levels_is_two_tables)
{
	put(0x1000, 0, 0x2000);
	put(0x2000, 0, 0x3000);
	put(0x8000, 1, 0x3000);
	put(0x3000, 9, 0x5000);
	walk();
	ck_assert_uint_eq(nr_aliases, 0);
	/* 0x3000 at the levels 2 and 1, 0x5000 at 3 and 2. */
	ck_assert_uint_eq(nr_told, 2 + 1 + 2 + 2);
	/* Also when there is hardly a free slot, and all are looked at. */
	pt_set_init(&roots.tables, table_slots, 8);
	walk();
	ck_assert_uint_eq(nr_aliases, 0);
	ck_assert_uint_eq(nr_told, 7);
}
END_TEST

START_TEST(large_leaf_is_no_table)
{
	put(0x1000, 0, 0x2000);
	put(0x2000, 0, 0x3000);
	put(0x3000, 0, 0x200000 | PS);
	put(0x8000, 0, 0x9000);
	put(0x9000, 0, 0xa000);
	put(0xa000, 1, 0x200000 | PS);
	walk();
	ck_assert_uint_eq(nr_aliases, 0);
	ck_assert_uint_eq(nr_leaves, 2);
	ck_assert(!leaves[0].again && leaves[1].again);
}
END_TEST

START_TEST(shared_page_is_found_again_in_its_size)
{
	tables_map(&spaces[A], 0x1000, 3, 0x200000 | P);
	tables_map(&spaces[A], 0x2000, 3, 0x201000 | P);
	tables_map(&spaces[A], 0x200000, 2, 0x200000 | P | PS);
	tables_map(&spaces[B], 0x5000, 3, 0x201000 | P);
	walk();
	ck_assert_uint_eq(nr_leaves, 4);
	ck_assert(!leaves[0].again && !leaves[1].again && !leaves[2].again);
	ck_assert(leaves[3].again);
	ck_assert_uint_eq(leaves[3].pa, 0x201000);
	ck_assert_uint_eq(roots.pages.nr, 3);
	/* Who does not ask is not told. */
	pt_set_init(&roots.tables, table_slots, 64);
	pt_set_init(&roots.pages, NULL, 0);
	walk();
	ck_assert_uint_eq(nr_leaves, 4);
	ck_assert(!leaves[3].again);
}
END_TEST

/* Every entry leads to one of eight tables: 512^4 ways, and no more tables than
 * there are, per level. */
START_TEST(hostile_tables_are_bounded)
{
	for (gpa_t table = 0x1000; table <= 0x8000; table += 0x1000)
		for (unsigned i = 0; i < 512; i++)
			put(table, i, 0x1000 * (1 + i % 8));
	pt_set_init(&roots.pages, NULL, 0);
	ck_assert_int_eq(pt_roots_walk(&roots, &(struct pt_roots_fns){0}),
			 PT_OK);
	ck_assert_uint_le(roots.tables.nr, 8 * 4);
	ck_assert_uint_le(tables.nr_entries, 8 * 4 * 512);
}
END_TEST

START_TEST(full_set_ends_the_walk)
{
	for (unsigned i = 0; i < 10; i++)
		put(0x1000, i, 0x10000 + i * 0x1000);
	pt_set_init(&roots.tables, table_slots, 8);
	ck_assert_int_eq(pt_roots_walk(&roots, &notes), PT_NO_MEMORY);
	ck_assert_uint_eq(nr_told, 8);
	/* The 16 slots that it takes are used to the last. */
	setup();
	for (unsigned i = 0; i < 14; i++)
		put(0x1000, i, 0x10000 + i * 0x1000);
	pt_set_init(&roots.tables, table_slots, 16);
	walk();
	ck_assert_uint_eq(nr_told, 16);
	/* Of pages, too. */
	setup();
	pt_set_init(&roots.pages, page_slots, 2);
	for (gva_t va = 0; va < 0x3000; va += 0x1000)
		tables_map(&spaces[A], va, 3, va | P);
	nr_leaves = 0;
	ck_assert_int_eq(pt_roots_walk(&roots, &notes), PT_NO_MEMORY);
	ck_assert_uint_eq(nr_leaves, 2);
}
END_TEST

START_TEST(malformed_entries_are_told)
{
	put(0x1000, 0, 0x2000 | PS);
	put(0x1000, 1, 0x7ffff000);
	put(0x8000, 3, 0x9000);
	walk();
	ck_assert_uint_eq(nr_bad, 2);
	/* The one outside memory is a table all the same. */
	ck_assert_uint_eq(nr_told, 4);
	spaces[A].root = 0x7ffff000;
	pt_set_init(&roots.tables, table_slots, 64);
	walk();
	ck_assert_uint_eq(nr_bad, 1);
	ck_assert_uint_eq(nr_told, 3);
}
END_TEST

static unsigned stop_after;

static int stop_table(void *ctx, const struct pt_visit *visit,
		      struct pt_known *table)
{
	return note_table(ctx, visit, table) || nr_told == stop_after;
}

START_TEST(callback_ends_the_walk)
{
	struct pt_roots_fns fns = notes;

	fns.table = stop_table;
	put(0x1000, 0, 0x2000);
	put(0x1000, 1, 0x3000);
	stop_after = 2;
	ck_assert_int_eq(pt_roots_walk(&roots, &fns), PT_OK);
	ck_assert_uint_eq(nr_told, 2);
	setup();
	nr_told = 0;
	stop_after = 1;
	ck_assert_int_eq(pt_roots_walk(&roots, &fns), PT_OK);
	ck_assert_uint_eq(nr_told, 1);
}
END_TEST

/* Copies: tables from 0x80000 on, pages from COPIES on. */
#define COPIES UINT64_C(0x100000000)

static unsigned nr_copied;
static gpa_t next_copy;

static int copy_page(void *ctx, gpa_t pa, uint64_t size, gpa_t *copy)
{
	(void)ctx;
	ck_assert_uint_eq(*copy, pa);
	nr_copied++;
	next_copy = (next_copy + size - 1) & ~(size - 1);
	*copy = next_copy;
	next_copy += size;
	return 0;
}

static gpa_t copies[2];

static enum pt_status copy(void)
{
	nr_copied = 0;
	next_copy = COPIES;
	tables.next = 0x80000;
	return pt_roots_copy(&roots, &tables_mem, copies, copy_page, NULL);
}

static uint64_t entry(gpa_t table, unsigned index)
{
	return tables_get(&pt_x86_64, table, index);
}

START_TEST(copies_share_what_was_shared)
{
	struct pt_space new[2];
	struct pt_walk walk;

	/* Both map the page 0x200000, A twice; a table is shared, and its
	 * large page. */
	tables_map(&spaces[A], 0x1000, 3, 0x200000 | P | RW | 0x62);
	tables_map(&spaces[A], 0x3000, 3, 0x200000 | P | NX);
	tables_map(&spaces[A], 0xffffffff80000000, 2, 0x400000 | P | PS);
	tables_map(&spaces[B], 0x7000, 3, 0x200000 | P | US);
	put(0x8000, 511, entry(0x1000, 511));
	ck_assert_int_eq(copy(), PT_OK);
	ck_assert_uint_eq(nr_copied, 2);
	/* A root each, three tables each of the lower half, two of the upper. */
	ck_assert_uint_eq(tables.next, 0x80000 + (2 + 6 + 2) * 0x1000);
	ck_assert_uint_eq(entry(copies[A], 511), entry(copies[B], 511));
	ck_assert_uint_ne(entry(copies[A], 0), entry(copies[B], 0));
	for (unsigned i = 0; i < 2; i++) {
		new[i] = spaces[i];
		new[i].root = copies[i];
	}
	ck_assert_int_eq(pt_walk(&new[A], 0x1000, &walk), PT_OK);
	ck_assert_uint_eq(walk.path[3].raw, COPIES | P | RW | 0x62);
	ck_assert_int_eq(pt_walk(&new[A], 0x3000, &walk), PT_OK);
	ck_assert_uint_eq(walk.path[3].raw, COPIES | P | NX);
	ck_assert_int_eq(pt_walk(&new[B], 0x7000, &walk), PT_OK);
	ck_assert_uint_eq(walk.path[3].raw, COPIES | P | US);
	ck_assert_int_eq(pt_walk(&new[B], 0xffffffff80000000, &walk), PT_OK);
	ck_assert_uint_eq(walk.path[2].raw, (COPIES + 0x200000) | P | PS);
}
END_TEST

START_TEST(copies_of_recursive_tables_map_themselves)
{
	put(0x1000, 510, 0x1000);
	put(0x1000, 0, 0x2000);
	put(0x2000, 3, 0x2000);
	spaces[B].root = 0x1000;
	ck_assert_int_eq(copy(), PT_OK);
	ck_assert_uint_eq(copies[A], 0x80000);
	ck_assert_uint_eq(copies[B], 0x80000);
	ck_assert_uint_eq(tables.next, 0x82000);
	ck_assert_uint_eq(entry(0x80000, 510), 0x80000 | P | RW | US);
	ck_assert_uint_eq(entry(0x80000, 0), 0x81000 | P | RW | US);
	ck_assert_uint_eq(entry(0x81000, 3), 0x81000 | P | RW | US);
}
END_TEST

START_TEST(large_pages_of_32_bit_paging_are_copied_beyond_4_gib)
{
	struct pt_walk walk;

	roots.nr = 1;
	spaces[A].format = &pt_x86_32;
	tables_put(&pt_x86_32, 0x1000, 5, 0x00800000 | 3 << 13 | P | PS | RW);
	ck_assert_int_eq(copy(), PT_OK);
	spaces[A].root = copies[A];
	ck_assert_int_eq(pt_walk(&spaces[A], 0x1412345, &walk), PT_OK);
	ck_assert_uint_eq(walk.pa, COPIES + 0x12345);
	ck_assert_uint_eq(walk.rights, PT_READ | PT_WRITE | PT_EXEC);
}
END_TEST

static int refuse_page(void *ctx, gpa_t pa, uint64_t size, gpa_t *to)
{
	(void)ctx;
	(void)pa;
	(void)size;
	(void)to;
	return -ENOSPC;
}

START_TEST(copy_that_fails_says_why)
{
	tables_map(&spaces[A], 0x1000, 3, 0x200000 | P);
	/* Malformed entries have no copies. */
	put(0x8000, 7, 0x2000 | PS);
	ck_assert_int_eq(copy(), PT_OK);
	ck_assert_uint_eq(entry(copies[B], 7), 0);
	pt_set_init(&roots.tables, table_slots, 64);
	pt_set_init(&roots.pages, page_slots, 64);
	ck_assert_int_eq(
		pt_roots_copy(&roots, &tables_mem, copies, refuse_page, NULL),
		PT_NO_MEMORY);
	pt_set_init(&roots.tables, table_slots, 64);
	tables.next = TABLES_LEN - 0x2000;
	ck_assert_int_eq(
		pt_roots_copy(&roots, &tables_mem, copies, copy_page, NULL),
		PT_NO_MEMORY);
	pt_set_init(&roots.tables, table_slots, 64);
	tables.next = 0x90000;
	tables.unwritable = 0x90000;
	ck_assert_int_eq(
		pt_roots_copy(&roots, &tables_mem, copies, copy_page, NULL),
		PT_UNWRITABLE);
}
END_TEST

static void add_alias_tests(TCase *tcase)
{
	tcase_add_test(tcase, tables_of_different_spaces_are_told_in_order);
	tcase_add_test(tcase, table_of_the_second_level_is_shared);
	tcase_add_test(tcase, table_of_the_third_level_is_shared);
	tcase_add_test(tcase, table_of_the_last_level_is_shared);
	tcase_add_test(tcase, root_itself_is_shared);
	tcase_add_test(tcase, space_shares_with_itself);
	tcase_add_test(tcase, recursive_entry_is_told_once);
	tcase_add_test(tcase, recursion_of_lower_tables_is_told);
	tcase_add_test(tcase, table_at_two_levels_is_two_tables);
	tcase_add_test(tcase, large_leaf_is_no_table);
	tcase_add_test(tcase, shared_page_is_found_again_in_its_size);
	tcase_add_test(tcase, hostile_tables_are_bounded);
	tcase_add_test(tcase, full_set_ends_the_walk);
	tcase_add_test(tcase, malformed_entries_are_told);
	tcase_add_test(tcase, callback_ends_the_walk);
}

Suite *pt_roots_suite(void)
{
	Suite *suite = suite_create("pt_roots");
	TCase *tcase = tcase_create("aliases");

	tcase_add_checked_fixture(tcase, setup, NULL);
	add_alias_tests(tcase);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("copies");
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, copies_share_what_was_shared);
	tcase_add_test(tcase, copies_of_recursive_tables_map_themselves);
	tcase_add_test(tcase,
		       large_pages_of_32_bit_paging_are_copied_beyond_4_gib);
	tcase_add_test(tcase, copy_that_fails_says_why);
	suite_add_tcase(suite, tcase);
	return suite;
}
