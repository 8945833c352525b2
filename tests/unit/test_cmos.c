/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/cmos: the MC146818A as drivers read it, set it and wait for it, with a
 * clock that stands still unless the test moves it.
 */
#include "vmm/devices/cmos.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

#define MS   UINT64_C(1000000)
#define S    (1000 * MS)
#define HOUR (3600 * S)

/* 2026-11-21 (a Saturday) 13:14:15 UTC. */
#define START (UINT64_C(1795266855) * S)

enum {
	A = 0x0a,
	B = 0x0b,
	C = 0x0c,
	D = 0x0d,
	SET = 0x80,
	PIE = 0x40,
	AIE = 0x20,
	UIE = 0x10,
	BINARY = 0x04,
	H24 = 0x02,
};

static struct bench {
	struct cmos cmos;
	uint64_t now, alarm;
	unsigned rises, falls, alarms, bad_calls;
	bool level;
} bench;

static uint64_t bench_now(void *ctx)
{
	return ((struct bench *)ctx)->now;
}

static void bench_set(void *ctx, uint64_t at_ns)
{
	struct bench *b = ctx;

	b->alarm = at_ns;
	b->alarms++;
}

static void bench_irq(void *ctx, unsigned line, bool level)
{
	struct bench *b = ctx;

	if (line != 8 || level == b->level)
		b->bad_calls++;
	b->level = level;
	if (level)
		b->rises++;
	else
		b->falls++;
}

static void setup(void)
{
	struct irq_line irq = {bench_irq, &bench, 8};
	struct alarm alarm = {bench_now, bench_set, &bench};

	memset(&bench, 0, sizeof(bench));
	bench.now = START;
	cmos_init(&bench.cmos, irq, alarm);
}

static void teardown(void)
{
	ck_assert_uint_eq(bench.bad_calls, 0);
	cmos_fini(&bench.cmos);
}

static uint8_t in(unsigned reg)
{
	uint8_t index = (uint8_t)reg, val;

	cmos_access(&bench.cmos, 0, &index, 1, BUS_WRITE);
	cmos_access(&bench.cmos, 1, &val, 1, BUS_READ);
	return val;
}

static void out(unsigned reg, unsigned byte)
{
	uint8_t both[2] = {(uint8_t)reg, (uint8_t)byte};

	cmos_access(&bench.cmos, 0, both, 2, BUS_WRITE);
}

/* Time passes, and whoever keeps the alarm does so. */
static void pass(uint64_t ns)
{
	uint64_t end = bench.now + ns;

	while (bench.alarm && bench.alarm <= end) {
		if (bench.alarm > bench.now)
			bench.now = bench.alarm;
		bench.alarm = 0;
		cmos_expired(&bench.cmos);
	}
	bench.now = end;
}

/* "yyyy-mm-dd hh:mm:ss w", digits as they stand in the registers. */
static void is_time(const char *want)
{
	char got[32];

	snprintf(got, sizeof(got), "%02x%02x-%02x-%02x %02x:%02x:%02x %x",
		 in(0x32), in(9), in(8), in(7), in(4), in(2), in(0), in(6));
	ck_assert_str_eq(got, want);
}

static void set_time(const uint8_t *registers)
{
	static const uint8_t places[] = {0x32, 9, 8, 7, 4, 2, 0};

	out(B, in(B) | SET);
	for (unsigned i = 0; i < sizeof(places); i++)
		out(places[i], registers[i]);
	out(B, in(B) & ~SET);
}

/* Time. */

START_TEST(time_is_the_hosts_in_utc)
{
	ck_assert_uint_eq(in(A), 0x26);
	ck_assert_uint_eq(in(B), H24);
	ck_assert_uint_eq(in(D), 0x80);
	is_time("2026-11-21 13:14:15 7");
	pass(HOUR + S);
	is_time("2026-11-21 14:14:16 7");
	pass(10 * HOUR);
	is_time("2026-11-22 00:14:16 1");
	ck_assert_uint_eq(bench.alarms, 0);
}
END_TEST

