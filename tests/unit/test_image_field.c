/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields that image_open refuses, and with what words: each file is a
 * good one with one field spoiled. Those about e_entry: test_image.c.
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/image_help.h"

/* ---- ELF header ---- */

START_TEST(unknown_class_is_refused)
{
	image_good(64);
	w.ehdr.e_ident[EI_CLASS] = _i ? 3 : 0;
	image_refuse("EI_CLASS", _i ? "3" : "0");
}
END_TEST

START_TEST(big_endian_is_refused)
{
	image_good(64);
	w.ehdr.e_ident[EI_DATA] = ELFDATA2MSB;
	image_refuse("EI_DATA 2", "big-endian");
}
END_TEST

START_TEST(unknown_byte_order_is_refused)
{
	image_good(64);
	w.ehdr.e_ident[EI_DATA] = 7;
	image_refuse("EI_DATA", "7");
}
END_TEST

START_TEST(unknown_versions_are_refused)
{
	image_good(64);
	w.ehdr.e_ident[EI_VERSION] = 2;
	image_refuse("EI_VERSION", "2");
	image_good(32);
	w.ehdr.e_version = 0x101;
	image_refuse("e_version", "257");
}
END_TEST

START_TEST(other_architecture_is_refused_by_name)
{
	static const struct {
		unsigned class;
		uint16_t machine;
		const char *number, *name;
	} machines[] = {
		{64, EM_AARCH64, "183", "AArch64"},
		{64, EM_RISCV, "243", "RISC-V"},
		{32, EM_ARM, "40", "ARM"},
		{32, EM_MIPS, "8", "MIPS"},
		{64, EM_386, "3", "i386 is ELF32"},
		{64, EM_NONE, "0", "none"},
		{64, 0xbeef, "48879", "unknown"},
	};

	image_good(machines[_i].class);
	w.ehdr.e_machine = machines[_i].machine;
	image_refuse(machines[_i].number, machines[_i].name);
	ck_assert_ptr_nonnull(strstr(err.text, "e_machine"));
}
END_TEST

START_TEST(other_type_is_refused_with_a_hint)
{
	static const struct {
		uint16_t type;
		const char *name, *hint;
	} types[] = {
		{ET_REL, "ET_REL", "ld -T"},
		{ET_CORE, "ET_CORE", "core dump"},
		{ET_NONE, "e_type 0", "ET_EXEC"},
		{0xff00, "e_type 65280", "ET_EXEC"},
	};

	image_good(64);
	w.ehdr.e_type = types[_i].type;
	image_refuse(types[_i].name, types[_i].hint);
}
END_TEST

/* /bin/ls and its like; FreeBSD's kernel has a PT_INTERP in an ET_EXEC. */
START_TEST(program_for_a_dynamic_linker_is_refused)
{
	image_good(64);
	elf_writer_phdr(&w, PT_INTERP, 0x1000, 8);
	image_accept();
	image_close(image);
	image_good(64);
	elf_writer_phdr(&w, PT_INTERP, 0x1000, 8);
	w.ehdr.e_type = ET_DYN;
	image_refuse("PT_INTERP", "program header 1");
}
END_TEST

START_TEST(wrong_header_size_is_refused)
{
	image_good(_i ? 32 : 64);
	w.ehdr.e_ehsize++;
	image_refuse("e_ehsize", _i ? "53" : "65");
}
END_TEST

START_TEST(wrong_program_header_size_is_refused)
{
	image_good(_i ? 32 : 64);
	w.ehdr.e_phentsize--;
	image_refuse("e_phentsize", _i ? "31" : "55");
}
END_TEST

START_TEST(no_program_headers_are_refused)
{
	image_good(64);
	w.ehdr.e_phnum = 0;
	image_refuse("e_phnum 0", "nothing to load");
}
END_TEST

START_TEST(program_headers_inside_the_header_are_refused)
{
	image_good(_i ? 32 : 64);
	w.ehdr.e_phoff -= 4;
	image_refuse("e_phoff", _i ? "0x30" : "0x3c");
}
END_TEST

START_TEST(program_headers_outside_the_file_are_refused)
{
	static const uint64_t offsets[] = {
		0x2000 - sizeof(Elf64_Phdr) + 1,     0x2000,	 INT64_MAX,
		UINT64_MAX - sizeof(Elf64_Phdr) + 1, UINT64_MAX,
	};
	char value[32];

	image_good(64);
	w.ehdr.e_phoff = offsets[_i];
	snprintf(value, sizeof(value), "0x%jx", (uintmax_t)offsets[_i]);
	image_refuse("e_phoff", value);
	ck_assert_ptr_nonnull(strstr(err.text, "0x2000"));
}
END_TEST

