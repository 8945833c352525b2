/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/i8042: the keyboard controller as kernels poll it at start, and as nobody
 * should treat it.
 */
#include "vmm/devices/i8042.h"

#include <stdlib.h>
#include <string.h>

#include "tests/suites.h"

static struct bench {
	struct i8042 i8042;
	unsigned rises, resets, bad_calls;
	bool level;
} bench;

static void bench_irq(void *ctx, unsigned line, bool level)
{
	struct bench *b = ctx;

	if (line != 1 || level == b->level)
		b->bad_calls++;
	b->level = level;
	b->rises += level;
}

static void bench_reset(void *ctx)
{
	((struct bench *)ctx)->resets++;
}

static void setup(void)
{
	struct irq_line irq = {bench_irq, &bench, 1};

	memset(&bench, 0, sizeof(bench));
	i8042_init(&bench.i8042, irq, bench_reset, &bench);
}

static void teardown(void)
{
	ck_assert_uint_eq(bench.bad_calls, 0);
	i8042_fini(&bench.i8042);
}

static uint8_t status(void)
{
	uint8_t byte;

	i8042_command(&bench.i8042, 0, &byte, 1, BUS_READ);
	return byte;
}

static uint8_t data(void)
{
	uint8_t byte;

	i8042_data(&bench.i8042, 0, &byte, 1, BUS_READ);
	return byte;
}

static void command(unsigned byte)
{
	uint8_t b = (uint8_t)byte;

	i8042_command(&bench.i8042, 0, &b, 1, BUS_WRITE);
}

static void put(unsigned byte)
{
	uint8_t b = (uint8_t)byte;

	i8042_data(&bench.i8042, 0, &b, 1, BUS_WRITE);
}

static uint8_t port_a(void)
{
	uint8_t byte;

	i8042_port_a(&bench.i8042, 0, &byte, 1, BUS_READ);
	return byte;
}

static void set_port_a(unsigned byte)
{
	uint8_t b = (uint8_t)byte;

	i8042_port_a(&bench.i8042, 0, &b, 1, BUS_WRITE);
}

/* Reads exactly these bytes, and nothing is left. */
static void says(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		ck_assert_uint_eq(status() & 0x01, 0x01);
		ck_assert_uint_eq(data(), (uint8_t)bytes[i]);
	}
	ck_assert_uint_eq(status() & 0x01, 0);
}
#define SAYS(bytes) says(bytes, sizeof(bytes) - 1)

START_TEST(it_starts_as_firmware_leaves_it)
{
	ck_assert_uint_eq(status(), 0x14);
	command(0x20);
	SAYS("\x65");
	ck_assert_uint_eq(port_a(), 0x02);
	ck_assert_uint_eq(bench.resets, 0);
}
END_TEST

START_TEST(controller_answers_its_commands)
{
	static const struct {
		uint8_t command;
		const char *answer;
	} cases[] = {
		{0xaa, "\x55"},
		{0xab, ""},
		{0xa9, "\x01"},
		{0xc0, "\x80"},
		{0xd0, "\xcf"},
		/* Silent ones. */
		{0xa7, NULL},
		{0xa8, NULL},
		{0xad, NULL},
		{0xae, NULL},
		{0xdd, NULL},
		{0xdf, NULL},
		{0xff, NULL},
		{0xf1, NULL},
		/* Not there. */
		{0x00, NULL},
		{0x21, NULL},
		{0xa1, NULL},
		{0xe0, NULL},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		command(cases[i].command);
		ck_assert_uint_eq(status() & 0x08, 0x08);
		if (cases[i].answer)
			says(cases[i].answer, 1);
		else
			ck_assert_uint_eq(status() & 0x01, 0);
	}
	ck_assert_uint_eq(bench.resets, 0);
}
END_TEST

START_TEST(command_byte_reads_back_without_a_second_port)
{
	command(0x60);
	put(0x00);
	command(0x20);
	SAYS("\x20");
	ck_assert_uint_eq(status() & 0x04, 0);
	command(0x60);
	put(0x47);
	command(0xa8);
	command(0x20);
	SAYS("\x67");
	/* The self-test passes again. */
	command(0x60);
	put(0x00);
	command(0xaa);
	SAYS("\x55");
	ck_assert_uint_eq(status() & 0x04, 0x04);
	command(0xad);
	command(0x20);
	SAYS("\x34");
}
END_TEST

