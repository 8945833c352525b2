/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes: found whatever their alignment, and never outside their segment.
 */
#include <errno.h>
#include <string.h>

#include "tests/unit/image_help.h"

#define AT 0x1800 /* of the notes in the file */

/* Notes under construction. */
static uint8_t notes[0x800];
static size_t len;

static void put(const void *bytes, size_t nr, size_t align)
{
	memcpy(notes + len, bytes, nr);
	len = (len + nr + align - 1) & ~(align - 1);
}

static void note(const char *name, uint32_t type, const void *desc,
		 uint32_t descsz, size_t align)
{
	const uint32_t head[] = {(uint32_t)strlen(name) + 1, descsz, type};

	put(head, sizeof(head), 4);
	put(name, head[0], align);
	put(desc, descsz, align);
}

static void begin(void)
{
	memset(notes, 0, sizeof(notes));
	len = 0;
}

/* Opens an image with the notes, in a PT_NOTE of size bytes. */
static void open_notes(size_t size, uint64_t p_align)
{
	image_good(64);
	elf_writer_bytes(&w, AT, notes, len);
	elf_writer_phdr(&w, PT_NOTE, AT, size)->p_align = p_align;
	image_accept();
}

static int find(const char *name, uint32_t type, uint64_t *desc,
		size_t *desc_len)
{
	int rc;

	*desc = 0;
	rc = image_find_note(image, name, type, desc, sizeof(*desc), desc_len);
	image_close(image);
	return rc;
}

static const uint32_t four = 0x12345678;
static const uint64_t eight = 0x1122334455667788;

START_TEST(note_is_found_by_name_and_type)
{
	uint64_t desc;
	size_t nr;

	begin();
	note("GNU", 18, &four, 3, 4);
	note("Xenon", 18, &four, 4, 4);
	note("Xen", 17, &eight, 8, 4);
	note("Xen", 18, &four, 4, 4);
	note("Xen", 18, &eight, 8, 4);
	open_notes(len, 4);
	ck_assert_int_eq(find("Xen", 18, &desc, &nr), 0);
	ck_assert_uint_eq(nr, 4);
	ck_assert_uint_eq(desc, four);
	open_notes(len, 4);
	ck_assert_int_eq(find("Xen", 17, &desc, &nr), 0);
	ck_assert_uint_eq(nr, 8);
	ck_assert_uint_eq(desc, eight);
	open_notes(len, 4);
	ck_assert_int_eq(find("Xen", 19, &desc, &nr), -ENOENT);
	open_notes(len, 4);
	ck_assert_int_eq(find("xen", 18, &desc, &nr), -ENOENT);
}
END_TEST

/* Its name alone fills the segment, so that who compares more than "Xen" reads
 * beyond it (address sanitizer); nor is it Xen's. */
START_TEST(owner_is_compared_with_its_whole_length)
{
	char owner[0x600] = "Xen";
	uint64_t desc;
	size_t nr;

	for (unsigned namesz = 5; namesz <= sizeof(owner); namesz += 251) {
		const uint32_t head[] = {namesz, 4, 18};

		begin();
		put(head, sizeof(head), 4);
		put(owner, namesz, 4);
		put(&four, 4, 4);
		open_notes(len, 4);
		ck_assert_int_eq(find("Xen", 18, &desc, &nr), -ENOENT);
	}
}
END_TEST

/* How notes are laid out, and what p_align says. */
START_TEST(alignment_of_4_or_8_is_found_out)
{
	static const unsigned aligns[] = {4, 8};
	static const unsigned p_aligns[] = {0, 1, 4, 8, 4096};
	uint64_t desc;
	size_t nr;

	begin();
	note("GNU", 5, &four, 4, aligns[_i]);
	note("abcde", 5, &four, 3, aligns[_i]);
	note("Xen", 18, &eight, 8, aligns[_i]);
	for (unsigned i = 0; i < 5; i++) {
		open_notes(len, p_aligns[i]);
		ck_assert_int_eq(find("Xen", 18, &desc, &nr), 0);
		ck_assert_uint_eq(desc, eight);
	}
}
END_TEST

START_TEST(long_note_is_cut_to_the_room_and_says_its_size)
{
	static const char words[64] = "abcdefghijkl";
	uint64_t desc;
	size_t nr;

	begin();
	note("Xen", 18, words, sizeof(words), 4);
	open_notes(len, 4);
	ck_assert_int_eq(find("Xen", 18, &desc, &nr), 0);
	ck_assert_uint_eq(nr, sizeof(words));
	ck_assert_mem_eq(&desc, words, 8);
}
END_TEST

