/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/resident: pages that were touched, and no others; looking touches none.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "pager/resident.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pager/gpa.h"
#include "tests/suites.h"

#define MAX_RUNS 64

static struct {
	uint64_t page, pages;
} runs[MAX_RUNS];
static unsigned nr_runs;

static int note(void *ctx, uint64_t offset, uint64_t len)
{
	(void)ctx;
	ck_assert_uint_lt(nr_runs, MAX_RUNS);
	ck_assert_uint_eq((offset | len) & PAGE_MASK, 0);
	runs[nr_runs].page = offset >> PAGE_SHIFT;
	runs[nr_runs++].pages = len >> PAGE_SHIFT;
	return 0;
}

static char *reserve(uint64_t pages)
{
	char *p = mmap(NULL, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	madvise(p, pages * PAGE_SIZE, MADV_NOHUGEPAGE);
	nr_runs = 0;
	return p;
}

static void touch(char *memory, uint64_t page, uint64_t pages)
{
	for (uint64_t i = page; i < page + pages; i++)
		*(volatile char *)(memory + i * PAGE_SIZE) = 1;
}

static void is(unsigned i, uint64_t page, uint64_t pages)
{
	ck_assert_uint_lt(i, nr_runs);
	ck_assert_uint_eq(runs[i].page, page);
	ck_assert_uint_eq(runs[i].pages, pages);
}

START_TEST(untouched_memory_is_not_there_and_stays_so)
{
	char *memory = reserve(1000);

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			resident_runs(memory, 1000 * PAGE_SIZE, note, NULL), 0);
	ck_assert_uint_eq(nr_runs, 0);
	ck_assert_int_eq(resident_runs(memory, 0, note, NULL), 0);
	munmap(memory, 1000 * PAGE_SIZE);
}
END_TEST

START_TEST(touched_pages_are_runs)
{
	char *memory = reserve(1000);

	touch(memory, 0, 1);
	touch(memory, 7, 20);
	touch(memory, 28, 1);
	touch(memory, 998, 2);
	ck_assert_int_eq(resident_runs(memory, 1000 * PAGE_SIZE, note, NULL),
			 0);
	ck_assert_uint_eq(nr_runs, 4);
	is(0, 0, 1);
	is(1, 7, 20);
	is(2, 28, 1);
	is(3, 998, 2);
	munmap(memory, 1000 * PAGE_SIZE);
}
END_TEST

START_TEST(pages_given_back_are_gone)
{
	char *memory = reserve(100);

	touch(memory, 10, 10);
	ck_assert_int_eq(
		madvise(memory + 12 * PAGE_SIZE, 2 * PAGE_SIZE, MADV_DONTNEED),
		0);
	ck_assert_int_eq(resident_runs(memory, 100 * PAGE_SIZE, note, NULL), 0);
	ck_assert_uint_eq(nr_runs, 2);
	is(0, 10, 2);
	is(1, 14, 6);
	munmap(memory, 100 * PAGE_SIZE);
}
END_TEST

/* Asked for in blocks of 65536 pages. */
START_TEST(run_goes_on_across_blocks)
{
	char *memory = reserve(200000);

	touch(memory, 65530, 10);
	touch(memory, 131071, 1);
	touch(memory, 199999, 1);
	ck_assert_int_eq(resident_runs(memory, 200000 * PAGE_SIZE, note, NULL),
			 0);
	ck_assert_uint_eq(nr_runs, 3);
	is(0, 65530, 10);
	is(1, 131071, 1);
	is(2, 199999, 1);
	munmap(memory, 200000 * PAGE_SIZE);
}
END_TEST

static int refuse(void *ctx, uint64_t offset, uint64_t len)
{
	(void)offset;
	(void)len;
	++*(int *)ctx;
	return -ENOSPC;
}

START_TEST(callback_ends_it)
{
	char *memory = reserve(100);
	int calls = 0;

	touch(memory, 1, 1);
	touch(memory, 3, 1);
	ck_assert_int_eq(resident_runs(memory, 100 * PAGE_SIZE, refuse, &calls),
			 -ENOSPC);
	ck_assert_int_eq(calls, 1);
	munmap(memory, 100 * PAGE_SIZE);
}
END_TEST

Suite *resident_suite(void)
{
	Suite *suite = suite_create("resident");
	TCase *tcase = tcase_create("resident");

	tcase_add_test(tcase, untouched_memory_is_not_there_and_stays_so);
	tcase_add_test(tcase, touched_pages_are_runs);
	tcase_add_test(tcase, pages_given_back_are_gone);
	tcase_add_test(tcase, run_goes_on_across_blocks);
	tcase_add_test(tcase, callback_ends_it);
	suite_add_tcase(suite, tcase);
	return suite;
}