START_TEST(formats_follow_register_b)
{
	static const struct {
		uint8_t b;
		uint64_t hours;
		uint8_t hour, minute;
	} cases[] = {
		{H24, 0, 0x13, 0x14},	     {0, 0, 0x81, 0x14},
		{H24 | BINARY, 0, 13, 14},   {BINARY, 0, 0x80 | 1, 14},
		{0, 10, 0x11 | 0x80, 0x14},  {0, 11, 0x12, 0x14},
		{0, 12, 0x01, 0x14},	     {0, 23, 0x12 | 0x80, 0x14},
		{BINARY, 11, 12, 14},	     {BINARY, 22, 11, 14},
		{BINARY, 23, 0x80 | 12, 14}, {H24 | BINARY, 11, 0, 14},
		{H24 | BINARY, 10, 23, 14},  {H24, 10, 0x23, 0x14},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bench.now = START + cases[i].hours * HOUR;
		out(B, cases[i].b);
		ck_assert_msg(in(4) == cases[i].hour &&
				      in(2) == cases[i].minute,
			      "%u: %02x %02x", i, in(4), in(2));
	}
}
END_TEST

START_TEST(time_that_was_set_goes_on_from_there)
{
	static const uint8_t leap[] = {0x20, 0x24, 0x02, 0x28,
				       0x23, 0x59, 0x58};
	static const uint8_t old[] = {0x19, 0x69, 0x12, 0x31, 0x23, 0x59, 0x59};

	set_time(leap);
	is_time("2024-02-28 23:59:58 4");
	pass(2 * S);
	is_time("2024-02-29 00:00:00 5");
	set_time(old);
	is_time("1969-12-31 23:59:59 4");
	pass(S);
	is_time("1970-01-01 00:00:00 5");
}
END_TEST

START_TEST(set_bit_holds_the_time)
{
	out(B, H24 | SET);
	pass(100 * S);
	is_time("2026-11-21 13:14:15 7");
	ck_assert_uint_eq(in(A), 0x26);
	ck_assert_uint_eq(in(C), 0x40); /* the divider runs on: a period */
	out(0, 0x30);
	out(B, H24);
	is_time("2026-11-21 13:14:30 7");
	pass(S);
	is_time("2026-11-21 13:14:31 7");
}
END_TEST

START_TEST(register_that_is_written_on_the_run_counts)
{
	out(2, 0x59);
	is_time("2026-11-21 13:59:15 7");
	pass(60 * S);
	is_time("2026-11-21 14:00:15 7");
	out(0x32, 0x19);
	is_time("1926-11-21 14:00:15 1");
}
END_TEST

START_TEST(formats_change_without_a_change_of_time)
{
	out(B, BINARY);
	out(B, H24);
	is_time("2026-11-21 13:14:15 7");
	out(B, H24 | SET);
	out(B, H24 | SET | BINARY);
	out(4, 23);
	out(2, 0);
	out(0, 59);
	out(7, 1);
	out(8, 12);
	out(9, 99);
	out(0x32, 20);
	out(B, H24 | BINARY);
	out(B, H24);
	is_time("2099-12-01 23:00:59 3");
}
END_TEST

START_TEST(update_in_progress_precedes_each_second)
{
	pass(S - 2228001);
	ck_assert_uint_eq(in(A), 0x26);
	pass(1);
	ck_assert_uint_eq(in(A), 0xa6);
	pass(2227999);
	ck_assert_uint_eq(in(A), 0xa6);
	is_time("2026-11-21 13:14:15 7");
	pass(1);
	ck_assert_uint_eq(in(A), 0x26);
	is_time("2026-11-21 13:14:16 7");
	/* Not while the time stands. */
	out(B, H24 | SET);
	pass(S - 1);
	ck_assert_uint_eq(in(A), 0x26);
}
END_TEST

START_TEST(divider_reset_starts_half_a_second_before_an_update)
{
	pass(S / 3);
	out(B, H24 | SET);
	out(A, 0x70);
	pass(5 * S);
	ck_assert_uint_eq(in(A), 0x70);
	out(0, 0x00);
	out(A, 0x26);
	out(B, H24);
	pass(S / 2 - 1);
	is_time("2026-11-21 13:14:00 7");
	pass(1);
	is_time("2026-11-21 13:14:01 7");
	pass(S);
	is_time("2026-11-21 13:14:02 7");
}
END_TEST

START_TEST(clock_that_is_put_back_does_no_harm)
{
	out(B, H24 | UIE | PIE | AIE);
	in(C);
	bench.now -= 10 * HOUR;
	cmos_expired(&bench.cmos);
	ck_assert(!bench.level);
	is_time("2026-11-21 03:14:15 7");
	pass(S);
	ck_assert(bench.level);
}
END_TEST

/* Interrupts. */

START_TEST(flags_are_set_without_being_enabled)
{
	in(C);
	pass(S);
	ck_assert_uint_eq(in(C), 0x50);
	ck_assert_uint_eq(in(C), 0);
	ck_assert_uint_eq(bench.rises, 0);
	ck_assert_uint_eq(bench.alarms, 0);
}
END_TEST

