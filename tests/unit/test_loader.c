/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/loader: which bytes a page is made of. Geometry that linkers really
 * make, geometry that only an enemy makes, and random tables against a flat
 * array of bytes.
 */
#include "tests/suites.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "pager/loader.h"

#define FILE_BYTES (64 * 1024)

static uint8_t file[FILE_BYTES];
static struct source_bytes file_bytes = {file, sizeof(file)};
static struct pager_source source;
static struct loader loader;
static struct loader_failure failure;
static uint64_t bytes_read;

/* xorshift: the same numbers in every run */
static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

static void set_up(void)
{
	random_state = 1;
	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (uint8_t)(1 + random_below(255));
	source = source_bytes("image", &file_bytes);
	loader_init(&loader);
	bytes_read = 0;
}

static void tear_down(void)
{
	loader_fini(&loader);
}

static int add(gpa_t gpa, uint64_t len, uint64_t offset)
{
	struct extent e = {gpa, len, &source, offset};

	return loader_add(&loader, e);
}

static void want_add(gpa_t gpa, uint64_t len, uint64_t offset)
{
	ck_assert_int_eq(add(gpa, len, offset), 0);
}

static void want_seal(void)
{
	ck_assert_int_eq(loader_seal(&loader, NULL, 0), 0);
}

/* Composes a page over a buffer that was anything but zero. */
static void want_compose(gpa_t gpa, uint8_t *page)
{
	memset(page, 0xee, PAGE_SIZE);
	ck_assert_int_eq(loader_compose(&loader, gpa, page, PAGE_SIZE, false,
					&bytes_read, &failure),
			 0);
}

static void want_zeros(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ck_assert_msg(!p[i], "byte %zu is 0x%x", i, p[i]);
}

START_TEST(page_of_two_segments_has_both_and_zeros_between)
{
	uint8_t page[PAGE_SIZE];
	bool zero;

	want_add(0x100000, 0x1234, 0x1000);
	want_add(0x101240, 0x100, 0x2240);
	want_seal();
	want_compose(0x100000, page);
	ck_assert_mem_eq(page, file + 0x1000, PAGE_SIZE);
	want_compose(0x101000, page);
	ck_assert_mem_eq(page, file + 0x2000, 0x234);
	want_zeros(page + 0x234, 0x240 - 0x234);
	ck_assert_mem_eq(page + 0x240, file + 0x2240, 0x100);
	want_zeros(page + 0x340, PAGE_SIZE - 0x340);
	ck_assert_uint_eq(bytes_read, 0x1334);
	/* The segment's zero tail is in no extent: ordinary memory. */
	ck_assert_uint_eq(loader.nr_regions, 1);
	ck_assert_uint_eq(loader.pages, 2);
	ck_assert_ptr_null(loader_find(&loader, 0x102000));
	ck_assert_uint_eq(loader_run(&loader, 0x100000, &zero), 2);
	ck_assert(!zero);
}
END_TEST

START_TEST(offset_needs_not_be_congruent_to_the_address)
{
	uint8_t page[PAGE_SIZE];

	want_add(0x5123, 0x2000, 0x777);
	want_seal();
	ck_assert_uint_eq(loader.pages, 3);
	want_compose(0x5000, page);
	want_zeros(page, 0x123);
	ck_assert_mem_eq(page + 0x123, file + 0x777, PAGE_SIZE - 0x123);
	want_compose(0x7000, page);
	ck_assert_mem_eq(page, file + 0x777 + 0x2000 - 0x123, 0x123);
	want_zeros(page + 0x123, PAGE_SIZE - 0x123);
}
END_TEST

START_TEST(page_of_many_one_byte_extents_is_whole)
{
	uint8_t page[PAGE_SIZE];

	/* Backwards: the table sorts. */
	for (unsigned i = PAGE_SIZE; i-- > 0;)
		want_add(0x1000 + i, 1, i ^ 0xff);
	want_seal();
	ck_assert_uint_eq(loader.pages, 1);
	want_compose(0x1000, page);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		ck_assert_uint_eq(page[i], file[i ^ 0xff]);
}
END_TEST

