/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/board: both machines as their bus of ports shows them, without a guest;
 * and vmm/alarm, the host's clock behind the board's.
 */
#define _GNU_SOURCE
#include "vmm/devices/board.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "guest/abi.h"
#include "tests/must.h"
#include "tests/suites.h"
#include "vmm/status.h"

static struct bench {
	struct board board;
	struct bus ports;
	struct console *console;
	struct stop stop;
	struct timeline timeline;
	int out;
	unsigned wakes;
	_Atomic unsigned rises[16];
} bench;

static void bench_irq(void *ctx, unsigned irq, bool level)
{
	struct bench *b = ctx;

	if (irq < 16 && level)
		b->rises[irq]++;
}

static void bench_wake(void *ctx)
{
	((struct bench *)ctx)->wakes++;
}

static void make(enum machine machine)
{
	struct board_config config = {
		.machine = machine,
		.memory = UINT64_C(4) << 30,
		.cpus = 3,
		.cmdline = "",
		.set_irq = bench_irq,
		.irq_ctx = &bench,
		.stop = &bench.stop,
		.timeline = &bench.timeline,
		.wake = bench_wake,
		.wake_ctx = &bench,
	};

	memset(&bench, 0, sizeof(bench));
	bench.out = memfd_create("console", MFD_CLOEXEC);
	ck_assert_int_ge(bench.out, 0);
	ck_assert_int_eq(stop_init(&bench.stop), 0);
	ck_assert_int_eq(console_create(&bench.console, -1, bench.out), 0);
	config.console = bench.console;
	bus_init(&bench.ports);
	ck_assert_int_eq(board_init(&bench.board, &config, &bench.ports), 0);
	bus_close(&bench.ports);
}

static void end(void)
{
	board_fini(&bench.board);
	console_destroy(bench.console);
	stop_fini(&bench.stop);
	close(bench.out);
}

static void out(unsigned port, uint32_t val, unsigned len)
{
	bus_access(&bench.ports, port, &val, len, BUS_WRITE);
}

static uint32_t in(unsigned port, unsigned len)
{
	uint32_t val = 0;

	bus_access(&bench.ports, port, &val, len, BUS_READ);
	return val;
}

static uint8_t cmos(unsigned reg)
{
	out(0x70, reg, 1);
	return (uint8_t)in(0x71, 1);
}

static const struct {
	enum machine machine;
	unsigned from, to;
} claims[] = {
	{MACHINE_PC, 0x60, 0x60},	 {MACHINE_PC, 0x64, 0x64},
	{MACHINE_PC, 0x70, 0x71},	 {MACHINE_PC, 0x80, 0x80},
	{MACHINE_PC, 0x92, 0x92},	 {MACHINE_PC, 0xe9, 0xe9},
	{MACHINE_PC, 0xed, 0xed},	 {MACHINE_PC, 0xf4, 0xf4},
	{MACHINE_PC, 0x3f0, 0x3f0},	 {MACHINE_PC, 0x3f8, 0x3ff},
	{MACHINE_PC, 0x505, 0x505},	 {MACHINE_PC, 0x510, 0x511},
	{MACHINE_PC, 0x600, 0x60b},	 {MACHINE_PC, 0xcf8, 0xcff},
	{MACHINE_MINIMAL, 0xf4, 0xf4},	 {MACHINE_MINIMAL, 0x3f0, 0x3f0},
	{MACHINE_MINIMAL, 0x3f8, 0x3ff}, {MACHINE_MINIMAL, 0x505, 0x505},
	{MACHINE_MINIMAL, 0x604, 0x606}, {MACHINE_MINIMAL, 0xcf9, 0xcf9},
};

static bool is_claimed(enum machine machine, unsigned port)
{
	for (unsigned i = 0; i < sizeof(claims) / sizeof(*claims); i++)
		if (claims[i].machine == machine && port >= claims[i].from &&
		    port <= claims[i].to)
			return true;
	return false;
}

