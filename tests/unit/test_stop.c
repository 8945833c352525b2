/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/stop: anybody may ask for the end, the first reason counts.
 */
#include "vmm/stop.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/suites.h"

static bool readable(const struct stop *stop)
{
	struct pollfd fd = {.fd = stop->event, .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

START_TEST(nobody_has_asked_at_first)
{
	struct stop stop;

	ck_assert_int_eq(stop_init(&stop), 0);
	ck_assert(!stop_asked(&stop));
	ck_assert(!readable(&stop));
	stop_fini(&stop);
}
END_TEST

START_TEST(first_reason_counts)
{
	struct stop stop;

	ck_assert_int_eq(stop_init(&stop), 0);
	ck_assert(stop_request(&stop, 121, "page %d is gone", 7));
	ck_assert(!stop_request(&stop, 0, NULL));
	ck_assert(!stop_request(&stop, 124, "too late"));
	ck_assert(stop_asked(&stop));
	ck_assert(readable(&stop));
	ck_assert_int_eq(stop.status, 121);
	ck_assert_str_eq(stop.reason, "page 7 is gone");
	stop_fini(&stop);
}
END_TEST

START_TEST(request_without_words_leaves_none)
{
	struct stop stop;

	ck_assert_int_eq(stop_init(&stop), 0);
	stop_request(&stop, 42, NULL);
	stop_request(&stop, 125, "words");
	ck_assert_int_eq(stop.status, 42);
	ck_assert_str_eq(stop.reason, "");
	stop_fini(&stop);
}
END_TEST

START_TEST(endless_reason_is_cut_visibly)
{
	static char words[3 * sizeof(((struct stop *)0)->reason)];
	struct stop stop;

	memset(words, 'x', sizeof(words) - 1);
	ck_assert_int_eq(stop_init(&stop), 0);
	stop_request(&stop, 120, "%s", words);
	ck_assert(stop_asked(&stop));
	ck_assert_uint_eq(strlen(stop.reason), sizeof(stop.reason) - 1);
	ck_assert_str_eq(stop.reason + sizeof(stop.reason) - 6, "xx...");
	stop_fini(&stop);
}
END_TEST

START_TEST(event_stays_readable_until_the_end)
{
	struct stop stop;

	ck_assert_int_eq(stop_init(&stop), 0);
	stop_request(&stop, 1, NULL);
	/* Stays readable however often it is looked at. */
	ck_assert(readable(&stop));
	ck_assert(readable(&stop));
	stop_fini(&stop);
	ck_assert_int_eq(stop.event, -1);
	stop_fini(&stop);
}
END_TEST

struct asker {
	struct stop *stop;
	pthread_barrier_t *start;
	int status;
};

static void *ask(void *arg)
{
	const struct asker *a = arg;

	pthread_barrier_wait(a->start);
	stop_request(a->stop, a->status, "reason %d", a->status);
	return NULL;
}

/* What a reader sees once stop_asked says so is whole, and stays. */
static void one_race(void)
{
	struct asker askers[4];
	pthread_t threads[4];
	pthread_barrier_t start;
	struct stop stop;
	char want[32];
	int status;

	ck_assert_int_eq(stop_init(&stop), 0);
	pthread_barrier_init(&start, NULL, 5);
	for (int i = 0; i < 4; i++) {
		askers[i] = (struct asker){&stop, &start, 10 + i};
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
	}
	pthread_barrier_wait(&start);
	while (!stop_asked(&stop))
		;
	status = stop.status;
	snprintf(want, sizeof(want), "reason %d", status);
	ck_assert_str_eq(stop.reason, want);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(stop.status, status);
	ck_assert_str_eq(stop.reason, want);
	pthread_barrier_destroy(&start);
	stop_fini(&stop);
}

START_TEST(threads_that_ask_at_once_give_one_whole_reason)
{
	for (int i = 0; i < 200; i++)
		one_race();
}
END_TEST

Suite *stop_suite(void)
{
	Suite *s = suite_create("stop");
	TCase *tc = tcase_create("stop");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, nobody_has_asked_at_first);
	tcase_add_test(tc, first_reason_counts);
	tcase_add_test(tc, request_without_words_leaves_none);
	tcase_add_test(tc, endless_reason_is_cut_visibly);
	tcase_add_test(tc, event_stays_readable_until_the_end);
	tcase_add_test(tc, threads_that_ask_at_once_give_one_whole_reason);
	suite_add_tcase(s, tc);
	return s;
}