START_TEST(part_of_a_page_is_composed_as_well)
{
	uint8_t b[32];

	want_add(0x1010, 8, 0x100);
	want_seal();
	memset(b, 0xee, sizeof(b));
	ck_assert_int_eq(loader_compose(&loader, 0x100c, b, 16, false,
					&bytes_read, &failure),
			 0);
	want_zeros(b, 4);
	ck_assert_mem_eq(b + 4, file + 0x100, 8);
	want_zeros(b + 12, 4);
	ck_assert_uint_eq(b[16], 0xee);
	ck_assert_int_eq(loader_compose(&loader, 0x1012, b, 3, false,
					&bytes_read, &failure),
			 0);
	ck_assert_mem_eq(b, file + 0x102, 3);
}
END_TEST

START_TEST(zeroed_buffer_is_written_only_where_there_is_a_source)
{
	uint8_t b[32];

	want_add(0x1010, 8, 0x100);
	want_seal();
	memset(b, 0xee, sizeof(b));
	ck_assert_int_eq(loader_compose(&loader, 0x1008, b, 32, true,
					&bytes_read, &failure),
			 0);
	ck_assert_uint_eq(b[7], 0xee);
	ck_assert_mem_eq(b + 8, file + 0x100, 8);
	ck_assert_uint_eq(b[16], 0xee);
	ck_assert_uint_eq(bytes_read, 8);
}
END_TEST

START_TEST(regions_that_touch_become_one_and_are_numbered_through)
{
	const struct gpa_range zero[] = {{0x1000, 0x1000}, {0x9000, 0x2000}};

	want_add(0x2fff, 1, 0);
	want_add(0x3000, 0x800, 0x10);
	want_add(0x6800, 0x10, 0);
	ck_assert_int_eq(loader_seal(&loader, zero, 2), 0);
	ck_assert_uint_eq(loader.nr_regions, 3);
	ck_assert_uint_eq(loader.regions[0].gpa, 0x1000);
	ck_assert_uint_eq(loader.regions[0].pages, 3);
	ck_assert_uint_eq(loader.regions[1].gpa, 0x6000);
	ck_assert_uint_eq(loader.regions[1].first, 3);
	ck_assert_uint_eq(loader.regions[2].first, 4);
	ck_assert_uint_eq(loader.pages, 6);
	ck_assert_ptr_null(loader_find(&loader, 0xfff));
	ck_assert_ptr_eq(loader_find(&loader, 0x3fff), &loader.regions[0]);
	ck_assert_ptr_null(loader_find(&loader, 0x4000));
	ck_assert_ptr_eq(loader_find(&loader, 0x6000), &loader.regions[1]);
	ck_assert_ptr_null(loader_find(&loader, 0xb000));
}
END_TEST

START_TEST(extents_inside_a_zero_range_add_no_region)
{
	const struct gpa_range zero[] = {{0, 0x10000}};

	want_add(0x4100, 0x3000, 0);
	want_add(0xf000, 0x1000, 0);
	ck_assert_int_eq(loader_seal(&loader, zero, 1), 0);
	ck_assert_uint_eq(loader.nr_regions, 1);
	ck_assert_uint_eq(loader.pages, 16);
}
END_TEST

START_TEST(run_ends_where_the_kind_of_content_changes)
{
	bool zero;

	want_add(0x4100, 0x3000, 0); /* pages 4 to 7 */
	want_add(0x7200, 0x2000, 0); /* pages 7 to 9 */
	want_seal();
	ck_assert_uint_eq(loader_run(&loader, 0, &zero), 4);
	ck_assert(zero);
	ck_assert_uint_eq(loader_run(&loader, 0x3000, &zero), 1);
	ck_assert(zero);
	ck_assert_uint_eq(loader_run(&loader, 0x4000, &zero), 4);
	ck_assert(!zero);
	/* A shared page goes on with the extent that goes further. */
	ck_assert_uint_eq(loader_run(&loader, 0x7000, &zero), 3);
	ck_assert(!zero);
	ck_assert_uint_eq(loader_run(&loader, 0xa000, &zero),
			  (UINT64_C(1) << 52) - 10);
	ck_assert(zero);
}
END_TEST