static const struct {
	const char *sent, *answer;
} talks[] = {
	{"\xff", "\xfa\xaa"},
	{"\xf2", "\xfa\xab\x41"},
	{"\xee", "\xee"},
	{"\xed\x07", "\xfa\xfa"},
	{"\xf3\x20", "\xfa\xfa"},
	{"\xf0\x01", "\xfa\xfa"},
	{"\xf0\x03", "\xfa\xfa"},
	{"\xf0\x04", "\xfa\xfe"},
	{"\xf4", "\xfa"},
	{"\xf5", "\xfa"},
	{"\xf6", "\xfa"},
	{"\xfa", "\xfa"},
	{"\xee\xfe", "\xee\xee"},
	{"\xff\xfe", "\xfa\xaa\xaa"},
	{"\xf1", "\xfe"},
	{"\x01", "\xfe"},
	{"\xfb", "\xfe"},
	/* A command in the place of an argument. */
	{"\xed\xf2", "\xfa\xfa\xab\x41"},
};

START_TEST(keyboard_answers_its_commands)
{
	const char *want = talks[_i].answer;

	for (const char *c = talks[_i].sent; *c; c++) {
		put((uint8_t)*c);
		while (status() & 0x01)
			ck_assert_uint_eq(data(), (uint8_t)*want++);
	}
	ck_assert_uint_eq(*want, 0);
	ck_assert_uint_eq(status() & 0x08, 0);
}
END_TEST

START_TEST(scan_set_reads_back)
{
	static const uint8_t translated[] = {0x43, 0x41, 0x3f};

	for (unsigned set = 1; set <= 3; set++) {
		put(0xf0);
		SAYS("\xfa");
		put(set);
		SAYS("\xfa");
		put(0xf0);
		SAYS("\xfa");
		put(0x00);
		ck_assert_uint_eq(data(), 0xfa);
		ck_assert_uint_eq(data(), translated[set - 1]);
	}
	command(0x60);
	put(0x04); /* no translation */
	put(0xf2);
	SAYS("\xfa\xab\x83");
	put(0xf0);
	SAYS("\xfa");
	put(0x00);
	SAYS("\xfa\x03");
	put(0xff);
	SAYS("\xfa\xaa");
	put(0xf0);
	SAYS("\xfa");
	put(0x00);
	SAYS("\xfa\x02");
}
END_TEST

START_TEST(new_command_drops_the_old_answer)
{
	put(0xf2);
	ck_assert_uint_eq(data(), 0xfa);
	put(0xee);
	/* The byte that had left the keyboard arrives. */
	SAYS("\xab\xee");
}
END_TEST

START_TEST(each_byte_gives_an_edge)
{
	put(0xf2);
	ck_assert_uint_eq(bench.rises, 1);
	data();
	ck_assert_uint_eq(bench.rises, 2);
	data();
	ck_assert_uint_eq(bench.rises, 3);
	ck_assert(bench.level);
	data();
	ck_assert(!bench.level);
	data();
	ck_assert_uint_eq(bench.rises, 3);
	command(0x20);
	ck_assert_uint_eq(bench.rises, 4);
}
END_TEST

START_TEST(no_interrupt_without_its_bit)
{
	command(0x60);
	put(0x44);
	put(0xee);
	ck_assert(!bench.level);
	ck_assert_uint_eq(status() & 0x01, 0x01);
	/* A byte that waits interrupts when the bit comes. */
	command(0x60);
	put(0x45);
	ck_assert(bench.level);
	SAYS("\xee");
}
END_TEST

START_TEST(keyboard_waits_while_its_clock_is_held)
{
	put(0xff);
	ck_assert_uint_eq(data(), 0xfa);
	/* 0xaa is in the buffer already; the next answer is not. */
	SAYS("\xaa");
	put(0xf2);
	command(0xad);
	SAYS("\xfa");
	/* The controller itself answers all the same. */
	command(0xab);
	says("", 1);
	command(0xae);
	SAYS("\xab\x41");
	/* Data for the keyboard lets its clock go. */
	command(0xad);
	put(0xee);
	SAYS("\xee");
}
END_TEST