START_TEST(update_interrupt_comes_each_second)
{
	pass(S / 4);
	out(B, H24 | UIE);
	ck_assert_uint_eq(bench.alarm, START + S);
	for (unsigned i = 1; i <= 3; i++) {
		pass(S);
		ck_assert_uint_eq(bench.rises, i);
		ck_assert_uint_eq(in(C)&0x90, 0x90);
		ck_assert(!bench.level);
		ck_assert_uint_eq(in(C)&0x90, 0);
	}
	out(B, H24);
	ck_assert_uint_eq(bench.alarm, 0);
	pass(10 * S);
	ck_assert_uint_eq(bench.rises, 3);
}
END_TEST

/* SET clears UIE: data sheet, register B. */
START_TEST(set_bit_turns_the_update_interrupt_off)
{
	out(B, H24 | UIE);
	out(B, H24 | UIE | SET);
	ck_assert_uint_eq(in(B), H24 | SET);
	ck_assert_uint_eq(bench.alarm, 0);
}
END_TEST

static const struct {
	uint8_t rate;
	unsigned hz;
} rates[] = {{1, 256},	{2, 128}, {3, 8192}, {4, 4096}, {5, 2048},
	     {6, 1024}, {7, 512}, {8, 256},  {9, 128},	{10, 64},
	     {11, 32},	{12, 16}, {13, 8},   {14, 4},	{15, 2}};

START_TEST(periodic_interrupt_has_the_rate_of_register_a)
{
	unsigned got = 0;

	out(A, 0x20 | rates[_i].rate);
	in(C);
	out(B, H24 | PIE);
	for (unsigned i = 0; i < 65536; i++) {
		pass(S / 32768);
		if (bench.level) {
			ck_assert_uint_eq(in(C)&0xc0, 0xc0);
			got++;
		}
	}
	/* 65536 steps are two seconds, less what S / 32768 rounds off. */
	ck_assert_uint_ge(got, rates[_i].hz * 2 - 1);
	ck_assert_uint_le(got, rates[_i].hz * 2);
}
END_TEST

START_TEST(periodic_interrupt_that_nobody_acknowledges_comes_once)
{
	out(B, H24 | PIE);
	pass(10 * S);
	ck_assert_uint_eq(bench.rises, 1);
	/* And costs the host nothing meanwhile. */
	ck_assert_uint_eq(bench.alarm, 0);
	ck_assert_uint_eq(bench.alarms, 1);
}
END_TEST

START_TEST(rate_0_and_a_reset_divider_have_no_period)
{
	out(A, 0x20);
	in(C);
	out(B, H24 | PIE);
	ck_assert_uint_eq(bench.alarm, 0);
	out(A, 0x66);
	pass(S);
	ck_assert_uint_eq(bench.rises, 0);
	ck_assert_uint_eq(in(C), 0);
}
END_TEST

static const struct {
	uint8_t b, h, m, s;
	uint64_t after; /* ns; 0: never */
} alarms[] = {
	{H24, 0x13, 0x14, 0x16, S},
	{H24, 0x13, 0x14, 0x15, 24 * HOUR}, /* not this second any more */
	{H24, 0x13, 0x14, 0x14, 24 * HOUR - S},
	{H24, 0x14, 0x00, 0x00, 45 * 60 * S + 45 * S},
	{H24, 0x00, 0x00, 0x00, 10 * HOUR + 45 * 60 * S + 45 * S},
	{H24, 0xff, 0xff, 0xff, S},
	{H24, 0xc0, 0xc0, 0x14, 59 * S},
	{H24, 0xff, 0x14, 0x15, HOUR},
	{H24, 0xff, 0x15, 0xff, 45 * S},
	{H24, 0x14, 0xff, 0xff, 45 * 60 * S + 45 * S},
	{H24 | BINARY, 13, 14, 20, 5 * S},
	{0, 0x81, 0x14, 0x20, 5 * S},
	{0, 0x01, 0x14, 0x15, 12 * HOUR},
	{0, 0x12, 0x14, 0x15, 11 * HOUR},
	{BINARY, 0x80 | 1, 14, 20, 5 * S},
	/* No times of day. */
	{H24, 0x24, 0x00, 0x00, 0},
	{H24, 0xff, 0x60, 0x00, 0},
	{H24, 0xff, 0xff, 0x60, 0},
	{H24, 0xff, 0xff, 0xbf, 0},
	{H24 | BINARY, 0xff, 0xff, 60, 0},
};