START_TEST(empty_table_is_zeros_everywhere)
{
	uint8_t page[PAGE_SIZE];
	bool zero;

	want_seal();
	ck_assert_uint_eq(loader.nr_regions, 0);
	ck_assert_uint_eq(loader.pages, 0);
	ck_assert_ptr_null(loader_find(&loader, 0));
	ck_assert_ptr_null(loader_extent(&loader, 0, UINT64_MAX));
	ck_assert_uint_eq(loader_run(&loader, 0, &zero), UINT64_C(1) << 52);
	ck_assert(zero);
	want_compose(0x1000, page);
	want_zeros(page, PAGE_SIZE);
	ck_assert_uint_eq(bytes_read, 0);
}
END_TEST

START_TEST(extent_of_no_bytes_is_no_extent)
{
	want_add(0x1000, 0, 0);
	want_add(UINT64_MAX, 0, UINT64_MAX);
	want_seal();
	ck_assert_uint_eq(loader.pages, 0);
}
END_TEST

START_TEST(overlap_of_one_byte_is_refused)
{
	want_add(0x1000, 0x1000, 0);
	want_add(0x1fff, 1, 0);
	ck_assert_int_eq(loader_seal(&loader, NULL, 0), -EEXIST);
}
END_TEST

START_TEST(same_extent_twice_is_refused)
{
	want_add(0x1000, 0x10, 0);
	want_add(0x1000, 0x10, 0);
	ck_assert_int_eq(loader_seal(&loader, NULL, 0), -EEXIST);
}
END_TEST

START_TEST(extent_inside_another_is_refused)
{
	want_add(0x100000, 0x100000, 0);
	want_add(0x180000, 0x10, 0);
	want_add(0x300000, 0x10, 0);
	ck_assert_int_eq(loader_seal(&loader, NULL, 0), -EEXIST);
}
END_TEST

START_TEST(extent_that_wraps_is_refused)
{
	ck_assert_int_eq(add(UINT64_MAX, 2, 0), -EINVAL);
	ck_assert_int_eq(add(0x1000, UINT64_MAX, 0), -EINVAL);
	ck_assert_int_eq(add(0, 0x1000, UINT64_MAX - 1), -EINVAL);
	/* An exclusive end of 2^64 cannot be written down, nor can one of the
	 * last page. */
	ck_assert_int_eq(add(-(gpa_t)0x10, 0x10, 0), -EINVAL);
	ck_assert_int_eq(add(-(gpa_t)PAGE_SIZE, 1, 0), -EINVAL);
	want_seal();
	ck_assert_uint_eq(loader.pages, 0);
}
END_TEST

START_TEST(last_page_that_can_have_content_works)
{
	const gpa_t last = -(gpa_t)PAGE_SIZE, gpa = last - PAGE_SIZE;
	uint8_t page[PAGE_SIZE];
	bool zero;

	want_add(gpa + 0x10, PAGE_SIZE - 0x10, 0x123);
	want_seal();
	ck_assert_uint_eq(loader.pages, 1);
	ck_assert_ptr_nonnull(loader_find(&loader, last - 1));
	ck_assert_ptr_null(loader_find(&loader, last));
	ck_assert_ptr_null(loader_find(&loader, UINT64_MAX));
	ck_assert_ptr_nonnull(loader_extent(&loader, gpa, PAGE_SIZE));
	ck_assert_uint_eq(loader_run(&loader, gpa, &zero), 1);
	ck_assert(!zero);
	ck_assert_uint_eq(loader_run(&loader, last, &zero), 1);
	ck_assert(zero);
	want_compose(gpa, page);
	want_zeros(page, 0x10);
	ck_assert_mem_eq(page + 0x10, file + 0x123, PAGE_SIZE - 0x10);
}
END_TEST

static int broken_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	(void)ctx;
	(void)buf;
	(void)len;
	(void)offset;
	return -EIO;
}

