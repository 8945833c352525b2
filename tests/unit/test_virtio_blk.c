/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/virtio_blk: every request, cut into buffers in every way, and
 * those that a driver must not make.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/suites.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/unit/ring_help.h"
#include "vmm/virtio/virtio_blk.h"

#define HEADER	     0x1000u
#define STATUS	     0x1100u
#define DATA	     0x2000u
#define SECTORS	     64u
#define NONE	     0xff /* no status was written */
#define FEATURE(bit) (UINT64_C(1) << (bit))
#define ALL                                                                   \
	(FEATURE(VIRTIO_BLK_F_FLUSH) | FEATURE(VIRTIO_BLK_F_CONFIG_WCE) |     \
	 FEATURE(VIRTIO_BLK_F_DISCARD) | FEATURE(VIRTIO_BLK_F_WRITE_ZEROES) | \
	 FEATURE(VIRTIO_RING_F_INDIRECT_DESC))

#define CONFIG(field)         \
	(VIRTIO_MMIO_CONFIG + \
	 (unsigned)offsetof(struct virtio_blk_config, field))

static struct driver driver;
static struct ring ring;
static const char *path;

/* The disk's byte at n is n's. */
static char byte_at(size_t n)
{
	return (char)(n * 7 + n / 512);
}

static void make_disk(void)
{
	char bytes[SECTORS * DISK_SECTOR];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = byte_at(i);
	path = must_file("disk.img");
	unlink(path);
	must_write_file(path, bytes, sizeof(bytes));
}

static void start(const char *words, uint64_t features)
{
	struct virtio_device *device;
	struct error err;
	struct disk disk;
	char arg[1024];

	make_disk();
	snprintf(arg, sizeof(arg), "%s%s", path, words);
	ck_assert_msg(!disk_open(&disk, arg, &err), "%s", err.text);
	ck_assert_int_eq(virtio_blk_create(&device, &disk), 0);
	driver_init(&driver, device);
	driver_negotiate(&driver, features);
	driver_queue(&driver, 0, &ring, 16);
	driver_ready(&driver);
}

static void setup(void)
{
	start("", ALL);
}

static void setup_read_only(void)
{
	start(",ro,serial=0123456789abcdefghij", 0);
}

static void teardown(void)
{
	driver_fini(&driver);
}

static void *at(gpa_t gpa)
{
	return ring_at(&driver.memory, gpa);
}

static void set_header(uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr header = {.type = type, .sector = sector};

	memcpy(at(HEADER), &header, sizeof(header));
	*(uint8_t *)at(STATUS) = NONE;
}

static uint8_t status(void)
{
	return *(uint8_t *)at(STATUS);
}

static uint32_t send(uint16_t head)
{
	ring_offer(&ring, head);
	driver_notify(&driver, 0);
	return driver_wait_used(&driver, &ring);
}

/* A request as Linux makes it; its status. len: of the data. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t len,
		       enum ring_direction direction)
{
	uint32_t used;

	set_header(type, sector);
	if (len)
		used = send(RING_CHAIN(&ring, {HEADER, 16, RING_OUT},
				       {DATA, len, direction},
				       {STATUS, 1, RING_IN}));
	else
		used = send(RING_CHAIN(&ring, {HEADER, 16, RING_OUT},
				       {STATUS, 1, RING_IN}));
	ck_assert_uint_eq(used, 1 + (direction == RING_IN ? len : 0));
	return status();
}

static uint8_t range_request(uint32_t type, uint64_t sector, uint32_t nr,
			     uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes range = {
		.sector = sector, .num_sectors = nr, .flags = flags};

	memcpy(at(DATA), &range, sizeof(range));
	return request(type, 0, sizeof(range), RING_OUT);
}

static void fill(gpa_t gpa, size_t len, char byte)
{
	memset(at(gpa), byte, len);
}

/* [gpa, gpa + len) is what the disk has from that byte on. */
static void is_disk(gpa_t gpa, size_t len, size_t from)
{
	const char *bytes = at(gpa);

	for (size_t i = 0; i < len; i++)
		ck_assert_msg(bytes[i] == byte_at(from + i), "byte %zu", i);
}

