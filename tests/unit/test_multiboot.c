/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first Multiboot Specification: its header on good, bad and hostile bytes,
 * its information byte for byte; and PVH's start info, which is built of the
 * same.
 */
#include "vmm/boot/multiboot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "vmm/boot/pvh.h"

#define MAGIC UINT32_C(0x1badb002)

static uint8_t file[MB_SEARCH + 64];
static struct mb_header header;
static char err[256];

/* A header of nr words; the third becomes the checksum. */
static void put(uint32_t offset, uint32_t flags, unsigned nr,
		const uint32_t *address)
{
	const uint32_t fixed[] = {MAGIC, flags, 0 - (MAGIC + flags)};

	memset(file, 0, sizeof(file));
	memcpy(file + offset, fixed, sizeof(fixed));
	if (nr)
		memcpy(file + offset + sizeof(fixed), address, nr * 4);
}

/* Parses a heap copy of exactly len bytes: the sanitizer sees a byte more. */
static int find_in(uint32_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int rc;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, file, len);
	memset(err, 0, sizeof(err));
	rc = mb_header_find(&header, copy, len, err, sizeof(err));
	free(copy);
	ck_assert(!rc || *err);
	ck_assert_ptr_null(strchr(err, '\n'));
	return rc;
}

static void refused(int rc, const char *words)
{
	ck_assert_int_eq(find_in(sizeof(file)), rc);
	ck_assert_msg(strstr(err, words), "\"%s\" lacks \"%s\"", err, words);
}

START_TEST(header_is_found_at_any_multiple_of_4)
{
	static const uint32_t offsets[] = {0, 4, 0x1004, MB_SEARCH - 12};

	for (unsigned i = 0; i < 4; i++) {
		put(offsets[i], 3, 0, NULL);
		ck_assert_int_eq(find_in(offsets[i] + 12), 0);
		ck_assert_uint_eq(header.offset, offsets[i]);
		ck_assert_uint_eq(header.flags, 3);
		ck_assert(!header.video && !header.has_address);
	}
}
END_TEST

START_TEST(header_elsewhere_is_not_found)
{
	put(2, 0, 0, NULL);
	refused(-ENOENT, "no multiboot header");
	put(MB_SEARCH - 8, 0, 0, NULL);
	refused(-ENOENT, "first 8192 bytes");
	put(MB_SEARCH, 0, 0, NULL);
	refused(-ENOENT, "no multiboot header");
	put(0, 0, 0, NULL);
	ck_assert_int_eq(find_in(11), -ENOENT);
	ck_assert_int_eq(find_in(0), -ENOENT);
}
END_TEST

START_TEST(wrong_checksum_is_named_with_the_right_one)
{
	put(0x40, 3, 0, NULL);
	file[0x48]++;
	refused(-ENOENT, "0xe4524ffc at file offset 0x40");
	refused(-ENOENT, "must be 0xe4524ffb");
}
END_TEST

START_TEST(decoy_does_not_hide_the_header)
{
	const uint32_t decoy = MAGIC;

	put(0x100, 0, 0, NULL);
	memcpy(file, &decoy, 4);
	ck_assert_int_eq(find_in(sizeof(file)), 0);
	ck_assert_uint_eq(header.offset, 0x100);
}
END_TEST

START_TEST(required_flag_that_is_not_defined_is_refused_by_number)
{
	for (unsigned bit = 3; bit < 16; bit++) {
		char words[32];

		put(0, 1U << bit, 0, NULL);
		snprintf(words, sizeof(words), "require feature %u,", bit);
		refused(-ENOTSUP, words);
	}
}
END_TEST

START_TEST(optional_flags_that_are_not_defined_are_ignored)
{
	put(0, 0xfffe0000, 0, NULL);
	ck_assert_int_eq(find_in(sizeof(file)), 0);
	ck_assert(!header.has_address);
}
END_TEST

START_TEST(video_request_is_noted_wherever_its_fields_are)
{
	put(MB_SEARCH - 12, 4, 0, NULL);
	ck_assert_int_eq(find_in(MB_SEARCH), 0);
	ck_assert(header.video);
}
END_TEST

static void address(uint32_t header_addr, uint32_t load, uint32_t load_end,
		    uint32_t bss_end, uint32_t entry)
{
	const uint32_t words[] = {header_addr, load, load_end, bss_end, entry};

	put(0x40, 0x10003, 5, words);
}

