/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/recent: the last faults, the latest first, however many write.
 */
#include "pager/recent.h"

#include <pthread.h>

#include "tests/suites.h"

static struct recent recent;
static struct pager_event events[RECENT_MAX + 1];

static void setup(void)
{
	recent = (struct recent){0};
}

/* Everything of fault n can be told from any part of it. */
static struct pager_event fault(unsigned n)
{
	return (struct pager_event){
		.start_ns = n * 1000ull,
		.gpa = n * PAGE_SIZE,
		.tid = (pid_t)n,
		.pages = n,
	};
}

static void add(unsigned n)
{
	struct pager_event event = fault(n);

	recent_add(&recent, &event);
}

static void is(const struct pager_event *e, unsigned n)
{
	ck_assert_uint_eq(e->start_ns, n * 1000ull);
	ck_assert_uint_eq(e->gpa, n * PAGE_SIZE);
	ck_assert_int_eq(e->tid, (int)n);
	ck_assert_uint_eq(e->pages, n);
}

START_TEST(nothing_has_happened_at_first)
{
	ck_assert_uint_eq(recent_read(&recent, events, RECENT_MAX), 0);
}
END_TEST

START_TEST(latest_comes_first)
{
	for (unsigned n = 1; n <= 3; n++)
		add(n);
	ck_assert_uint_eq(recent_read(&recent, events, RECENT_MAX), 3);
	is(&events[0], 3);
	is(&events[1], 2);
	is(&events[2], 1);
	ck_assert_uint_eq(recent_read(&recent, events, 2), 2);
	is(&events[1], 2);
	ck_assert_uint_eq(recent_read(&recent, events, 0), 0);
}
END_TEST

START_TEST(old_ones_are_forgotten)
{
	for (unsigned n = 1; n <= 3 * RECENT_MAX + 5; n++)
		add(n);
	ck_assert_uint_eq(recent_read(&recent, events, RECENT_MAX + 1),
			  RECENT_MAX);
	for (unsigned i = 0; i < RECENT_MAX; i++)
		is(&events[i], 3 * RECENT_MAX + 5 - i);
}
END_TEST

START_TEST(one_that_is_being_written_is_left_out)
{
	for (unsigned n = 1; n <= RECENT_MAX; n++)
		add(n);
	recent.slots[5].number = 0;
	ck_assert_uint_eq(recent_read(&recent, events, RECENT_MAX),
			  RECENT_MAX - 1);
	for (unsigned i = 0; i < RECENT_MAX - 1; i++)
		ck_assert_uint_ne(events[i].pages, 5);
}
END_TEST

static _Atomic unsigned next_fault;
static _Atomic bool done;

static void *write_faults(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++)
		add(atomic_fetch_add(&next_fault, 1) + 1);
	return NULL;
}

static void *read_faults(void *arg)
{
	struct pager_event seen[RECENT_MAX];

	(void)arg;
	while (!done) {
		unsigned nr = recent_read(&recent, seen, RECENT_MAX);

		for (unsigned i = 0; i < nr; i++)
			is(&seen[i], seen[i].pages);
	}
	return NULL;
}

START_TEST(reader_sees_whole_faults_while_one_writes)
{
	pthread_t writer, reader;

	ck_assert_int_eq(pthread_create(&reader, NULL, read_faults, NULL), 0);
	ck_assert_int_eq(pthread_create(&writer, NULL, write_faults, NULL), 0);
	pthread_join(writer, NULL);
	done = true;
	pthread_join(reader, NULL);
	ck_assert_uint_eq(recent_read(&recent, events, RECENT_MAX), RECENT_MAX);
	is(&events[0], 20000);
}
END_TEST

Suite *recent_suite(void)
{
	Suite *suite = suite_create("recent");
	TCase *tcase = tcase_create("recent");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, nothing_has_happened_at_first);
	tcase_add_test(tcase, latest_comes_first);
	tcase_add_test(tcase, old_ones_are_forgotten);
	tcase_add_test(tcase, one_that_is_being_written_is_left_out);
	tcase_add_test(tcase, reader_sees_whole_faults_while_one_writes);
	suite_add_tcase(suite, tcase);
	return suite;
}
