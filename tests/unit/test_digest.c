/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/digest: what is hashed, against an array of all memory; and what it costs
 * not to have touched memory.
 */
#define _GNU_SOURCE
#include "vmm/digest.h"

#include <endian.h>
#include <errno.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/suites.h"

#define MIB (UINT64_C(1) << 20)
#define RAM (4 * MIB)

static const enum pager_mode modes[] = {PAGER_UFFD, PAGER_MAP, PAGER_EAGER};

static uint8_t bytes[16 * PAGE_SIZE]; /* of the source */
static uint8_t flat[RAM];	      /* what memory must hold */
static struct memory memory;
static struct pager *pager;
static struct pager_source source;
static int source_fd;

static int no_slot(void *ctx, unsigned slot, gpa_t gpa, uint64_t len, void *hva,
		   bool read_only)
{
	(void)read_only;
	(void)ctx;
	(void)slot;
	(void)gpa;
	(void)len;
	(void)hva;
	return 0;
}

static void add(gpa_t gpa, uint64_t len, uint64_t offset)
{
	ck_assert_int_eq(pager_add(pager, gpa, len, &source, offset), 0);
	memcpy(flat + gpa, bytes + offset, len);
}

/* Two extents that share a page, and one whose offset is not congruent. */
static void begin(enum pager_mode mode, bool lazy_ram, uint64_t ram)
{
	struct pager_config config = {
		.mode = mode,
		.window_pages = 1,
		.lazy_ram = lazy_ram,
	};
	struct pager_memory m;

	ck_assert_int_eq(memory_init(&memory, ram, 32, no_slot, NULL), 0);
	m = (struct pager_memory){0, RAM, memory.hva};
	memset(flat, 0, sizeof(flat));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(1 + i % 251);
	/* A page of zeros is none, wherever it comes from. */
	memset(bytes + 3 * PAGE_SIZE, 0, PAGE_SIZE);
	source_fd = memfd_create("source", MFD_CLOEXEC);
	must_write(source_fd, bytes, sizeof(bytes));
	source = source_file("source", source_fd);
	ck_assert_int_eq(pager_create(&pager, &config), 0);
	add(0x100000, 5 * PAGE_SIZE + 100, 0);
	add(0x105200, 0x300, 7 * PAGE_SIZE);
	add(0x200123, 2 * PAGE_SIZE, 9 * PAGE_SIZE);
	ck_assert_int_eq(pager_arm(pager, &m, 1), 0);
}

static void end(void)
{
	pager_destroy(pager);
	memory_fini(&memory);
	close(source_fd);
}

static void put(gpa_t gpa, uint8_t value)
{
	*(uint8_t *)memory_hva(&memory, gpa) = value;
	if (gpa < RAM)
		flat[gpa] = value;
}

static const char *got(enum pager_mode mode)
{
	static char text[DIGEST_TEXT];
	struct error err = {""};
	int rc = digest_compute(&memory, pager, mode == PAGER_MAP, text, &err);

	ck_assert_msg(!rc, "%s", err.text);
	return text;
}