START_TEST(ports_are_claimed_and_no_others)
{
	uint8_t byte;

	make(_i ? MACHINE_MINIMAL : MACHINE_PC);
	for (unsigned port = 0; port < 0x10000; port++) {
		byte = 0x55;
		ck_assert_msg(
			bus_access(&bench.ports, port, &byte, 1, BUS_READ) ==
				is_claimed(bench.board.config.machine, port),
			"port 0x%x", port);
		if (!is_claimed(bench.board.config.machine, port))
			ck_assert_uint_eq(byte, 0xff);
	}
	ck_assert(!stop_asked(&bench.stop));
	end();
}
END_TEST

/* Ends: machine, port, value, width. */
static const struct {
	enum machine machine;
	unsigned port;
	uint32_t val;
	unsigned len;
	int status;
} ends[] = {
	{MACHINE_PC, 0x604, 0x2000, 2, 0},
	{MACHINE_PC, 0x605, 0x20, 1, 0},
	{MACHINE_PC, 0xcf9, 0x06, 1, 0},
	{MACHINE_PC, 0xcf9, 0x0e, 1, 0},
	{MACHINE_PC, 0x64, 0xfe, 1, 0},
	{MACHINE_PC, 0x92, 0x01, 1, 0},
	{MACHINE_PC, 0xf4, 7, 1, 7},
	{MACHINE_PC, 0xf4, 7, 4, 7},
	{MACHINE_PC, 0xf4, 200, 1, ABI_EXIT_MAX},
	{MACHINE_MINIMAL, 0x604, 0x2000, 2, 0},
	{MACHINE_MINIMAL, 0x605, 0x20, 1, 0},
	{MACHINE_MINIMAL, 0xcf9, 0x06, 1, 0},
	{MACHINE_PC, 0x505, 0x01, 1, STATUS_GUEST_CRASH},
	{MACHINE_MINIMAL, 0x505, 0x03, 1, STATUS_GUEST_CRASH},
	{MACHINE_MINIMAL, 0xf4, 7, 1, 7},
	/* None: */
	{MACHINE_PC, 0xcf8, 0x0606, 4, -1},
	{MACHINE_PC, 0x505, 0x02, 1, -1}, /* a dump is written first */
	{MACHINE_PC, 0x505, 0, 1, -1},
	{MACHINE_PC, 0x604, 0x20, 1, -1},
	{MACHINE_PC, 0x92, 0x02, 1, -1},
	{MACHINE_MINIMAL, 0x64, 0xfe, 1, -1},
	{MACHINE_MINIMAL, 0x92, 0x01, 1, -1},
	{MACHINE_MINIMAL, 0x604, 0x20, 1, -1},
};

START_TEST(machine_ends_as_it_is_told)
{
	make(ends[_i].machine);
	out(ends[_i].port, ends[_i].val, ends[_i].len);
	ck_assert_int_eq(stop_asked(&bench.stop), ends[_i].status >= 0);
	if (ends[_i].status >= 0)
		ck_assert_int_eq(bench.stop.status, ends[_i].status);
	end();
}
END_TEST

START_TEST(text_for_the_console_has_two_ways)
{
	char text[8] = {0};

	make(MACHINE_PC);
	ck_assert_uint_eq(in(0xe9, 1), 0xe9);
	out(0xe9, 'a', 1);
	out(ABI_PORT_COM1, 'b', 1);
	out(0xe9, '\n', 1);
	ck_assert_uint_eq(bench.wakes, 3);
	ck_assert_int_eq(pread(bench.out, text, sizeof(text), 0), 3);
	ck_assert_str_eq(text, "ab\n");
	end();
}
END_TEST

START_TEST(input_interrupts_at_the_serial_ports_line)
{
	make(_i ? MACHINE_MINIMAL : MACHINE_PC);
	out(ABI_PORT_COM1 + 1, 1, 1);
	ck_assert_uint_eq(board_input(&bench.board, (const uint8_t *)"x", 1),
			  1);
	ck_assert_uint_eq(bench.rises[ABI_COM1_IRQ], 1);
	ck_assert_uint_eq(in(ABI_PORT_COM1, 1), 'x');
	end();
}
END_TEST

