/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/power and vmm/pci, which share port 0xcf9: ends of the machine, and what
 * must not be one.
 */
#include "vmm/devices/power.h"

#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"
#include "vmm/devices/pci.h"

#define S UINT64_C(1000000000)

static struct power power;
static struct pci pci;
static uint64_t now;
static unsigned ends;

static uint64_t bench_now(void)
{
	return now;
}

static void bench_end(void *ctx)
{
	ck_assert_ptr_eq(ctx, &ends);
	ends++;
}

static void setup(void)
{
	now = 12345 * S;
	ends = 0;
	power_init(&power, bench_now, bench_end, &ends);
	pci_init(&pci, power_reset_access, &power);
}

static void teardown(void)
{
	pci_fini(&pci);
	power_fini(&power);
}

static void out(unsigned port, uint32_t val, unsigned len)
{
	power_access(&power, port - MACHINE_PORT_PM1_EVENT, &val, len,
		     BUS_WRITE);
}

static uint32_t in(unsigned port, unsigned len)
{
	uint32_t val = 0;

	power_access(&power, port - MACHINE_PORT_PM1_EVENT, &val, len,
		     BUS_READ);
	return val;
}

static void pci_out(unsigned offset, uint32_t val, unsigned len)
{
	pci_access(&pci, offset, &val, len, BUS_WRITE);
}

static uint32_t pci_in(unsigned offset, unsigned len)
{
	uint32_t val = 0;

	pci_access(&pci, offset, &val, len, BUS_READ);
	return val;
}