/* The file is as it was but for `nr` sectors, all of whose bytes are `byte`. */
static void file_has(size_t sector, size_t nr, char byte)
{
	size_t len;
	char *bytes = must_read_file(path, &len);

	ck_assert_uint_eq(len, SECTORS * DISK_SECTOR);
	for (size_t i = 0; i < len; i++) {
		bool in = i / 512 >= sector && i / 512 < sector + nr;

		ck_assert_msg(bytes[i] == (in ? byte : byte_at(i)),
			      "byte %zu of the file", i);
	}
	free(bytes);
}

static uint64_t features(void)
{
	uint64_t value;

	driver_write(&driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	value = (uint64_t)driver_read(&driver, VIRTIO_MMIO_DEVICE_FEATURES)
		<< 32;
	driver_write(&driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return value | driver_read(&driver, VIRTIO_MMIO_DEVICE_FEATURES);
}

/* What works. */

START_TEST(device_says_what_it_is)
{
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_DEVICE_ID), 2);
	ck_assert_uint_eq(features() & ALL, ALL);
	ck_assert_uint_eq(features() & FEATURE(VIRTIO_BLK_F_RO), 0);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(capacity), 8),
			  SECTORS);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(seg_max)), 254);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(blk_size)), 512);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(wce), 1), 1);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(max_discard_seg), 4),
			  VIRTIO_BLK_DISCARD_SEGS);
}
END_TEST

START_TEST(reading_gives_the_file)
{
	fill(DATA, 0x2000, 0x55);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_IN, 3, 4096, RING_IN), 0);
	is_disk(DATA, 4096, 3 * 512);
	ck_assert_int_eq(*(char *)at(DATA + 4096), 0x55);
	driver_wait_interrupts(&driver, 1);
}
END_TEST

START_TEST(writing_changes_the_file)
{
	fill(DATA, 1024, 0x11);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_OUT, 5, 1024, RING_OUT), 0);
	file_has(5, 2, 0x11);
}
END_TEST

START_TEST(last_sector_is_there)
{
	ck_assert_uint_eq(request(VIRTIO_BLK_T_IN, SECTORS - 1, 512, RING_IN),
			  0);
	is_disk(DATA, 512, (SECTORS - 1) * 512);
	fill(DATA, 512, 0x22);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_OUT, SECTORS - 1, 512, RING_OUT),
			  0);
	file_has(SECTORS - 1, 1, 0x22);
}
END_TEST

START_TEST(no_data_is_no_error)
{
	ck_assert_uint_eq(request(VIRTIO_BLK_T_IN, 0, 0, RING_IN), 0);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_OUT, SECTORS, 0, RING_OUT), 0);
	file_has(0, 0, 0);
}
END_TEST

/* 2.7.4.2: the header in two pieces, the second with data behind it; the status
 * behind the data in one buffer. */
START_TEST(buffers_may_be_cut_anywhere)
{
	struct ring_buffer pieces[8] = {
		{HEADER, 7, RING_OUT},
		{HEADER + 7, 9, RING_OUT},
		{DATA, 100, RING_IN},
		{DATA + 100, 413, RING_IN},
	};

	set_header(VIRTIO_BLK_T_IN, 9);
	ck_assert_uint_eq(send(ring_chain(&ring, pieces, 4)), 513);
	is_disk(DATA, 512, 9 * 512);
	ck_assert_int_eq(*(char *)at(DATA + 512), VIRTIO_BLK_S_OK);

	fill(HEADER + 16, 500, 0x33);
	fill(DATA, 12, 0x33);
	set_header(VIRTIO_BLK_T_OUT, 2);
	pieces[0] = (struct ring_buffer){HEADER, 516, RING_OUT};
	pieces[1] = (struct ring_buffer){DATA, 12, RING_OUT};
	pieces[2] = (struct ring_buffer){DATA + 0x1000, 1, RING_IN};
	*(char *)at(DATA + 0x1000) = (char)NONE;
	/* STATUS is in the midst of the data. */
	fill(STATUS, 1, 0x33);
	ck_assert_uint_eq(send(ring_chain(&ring, pieces, 3)), 1);
	ck_assert_int_eq(*(char *)at(DATA + 0x1000), VIRTIO_BLK_S_OK);
	file_has(2, 1, 0x33);
}
END_TEST