START_TEST(cmos_tells_of_the_hosts_time_and_the_memory)
{
	make(MACHINE_PC);
	ck_assert_uint_eq(cmos(0x32), 0x20);
	/* 4 GiB less the part below the hole. */
	ck_assert_uint_eq(cmos(0x34) | cmos(0x35) << 8, 0xbefd);
	ck_assert_uint_eq(cmos(0x5b) | cmos(0x5c) << 8 | cmos(0x5d) << 16,
			  0x4002);
	end();
}
END_TEST

START_TEST(fw_cfg_tells_of_processors)
{
	make(MACHINE_PC);
	out(0x510, 5, 2);
	ck_assert_uint_eq(in(0x511, 1), 3);
	ck_assert_uint_eq(in(0x511, 1), 0);
	end();
}
END_TEST

START_TEST(keyboard_interrupts_at_line_1)
{
	make(MACHINE_PC);
	out(0x60, 0xee, 1);
	ck_assert_uint_eq(bench.rises[1], 1);
	ck_assert_uint_eq(in(0x60, 1), 0xee);
	end();
}
END_TEST

/* With the host's own clock: one second at most. */
START_TEST(clock_interrupts_at_line_8_by_the_hosts_timer)
{
	struct pollfd fd = {.events = POLLIN};
	struct itimerspec left;

	make(MACHINE_PC);
	fd.fd = bench.board.timer.fd;
	ck_assert_int_eq(poll(&fd, 1, 0), 0);
	cmos(0x0c);
	out(0x70, 0x120b, 2); /* update interrupt */
	ck_assert_int_eq(poll(&fd, 1, 10000), 1);
	board_timer_expired(&bench.board);
	ck_assert_uint_eq(bench.rises[8], 1);
	ck_assert_int_eq(poll(&fd, 1, 0), 0);
	ck_assert_uint_eq(cmos(0x0c) & 0x90, 0x90);
	/* Off: the timer rests. */
	out(0x70, 0x020b, 2);
	ck_assert_int_eq(timerfd_gettime(fd.fd, &left), 0);
	ck_assert(!left.it_value.tv_sec && !left.it_value.tv_nsec);
	end();
}
END_TEST

START_TEST(minimal_has_no_timer)
{
	make(MACHINE_MINIMAL);
	ck_assert_int_eq(bench.board.timer.fd, -1);
	end();
}
END_TEST

/* Every port, every width, any value: nothing may crash, and it can be ended
 * afterwards. */
START_TEST(random_traffic_on_every_port_does_no_harm)
{
	make(_i ? MACHINE_MINIMAL : MACHINE_PC);
	srand(1);
	for (unsigned i = 0; i < 300000; i++) {
		unsigned r = (unsigned)rand();
		unsigned port = r & 1 ? r >> 8 & 0xffff : r >> 8 & 0xff;

		if (port == ABI_PORT_COM1 || port == 0xe9)
			continue; /* fills the file */
		if (r & 2)
			out(port, (uint32_t)rand(), 1u << (r >> 2 & 3) % 3);
		else
			in(port, 1u << (r >> 2 & 3) % 3);
	}
	if (bench.board.timer.fd >= 0)
		board_timer_expired(&bench.board);
	ck_assert(stop_asked(&bench.stop));
	end();
}
END_TEST

#define NR(array) (sizeof(array) / sizeof(*(array)))

Suite *board_suite(void)
{
	Suite *s = suite_create("board");
	TCase *tc = tcase_create("board");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, ports_are_claimed_and_no_others, 0, 2);
	tcase_add_loop_test(tc, machine_ends_as_it_is_told, 0, NR(ends));
	tcase_add_test(tc, text_for_the_console_has_two_ways);
	tcase_add_loop_test(tc, input_interrupts_at_the_serial_ports_line, 0,
			    2);
	tcase_add_test(tc, cmos_tells_of_the_hosts_time_and_the_memory);
	tcase_add_test(tc, fw_cfg_tells_of_processors);
	tcase_add_test(tc, keyboard_interrupts_at_line_1);
	tcase_add_test(tc, clock_interrupts_at_line_8_by_the_hosts_timer);
	tcase_add_test(tc, minimal_has_no_timer);
	tcase_add_loop_test(tc, random_traffic_on_every_port_does_no_harm, 0,
			    2);
	suite_add_tcase(s, tc);
	return s;
}
