/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/bus_error: a thread waits at a page that its file lost, and nowhere else.
 */
#define _GNU_SOURCE
#include "tests/suites.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/must.h"
#include "vmm/bus_error.h"

#define LEN 8192

static int fd;
static char *bytes;
static volatile char *page; /* the second: the file ends before it */
static _Atomic int began, came;

static void on_fatal(int signal_number)
{
	_exit(100 + signal_number);
}

/* Two pages of a file, which then becomes shorter by one. */
static void map_file(void)
{
	const char *path = must_file("mapped");

	must_write_file(path, "", 0);
	fd = must_open(path, O_RDWR);
	ck_assert_int_eq(ftruncate(fd, LEN), 0);
	bytes = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(bytes, MAP_FAILED);
	ck_assert_int_eq(ftruncate(fd, LEN / 2), 0);
	page = bytes + LEN / 2;
}

static void *touch(void *arg)
{
	(void)arg;
	began = gettid();
	page[1] = 1;
	came = 1;
	return NULL;
}

/* Is the thread asleep, in the handler? Nothing else of it sleeps. */
static bool sleeps(int tid)
{
	char path[64], text[256];
	FILE *file;
	int state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	/* proc_pid_stat(5): the state follows the name in parentheses. */
	state = strrchr(text, ')')[2];
	return state == 'S';
}

START_TEST(thread_waits_until_the_page_is_there)
{
	pthread_t thread;

	map_file();
	bus_error_wait(bytes, LEN, on_fatal);
	ck_assert_int_eq(pthread_create(&thread, NULL, touch, NULL), 0);
	while (!began || !sleeps(began))
		sched_yield();
	ck_assert(!came);
	ck_assert_int_eq(ftruncate(fd, LEN), 0);
	pthread_join(thread, NULL);
	ck_assert(came);
}
END_TEST

/* Nobody would find out. */
START_TEST(first_thread_does_not_wait)
{
	map_file();
	bus_error_wait(bytes, LEN, on_fatal);
	page[1] = 1;
}
END_TEST

START_TEST(other_memory_is_not_waited_for)
{
	pthread_t thread;

	map_file();
	bus_error_wait(bytes, LEN / 2, on_fatal);
	pthread_create(&thread, NULL, touch, NULL);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(signal_that_is_sent_is_none_of_its_business)
{
	map_file();
	bus_error_wait(bytes, LEN, on_fatal);
	raise(SIGBUS);
}
END_TEST

Suite *bus_error_suite(void)
{
	Suite *suite = suite_create("bus_error");
	TCase *tcase = tcase_create("bus_error");

	must_add_folder(tcase);
	tcase_add_test(tcase, thread_waits_until_the_page_is_there);
	tcase_add_exit_test(tcase, first_thread_does_not_wait, 100 + SIGBUS);
	tcase_add_exit_test(tcase, other_memory_is_not_waited_for,
			    100 + SIGBUS);
	tcase_add_exit_test(tcase, signal_that_is_sent_is_none_of_its_business,
			    100 + SIGBUS);
	suite_add_tcase(suite, tcase);
	return suite;
}