/* As many segments as seg_max allows. */
START_TEST(many_segments_are_one_request)
{
	struct ring_buffer pieces[256];

	for (unsigned i = 0; i < 254; i++)
		pieces[1 + i] = (struct ring_buffer){
			DATA + i * 128, i < 252 ? 128 : 256, RING_IN};
	pieces[0] = (struct ring_buffer){HEADER, 16, RING_OUT};
	pieces[254] =
		(struct ring_buffer){DATA + 253 * 128 + 128, 256, RING_IN};
	pieces[255] = (struct ring_buffer){STATUS, 1, RING_IN};
	set_header(VIRTIO_BLK_T_IN, 0);
	ck_assert_uint_eq(
		send(ring_chain_indirect(&ring, 0x10000, pieces, 256)),
		252 * 128 + 512 + 1);
	ck_assert_uint_eq(status(), VIRTIO_BLK_S_OK);
	is_disk(DATA, 252 * 128, 0);
}
END_TEST

START_TEST(flush_succeeds)
{
	ck_assert_uint_eq(request(VIRTIO_BLK_T_FLUSH, 0, 0, RING_OUT), 0);
}
END_TEST

START_TEST(serial_is_the_files_name)
{
	ck_assert_uint_eq(request(VIRTIO_BLK_T_GET_ID, 0, 20, RING_IN), 0);
	ck_assert_int_eq(memcmp(at(DATA), "disk.img\0\0\0\0\0\0\0\0\0\0\0", 20),
			 0);
}
END_TEST

START_TEST(serial_of_twenty_bytes_has_no_end)
{
	fill(DATA, 64, 0x55);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_GET_ID, 0, 30, RING_IN), 0);
	ck_assert_int_eq(memcmp(at(DATA), "0123456789abcdefghijUUUU", 24), 0);
	fill(DATA, 64, 0x55);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_GET_ID, 0, 3, RING_IN), 0);
	ck_assert_int_eq(memcmp(at(DATA), "012UUU", 6), 0);
}
END_TEST

static long long room(void)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (long long)st.st_blocks * 512;
}

START_TEST(discarded_sectors_take_no_room)
{
	long long before = room();

	ck_assert_uint_eq(range_request(VIRTIO_BLK_T_DISCARD, 8, 16, 0), 0);
	ck_assert_int_le(room(), before - 16 * 512);
	file_has(8, 16, 0);
}
END_TEST

START_TEST(several_ranges_are_discarded)
{
	struct virtio_blk_discard_write_zeroes ranges[] = {
		{.sector = 8, .num_sectors = 8},
		{.sector = 16, .num_sectors = 0},
		{.sector = 16, .num_sectors = 16},
	};

	memcpy(at(DATA), ranges, sizeof(ranges));
	ck_assert_uint_eq(
		request(VIRTIO_BLK_T_DISCARD, 0, sizeof(ranges), RING_OUT), 0);
	file_has(8, 24, 0);
}
END_TEST

START_TEST(zeroes_are_written)
{
	ck_assert_uint_eq(
		range_request(VIRTIO_BLK_T_WRITE_ZEROES, 3, 30, (uint32_t)_i),
		0);
	file_has(3, 30, 0);
	if (_i)
		ck_assert_int_lt(room(), (long long)SECTORS * 512);
	else
		ck_assert_int_ge(room(), (long long)SECTORS * 512);
}
END_TEST

