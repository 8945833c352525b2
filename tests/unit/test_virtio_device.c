/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/virtio_device: a device's life (virtio 1.2, 2.1 to 2.5, 3.1), its
 * worker, and drivers that break the rules while it works.
 */
#include "tests/suites.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/unit/echo_device.h"
#include "tests/unit/ring_help.h"

#define NR(array) (int)(sizeof(array) / sizeof(*(array)))

#define DATA	 0x1000u
#define ANSWER	 0x2000u
#define VERSION1 (UINT64_C(1) << VIRTIO_F_VERSION_1)
#define EVENT	 (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX)

enum {
	ACK = VIRTIO_CONFIG_S_ACKNOWLEDGE,
	DRIVER = VIRTIO_CONFIG_S_DRIVER,
	FEATURES_OK = VIRTIO_CONFIG_S_FEATURES_OK,
	DRIVER_OK = VIRTIO_CONFIG_S_DRIVER_OK,
	NEEDS_RESET = VIRTIO_CONFIG_S_NEEDS_RESET,
	FAILED = VIRTIO_CONFIG_S_FAILED,
};

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

static uint32_t status(void)
{
	return driver_read(&driver, VIRTIO_MMIO_STATUS);
}

static void set_status(uint32_t value)
{
	driver_write(&driver, VIRTIO_MMIO_STATUS, value);
}

static void set_features(uint64_t features)
{
	for (unsigned i = 0; i < 2; i++) {
		driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES,
			     (uint32_t)(features >> 32 * i));
	}
}

static void begin(uint64_t features)
{
	driver_negotiate(&driver, features);
	driver_queue(&driver, 0, &ring, 8);
	driver_ready(&driver);
}

static void offer(void)
{
	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 8, RING_OUT},
				     {ANSWER, 8, RING_IN}));
}

/* One good request. */
static void echoes(void)
{
	memcpy(ring_at(&driver.memory, DATA), "question", 8);
	memset(ring_at(&driver.memory, ANSWER), 0, 8);
	offer();
	driver_notify(&driver, 0);
	ck_assert_uint_eq(driver_wait_used(&driver, &ring), 8);
	ck_assert_mem_eq(ring_at(&driver.memory, ANSWER), "question", 8);
}

/* Until the worker has looked at all it was told of. */
static void settle(void)
{
	bool busy = true;

	while (busy) {
		pthread_mutex_lock(&echo->device.lock);
		busy = echo->device.notified;
		pthread_mutex_unlock(&echo->device.lock);
	}
}

/* Status and features. */

START_TEST(driver_comes_up_in_steps)
{
	ck_assert_uint_eq(status(), 0);
	set_status(ACK);
	ck_assert_uint_eq(status(), ACK);
	set_status(ACK | DRIVER);
	set_features(VERSION1);
	set_status(ACK | DRIVER | FEATURES_OK);
	ck_assert_uint_eq(status(), ACK | DRIVER | FEATURES_OK);
	ck_assert_uint_eq(echo->started, 0);
	set_status(ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_uint_eq(status(), ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_uint_eq(echo->started, 1);
	/* Once. */
	set_status(ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_uint_eq(echo->started, 1);
	set_status(0);
	ck_assert_uint_eq(status(), 0);
	ck_assert_uint_eq(echo->resets, 1);
}
END_TEST

START_TEST(status_bits_are_never_cleared_by_writing_others)
{
	driver_negotiate(&driver, 0);
	set_status(ACK);
	ck_assert_uint_eq(status(), ACK | DRIVER | FEATURES_OK);
	set_status(FAILED);
	ck_assert_uint_eq(status(), ACK | DRIVER | FEATURES_OK | FAILED);
	/* Unknown ones, and the device's own. */
	set_status(0xffffff20 | NEEDS_RESET);
	ck_assert_uint_eq(status() & (0xffffff20 | NEEDS_RESET), 0);
}
END_TEST

START_TEST(value_beyond_a_byte_is_no_reset)
{
	driver_negotiate(&driver, 0);
	set_status(0x100);
	ck_assert_uint_eq(status(), ACK | DRIVER | FEATURES_OK);
}
END_TEST

static const struct {
	uint64_t features;
	bool accepted;
} offers[] = {
	{VERSION1, true},
	{VERSION1 | 1u << ECHO_FEATURE, true},
	{VERSION1 | EVENT, true},
	{0, false},			/* a driver of before 1.0 */
	{1u << ECHO_FEATURE, false},	/* as well */
	{VERSION1 | 1, false},		/* not offered */
	{VERSION1 | 1ull << 63, false}, /* as well */
	{VERSION1 | 1ull << VIRTIO_F_RING_PACKED, false},
	{UINT64_MAX, false},
};

START_TEST(features_are_accepted_as_offered)
{
	set_status(ACK | DRIVER);
	set_features(offers[_i].features);
	set_status(ACK | DRIVER | FEATURES_OK);
	ck_assert_int_eq(!!(status() & FEATURES_OK), offers[_i].accepted);
	/* Nothing goes on without. */
	set_status(ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	ck_assert_int_eq(!!(status() & DRIVER_OK), offers[_i].accepted);
	ck_assert_uint_eq(echo->started, offers[_i].accepted);
	if (offers[_i].accepted)
		return;
	/* A second try. */
	set_features(VERSION1);
	set_status(ACK | DRIVER | FEATURES_OK);
	ck_assert_uint_eq(status(), ACK | DRIVER | FEATURES_OK);
}
END_TEST

START_TEST(features_stay_once_they_are_agreed_upon)
{
	driver_negotiate(&driver, EVENT);
	set_features(0);
	ck_assert_uint_eq(echo->device.driver_features, VERSION1 | EVENT);
	/* No half beyond the second. */
	set_status(0);
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 2);
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES, 0xffffffff);
	ck_assert_uint_eq(echo->device.driver_features, 0);
}
END_TEST

/* Work. */

START_TEST(chain_is_served_and_told_of)
{
	begin(0);
	echoes();
	driver_wait_interrupts(&driver, 1);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			  VIRTIO_MMIO_INT_VRING);
	driver_write(&driver, VIRTIO_MMIO_INTERRUPT_ACK, 0xfe);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			  VIRTIO_MMIO_INT_VRING);
	driver_write(&driver, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			  0);
}
END_TEST