START_TEST(failed_read_tells_source_offset_and_address)
{
	const struct pager_source broken = {"module", broken_read, NULL, -1};
	struct extent e = {0x1800, 0x1000, &broken, 0x4321};
	uint8_t b[2 * PAGE_SIZE];

	want_add(0x1100, 0x20, 0);
	ck_assert_int_eq(loader_add(&loader, e), 0);
	want_seal();
	ck_assert_int_eq(loader_compose(&loader, 0x1000, b, sizeof(b), false,
					&bytes_read, &failure),
			 -EIO);
	ck_assert_str_eq(failure.source, "module");
	ck_assert_uint_eq(failure.offset, 0x4321);
	ck_assert_uint_eq(failure.gpa, 0x1800);
	ck_assert_int_eq(failure.error, EIO);
	ck_assert_uint_eq(bytes_read, 0x20);
	/* From the middle of the extent: where that read began. */
	ck_assert_int_eq(loader_compose(&loader, 0x2000, b, PAGE_SIZE, false,
					&bytes_read, &failure),
			 -EIO);
	ck_assert_uint_eq(failure.offset, 0x4b21);
	ck_assert_uint_eq(failure.gpa, 0x2000);
}
END_TEST

START_TEST(source_that_ends_early_is_enodata_not_zeros)
{
	uint8_t page[PAGE_SIZE];

	want_add(0x1000, 0x1000, FILE_BYTES - 0xfff);
	want_seal();
	ck_assert_int_eq(loader_compose(&loader, 0x1000, page, PAGE_SIZE, false,
					&bytes_read, &failure),
			 -ENODATA);
	ck_assert_int_eq(failure.error, ENODATA);
	ck_assert_uint_eq(bytes_read, 0);
}
END_TEST

START_TEST(extent_after_sealing_is_a_bug_of_ours)
{
	want_seal();
	add(0x1000, 0x1000, 0);
}
END_TEST

START_TEST(run_of_a_misaligned_page_is_a_bug_of_ours)
{
	bool zero;

	want_seal();
	loader_run(&loader, 0x1001, &zero);
}
END_TEST

/* The oracle: every byte of a small space, and where it comes from. */
#define PAGES 48
#define SPACE (PAGES * PAGE_SIZE)
#define BASE  UINT64_C(0xfffff000)

static uint8_t flat[SPACE];
static bool owned[SPACE];

/* Adds up to n random extents; false: two of them overlap. */
static bool add_random(unsigned n)
{
	bool disjoint = true;

	memset(flat, 0, sizeof(flat));
	memset(owned, 0, sizeof(owned));
	for (unsigned i = 0; i < n; i++) {
		uint64_t most = random_below(3) ? 300 : 5 * PAGE_SIZE;
		uint64_t len = 1 + random_below(most);
		uint64_t at = random_below(SPACE - len);
		uint64_t offset = random_below(FILE_BYTES - len);
		bool clash = false;

		for (uint64_t b = at; b < at + len; b++)
			clash |= owned[b];
		/* Let a few overlaps through. */
		if (clash && random_below(200))
			continue;
		disjoint &= !clash;
		memset(owned + at, 1, len);
		memcpy(flat + at, file + offset, len);
		want_add(BASE + at, len, offset);
	}
	return disjoint;
}

static uint64_t count_owned(uint64_t at, uint64_t len)
{
	uint64_t n = 0;

	for (uint64_t i = at; i < at + len; i++)
		n += owned[i];
	return n;
}

static void check_regions(void)
{
	uint64_t page, pages = 0;

	for (page = 0; page < PAGES; page++) {
		gpa_t gpa = BASE + page * PAGE_SIZE;
		const struct region *r = loader_find(&loader, gpa);
		bool has = count_owned(page * PAGE_SIZE, PAGE_SIZE);

		ck_assert_int_eq(r != NULL, has);
		ck_assert_ptr_eq(loader_find(&loader, gpa + PAGE_MASK), r);
		if (!r)
			continue;
		ck_assert_uint_eq(r->first + ((gpa - r->gpa) >> PAGE_SHIFT),
				  pages);
		pages++;
	}
	ck_assert_uint_eq(loader.pages, pages);
}