START_TEST(pn_xnum_without_section_table_is_refused)
{
	image_good(64);
	w.ehdr.e_phnum = PN_XNUM;
	image_refuse("PN_XNUM", "e_shoff 0x0");
}
END_TEST

START_TEST(pn_xnum_with_section_0_outside_the_file_is_refused)
{
	image_good(64);
	elf_writer_section(&w, 0x2000)->sh_info = 1;
	w.ehdr.e_phnum = PN_XNUM;
	w.size--;
	image_refuse("PN_XNUM", "e_shoff 0x2000");
}
END_TEST

START_TEST(pn_xnum_with_wrong_section_size_is_refused)
{
	image_good(64);
	elf_writer_section(&w, 0x2000)->sh_info = 1;
	w.ehdr.e_phnum = PN_XNUM;
	w.ehdr.e_shentsize = 63;
	image_refuse("PN_XNUM", "e_shentsize 63");
}
END_TEST

START_TEST(pn_xnum_of_0_is_refused)
{
	image_good(64);
	elf_writer_section(&w, 0x2000);
	w.ehdr.e_phnum = PN_XNUM;
	image_refuse("e_phnum 0", "no program headers");
}
END_TEST

/* 2^32 - 1 entries would fit into this file; nobody waits or pays for them. */
START_TEST(pn_xnum_beyond_the_maximum_is_refused)
{
	image_good(64);
	elf_writer_section(&w, 0x2000)->sh_info = UINT32_MAX;
	w.ehdr.e_phnum = PN_XNUM;
	w.size = 300 * GIB;
	image_refuse("sh_info", "4294967295");
	image_good(64);
	elf_writer_section(&w, 0x2000)->sh_info = IMAGE_MAX_PHDRS + 1;
	w.ehdr.e_phnum = PN_XNUM;
	w.size = GIB;
	image_refuse("sh_info", "131073");
}
END_TEST

/* ---- segments ---- */

START_TEST(nothing_to_load_is_refused)
{
	elf_writer_init(&w, 64);
	elf_writer_phdr(&w, PT_GNU_STACK, 0, 0);
	elf_writer_load(&w, 0x100000, 0x1000, 0, 0);
	image_refuse("PT_LOAD", "p_memsz > 0");
}
END_TEST

START_TEST(more_file_bytes_than_memory_are_refused)
{
	image_good(_i ? 32 : 64);
	elf_writer_load(&w, 0x200000, 0x1000, 0x1000, 0xfff);
	image_refuse("program header 1: p_filesz 0x1000", "p_memsz 0xfff");
}
END_TEST

START_TEST(empty_segment_with_file_bytes_is_refused)
{
	image_good(64);
	elf_writer_load(&w, 0x200000, 0x1000, 1, 0);
	image_refuse("program header 1: p_filesz 0x1", "p_memsz 0x0");
}
END_TEST

START_TEST(segment_outside_the_file_is_refused)
{
	static const struct {
		uint64_t offset;
		const char *value;
	} offsets[] = {
		{0x1001, "p_offset 0x1001"},
		{0x2001, "p_offset 0x2001"},
		{UINT64_MAX - 0xfff, "p_offset 0xfffffffffffff000"},
	};

	image_good(64)->p_offset = offsets[_i].offset;
	image_refuse(offsets[_i].value, "p_filesz 0x1000");
	ck_assert_ptr_nonnull(strstr(err.text, "program header 0"));
	ck_assert_ptr_nonnull(strstr(err.text, "(0x2000 bytes)"));
}
END_TEST

START_TEST(segment_passing_the_physical_end_is_refused)
{
	image_good(64);
	elf_writer_load(&w, 0xfffffffffffff000, 0, 0, 0x1000)->p_vaddr = 0;
	image_refuse("program header 1: p_paddr 0xfffffffffffff000",
		     "p_memsz 0x1000");
	image_good(64);
	elf_writer_load(&w, UINT64_MAX, 0, 0, 1)->p_vaddr = 0;
	image_refuse("p_paddr 0xffffffffffffffff", "64-bit");
	image_good(64);
	elf_writer_load(&w, 0xfffffffffffff000, 0, 0, 0xfff)->p_vaddr = 0;
	image_accept();
	ck_assert_uint_eq(image_end(image), UINT64_MAX);
	image_close(image);
}
END_TEST