/* 5.2.5: the cache's mode, back to writeback by a reset. */
START_TEST(cache_mode_can_be_changed)
{
	driver_write_wide(&driver, CONFIG(wce), 0, 1);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(wce), 1), 0);
	fill(DATA, 512, 0x44);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_OUT, 0, 512, RING_OUT), 0);
	file_has(0, 1, 0x44);
	driver_write_wide(&driver, CONFIG(wce), 0x17, 1);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(wce), 1), 1);
	driver_write_wide(&driver, CONFIG(wce), 0, 1);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(wce), 1), 1);
}
END_TEST

START_TEST(requests_are_counted)
{
	struct virtio_stats stats;

	request(VIRTIO_BLK_T_IN, 0, 512, RING_IN);
	request(VIRTIO_BLK_T_OUT, 0, 1024, RING_OUT);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0); /* changes nothing */
	virtio_device_stats(driver.device, &stats);
	ck_assert_uint_eq(stats.requests, 2);
	ck_assert_uint_eq(stats.bytes, 16 + 512 + 1 + 16 + 1024 + 1);
	ck_assert_uint_eq(stats.notifications, 2);
	ck_assert_uint_le(stats.interrupts, 2);
}
END_TEST

/* What must not be. */

/* Beyond the end, over it, sums that overflow, half sectors. */
static const struct {
	uint64_t sector;
	uint32_t len;
} bad[] = {
	{SECTORS, 512},
	{SECTORS - 1, 1024},
	{UINT64_MAX, 512},
	{UINT64_MAX - 1, 1024},
	{UINT64_MAX / 512 + 1, 512},
	{UINT64_C(1) << 55, 512},
	{SECTORS + 1, 0},
	{0, 1},
	{0, 511},
	{0, 513},
	{0, (SECTORS + 1) * 512},
};

START_TEST(what_is_not_on_the_disk_is_an_io_error)
{
	fill(DATA, 0x1000, 0x66);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_OUT, bad[_i].sector, bad[_i].len,
				  RING_OUT),
			  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(
		request(VIRTIO_BLK_T_IN, bad[_i].sector, bad[_i].len, RING_IN),
		VIRTIO_BLK_S_IOERR);
	ck_assert_int_eq(*(char *)at(DATA), 0x66);
	file_has(0, 0, 0);
	ck_assert_uint_eq(driver.complaints, 0);
}
END_TEST

