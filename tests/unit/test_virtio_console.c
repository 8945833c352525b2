/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/virtio_console: bytes go through in order and none is lost,
 * whenever the driver is ready for them and whatever its buffers are.
 */
#include "tests/suites.h"

#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_mmio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "tests/must.h"
#include "tests/unit/ring_help.h"
#include "vmm/virtio/virtio_console.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))
#define INPUT	     0
#define OUTPUT	     1
#define DATA	     0x1000u
#define WAITING_MAX  1024 /* bytes of input that the device keeps */

#define CONFIG(field)         \
	(VIRTIO_MMIO_CONFIG + \
	 (unsigned)offsetof(struct virtio_console_config, field))

static struct driver driver;
static struct ring rings[2];

/* The terminal. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* lock held: */
	char bytes[4 << 20];
	size_t len;
	unsigned rooms; /* calls of room() */
	bool full;	/* whoever writes waits */
	unsigned waiting;
} terminal;

static void put(void *ctx, const void *bytes, size_t len)
{
	ck_assert_ptr_eq(ctx, &terminal);
	pthread_mutex_lock(&terminal.lock);
	terminal.waiting++;
	pthread_cond_broadcast(&terminal.changed);
	while (terminal.full)
		pthread_cond_wait(&terminal.changed, &terminal.lock);
	terminal.waiting--;
	ck_assert_uint_le(len, sizeof(terminal.bytes) - terminal.len);
	memcpy(terminal.bytes + terminal.len, bytes, len);
	terminal.len += len;
	pthread_mutex_unlock(&terminal.lock);
}

static void room(void *ctx)
{
	ck_assert_ptr_eq(ctx, &terminal);
	pthread_mutex_lock(&terminal.lock);
	terminal.rooms++;
	pthread_cond_broadcast(&terminal.changed);
	pthread_mutex_unlock(&terminal.lock);
}

static void set_full(bool full)
{
	pthread_mutex_lock(&terminal.lock);
	terminal.full = full;
	pthread_cond_broadcast(&terminal.changed);
	pthread_mutex_unlock(&terminal.lock);
}

static void wait_until_stuck(void)
{
	pthread_mutex_lock(&terminal.lock);
	while (!terminal.waiting)
		pthread_cond_wait(&terminal.changed, &terminal.lock);
	pthread_mutex_unlock(&terminal.lock);
}

/* The driver. */

static void negotiate(void)
{
	driver_negotiate(&driver, FEATURE(VIRTIO_RING_F_INDIRECT_DESC) |
					  FEATURE(VIRTIO_CONSOLE_F_SIZE));
}

static void begin(void)
{
	for (unsigned i = 0; i < 2; i++)
		driver_queue(&driver, i, &rings[i], 8);
	driver_ready(&driver);
}

/* The driver has not begun yet. */
static void setup(void)
{
	struct virtio_console_host host = {put, room, &terminal};
	struct virtio_device *device;

	terminal.len = 0;
	terminal.rooms = 0;
	terminal.full = false;
	pthread_mutex_init(&terminal.lock, NULL);
	pthread_cond_init(&terminal.changed, NULL);
	ck_assert_int_eq(virtio_console_create(&device, &host), 0);
	driver_init(&driver, device);
}

static void setup_running(void)
{
	setup();
	negotiate();
	begin();
}

static void teardown(void)
{
	driver_fini(&driver);
	pthread_cond_destroy(&terminal.changed);
	pthread_mutex_destroy(&terminal.lock);
}

static void offer(unsigned queue, uint16_t head)
{
	ring_offer(&rings[queue], head);
	driver_notify(&driver, queue);
}

static uint32_t wait_used(unsigned queue)
{
	return driver_wait_used(&driver, &rings[queue]);
}

static size_t type(const char *text)
{
	return virtio_console_input(driver.device, (const uint8_t *)text,
				    strlen(text));
}

static void guest_has(gpa_t gpa, const char *text)
{
	ck_assert_mem_eq(ring_at(&driver.memory, gpa), text, strlen(text));
}

