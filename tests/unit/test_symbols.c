/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/symbols: which function an address is in, and tables that lie.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "pager/symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/suites.h"
#include "tests/unit/symbol_help.h"

static struct symbols *symbols;

static int open_symbols(void)
{
	image_accept();
	return symbols_open(&symbols, image);
}

static void opens(unsigned class)
{
	symbol_describe(class, 0x100000);
	ck_assert_int_eq(open_symbols(), 0);
}

static void is(uint64_t addr, const char *name, uint64_t offset, uint64_t size)
{
	struct symbol s;

	ck_assert(symbols_find(symbols, addr, &s));
	ck_assert_str_eq(s.name, name);
	ck_assert_uint_eq(s.offset, offset);
	ck_assert_uint_eq(s.size, size);
}

static void is_nothing(uint64_t addr)
{
	struct symbol s;

	ck_assert(!symbols_find(symbols, addr, &s));
}

static void setup(void)
{
	symbols = NULL;
	symbol_reset();
}

static void teardown(void)
{
	symbols_close(symbols);
	image_close(image);
	image = NULL;
}

static const unsigned classes[] = {64, 32};

START_TEST(function_has_its_bytes_and_no_others)
{
	symbol_add("second", 0x100200, 0x80, FUNC, TEXT);
	symbol_add("first", 0x100100, 0x100, LOCAL, TEXT);
	opens(classes[_i]);
	is_nothing(0x1000ff);
	is(0x100100, "first", 0, 0x100);
	is(0x1001ff, "first", 0xff, 0x100);
	is(0x100200, "second", 0, 0x80);
	is(0x10027f, "second", 0x7f, 0x80);
	is_nothing(0x100280);
	is_nothing(0);
	is_nothing(UINT64_MAX);
}
END_TEST

START_TEST(label_of_an_assembler_goes_to_the_next_one)
{
	symbol_add("start", 0x100000, 0, LABEL, TEXT);
	symbol_add("later", 0x100040, 0, LABEL, TEXT);
	symbol_add("data", 0x100900, 0, LABEL, DATA);
	opens(classes[_i]);
	is(0x10003f, "start", 0x3f, 0);
	is(0x100040, "later", 0, 0);
	is(0x1007ff, "later", 0x7bf, 0); /* the section's end */
	is_nothing(0x100800);
	is_nothing(0x100900);
}
END_TEST

START_TEST(what_is_no_code_has_no_name)
{
	symbol_add("file.c", 0, 0, ELF64_ST_INFO(STB_LOCAL, STT_FILE), SHN_ABS);
	symbol_add("constant", 0x100010, 0, LABEL, SHN_ABS);
	symbol_add("variable", 0x100900, 8, OBJECT, DATA);
	symbol_add("object_in_text", 0x100020, 8, OBJECT, TEXT);
	symbol_add("elsewhere", 0x100030, 8, FUNC, SHN_UNDEF);
	symbol_add("f", 0x100100, 16, FUNC, TEXT);
	opens(64);
	is_nothing(0x100010);
	is_nothing(0x100020);
	is_nothing(0x100030);
	is_nothing(0x100900);
	is(0x100100, "f", 0, 16);
}
END_TEST

START_TEST(of_equals_the_better_name_wins)
{
	symbol_add("alias", 0x100100, 0x10, LOCAL, TEXT);
	symbol_add("name", 0x100100, 0x10, FUNC, TEXT);
	symbol_add("label", 0x100100, 0, LABEL, TEXT);
	opens(64);
	is(0x100104, "name", 4, 0x10);
}
END_TEST

START_TEST(function_goes_on_behind_one_inside_it)
{
	symbol_add("outside", 0x100100, 0x100, FUNC, TEXT);
	symbol_add("inside", 0x100120, 0x10, FUNC, TEXT);
	opens(64);
	is(0x10011f, "outside", 0x1f, 0x100);
	is(0x100125, "inside", 5, 0x10);
	is(0x100140, "outside", 0x40, 0x100);
}
END_TEST

START_TEST(function_without_size_or_section_is_one_byte)
{
	symbol_add("odd", 0x100100, 0, FUNC, SHN_ABS);
	opens(64);
	is(0x100100, "odd", 0, 0);
	is_nothing(0x100101);
	is_nothing(UINT64_MAX);
}
END_TEST

START_TEST(function_at_the_end_of_the_space_is_found)
{
	symbol_add("last", UINT64_MAX - 15, 16, FUNC, TEXT);
	opens(64);
	is(UINT64_MAX, "last", 15, 16);
	is_nothing(0);
}
END_TEST

START_TEST(size_that_wraps_is_harmless)
{
	symbol_add("huge", 0x100100, UINT64_MAX, FUNC, TEXT);
	opens(64);
	is(0x100200, "huge", 0x100, UINT64_MAX);
	is_nothing(0x1000ff);
}
END_TEST

START_TEST(dynamic_symbols_serve_where_there_are_no_others)
{
	symbol_add("f", 0x100100, 16, FUNC, TEXT);
	symbol_describe(64, 0x100000);
	w.shdrs[SYMS].sh_type = SHT_DYNSYM;
	ck_assert_int_eq(open_symbols(), 0);
	is(0x100100, "f", 0, 16);
}
END_TEST

START_TEST(image_without_symbols_says_so)
{
	image_good(64);
	ck_assert_int_eq(open_symbols(), -ENOENT);
	image_close(image);
	image_remove();
	symbol_describe(64, 0x100000); /* none but the null symbol */
	ck_assert_int_eq(open_symbols(), -ENOENT);
	image_close(image);
	image_remove();
	symbol_add("f", 0x100100, 16, FUNC, TEXT);
	symbol_describe(64, 0x100000);
	w.shdrs[SYMS].sh_type = SHT_PROGBITS;
	ck_assert_int_eq(open_symbols(), -ENOENT);
}
END_TEST