/* 3.1.1: nothing is used before DRIVER_OK; what was offered before is then. */
START_TEST(buffers_wait_for_the_driver)
{
	driver_negotiate(&driver, 0);
	driver_queue(&driver, 0, &ring, 8);
	offer();
	driver_notify(&driver, 0);
	settle();
	ck_assert_uint_eq(ring_used(&ring)->idx, 0);
	ck_assert_uint_eq(echo->requests, 0);
	driver_ready(&driver);
	ck_assert_uint_eq(driver_wait_used(&driver, &ring), 8);
}
END_TEST

START_TEST(notified_queue_that_is_not_ready_is_left_alone)
{
	driver_notify(&driver, 0);
	driver_notify(&driver, 1);
	begin(0);
	driver_notify(&driver, 1);
	settle();
	ck_assert_uint_eq(driver.complaints, 0);
	echoes();
}
END_TEST

START_TEST(many_rounds_are_served)
{
	begin(EVENT);
	for (unsigned i = 0; i < 3000; i++) {
		/* The worker may be looking still, after the round before. */
		__atomic_store_n(ring_used_event(&ring), ring.next_used,
				 __ATOMIC_SEQ_CST);
		echoes();
	}
	ck_assert_uint_eq(driver.complaints, 0);
}
END_TEST

/* 2.5.1 and 4.2.2: the generation moves with the space. */
START_TEST(change_of_configuration_is_told)
{
	uint32_t generation;
	int fds[2];

	must_pipe(fds);
	begin(0);
	generation = driver_read(&driver, VIRTIO_MMIO_CONFIG_GENERATION);
	pthread_mutex_lock(&echo->device.lock);
	echo_poll(echo, fds[0]);
	virtio_device_mark(&echo->device, 1); /* looks at what it polls */
	pthread_mutex_unlock(&echo->device.lock);
	must_write(fds[1], "x", 1);
	driver_wait_interrupts(&driver, 1);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			  VIRTIO_MMIO_INT_CONFIG);
	ck_assert_uint_ne(driver_read(&driver, VIRTIO_MMIO_CONFIG_GENERATION),
			  generation);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* Failures. */

/* Offers what breaks the queue, and waits until that was found. */
static void break_queue(void)
{
	ring_offer(&ring, 77);
	driver_notify(&driver, 0);
	driver_wait_interrupts(&driver, 1);
	ck_assert_uint_ne(status() & NEEDS_RESET, 0);
}