START_TEST(loops_come_back_as_the_keyboards)
{
	command(0xd2);
	put(0xa5);
	ck_assert_uint_eq(status() & 0x21, 0x01);
	SAYS("\xa5");
	/* Not marked as the second port's: there is none. */
	command(0xd3);
	put(0x5a);
	ck_assert_uint_eq(status() & 0x21, 0x01);
	SAYS("\x5a");
	command(0xd4);
	put(0xff);
	ck_assert_uint_eq(status() & 0x01, 0);
}
END_TEST

START_TEST(controllers_reply_goes_before_the_keyboards)
{
	put(0xf2);
	command(0xaa);
	SAYS("\xfa\x55\xab\x41");
}
END_TEST

START_TEST(a20_is_one_line_with_two_gates)
{
	set_port_a(0x00);
	ck_assert_uint_eq(port_a(), 0x00);
	command(0xd0);
	SAYS("\xcd");
	command(0xd1);
	put(0xdf);
	ck_assert_uint_eq(port_a(), 0x02);
	command(0xdd);
	ck_assert_uint_eq(port_a(), 0x00);
	command(0xdf);
	ck_assert_uint_eq(port_a(), 0x02);
	command(0xd1);
	put(0xdd);
	ck_assert_uint_eq(port_a(), 0x00);
	set_port_a(0x02);
	command(0xd0);
	SAYS("\xcf");
	ck_assert_uint_eq(bench.resets, 0);
}
END_TEST

START_TEST(output_port_shows_a_full_buffer)
{
	put(0xee);
	command(0xd0);
	ck_assert_uint_eq(data(), 0xee);
	SAYS("\xdf");
}
END_TEST

START_TEST(every_way_to_reset_resets)
{
	command(0xfe);
	ck_assert_uint_eq(bench.resets, 1);
	command(0xf0);
	ck_assert_uint_eq(bench.resets, 2);
	command(0xd1);
	ck_assert_uint_eq(bench.resets, 2);
	put(0xfe);
	ck_assert_uint_eq(bench.resets, 3);
	set_port_a(0x03);
	ck_assert_uint_eq(bench.resets, 4);
	/* What it would write to the keyboard is none. */
	put(0xfe);
	command(0xff);
	ck_assert_uint_eq(bench.resets, 4);
}
END_TEST

START_TEST(random_traffic_keeps_line_and_buffer_consistent)
{
	srand(1);
	for (unsigned i = 0; i < 50000; i++) {
		unsigned r = (unsigned)rand();

		switch (r & 3) {
		case 0:
			command(r >> 8);
			break;
		case 1:
			put(r >> 8);
			break;
		case 2:
			data();
			break;
		case 3:
			set_port_a(r >> 8);
		}
		ck_assert_int_eq(bench.level,
				 bench.i8042.full && bench.i8042.mode & 1);
		ck_assert_uint_le(bench.i8042.nr_answer, I8042_ANSWER_MAX);
		ck_assert_uint_eq(bench.i8042.mode & 0x20, 0x20);
	}
	/* Whatever state it is in, a driver's way to begin works. */
	command(0xad);
	for (unsigned i = 0; i < 16 && status() & 0x01; i++)
		data();
	command(0xaa);
	SAYS("\x55");
}
END_TEST

Suite *i8042_suite(void)
{
	Suite *s = suite_create("i8042");
	TCase *tc = tcase_create("i8042");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, it_starts_as_firmware_leaves_it);
	tcase_add_test(tc, controller_answers_its_commands);
	tcase_add_test(tc, command_byte_reads_back_without_a_second_port);
	tcase_add_loop_test(tc, keyboard_answers_its_commands, 0,
			    sizeof(talks) / sizeof(*talks));
	tcase_add_test(tc, scan_set_reads_back);
	tcase_add_test(tc, new_command_drops_the_old_answer);
	tcase_add_test(tc, each_byte_gives_an_edge);
	tcase_add_test(tc, no_interrupt_without_its_bit);
	tcase_add_test(tc, keyboard_waits_while_its_clock_is_held);
	tcase_add_test(tc, loops_come_back_as_the_keyboards);
	tcase_add_test(tc, controllers_reply_goes_before_the_keyboards);
	tcase_add_test(tc, a20_is_one_line_with_two_gates);
	tcase_add_test(tc, output_port_shows_a_full_buffer);
	tcase_add_test(tc, every_way_to_reset_resets);
	tcase_add_test(tc, random_traffic_keeps_line_and_buffer_consistent);
	suite_add_tcase(s, tc);
	return s;
}