START_TEST(registers_are_acpis)
{
	ck_assert_uint_eq(in(0x600, 4), 0); /* status, enable */
	ck_assert_uint_eq(in(0x604, 2), 1); /* SCI_EN */
	ck_assert_uint_eq(in(0x606, 1), 0); /* sleep status */
	ck_assert_uint_eq(in(0x607, 1), 0xff);
	out(0x602, 0x0120, 2);
	ck_assert_uint_eq(in(0x600, 4), 0x01200000);
	ck_assert_uint_eq(in(0x602, 2), 0x0120);
	/* Status bits are cleared by ones, and none is set. */
	out(0x600, 0xffff, 2);
	ck_assert_uint_eq(in(0x600, 2), 0);
	/* BM_RLD is kept, GBL_RLS and SLP_EN are not. */
	out(0x604, 0x1c06, 2);
	ck_assert_uint_eq(in(0x604, 2), 0x1c03);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

static const struct {
	unsigned port;
	uint32_t val;
	unsigned len;
} offs[] = {
	{0x604, 0x2000, 2},	{0x604, 0x2001, 2}, {0x605, 0x20, 1},
	{0x604, 0x00002000, 4}, {0x605, 0x20, 2},
};

START_TEST(sleep_type_of_s5_ends)
{
	out(offs[_i].port, offs[_i].val, offs[_i].len);
	ck_assert_uint_eq(ends, 1);
}
END_TEST

static const struct {
	unsigned port;
	uint32_t val;
	unsigned len;
} no_offs[] = {
	{0x604, 0x20, 1},   {0x604, 0x0000, 2}, {0x604, 0x3c00, 2},
	{0x604, 0x2400, 2}, {0x605, 0x1c, 1},	{0x605, 0x24, 1},
	{0x606, 0x20, 1},   {0x602, 0x2020, 2}, {0x608, 0x20202020, 4},
	{0x607, 0x20, 1},   {0x600, 0x2020, 2},
};

START_TEST(other_writes_do_not_end)
{
	out(no_offs[_i].port, no_offs[_i].val, no_offs[_i].len);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(minimal_has_the_same_registers_at_the_same_ports)
{
	uint16_t val = 0x2000;

	power_sleep_access(&power, 0, &val, 2, BUS_WRITE);
	ck_assert_uint_eq(ends, 1);
	val = 0xffff;
	power_sleep_access(&power, 2, &val, 1, BUS_READ);
	ck_assert_uint_eq(val, 0xff00);
	val = 0x0020;
	power_sleep_access(&power, 1, &val, 1, BUS_WRITE);
	ck_assert_uint_eq(ends, 2);
}
END_TEST

START_TEST(timer_counts_as_the_specification_says)
{
	ck_assert_uint_eq(in(0x608, 4), 0);
	now += S;
	ck_assert_uint_eq(in(0x608, 4), 3579545);
	ck_assert_uint_eq(in(0x608, 2), 3579545 & 0xffff);
	ck_assert_uint_eq(in(0x60a, 1), 3579545 >> 16 & 0xff);
	/* Writes do nothing, and it wraps at 32 bits. */
	out(0x608, 0, 4);
	now += 1199 * S;
	ck_assert_uint_eq(in(0x608, 4), (uint32_t)(3579545ull * 1200));
	ck_assert_uint_lt(in(0x608, 4), 3579545);
	/* For a year. */
	now += 365 * 86400 * S;
	ck_assert_uint_eq(in(0x608, 4),
			  (uint32_t)(3579545ull * (1200 + 365 * 86400)));
}
END_TEST

START_TEST(reset_register_resets_on_its_own_bit)
{
	ck_assert_uint_eq(pci_in(1, 1), 0);
	pci_out(1, 0x02, 1);
	ck_assert_uint_eq(ends, 0);
	ck_assert_uint_eq(pci_in(1, 1), 0x02);
	pci_out(1, MACHINE_RESET_VALUE, 1);
	ck_assert_uint_eq(ends, 1);
	pci_out(1, 0x04, 1);
	ck_assert_uint_eq(ends, 2);
}
END_TEST

START_TEST(configuration_address_is_for_words_of_32_bits)
{
	pci_out(0, 0x80001234, 4);
	ck_assert_uint_eq(pci_in(0, 4), 0x80001234);
	/* What pass through the bridge are bytes and words of nobody; bytes
	 * that would look like mechanism 2 too. */
	pci_out(0, 0, 1);
	pci_out(2, 0, 1);
	pci_out(3, 1, 1);
	pci_out(0, 0x0606, 2);
	pci_out(2, 0x0606, 2);
	ck_assert_uint_eq(pci_in(0, 1), 0xff);
	ck_assert_uint_eq(pci_in(2, 1), 0xff);
	ck_assert_uint_eq(pci_in(0, 2), 0xffff);
	ck_assert_uint_eq(pci_in(0, 4), 0x80001234);
	/* A reset value in an address is an address. */
	pci_out(0, 0x06060606, 4);
	ck_assert_uint_eq(pci_in(0, 4), 0x06060606);
	ck_assert_uint_eq(ends, 0);
}
END_TEST

START_TEST(no_device_answers)
{
	for (unsigned device = 0; device < 32; device++) {
		pci_out(0, 0x80000000 | device << 11, 4);
		ck_assert_uint_eq(pci_in(4, 4), 0xffffffff);
		ck_assert_uint_eq(pci_in(4, 2), 0xffff);
		ck_assert_uint_eq(pci_in(6, 2), 0xffff);
		ck_assert_uint_eq(pci_in(7, 1), 0xff);
		pci_out(4, 0, 4);
	}
	ck_assert_uint_eq(pci_in(5, 1), 0xff);
}
END_TEST

START_TEST(random_traffic_ends_by_the_right_writes_only)
{
	unsigned want = 0;

	srand(1);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned r = (unsigned)rand(), port = r % POWER_PORTS;
		uint8_t byte = (uint8_t)(r >> 8);

		if (r & 0x10000) {
			out(MACHINE_PORT_PM1_EVENT + port, byte, 1);
			want += port == 5 && (byte & 0x3c) == 0x20;
		} else {
			pci_out(r % 8, byte, 1);
			want += r % 8 == 1 && byte & 0x04;
		}
		ck_assert_uint_eq(ends, want);
	}
	ck_assert_uint_gt(want, 0);
}
END_TEST

Suite *power_suite(void)
{
	Suite *s = suite_create("power");
	TCase *tc = tcase_create("power");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, registers_are_acpis);
	tcase_add_loop_test(tc, sleep_type_of_s5_ends, 0,
			    sizeof(offs) / sizeof(*offs));
	tcase_add_loop_test(tc, other_writes_do_not_end, 0,
			    sizeof(no_offs) / sizeof(*no_offs));
	tcase_add_test(tc, minimal_has_the_same_registers_at_the_same_ports);
	tcase_add_test(tc, timer_counts_as_the_specification_says);
	tcase_add_test(tc, reset_register_resets_on_its_own_bit);
	tcase_add_test(tc, configuration_address_is_for_words_of_32_bits);
	tcase_add_test(tc, no_device_answers);
	tcase_add_test(tc, random_traffic_ends_by_the_right_writes_only);
	suite_add_tcase(s, tc);
	return s;
}
