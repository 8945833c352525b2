/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an opened image fits RAM, and the questions that can be asked of it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/image_help.h"
#include "vmm/boot/memmap.h"

static const struct gpa_range hole = {
	.start = MEMMAP_HOLE_START,
	.len = MEMMAP_HOLE_END - MEMMAP_HOLE_START,
};

/* RAM of so many bytes around the hole: what memmap_ram does, done plainly. */
static int check_ram(uint64_t bytes)
{
	struct gpa_range ram[2] = {
		{.start = 0, .len = bytes},
		{.start = MEMMAP_HOLE_END},
	};

	if (bytes > MEMMAP_HOLE_START) {
		ram[0].len = MEMMAP_HOLE_START;
		ram[1].len = bytes - MEMMAP_HOLE_START;
	}
	return image_check_ram(image, ram, ram[1].len ? 2 : 1, hole, &err);
}

/* An image with a segment from start to end, and a small one at 1 MiB. */
static void span(uint64_t start, uint64_t end)
{
	image_good(64);
	elf_writer_load(&w, start, 0, 0, end - start);
	image_accept();
}

/* Vector F5; KeV underflows. */
START_TEST(image_right_beyond_ram_is_refused)
{
	elf_writer_init(&w, 64);
	elf_writer_load(&w, MIB, 0x1000, MIB, MIB);
	image_accept();
	image_refused(check_ram(MIB), "program header 0: p_paddr 0x100000",
		      "--mem 2M");
	ck_assert_int_eq(check_ram(2 * MIB), 0);
	image_close(image);
}
END_TEST

START_TEST(image_beyond_ram_is_refused_with_the_size_it_needs)
{
	static const struct {
		uint64_t start, end, ram;
		const char *mem;
	} spans[] = {
		{3 * MIB, 3 * MIB + 1, 2 * MIB, "--mem 4M"},
		{3 * MIB, 4 * MIB, 4 * MIB - 0x1000, "--mem 4M"},
		/* 0xbffda000 bytes below the hole, so not 5120M. */
		{4 * GIB, 5 * GIB, 4 * GIB - MIB, "--mem 4096M"},
		{4 * GIB, 5 * GIB + 0xda000, GIB, "--mem 4097M"},
		{4 * GIB, 4 * GIB + 1, MEMMAP_HOLE_START, "--mem 3072M"},
		{GIB, MEMMAP_HOLE_START, GIB, "--mem 3072M"},
	};

	span(spans[_i].start, spans[_i].end);
	image_refused(check_ram(spans[_i].ram), "program header 1: p_paddr",
		      spans[_i].mem);
	ck_assert_int_eq(check_ram(strtoull(spans[_i].mem + 6, NULL, 10) * MIB),
			 0);
	image_close(image);
}
END_TEST

START_TEST(size_that_is_asked_for_does_for_all_segments)
{
	image_good(64);
	elf_writer_load(&w, 8 * MIB, 0x1000, 0x10, 0x10);
	elf_writer_load(&w, 4 * MIB, 0x1000, 0x10, 0x10);
	image_accept();
	image_refused(check_ram(MIB), "program header 0", "--mem 9M");
	image_refused(check_ram(4 * MIB), "program header 2", "--mem 9M");
	ck_assert_int_eq(check_ram(9 * MIB), 0);
	image_close(image);
}
END_TEST

START_TEST(image_that_fills_ram_is_accepted)
{
	image_good(64);
	elf_writer_load(&w, 0, 0x1000, 0x10, MIB);
	w.phdrs[0].p_memsz = MIB;
	image_accept();
	ck_assert_int_eq(check_ram(2 * MIB), 0);
	image_close(image);
}
END_TEST

/* Vector F9: whoever wants the place for something else sees it taken. */
START_TEST(image_at_0_is_accepted)
{
	image_good(64);
	elf_writer_load(&w, 0, 0x1000, 0x10, 0x10);
	image_accept();
	ck_assert_int_eq(check_ram(2 * MIB), 0);
	ck_assert_ptr_eq(image_segment_at(image, 0, 0x1000),
			 &image->segments[0]);
	image_close(image);
}
END_TEST

/* Vector F4; and every way to meet the hole, whatever the RAM. */
START_TEST(segment_in_the_device_hole_is_refused)
{
	static const struct gpa_range spans[] = {
		{0xc0100000, 0x1000},	  {MEMMAP_HOLE_START, 1},
		{MEMMAP_HOLE_END - 1, 1}, {MEMMAP_HOLE_START - 1, 2},
		{MEMMAP_HOLE_END - 1, 2}, {0x80000000, GIB * 4},
	};

	span(spans[_i].start, spans[_i].start + spans[_i].len);
	image_refused(check_ram(4 * GIB), "program header 1", "device hole");
	ck_assert_ptr_nonnull(strstr(err.text, "0xbffda000-0xffffffff"));
	ck_assert_ptr_null(strstr(err.text, "--mem"));
	image_refused(check_ram(MIB), "program header 1", "device hole");
	image_close(image);
}
END_TEST

