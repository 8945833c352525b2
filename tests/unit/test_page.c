/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/page: whoever claims a page is alone with it, whoever waits wakes. The
 * last test is made for ThreadSanitizer: the content of a page is plain memory,
 * so an order that is missing between claim, publish and wait is a race.
 */
#include "tests/suites.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pager/page.h"

#define THREADS 8

static struct pages pages;

static void set_up(void)
{
	ck_assert_int_eq(pages_init(&pages, 1000), 0);
}

static void tear_down(void)
{
	pages_fini(&pages);
}

static void start(pthread_t *threads, unsigned n, void *(*fn)(void *),
		  void *args, size_t size)
{
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, fn,
						(char *)args + i * size),
				 0);
}

static void join(const pthread_t *threads, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

START_TEST(fresh_pages_are_absent)
{
	for (uint64_t i = 0; i < 1000; i++)
		ck_assert_int_eq(page_state(&pages, i), PAGE_ABSENT);
}
END_TEST

START_TEST(page_is_claimed_once)
{
	ck_assert(page_claim(&pages, 7));
	ck_assert(!page_claim(&pages, 7));
	ck_assert_int_eq(page_state(&pages, 7), PAGE_LOADING);
	page_publish(&pages, 7);
	ck_assert(!page_claim(&pages, 7));
	ck_assert_int_eq(page_state(&pages, 7), PAGE_PRESENT);
	ck_assert_int_eq(page_state(&pages, 6), PAGE_ABSENT);
	ck_assert_int_eq(page_state(&pages, 8), PAGE_ABSENT);
}
END_TEST

START_TEST(failed_page_stays_failed)
{
	ck_assert(page_claim(&pages, 0));
	page_fail(&pages, 0);
	ck_assert(!page_claim(&pages, 0));
	ck_assert_int_eq(page_state(&pages, 0), PAGE_FAILED);
	ck_assert_int_eq(page_wait(&pages, 0), PAGE_FAILED);
}
END_TEST

START_TEST(discarded_page_stays_discarded)
{
	ck_assert(page_claim(&pages, 1));
	page_publish(&pages, 1);
	for (uint64_t i = 0; i < 2; i++) {
		ck_assert_int_eq(page_discard(&pages, i),
				 i ? PAGE_PRESENT : PAGE_ABSENT);
		ck_assert_int_eq(page_state(&pages, i), PAGE_DISCARDED);
		ck_assert_int_eq(page_wait(&pages, i), PAGE_DISCARDED);
		ck_assert(!page_claim(&pages, i));
		ck_assert_int_eq(page_discard(&pages, i), PAGE_DISCARDED);
	}
	ck_assert_int_eq(page_state(&pages, 2), PAGE_ABSENT);
}
END_TEST

/* To every state that a lock may leave, and back. */
START_TEST(page_is_locked_in_any_state_that_is_not_for_good)
{
	static const enum page_state states[] = {PAGE_PRESENT, PAGE_DROPPED,
						 PAGE_UNMAPPED, PAGE_ABSENT};

	ck_assert_int_eq(page_lock(&pages, 3), PAGE_ABSENT);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(page_state(&pages, 3), PAGE_LOADING);
		ck_assert(!page_claim(&pages, 3));
		ck_assert(!page_reclaim(&pages, 3));
		page_unlock(&pages, 3, states[i]);
		ck_assert_int_eq(page_state(&pages, 3), states[i]);
		ck_assert_int_eq(page_wait(&pages, 3), states[i]);
		ck_assert_int_eq(page_lock(&pages, 3), states[i]);
	}
	page_fail(&pages, 3);
	ck_assert_int_eq(page_lock(&pages, 3), PAGE_FAILED);
	ck_assert_int_eq(page_state(&pages, 3), PAGE_FAILED);
	page_discard(&pages, 4);
	ck_assert_int_eq(page_lock(&pages, 4), PAGE_DISCARDED);
	ck_assert_int_eq(page_state(&pages, 4), PAGE_DISCARDED);
}
END_TEST

START_TEST(dropped_page_is_reclaimed_not_claimed)
{
	ck_assert(!page_reclaim(&pages, 0));
	page_lock(&pages, 0);
	page_unlock(&pages, 0, PAGE_DROPPED);
	ck_assert(!page_claim(&pages, 0));
	ck_assert(page_reclaim(&pages, 0));
	ck_assert(!page_reclaim(&pages, 0));
	page_publish(&pages, 0);
	page_lock(&pages, 0);
	page_unlock(&pages, 0, PAGE_UNMAPPED);
	ck_assert(!page_claim(&pages, 0));
	ck_assert(!page_reclaim(&pages, 0));
}
END_TEST

