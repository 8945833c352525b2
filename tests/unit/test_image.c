/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which images are accepted, what is made of them, and where they start. What
 * is refused: test_image_file.c, test_image_field.c; RAM: test_image_ram.c.
 */
#include <elf.h>
#include <fcntl.h>

#include "tests/unit/image_help.h"
#include "tests/suites.h"

/* ---- accepted ---- */

START_TEST(elf64_is_accepted)
{
	image_good(64);
	image_accept();
	ck_assert_uint_eq(image->class, 64);
	ck_assert_uint_eq(image->size, 0x2000);
	ck_assert_str_eq(image->path, image_path);
	ck_assert_uint_eq(image->entry, 0x100000);
	ck_assert_uint_eq(image->nr_segments, 1);
	ck_assert_uint_eq(image->segments[0].offset, 0x1000);
	ck_assert_uint_eq(image->segments[0].flags, PF_R | PF_W | PF_X);
	ck_assert_str_eq(err.text, "");
	image_close(image);
}
END_TEST

START_TEST(elf32_is_accepted_for_i386_and_x86_64)
{
	static const uint16_t machines[] = {EM_386, EM_X86_64};

	image_good(32);
	w.ehdr.e_machine = machines[_i];
	image_accept();
	ck_assert_uint_eq(image->class, 32);
	ck_assert_uint_eq(image->entry, 0x100000);
	ck_assert_uint_eq(image->segments[0].filesz, 0x1000);
	image_close(image);
}
END_TEST

START_TEST(static_pie_is_accepted)
{
	image_good(64);
	w.ehdr.e_type = ET_DYN;
	image_accept();
	image_close(image);
}
END_TEST