/* As digest.h says, page by page. */
static const char *wanted(uint64_t ram)
{
	static const uint8_t zeros[PAGE_SIZE];
	static char text[DIGEST_TEXT];
	uint64_t number = htole64(ram);
	uint8_t sum[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, 8, (const uint8_t *)&number);
	for (gpa_t gpa = 0; gpa < RAM; gpa += PAGE_SIZE) {
		if (!memcmp(flat + gpa, zeros, PAGE_SIZE))
			continue;
		number = htole64(gpa);
		sha256_update(&sha, 8, (const uint8_t *)&number);
		sha256_update(&sha, PAGE_SIZE, flat + gpa);
	}
	sha256_digest(&sha, sizeof(sum), sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	return text;
}

START_TEST(digest_is_of_content_and_written_pages)
{
	begin(modes[_i], false, RAM);
	ck_assert_str_eq(got(modes[_i]), wanted(RAM));
	put(0, 1);
	put(RAM - 1, 2);
	put(0x101000, 3);
	put(0x300000, 4);
	ck_assert_str_eq(got(modes[_i]), wanted(RAM));
	end();
}
END_TEST

START_TEST(untouched_page_is_a_page_of_zeros)
{
	char before[DIGEST_TEXT];

	begin(modes[_i], false, RAM);
	strcpy(before, got(modes[_i]));
	put(0x300000, 0);
	put(0x301000, 9);
	ck_assert_str_ne(got(modes[_i]), before);
	put(0x301000, 0);
	ck_assert_str_eq(got(modes[_i]), before);
	end();
}
END_TEST

START_TEST(one_bit_one_place_and_the_size_of_ram_count)
{
	char before[DIGEST_TEXT];

	begin(PAGER_EAGER, false, RAM);
	put(0x300000, 1);
	strcpy(before, got(PAGER_EAGER));
	put(0x300000, 3);
	ck_assert_str_ne(got(PAGER_EAGER), before);
	put(0x300000, 0);
	put(0x301000, 1); /* the same page elsewhere */
	ck_assert_str_ne(got(PAGER_EAGER), before);
	put(0x301000, 0);
	put(0x300000, 1);
	ck_assert_str_eq(got(PAGER_EAGER), before);
	end();
	begin(PAGER_EAGER, false, 2 * RAM);
	put(0x300000, 1);
	ck_assert_str_eq(got(PAGER_EAGER), wanted(2 * RAM));
	ck_assert_str_ne(got(PAGER_EAGER), before);
	end();
}
END_TEST

START_TEST(discarded_content_is_zeros)
{
	begin(modes[_i], false, RAM);
	ck_assert_int_eq(pager_discard(pager, 0x101000, PAGE_SIZE), 0);
	memset(flat + 0x101000, 0, PAGE_SIZE);
	ck_assert_str_eq(got(modes[_i]), wanted(RAM));
	end();
}
END_TEST

START_TEST(lazy_ram_is_not_brought_for_it)
{
	struct pager_stats stats;

	begin(PAGER_UFFD, true, RAM);
	ck_assert_str_eq(got(PAGER_UFFD), wanted(RAM));
	pager_stats(pager, &stats);
	ck_assert_uint_eq(stats.pages, RAM / PAGE_SIZE);
	ck_assert_uint_eq(stats.pages_present, 6 + 3);
	end();
}
END_TEST

START_TEST(handler_is_not_needed)
{
	begin(PAGER_UFFD, false, RAM);
	ck_assert(pager_stop(pager, NULL));
	ck_assert_str_eq(got(PAGER_UFFD), wanted(RAM));
	end();
}
END_TEST

static void is_refused(enum pager_mode mode)
{
	char text[DIGEST_TEXT];
	struct error err = {""};

	ck_assert_int_lt(
		digest_compute(&memory, pager, mode == PAGER_MAP, text, &err),
		0);
	ck_assert_ptr_nonnull(strstr(err.text, "the pager failed"));
	end();
}

START_TEST(content_that_cannot_be_read_is_an_error)
{
	begin(PAGER_UFFD, false, RAM);
	ck_assert_int_eq(ftruncate(source_fd, 2 * PAGE_SIZE), 0);
	is_refused(PAGER_UFFD);
}
END_TEST

START_TEST(mapped_file_that_lost_its_end_is_an_error)
{
	begin(PAGER_MAP, false, RAM);
	ck_assert_int_eq(ftruncate(source_fd, 2 * PAGE_SIZE), 0);
	is_refused(PAGER_MAP);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, digest_is_of_content_and_written_pages, 0, 3);
	tcase_add_loop_test(tc, untouched_page_is_a_page_of_zeros, 0, 3);
	tcase_add_test(tc, one_bit_one_place_and_the_size_of_ram_count);
	tcase_add_loop_test(tc, discarded_content_is_zeros, 0, 3);
	tcase_add_test(tc, lazy_ram_is_not_brought_for_it);
	tcase_add_test(tc, handler_is_not_needed);
	tcase_add_test(tc, content_that_cannot_be_read_is_an_error);
	tcase_add_test(tc, mapped_file_that_lost_its_end_is_an_error);
}

Suite *digest_suite(void)
{
	Suite *s = suite_create("digest");

	must_add(s, "digest", MUST_UFFD, fill);
	return s;
}