/* Threads that count in plain memory under the page's lock. */
static uint64_t counter;

static void *count_locked(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		enum page_state before = page_lock(&pages, 9);

		counter++;
		page_unlock(&pages, 9,
			    before == PAGE_DROPPED ? PAGE_UNMAPPED
						   : PAGE_DROPPED);
	}
	return arg;
}

START_TEST(lock_excludes)
{
	pthread_t threads[THREADS];
	char none[THREADS];

	counter = 0;
	start(threads, THREADS, count_locked, none, 1);
	join(threads, THREADS);
	ck_assert_uint_eq(counter, THREADS * 20000);
}
END_TEST

START_TEST(failed_page_is_not_discarded)
{
	ck_assert(page_claim(&pages, 0));
	page_fail(&pages, 0);
	ck_assert_int_eq(page_discard(&pages, 0), PAGE_FAILED);
	ck_assert_int_eq(page_state(&pages, 0), PAGE_FAILED);
}
END_TEST

START_TEST(nobody_waits_for_a_page_that_is_not_loading)
{
	ck_assert_int_eq(page_wait(&pages, 3), PAGE_ABSENT);
	ck_assert(page_claim(&pages, 3));
	page_publish(&pages, 3);
	ck_assert_int_eq(page_wait(&pages, 3), PAGE_PRESENT);
}
END_TEST

START_TEST(table_of_no_pages_is_fine_and_fini_twice_too)
{
	struct pages none;

	ck_assert_int_eq(pages_init(&none, 0), 0);
	pages_fini(&none);
	pages_fini(&none);
}
END_TEST

START_TEST(table_larger_than_the_address_space_is_refused)
{
	struct pages huge;

	ck_assert_int_eq(pages_init(&huge, UINT64_C(1) << 52), -ENOMEM);
	pages_fini(&huge);
}
END_TEST

START_TEST(table_costs_nothing_until_a_page_changes)
{
	struct pages many;

	/* 16 TiB of guest memory: 16 GiB of words. */
	ck_assert_int_eq(pages_init(&many, UINT64_C(1) << 32), 0);
	ck_assert(page_claim(&many, (UINT64_C(1) << 32) - 1));
	page_publish(&many, (UINT64_C(1) << 32) - 1);
	pages_fini(&many);
}
END_TEST

START_TEST(publishing_a_page_nobody_claimed_is_a_bug_of_ours)
{
	page_publish(&pages, 5);
}
END_TEST

START_TEST(publishing_a_page_twice_is_a_bug_of_ours)
{
	ck_assert(page_claim(&pages, 5));
	page_publish(&pages, 5);
	page_publish(&pages, 5);
}
END_TEST

START_TEST(failing_a_present_page_is_a_bug_of_ours)
{
	ck_assert(page_claim(&pages, 5));
	page_publish(&pages, 5);
	page_fail(&pages, 5);
}
END_TEST

START_TEST(page_beyond_the_table_is_a_bug_of_ours)
{
	page_claim(&pages, 1000);
}
END_TEST

struct waiter {
	uint64_t page;
	_Atomic int *asleep;
	enum page_state got;
};

static void *wait_for_page(void *arg)
{
	struct waiter *w = arg;

	atomic_fetch_add(w->asleep, 1);
	w->got = page_wait(&pages, w->page);
	return NULL;
}

/* Waiters that sleep already and one that comes too late all return. */
static void wake_waiters(void (*settle)(struct pages *, uint64_t),
			 enum page_state want)
{
	struct waiter w[THREADS];
	pthread_t threads[THREADS];
	_Atomic int asleep = 0;

