/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/pt/pt_blob: page tables as data. What is written is compared word by word
 * with tables made by hand; what is read is also nonsense.
 */
#include "pager/pt/pt_blob.h"

#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

#define MIB   (UINT64_C(1) << 20)
#define GIB   (UINT64_C(1) << 30)
#define NONE  PT_BLOB_NONE
#define LARGE PT_BLOB_LARGE

#define ROOM 64 /* tables */

static uint64_t tables[ROOM][PT_BLOB_ENTRIES];
static struct pt_blob_writer writer;
static struct pt_blob blob;

static void set_up(void)
{
	memset(tables, 0x55, sizeof(tables));
	writer = (struct pt_blob_writer){
		.tables = tables[0],
		.room = ROOM,
		.levels = 4,
	};
}

/* Adds a space; its root. */
static uint64_t put(const struct pt_blob_pages *pages, uint64_t nr)
{
	uint64_t root = 1, counted = 1;
	struct pt_blob_writer counter = {
		.levels = writer.levels,
		.used = writer.used,
	};

	ck_assert_int_eq(pt_blob_put(&writer, pages, nr, &root), PT_OK);
	ck_assert_int_eq(pt_blob_put(&counter, pages, nr, &counted), PT_OK);
	ck_assert_uint_eq(counter.used, writer.used);
	ck_assert_uint_eq(counted, root);
	blob = (struct pt_blob){tables[0], writer.used * PAGE_SIZE,
				writer.levels};
	return root;
}

/* The table has these entries, in order, and no other. */
struct entry {
	unsigned index;
	uint64_t value;
};

static void table_is(unsigned table, const struct entry *want, unsigned nr)
{
	for (unsigned i = 0; i < PT_BLOB_ENTRIES; i++) {
		uint64_t value = NONE;

		for (unsigned k = 0; k < nr; k++)
			if (want[k].index == i)
				value = want[k].value;
		ck_assert_msg(tables[table][i] == value,
			      "table %u, entry %u is %#lx, not %#lx", table, i,
			      (unsigned long)tables[table][i],
			      (unsigned long)value);
	}
}

#define TABLE_IS(table, ...)                                   \
	table_is((table), (const struct entry[]){__VA_ARGS__}, \
		 sizeof((const struct entry[]){__VA_ARGS__}) / \
			 sizeof(struct entry))

/* A child of two pages of ELF, a large region, and a page of stack. */
static const struct pt_blob_pages child[] = {
	{0x200000, PAGE_SIZE, 1, 2},
	{0x400000, 2 * MIB, 3, 1},
	{0x7ffff000, PAGE_SIZE, 4, 1},
};

START_TEST(tables_come_before_those_that_lead_to_them)
{
	ck_assert_uint_eq(put(child, 3), 0x5000);
	ck_assert_uint_eq(writer.used, 6);
	TABLE_IS(0, {0, 1}, {1, 2});
	TABLE_IS(1, {1, 0}, {2, LARGE | 3});
	TABLE_IS(2, {511, 4});
	TABLE_IS(3, {511, 0x2000});
	TABLE_IS(4, {0, 0x1000}, {1, 0x3000});
	TABLE_IS(5, {0, 0x4000});
}
END_TEST

START_TEST(spaces_follow_each_other_with_a_root_each)
{
	const struct pt_blob_pages page = {0x1000, PAGE_SIZE, 7, 1};
	struct pt_blob_leaf leaf;

	ck_assert_uint_eq(put(&page, 1), 0x3000);
	ck_assert_uint_eq(put(child, 3), 0x9000);
	TABLE_IS(5, {1, 0x4000}, {2, LARGE | 3});
	ck_assert_int_eq(pt_blob_find(&blob, 0x3000, 0x1000, &leaf), PT_OK);
	ck_assert_uint_eq(leaf.frame, 7);
	ck_assert_int_eq(pt_blob_find(&blob, 0x9000, 0x1000, &leaf), PT_ABSENT);
}
END_TEST

START_TEST(empty_space_is_one_empty_table)
{
	ck_assert_uint_eq(put(NULL, 0), 0);
	ck_assert_uint_eq(writer.used, 1);
	table_is(0, NULL, 0);
}
END_TEST

