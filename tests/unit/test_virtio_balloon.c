/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/virtio_balloon: which memory is given back to the host, for page
 * numbers of all kinds.
 */
#include "tests/suites.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "pager/gpa.h"
#include "tests/unit/ring_help.h"
#include "vmm/virtio/virtio_balloon.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))
#define OFFERED                                \
	(FEATURE(VIRTIO_BALLOON_F_REPORTING) | \
	 FEATURE(VIRTIO_BALLOON_F_PAGE_POISON))

#define INFLATE	  0
#define DEFLATE	  1
#define REPORTING 2

#define DATA	  0x1000u
#define LOW_PAGES (RING_LOW / PAGE_SIZE)
#define HIGH	  (RING_HIGH >> PAGE_SHIFT)
#define TARGET	  0x12345u
#define RUNS_MAX  1024

#define CONFIG(field)         \
	(VIRTIO_MMIO_CONFIG + \
	 (unsigned)offsetof(struct virtio_balloon_config, field))

/* What was given back, in order: written by the worker before it gives the
 * chain back, read after that. */
struct run {
	gpa_t gpa;
	uint64_t len;
};

static struct driver driver;
static struct ring rings[3];
static struct run runs[RUNS_MAX];
static unsigned nr_runs;
static int result; /* of the host */

static int discard(void *ctx, gpa_t gpa, uint64_t len)
{
	ck_assert_ptr_eq(ctx, &driver);
	ck_assert_uint_lt(nr_runs, RUNS_MAX);
	runs[nr_runs++] = (struct run){gpa, len};
	return result;
}

static void negotiate(uint64_t features)
{
	driver_negotiate(&driver,
			 features | FEATURE(VIRTIO_RING_F_INDIRECT_DESC));
}

static void begin(void)
{
	for (unsigned i = 0; i < 3; i++)
		driver_queue(&driver, i, &rings[i], 8);
	driver_ready(&driver);
}

static void setup(void)
{
	struct virtio_device *device;

	nr_runs = 0;
	result = 0;
	ck_assert_int_eq(
		virtio_balloon_create(&device, TARGET, discard, &driver), 0);
	driver_init(&driver, device);
	negotiate(OFFERED);
	begin();
}

static void teardown(void)
{
	driver_fini(&driver);
}

static void request(unsigned queue, uint16_t head)
{
	ring_offer(&rings[queue], head);
	driver_notify(&driver, queue);
	ck_assert_uint_eq(driver_wait_used(&driver, &rings[queue]), 0);
}

static void write_numbers(gpa_t gpa, const uint32_t *numbers, size_t nr)
{
	memcpy(ring_at(&driver.memory, gpa), numbers, nr * sizeof(*numbers));
}

static void inflate(const uint32_t *numbers, unsigned nr)
{
	write_numbers(DATA, numbers, nr);
	request(INFLATE, RING_CHAIN(&rings[INFLATE],
				    {DATA, (uint32_t)(nr * sizeof(*numbers)),
				     RING_OUT}));
}
#define INFLATE_PAGES(...)                       \
	inflate((const uint32_t[]){__VA_ARGS__}, \
		sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void run_is(unsigned i, uint64_t page, uint64_t pages)
{
	ck_assert_uint_lt(i, nr_runs);
	ck_assert_uint_eq(runs[i].gpa, page << PAGE_SHIFT);
	ck_assert_uint_eq(runs[i].len, pages << PAGE_SHIFT);
}

static void is_well(void)
{
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_STATUS),
			  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				  VIRTIO_CONFIG_S_FEATURES_OK |
				  VIRTIO_CONFIG_S_DRIVER_OK);
	ck_assert_uint_eq(driver.complaints, 0);
}

/* What the device is. */

START_TEST(device_says_what_it_is)
{
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_DEVICE_ID), 5);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(num_pages)), TARGET);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(actual)), 0);
	for (unsigned i = 0; i < 5; i++) {
		driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, i);
		ck_assert_int_eq(
			driver_read(&driver, VIRTIO_MMIO_QUEUE_NUM_MAX) > 0,
			i <= REPORTING);
	}
}
END_TEST

START_TEST(driver_says_how_much_it_has_given)
{
	driver_write(&driver, CONFIG(actual), 77);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(actual)), 77);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(actual)), 0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(num_pages)), TARGET);
}
END_TEST

