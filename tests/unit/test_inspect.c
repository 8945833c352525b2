/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/inspect: numbers, words, JSON, pictures.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "tests/unit/table_help.h"
#include "vmm/inspect/json.h"
#include "vmm/number.h"
#include "vmm/inspect/tree.h"
#include "vmm/inspect/words.h"

#define NR(array) ((int)(sizeof(array) / sizeof((array)[0])))

START_TEST(numbers_are_decimal_or_hexadecimal)
{
	uint64_t n;

	ck_assert(number_parse("31", &n) && n == 31);
	ck_assert(number_parse("010", &n) && n == 10);
	ck_assert(number_parse("0x1F", &n) && n == 31);
	ck_assert(number_parse("0Xff", &n) && n == 255);
	ck_assert(number_parse("0xffffffffffffffff", &n) && n == UINT64_MAX);
	ck_assert(number_parse("18446744073709551615", &n) && n == UINT64_MAX);
}
END_TEST

static const char *const no_numbers[] = {
	"",
	"-1",
	"+1",
	" 1",
	"1 ",
	"0x",
	"x1",
	"1f",
	"0x1g",
	"0x0x1",
	"1e3",
	"0x-1",
	"0x 1",
	"12345678901234567890123",
	"18446744073709551616",
	"0x10000000000000000",
};

START_TEST(what_is_no_number_is_none)
{
	uint64_t n;

	ck_assert(!number_parse(no_numbers[_i], &n));
}
END_TEST

START_TEST(sizes_are_written_in_the_largest_unit_that_fits)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{4096, "4K"},
		{UINT64_C(2) << 20, "2M"},
		{UINT64_C(3) << 30, "3G"},
		{UINT64_C(1) << 39, "512G"},
		{UINT64_C(5) << 60, "5E"},
		{0x1001000, "16388K"},
		{0x123, "0x123"},
		{0, "16E"}, /* 2^64 */
	};
	char buf[WORDS_ROOM];

	for (int i = 0; i < NR(sizes); i++)
		ck_assert_str_eq(words_size(sizes[i].bytes, buf),
				 sizes[i].text);
}
END_TEST

START_TEST(rights_that_a_format_lacks_have_no_letter)
{
	char buf[WORDS_ROOM];

	ck_assert_str_eq(words_rights(&pt_x86_64, PT_READ | PT_USER, buf),
			 "r--u");
	ck_assert_str_eq(words_rights(&pt_ept, PT_WRITE | PT_EXEC, buf), "-wx");
	ck_assert_str_eq(words_rights(&pt_sv39, 0, buf), "----");
	ck_assert_str_eq(
		words_rights(&pt_aarch64, PT_READ | PT_KERNEL_EXEC, buf),
		"r---k");
	ck_assert_str_eq(words_rights(&pt_x86_off, PT_READ, buf), "r---");
}
END_TEST

START_TEST(codes_are_told_bit_by_bit)
{
	static const struct {
		enum paging_arch arch;
		uint64_t code;
		const char *text;
	} codes[] = {
		{PAGING_X86, 0, ""},
		{PAGING_X86, 0x3f, "P W U RSVD I/D PK"},
		{PAGING_X86, 0x15, "P U I/D"},
		{PAGING_EPT, 0x181, "read"},
		{PAGING_EPT, 0x1aa, "write R X"},
		{PAGING_RISCV, 15, "store page fault"},
		{PAGING_RISCV, 14, ""},
		{PAGING_RISCV, UINT64_MAX, ""},
		{PAGING_AARCH64, 0x0f, "permission fault, level 3"},
		{PAGING_AARCH64, 0x04, "translation fault, level 0"},
	};
	char buf[WORDS_ROOM];

	for (int i = 0; i < NR(codes); i++) {
		const struct pt_fault fault = {PT_FAULT_PAGE, codes[i].code,
					       ""};

		ck_assert_str_eq(words_code(codes[i].arch, &fault, buf),
				 codes[i].text);
	}
}
END_TEST

START_TEST(json_is_written_as_it_comes)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct json j;

	json_begin(&j, out);
	json_address(&j, "a", UINT64_MAX);
	json_array(&j, "b");
	json_object(&j, NULL);
	json_number(&j, "c", UINT64_MAX);
	json_flag(&j, "d", true);
	json_close(&j);
	json_text(&j, NULL, "say \"\\\"");
	json_close(&j);
	json_array(&j, "e");
	json_close(&j);
	json_text(&j, "f", NULL);
	json_object(&j, "g");
	json_array(&j, "h");
	json_finish(&j);
	fclose(out);
	ck_assert_str_eq(text, "{\"a\":\"0xffffffffffffffff\",\"b\":[\n"
			       "{\"c\":18446744073709551615,\"d\":true},\n"
			       "\"say \\\"\\\\\\\"\"],\"e\":[],\"f\":null,"
			       "\"g\":{\"h\":[]}}\n");
	free(text);
}
END_TEST

/* Pictures. */

static struct tree tree;

static void build(size_t max_boxes)
{
	static struct pt_space space;

	space = pt_space(&pt_x86_64, &tables_mem, 0x1000);
	ck_assert_int_eq(tree_build(&tree, &space, 0, UINT64_MAX, max_boxes),
			 0);
}

static void line_is(size_t box, unsigned index, const char *text)
{
	const struct tree_group *group;
	char line[TREE_LINE];

	ck_assert(tree_line(&tree, &tree.boxes[box], index, line, &group));
	ck_assert_str_eq(line, text);
}

