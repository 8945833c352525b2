/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/uart: the PC16550D as drivers meet it, and as nobody should treat it.
 */
#include "tests/suites.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/devices/uart.h"

enum {
	RBR,
	IER,
	IIR,
	LCR,
	MCR,
	LSR,
	MSR,
	SCR,
	THR = RBR,
	FCR = IIR
};

/* Everything around the chip. */
struct bench {
	struct uart uart;
	unsigned rises, falls, rooms, bad_calls;
	bool level;
	char out[64];
	size_t nr_out;
};

static void bench_irq(void *ctx, unsigned line, bool level)
{
	struct bench *b = ctx;

	/* Transitions only: a listener may count edges. Not ck_assert: this
	 * runs on threads that libcheck does not know. */
	if (line != 4 || level == b->level)
		b->bad_calls++;
	b->level = level;
	if (level)
		b->rises++;
	else
		b->falls++;
}

static void bench_tx(void *ctx, uint8_t byte)
{
	struct bench *b = ctx;

	if (b->nr_out < sizeof(b->out))
		b->out[b->nr_out++] = byte;
}

static void bench_room(void *ctx)
{
	struct bench *b = ctx;

	b->rooms++;
}

static struct bench bench;

static void setup(void)
{
	struct irq_line irq = {bench_irq, &bench, 4};

	memset(&bench, 0, sizeof(bench));
	uart_init(&bench.uart, irq, bench_tx, bench_room, &bench);
}

static void teardown(void)
{
	ck_assert_uint_eq(bench.bad_calls, 0);
	uart_fini(&bench.uart);
}

static uint8_t in(unsigned port)
{
	uint8_t v = 0xee;

	uart_access(&bench.uart, port, &v, 1, BUS_READ);
	return v;
}

static void out(unsigned port, uint8_t v)
{
	uart_access(&bench.uart, port, &v, 1, BUS_WRITE);
}

static size_t receive(const char *s)
{
	return uart_receive(&bench.uart, (const uint8_t *)s, strlen(s));
}

START_TEST(reset_state_is_what_autodetection_expects)
{
	ck_assert_uint_eq(in(IIR), 0x01);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(in(MSR), 0xb0);
	ck_assert_uint_eq(in(IER), 0);
	/* Linux's autoconfig: four IER bits, scratch, loopback. */
	out(IER, 0xff);
	ck_assert_uint_eq(in(IER), 0x0f);
	out(IER, 0);
	out(SCR, 0x5a);
	ck_assert_uint_eq(in(SCR), 0x5a);
	out(MCR, 0x10 | 0x0a);
	ck_assert_uint_eq(in(MSR)&0xf0, 0x90);
	out(MCR, 0);
	/* A 16550A and no more: no 64-byte FIFO, no EFR behind LCR 0xbf. */
	out(FCR, 0x01);
	ck_assert_uint_eq(in(IIR) >> 6, 3);
	out(FCR, 0x21);
	ck_assert_uint_eq(in(IIR) >> 5, 6);
	out(LCR, 0xbf);
	ck_assert_uint_ne(in(2), 0);
}
END_TEST

START_TEST(divisor_latch_hides_data_and_interrupt_enable)
{
	out(IER, 0x05);
	out(LCR, 0x83);
	out(0, 0x0c);
	out(1, 0x01);
	ck_assert_uint_eq(in(0), 0x0c);
	ck_assert_uint_eq(in(1), 0x01);
	ck_assert_uint_eq(bench.nr_out, 0);
	out(LCR, 0x03);
	ck_assert_uint_eq(in(LCR), 0x03);
	ck_assert_uint_eq(in(IER), 0x05);
}
END_TEST

START_TEST(written_bytes_leave_at_once)
{
	out(THR, 'h');
	out(THR, 'i');
	ck_assert_uint_eq(bench.nr_out, 2);
	ck_assert_mem_eq(bench.out, "hi", 2);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(bench.rises, 0);
}
END_TEST