static const struct {
	uint64_t sector;
	uint32_t nr, flags;
	uint8_t discard, zero; /* statuses */
} bad_ranges[] = {
	{SECTORS, 1, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
	{0, SECTORS + 1, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
	{UINT64_MAX, 1, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
	{UINT64_MAX - 7, 16, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
	{0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR},
	{0, 1, 2, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_UNSUPP},
	{0, 1, 0x80000001, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_UNSUPP},
};

START_TEST(bad_ranges_change_nothing)
{
	ck_assert_uint_eq(
		range_request(VIRTIO_BLK_T_DISCARD, bad_ranges[_i].sector,
			      bad_ranges[_i].nr, bad_ranges[_i].flags),
		bad_ranges[_i].discard);
	ck_assert_uint_eq(
		range_request(VIRTIO_BLK_T_WRITE_ZEROES, bad_ranges[_i].sector,
			      bad_ranges[_i].nr, bad_ranges[_i].flags),
		bad_ranges[_i].zero);
	file_has(0, 0, 0);
}
END_TEST

/* 5.2.6.2 */
START_TEST(discard_does_not_know_unmap)
{
	ck_assert_uint_eq(range_request(VIRTIO_BLK_T_DISCARD, 0, 8, 1),
			  VIRTIO_BLK_S_UNSUPP);
	file_has(0, 0, 0);
}
END_TEST

/* Not a number of ranges, or too many. */
START_TEST(lists_of_ranges_have_a_length)
{
	static const uint32_t lens[] = {0, 1, 15, 17, 16 * 17};
	const uint32_t types[] = {VIRTIO_BLK_T_DISCARD,
				  VIRTIO_BLK_T_WRITE_ZEROES};

	fill(DATA, 16 * 17, 0);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_uint_eq(request(types[i], 0, lens[_i], RING_OUT),
				  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 32, RING_OUT),
			  VIRTIO_BLK_S_IOERR);
	file_has(0, 0, 0);
}
END_TEST

START_TEST(unknown_request_is_unsupported)
{
	static const uint32_t types[] = {2,
					 3,
					 5,
					 VIRTIO_BLK_T_SECURE_ERASE,
					 VIRTIO_BLK_T_BARRIER,
					 UINT32_MAX};

	ck_assert_uint_eq(request(types[_i], 0, 512, RING_IN),
			  VIRTIO_BLK_S_UNSUPP);
	file_has(0, 0, 0);
}
END_TEST

START_TEST(features_that_were_not_accepted_are_unsupported)
{
	driver_fini(&driver);
	start("", 0);
	ck_assert_uint_eq(range_request(VIRTIO_BLK_T_DISCARD, 0, 8, 0),
			  VIRTIO_BLK_S_UNSUPP);
	ck_assert_uint_eq(range_request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0),
			  VIRTIO_BLK_S_UNSUPP);
	driver_write_wide(&driver, CONFIG(wce), 0, 1);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(wce), 1), 1);
	file_has(0, 0, 0);
}
END_TEST

START_TEST(rest_of_the_configuration_cannot_be_written)
{
	driver_write_wide(&driver, CONFIG(capacity), UINT64_MAX, 8);
	driver_write_wide(&driver, CONFIG(opt_io_size), UINT64_MAX, 8);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(capacity), 8),
			  SECTORS);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(opt_io_size), 4), 0);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(wce), 4), 1);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_IN, SECTORS, 512, RING_IN),
			  VIRTIO_BLK_S_IOERR);
}
END_TEST

START_TEST(read_only_disk_is_not_written)
{
	ck_assert_uint_eq(features() & FEATURE(VIRTIO_BLK_F_RO),
			  FEATURE(VIRTIO_BLK_F_RO));
	ck_assert_uint_eq(features() & FEATURE(VIRTIO_BLK_F_DISCARD), 0);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_OUT, 0, 512, RING_OUT),
			  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(range_request(VIRTIO_BLK_T_DISCARD, 0, 8, 0),
			  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(range_request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0),
			  VIRTIO_BLK_S_IOERR);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_FLUSH, 0, 0, RING_OUT), 0);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_IN, 0, 512, RING_IN), 0);
	file_has(0, 0, 0);
}
END_TEST

/* A driver that is not one: without status, or without a whole header. */
START_TEST(chain_that_is_no_request_breaks_the_device)
{
	const struct ring_buffer pieces[] = {
		{HEADER, _i ? 15 : 16, RING_OUT},
		{DATA, 512, _i ? RING_IN : RING_OUT},
	};

	set_header(VIRTIO_BLK_T_OUT, 0);
	send(ring_chain(&ring, pieces, 2));
	driver_wait_complaints(&driver, 1);
	ck_assert_ptr_nonnull(strstr(driver.complaint, "virtio-blk"));
	ck_assert_uint_ne(driver_read(&driver, VIRTIO_MMIO_STATUS) &
				  VIRTIO_CONFIG_S_NEEDS_RESET,
			  0);
	file_has(0, 0, 0);
}
END_TEST