START_TEST(address_fields_are_read)
{
	address(0x100040, 0x100000, 0x102000, 0x104000, 0x100080);
	ck_assert_int_eq(find_in(0x60), 0);
	ck_assert(header.has_address);
	ck_assert_uint_eq(header.address.header_addr, 0x100040);
	ck_assert_uint_eq(header.address.load_addr, 0x100000);
	ck_assert_uint_eq(header.address.load_end_addr, 0x102000);
	ck_assert_uint_eq(header.address.bss_end_addr, 0x104000);
	ck_assert_uint_eq(header.address.entry, 0x100080);
	ck_assert_int_eq(find_in(0x5f), -EINVAL);
	ck_assert_msg(strstr(err, "31 bytes on"), "%s", err);
}
END_TEST

/* multiboot_address.c, which multiboot2's tests are about as well. */
START_TEST(address_fields_that_contradict_each_other_are_refused)
{
	address(0x100040, 0x100041, 0, 0, 0x100080);
	refused(-EINVAL, "address fields: load_addr 0x100041 is above");
	address(0x100041, 0x100000, 0, 0, 0x100080);
	refused(-EINVAL, "before the file's start");
	address(0x100040, 0x100000, 0x100000, 0, 0x100080);
	refused(-EINVAL, "load_end_addr 0x100000");
	address(0x100040, 0x100000, 0x102000, 0x101fff, 0x100080);
	refused(-EINVAL, "bss_end_addr 0x101fff");
	address(0x100040, 0x100000, 0, 0, 0xfffff);
	refused(-EINVAL, "multiboot entry_addr: 0xfffff");
	address(0x100040, 0x100000, 0x102000, 0x104000, 0x104000);
	refused(-EINVAL, "multiboot entry_addr: 0x104000");
}
END_TEST

/* Information. */

static const struct bootinfo_module modules[] = {
	{0x200000, 0x1234, "init"},
	{0x300000, 0, NULL},
};
static struct memmap_entry entries[] = {
	{0, 0xa0000, MEMMAP_USABLE},
	{0xa0000, 0x60000, MEMMAP_RESERVED},
	{0x100000, 0x700000, MEMMAP_USABLE},
};
static const struct memmap map = {.entries = entries, .nr = 3};

static uint8_t *out;
static size_t out_len;

/* Nothing outside is written (the sanitizer sees it), nothing inside is not. */
static void build(const struct bootinfo *info,
		  size_t (*size)(const struct bootinfo *),
		  void (*write)(const struct bootinfo *, void *))
{
	uint8_t *again;

	out_len = size(info);
	out = malloc(out_len);
	again = malloc(out_len);
	ck_assert(out && again);
	memset(out, 0, out_len);
	memset(again, 0xff, out_len);
	write(info, out);
	write(info, again);
	ck_assert_mem_eq(out, again, out_len);
	free(again);
}

static uint32_t u32(size_t at)
{
	uint32_t value;

	ck_assert_uint_le(at + 4, out_len);
	memcpy(&value, out + at, 4);
	return value;
}

static uint64_t u64(size_t at)
{
	return u32(at) | (uint64_t)u32(at + 4) << 32;
}

static void words_are(size_t at, unsigned nr, const uint32_t *want)
{
	for (unsigned i = 0; i < nr; i++)
		ck_assert_msg(u32(at + 4 * i) == want[i],
			      "at %zu: 0x%x, not 0x%x", at + 4 * i,
			      u32(at + 4 * i), want[i]);
}

START_TEST(information_is_laid_out_as_specified)
{
	const uint32_t sections[] = {1, 2, 3, 4, 5};
	const struct bootinfo info = {
		.gpa = 0x9000,
		.cmdline = "vmlinux x",
		.loader = "us",
		.modules = modules,
		.nr_modules = 2,
		.map = &map,
		.sections = sections,
		.shnum = 2,
		.shentsize = 10,
		.shstrndx = 1,
	};
	/* 120: map; 192: modules; 224: sections; 244: strings. */
	const uint32_t fields[30] = {
		[0] = 0x26d,
		[1] = 640,
		[2] = 0x1c00,
		[4] = 0x9000 + 244,
		[5] = 2,
		[6] = 0x9000 + 192,
		[7] = 2,
		[8] = 10,
		[9] = 0x9000 + 224,
		[10] = 1,
		[11] = 72,
		[12] = 0x9000 + 120,
		[16] = 0x9000 + 254,
	};
	const uint32_t rest[] = {
		20,	  0,	    0,
		0xa0000,  0,	    1, /* map */
		20,	  0xa0000,  0,
		0x60000,  0,	    2,
		20,	  0x100000, 0,
		0x700000, 0,	    1,
		0x200000, 0x201234, 0x9000 + 257,
		0, /* modules */
		0x300000, 0x300000, 0x9000 + 262,
		0,	  1,	    2,
		3,	  4,	    5, /* sections */
	};

	build(&info, mb_info_size, mb_info_build);
	words_are(0, 30, fields);
	words_are(120, sizeof(rest) / 4, rest);
	ck_assert_uint_eq(out_len, 263);
	ck_assert_mem_eq(out + 244, "vmlinux x\0us\0init\0\0", 19);
	free(out);
}
END_TEST

