/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/bus: who gets an access, in what pieces, and what an empty bus says.
 */
#include "tests/suites.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "vmm/devices/bus.h"

/* A device that remembers what it saw and answers with its fill byte. */
struct probe {
	uint8_t fill;
	unsigned calls;
	uint64_t offset[8];
	unsigned len[8];
	enum bus_dir dir[8];
	uint8_t written[8][8];
};

static void probe_access(void *ctx, uint64_t offset, void *data, unsigned len,
			 enum bus_dir dir)
{
	struct probe *p = ctx;

	ck_assert_uint_lt(p->calls, 8);
	p->offset[p->calls] = offset;
	p->len[p->calls] = len;
	p->dir[p->calls] = dir;
	if (dir == BUS_READ)
		memset(data, p->fill, len);
	else
		memcpy(p->written[p->calls], data, len);
	p->calls++;
}

static uint64_t unclaimed(struct bus *bus)
{
	return atomic_load(&bus->unclaimed);
}

START_TEST(access_reaches_the_device_with_its_offset)
{
	struct probe a = {.fill = 0x11}, b = {.fill = 0x22};
	struct bus bus;
	uint32_t v = 0;

	bus_init(&bus);
	ck_assert_int_eq(bus_add(&bus, 0x100, 8, "a", probe_access, &a), 0);
	ck_assert_int_eq(bus_add(&bus, 0x108, 8, "b", probe_access, &b), 0);
	bus_close(&bus);
	ck_assert(bus_access(&bus, 0x10c, &v, 4, BUS_READ));
	ck_assert_uint_eq(v, 0x22222222);
	ck_assert_uint_eq(a.calls, 0);
	ck_assert_uint_eq(b.calls, 1);
	ck_assert_uint_eq(b.offset[0], 4);
	ck_assert_uint_eq(b.len[0], 4);
	ck_assert_uint_eq(unclaimed(&bus), 0);
}
END_TEST

START_TEST(write_hands_the_bytes_over_untouched)
{
	struct probe a = {0};
	struct bus bus;
	uint64_t v = 0x8877665544332211;

	bus_init(&bus);
	ck_assert_int_eq(bus_add(&bus, 0, 8, "a", probe_access, &a), 0);
	bus_close(&bus);
	ck_assert(bus_access(&bus, 0, &v, 8, BUS_WRITE));
	ck_assert_mem_eq(a.written[0], &v, 8);
	ck_assert_int_eq(a.dir[0], BUS_WRITE);
}
END_TEST

START_TEST(empty_bus_floats_high_and_swallows_writes)
{
	struct bus bus;
	uint64_t v = 0;

	bus_init(&bus);
	bus_close(&bus);
	ck_assert(!bus_access(&bus, 0xcf8, &v, 4, BUS_READ));
	ck_assert_uint_eq(v, 0xffffffff);
	v = 5;
	ck_assert(!bus_access(&bus, 0xcf8, &v, 4, BUS_WRITE));
	ck_assert_uint_eq(v, 5);
	ck_assert_uint_eq(unclaimed(&bus), 2);
}
END_TEST

static void ignore(void *ctx, uint64_t offset, void *data, unsigned len,
		   enum bus_dir dir)
{
	(void)ctx;
	(void)offset;
	(void)data;
	(void)len;
	(void)dir;
}

START_TEST(accesses_are_counted_by_range)
{
	struct bus bus;
	uint64_t v = 0;

	bus_init(&bus);
	ck_assert_int_eq(bus_add(&bus, 0x10, 4, "low", ignore, NULL), 0);
	ck_assert_int_eq(bus_add(&bus, 0x14, 4, "high", ignore, NULL), 0);
	bus_close(&bus);
	bus_access(&bus, 0x10, &v, 4, BUS_READ);
	bus_access(&bus, 0x11, &v, 1, BUS_WRITE);
	bus_access(&bus, 0x17, &v, 1, BUS_READ);
	bus_access(&bus, 0x12, &v, 4, BUS_READ); /* two bytes each */
	bus_access(&bus, 0x40, &v, 4, BUS_READ);
	ck_assert_uint_eq(atomic_load(&bus.accesses[0]), 4);
	ck_assert_uint_eq(atomic_load(&bus.accesses[1]), 3);
}
END_TEST