START_TEST(elf32_segment_passing_4g_is_refused)
{
	image_good(32);
	elf_writer_load(&w, 0xfffff000, 0, 0, 0x1001)->p_vaddr = 0;
	image_refuse("program header 1: p_paddr 0xfffff000", "p_memsz 0x1001");
}
END_TEST

START_TEST(segment_passing_the_virtual_end_is_refused)
{
	image_good(64)->p_vaddr = 0xfffffffffffff001;
	image_refuse("program header 0: p_vaddr 0xfffffffffffff001", "64-bit");
	image_good(32)->p_vaddr = 0xfffff001;
	image_refuse("program header 0: p_vaddr 0xfffff001", "32-bit");
}
END_TEST

/* By memory size: the file bytes of these do not meet. */
START_TEST(segments_with_bytes_in_common_are_refused)
{
	elf_writer_init(&w, 64);
	elf_writer_load(&w, 0x300000, 0x1000, 0x10, 0x10);
	elf_writer_load(&w, 0x101fff, 0x1000, 0x10, 0x10);
	elf_writer_load(&w, 0x100000, 0x1000, 0x10, 0x2000);
	image_refuse("program headers 2 and 1", "p_paddr 0x101fff");
}
END_TEST

/* Far apart in the table, and one inside the other. */
START_TEST(segment_inside_another_is_refused)
{
	elf_writer_init(&w, 64);
	elf_writer_load(&w, 0x180000, 0x1000, 0x10, 0x10);
	for (unsigned i = 0; i < 200; i++)
		elf_writer_load(&w, 0x800000 + i * 16, 0x1000, 0x10, 0x10);
	elf_writer_load(&w, 0x100000, 0x1000, 0x10, 0x100000);
	image_refuse("program headers 201 and 0", "p_memsz 0x100000");
}
END_TEST

START_TEST(equal_segments_are_refused)
{
	image_good(64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x1000, 0x1000);
	image_refuse("program headers 0 and 1", "p_paddr 0x100000");
}
END_TEST

TCase *image_field_case(void)
{
	TCase *tc = image_case("field");

	tcase_add_loop_test(tc, unknown_class_is_refused, 0, 2);
	tcase_add_test(tc, big_endian_is_refused);
	tcase_add_test(tc, unknown_byte_order_is_refused);
	tcase_add_test(tc, unknown_versions_are_refused);
	tcase_add_loop_test(tc, other_architecture_is_refused_by_name, 0, 7);
	tcase_add_loop_test(tc, other_type_is_refused_with_a_hint, 0, 4);
	tcase_add_test(tc, program_for_a_dynamic_linker_is_refused);
	tcase_add_loop_test(tc, wrong_header_size_is_refused, 0, 2);
	tcase_add_loop_test(tc, wrong_program_header_size_is_refused, 0, 2);
	tcase_add_test(tc, no_program_headers_are_refused);
	tcase_add_loop_test(tc, program_headers_inside_the_header_are_refused,
			    0, 2);
	tcase_add_loop_test(tc, program_headers_outside_the_file_are_refused, 0,
			    5);
	tcase_add_test(tc, pn_xnum_without_section_table_is_refused);
	tcase_add_test(tc, pn_xnum_with_section_0_outside_the_file_is_refused);
	tcase_add_test(tc, pn_xnum_with_wrong_section_size_is_refused);
	tcase_add_test(tc, pn_xnum_of_0_is_refused);
	tcase_add_test(tc, pn_xnum_beyond_the_maximum_is_refused);
	tcase_add_test(tc, nothing_to_load_is_refused);
	tcase_add_loop_test(tc, more_file_bytes_than_memory_are_refused, 0, 2);
	tcase_add_test(tc, empty_segment_with_file_bytes_is_refused);
	tcase_add_loop_test(tc, segment_outside_the_file_is_refused, 0, 3);
	tcase_add_test(tc, segment_passing_the_physical_end_is_refused);
	tcase_add_test(tc, elf32_segment_passing_4g_is_refused);
	tcase_add_test(tc, segment_passing_the_virtual_end_is_refused);
	tcase_add_test(tc, segments_with_bytes_in_common_are_refused);
	tcase_add_test(tc, segment_inside_another_is_refused);
	tcase_add_test(tc, equal_segments_are_refused);
	return tc;
}
