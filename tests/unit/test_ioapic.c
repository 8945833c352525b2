/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/ioapic: pins to messages, Remote IRR, routes, and odd accesses.
 */
#include "tests/suites.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/devices/ioapic.h"

#define MASKED 0x10000u
#define LEVEL  0x8000u

struct bench {
	struct ioapic io;
	atomic_uint nr_msi;
	unsigned nr_route;
	uint64_t addr;
	uint32_t data;
	unsigned route_pin;
	bool threads;
	bool route_active;
	uint64_t route_addr;
	uint32_t route_data;
	unsigned msi_at_route; /* nr_msi when route() was called */
};

static struct bench bench;

static void bench_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct bench *b = ctx;

	b->nr_msi++;
	b->addr = addr;
	b->data = data;
}

static void bench_route(void *ctx, unsigned pin, bool active, uint64_t addr,
			uint32_t data)
{
	struct bench *b = ctx;

	/* Contract: without the lock. One thread, or it proves nothing. */
	if (!b->threads) {
		ck_assert_int_eq(pthread_mutex_trylock(&b->io.lock), 0);
		pthread_mutex_unlock(&b->io.lock);
	}
	b->nr_route++;
	b->route_pin = pin;
	b->route_active = active;
	b->route_addr = addr;
	b->route_data = data;
	b->msi_at_route = b->nr_msi;
}

static void setup(void)
{
	memset(&bench, 0, sizeof(bench));
	ioapic_init(&bench.io, bench_msi, bench_route, &bench);
}

static void teardown(void)
{
	ioapic_fini(&bench.io);
}

static void mmio_write(uint64_t offset, uint64_t v, unsigned len)
{
	ioapic_access(&bench.io, offset, &v, len, BUS_WRITE);
}

static uint64_t mmio_read(uint64_t offset, unsigned len)
{
	uint64_t v = 0;

	ioapic_access(&bench.io, offset, &v, len, BUS_READ);
	return v;
}

static void reg_write(unsigned reg, uint32_t v)
{
	mmio_write(0x00, reg, 4);
	mmio_write(0x10, v, 4);
}

static uint32_t reg_read(unsigned reg)
{
	mmio_write(0x00, reg, 4);
	return mmio_read(0x10, 4);
}

static void rte_write(unsigned pin, uint32_t dest, uint32_t low)
{
	reg_write(0x11 + 2 * pin, dest << 24);
	reg_write(0x10 + 2 * pin, low);
}

START_TEST(reset_state_is_masked_and_says_its_size)
{
	unsigned pin;

	ck_assert_uint_eq(reg_read(0x00), 0);
	ck_assert_uint_eq(reg_read(0x01), 0x00170020);
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		ck_assert_uint_eq(reg_read(0x10 + 2 * pin), MASKED);
		ck_assert_uint_eq(reg_read(0x11 + 2 * pin), 0);
		ioapic_set(&bench.io, pin, true);
	}
	ck_assert_uint_eq(bench.nr_msi, 0);
	ck_assert_uint_eq(bench.nr_route, 0);
}
END_TEST

START_TEST(identity_keeps_four_bits_and_arbitration_follows)
{
	reg_write(0x00, 0xffffffff);
	ck_assert_uint_eq(reg_read(0x00), 0x0f000000);
	ck_assert_uint_eq(reg_read(0x02), 0x0f000000);
	reg_write(0x02, 0);
	reg_write(0x01, 0);
	ck_assert_uint_eq(reg_read(0x02), 0x0f000000);
	ck_assert_uint_eq(reg_read(0x01), 0x00170020);
}
END_TEST

START_TEST(rising_edge_sends_one_message)
{
	rte_write(4, 0, 0x24);
	ioapic_set(&bench.io, 4, true);
	ck_assert_uint_eq(bench.nr_msi, 1);
	ck_assert_uint_eq(bench.addr, 0xfee00000);
	ck_assert_uint_eq(bench.data, 0x24);
	/* High stays high, falling is nothing, rising again is news. */
	ioapic_set(&bench.io, 4, true);
	ioapic_set(&bench.io, 4, false);
	ck_assert_uint_eq(bench.nr_msi, 1);
	ioapic_set(&bench.io, 4, true);
	ck_assert_uint_eq(bench.nr_msi, 2);
	ck_assert_uint_eq(reg_read(0x18), 0x24);
}
END_TEST