/* 5.5.4: the device's fields, parts of fields, several at once. */
START_TEST(driver_writes_nothing_else)
{
	driver_write(&driver, CONFIG(num_pages), 1);
	driver_write(&driver, CONFIG(free_page_hint_cmd_id), 1);
	driver_write(&driver, CONFIG(poison_val), 1); /* too late */
	driver_write(&driver, CONFIG(poison_val) + 4, 1);
	driver_write_wide(&driver, CONFIG(actual), 0x101, 1);
	driver_write_wide(&driver, CONFIG(actual), 0x101, 2);
	driver_write_wide(&driver, CONFIG(actual), ~UINT64_C(0), 8);
	driver_write_wide(&driver, CONFIG(num_pages), ~UINT64_C(0), 8);
	driver_write_wide(&driver, CONFIG(actual) + 1, ~UINT64_C(0), 4);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(num_pages)), TARGET);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(actual)), 0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(free_page_hint_cmd_id)),
			  0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(poison_val)), 0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(poison_val) + 4), 0);
}
END_TEST

/* Inflating. */

START_TEST(neighbours_are_given_back_together)
{
	INFLATE_PAGES(20, 21, 22, 40, 39, 38, 60, 62, 61);
	ck_assert_uint_eq(nr_runs, 4);
	run_is(0, 20, 3);
	run_is(1, 38, 3);
	run_is(2, 60, 1);
	run_is(3, 61, 2);
}
END_TEST

START_TEST(first_and_last_pages_of_ram_count)
{
	INFLATE_PAGES(0);
	INFLATE_PAGES(1, 0);
	INFLATE_PAGES(LOW_PAGES - 1);
	INFLATE_PAGES(HIGH, HIGH + 15);
	ck_assert_uint_eq(nr_runs, 5);
	run_is(0, 0, 1);
	run_is(1, 0, 2);
	run_is(2, LOW_PAGES - 1, 1);
	run_is(3, HIGH, 1);
	run_is(4, HIGH + 15, 1);
}
END_TEST

/* In an odd number of buffers of odd sizes, more than are read at a time. */
START_TEST(numbers_may_be_divided_anyhow)
{
	const unsigned nr = 600;
	uint32_t numbers[600], left = 600 * 4, at = 0;
	struct ring_buffer buffers[200];
	unsigned n = 0, pages = 0;

	for (unsigned i = 0; i < nr; i++)
		numbers[i] = HIGH + i * 7 % 16; /* no neighbours */
	write_numbers(DATA, numbers, nr);
	while (left) {
		uint32_t len = 1 + n * 5 % 37;

		len = len < left ? len : left;
		buffers[n++] = (struct ring_buffer){DATA + at, len, RING_OUT};
		at += len;
		left -= len;
	}
	ck_assert_uint_gt(n, 100);
	request(INFLATE,
		ring_chain_indirect(&rings[INFLATE], 0x4000, buffers, n));
	for (unsigned i = 0; i < nr_runs; i++)
		pages += (unsigned)(runs[i].len >> PAGE_SHIFT);
	ck_assert_uint_eq(pages, nr);
	for (unsigned i = 0, r = 0; i < nr; r++) {
		ck_assert_uint_eq(runs[r].len, PAGE_SIZE);
		run_is(r, numbers[i++], 1);
	}
	is_well();
}
END_TEST

START_TEST(run_is_cut_where_a_batch_ends)
{
	uint32_t numbers[258];

	/* All of low RAM, and beyond it. */
	for (unsigned i = 0; i < 258; i++)
		numbers[i] = i;
	inflate(numbers, 258);
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, 0, LOW_PAGES);
	is_well();
}
END_TEST

START_TEST(numbers_that_are_no_ram_do_not_spoil_others)
{
	INFLATE_PAGES(0xffffffff, 5, 0xffffffff, LOW_PAGES - 1, LOW_PAGES,
		      LOW_PAGES + 1, HIGH - 1, HIGH, 0xfeb00, 0x80000000, 9, 7,
		      HIGH + 16);
	ck_assert_uint_eq(nr_runs, 5);
	run_is(0, 5, 1);
	run_is(1, LOW_PAGES - 1, 1);
	run_is(2, HIGH, 1);
	run_is(3, 9, 1);
	run_is(4, 7, 1);
	is_well();
}
END_TEST