START_TEST(alarm_rings_at_its_time_and_not_before)
{
	uint64_t after = alarms[_i].after;

	out(B, alarms[_i].b);
	out(5, alarms[_i].h);
	out(3, alarms[_i].m);
	out(1, alarms[_i].s);
	out(B, alarms[_i].b | AIE);
	ck_assert_uint_eq(bench.alarm, after ? START + after : 0);
	if (!after) {
		pass(25 * HOUR);
		ck_assert_uint_eq(in(C)&AIE, 0);
		return;
	}
	pass(after - 1);
	ck_assert(!bench.level);
	pass(1);
	ck_assert(bench.level);
	ck_assert_uint_eq(in(C)&0xa0, 0xa0);
	/* What is set is kept, whatever the format. */
	ck_assert_uint_eq(in(1), alarms[_i].s);
	ck_assert_uint_eq(in(3), alarms[_i].m);
	ck_assert_uint_eq(in(5), alarms[_i].h);
}
END_TEST

START_TEST(alarm_follows_the_guests_time)
{
	static const uint8_t noon[] = {0x20, 0x30, 0x01, 0x01,
				       0x12, 0x00, 0x00};
	static const uint8_t old_noon[] = {0x19, 0x65, 0x01, 0x01,
					   0x12, 0x00, 0x00};

	out(5, 0x12);
	out(3, 0x00);
	out(1, 0x05);
	out(B, H24 | AIE);
	set_time(noon);
	pass(5 * S - 1);
	ck_assert(!bench.level);
	pass(1);
	ck_assert(bench.level);
	/* Before 1970, too. */
	set_time(old_noon);
	in(C);
	pass(5 * S - 1);
	ck_assert(!bench.level);
	pass(1);
	ck_assert(bench.level);
}
END_TEST

START_TEST(flag_that_waits_interrupts_when_it_is_enabled)
{
	pass(S);
	out(B, H24 | UIE);
	ck_assert(bench.level);
	out(B, H24);
	ck_assert(!bench.level);
}
END_TEST

/* RAM. */

START_TEST(ram_keeps_what_is_written)
{
	for (unsigned reg = 0x0e; reg < 0x80; reg++) {
		if (reg == 0x32)
			continue;
		out(reg, reg ^ 0x5a);
	}
	pass(S);
	for (unsigned reg = 0x0e; reg < 0x80; reg++)
		if (reg != 0x32)
			ck_assert_uint_eq(in(reg), reg ^ 0x5a);
	is_time("2026-11-21 13:14:16 7");
}
END_TEST

START_TEST(nmi_mask_is_no_part_of_the_index)
{
	uint8_t byte = 0;

	ck_assert_uint_eq(in(0x80 | 0x0d), 0x80);
	out(0x80 | 0x40, 7);
	ck_assert_uint_eq(in(0x40), 7);
	cmos_access(&bench.cmos, 0, &byte, 1, BUS_READ);
	ck_assert_uint_eq(byte, 0xff);
}
END_TEST

START_TEST(read_only_registers_ignore_writes)
{
	out(C, 0xff);
	out(D, 0x00);
	ck_assert_uint_eq(in(C), 0);
	ck_assert_uint_eq(in(D), 0x80);
	out(A, 0xff);
	ck_assert_uint_eq(in(A), 0x7f);
}
END_TEST

static const struct {
	uint64_t low, high;
	unsigned base, extended, from_16m, from_4g;
} sizes[] = {
	{UINT64_C(128) << 20, 0, 640, 65535, 0x700, 0},
	{UINT64_C(32) << 20, 0, 640, 31744, 0x100, 0},
	{UINT64_C(16) << 20, 0, 640, 15360, 0, 0},
	{UINT64_C(4) << 20, 0, 640, 3072, 0, 0},
	{UINT64_C(1) << 20, 0, 640, 0, 0, 0},
	{UINT64_C(512) << 10, 0, 512, 0, 0, 0},
	{0xbffda000, UINT64_C(1) << 30, 640, 65535, 0xbefd, 0x4000},
	{0xbffda000, UINT64_C(1) << 51, 640, 65535, 0xbefd, 0xffffff},
};