static void check_runs(void)
{
	for (uint64_t page = 0; page < PAGES; page++) {
		gpa_t gpa = BASE + page * PAGE_SIZE;
		bool zero, has = count_owned(page * PAGE_SIZE, PAGE_SIZE);
		uint64_t run = loader_run(&loader, gpa, &zero), n = 0;

		ck_assert_uint_ge(run, 1);
		ck_assert_int_eq(zero, !has);
		ck_assert_int_eq(loader_extent(&loader, gpa, PAGE_SIZE) != NULL,
				 has);
		/* Every page of a run is of its kind, and a run of zeros ends
		 * only where they do. */
		while (page + n < PAGES && n < run &&
		       !count_owned((page + n) * PAGE_SIZE, PAGE_SIZE) == zero)
			n++;
		ck_assert(n == run || page + n == PAGES);
		if (zero && page + n < PAGES)
			ck_assert(
				count_owned((page + n) * PAGE_SIZE, PAGE_SIZE));
	}
}

static void check_bytes(void)
{
	static uint8_t buf[SPACE];

	for (unsigned i = 0; i < 50; i++) {
		uint64_t at = random_below(SPACE);
		uint64_t len = 1 + random_below(SPACE - at);
		bool zeroed = random_below(2);

		bytes_read = 0;
		memset(buf, zeroed ? 0 : 0xee, sizeof(buf));
		ck_assert_int_eq(loader_compose(&loader, BASE + at, buf, len,
						zeroed, &bytes_read, &failure),
				 0);
		ck_assert(!memcmp(buf, flat + at, len));
		ck_assert_uint_eq(bytes_read, count_owned(at, len));
	}
}

START_TEST(random_tables_say_what_a_flat_array_says)
{
	random_state = (uint64_t)_i + 1;
	for (unsigned round = 0; round < 8; round++) {
		bool disjoint = add_random(1 + (unsigned)random_below(60));
		int rc = loader_seal(&loader, NULL, 0);

		ck_assert_int_eq(rc, disjoint ? 0 : -EEXIST);
		if (!rc) {
			check_regions();
			check_runs();
			check_bytes();
		}
		loader_fini(&loader);
	}
}
END_TEST

Suite *loader_suite(void)
{
	Suite *s = suite_create("loader");
	TCase *tc = tcase_create("loader");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, page_of_two_segments_has_both_and_zeros_between);
	tcase_add_test(tc, offset_needs_not_be_congruent_to_the_address);
	tcase_add_test(tc, page_of_many_one_byte_extents_is_whole);
	tcase_add_test(tc, part_of_a_page_is_composed_as_well);
	tcase_add_test(tc,
		       zeroed_buffer_is_written_only_where_there_is_a_source);
	tcase_add_test(tc,
		       regions_that_touch_become_one_and_are_numbered_through);
	tcase_add_test(tc, extents_inside_a_zero_range_add_no_region);
	tcase_add_test(tc, run_ends_where_the_kind_of_content_changes);
	tcase_add_test(tc, empty_table_is_zeros_everywhere);
	tcase_add_test(tc, extent_of_no_bytes_is_no_extent);
	tcase_add_test(tc, overlap_of_one_byte_is_refused);
	tcase_add_test(tc, same_extent_twice_is_refused);
	tcase_add_test(tc, extent_inside_another_is_refused);
	tcase_add_test(tc, extent_that_wraps_is_refused);
	tcase_add_test(tc, last_page_that_can_have_content_works);
	tcase_add_test(tc, failed_read_tells_source_offset_and_address);
	tcase_add_test(tc, source_that_ends_early_is_enodata_not_zeros);
	tcase_add_test_raise_signal(tc, extent_after_sealing_is_a_bug_of_ours,
				    SIGABRT);
	tcase_add_test_raise_signal(
		tc, run_of_a_misaligned_page_is_a_bug_of_ours, SIGABRT);
	tcase_add_loop_test(tc, random_tables_say_what_a_flat_array_says, 0,
			    10);
	suite_add_tcase(s, tc);
	return s;
}