START_TEST(pages_far_apart_have_tables_of_their_own)
{
	static const struct pt_blob_pages pages[] = {
		{0x1000, PAGE_SIZE, 0, 1},
		{0x40000000, PAGE_SIZE, 1, 1},
		{0x8000000000, PAGE_SIZE, 2, 1},
		{0x7ffffffff000, PAGE_SIZE, 3, 1},
	};
	struct pt_blob_leaf leaf;
	uint64_t root = put(pages, 4);

	ck_assert_uint_eq(writer.used, 4 + 4 + 3 + 1);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(
			pt_blob_find(&blob, root, pages[i].va + 0xfff, &leaf),
			PT_OK);
		ck_assert_uint_eq(leaf.frame, i);
		ck_assert_uint_eq(leaf.va, pages[i].va);
		ck_assert_uint_eq(leaf.page_size, PAGE_SIZE);
	}
}
END_TEST

START_TEST(pages_go_on_from_table_to_table)
{
	/* 3 tables' worth, beginning in the middle of one. */
	const struct pt_blob_pages pages = {0x3fe00000 + 0x100000, PAGE_SIZE, 9,
					    3 * 512};
	struct pt_blob_leaf leaf;
	uint64_t root = put(&pages, 1);

	/* They pass 1 GiB: 4 of the last level, 2 above. */
	ck_assert_uint_eq(writer.used, 4 + 2 + 1 + 1);
	for (unsigned i = 0; i < 3 * 512; i++) {
		ck_assert_int_eq(pt_blob_find(&blob, root,
					      pages.va + i * PAGE_SIZE, &leaf),
				 PT_OK);
		ck_assert_uint_eq(leaf.frame, 9 + i);
	}
	ck_assert_int_eq(pt_blob_find(&blob, root, pages.va - 1, &leaf),
			 PT_ABSENT);
	ck_assert_int_eq(
		pt_blob_find(&blob, root, pages.va + 3 * 2 * MIB, &leaf),
		PT_ABSENT);
}
END_TEST

START_TEST(levels_are_the_formats)
{
	/* Behind the last address that a level fewer has. */
	const gva_t last = (UINT64_C(1) << (12 + 9 * _i)) - PAGE_SIZE;
	const struct pt_blob_pages pages = {last, PAGE_SIZE, 6, 1};
	const struct pt_blob_pages beyond = {last + PAGE_SIZE, PAGE_SIZE, 6, 1};
	struct pt_blob_leaf leaf;
	uint64_t root;

	writer.levels = (unsigned)_i;
	ck_assert_uint_eq(put(&pages, 1), (unsigned)(_i - 1) * PAGE_SIZE);
	root = (unsigned)(_i - 1) * PAGE_SIZE;
	ck_assert_int_eq(pt_blob_find(&blob, root, last, &leaf), PT_OK);
	ck_assert_uint_eq(leaf.frame, 6);
	ck_assert_int_eq(pt_blob_find(&blob, root, last + PAGE_SIZE, &leaf),
			 PT_TOO_WIDE);
	ck_assert_int_eq(pt_blob_find(&blob, root, UINT64_MAX, &leaf),
			 PT_TOO_WIDE);
	ck_assert_int_eq(pt_blob_put(&writer, &beyond, 1, &root),
			 PT_OUT_OF_RANGE);
}
END_TEST

START_TEST(page_of_1_gib_is_a_leaf_two_levels_up)
{
	const struct pt_blob_pages pages = {3 * GIB, GIB, 5, 2};
	struct pt_blob_leaf leaf;
	uint64_t root = put(&pages, 1);

	ck_assert_uint_eq(writer.used, 2);
	TABLE_IS(0, {3, LARGE | 5}, {4, LARGE | 6});
	ck_assert_int_eq(pt_blob_find(&blob, root, 4 * GIB + 12345, &leaf),
			 PT_OK);
	ck_assert_uint_eq(leaf.va, 4 * GIB);
	ck_assert_uint_eq(leaf.page_size, GIB);
	ck_assert_uint_eq(leaf.frame, 6);
}
END_TEST