START_TEST(message_carries_destination_and_modes)
{
	/* Logical, lowest priority, active low, destination 0xa5. */
	rte_write(5, 0xa5, 0x31 | 0x100 | 0x800 | 0x2000);
	ioapic_set(&bench.io, 5, true);
	ck_assert_uint_eq(bench.addr, 0xfeea5004);
	ck_assert_uint_eq(bench.data, 0x131);
	rte_write(6, 0xff, 0x32 | LEVEL);
	ioapic_set(&bench.io, 6, true);
	ck_assert_uint_eq(bench.addr, 0xfeeff000);
	ck_assert_uint_eq(bench.data, 0xc032);
}
END_TEST

START_TEST(edge_on_a_masked_pin_is_lost)
{
	rte_write(4, 0, 0x24 | MASKED);
	ioapic_set(&bench.io, 4, true);
	rte_write(4, 0, 0x24);
	ck_assert_uint_eq(bench.nr_msi, 0);
	ioapic_set(&bench.io, 4, false);
	ioapic_set(&bench.io, 4, true);
	ck_assert_uint_eq(bench.nr_msi, 1);
}
END_TEST

START_TEST(level_waits_for_the_end_of_interrupt)
{
	rte_write(10, 1, 0x55 | LEVEL);
	ioapic_set(&bench.io, 10, true);
	ck_assert_uint_eq(bench.nr_msi, 1);
	ck_assert_uint_eq(reg_read(0x24), 0x55 | LEVEL | 0x4000);
	/* Down and up again: still being served. */
	ioapic_set(&bench.io, 10, false);
	ioapic_set(&bench.io, 10, true);
	ck_assert_uint_eq(bench.nr_msi, 1);
	/* Another vector's end is not ours. */
	ioapic_eoi(&bench.io, 0x56);
	ck_assert_uint_eq(bench.nr_msi, 1);
	/* Still high: again. Then low: done. */
	ioapic_eoi(&bench.io, 0x55);
	ck_assert_uint_eq(bench.nr_msi, 2);
	ioapic_set(&bench.io, 10, false);
	ioapic_eoi(&bench.io, 0x55);
	ck_assert_uint_eq(bench.nr_msi, 2);
	ck_assert_uint_eq(reg_read(0x24), 0x55 | LEVEL);
}
END_TEST

START_TEST(level_on_a_masked_pin_waits_for_the_unmasking)
{
	rte_write(10, 0, 0x55 | LEVEL | MASKED);
	ioapic_set(&bench.io, 10, true);
	ck_assert_uint_eq(bench.nr_msi, 0);
	rte_write(10, 0, 0x55 | LEVEL);
	ck_assert_uint_eq(bench.nr_msi, 1);
	/* A level that went away while masked leaves nothing behind. */
	rte_write(11, 0, 0x56 | LEVEL | MASKED);
	ioapic_set(&bench.io, 11, true);
	ioapic_set(&bench.io, 11, false);
	rte_write(11, 0, 0x56 | LEVEL);
	ck_assert_uint_eq(bench.nr_msi, 1);
}
END_TEST

START_TEST(end_while_masked_is_noted_and_sends_after_unmasking)
{
	/* Linux's threaded handlers: mask, EOI, serve, unmask. */
	rte_write(10, 0, 0x55 | LEVEL);
	ioapic_set(&bench.io, 10, true);
	reg_write(0x24, 0x55 | LEVEL | MASKED);
	ioapic_eoi(&bench.io, 0x55);
	ck_assert_uint_eq(bench.nr_msi, 1);
	reg_write(0x24, 0x55 | LEVEL);
	ck_assert_uint_eq(bench.nr_msi, 2);
	/* Masking never took the route away. */
	ck_assert_uint_eq(bench.nr_route, 1);
}
END_TEST

START_TEST(turning_to_edge_and_back_ends_an_interrupt)
{
	/* How Linux and Xen end one on a chip without an EOI register. */
	rte_write(10, 0, 0x55 | LEVEL);
	ioapic_set(&bench.io, 10, true);
	reg_write(0x24, 0x55 | MASKED);
	ck_assert_uint_eq(reg_read(0x24), 0x55 | MASKED);
	ck_assert_uint_eq(bench.nr_msi, 1);
	reg_write(0x24, 0x55 | LEVEL);
	ck_assert_uint_eq(bench.nr_msi, 2);
	ck_assert_uint_eq(bench.nr_route, 1);
}
END_TEST

START_TEST(eoi_register_ends_like_a_local_apic)
{
	rte_write(10, 0, 0x55 | LEVEL);
	ioapic_set(&bench.io, 10, true);
	mmio_write(0x40, 0x55, 1);
	ck_assert_uint_eq(bench.nr_msi, 1);
	mmio_write(0x40, 0x55, 4);
	ck_assert_uint_eq(bench.nr_msi, 2);
	ck_assert_uint_eq(mmio_read(0x40, 4), 0);
}
END_TEST