START_TEST(access_over_the_end_of_a_range_is_split_into_bytes)
{
	struct probe a = {.fill = 0x11};
	struct bus bus;
	uint32_t v = 0;

	bus_init(&bus);
	ck_assert_int_eq(bus_add(&bus, 0x10, 2, "a", probe_access, &a), 0);
	bus_close(&bus);
	ck_assert(!bus_access(&bus, 0x10, &v, 4, BUS_READ));
	ck_assert_uint_eq(v, 0xffff1111);
	ck_assert_uint_eq(a.calls, 2);
	ck_assert_uint_eq(a.offset[1], 1);
	ck_assert_uint_eq(a.len[1], 1);
	ck_assert(!bus_access(&bus, 0xf, &v, 2, BUS_READ));
	ck_assert_uint_eq(v & 0xffff, 0x11ff);
	/* One access, one count, however many of its bytes were lost. */
	ck_assert_uint_eq(unclaimed(&bus), 2);
}
END_TEST

START_TEST(access_over_two_ranges_reaches_both_and_counts_as_claimed)
{
	struct probe a = {.fill = 0x11}, b = {.fill = 0x22};
	struct bus bus;
	uint32_t v = 0x44332211;

	bus_init(&bus);
	ck_assert_int_eq(bus_add(&bus, 0x12, 4, "b", probe_access, &b), 0);
	ck_assert_int_eq(bus_add(&bus, 0x10, 2, "a", probe_access, &a), 0);
	bus_close(&bus);
	ck_assert(bus_access(&bus, 0x10, &v, 4, BUS_WRITE));
	ck_assert_uint_eq(a.calls, 2);
	ck_assert_uint_eq(b.calls, 2);
	ck_assert_uint_eq(a.written[1][0], 0x22);
	ck_assert_uint_eq(b.written[0][0], 0x33);
	ck_assert_uint_eq(b.offset[0], 0);
	ck_assert(bus_access(&bus, 0x10, &v, 4, BUS_READ));
	ck_assert_uint_eq(v, 0x22221111);
	ck_assert_uint_eq(unclaimed(&bus), 0);
}
END_TEST

START_TEST(widths_no_device_knows_are_split_into_bytes)
{
	struct probe a = {.fill = 0x11};
	struct bus bus;
	uint8_t v[8] = {0};

	bus_init(&bus);
	ck_assert_int_eq(bus_add(&bus, 0, 64, "a", probe_access, &a), 0);
	bus_close(&bus);
	ck_assert(bus_access(&bus, 1, v, 3, BUS_READ));
	ck_assert_uint_eq(a.calls, 3);
	ck_assert_uint_eq(a.len[2], 1);
	ck_assert_uint_eq(a.offset[2], 3);
	ck_assert_uint_eq(v[2], 0x11);
	ck_assert_uint_eq(v[3], 0);
}
END_TEST

START_TEST(last_address_of_the_space_can_be_claimed_and_wraps)
{
	struct probe a = {.fill = 0x11}, b = {.fill = 0x22};
	struct bus bus;
	uint16_t v = 0;

	bus_init(&bus);
	ck_assert_int_eq(
		bus_add(&bus, UINT64_MAX - 3, 4, "top", probe_access, &a), 0);
	ck_assert_int_eq(bus_add(&bus, 0, 1, "zero", probe_access, &b), 0);
	bus_close(&bus);
	ck_assert(bus_access(&bus, UINT64_MAX - 1, &v, 2, BUS_READ));
	ck_assert_uint_eq(v, 0x1111);
	ck_assert(bus_access(&bus, UINT64_MAX, &v, 2, BUS_READ));
	ck_assert_uint_eq(v, 0x2211);
}
END_TEST