	ck_assert(page_claim(&pages, 1));
	for (unsigned i = 0; i < THREADS; i++)
		w[i] = (struct waiter){1, &asleep, PAGE_ABSENT};
	start(threads, THREADS, wait_for_page, w, sizeof(*w));
	while (atomic_load(&asleep) < THREADS)
		usleep(100);
	/* Time to fall asleep; the test holds without it, but tests less. */
	usleep(20000);
	ck_assert_int_eq(page_state(&pages, 1), PAGE_LOADING);
	settle(&pages, 1);
	join(threads, THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(w[i].got, want);
	ck_assert_int_eq(page_wait(&pages, 1), want);
}

START_TEST(publishing_wakes_every_waiter)
{
	wake_waiters(page_publish, PAGE_PRESENT);
}
END_TEST

START_TEST(failing_wakes_every_waiter)
{
	wake_waiters(page_fail, PAGE_FAILED);
}
END_TEST

/* The stress test: every thread goes over every page, in its own order. */
#define STRESS_PAGES 6000

struct content {
	uint64_t value;
	uint32_t reads;
};

static struct content *content;

struct racer {
	uint64_t step; /* coprime to STRESS_PAGES */
	uint64_t loaded;
	unsigned wrong;
};

static bool fails(uint64_t page)
{
	return page % 97 == 5;
}

static void load(uint64_t page)
{
	content[page].value = page * UINT64_C(0x9e3779b97f4a7c15);
	content[page].reads++;
	if (fails(page))
		page_fail(&pages, page);
	else
		page_publish(&pages, page);
}

static void *race(void *arg)
{
	struct racer *r = arg;

	for (uint64_t i = 0; i < STRESS_PAGES; i++) {
		uint64_t page = i * r->step % STRESS_PAGES;

		if (page_claim(&pages, page)) {
			load(page);
			r->loaded++;
			continue;
		}
		if (page_wait(&pages, page) !=
		    (fails(page) ? PAGE_FAILED : PAGE_PRESENT))
			r->wrong++;
		if (content[page].value != page * UINT64_C(0x9e3779b97f4a7c15))
			r->wrong++;
	}
	return NULL;
}

START_TEST(threads_racing_for_all_pages_read_each_once)
{
	/* Some the same, so that they meet on each page. */
	static const uint64_t steps[THREADS] = {1,    1,    1,	  7,
						1499, 5999, 5999, 3001};
	struct racer r[THREADS];
	pthread_t threads[THREADS];
	uint64_t loaded = 0;

	pages_fini(&pages);
	ck_assert_int_eq(pages_init(&pages, STRESS_PAGES), 0);
	content = calloc(STRESS_PAGES, sizeof(*content));
	ck_assert_ptr_nonnull(content);
	for (unsigned i = 0; i < THREADS; i++)
		r[i] = (struct racer){.step = steps[i]};
	start(threads, THREADS, race, r, sizeof(*r));
	join(threads, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_uint_eq(r[i].wrong, 0);
		loaded += r[i].loaded;
	}
	ck_assert_uint_eq(loaded, STRESS_PAGES);
	for (uint64_t i = 0; i < STRESS_PAGES; i++)
		ck_assert_uint_eq(content[i].reads, 1);
	free(content);
}
END_TEST

Suite *page_suite(void)
{
	Suite *s = suite_create("page");
	TCase *tc = tcase_create("page");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, fresh_pages_are_absent);
	tcase_add_test(tc, page_is_claimed_once);
	tcase_add_test(tc, failed_page_stays_failed);
	tcase_add_test(tc, discarded_page_stays_discarded);
	tcase_add_test(tc, failed_page_is_not_discarded);
	tcase_add_test(tc, page_is_locked_in_any_state_that_is_not_for_good);
	tcase_add_test(tc, dropped_page_is_reclaimed_not_claimed);
	tcase_add_test(tc, lock_excludes);
	tcase_add_test(tc, nobody_waits_for_a_page_that_is_not_loading);
	tcase_add_test(tc, table_of_no_pages_is_fine_and_fini_twice_too);
	tcase_add_test(tc, table_larger_than_the_address_space_is_refused);
	tcase_add_test(tc, table_costs_nothing_until_a_page_changes);
	tcase_add_test_raise_signal(
		tc, publishing_a_page_nobody_claimed_is_a_bug_of_ours, SIGABRT);
	tcase_add_test_raise_signal(
		tc, publishing_a_page_twice_is_a_bug_of_ours, SIGABRT);
	tcase_add_test_raise_signal(tc, failing_a_present_page_is_a_bug_of_ours,
				    SIGABRT);
	tcase_add_test_raise_signal(tc, page_beyond_the_table_is_a_bug_of_ours,
				    SIGABRT);
	tcase_add_test(tc, publishing_wakes_every_waiter);
	tcase_add_test(tc, failing_wakes_every_waiter);
	tcase_add_loop_test(tc, threads_racing_for_all_pages_read_each_once, 0,
			    10);
	suite_add_tcase(s, tc);
	return s;
}