START_TEST(enabling_the_empty_transmitter_interrupts)
{
	out(IER, 0x02);
	ck_assert(bench.level);
	ck_assert_uint_eq(in(IIR), 0x02);
	/* Reading IIR acknowledged it. */
	ck_assert(!bench.level);
	ck_assert_uint_eq(in(IIR), 0x01);
	/* Linux's test for UART_BUG_THRE: off, on, and it is back. */
	out(IER, 0x00);
	out(IER, 0x02);
	ck_assert_uint_eq(in(IIR), 0x02);
	/* The same value again is no new event. */
	out(IER, 0x02);
	ck_assert_uint_eq(in(IIR), 0x01);
}
END_TEST

START_TEST(every_byte_written_gives_an_edge)
{
	out(IER, 0x02);
	in(IIR);
	ck_assert_uint_eq(bench.rises, 1);
	out(THR, 'a');
	ck_assert_uint_eq(bench.rises, 2);
	/* Without an IIR read the line was high: it must fall in between. */
	out(THR, 'b');
	ck_assert_uint_eq(bench.rises, 3);
	ck_assert_uint_eq(bench.falls, 2);
	ck_assert(bench.level);
	out(IER, 0);
	ck_assert(!bench.level);
}
END_TEST

START_TEST(received_byte_interrupts_until_it_is_read)
{
	out(IER, 0x01);
	ck_assert_uint_eq(receive("a"), 1);
	ck_assert(bench.level);
	ck_assert_uint_eq(in(LSR), 0x61);
	ck_assert_uint_eq(in(IIR), 0x04);
	ck_assert(bench.level);
	ck_assert_uint_eq(in(RBR), 'a');
	ck_assert(!bench.level);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(in(IIR), 0x01);
}
END_TEST

START_TEST(without_fifo_the_receiver_holds_one_byte)
{
	ck_assert_uint_eq(receive("abc"), 1);
	ck_assert_uint_eq(receive("bc"), 0);
	ck_assert_uint_eq(bench.rooms, 0);
	ck_assert_uint_eq(in(RBR), 'a');
	ck_assert_uint_eq(bench.rooms, 1);
	ck_assert_uint_eq(receive("bc"), 1);
	ck_assert_uint_eq(in(LSR)&0x02, 0);
}
END_TEST

START_TEST(fifo_takes_sixteen_bytes_and_refuses_the_rest)
{
	unsigned i;

	out(FCR, 0x01);
	ck_assert_uint_eq(receive("0123456789abcdefXYZ"), 16);
	ck_assert_uint_eq(receive("XYZ"), 0);
	for (i = 0; i < 16; i++) {
		ck_assert_uint_eq(bench.rooms, 0);
		ck_assert_uint_eq(in(LSR), 0x61);
		ck_assert_uint_eq(in(RBR), (uint8_t) "0123456789abcdef"[i]);
	}
	/* Drained: asked for more once, and no overrun was ever seen. */
	ck_assert_uint_eq(bench.rooms, 1);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(receive("XYZ"), 3);
	ck_assert_uint_eq(in(RBR), 'X');
	ck_assert_uint_eq(bench.rooms, 1);
}
END_TEST

START_TEST(trigger_level_tells_data_from_timeout)
{
	static const struct {
		uint8_t fcr;
		unsigned level;
	} cases[] = {{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xc1, 14}};
	size_t i;
	unsigned n;

	out(IER, 0x01);
	for (i = 0; i < 4; i++) {
		out(FCR, 0x00);
		out(FCR, cases[i].fcr);
		for (n = 1; n <= 16; n++) {
			ck_assert_uint_eq(receive("x"), 1);
			ck_assert(bench.level);
			ck_assert_uint_eq(in(IIR),
					  n < cases[i].level ? 0xcc : 0xc4);
		}
		for (n = 16; n > 0; n--) {
			ck_assert_uint_eq(in(IIR),
					  n < cases[i].level ? 0xcc : 0xc4);
			in(RBR);
		}
		ck_assert_uint_eq(in(IIR), 0xc1);
		ck_assert(!bench.level);
	}
}
END_TEST

START_TEST(driver_of_one_byte_per_interrupt_gets_all_bytes)
{
	unsigned edges = 0;

	out(FCR, 0xc7);
	out(IER, 0x01);
	ck_assert_uint_eq(receive("0123456789abcdef"), 16);
	while (bench.rises != edges) {
		edges++;
		in(RBR);
	}
	ck_assert_uint_eq(edges, 16);
	ck_assert_uint_eq(in(LSR)&1, 0);
}
END_TEST

