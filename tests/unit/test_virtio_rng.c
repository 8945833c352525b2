/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/virtio_rng: buffers come back filled, whatever their shape.
 */
#include "tests/suites.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "tests/unit/ring_help.h"
#include "vmm/virtio/virtio_rng.h"

#define DATA	0x1000u
#define PATTERN 0x5a

static struct driver driver;
static struct ring ring;

static void setup(void)
{
	struct virtio_device *device;

	ck_assert_int_eq(virtio_rng_create(&device), 0);
	driver_init(&driver, device);
	driver_negotiate(&driver, UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC);
	driver_queue(&driver, 0, &ring, 8);
	driver_ready(&driver);
	memset(driver.memory.low, PATTERN, RING_QUEUES);
}

static void teardown(void)
{
	driver_fini(&driver);
}

/* How many of a buffer's bytes are other than before: about 255 of 256. */
static unsigned changed(gpa_t gpa, unsigned len)
{
	const unsigned char *bytes = ring_at(&driver.memory, gpa);
	unsigned nr = 0;

	for (unsigned i = 0; i < len; i++)
		nr += bytes[i] != PATTERN;
	return nr;
}

static uint32_t request(uint16_t head)
{
	ring_offer(&ring, head);
	driver_notify(&driver, 0);
	return driver_wait_used(&driver, &ring);
}

START_TEST(device_says_what_it_is)
{
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_DEVICE_ID), 4);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, 0);
	ck_assert_uint_gt(driver_read(&driver, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, 1);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}
END_TEST

START_TEST(buffer_is_filled_and_nothing_beside_it)
{
	ck_assert_uint_eq(request(RING_CHAIN(&ring, {DATA, 100, RING_IN})),
			  100);
	ck_assert_uint_gt(changed(DATA, 100), 50);
	ck_assert_uint_eq(changed(DATA - 64, 64), 0);
	ck_assert_uint_eq(changed(DATA + 100, 64), 0);
	driver_wait_interrupts(&driver, 1);
}
END_TEST

/* 5.4.6.2: at least one byte; of a large buffer not all. */
START_TEST(large_buffer_is_filled_in_part)
{
	uint32_t len = request(RING_CHAIN(&ring, {DATA, 0x10000, RING_IN}));

	ck_assert_uint_ge(len, 1);
	ck_assert_uint_le(len, 0x10000);
	ck_assert_uint_gt(changed(DATA, len), len / 2);
	ck_assert_uint_eq(changed(DATA + len, 0x10000 - len), 0);
}
END_TEST

START_TEST(buffers_of_a_chain_are_filled_in_order)
{
	ck_assert_uint_eq(request(RING_CHAIN(&ring, {DATA, 33, RING_IN},
					     {DATA + 100, 0, RING_IN},
					     {DATA + 200, 77, RING_IN})),
			  110);
	ck_assert_uint_gt(changed(DATA, 33), 16);
	ck_assert_uint_eq(changed(DATA + 33, 167), 0);
	ck_assert_uint_gt(changed(DATA + 200, 77), 38);
}
END_TEST

START_TEST(indirect_chain_is_filled)
{
	static const struct ring_buffer buffers[] = {{DATA, 10, RING_IN},
						     {RING_HIGH, 20, RING_IN}};

	ck_assert_uint_eq(
		request(ring_chain_indirect(&ring, DATA + 0x100, buffers, 2)),
		30);
	ck_assert_uint_gt(changed(DATA, 10), 4);
}
END_TEST

/* Nothing to write into: given back, with nothing. */
START_TEST(buffer_to_read_comes_back_untouched)
{
	ck_assert_uint_eq(request(RING_CHAIN(&ring, {DATA, 100, RING_OUT})), 0);
	ck_assert_uint_eq(request(RING_CHAIN(&ring, {DATA, 0, RING_IN})), 0);
	ck_assert_uint_eq(changed(0, RING_QUEUES), 0);
	/* And the queue goes on. */
	ck_assert_uint_eq(request(RING_CHAIN(&ring, {DATA, 1, RING_IN})), 1);
}
END_TEST

START_TEST(two_buffers_get_other_bytes)
{
	ck_assert_uint_eq(request(RING_CHAIN(&ring, {DATA, 64, RING_IN})), 64);
	ck_assert_uint_eq(request(RING_CHAIN(&ring, {DATA + 64, 64, RING_IN})),
			  64);
	ck_assert_mem_ne(ring_at(&driver.memory, DATA),
			 ring_at(&driver.memory, DATA + 64), 64);
}
END_TEST

Suite *virtio_rng_suite(void)
{
	Suite *suite = suite_create("virtio_rng");
	TCase *tcase = tcase_create("virtio_rng");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, device_says_what_it_is);
	tcase_add_test(tcase, buffer_is_filled_and_nothing_beside_it);
	tcase_add_test(tcase, large_buffer_is_filled_in_part);
	tcase_add_test(tcase, buffers_of_a_chain_are_filled_in_order);
	tcase_add_test(tcase, indirect_chain_is_filled);
	tcase_add_test(tcase, buffer_to_read_comes_back_untouched);
	tcase_add_test(tcase, two_buffers_get_other_bytes);
	suite_add_tcase(suite, tcase);
	return suite;
}