START_TEST(segments_up_to_the_hole_and_from_its_end_are_accepted)
{
	image_good(64);
	elf_writer_load(&w, MEMMAP_HOLE_START - 1, 0x1000, 1, 1);
	elf_writer_load(&w, MEMMAP_HOLE_END, 0x1000, 1, 1);
	image_accept();
	ck_assert_int_eq(check_ram(4 * GIB), 0);
	image_close(image);
}
END_TEST

START_TEST(segment_at_the_end_of_the_space_does_not_overflow_the_need)
{
	span(UINT64_MAX - 0xfff, UINT64_MAX);
	image_refused(check_ram(GIB), "program header 1",
		      "--mem 17592186043392M");
	image_close(image);
}
END_TEST

START_TEST(segment_is_found_by_any_byte_in_common)
{
	const struct image_segment *s;

	image_good(64);
	elf_writer_load(&w, 0x102000, 0x1000, 0x10, 0x800);
	elf_writer_load(&w, UINT64_MAX - 1, 0x1000, 1, 1);
	image_accept();
	s = image->segments;
	ck_assert_ptr_null(image_segment_at(image, 0, 0x100000));
	ck_assert_ptr_eq(image_segment_at(image, 0, 0x100001), &s[0]);
	ck_assert_ptr_eq(image_segment_at(image, 0, UINT64_MAX), &s[0]);
	ck_assert_ptr_eq(image_segment_at(image, 0x100000, 1), &s[0]);
	ck_assert_ptr_null(image_segment_at(image, 0x100000, 0));
	ck_assert_ptr_eq(image_segment_at(image, 0x100fff, 1), &s[0]);
	ck_assert_ptr_null(image_segment_at(image, 0x101000, 0x1000));
	ck_assert_ptr_eq(image_segment_at(image, 0x101000, 0x1001), &s[1]);
	ck_assert_ptr_eq(image_segment_at(image, 0x1027ff, 0x1000), &s[1]);
	ck_assert_ptr_null(image_segment_at(image, 0x102800, 0x1000));
	ck_assert_ptr_eq(image_segment_at(image, UINT64_MAX - 1, 1), &s[2]);
	ck_assert_ptr_null(image_segment_at(image, UINT64_MAX, 1));
	image_close(image);
}
END_TEST

START_TEST(relocation_moves_segments_and_entry)
{
	image_good(64)->p_vaddr = 0xffffffff80000000;
	w.ehdr.e_entry = 0xffffffff80000010;
	elf_writer_load(&w, 0x200000, 0x1000, 0x10, 0x20);
	image_accept();
	image_relocate(image, 0x1000000);
	ck_assert_uint_eq(image->entry, 0x1100010);
	ck_assert_uint_eq(image->segments[0].paddr, 0x1100000);
	ck_assert_uint_eq(image->segments[0].vaddr, 0xffffffff80000000);
	ck_assert_uint_eq(image_end(image), 0x1200020);
	image_relocate(image, -(uint64_t)0x1080000);
	ck_assert_uint_eq(image->entry, 0x80010);
	ck_assert_uint_eq(image->segments[1].paddr, 0x180000);
	image_close(image);
}
END_TEST

TCase *image_ram_case(void)
{
	TCase *tc = image_case("ram");

	tcase_add_test(tc, image_right_beyond_ram_is_refused);
	tcase_add_loop_test(
		tc, image_beyond_ram_is_refused_with_the_size_it_needs, 0, 6);
	tcase_add_test(tc, size_that_is_asked_for_does_for_all_segments);
	tcase_add_test(tc, image_that_fills_ram_is_accepted);
	tcase_add_test(tc, image_at_0_is_accepted);
	tcase_add_loop_test(tc, segment_in_the_device_hole_is_refused, 0, 6);
	tcase_add_test(tc,
		       segments_up_to_the_hole_and_from_its_end_are_accepted);
	tcase_add_test(
		tc, segment_at_the_end_of_the_space_does_not_overflow_the_need);
	tcase_add_test(tc, segment_is_found_by_any_byte_in_common);
	tcase_add_test(tc, relocation_moves_segments_and_entry);
	return tc;
}
