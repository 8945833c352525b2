/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/fw_cfg: what a guest reads, and that no order of accesses reads more.
 */
#include "tests/suites.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/devices/fw_cfg.h"

static struct fw_cfg fw_cfg;

static void setup(void)
{
	static const struct fw_cfg_params params = {
		.ram = UINT64_C(0x123456000),
		.cpus = 16,
		.cmdline = "a b",
	};

	fw_cfg_init(&fw_cfg, &params);
}

static void teardown(void)
{
	fw_cfg_fini(&fw_cfg);
}

static void select_key(uint16_t key)
{
	fw_cfg_access(&fw_cfg, 0, &key, 2, BUS_WRITE);
}

static uint8_t read_byte(void)
{
	uint8_t byte = 0xa5;

	fw_cfg_access(&fw_cfg, 1, &byte, 1, BUS_READ);
	return byte;
}

static uint64_t read_item(uint16_t key, unsigned len)
{
	uint64_t value = 0;

	select_key(key);
	for (unsigned i = 0; i < len; i++)
		value |= (uint64_t)read_byte() << 8 * i;
	return value;
}

START_TEST(items_have_their_values)
{
	static const struct {
		uint16_t key;
		uint64_t want;
	} items[] = {
		{0x00, 0x554d4551},  /* signature: "QEMU" */
		{0x01, 1},	     /* id: ports only */
		{0x03, 0x123456000}, /* RAM size */
		{0x04, 1},	     /* no graphics */
		{0x05, 16},	     /* CPUs */
		{0x0f, 16},	     /* at most */
		{0x14, 4},	     /* length of the command line */
		{0x15, 0x622061},    /* "a b" */
		{0x8002, 1},	     /* timer at pin 2 */
	};

	/* Eight bytes of each: behind a short item there are zeros. */
	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
		ck_assert_uint_eq(read_item(items[i].key, 8), items[i].want);
}
END_TEST

START_TEST(selecting_starts_an_item_anew)
{
	ck_assert_uint_eq(read_item(0x00, 2), 0x4551);
	ck_assert_uint_eq(read_byte(), 'M');
	ck_assert_uint_eq(read_item(0x00, 1), 'Q');
}
END_TEST

START_TEST(signature_is_selected_at_start)
{
	ck_assert_uint_eq(read_byte(), 'Q');
}
END_TEST

START_TEST(every_other_key_reads_zeros)
{
	static const uint16_t known[] = {0x00, 0x01, 0x03, 0x04,  0x05,
					 0x0f, 0x14, 0x15, 0x8002};

	for (unsigned key = 0; key <= 0xffff; key++) {
		bool is_known = false;

		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			is_known |= (key & ~0x4000u) == known[i];
		if (!read_item((uint16_t)key, 8) == is_known)
			ck_abort_msg("key 0x%x", key);
	}
}
END_TEST

START_TEST(file_directory_is_empty)
{
	ck_assert_uint_eq(read_item(0x19, 4), 0);
}
END_TEST

START_TEST(reading_on_and_on_stays_at_the_end)
{
	select_key(0x15);
	for (unsigned i = 0; i < 4; i++)
		read_byte();
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_uint_eq(read_byte(), 0);
	ck_assert_uint_eq(fw_cfg.offset, 4);
}
END_TEST

START_TEST(only_a_word_at_the_selector_selects)
{
	static const struct {
		uint64_t offset;
		unsigned len;
	} writes[] = {{0, 1}, {1, 1}};
	uint16_t key = 0x03;

	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++) {
		select_key(0x00);
		ck_assert_uint_eq(read_byte(), 'Q');
		fw_cfg_access(&fw_cfg, writes[i].offset, &key, writes[i].len,
			      BUS_WRITE);
		ck_assert_uint_eq(read_byte(), 'E');
	}
}
END_TEST

START_TEST(writes_change_no_item)
{
	uint8_t byte = 0xff;

	select_key(0x05 | 0x4000);
	fw_cfg_access(&fw_cfg, 1, &byte, 1, BUS_WRITE);
	ck_assert_uint_eq(read_item(0x05, 2), 16);
}
END_TEST

START_TEST(selector_reads_zero_and_takes_nothing)
{
	uint8_t bytes[2] = {0xa5, 0xa5};

	select_key(0x00);
	fw_cfg_access(&fw_cfg, 0, bytes, 1, BUS_READ);
	ck_assert_uint_eq(bytes[0], 0);
	fw_cfg_access(&fw_cfg, 0, bytes, 2, BUS_READ);
	ck_assert_uint_eq(bytes[0], 0);
	ck_assert_uint_eq(bytes[1], 'Q');
	ck_assert_uint_eq(read_byte(), 'E');
}
END_TEST

static void *hammer(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 20000; i++) {
		select_key((uint16_t)(i % 0x20));
		read_byte();
	}
	return NULL;
}

START_TEST(two_threads_do_no_harm)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, hammer, NULL), 0);
	hammer(NULL);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(read_item(0x05, 2), 16);
}
END_TEST

Suite *fw_cfg_suite(void)
{
	Suite *s = suite_create("fw_cfg");
	TCase *tc = tcase_create("fw_cfg");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, items_have_their_values);
	tcase_add_test(tc, selecting_starts_an_item_anew);
	tcase_add_test(tc, signature_is_selected_at_start);
	tcase_add_test(tc, every_other_key_reads_zeros);
	tcase_add_test(tc, file_directory_is_empty);
	tcase_add_test(tc, reading_on_and_on_stays_at_the_end);
	tcase_add_test(tc, only_a_word_at_the_selector_selects);
	tcase_add_test(tc, writes_change_no_item);
	tcase_add_test(tc, selector_reads_zero_and_takes_nothing);
	tcase_add_test(tc, two_threads_do_no_harm);
	suite_add_tcase(s, tc);
	return s;
}