START_TEST(broken_queue_needs_a_reset_and_says_so_once)
{
	begin(0);
	break_queue();
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			  VIRTIO_MMIO_INT_CONFIG);
	ck_assert_uint_eq(driver.complaints, 1);
	ck_assert_str_eq(driver.complaint,
			 "virtio-echo: queue 0: a descriptor's number lies "
			 "outside its table; the device needs a reset");
	/* Nothing more is done, and nothing more is said. */
	for (unsigned i = 0; i < 10; i++) {
		driver_notify(&driver, 0);
		settle();
	}
	ck_assert_uint_eq(driver.interrupts, 1);
	ck_assert_uint_eq(driver.complaints, 1);
	ck_assert_uint_eq(ring_used(&ring)->idx, 0);
	/* Not even of later failures: a guest could fill stderr. */
	driver.interrupts = 0;
	begin(0);
	ck_assert_uint_eq(status(), ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	break_queue();
	ck_assert_uint_eq(driver.complaints, 1);
}
END_TEST

START_TEST(reset_mends_a_broken_device)
{
	begin(0);
	break_queue();
	begin(0);
	echoes();
}
END_TEST

/* Another queue's chains are not served, either. */
START_TEST(device_that_failed_rests)
{
	struct ring second;

	driver_negotiate(&driver, 0);
	driver_queue(&driver, 0, &ring, 8);
	driver_queue(&driver, 1, &second, 8);
	driver_ready(&driver);
	break_queue();
	ring_offer(&second, RING_CHAIN(&second, {DATA, 8, RING_OUT}));
	driver_notify(&driver, 1);
	settle();
	ck_assert_uint_eq(ring_used(&second)->idx, 0);
	/* Nor is a queue that was given anew without a reset. */
	driver_write(&driver, VIRTIO_MMIO_QUEUE_SEL, 0);
	driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
	driver_queue(&driver, 0, &ring, 8);
	offer();
	driver_notify(&driver, 0);
	settle();
	ck_assert_uint_eq(ring_used(&ring)->idx, 0);
}
END_TEST

START_TEST(device_may_fail_by_itself)
{
	begin(0);
	memset(ring_at(&driver.memory, DATA), ECHO_FAIL, 8);
	offer();
	offer();
	driver_notify(&driver, 0);
	driver_wait_complaints(&driver, 1);
	settle();
	ck_assert_str_eq(driver.complaint,
			 "virtio-echo: as it was told to; the device needs a "
			 "reset");
	ck_assert_uint_eq(echo->requests, 1);
	begin(0);
	echoes();
}
END_TEST

/* Before DRIVER_OK nobody listens. */
START_TEST(queue_refused_before_the_start_interrupts_nobody)
{
	driver_negotiate(&driver, 0);
	ring_init(&ring, &driver.memory, RING_QUEUES, 8);
	ring.used = RING_LOW;
	driver_set_queue(&driver, 0, &ring);
	ck_assert_uint_eq(status(), ACK | DRIVER | FEATURES_OK | NEEDS_RESET);
	ck_assert_uint_eq(driver.complaints, 1);
	ck_assert_uint_eq(driver.interrupts, 0);
	/* Going on all the same leads nowhere. */
	set_status(ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	driver_notify(&driver, 0);
	settle();
	ck_assert_uint_eq(echo->requests, 0);
}
END_TEST

START_TEST(reset_forgets_everything)
{
	begin(0);
	echoes();
	driver_wait_interrupts(&driver, 1);
	set_status(0);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS),
			  0);
	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert_uint_eq(echo->device.driver_features, 0);
	offer();
	driver_notify(&driver, 0);
	settle();
	ck_assert_uint_eq(ring_used(&ring)->idx, 1);
	ck_assert_uint_eq(driver.interrupts, 1);
}
END_TEST

/* Threads. */

/* Notifies as fast as it can, as another processor would. */
static void *notifies(void *arg)
{
	const atomic_bool *stop = arg;

	while (!*stop)
		driver_notify(&driver, 0);
	return NULL;
}

/* While the worker is at work: after the reset, no byte of guest memory and no
 * interrupt. */
START_TEST(reset_while_it_works_is_clean)
{
	atomic_bool stop = false;
	pthread_t other;

	ck_assert_int_eq(pthread_create(&other, NULL, notifies, &stop), 0);
	for (unsigned round = 0; round < 300; round++) {
		unsigned interrupts;
		uint16_t used;

		begin(round % 2 ? EVENT : 0);
		for (unsigned i = 0; i < 4; i++)
			offer();
		if (round % 3)
			driver_wait_used(&driver, &ring);
		set_status(0);
		pthread_mutex_lock(&driver.lock);
		interrupts = driver.interrupts;
		pthread_mutex_unlock(&driver.lock);
		used = ring_used(&ring)->idx;
		ck_assert_uint_le(used, 4);
		memset(ring_at(&driver.memory, ANSWER), 0x77, 8);
		settle();
		ck_assert_uint_eq(ring_used(&ring)->idx, used);
		ck_assert_int_eq(*(char *)ring_at(&driver.memory, ANSWER),
				 0x77);
		ck_assert_uint_eq(driver.interrupts, interrupts);
	}
	stop = true;
	pthread_join(other, NULL);
	begin(0);
	echoes();
}
END_TEST