START_TEST(sources_are_reported_in_order_of_priority)
{
	out(FCR, 0x01);
	/* An overrun, by loopback: 17 bytes into 16 places. */
	out(MCR, 0x10);
	for (unsigned i = 0; i < 17; i++)
		out(THR, i);
	out(MCR, 0x00);
	out(IER, 0x0f);
	ck_assert_uint_eq(in(IIR), 0xc6);
	ck_assert_uint_eq(in(LSR), 0x63);
	ck_assert_uint_eq(in(IIR), 0xc4);
	/* Reading IIR for another source leaves THRE pending. */
	out(FCR, 0x03);
	ck_assert_uint_eq(in(IIR), 0xc2);
	ck_assert_uint_eq(in(IIR), 0xc0);
	/* Loopback switched DCD, DSR and CTS off and on. */
	ck_assert_uint_eq(in(MSR), 0xbb);
	ck_assert_uint_eq(in(MSR), 0xb0);
	ck_assert_uint_eq(in(IIR), 0xc1);
	ck_assert(!bench.level);
}
END_TEST

START_TEST(disabled_sources_are_silent_but_not_forgotten)
{
	receive("a");
	ck_assert_uint_eq(in(IIR), 0x01);
	ck_assert(!bench.level);
	out(IER, 0x01);
	ck_assert(bench.level);
	out(IER, 0x00);
	ck_assert(!bench.level);
}
END_TEST

START_TEST(out2_gates_for_those_who_use_it)
{
	out(MCR, 0x0b);
	out(IER, 0x02);
	ck_assert(bench.level);
	out(MCR, 0x03);
	ck_assert(!bench.level);
	/* The source itself is still there. */
	out(MCR, 0x0b);
	ck_assert(bench.level);
	ck_assert_uint_eq(in(IIR), 0x02);
}
END_TEST

START_TEST(guest_that_never_heard_of_out2_gets_its_interrupts)
{
	/* xv6's uartinit, to the letter. */
	out(FCR, 0);
	out(LCR, 0x80);
	out(0, 12);
	out(1, 0);
	out(LCR, 0x03);
	out(MCR, 0);
	out(IER, 0x01);
	ck_assert_uint_ne(in(LSR), 0xff);
	in(IIR);
	in(RBR);
	receive("a");
	ck_assert(bench.level);
}
END_TEST

START_TEST(loopback_sends_to_itself_and_to_nobody_else)
{
	out(MCR, 0x1e);
	out(THR, 0xae);
	ck_assert_uint_eq(in(RBR), 0xae);
	ck_assert_uint_eq(bench.nr_out, 0);
	out(MCR, 0x0f);
	out(THR, 'x');
	ck_assert_uint_eq(bench.nr_out, 1);
	ck_assert_uint_eq(in(LSR)&1, 0);
}
END_TEST

START_TEST(loopback_overruns_and_says_so_once)
{
	unsigned i;

	out(MCR, 0x10);
	/* A lone register is overwritten ... */
	out(THR, 'a');
	out(THR, 'b');
	ck_assert_uint_eq(in(LSR), 0x63);
	ck_assert_uint_eq(in(LSR), 0x61);
	ck_assert_uint_eq(in(RBR), 'b');
	/* ... a full FIFO keeps what it has. Linux's size_fifo sends 256. */
	out(FCR, 0x07);
	for (i = 0; i < 256; i++)
		out(THR, i);
	for (i = 0; in(LSR)&1; i++)
		ck_assert_uint_eq(in(RBR), i);
	ck_assert_uint_eq(i, 16);
}
END_TEST

START_TEST(loopback_keeps_the_line_waiting_and_asks_for_it_after)
{
	out(MCR, 0x10);
	ck_assert_uint_eq(receive("abc"), 0);
	ck_assert_uint_eq(in(LSR), 0x60);
	ck_assert_uint_eq(bench.rooms, 0);
	out(MCR, 0x00);
	ck_assert_uint_eq(bench.rooms, 1);
}
END_TEST