static void terminal_has(const void *bytes, size_t len)
{
	ck_assert_uint_eq(terminal.len, len);
	ck_assert_mem_eq(terminal.bytes, bytes, len);
}

static void is_well(void)
{
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_STATUS),
			  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				  VIRTIO_CONFIG_S_FEATURES_OK |
				  VIRTIO_CONFIG_S_DRIVER_OK);
	ck_assert_uint_eq(driver.complaints, 0);
}

START_TEST(device_says_what_it_is)
{
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_DEVICE_ID), 3);
	for (unsigned i = 0; i < 4; i++) {
		driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, i);
		ck_assert_int_eq(
			driver_read(&driver, VIRTIO_MMIO_QUEUE_NUM_MAX) > 0,
			i < 2);
	}
	/* 5.3.3: one port. */
	ck_assert_uint_eq(virtio_device_features(driver.device) &
				  FEATURE(VIRTIO_CONSOLE_F_MULTIPORT),
			  0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(max_nr_ports)), 0);
}
END_TEST

/* Output. */

START_TEST(output_comes_in_order)
{
	strcpy(ring_at(&driver.memory, DATA), "one two three");
	offer(OUTPUT, RING_CHAIN(&rings[OUTPUT], {DATA, 4, RING_OUT},
				 {DATA + 4, 4, RING_OUT}));
	offer(OUTPUT, RING_CHAIN(&rings[OUTPUT], {DATA + 8, 5, RING_OUT}));
	ck_assert_uint_eq(wait_used(OUTPUT), 0);
	ck_assert_uint_eq(wait_used(OUTPUT), 0);
	terminal_has("one two three", 13);
	is_well();
}
END_TEST

START_TEST(large_buffers_come_whole)
{
	uint32_t *words = ring_at(&driver.memory, 0);

	for (uint32_t i = 0; i < 0x40000 / 4; i++)
		words[i] = i * 2654435761u;
	offer(OUTPUT, RING_CHAIN(&rings[OUTPUT], {3, 4093, RING_OUT},
				 {4096, 1, RING_OUT},
				 {4097, 0x40000 - 4097, RING_OUT}));
	ck_assert_uint_eq(wait_used(OUTPUT), 0);
	terminal_has((char *)words + 3, 0x40000 - 3);
	is_well();
}
END_TEST

START_TEST(buffers_to_write_to_are_no_output)
{
	strcpy(ring_at(&driver.memory, DATA), "shown hidden");
	offer(OUTPUT, RING_CHAIN(&rings[OUTPUT], {DATA + 6, 6, RING_IN}));
	offer(OUTPUT, RING_CHAIN(&rings[OUTPUT], {DATA, 5, RING_OUT},
				 {DATA + 6, 6, RING_IN}));
	ck_assert_uint_eq(wait_used(OUTPUT), 0);
	ck_assert_uint_eq(wait_used(OUTPUT), 0);
	terminal_has("shown", 5);
	guest_has(DATA, "shown hidden");
	is_well();
}
END_TEST

START_TEST(output_that_is_no_ram_breaks_the_queue)
{
	offer(OUTPUT, RING_CHAIN(&rings[OUTPUT], {DATA, 4, RING_OUT},
				 {RING_LOW - 4, 8, RING_OUT}));
	driver_wait_complaints(&driver, 1);
	ck_assert_ptr_nonnull(strstr(driver.complaint, "virtio-console: "));
	ck_assert_uint_eq(terminal.len, 0);
	negotiate();
	begin();
	offer(OUTPUT, RING_CHAIN(&rings[OUTPUT], {DATA, 4, RING_OUT}));
	ck_assert_uint_eq(wait_used(OUTPUT), 0);
	ck_assert_uint_eq(terminal.len, 4);
}
END_TEST