/* Pages of which two want one entry, or that are not in order. */
static const struct pt_blob_pages clashes[][2] = {
	{{0x1000, PAGE_SIZE, 0, 3}, {0x2000, PAGE_SIZE, 9, 1}},
	{{0x1000, PAGE_SIZE, 0, 1}, {0x1000, PAGE_SIZE, 0, 1}},
	{{0x400000, 2 * MIB, 0, 1}, {0x401000, PAGE_SIZE, 9, 1}},
	{{0x400000, PAGE_SIZE, 0, 1}, {0x400000, 2 * MIB, 9, 1}},
	{{0x400000, PAGE_SIZE, 0, 513}, {0x401000, PAGE_SIZE, 9, 1}},
	{{0x40000000, PAGE_SIZE, 0, 1}, {0x40000000, GIB, 9, 1}},
	{{0x40200000, PAGE_SIZE, 0, 1}, {0x40000000, PAGE_SIZE, 9, 1}},
};

START_TEST(two_pages_for_an_entry_are_refused)
{
	uint64_t root;

	ck_assert_int_eq(pt_blob_put(&writer, clashes[_i], 2, &root),
			 PT_MAPPED);
}
END_TEST

START_TEST(no_table_is_written_beyond_the_room)
{
	for (writer.room = 0; writer.room < 6; writer.room++) {
		uint64_t room = writer.room, root;

		set_up();
		writer.room = room;
		ck_assert_int_eq(pt_blob_put(&writer, child, 3, &root),
				 PT_NO_MEMORY);
		ck_assert_uint_eq(tables[room][0], 0x5555555555555555);
	}
}
END_TEST

/* --- reading --------------------------------------------------------------- */

static struct pt_blob_leaf leaves[8];
static unsigned nr_leaves, max_leaves;

static int note_leaf(void *ctx, const struct pt_blob_leaf *leaf)
{
	(void)ctx;
	ck_assert_uint_lt(nr_leaves, 8);
	leaves[nr_leaves++] = *leaf;
	return nr_leaves == max_leaves;
}

START_TEST(leaves_come_in_order)
{
	static const struct pt_blob_leaf want[] = {
		{0x200000, PAGE_SIZE, 1},
		{0x201000, PAGE_SIZE, 2},
		{0x400000, 2 * MIB, 3},
		{0x7ffff000, PAGE_SIZE, 4},
	};
	uint64_t root = put(child, 3);

	ck_assert_int_eq(pt_blob_leaves(&blob, root, note_leaf, NULL), PT_OK);
	ck_assert_uint_eq(nr_leaves, 4);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(leaves[i].va, want[i].va);
		ck_assert_uint_eq(leaves[i].page_size, want[i].page_size);
		ck_assert_uint_eq(leaves[i].frame, want[i].frame);
	}
}
END_TEST

START_TEST(whoever_has_seen_enough_ends_it)
{
	uint64_t root = put(child, 3);

	max_leaves = 2;
	ck_assert_int_eq(pt_blob_leaves(&blob, root, note_leaf, NULL), PT_OK);
	ck_assert_uint_eq(nr_leaves, 2);
}
END_TEST

static struct pt_blob_run runs[8];
static unsigned nr_runs, max_runs;

static int note_run(void *ctx, const struct pt_blob_run *run)
{
	(void)ctx;
	ck_assert_uint_lt(nr_runs, 8);
	runs[nr_runs++] = *run;
	return nr_runs == max_runs;
}

/* Frames from 100 on have other rights. */
static unsigned rights_of(void *ctx, uint64_t frame)
{
	(void)ctx;
	return frame < 100 ? 5 : 6;
}

static const struct pt_blob_runs_fns fns = {rights_of, note_run, NULL};

static void run_is(unsigned i, gva_t first, gva_t last, uint64_t page_size,
		   unsigned rights)
{
	ck_assert_uint_eq(runs[i].first, first);
	ck_assert_uint_eq(runs[i].last, last);
	ck_assert_uint_eq(runs[i].page_size, page_size);
	ck_assert_uint_eq(runs[i].rights, rights);
}