START_TEST(bad_ranges_are_refused)
{
	struct probe a = {0};
	struct bus bus;

	bus_init(&bus);
	ck_assert_int_eq(bus_add(&bus, 5, 0, "empty", probe_access, &a),
			 -EINVAL);
	ck_assert_int_eq(
		bus_add(&bus, UINT64_MAX, 2, "wraps", probe_access, &a),
		-EINVAL);
	ck_assert_int_eq(
		bus_add(&bus, 2, UINT64_MAX, "wraps", probe_access, &a),
		-EINVAL);
	ck_assert_uint_eq(bus.nr_ranges, 0);
}
END_TEST

START_TEST(overlaps_are_refused_on_every_side)
{
	static const struct {
		uint64_t base, len;
		int want;
	} cases[] = {
		{0x10, 0x10, -EBUSY}, {0x0f, 2, -EBUSY},    {0x1f, 1, -EBUSY},
		{0x14, 2, -EBUSY},    {0x00, 0x40, -EBUSY}, {0x0f, 1, 0},
		{0x20, 1, 0},
	};
	struct probe a = {0};
	struct bus bus;
	size_t i;

	bus_init(&bus);
	ck_assert_int_eq(bus_add(&bus, 0x10, 0x10, "a", probe_access, &a), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_int_eq(bus_add(&bus, cases[i].base, cases[i].len, "b",
					 probe_access, &a),
				 cases[i].want);
}
END_TEST

START_TEST(table_holds_its_maximum_and_no_more)
{
	struct probe a = {.fill = 0x11};
	struct bus bus;
	unsigned i;
	uint8_t v;

	bus_init(&bus);
	for (i = 0; i < BUS_RANGES_MAX; i++)
		ck_assert_int_eq(bus_add(&bus, i * 2, 1, "r", probe_access, &a),
				 0);
	ck_assert_int_eq(bus_add(&bus, 1000, 1, "r", probe_access, &a),
			 -ENOSPC);
	bus_close(&bus);
	ck_assert(bus_access(&bus, (BUS_RANGES_MAX - 1) * 2, &v, 1, BUS_READ));
	ck_assert(!bus_access(&bus, 1, &v, 1, BUS_READ));
}
END_TEST

static void *hammer(void *bus)
{
	unsigned i;
	uint8_t v;

	for (i = 0; i < 1000; i++)
		bus_access(bus, 7, &v, 1, BUS_READ);
	return NULL;
}

START_TEST(unclaimed_accesses_of_two_threads_are_all_counted)
{
	struct bus bus;
	pthread_t t;

	bus_init(&bus);
	bus_close(&bus);
	ck_assert_int_eq(pthread_create(&t, NULL, hammer, &bus), 0);
	hammer(&bus);
	pthread_join(t, NULL);
	ck_assert_uint_eq(unclaimed(&bus), 2000);
}
END_TEST

Suite *bus_suite(void)
{
	Suite *s = suite_create("bus");
	TCase *tc = tcase_create("bus");

	tcase_add_test(tc, access_reaches_the_device_with_its_offset);
	tcase_add_test(tc, write_hands_the_bytes_over_untouched);
	tcase_add_test(tc, accesses_are_counted_by_range);
	tcase_add_test(tc, empty_bus_floats_high_and_swallows_writes);
	tcase_add_test(tc, access_over_the_end_of_a_range_is_split_into_bytes);
	tcase_add_test(
		tc, access_over_two_ranges_reaches_both_and_counts_as_claimed);
	tcase_add_test(tc, widths_no_device_knows_are_split_into_bytes);
	tcase_add_test(tc, last_address_of_the_space_can_be_claimed_and_wraps);
	tcase_add_test(tc, bad_ranges_are_refused);
	tcase_add_test(tc, overlaps_are_refused_on_every_side);
	tcase_add_test(tc, table_holds_its_maximum_and_no_more);
	tcase_add_test(tc, unclaimed_accesses_of_two_threads_are_all_counted);
	suite_add_tcase(s, tc);
	return s;
}