START_TEST(loopback_modem_lines_follow_the_outputs)
{
	/* DTR->DSR, RTS->CTS, OUT1->RI, OUT2->DCD, one at a time. */
	static const uint8_t want[4] = {0x20, 0x10, 0x40, 0x80};
	unsigned i;

	for (i = 0; i < 4; i++) {
		out(MCR, 0x10 | 1u << i);
		ck_assert_uint_eq(in(MSR)&0xf0, want[i]);
	}
	/* TERI is RI's trailing edge only. */
	out(MCR, 0x10);
	in(MSR);
	out(MCR, 0x14);
	ck_assert_uint_eq(in(MSR), 0x40);
	out(MCR, 0x10);
	ck_assert_uint_eq(in(MSR), 0x04);
}
END_TEST

START_TEST(fifo_clear_and_fifo_switch_empty_the_receiver)
{
	out(IER, 0x01);
	out(FCR, 0x01);
	receive("abcdefghijklmnop");
	/* Bit 1 without bit 0 also switches the FIFO off; both empty it. */
	out(FCR, 0x03);
	ck_assert_uint_eq(in(LSR)&1, 0);
	ck_assert(!bench.level);
	ck_assert_uint_eq(bench.rooms, 1);
	receive("a");
	out(FCR, 0x00);
	ck_assert_uint_eq(in(LSR)&1, 0);
	ck_assert_uint_eq(in(IIR), 0x01);
	/* Clear is not programmed while bit 0 is off. */
	receive("a");
	out(FCR, 0x02);
	ck_assert_uint_eq(in(LSR)&1, 1);
	/* Nor is the trigger level kept. */
	out(FCR, 0xc0);
	out(FCR, 0x01);
	receive("a");
	ck_assert_uint_eq(in(IIR), 0xc4);
}
END_TEST

START_TEST(read_only_registers_ignore_writes)
{
	out(LSR, 0xff);
	ck_assert_uint_eq(in(LSR), 0x60);
	out(MSR, 0xff);
	ck_assert_uint_eq(in(MSR), 0xb0);
	out(MCR, 0xff);
	ck_assert_uint_eq(in(MCR), 0x1f);
	/* FCR is write-only: its port reads IIR. */
	out(FCR, 0xc9);
	ck_assert_uint_eq(in(IIR), 0xc1);
}
END_TEST

START_TEST(empty_receiver_reads_as_zero_and_stays_empty)
{
	unsigned i;

	out(FCR, 0x01);
	for (i = 0; i < 20; i++)
		ck_assert_uint_eq(in(RBR), 0);
	ck_assert_uint_eq(receive("0123456789abcdef"), 16);
	ck_assert_uint_eq(in(RBR), '0');
	ck_assert_uint_eq(receive(""), 0);
}
END_TEST

START_TEST(wide_accesses_are_bytes_in_port_order)
{
	uint16_t divisor = 0x0102;
	uint64_t all;
	uint32_t v;

	/* outw of the divisor, as boot loaders do. */
	out(LCR, 0x80);
	uart_access(&bench.uart, 0, &divisor, 2, BUS_WRITE);
	ck_assert_uint_eq(in(0), 0x02);
	ck_assert_uint_eq(in(1), 0x01);
	out(LCR, 0x03);
	out(SCR, 0x77);
	uart_access(&bench.uart, 4, &v, 4, BUS_READ);
	ck_assert_uint_eq(v, 0x77b06000);
	uart_access(&bench.uart, 0, &all, 8, BUS_READ);
	ck_assert_uint_eq(all >> 32, 0x77b06000);
	ck_assert_uint_eq(all >> 24 & 0xff, 0x03);
}
END_TEST

/* Any register traffic at all: nothing may crash or leave the line wrong. */
START_TEST(random_traffic_keeps_line_and_registers_consistent)
{
	unsigned i;

	srand(1);
	for (i = 0; i < 50000; i++) {
		unsigned r = rand();
		uint8_t id;

		if (r & 1)
			out(r >> 1 & 7, r >> 8);
		else if (r & 2)
			in(r >> 2 & 7);
		else
			receive("random" + (r >> 2) % 6);
		ck_assert_uint_le(bench.uart.rx_count, UART_FIFO_SIZE);
		id = in(IIR)&0x0f;
		/* The read may have acknowledged THRE; look at the rest. */
		if (id != 0x02 && bench.uart.mcr & 0x08)
			ck_assert_int_eq(bench.level, id != 0x01);
	}
}
END_TEST