START_TEST(shorter_file_is_an_io_error_told_once)
{
	ck_assert_int_eq(truncate(path, 5 * 512 + 100), 0);
	ck_assert_uint_eq(request(VIRTIO_BLK_T_IN, 4, 512, RING_IN), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(request(VIRTIO_BLK_T_IN, 5, 512, RING_IN),
				  VIRTIO_BLK_S_IOERR);
	driver_wait_complaints(&driver, 1);
	ck_assert_ptr_nonnull(strstr(driver.complaint, "disk.img"));
	ck_assert_ptr_nonnull(strstr(driver.complaint, "shorter"));
	request(VIRTIO_BLK_T_IN, 5, 512, RING_IN);
	ck_assert_uint_eq(driver.complaints, 1);
}
END_TEST

/* What a mapped image looks like that was cut short: pages that nobody can
 * bring, not even the kernel. */
START_TEST(memory_that_is_not_there_is_an_io_error)
{
	const size_t page = 4096;
	char *low = driver.memory.low;
	char *hole = low + (page - (uintptr_t)low % page) + 4 * page;
	gpa_t gpa = (gpa_t)(hole - low);
	char *saved = must_alloc(page);
	const struct ring_buffer pieces[] = {
		{HEADER, 16, RING_OUT},
		{gpa - 512, 1024, _i ? RING_IN : RING_OUT},
		{STATUS, 1, RING_IN},
	};

	memcpy(saved, hole, page);
	ck_assert_int_eq(mprotect(hole, page, PROT_NONE), 0);
	set_header(_i ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 0);
	send(ring_chain(&ring, pieces, 3));
	ck_assert_uint_eq(status(), VIRTIO_BLK_S_IOERR);
	driver_wait_complaints(&driver, 1);
	ck_assert_int_eq(mprotect(hole, page, PROT_READ | PROT_WRITE), 0);
	free(saved);
}
END_TEST

Suite *virtio_blk_suite(void)
{
	Suite *suite = suite_create("virtio_blk");
	TCase *tcase = tcase_create("requests");

	must_add_folder(tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, device_says_what_it_is);
	tcase_add_test(tcase, reading_gives_the_file);
	tcase_add_test(tcase, writing_changes_the_file);
	tcase_add_test(tcase, last_sector_is_there);
	tcase_add_test(tcase, no_data_is_no_error);
	tcase_add_test(tcase, buffers_may_be_cut_anywhere);
	tcase_add_test(tcase, many_segments_are_one_request);
	tcase_add_test(tcase, flush_succeeds);
	tcase_add_test(tcase, serial_is_the_files_name);
	tcase_add_test(tcase, discarded_sectors_take_no_room);
	tcase_add_test(tcase, several_ranges_are_discarded);
	tcase_add_loop_test(tcase, zeroes_are_written, 0, 2);
	tcase_add_test(tcase, cache_mode_can_be_changed);
	tcase_add_test(tcase, requests_are_counted);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("bad");
	must_add_folder(tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, what_is_not_on_the_disk_is_an_io_error, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_loop_test(tcase, bad_ranges_change_nothing, 0,
			    sizeof(bad_ranges) / sizeof(*bad_ranges));
	tcase_add_test(tcase, discard_does_not_know_unmap);
	tcase_add_loop_test(tcase, lists_of_ranges_have_a_length, 0, 5);
	tcase_add_loop_test(tcase, unknown_request_is_unsupported, 0, 6);
	tcase_add_test(tcase, features_that_were_not_accepted_are_unsupported);
	tcase_add_test(tcase, rest_of_the_configuration_cannot_be_written);
	tcase_add_loop_test(tcase, chain_that_is_no_request_breaks_the_device,
			    0, 2);
	tcase_add_test(tcase, shorter_file_is_an_io_error_told_once);
	tcase_add_loop_test(tcase, memory_that_is_not_there_is_an_io_error, 0,
			    2);
	suite_add_tcase(suite, tcase);

	tcase = tcase_create("read_only");
	must_add_folder(tcase);
	tcase_add_checked_fixture(tcase, setup_read_only, teardown);
	tcase_add_test(tcase, serial_of_twenty_bytes_has_no_end);
	tcase_add_test(tcase, read_only_disk_is_not_written);
	suite_add_tcase(suite, tcase);
	return suite;
}