static void lines_are(size_t box, unsigned nr)
{
	const struct tree_group *group;
	char line[TREE_LINE];

	ck_assert(!tree_line(&tree, &tree.boxes[box], nr, line, &group));
}

static void put(gpa_t table, unsigned index, uint64_t entry)
{
	tables_put(&pt_x86_64, table, index, entry);
}

START_TEST(pages_that_go_on_are_one_line)
{
	tables_reset();
	put(0x1000, 0, 0x2000 | P | RW | US);
	put(0x2000, 3, 0x3000 | P | RW);
	put(0x3000, 0, 0x200000 | P | RW | PS);
	put(0x3000, 1, 0x400000 | P | RW | PS);
	put(0x3000, 2, 0x600000 | P | PS);
	put(0x3000, 4, 0x802000 | P | PS);
	put(0x3000, 5, 0xa02000 | P | PS);
	build(16);
	ck_assert_uint_eq(tree.nr_boxes, 3);
	line_is(0, 0, "PML4Es at 0x1000");
	line_is(0, 1, "for 0x0");
	line_is(0, 2, "0: table rwxu");
	line_is(2, 1, "for 0xc0000000");
	line_is(2, 2, "0-1: 2M rwx- 0x200000");
	line_is(2, 3, "2: 2M r-x- 0x600000");
	line_is(2, 4, "4-5: reserved bits 0x2000");
	lines_are(2, 5);
	ck_assert_uint_eq(tree.boxes[1].groups[0].box, 2);
	ck_assert(tree.malformed && !tree.unreadable);
	tree_fini(&tree);
}
END_TEST

START_TEST(recursive_entry_leads_back)
{
	tables_reset();
	put(0x1000, 510, 0x1000 | P | RW);
	build(16);
	ck_assert_uint_eq(tree.nr_boxes, 1);
	ck_assert_uint_eq(tree.boxes[0].groups[0].box, 0);
	tree_fini(&tree);
}
END_TEST

START_TEST(tables_without_room_are_counted)
{
	tables_reset();
	for (unsigned i = 0; i < 40; i++)
		put(0x1000, 2 * i, (0x2000 + i * 0x1000) | P);
	build(3);
	ck_assert_uint_eq(tree.nr_boxes, 1 + 3);
	ck_assert_uint_eq(tree.level_hidden[1], 40 - 3);
	ck_assert_uint_eq(tree.boxes[0].nr_groups, TREE_GROUPS);
	line_is(0, 2 + 2, "4: table r-x-");
	line_is(0, 2 + 3, "6: table r-x-, not shown");
	line_is(0, 2 + TREE_GROUPS, "and 24 more entries");
	lines_are(0, 2 + TREE_GROUPS + 1);
	tree_fini(&tree);
}
END_TEST

START_TEST(table_outside_memory_is_a_box_that_says_so)
{
	tables_reset();
	put(0x1000, 0, 0x40000000 | P);
	build(16);
	ck_assert_uint_eq(tree.nr_boxes, 2);
	ck_assert(tree.unreadable);
	line_is(1, 2, "not in the memory given");
	tree_fini(&tree);
}
END_TEST

START_TEST(picture_has_a_box_for_each_table_and_an_arrow_for_each_entry)
{
	int (*const pictures[])(FILE * out, const struct tree *t) = {tree_dot,
								     tree_svg};
	const char *const boxes[] = {"[label=\"{", "rx=\"4\""};
	const char *const arrows[] = {" -> ", "marker-end"};
	unsigned nr_boxes = 0, nr_arrows = 0;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	tables_reset();
	put(0x1000, 0, 0x2000 | P);
	put(0x1000, 1, 0x2000 | P);
	put(0x1000, 510, 0x1000 | P);
	build(16);
	ck_assert_int_eq(pictures[_i](out, &tree), 0);
	fclose(out);
	for (const char *at = text; (at = strstr(at, boxes[_i])); at++)
		nr_boxes++;
	for (const char *at = text; (at = strstr(at, arrows[_i])); at++)
		nr_arrows++;
	ck_assert_uint_eq(nr_boxes, 2);
	ck_assert_uint_eq(nr_arrows, 3);
	free(text);
	tree_fini(&tree);
}
END_TEST

Suite *inspect_suite(void)
{
	Suite *suite = suite_create("inspect");
	TCase *tcase = tcase_create("words");

	tcase_add_test(tcase, numbers_are_decimal_or_hexadecimal);
	tcase_add_loop_test(tcase, what_is_no_number_is_none, 0,
			    NR(no_numbers));
	tcase_add_test(tcase, sizes_are_written_in_the_largest_unit_that_fits);
	tcase_add_test(tcase, rights_that_a_format_lacks_have_no_letter);
	tcase_add_test(tcase, codes_are_told_bit_by_bit);
	tcase_add_test(tcase, json_is_written_as_it_comes);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("tree");
	tcase_add_test(tcase, pages_that_go_on_are_one_line);
	tcase_add_test(tcase, recursive_entry_leads_back);
	tcase_add_test(tcase, tables_without_room_are_counted);
	tcase_add_test(tcase, table_outside_memory_is_a_box_that_says_so);
	tcase_add_loop_test(
		tcase,
		picture_has_a_box_for_each_table_and_an_arrow_for_each_entry, 0,
		2);
	suite_add_tcase(suite, tcase);
	return suite;
}