START_TEST(memory_sizes_are_where_kernels_look)
{
	unsigned sum = 0;

	cmos_set_memory(&bench.cmos, sizes[_i].low, sizes[_i].high);
	ck_assert_uint_eq(in(0x15) | in(0x16) << 8, sizes[_i].base);
	ck_assert_uint_eq(in(0x17) | in(0x18) << 8, sizes[_i].extended);
	ck_assert_uint_eq(in(0x30) | in(0x31) << 8, sizes[_i].extended);
	ck_assert_uint_eq(in(0x34) | in(0x35) << 8, sizes[_i].from_16m);
	ck_assert_uint_eq(in(0x5b) | in(0x5c) << 8 | in(0x5d) << 16,
			  sizes[_i].from_4g);
	ck_assert_uint_eq(in(0x10), 0);	   /* no floppy */
	ck_assert_uint_eq(in(0x14), 0x02); /* a coprocessor */
	ck_assert_uint_eq(in(0x0f), 0);	   /* no shutdown was asked for */
	for (unsigned reg = 0x10; reg < 0x2e; reg++)
		sum += in(reg);
	ck_assert_uint_eq(in(0x2e) << 8 | in(0x2f), sum);
}
END_TEST

/* Any traffic at all: nothing may crash, hang, or leave the line wrong. */
START_TEST(random_traffic_keeps_line_and_registers_consistent)
{
	srand(1);
	for (unsigned i = 0; i < 50000; i++) {
		unsigned r = (unsigned)rand(), reg = r >> 2 & 0x3f;
		uint8_t c;

		if (r & 1)
			out(reg < 0x10 ? reg : 0x32, r >> 8);
		else if (r & 2)
			in(reg);
		pass((uint64_t)rand() % (r & 0x1000000 ? 3 * S : MS));
		ck_assert_int_eq(bench.level,
				 (bench.cmos.bytes[C] & bench.cmos.bytes[B] &
				  0x70) != 0);
		if (i % 16)
			continue;
		c = in(C);
		ck_assert(!bench.level);
		ck_assert(!(c & 0x80) || (c & bench.cmos.bytes[B] & 0x70));
	}
}
END_TEST

static _Atomic bool done;

static void *expirer(void *arg)
{
	(void)arg;
	while (!done)
		cmos_expired(&bench.cmos);
	return NULL;
}

START_TEST(alarm_and_guest_may_come_at_once)
{
	pthread_t thread;

	out(B, H24 | UIE | PIE);
	ck_assert_int_eq(pthread_create(&thread, NULL, expirer, NULL), 0);
	for (unsigned i = 0; i < 20000; i++)
		is_time("2026-11-21 13:14:15 7");
	done = true;
	pthread_join(thread, NULL);
}
END_TEST

static void add_time(TCase *tc)
{
	tcase_add_test(tc, time_is_the_hosts_in_utc);
	tcase_add_test(tc, formats_follow_register_b);
	tcase_add_test(tc, time_that_was_set_goes_on_from_there);
	tcase_add_test(tc, set_bit_holds_the_time);
	tcase_add_test(tc, register_that_is_written_on_the_run_counts);
	tcase_add_test(tc, formats_change_without_a_change_of_time);
	tcase_add_test(tc, update_in_progress_precedes_each_second);
	tcase_add_test(tc, divider_reset_starts_half_a_second_before_an_update);
	tcase_add_test(tc, clock_that_is_put_back_does_no_harm);
}

static void add_interrupts(TCase *tc)
{
	tcase_add_test(tc, flags_are_set_without_being_enabled);
	tcase_add_test(tc, update_interrupt_comes_each_second);
	tcase_add_test(tc, set_bit_turns_the_update_interrupt_off);
	tcase_add_loop_test(tc, periodic_interrupt_has_the_rate_of_register_a,
			    0, sizeof(rates) / sizeof(*rates));
	tcase_add_test(tc,
		       periodic_interrupt_that_nobody_acknowledges_comes_once);
	tcase_add_test(tc, rate_0_and_a_reset_divider_have_no_period);
	tcase_add_loop_test(tc, alarm_rings_at_its_time_and_not_before, 0,
			    sizeof(alarms) / sizeof(*alarms));
	tcase_add_test(tc, alarm_follows_the_guests_time);
	tcase_add_test(tc, flag_that_waits_interrupts_when_it_is_enabled);
	tcase_add_test(tc, alarm_and_guest_may_come_at_once);
}

static void add_ram(TCase *tc)
{
	tcase_add_test(tc, ram_keeps_what_is_written);
	tcase_add_test(tc, nmi_mask_is_no_part_of_the_index);
	tcase_add_test(tc, read_only_registers_ignore_writes);
	tcase_add_loop_test(tc, memory_sizes_are_where_kernels_look, 0,
			    sizeof(sizes) / sizeof(*sizes));
	tcase_add_test(tc, random_traffic_keeps_line_and_registers_consistent);
}

Suite *cmos_suite(void)
{
	Suite *s = suite_create("cmos");
	TCase *tc = tcase_create("cmos");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_time(tc);
	add_interrupts(tc);
	add_ram(tc);
	suite_add_tcase(s, tc);
	return s;
}