START_TEST(information_of_nothing_has_no_flags)
{
	const struct bootinfo info = {.gpa = 0x9000};

	build(&info, mb_info_size, mb_info_build);
	ck_assert_uint_eq(out_len, 120);
	for (size_t i = 0; i < out_len; i++)
		ck_assert_uint_eq(out[i], 0);
	free(out);
}
END_TEST

START_TEST(long_information_spans_pages)
{
	static char words[3 * PAGE_SIZE];
	const struct bootinfo info = {.gpa = 0x9000, .cmdline = words};

	memset(words, 'x', sizeof(words) - 1);
	build(&info, mb_info_size, mb_info_build);
	ck_assert_uint_eq(out_len, 120 + sizeof(words));
	ck_assert_str_eq((char *)out + u32(16) - 0x9000, words);
	free(out);
}
END_TEST

START_TEST(start_info_is_laid_out_as_xen_has_it)
{
	const struct bootinfo info = {
		.gpa = 0x9f000,
		.cmdline = "quiet",
		.modules = modules,
		.nr_modules = 2,
		.map = &map,
		.rsdp = "",
		.rsdp_gpa = 0xf0000,
	};
	/* 56: map; 128: modules; 192: strings. */
	const uint32_t words[] = {
		0x336ec578,
		1,
		0,
		2, /* start info */
		0x9f000 + 128,
		0,
		0x9f000 + 192,
		0,
		0xf0000,
		0,
		0x9f000 + 56,
		0,
		3,
		0,
		0,
		0,
		0xa0000,
		0,
		1,
		0, /* map */
		0xa0000,
		0,
		0x60000,
		0,
		2,
		0,
		0x100000,
		0,
		0x700000,
		0,
		1,
		0,
		0x200000,
		0,
		0x1234,
		0, /* modules */
		0x9f000 + 198,
		0,
		0,
		0,
		0x300000,
		0,
		0,
		0,
		0x9f000 + 203,
		0,
		0,
		0,
	};

	build(&info, pvh_info_size, pvh_info_build);
	words_are(0, sizeof(words) / 4, words);
	ck_assert_uint_eq(out_len, 204);
	ck_assert_mem_eq(out + 192, "quiet\0init\0\0", 12);
	free(out);
}
END_TEST

START_TEST(start_info_of_nothing_has_no_addresses)
{
	const struct bootinfo info = {.gpa = 0x1000};

	build(&info, pvh_info_size, pvh_info_build);
	ck_assert_uint_eq(out_len, 56);
	ck_assert_uint_eq(u32(4), 1);
	for (size_t at = 8; at < 56; at += 8)
		ck_assert_uint_eq(u64(at), 0);
	free(out);
}
END_TEST

Suite *multiboot_suite(void)
{
	Suite *suite = suite_create("multiboot");
	TCase *tc = tcase_create("header");

	tcase_add_test(tc, header_is_found_at_any_multiple_of_4);
	tcase_add_test(tc, header_elsewhere_is_not_found);
	tcase_add_test(tc, wrong_checksum_is_named_with_the_right_one);
	tcase_add_test(tc, decoy_does_not_hide_the_header);
	tcase_add_test(tc,
		       required_flag_that_is_not_defined_is_refused_by_number);
	tcase_add_test(tc, optional_flags_that_are_not_defined_are_ignored);
	tcase_add_test(tc, video_request_is_noted_wherever_its_fields_are);
	tcase_add_test(tc, address_fields_are_read);
	tcase_add_test(tc,
		       address_fields_that_contradict_each_other_are_refused);
	suite_add_tcase(suite, tc);
	tc = tcase_create("information");
	tcase_add_test(tc, information_is_laid_out_as_specified);
	tcase_add_test(tc, information_of_nothing_has_no_flags);
	tcase_add_test(tc, long_information_spans_pages);
	tcase_add_test(tc, start_info_is_laid_out_as_xen_has_it);
	tcase_add_test(tc, start_info_of_nothing_has_no_addresses);
	suite_add_tcase(suite, tc);
	return suite;
}