START_TEST(runs_end_where_size_rights_or_addresses_do)
{
	static const struct pt_blob_pages pages[] = {
		{0x1ff000, PAGE_SIZE, 98, 4}, /* over a table's end */
		{0x204000, PAGE_SIZE, 200, 1},
		{0x3ff000, PAGE_SIZE, 300, 1},
		{0x400000, 2 * MIB, 400, 2},
		{0x7fffffffe000, PAGE_SIZE, 1, 1},
		{0x7ffffffff000, PAGE_SIZE, 50, 1}, /* frames need not go on */
	};
	uint64_t root = put(pages, 6);

	ck_assert_int_eq(pt_blob_runs(&blob, root, &fns), PT_OK);
	ck_assert_uint_eq(nr_runs, 6);
	run_is(0, 0x1ff000, 0x200fff, PAGE_SIZE, 5);
	run_is(1, 0x201000, 0x202fff, PAGE_SIZE, 6);
	run_is(2, 0x204000, 0x204fff, PAGE_SIZE, 6);
	run_is(3, 0x3ff000, 0x3fffff, PAGE_SIZE, 6);
	run_is(4, 0x400000, 0x7fffff, 2 * MIB, 6);
	run_is(5, 0x7fffffffe000, 0x7fffffffffff, PAGE_SIZE, 5);
}
END_TEST

START_TEST(runs_of_nothing_are_none_and_of_enough_no_more)
{
	uint64_t root = put(NULL, 0);

	ck_assert_int_eq(pt_blob_runs(&blob, root, &fns), PT_OK);
	ck_assert_uint_eq(nr_runs, 0);
	root = put(child, 3);
	max_runs = 1;
	ck_assert_int_eq(pt_blob_runs(&blob, root, &fns), PT_OK);
	ck_assert_uint_eq(nr_runs, 1);
}
END_TEST

/* The child's blob, with one word or another thing changed, and looked up at
 * 0x200000. */
static const struct bad {
	const char *name;
	unsigned table, index;
	uint64_t value;
	enum pt_status status;
} bad[] = {
	{"offset is no table's", 4, 0, 0x1008, PT_UNREADABLE},
	{"offset is the end", 4, 0, 0x6000, PT_UNREADABLE},
	{"offset is beyond", 4, 0, 0x7ffffffffffff000, PT_UNREADABLE},
	{"table leads to itself", 4, 0, 0x4000, PT_RESERVED},
	{"table leads to its root", 4, 0, 0x5000, PT_RESERVED},
	{"page of 512 GiB", 5, 0, LARGE | 1, PT_RESERVED},
	{"large page at the last level", 0, 0, LARGE | 1, PT_RESERVED},
	{"nothing", 1, 1, NONE, PT_ABSENT},
};

START_TEST(bad_entry_is_told_and_not_followed)
{
	const struct bad *b = &bad[_i];
	uint64_t root = put(child, 3);
	struct pt_blob_leaf leaf;
	enum pt_status all;

	tables[b->table][b->index] = b->value;
	ck_assert_msg(pt_blob_find(&blob, root, 0x200000, &leaf) == b->status,
		      "%s", b->name);
	all = b->status == PT_ABSENT ? PT_OK : b->status;
	ck_assert_msg(pt_blob_leaves(&blob, root, note_leaf, NULL) == all, "%s",
		      b->name);
}
END_TEST

START_TEST(root_that_is_none_is_told)
{
	static const uint64_t roots[] = {NONE, 0x6000, 0x5001, LARGE};
	struct pt_blob_leaf leaf;

	put(child, 3);
	for (unsigned i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		ck_assert_int_eq(pt_blob_find(&blob, roots[i], 0, &leaf),
				 PT_UNREADABLE);
		ck_assert_int_eq(pt_blob_runs(&blob, roots[i], &fns),
				 PT_UNREADABLE);
	}
	blob.bytes = 0;
	ck_assert_int_eq(pt_blob_find(&blob, 0, 0, &leaf), PT_UNREADABLE);
	blob.bytes = PAGE_SIZE - 1;
	ck_assert_int_eq(pt_blob_find(&blob, 0, 0, &leaf), PT_UNREADABLE);
}
END_TEST