START_TEST(notes_in_a_later_segment_are_found)
{
	uint64_t desc;
	size_t nr;

	begin();
	note("Xen", 18, &four, 4, 4);
	image_good(64);
	elf_writer_bytes(&w, AT, notes, len);
	elf_writer_phdr(&w, PT_NOTE, 0x1000, 0x20);
	elf_writer_phdr(&w, PT_NOTE, 0x1000000, 0x20); /* not in the file */
	elf_writer_phdr(&w, PT_NOTE, AT, len);
	image_accept();
	ck_assert_uint_eq(image->bad_notes, 1);
	ck_assert_uint_eq(image->nr_notes, 2);
	ck_assert_int_eq(find("Xen", 18, &desc, &nr), 0);
}
END_TEST

START_TEST(note_cut_short_anywhere_is_not_found)
{
	uint64_t desc;
	size_t nr;

	begin();
	note("Xen", 18, &eight, 8, 4);
	for (size_t size = 0; size < len; size++) {
		open_notes(size, 4);
		ck_assert_int_eq(find("Xen", 18, &desc, &nr), -ENOENT);
	}
}
END_TEST

START_TEST(sizes_that_lead_outside_end_the_search)
{
	static const uint32_t sizes[] = {
		0x7ff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
	};
	uint64_t desc;
	size_t nr;

	for (unsigned field = 0; field < 2; field++) {
		begin();
		note("GNU", 1, &four, 4, 4);
		note("Xen", 18, &four, 4, 4);
		memcpy(notes + 4 * field, &sizes[_i], 4);
		open_notes(len, 4);
		ck_assert_int_eq(find("Xen", 18, &desc, &nr), -ENOENT);
		begin();
		note("Xen", 18, &four, 4, 4);
		memcpy(notes + 4 * field, &sizes[_i], 4);
		open_notes(len, 4);
		ck_assert_int_eq(find("Xen", 18, &desc, &nr), -ENOENT);
	}
}
END_TEST

START_TEST(many_and_huge_note_segments_are_bounded)
{
	uint64_t desc;
	size_t nr;

	begin();
	note("Xen", 18, &four, 4, 4);
	image_good(64);
	elf_writer_bytes(&w, AT, notes, len);
	elf_writer_bytes(&w, 0x40000, notes, len);
	/* Zeros are notes without a name; the first 64 KiB are all that. */
	for (unsigned i = 0; i < 8; i++)
		elf_writer_phdr(&w, PT_NOTE, 0x2000, 0x3e000);
	elf_writer_phdr(&w, PT_NOTE, AT, len);
	image_accept();
	ck_assert_uint_eq(image->nr_notes, IMAGE_MAX_NOTES);
	ck_assert_int_eq(find("Xen", 18, &desc, &nr), -ENOENT);
}
END_TEST

START_TEST(abi_note_of_linux_is_a_sign_of_a_program)
{
	const uint32_t abi[] = {(uint32_t)_i, 3, 2, 0}; /* OS 0: Linux */
	const char *sign;

	begin();
	note("GNU", 1, abi, sizeof(abi), 4);
	open_notes(len, 4);
	sign = image_program_sign(image);
	if (_i)
		ck_assert_ptr_null(sign);
	else
		ck_assert_str_eq(sign, "a GNU/Linux ABI note");
	image_close(image);
}
END_TEST

TCase *image_note_case(void)
{
	TCase *tc = image_case("note");

	tcase_add_test(tc, note_is_found_by_name_and_type);
	tcase_add_test(tc, owner_is_compared_with_its_whole_length);
	tcase_add_loop_test(tc, alignment_of_4_or_8_is_found_out, 0, 2);
	tcase_add_test(tc, long_note_is_cut_to_the_room_and_says_its_size);
	tcase_add_test(tc, notes_in_a_later_segment_are_found);
	tcase_add_test(tc, note_cut_short_anywhere_is_not_found);
	tcase_add_loop_test(tc, sizes_that_lead_outside_end_the_search, 0, 6);
	tcase_add_test(tc, many_and_huge_note_segments_are_bounded);
	tcase_add_loop_test(tc, abi_note_of_linux_is_a_sign_of_a_program, 0, 2);
	return tc;
}