/* While output waits for its reader, input is taken, sizes are. */
START_TEST(full_terminal_holds_up_nobody_else)
{
	set_full(true);
	offer(OUTPUT, RING_CHAIN(&rings[OUTPUT], {DATA, 4, RING_OUT}));
	wait_until_stuck();
	ck_assert_uint_eq(type("typed"), 5);
	virtio_console_resize(driver.device, 80, 25);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 64, RING_IN}));
	set_full(false);
	wait_used(OUTPUT);
	ck_assert_uint_eq(wait_used(INPUT), 5);
	guest_has(DATA, "typed");
}
END_TEST

/* The terminal has no reader, and somebody wants an end: what follows the piece
 * that is being written is dropped. */
START_TEST(large_output_ends_where_the_device_stops)
{
	struct ring_buffer buffers[8];

	for (unsigned i = 0; i < 8; i++)
		buffers[i] = (struct ring_buffer){0, RING_QUEUES, RING_OUT};
	set_full(true);
	offer(OUTPUT, ring_chain_indirect(&rings[OUTPUT], 0x7f000, buffers, 8));
	wait_until_stuck();
	virtio_device_ask_stop(driver.device);
	set_full(false);
	ck_assert(virtio_device_stop(driver.device, NULL));
	ck_assert_uint_lt(terminal.len, RING_QUEUES);
}
END_TEST

/* 5.3.4, 5.3.5: also before there is a driver. */
START_TEST(emergency_writes_are_output)
{
	const char text[] = "ow!";

	for (unsigned i = 0; i < 3; i++)
		driver_write_wide(&driver, CONFIG(emerg_wr),
				  0x55555500u | (uint8_t)text[i], i ? 4 : 1);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(emerg_wr)), 0);
	terminal_has("ow!", 3);
}
END_TEST

START_TEST(other_writes_to_the_configuration_are_ignored)
{
	driver_write(&driver, CONFIG(cols), ~0u);
	driver_write(&driver, CONFIG(max_nr_ports), ~0u);
	driver_write_wide(&driver, CONFIG(emerg_wr), ~UINT64_C(0), 8);
	driver_write_wide(&driver, CONFIG(emerg_wr) + 1, 'x', 1);
	driver_write(&driver, CONFIG(emerg_wr) + 4, 'x');
	ck_assert_uint_eq(driver_read(&driver, CONFIG(cols)), 0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(max_nr_ports)), 0);
	ck_assert_uint_eq(terminal.len, 0);
}
END_TEST

/* Input. */

START_TEST(input_waits_for_buffers)
{
	ck_assert_uint_eq(type("hello"), 5);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 2, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), 2);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA + 2, 1, RING_IN},
				{DATA + 3, 64, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), 3);
	guest_has(DATA, "hello");
	driver_wait_interrupts(&driver, 2);
	is_well();
}
END_TEST

START_TEST(buffers_wait_for_input)
{
	for (unsigned i = 0; i < 3; i++)
		offer(INPUT,
		      RING_CHAIN(&rings[INPUT], {DATA + 16 * i, 16, RING_IN}));
	ck_assert_uint_eq(type("one"), 3);
	ck_assert_uint_eq(wait_used(INPUT), 3);
	ck_assert_uint_eq(type("three"), 5);
	ck_assert_uint_eq(wait_used(INPUT), 5);
	guest_has(DATA, "one");
	guest_has(DATA + 16, "three");
	is_well();
}
END_TEST

START_TEST(input_of_before_the_driver_is_kept)
{
	ck_assert_uint_eq(type("early"), 5);
	driver_notify(&driver, INPUT);
	negotiate();
	ck_assert_uint_eq(type(" bird"), 5);
	driver_queue(&driver, INPUT, &rings[INPUT], 8);
	ring_offer(&rings[INPUT],
		   RING_CHAIN(&rings[INPUT], {DATA, 64, RING_IN}));
	driver_ready(&driver);
	ck_assert_uint_eq(wait_used(INPUT), 10);
	guest_has(DATA, "early bird");
}
END_TEST