START_TEST(one_end_serves_all_pins_of_the_vector)
{
	rte_write(10, 0, 0x55 | LEVEL);
	rte_write(11, 0, 0x55 | LEVEL);
	rte_write(12, 0, 0x55);
	ioapic_set(&bench.io, 10, true);
	ioapic_set(&bench.io, 11, true);
	ioapic_set(&bench.io, 12, true);
	ck_assert_uint_eq(bench.nr_msi, 3);
	ioapic_eoi(&bench.io, 0x55);
	ck_assert_uint_eq(bench.nr_msi, 5);
}
END_TEST

START_TEST(modes_without_an_end_count_as_edges)
{
	/* NMI, level-triggered by mistake: must not wait for an EOI. */
	rte_write(2, 0, 0x400 | LEVEL);
	ioapic_set(&bench.io, 2, true);
	ck_assert_uint_eq(bench.nr_msi, 1);
	ck_assert_uint_eq(bench.data, 0x400);
	ck_assert_uint_eq(reg_read(0x14), 0x400 | LEVEL);
	ioapic_set(&bench.io, 2, false);
	ioapic_set(&bench.io, 2, true);
	ck_assert_uint_eq(bench.nr_msi, 2);
	ck_assert_uint_eq(bench.nr_route, 0);
}
END_TEST

START_TEST(route_is_told_before_the_first_level_message)
{
	ioapic_set(&bench.io, 10, true);
	rte_write(10, 3, 0x55 | LEVEL);
	ck_assert_uint_eq(bench.nr_route, 1);
	ck_assert_uint_eq(bench.route_pin, 10);
	ck_assert(bench.route_active);
	ck_assert_uint_eq(bench.route_addr, 0xfee03000);
	ck_assert_uint_eq(bench.route_data, 0xc055);
	ck_assert_uint_eq(bench.msi_at_route, 0);
	ck_assert_uint_eq(bench.nr_msi, 1);
	/* A new vector is a new route; the same entry again is not. */
	reg_write(0x24, 0x56 | LEVEL);
	ck_assert_uint_eq(bench.nr_route, 2);
	ck_assert_uint_eq(bench.route_data, 0xc056);
	reg_write(0x24, 0x56 | LEVEL);
	ck_assert_uint_eq(bench.nr_route, 2);
	/* Edge: the old message's route goes. */
	reg_write(0x24, 0x57);
	ck_assert_uint_eq(bench.nr_route, 3);
	ck_assert(!bench.route_active);
	ck_assert_uint_eq(bench.route_data, 0xc056);
	/* Edge pins never have one. */
	rte_write(4, 0, 0x24);
	ck_assert_uint_eq(bench.nr_route, 3);
}
END_TEST

START_TEST(route_callback_is_optional)
{
	ioapic_fini(&bench.io);
	ioapic_init(&bench.io, bench_msi, NULL, &bench);
	rte_write(10, 0, 0x55 | LEVEL);
	ioapic_set(&bench.io, 10, true);
	ck_assert_uint_eq(bench.nr_msi, 1);
}
END_TEST

START_TEST(read_only_and_reserved_bits_stay_out)
{
	reg_write(0x20, 0xffffffff);
	ck_assert_uint_eq(reg_read(0x20), 0x0001afff);
	reg_write(0x21, 0xffffffff);
	ck_assert_uint_eq(reg_read(0x21), 0xff000000);
	/* A guest cannot set Remote IRR itself. */
	reg_write(0x20, 0x4000 | LEVEL | 0x60);
	ck_assert_uint_eq(reg_read(0x20), LEVEL | 0x60);
}
END_TEST

START_TEST(registers_that_do_not_exist_read_zero_and_ignore_writes)
{
	unsigned reg;

	for (reg = 0; reg < 256; reg++) {
		if (reg < 3 || (reg >= 0x10 && reg < 0x40))
			continue;
		reg_write(reg, 0xffffffff);
		ck_assert_uint_eq(reg_read(reg), 0);
	}
	ck_assert_uint_eq(reg_read(0x00), 0);
	for (reg = 0; reg < IOAPIC_PINS; reg++)
		ck_assert_uint_eq(reg_read(0x10 + 2 * reg), MASKED);
	/* IOREGSEL has eight bits. */
	mmio_write(0x00, 0xffffff01, 4);
	ck_assert_uint_eq(mmio_read(0x00, 4), 0x01);
}
END_TEST