START_TEST(queue_taken_back_while_it_works_is_left_alone)
{
	for (unsigned round = 0; round < 300; round++) {
		uint16_t used;

		begin(0);
		for (unsigned i = 0; i < 4; i++)
			offer();
		driver_notify(&driver, 0);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
		ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_QUEUE_READY),
				  0);
		used = ring_used(&ring)->idx;
		driver_notify(&driver, 0);
		settle();
		ck_assert_uint_eq(ring_used(&ring)->idx, used);
	}
	ck_assert_uint_eq(driver.complaints, 0);
}
END_TEST

/* A driver that never stops offering does not keep the device from stopping. */
static void *offers_for_ever(void *arg)
{
	const atomic_bool *stop = arg;
	struct vring_used_elem element;

	while (!*stop) {
		offer();
		driver_notify(&driver, 0);
		while (!*stop && !ring_take(&ring, &element))
			;
	}
	return NULL;
}

START_TEST(busy_device_stops)
{
	atomic_bool stop = false;
	pthread_t other;

	begin(0);
	ck_assert_int_eq(pthread_create(&other, NULL, offers_for_ever, &stop),
			 0);
	driver_wait_interrupts(&driver, 10);
	ck_assert(virtio_device_stop(&echo->device, NULL));
	stop = true;
	pthread_join(other, NULL);
	/* Nobody works any more. */
	ck_assert(virtio_device_stop(&echo->device, NULL));
}
END_TEST

/* A worker that is held up is left behind. */
START_TEST(stop_does_not_wait_for_ever)
{
	struct timespec until = {0};
	int fds[2];

	must_pipe(fds);
	echo->wait_fd = fds[0];
	begin(0);
	offer();
	driver_notify(&driver, 0);
	while (!echo->requests)
		sched_yield();
	ck_assert(!virtio_device_stop(&echo->device, &until));
	must_write(fds[1], "x", 1);
	ck_assert(virtio_device_stop(&echo->device, NULL));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(device_that_never_started_can_be_destroyed)
{
	virtio_device_destroy(&echo_create()->device);
	virtio_device_destroy(NULL);
}
END_TEST

static TCase *new_case(const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	return tcase;
}

static TCase *failure_case(void)
{
	TCase *tcase = new_case("failures");

	tcase_add_test(tcase, broken_queue_needs_a_reset_and_says_so_once);
	tcase_add_test(tcase, reset_mends_a_broken_device);
	tcase_add_test(tcase, device_that_failed_rests);
	tcase_add_test(tcase, device_may_fail_by_itself);
	tcase_add_test(tcase, queue_refused_before_the_start_interrupts_nobody);
	tcase_add_test(tcase, reset_forgets_everything);
	return tcase;
}

static TCase *thread_case(void)
{
	TCase *tcase = new_case("threads");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, reset_while_it_works_is_clean);
	tcase_add_test(tcase, queue_taken_back_while_it_works_is_left_alone);
	tcase_add_test(tcase, busy_device_stops);
	tcase_add_test(tcase, stop_does_not_wait_for_ever);
	tcase_add_test(tcase, device_that_never_started_can_be_destroyed);
	return tcase;
}

Suite *virtio_device_suite(void)
{
	Suite *suite = suite_create("virtio_device");
	TCase *tcase = new_case("life");

	tcase_add_test(tcase, driver_comes_up_in_steps);
	tcase_add_test(tcase, status_bits_are_never_cleared_by_writing_others);
	tcase_add_test(tcase, value_beyond_a_byte_is_no_reset);
	tcase_add_loop_test(tcase, features_are_accepted_as_offered, 0,
			    NR(offers));
	tcase_add_test(tcase, features_stay_once_they_are_agreed_upon);
	tcase_add_test(tcase, chain_is_served_and_told_of);
	tcase_add_test(tcase, buffers_wait_for_the_driver);
	tcase_add_test(tcase, notified_queue_that_is_not_ready_is_left_alone);
	tcase_add_test(tcase, many_rounds_are_served);
	tcase_add_test(tcase, change_of_configuration_is_told);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, failure_case());
	suite_add_tcase(suite, thread_case());
	return suite;
}