START_TEST(input_survives_a_reset)
{
	ck_assert_uint_eq(type("pending"), 7);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 3, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), 3);
	negotiate();
	begin();
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA + 3, 64, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), 4);
	guest_has(DATA, "pending");
	is_well();
}
END_TEST

START_TEST(more_input_than_there_is_room_for_is_not_taken)
{
	uint8_t bytes[WAITING_MAX + 100];
	unsigned rooms = terminal.rooms;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	ck_assert_uint_eq(virtio_console_input(driver.device, bytes, 1000),
			  1000);
	ck_assert_uint_eq(virtio_console_input(driver.device, bytes + 1000,
					       sizeof(bytes) - 1000),
			  WAITING_MAX - 1000);
	ck_assert_uint_eq(virtio_console_input(driver.device, bytes, 1), 0);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 100, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), 100);
	pthread_mutex_lock(&terminal.lock);
	while (terminal.rooms == rooms)
		pthread_cond_wait(&terminal.changed, &terminal.lock);
	pthread_mutex_unlock(&terminal.lock);
	ck_assert_uint_eq(
		virtio_console_input(driver.device, bytes + WAITING_MAX, 100),
		100);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA + 100, 2000, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), WAITING_MAX);
	ck_assert_mem_eq(ring_at(&driver.memory, DATA), bytes, sizeof(bytes));
}
END_TEST

/* The device writes nothing there, and loses nothing. */
START_TEST(buffers_without_room_take_no_input)
{
	ck_assert_uint_eq(type("kept"), 4);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 64, RING_OUT}));
	ck_assert_uint_eq(wait_used(INPUT), 0);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA + 64, 64, RING_OUT},
				{DATA, 64, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), 4);
	guest_has(DATA, "kept");
	ck_assert_int_eq(*(char *)ring_at(&driver.memory, DATA + 64), 0);
	is_well();
}
END_TEST

START_TEST(input_is_kept_when_its_buffer_is_no_ram)
{
	ck_assert_uint_eq(type("kept"), 4);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 2, RING_IN},
				{RING_LOW, 64, RING_IN}));
	driver_wait_complaints(&driver, 1);
	negotiate();
	begin();
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 64, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), 4);
	guest_has(DATA, "kept");
}
END_TEST

/* A thread that types and changes the size, as the main thread does. */

#define TYPED 100000

static void *type_much(void *arg)
{
	uint8_t byte = 0;

	(void)arg;
	for (unsigned i = 0; i < TYPED;) {
		if (virtio_console_input(driver.device, &byte, 1)) {
			byte++;
			i++;
		} else {
			sched_yield();
		}
		virtio_console_resize(driver.device, (uint16_t)(i | 1), byte);
	}
	return NULL;
}

START_TEST(nothing_is_lost_while_everybody_writes)
{
	uint8_t *buffer = ring_at(&driver.memory, DATA), expected = 0;
	uint32_t nr = 0, sent = 0;
	pthread_t thread;

	ck_assert(!pthread_create(&thread, NULL, type_much, NULL));
	while (nr < TYPED) {
		uint32_t len;

		offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 50, RING_IN}));
		offer(OUTPUT,
		      RING_CHAIN(&rings[OUTPUT], {0x8000, 10, RING_OUT}));
		sent += 10;
		len = wait_used(INPUT);
		for (uint32_t i = 0; i < len; i++)
			if (buffer[i] != expected++)
				ck_abort_msg("byte %u is wrong", nr + i);
		nr += len;
		wait_used(OUTPUT);
		driver_write(&driver, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	}
	ck_assert_uint_eq(nr, TYPED);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(terminal.len, sent);
	while ((driver_read(&driver, CONFIG(cols)) & 0xffff) !=
	       (uint16_t)(TYPED | 1))
		sched_yield();
	is_well();
}
END_TEST

/* Sizes. */

static uint32_t size(unsigned cols, unsigned rows)
{
	return cols | rows << 16;
}