START_TEST(same_page_twice_is_twice)
{
	INFLATE_PAGES(5, 5, 6, 5);
	ck_assert_uint_eq(nr_runs, 3);
	run_is(0, 5, 1);
	run_is(1, 5, 2);
	run_is(2, 5, 1);
	is_well();
}
END_TEST

START_TEST(part_of_a_number_is_none)
{
	write_numbers(DATA, (uint32_t[]){5, 9}, 2);
	request(INFLATE, RING_CHAIN(&rings[INFLATE], {DATA, 7, RING_OUT}));
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, 5, 1);
	request(INFLATE, RING_CHAIN(&rings[INFLATE], {DATA, 3, RING_OUT}));
	ck_assert_uint_eq(nr_runs, 1);
	is_well();
}
END_TEST

/* The device reads nothing from there, and writes nothing. */
START_TEST(buffers_to_write_to_name_no_pages)
{
	write_numbers(DATA, (uint32_t[]){5}, 1);
	request(INFLATE, RING_CHAIN(&rings[INFLATE], {DATA, 4, RING_IN}));
	ck_assert_uint_eq(nr_runs, 0);
	request(INFLATE, RING_CHAIN(&rings[INFLATE], {DATA, 4, RING_OUT},
				    {DATA, 4, RING_IN}));
	ck_assert_uint_eq(nr_runs, 1);
	is_well();
}
END_TEST

START_TEST(pages_of_a_chain_that_is_no_ram_stay)
{
	write_numbers(DATA, (uint32_t[]){5}, 1);
	ring_offer(&rings[INFLATE],
		   RING_CHAIN(&rings[INFLATE], {DATA, 4, RING_OUT},
			      {RING_LOW - 4, 8, RING_OUT}));
	driver_notify(&driver, INFLATE);
	driver_wait_complaints(&driver, 1);
	ck_assert_ptr_nonnull(strstr(driver.complaint, "virtio-balloon: "));
	ck_assert_uint_eq(nr_runs, 0);
}
END_TEST

/* Too many mappings, say: the guest cannot do anything about it; the user is
 * told, once. */
START_TEST(host_that_takes_nothing_is_no_error)
{
	result = -ENOMEM;
	INFLATE_PAGES(5, 7);
	ck_assert_uint_eq(nr_runs, 2);
	request(REPORTING,
		RING_CHAIN(&rings[REPORTING], {0x10000, PAGE_SIZE, RING_IN}));
	ck_assert_uint_eq(nr_runs, 3);
	ck_assert_uint_eq(driver.complaints, 1);
	driver.complaints = 0;
	is_well();
}
END_TEST

START_TEST(deflating_gives_nothing_back)
{
	write_numbers(DATA, (uint32_t[]){5, 0xffffffff}, 2);
	request(DEFLATE, RING_CHAIN(&rings[DEFLATE], {DATA, 8, RING_OUT}));
	ck_assert_uint_eq(nr_runs, 0);
	is_well();
}
END_TEST

/* Reporting. */

START_TEST(reported_pages_are_given_back_as_they_are)
{
	/* Nothing is brought for that. */
	driver.memory.bad = 0x10000;
	driver.memory.bad_len = 0x10000;
	request(REPORTING,
		RING_CHAIN(&rings[REPORTING], {0x10000, 0x10000, RING_IN},
			   {RING_HIGH, PAGE_SIZE, RING_IN}));
	ck_assert_uint_eq(nr_runs, 2);
	run_is(0, 16, 16);
	run_is(1, HIGH, 1);
	is_well();
}
END_TEST

START_TEST(reported_memory_is_whole_pages)
{
	request(REPORTING,
		RING_CHAIN(&rings[REPORTING], {0x10001, 0x10000, RING_IN},
			   {0x10000, PAGE_SIZE - 1, RING_IN},
			   {0x10000, 1, RING_IN}, {0x10800, 0x800, RING_IN},
			   {0x30000, PAGE_SIZE, RING_IN}));
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, 0x30, 1);
	is_well();
}
END_TEST

START_TEST(reported_memory_is_to_be_written_to)
{
	request(REPORTING,
		RING_CHAIN(&rings[REPORTING], {0x10000, PAGE_SIZE, RING_OUT},
			   {0x20000, PAGE_SIZE, RING_IN}));
	ck_assert_uint_eq(nr_runs, 1);
	run_is(0, 0x20, 1);
}
END_TEST

