/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/virtio_mmio: the registers (virtio 1.2, 4.2.2), at every offset and
 * width.
 */
#include "tests/suites.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "tests/unit/echo_device.h"
#include "tests/unit/ring_help.h"

#define NR(array) (int)(sizeof(array) / sizeof(*(array)))

static struct driver driver;
static struct echo *echo;
static struct ring ring;

static void setup(void)
{
	echo = echo_create();
	driver_init(&driver, &echo->device);
}

static void teardown(void)
{
	driver_fini(&driver);
}

static const struct {
	unsigned reg;
	uint32_t value;
} constants[] = {
	{VIRTIO_MMIO_MAGIC_VALUE, 0x74726976},
	{VIRTIO_MMIO_VERSION, 2},
	{VIRTIO_MMIO_DEVICE_ID, 42},
	{VIRTIO_MMIO_QUEUE_NUM_MAX, VIRTQUEUE_SIZE_MAX},
	{VIRTIO_MMIO_QUEUE_READY, 0},
	{VIRTIO_MMIO_INTERRUPT_STATUS, 0},
	{VIRTIO_MMIO_STATUS, 0},
	{VIRTIO_MMIO_CONFIG_GENERATION, 0},
	/* 4.2.2: no shared memory. */
	{VIRTIO_MMIO_SHM_LEN_LOW, UINT32_MAX},
	{VIRTIO_MMIO_SHM_LEN_HIGH, UINT32_MAX},
};

START_TEST(registers_have_their_values)
{
	unsigned reg = constants[_i].reg;

	ck_assert_uint_eq(driver_read(&driver, reg), constants[_i].value);
	/* Not for writing, or not that. */
	if (reg != VIRTIO_MMIO_STATUS && reg != VIRTIO_MMIO_QUEUE_READY)
		driver_write(&driver, reg, 0xffffffff);
	ck_assert_uint_eq(driver_read(&driver, reg), constants[_i].value);
}
END_TEST

/* 4.2.2.2: 32 bits wide and aligned; what is not has no effect and reads 0. */
START_TEST(other_widths_are_no_access)
{
	static const unsigned lens[] = {1, 2, 8};

	for (unsigned reg = 0; reg < VIRTIO_MMIO_CONFIG; reg += 4) {
		for (int i = 0; i < NR(lens); i++) {
			driver_write_wide(&driver, reg, 1, lens[i]);
			ck_assert_uint_eq(
				driver_read_wide(&driver, reg, lens[i]), 0);
		}
		for (unsigned off = 1; off < 4; off++) {
			driver_write_wide(&driver, reg + off, UINT64_MAX, 4);
			ck_assert_uint_eq(
				driver_read_wide(&driver, reg + off, 4), 0);
		}
	}
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_STATUS), 0);
	ck_assert_uint_eq(echo->device.notifications, 0);
	ck_assert_uint_eq(echo->writes, 0);
}
END_TEST

/* Whatever is written to whatever register while no driver is there: the device
 * can be used afterwards. */
START_TEST(any_value_anywhere_does_no_harm)
{
	static const uint32_t values[] = {0,	      1,	  0x80000000,
					  0xffffffff, 0x00010000, 0xff};
	struct vring_used_elem element;

	for (unsigned reg = 0; reg < 0x1000; reg += 4)
		for (int i = 0; i < NR(values); i++) {
			driver_write(&driver, reg, values[i]);
			driver_read(&driver, reg);
		}
	driver_negotiate(&driver, 0);
	driver_queue(&driver, 0, &ring, 8);
	driver_ready(&driver);
	ring_offer(&ring,
		   RING_CHAIN(&ring, {0, 8, RING_OUT}, {0x1000, 8, RING_IN}));
	driver_notify(&driver, 0);
	ck_assert_uint_eq(driver_wait_used(&driver, &ring), 8);
	ck_assert(!ring_take(&ring, &element));
}
END_TEST

START_TEST(features_come_in_halves)
{
	uint32_t low, high;

	driver_write(&driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = driver_read(&driver, VIRTIO_MMIO_DEVICE_FEATURES);
	driver_write(&driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	high = driver_read(&driver, VIRTIO_MMIO_DEVICE_FEATURES);
	ck_assert_uint_eq(low, 1u << ECHO_FEATURE |
				       1u << VIRTIO_RING_F_INDIRECT_DESC |
				       1u << VIRTIO_RING_F_EVENT_IDX);
	ck_assert_uint_eq(high, 1u << (VIRTIO_F_VERSION_1 - 32));
	for (unsigned i = 2; i < 34; i++) {
		driver_write(&driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL,
			     i < 33 ? i : 0xffffffff);
		ck_assert_uint_eq(
			driver_read(&driver, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	}
}
END_TEST

START_TEST(queues_beyond_the_last_are_none)
{
	static const uint32_t none[] = {ECHO_QUEUES, VIRTIO_QUEUES_MAX, 0x10000,
					0xffffffff};

	for (int i = 0; i < NR(none); i++) {
		driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, none[i]);
		ck_assert_uint_eq(
			driver_read(&driver, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NUM, 8);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 1);
		ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY),
				  0);
		driver_notify(&driver, none[i]);
	}
	ck_assert_uint_eq(echo->device.notifications, 0);
	ck_assert_uint_eq(driver.complaints, 0);
}
END_TEST

/* 65,536 + 8 is not 8. */
START_TEST(size_that_does_not_fit_is_not_cut_down)
{
	static const uint32_t bad[] = {0, 3, 512, 65536, 65536 + 8, 0xffffffff};

	driver_negotiate(&driver, 0);
	ring_init(&ring, &driver.memory, RING_QUEUES, 8);
	driver_set_queue(&driver, 0, &ring);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
	driver_set_queue(&driver, 0, &ring);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 1);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NUM, bad[_i]);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x1000);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_USED_LOW, 0x2000);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_STATUS) &
				  VIRTIO_CONFIG_S_NEEDS_RESET,
			  VIRTIO_CONFIG_S_NEEDS_RESET);
	ck_assert_ptr_nonnull(strstr(driver.complaint, "virtio-echo: queue 0: "
						       "its size"));
}
END_TEST