START_TEST(size_is_there_before_the_driver)
{
	virtio_console_resize(driver.device, 132, 43);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(cols)), size(132, 43));
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(rows), 2), 43);
	negotiate();
	ck_assert_uint_eq(driver_read(&driver, CONFIG(cols)), size(132, 43));
	ck_assert_uint_eq(driver.interrupts, 0);
	/* Who looks only at changes is told. */
	begin();
	driver_wait_interrupts(&driver, 1);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			  VIRTIO_MMIO_INT_CONFIG);
}
END_TEST

/* 2.5.1: two reads between which the generation stayed are of one size. */
START_TEST(size_and_generation_change_together)
{
	uint32_t before, after;

	virtio_console_resize(driver.device, 80, 25);
	driver_wait_interrupts(&driver, 1);
	before = driver_read(&driver, VIRTIO_MMIO_CONFIG_GENERATION);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(cols), 2), 80);
	virtio_console_resize(driver.device, 132, 43);
	ck_assert_uint_eq(driver_read_wide(&driver, CONFIG(rows), 2), 43);
	after = driver_read(&driver, VIRTIO_MMIO_CONFIG_GENERATION);
	ck_assert_uint_ne(before, after);
	driver_wait_interrupts(&driver, 2);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(cols)), size(132, 43));
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_CONFIG_GENERATION),
			  after);
}
END_TEST

START_TEST(same_size_is_no_change)
{
	virtio_console_resize(driver.device, 80, 25);
	driver_wait_interrupts(&driver, 1);
	virtio_console_resize(driver.device, 80, 25);
	virtio_console_resize(driver.device, 80, 25);
	/* The worker has been round. */
	ck_assert_uint_eq(type("x"), 1);
	offer(INPUT, RING_CHAIN(&rings[INPUT], {DATA, 4, RING_IN}));
	ck_assert_uint_eq(wait_used(INPUT), 1);
	driver_wait_interrupts(&driver, 2);
	ck_assert_uint_eq(driver.interrupts, 2);
}
END_TEST

START_TEST(size_survives_a_reset)
{
	virtio_console_resize(driver.device, 80, 25);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(driver_read(&driver, CONFIG(cols)), size(80, 25));
}
END_TEST

static void fill_running(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup_running, teardown);
	tcase_add_test(tc, device_says_what_it_is);
	tcase_add_test(tc, output_comes_in_order);
	tcase_add_test(tc, large_buffers_come_whole);
	tcase_add_test(tc, buffers_to_write_to_are_no_output);
	tcase_add_test(tc, output_that_is_no_ram_breaks_the_queue);
	tcase_add_test(tc, full_terminal_holds_up_nobody_else);
	tcase_add_test(tc, large_output_ends_where_the_device_stops);
	tcase_add_test(tc, other_writes_to_the_configuration_are_ignored);
	tcase_add_test(tc, input_waits_for_buffers);
	tcase_add_test(tc, buffers_wait_for_input);
	tcase_add_test(tc, input_survives_a_reset);
	tcase_add_test(tc, more_input_than_there_is_room_for_is_not_taken);
	tcase_add_test(tc, buffers_without_room_take_no_input);
	tcase_add_test(tc, input_is_kept_when_its_buffer_is_no_ram);
	tcase_add_test(tc, nothing_is_lost_while_everybody_writes);
	tcase_add_test(tc, size_and_generation_change_together);
	tcase_add_test(tc, same_size_is_no_change);
	tcase_add_test(tc, size_survives_a_reset);
}

static void fill_early(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, emergency_writes_are_output);
	tcase_add_test(tc, input_of_before_the_driver_is_kept);
	tcase_add_test(tc, size_is_there_before_the_driver);
}

static void add_case(Suite *s, const char *name, void (*fill)(TCase *tc))
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 120);
	fill(tc);
	suite_add_tcase(s, tc);
}

Suite *virtio_console_suite(void)
{
	Suite *s = suite_create("virtio_console");

	add_case(s, "running", fill_running);
	add_case(s, "early", fill_early);
	return s;
}