START_TEST(byte_wide_select_works_and_byte_wide_data_does_not)
{
	mmio_write(0x00, 0x01, 1);
	ck_assert_uint_eq(mmio_read(0x10, 4), 0x00170020);
	ck_assert_uint_eq(mmio_read(0x10, 1), 0x20);
	ck_assert_uint_eq(mmio_read(0x10, 2), 0x0020);
	mmio_write(0x00, 0x10, 2);
	mmio_write(0x10, 0x99, 1);
	mmio_write(0x10, 0x9999, 2);
	ck_assert_uint_eq(mmio_read(0x10, 4), MASKED);
}
END_TEST

START_TEST(eight_byte_accesses_are_their_low_half)
{
	mmio_write(0x00, 0xffffffff00000010, 8);
	ck_assert_uint_eq(mmio_read(0x00, 8), 0x10);
	mmio_write(0x10, 0xffffffff00000042, 8);
	ck_assert_uint_eq(mmio_read(0x10, 8), 0x42);
	ck_assert_uint_eq(reg_read(0x11), 0);
}
END_TEST

START_TEST(unaligned_and_stray_offsets_do_nothing)
{
	uint64_t offset;

	mmio_write(0x00, 0x10, 4);
	for (offset = 0; offset < IOAPIC_LEN - 4; offset++) {
		if (offset == 0 || offset == 0x10)
			continue;
		mmio_write(offset, 0x5a5a5a5a, 4);
		ck_assert_uint_eq(mmio_read(offset, 4), 0);
	}
	ck_assert_uint_eq(mmio_read(0x00, 4), 0x10);
	ck_assert_uint_eq(mmio_read(0x10, 4), MASKED);
	ck_assert_uint_eq(bench.nr_msi, 0);
}
END_TEST

static void *toggler(void *arg)
{
	unsigned i;

	(void)arg;
	for (i = 0; i < 20000; i++)
		ioapic_set(&bench.io, 10, i & 1);
	return NULL;
}

START_TEST(hostile_writes_while_pins_move_leave_a_sane_table)
{
	pthread_t t;
	unsigned i;

	srand(2);
	bench.threads = true;
	ck_assert_int_eq(pthread_create(&t, NULL, toggler, NULL), 0);
	for (i = 0; i < 20000; i++) {
		unsigned r = rand();

		switch (r & 3) {
		case 0:
			mmio_write(0x00, r >> 4, 4);
			break;
		case 1:
			mmio_write(0x10, (uint32_t)rand(), 4);
			break;
		case 2:
			reg_write(0x24, (r >> 4) & 0x1ffff);
			break;
		default:
			ioapic_eoi(&bench.io, r >> 4);
		}
	}
	pthread_join(t, NULL);
	ck_assert_uint_eq(bench.io.routing, 0);
	for (i = 0; i < IOAPIC_PINS; i++)
		ck_assert_uint_eq(bench.io.redirection[i] &
					  ~UINT64_C(0xff0000000001efff),
				  0);
}
END_TEST

static void add_odd(TCase *tc)
{
	tcase_add_test(tc, read_only_and_reserved_bits_stay_out);
	tcase_add_test(tc,
		       registers_that_do_not_exist_read_zero_and_ignore_writes);
	tcase_add_test(tc, byte_wide_select_works_and_byte_wide_data_does_not);
	tcase_add_test(tc, eight_byte_accesses_are_their_low_half);
	tcase_add_test(tc, unaligned_and_stray_offsets_do_nothing);
	tcase_add_test(tc, hostile_writes_while_pins_move_leave_a_sane_table);
	tcase_add_test(tc, modes_without_an_end_count_as_edges);
}

Suite *ioapic_suite(void)
{
	Suite *s = suite_create("ioapic");
	TCase *tc = tcase_create("ioapic");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, reset_state_is_masked_and_says_its_size);
	tcase_add_test(tc, identity_keeps_four_bits_and_arbitration_follows);
	tcase_add_test(tc, rising_edge_sends_one_message);
	tcase_add_test(tc, message_carries_destination_and_modes);
	tcase_add_test(tc, edge_on_a_masked_pin_is_lost);
	tcase_add_test(tc, level_waits_for_the_end_of_interrupt);
	tcase_add_test(tc, level_on_a_masked_pin_waits_for_the_unmasking);
	tcase_add_test(tc, end_while_masked_is_noted_and_sends_after_unmasking);
	tcase_add_test(tc, turning_to_edge_and_back_ends_an_interrupt);
	tcase_add_test(tc, eoi_register_ends_like_a_local_apic);
	tcase_add_test(tc, one_end_serves_all_pins_of_the_vector);
	tcase_add_test(tc, route_is_told_before_the_first_level_message);
	tcase_add_test(tc, route_callback_is_optional);
	add_odd(tc);
	suite_add_tcase(s, tc);
	return s;
}