START_TEST(reported_memory_that_is_no_ram_breaks_the_queue)
{
	const gpa_t bad[] = {RING_LOW - PAGE_SIZE, RING_LOW, RING_HIGH - 4096,
			     RING_HIGH + RING_HIGH_LEN - PAGE_SIZE,
			     -UINT64_C(4096)};

	ring_offer(&rings[REPORTING],
		   RING_CHAIN(&rings[REPORTING], {0x10000, PAGE_SIZE, RING_IN},
			      {bad[_i], 2 * PAGE_SIZE, RING_IN}));
	driver_notify(&driver, REPORTING);
	driver_wait_complaints(&driver, 1);
	ck_assert_uint_eq(nr_runs, 0);
	/* And is mended by a reset. */
	negotiate(OFFERED);
	begin();
	INFLATE_PAGES(5);
	ck_assert_uint_eq(nr_runs, 1);
}
END_TEST

/* Poison: 5.5.6.6. */

static void report_with_poison(uint64_t features, uint32_t poison)
{
	negotiate(features);
	driver_write(&driver, CONFIG(poison_val), poison);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(poison_val)), poison);
	begin();
	request(REPORTING,
		RING_CHAIN(&rings[REPORTING], {0x10000, PAGE_SIZE, RING_IN}));
}

START_TEST(poisoned_pages_keep_their_poison)
{
	report_with_poison(OFFERED, 0xaaaaaaaa);
	ck_assert_uint_eq(nr_runs, 0);
	/* Those in the balloon are filled when they leave it. */
	INFLATE_PAGES(5);
	ck_assert_uint_eq(nr_runs, 1);
	is_well();
}
END_TEST

START_TEST(poison_of_zeros_is_what_pages_become)
{
	report_with_poison(OFFERED, 0);
	ck_assert_uint_eq(nr_runs, 1);
}
END_TEST

START_TEST(poison_without_its_feature_is_none)
{
	report_with_poison(FEATURE(VIRTIO_BALLOON_F_REPORTING), 0xaaaaaaaa);
	ck_assert_uint_eq(nr_runs, 1);
}
END_TEST

START_TEST(poison_is_forgotten_by_a_reset)
{
	report_with_poison(OFFERED, 0xaaaaaaaa);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(poison_val)), 0);
}
END_TEST

static void fill_inflating(TCase *tc)
{
	tcase_add_test(tc, device_says_what_it_is);
	tcase_add_test(tc, driver_says_how_much_it_has_given);
	tcase_add_test(tc, driver_writes_nothing_else);
	tcase_add_test(tc, neighbours_are_given_back_together);
	tcase_add_test(tc, first_and_last_pages_of_ram_count);
	tcase_add_test(tc, numbers_may_be_divided_anyhow);
	tcase_add_test(tc, run_is_cut_where_a_batch_ends);
	tcase_add_test(tc, numbers_that_are_no_ram_do_not_spoil_others);
	tcase_add_test(tc, same_page_twice_is_twice);
	tcase_add_test(tc, part_of_a_number_is_none);
	tcase_add_test(tc, buffers_to_write_to_name_no_pages);
	tcase_add_test(tc, pages_of_a_chain_that_is_no_ram_stay);
	tcase_add_test(tc, host_that_takes_nothing_is_no_error);
	tcase_add_test(tc, deflating_gives_nothing_back);
}

static void fill_reporting(TCase *tc)
{
	tcase_add_test(tc, reported_pages_are_given_back_as_they_are);
	tcase_add_test(tc, reported_memory_is_whole_pages);
	tcase_add_test(tc, reported_memory_is_to_be_written_to);
	tcase_add_loop_test(tc, reported_memory_that_is_no_ram_breaks_the_queue,
			    0, 5);
	tcase_add_test(tc, poisoned_pages_keep_their_poison);
	tcase_add_test(tc, poison_of_zeros_is_what_pages_become);
	tcase_add_test(tc, poison_without_its_feature_is_none);
	tcase_add_test(tc, poison_is_forgotten_by_a_reset);
}

static void add_case(Suite *s, const char *name, void (*fill)(TCase *tc))
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	fill(tc);
	suite_add_tcase(s, tc);
}

Suite *virtio_balloon_suite(void)
{
	Suite *s = suite_create("virtio_balloon");

	add_case(s, "inflating", fill_inflating);
	add_case(s, "reporting", fill_reporting);
	return s;
}