static void tx_that_receives(void *ctx, uint8_t byte)
{
	struct bench *b = ctx;

	bench_tx(ctx, byte);
	/* The lock is free while a byte is on its way to a slow terminal. */
	ck_assert_int_eq(pthread_mutex_trylock(&b->uart.lock), 0);
	pthread_mutex_unlock(&b->uart.lock);
}

START_TEST(slow_terminal_does_not_hold_the_receiver)
{
	bench.uart.tx = tx_that_receives;
	out(THR, 'a');
	ck_assert_uint_eq(bench.nr_out, 1);
}
END_TEST

static void *sender(void *arg)
{
	unsigned left = 2000;

	(void)arg;
	while (left) {
		left -= uart_receive(&bench.uart, (const uint8_t *)"zzzz",
				     left < 4 ? left : 4);
		/* Mutexes are not fair: let the reader in. */
		sched_yield();
	}
	return NULL;
}

START_TEST(receiver_loses_nothing_between_two_threads)
{
	unsigned got = 0, wrong = 0;
	pthread_t t;

	out(FCR, 0x01);
	out(IER, 0x03);
	ck_assert_int_eq(pthread_create(&t, NULL, sender, NULL), 0);
	while (got < 2000) {
		if (!(in(LSR)&1))
			continue;
		wrong += in(RBR) != 'z';
		got++;
		out(THR, 'o');
	}
	pthread_join(t, NULL);
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(in(LSR), 0x60);
}
END_TEST

static void add_output(TCase *tc)
{
	tcase_add_test(tc, reset_state_is_what_autodetection_expects);
	tcase_add_test(tc, divisor_latch_hides_data_and_interrupt_enable);
	tcase_add_test(tc, written_bytes_leave_at_once);
	tcase_add_test(tc, enabling_the_empty_transmitter_interrupts);
	tcase_add_test(tc, every_byte_written_gives_an_edge);
	tcase_add_test(tc, out2_gates_for_those_who_use_it);
	tcase_add_test(tc, guest_that_never_heard_of_out2_gets_its_interrupts);
	tcase_add_test(tc, slow_terminal_does_not_hold_the_receiver);
}

static void add_input(TCase *tc)
{
	tcase_add_test(tc, received_byte_interrupts_until_it_is_read);
	tcase_add_test(tc, without_fifo_the_receiver_holds_one_byte);
	tcase_add_test(tc, fifo_takes_sixteen_bytes_and_refuses_the_rest);
	tcase_add_test(tc, trigger_level_tells_data_from_timeout);
	tcase_add_test(tc, driver_of_one_byte_per_interrupt_gets_all_bytes);
	tcase_add_test(tc, fifo_clear_and_fifo_switch_empty_the_receiver);
	tcase_add_test(tc, receiver_loses_nothing_between_two_threads);
}

static void add_odd(TCase *tc)
{
	tcase_add_test(tc, sources_are_reported_in_order_of_priority);
	tcase_add_test(tc, disabled_sources_are_silent_but_not_forgotten);
	tcase_add_test(tc, loopback_sends_to_itself_and_to_nobody_else);
	tcase_add_test(tc, loopback_overruns_and_says_so_once);
	tcase_add_test(tc,
		       loopback_keeps_the_line_waiting_and_asks_for_it_after);
	tcase_add_test(tc, loopback_modem_lines_follow_the_outputs);
	tcase_add_test(tc, read_only_registers_ignore_writes);
	tcase_add_test(tc, empty_receiver_reads_as_zero_and_stays_empty);
	tcase_add_test(tc, wide_accesses_are_bytes_in_port_order);
	tcase_add_test(tc, random_traffic_keeps_line_and_registers_consistent);
}

Suite *uart_suite(void)
{
	Suite *s = suite_create("uart");
	TCase *tc = tcase_create("uart");

	tcase_add_checked_fixture(tc, setup, teardown);
	add_output(tc);
	add_input(tc);
	add_odd(tc);
	suite_add_tcase(s, tc);
	return s;
}