START_TEST(ready_queue_keeps_its_place)
{
	driver_negotiate(&driver, 0);
	driver_queue(&driver, 1, &ring, 8);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NUM, 4);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_DESC_LOW, 0);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_DESC_HIGH, 7);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 7);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_USED_HIGH, 7);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(echo->device.queues[1].size, 8);
	ck_assert_uint_eq(echo->device.queues[1].desc, ring.desc);
	ck_assert_uint_eq(echo->device.queues[1].avail, ring.avail);
	ck_assert_uint_eq(echo->device.queues[1].used, ring.used);
}
END_TEST

START_TEST(addresses_have_64_bits)
{
	driver_negotiate(&driver, 0);
	ring_init(&ring, &driver.memory, RING_HIGH, 8);
	driver_set_queue(&driver, 0, &ring);
	driver_ready(&driver);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 1);
	ring_offer(&ring, RING_CHAIN(&ring, {0, 8, RING_OUT},
				     {RING_HIGH + 0x8000, 5, RING_IN}));
	driver_notify(&driver, 0);
	ck_assert_uint_eq(driver_wait_used(&driver, &ring), 5);
}
END_TEST

/* The configuration space takes any width at any offset; beyond its end it reads
 * as zeros, and a write that reaches beyond is none. */
START_TEST(config_space_takes_any_access)
{
	for (unsigned off = 0; off < 2 * ECHO_CONFIG; off++)
		for (unsigned len = 1; len <= 8; len *= 2) {
			uint64_t want = 0;

			for (unsigned i = 0; i < len; i++)
				if (off + i < ECHO_CONFIG)
					want |= (uint64_t)(off + i + 1)
						<< 8 * i;
			ck_assert_uint_eq(
				driver_read_wide(&driver,
						 VIRTIO_MMIO_CONFIG + off, len),
				want);
		}
	ck_assert_uint_eq(driver_read_wide(&driver, 0xff8, 8), 0);
	ck_assert_uint_eq(driver_read_wide(&driver, 0xfff, 1), 0);
}
END_TEST

START_TEST(config_space_is_written_inside_it_only)
{
	static const uint8_t zeros[8];

	for (unsigned off = 0; off < 2 * ECHO_CONFIG; off++)
		for (unsigned len = 1; len <= 8; len *= 2) {
			unsigned before = echo->writes;
			bool fits = off + len <= ECHO_CONFIG;

			for (unsigned i = 0; i < ECHO_CONFIG; i++)
				echo->config[i] = (uint8_t)(i + 1);
			driver_write_wide(&driver, VIRTIO_MMIO_CONFIG + off, 0,
					  len);
			ck_assert_uint_eq(echo->writes, before + fits);
			if (fits && off >= ECHO_WRITE)
				ck_assert_mem_eq(echo->config + off, zeros,
						 len);
		}
}
END_TEST

START_TEST(config_space_of_none_reads_as_zeros)
{
	echo->device.config = NULL;
	echo->device.config_len = 0;
	ck_assert_uint_eq(driver_read_wide(&driver, VIRTIO_MMIO_CONFIG, 8), 0);
	driver_write_wide(&driver, VIRTIO_MMIO_CONFIG, UINT64_MAX, 8);
	ck_assert_uint_eq(echo->writes, 0);
}
END_TEST

Suite *virtio_mmio_suite(void)
{
	Suite *suite = suite_create("virtio_mmio");
	TCase *tcase = tcase_create("virtio_mmio");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, registers_have_their_values, 0,
			    NR(constants));
	tcase_add_test(tcase, other_widths_are_no_access);
	tcase_add_test(tcase, any_value_anywhere_does_no_harm);
	tcase_add_test(tcase, features_come_in_halves);
	tcase_add_test(tcase, queues_beyond_the_last_are_none);
	tcase_add_loop_test(tcase, size_that_does_not_fit_is_not_cut_down, 0,
			    6);
	tcase_add_test(tcase, ready_queue_keeps_its_place);
	tcase_add_test(tcase, addresses_have_64_bits);
	tcase_add_test(tcase, config_space_takes_any_access);
	tcase_add_test(tcase, config_space_is_written_inside_it_only);
	tcase_add_test(tcase, config_space_of_none_reads_as_zeros);
	suite_add_tcase(suite, tcase);
	return suite;
}