/* 512^3 ways lead to an empty table. */
START_TEST(ways_without_number_come_to_an_end)
{
	memset(tables[0], 0xff, sizeof(tables[0]));
	for (unsigned level = 1; level < 4; level++)
		for (unsigned i = 0; i < PT_BLOB_ENTRIES; i++)
			tables[level][i] = (level - 1) * PAGE_SIZE;
	blob = (struct pt_blob){tables[0], 4 * PAGE_SIZE, 4};
	ck_assert_int_eq(pt_blob_leaves(&blob, 0x3000, note_leaf, NULL),
			 PT_RESERVED);
}
END_TEST

/* An entry of a kind that a reader may stumble over. */
static uint64_t random_entry(void)
{
	static const uint64_t odd[] = {NONE,   LARGE, LARGE | 7,
				       0x1001, 1,     ROOM * PAGE_SIZE};
	unsigned r = (unsigned)rand();

	return r & 1 ? odd[(r >> 1) % (sizeof(odd) / sizeof(*odd))]
		     : (r >> 1) % (ROOM + 1) * PAGE_SIZE;
}

static int count_leaf(void *ctx, const struct pt_blob_leaf *leaf)
{
	uint64_t *nr = ctx;

	(void)leaf;
	(*nr)++;
	return 0;
}

START_TEST(nonsense_is_read_within_its_bounds)
{
	uint64_t *bytes = malloc(ROOM * PAGE_SIZE); /* for sanitizers */

	ck_assert_ptr_nonnull(bytes);
	srand(1);
	blob = (struct pt_blob){bytes, ROOM * PAGE_SIZE, 4};
	for (unsigned round = 0; round < 50; round++) {
		uint64_t nr = 0;

		for (unsigned i = 0; i < ROOM * PT_BLOB_ENTRIES; i++)
			bytes[i] = random_entry();
		for (unsigned i = 0; i < 200; i++) {
			struct pt_blob_leaf leaf;
			gva_t va = (gva_t)rand() << 20 ^ (gva_t)rand();

			if (!pt_blob_find(&blob, random_entry(), va, &leaf))
				ck_assert_uint_lt(va - leaf.va, leaf.page_size);
		}
		pt_blob_leaves(&blob, (ROOM - 1) * PAGE_SIZE, count_leaf, &nr);
		ck_assert_uint_le(nr, ROOM * PT_BLOB_ENTRIES);
	}
	free(bytes);
}
END_TEST

Suite *pt_blob_suite(void)
{
	Suite *s = suite_create("pt_blob");
	TCase *tc = tcase_create("write");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, tables_come_before_those_that_lead_to_them);
	tcase_add_test(tc, spaces_follow_each_other_with_a_root_each);
	tcase_add_test(tc, empty_space_is_one_empty_table);
	tcase_add_test(tc, pages_far_apart_have_tables_of_their_own);
	tcase_add_test(tc, pages_go_on_from_table_to_table);
	tcase_add_loop_test(tc, levels_are_the_formats, 2, 6);
	tcase_add_test(tc, page_of_1_gib_is_a_leaf_two_levels_up);
	tcase_add_loop_test(tc, two_pages_for_an_entry_are_refused, 0,
			    sizeof(clashes) / sizeof(*clashes));
	tcase_add_test(tc, no_table_is_written_beyond_the_room);
	suite_add_tcase(s, tc);

	tc = tcase_create("read");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, leaves_come_in_order);
	tcase_add_test(tc, whoever_has_seen_enough_ends_it);
	tcase_add_test(tc, runs_end_where_size_rights_or_addresses_do);
	tcase_add_test(tc, runs_of_nothing_are_none_and_of_enough_no_more);
	tcase_add_loop_test(tc, bad_entry_is_told_and_not_followed, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_test(tc, root_that_is_none_is_told);
	tcase_add_test(tc, ways_without_number_come_to_an_end);
	tcase_add_test(tc, nonsense_is_read_within_its_bounds);
	suite_add_tcase(s, tc);
	return s;
}