START_TEST(descriptor_is_close_on_exec_and_blocking)
{
	image_good(64);
	image_accept();
	ck_assert_int_eq(fcntl(image->fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(image->fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(image->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	image_close(image);
	image_close(NULL);
}
END_TEST

START_TEST(segments_are_sorted_and_keep_their_number)
{
	image_good(64);
	elf_writer_phdr(&w, PT_GNU_STACK, 0, 0);
	elf_writer_load(&w, 0x8000, 0x1100, 1, 2);
	elf_writer_load(&w, 0x200000, 0x1200, 3, 4);
	image_accept();
	ck_assert_uint_eq(image->nr_segments, 3);
	ck_assert_uint_eq(image->segments[0].index, 2);
	ck_assert_uint_eq(image->segments[0].paddr, 0x8000);
	ck_assert_uint_eq(image->segments[1].index, 0);
	ck_assert_uint_eq(image->segments[2].index, 3);
	ck_assert_uint_eq(image->segments[2].memsz, 4);
	ck_assert_uint_eq(image_end(image), 0x200004);
	image_close(image);
}
END_TEST

/* Vector F6: page 0x101000 has bytes of both, and neither is aligned. */
START_TEST(segments_may_share_a_page_and_be_unaligned)
{
	elf_writer_init(&w, 64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x1234, 0x1234);
	elf_writer_load(&w, 0x101240, 0x2240, 0x100, 0x2000);
	image_accept();
	ck_assert_uint_eq(image->nr_segments, 2);
	ck_assert_uint_eq(image->segments[1].paddr, 0x101240);
	ck_assert_uint_eq(image->segments[1].offset, 0x2240);
	image_close(image);
}
END_TEST

START_TEST(segments_may_touch)
{
	image_good(64);
	elf_writer_load(&w, 0x101000, 0x1000, 0x10, 0x10);
	image_accept();
	image_close(image);
}
END_TEST

START_TEST(bss_only_segment_may_have_any_offset)
{
	image_good(64);
	elf_writer_load(&w, 0x200000, 0, 0, 0x5000)->p_offset = UINT64_MAX;
	image_accept();
	ck_assert_uint_eq(image->segments[1].memsz, 0x5000);
	ck_assert_uint_eq(image->segments[1].filesz, 0);
	image_close(image);
}
END_TEST

START_TEST(empty_segment_is_left_out)
{
	image_good(64);
	elf_writer_load(&w, 0x100800, 0, 0, 0)->p_offset = UINT64_MAX;
	image_accept();
	ck_assert_uint_eq(image->nr_segments, 1);
	image_close(image);
}
END_TEST

START_TEST(segment_may_end_with_the_file)
{
	image_good(64);
	w.size = 0x2000;
	image_accept();
	image_close(image);
}
END_TEST

START_TEST(elf32_segment_may_end_at_4g)
{
	image_good(32);
	elf_writer_load(&w, 0xfffff000, 0, 0, 0x1000);
	image_accept();
	ck_assert_uint_eq(image_end(image), 4 * GIB);
	image_close(image);
}
END_TEST

START_TEST(elf64_virtual_range_may_end_at_the_top)
{
	image_good(64)->p_vaddr = 0xfffffffffffff000;
	w.ehdr.e_entry = 0xfffffffffffff010;
	image_accept();
	ck_assert_uint_eq(image->entry, 0x100010);
	image_close(image);
}
END_TEST

START_TEST(program_headers_may_be_far_into_the_file)
{
	image_good(64);
	w.ehdr.e_phoff = 0x12345;
	w.size = 0x12345 + sizeof(Elf64_Phdr);
	image_accept();
	ck_assert_uint_eq(image->nr_segments, 1);
	image_close(image);
}
END_TEST

START_TEST(program_headers_are_read_across_pieces)
{
	const unsigned nr = 1000; /* the table passes 4 KiB, 64 entries ... */

	elf_writer_init(&w, _i ? 32 : 64);
	for (unsigned i = 0; i < nr; i++)
		elf_writer_load(&w, 0x100000 + i * 0x10, 0x10000, 0x10, 0x10);
	image_accept();
	ck_assert_uint_eq(image->nr_segments, nr);
	for (unsigned i = 0; i < nr; i++) {
		ck_assert_uint_eq(image->segments[i].index, i);
		ck_assert_uint_eq(image->segments[i].paddr,
				  0x100000 + i * 0x10);
	}
	image_close(image);
}
END_TEST

/* ---- entry ---- */

/* Vector F7: the seed's formula, without + p_paddr, gives 0x10. */
START_TEST(entry_in_second_segment_is_physical)
{
	elf_writer_init(&w, 64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x100, 0x100)->p_vaddr =
		0xffffffff80100000;
	elf_writer_load(&w, 0x400000, 0x1000, 0x100, 0x100)->p_vaddr =
		0xffffffff80200000;
	w.ehdr.e_entry = 0xffffffff80200010;
	image_accept();
	ck_assert_uint_eq(image->e_entry, 0xffffffff80200010);
	ck_assert_uint_eq(image->entry, 0x400010);
	image_close(image);
}
END_TEST

/* Linux's vmlinux: a per-CPU segment at virtual 0, physical e_entry. */
START_TEST(entry_in_physical_range_only_is_physical_already)
{
	image_good(64)->p_vaddr = 0xffffffff81000000;
	elf_writer_load(&w, 0x200000, 0x1000, 0x100, 0x1000)->p_vaddr = 0;
	w.ehdr.e_entry = 0x100040;
	image_accept();
	ck_assert_uint_eq(image->entry, 0x100040);
	image_close(image);
}
END_TEST

START_TEST(entry_in_virtual_range_wins_over_physical)
{
	image_good(64);
	w.phdrs[0].p_vaddr = 0x200000;
	elf_writer_load(&w, 0x200000, 0x1000, 0x100, 0x100)->p_vaddr = 0x300000;
	w.ehdr.e_entry = 0x200004;
	image_accept();
	ck_assert_uint_eq(image->entry, 0x100004);
	image_close(image);
}
END_TEST

START_TEST(entry_in_two_virtual_ranges_is_in_the_executable_then_first)
{
	elf_writer_init(&w, 64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x100, 0x100)->p_flags = PF_R;
	elf_writer_load(&w, 0x300000, 0x1000, 0x100, 0x100)->p_vaddr = 0x100000;
	elf_writer_load(&w, 0x200000, 0x1000, 0x100, 0x100)->p_vaddr = 0x100000;
	image_accept();
	ck_assert_uint_eq(image->entry, 0x300000);
	image_close(image);
}
END_TEST

/* Vector F8, first half. */
START_TEST(entry_in_no_segment_is_refused)
{
	image_good(_i ? 32 : 64);
	w.ehdr.e_entry = 0x101000;
	image_refuse("e_entry 0x101000", "in no segment");
}
END_TEST

/* Vector F8, second half; by p_vaddr and by p_paddr. */
START_TEST(entry_in_non_executable_segment_is_refused)
{
	Elf64_Phdr *phdr = image_good(_i & 1 ? 32 : 64);

	phdr->p_flags = PF_R | PF_W;
	if (_i & 2)
		phdr->p_vaddr = 0x80000000;
	image_refuse("e_entry 0x100000", "p_flags 0x6 lack PF_X");
}
END_TEST

START_TEST(entry_in_bss_is_refused)
{
	image_good(64)->p_memsz = 0x3000;
	w.ehdr.e_entry = 0x101000;
	image_refuse("e_entry 0x101000", "p_filesz 0x1000");
}
END_TEST

/* ---- PN_XNUM ---- */

START_TEST(pn_xnum_takes_the_number_from_section_0)
{
	image_good(_i ? 32 : 64);
	elf_writer_load(&w, 0x200000, 0x1000, 0x10, 0x10);
	elf_writer_section(&w, 0x2000)->sh_info = 2;
	w.ehdr.e_phnum = PN_XNUM;
	image_accept();
	ck_assert_uint_eq(image->nr_segments, 2);
	image_close(image);
}
END_TEST

START_TEST(more_than_65535_segments_are_accepted)
{
	const unsigned nr = 70000;

	elf_writer_init(&w, 64);
	w.ehdr.e_phoff = 0x1000;
	for (unsigned i = 0; i < nr; i++)
		elf_writer_load(&w, 0x100000 + i * 8, 0, 8, 8);
	elf_writer_section(&w, w.size)->sh_info = nr;
	w.ehdr.e_phnum = PN_XNUM;
	image_accept();
	ck_assert_uint_eq(image->nr_segments, nr);
	ck_assert_uint_eq(image->segments[nr - 1].index, nr - 1);
	image_close(image);
}
END_TEST

/* The table is a hole in the file but for the first. */
START_TEST(maximum_of_program_headers_is_accepted)
{
	image_good(64);
	w.ehdr.e_phoff = 0x2000;
	elf_writer_section(&w, 0x1000)->sh_info = IMAGE_MAX_PHDRS;
	w.ehdr.e_phnum = PN_XNUM;
	w.size = w.ehdr.e_phoff + IMAGE_MAX_PHDRS * sizeof(Elf64_Phdr);
	image_accept();
	ck_assert_uint_eq(image->nr_segments, 1);
	image_close(image);
}
END_TEST

/* ---- sections and notes ---- */

START_TEST(section_table_is_found)
{
	image_good(_i ? 32 : 64);
	elf_writer_section(&w, 0x2000);
	elf_writer_section(&w, 0x2000);
	w.ehdr.e_shstrndx = 1;
	image_accept();
	ck_assert_uint_eq(image->shoff, 0x2000);
	ck_assert_uint_eq(image->shnum, 2);
	ck_assert_uint_eq(image->shentsize, _i ? 40 : 64);
	ck_assert_uint_eq(image->shstrndx, 1);
	image_close(image);
}
END_TEST

START_TEST(large_section_numbers_come_from_section_0)
{
	Elf64_Shdr *section;

	image_good(_i ? 32 : 64);
	elf_writer_section(&w, 0x2000);
	elf_writer_section(&w, 0x2000);
	section = &w.shdrs[0];
	section->sh_size = 2;
	section->sh_link = 1;
	w.ehdr.e_shnum = 0;
	w.ehdr.e_shstrndx = SHN_XINDEX;
	image_accept();
	ck_assert_uint_eq(image->shnum, 2);
	ck_assert_uint_eq(image->shstrndx, 1);
	image_close(image);
}
END_TEST

START_TEST(unusable_section_table_counts_as_none)
{
	image_good(64);
	elf_writer_section(&w, 0x2000);
	switch (_i) {
	case 0:
		w.ehdr.e_shoff = 0;
		break;
	case 1:
		w.ehdr.e_shoff = UINT64_MAX - 8;
		break;
	case 2:
		w.ehdr.e_shnum = 2; /* passes the end of the file */
		break;
	case 3:
		w.ehdr.e_shentsize = 40;
		break;
	case 4:
		w.ehdr.e_shnum = 0;
		w.shdrs[0].sh_size = UINT64_MAX / 64 + 2; /* times 64 wraps */
		break;
	}
	image_accept();
	ck_assert_uint_eq(image->shnum, 0);
	ck_assert_uint_eq(image->shoff, 0);
	ck_assert_str_eq(err.text, "");
	image_close(image);
}
END_TEST

START_TEST(name_section_outside_the_table_counts_as_none)
{
	image_good(64);
	elf_writer_section(&w, 0x2000);
	w.ehdr.e_shstrndx = 1;
	image_accept();
	ck_assert_uint_eq(image->shnum, 1);
	ck_assert_uint_eq(image->shstrndx, 0);
	image_close(image);
}
END_TEST

START_TEST(bad_notes_are_counted_and_ignored)
{
	image_good(64);
	elf_writer_phdr(&w, PT_NOTE, 0x1000, 0x1000);
	elf_writer_phdr(&w, PT_NOTE, 0x2000, 0);
	elf_writer_phdr(&w, PT_NOTE, 0x1000, 0x1001);
	elf_writer_phdr(&w, PT_NOTE, UINT64_MAX, 2);
	image_accept();
	ck_assert_uint_eq(image->bad_notes, 2);
	image_close(image);
}
END_TEST

static TCase *opened_case(void)
{
	TCase *tc = image_case("opened");

	tcase_add_test(tc, elf64_is_accepted);
	tcase_add_loop_test(tc, elf32_is_accepted_for_i386_and_x86_64, 0, 2);
	tcase_add_test(tc, static_pie_is_accepted);
	tcase_add_test(tc, descriptor_is_close_on_exec_and_blocking);
	tcase_add_test(tc, segments_are_sorted_and_keep_their_number);
	tcase_add_test(tc, segments_may_share_a_page_and_be_unaligned);
	tcase_add_test(tc, segments_may_touch);
	tcase_add_test(tc, bss_only_segment_may_have_any_offset);
	tcase_add_test(tc, empty_segment_is_left_out);
	tcase_add_test(tc, segment_may_end_with_the_file);
	tcase_add_test(tc, elf32_segment_may_end_at_4g);
	tcase_add_test(tc, elf64_virtual_range_may_end_at_the_top);
	tcase_add_test(tc, program_headers_may_be_far_into_the_file);
	tcase_add_loop_test(tc, program_headers_are_read_across_pieces, 0, 2);
	tcase_add_test(tc, entry_in_second_segment_is_physical);
	tcase_add_test(tc, entry_in_physical_range_only_is_physical_already);
	tcase_add_test(tc, entry_in_virtual_range_wins_over_physical);
	tcase_add_test(
		tc,
		entry_in_two_virtual_ranges_is_in_the_executable_then_first);
	tcase_add_loop_test(tc, entry_in_no_segment_is_refused, 0, 2);
	tcase_add_loop_test(tc, entry_in_non_executable_segment_is_refused, 0,
			    4);
	tcase_add_test(tc, entry_in_bss_is_refused);
	tcase_add_loop_test(tc, pn_xnum_takes_the_number_from_section_0, 0, 2);
	tcase_add_test(tc, more_than_65535_segments_are_accepted);
	tcase_add_test(tc, maximum_of_program_headers_is_accepted);
	tcase_add_loop_test(tc, section_table_is_found, 0, 2);
	tcase_add_loop_test(tc, large_section_numbers_come_from_section_0, 0,
			    2);
	tcase_add_loop_test(tc, unusable_section_table_counts_as_none, 0, 5);
	tcase_add_test(tc, name_section_outside_the_table_counts_as_none);
	tcase_add_test(tc, bad_notes_are_counted_and_ignored);
	return tc;
}

Suite *image_suite(void)
{
	Suite *suite = suite_create("image");

	suite_add_tcase(suite, opened_case());
	suite_add_tcase(suite, image_ram_case());
	suite_add_tcase(suite, image_note_case());
	suite_add_tcase(suite, image_file_case());
	suite_add_tcase(suite, image_field_case());
	return suite;
}