static void spoil_link(void)
{
	w.shdrs[SYMS].sh_link = 5;
}

static void spoil_link_zero(void)
{
	w.shdrs[SYMS].sh_link = 0;
}

static void spoil_strings_type(void)
{
	w.shdrs[STRS].sh_type = SHT_PROGBITS;
}

static void spoil_entsize(void)
{
	w.shdrs[SYMS].sh_entsize = 1;
}

static void spoil_entsize_zero(void)
{
	w.shdrs[SYMS].sh_entsize = 0;
}

static void spoil_offset(void)
{
	w.shdrs[SYMS].sh_offset = UINT64_MAX - 4;
}

static void spoil_size(void)
{
	w.shdrs[SYMS].sh_size = UINT64_MAX;
}

static void spoil_strings_offset(void)
{
	w.shdrs[STRS].sh_offset = 0x6000000;
}

static void spoil_strings_size(void)
{
	w.shdrs[STRS].sh_size = UINT64_C(1) << 40;
}

static void (*const spoilers[])(void) = {
	spoil_link,    spoil_link_zero,	     spoil_strings_type,
	spoil_entsize, spoil_entsize_zero,   spoil_offset,
	spoil_size,    spoil_strings_offset, spoil_strings_size,
};

START_TEST(damaged_table_is_refused)
{
	symbol_add("f", 0x100100, 16, FUNC, TEXT);
	symbol_describe(64, 0x100000);
	spoilers[_i]();
	ck_assert_int_eq(open_symbols(), -ENOEXEC);
}
END_TEST

START_TEST(name_outside_the_strings_is_left_out)
{
	Elf64_Sym *sym;

	symbol_add("f", 0x100100, 16, FUNC, TEXT);
	symbol_add("g", 0x100200, 16, FUNC, TEXT);
	symbol_describe(64, 0x100000);
	sym = (Elf64_Sym *)(void *)symbol_raw + 1;
	sym->st_name = 0x7fffffff;
	ck_assert_int_eq(open_symbols(), 0);
	is_nothing(0x100100);
	is(0x100200, "g", 0, 16);
}
END_TEST

/* The last name runs into whatever follows. */
START_TEST(strings_without_an_end_are_not_read_beyond)
{
	symbol_add("f", 0x100100, 16, FUNC, TEXT);
	symbol_add("last", 0x100200, 16, FUNC, TEXT);
	symbol_describe(64, 0x100000);
	w.shdrs[STRS].sh_size -= 1;
	ck_assert_int_eq(open_symbols(), 0);
	is(0x100100, "f", 0, 16);
	is_nothing(0x100200);
}
END_TEST

START_TEST(symbol_of_a_section_that_is_not_there_is_harmless)
{
	symbol_add("label", 0x100100, 0, LABEL, 77);
	symbol_add("f", 0x100200, 0, FUNC, 0xff10);
	opens(64);
	is_nothing(0x100100);
	is(0x100200, "f", 0, 0);
}
END_TEST

START_TEST(file_that_shrank_since_is_an_error)
{
	symbol_add("f", 0x100100, 16, FUNC, TEXT);
	symbol_describe(64, 0x100000);
	image_accept();
	ck_assert_int_eq(truncate(image_path, STRTAB + 1), 0);
	ck_assert_int_eq(symbols_open(&symbols, image), -ENOEXEC);
	ck_assert_int_eq(truncate(image_path, 0), 0);
	ck_assert_int_eq(symbols_open(&symbols, image), -ENOEXEC);
}
END_TEST

START_TEST(table_larger_than_the_bound_is_refused_unread)
{
	uint64_t size = SYMBOLS_MAX_BYTES + sizeof(Elf64_Sym);

	symbol_add("f", 0x100100, 16, FUNC, TEXT);
	symbol_describe(64, 0x100000);
	w.shdrs[SYMS].sh_size = size;
	w.size = SYMTAB + size; /* sparse */
	ck_assert_int_eq(open_symbols(), -EFBIG);
}
END_TEST

Suite *symbols_suite(void)
{
	Suite *suite = suite_create("symbols");
	TCase *tcase = image_case("symbols");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, function_has_its_bytes_and_no_others, 0, 2);
	tcase_add_loop_test(tcase, label_of_an_assembler_goes_to_the_next_one,
			    0, 2);
	tcase_add_test(tcase, what_is_no_code_has_no_name);
	tcase_add_test(tcase, of_equals_the_better_name_wins);
	tcase_add_test(tcase, function_goes_on_behind_one_inside_it);
	tcase_add_test(tcase, function_without_size_or_section_is_one_byte);
	tcase_add_test(tcase, function_at_the_end_of_the_space_is_found);
	tcase_add_test(tcase, size_that_wraps_is_harmless);
	tcase_add_test(tcase, dynamic_symbols_serve_where_there_are_no_others);
	tcase_add_test(tcase, image_without_symbols_says_so);
	tcase_add_loop_test(tcase, damaged_table_is_refused, 0,
			    sizeof(spoilers) / sizeof(*spoilers));
	tcase_add_test(tcase, name_outside_the_strings_is_left_out);
	tcase_add_test(tcase, strings_without_an_end_are_not_read_beyond);
	tcase_add_test(tcase,
		       symbol_of_a_section_that_is_not_there_is_harmless);
	tcase_add_test(tcase, file_that_shrank_since_is_an_error);
	tcase_add_test(tcase, table_larger_than_the_bound_is_refused_unread);
	suite_add_tcase(suite, tcase);
	return suite;
}
