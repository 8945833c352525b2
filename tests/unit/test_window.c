/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/window: how much a fault brings. Pure arithmetic, so sequences of
 * faults and what they are given.
 */
#include "tests/suites.h"

#include <signal.h>

#include "pager/window.h"

static struct windows windows;

static void set_up(void)
{
	windows_init(&windows, WINDOW_MAX);
}

static void fault(uint64_t page, int64_t stride, unsigned pages)
{
	struct window w = windows_fault(&windows, page);

	ck_assert_uint_eq(w.page, page);
	ck_assert_msg(w.pages == pages, "page %llu: %u pages, not %u",
		      (unsigned long long)page, w.pages, pages);
	if (pages > 1)
		ck_assert_int_eq(w.stride, stride);
}

START_TEST(lone_fault_brings_one_page)
{
	fault(5000, 0, 1);
	fault(100, 0, 1);
	fault(900000, 0, 1);
}
END_TEST

START_TEST(neighbouring_faults_bring_4_16_64_pages)
{
	fault(1000, 0, 1);
	fault(1001, 1, 4);
	fault(1005, 1, 16);
	fault(1021, 1, 64);
	fault(1085, 1, 64);
	fault(1149, 1, 64);
}
END_TEST

START_TEST(stream_starts_at_page_0)
{
	fault(0, 0, 1);
	fault(1, 1, 4);
	fault(5, 1, 16);
}
END_TEST

START_TEST(window_never_exceeds_the_maximum)
{
	static const unsigned max[] = {1, 2, 5, 16, 63};
	unsigned want = 1;
	uint64_t page = 1000;

	windows_init(&windows, max[_i]);
	for (unsigned i = 0; i < 10; i++) {
		fault(page, 1, want);
		page += want;
		want = want * 4 < max[_i] ? want * 4 : max[_i];
	}
}
END_TEST

START_TEST(faults_may_run_backwards)
{
	fault(1000, 0, 1);
	fault(999, -1, 4);
	fault(995, -1, 16);
	fault(979, -1, 64);
}
END_TEST

START_TEST(backward_stream_that_reaches_page_0_just_ends)
{
	fault(3, 0, 1);
	fault(2, -1, 4);
	fault(1, 0, 1);
	fault(900, 0, 1);
}
END_TEST

START_TEST(stride_needs_to_be_seen_twice)
{
	fault(0, 0, 1);
	fault(16, 0, 1);
	fault(32, 16, 4);
	/* 32, 48, 64, 80 are there. */
	fault(96, 16, 16);
	fault(96 + 16 * 16, 16, 64);
}
END_TEST

START_TEST(backward_stride_is_a_stride)
{
	fault(1000, 0, 1);
	fault(990, 0, 1);
	fault(980, -10, 4);
	fault(940, -10, 16);
}
END_TEST

START_TEST(two_unequal_steps_are_no_stride)
{
	fault(1000, 0, 1);
	fault(1016, 0, 1);
	fault(1030, 0, 1);
	fault(1050, 0, 1);
	/* The second 20 in a row. */
	fault(1070, 20, 4);
}
END_TEST

START_TEST(stream_may_skip_pages_that_others_brought)
{
	fault(1000, 0, 1);
	fault(1001, 1, 4);
	/* 1005 to 1007 came with somebody else's window. */
	fault(1008, 1, 16);
}
END_TEST

START_TEST(same_page_again_is_no_direction)
{
	fault(1000, 0, 1);
	fault(1000, 0, 1);
	fault(1000, 0, 1);
}
END_TEST

START_TEST(interleaved_streams_do_not_disturb_each_other)
{
	/* As many as are followed at once, each from its own place. */
	static const unsigned pages[] = {1, 4, 16, 64, 64};
	uint64_t done = 0;

	for (unsigned step = 0; step < 5; step++) {
		for (uint64_t s = 0; s < WINDOW_STREAMS; s++)
			fault(s * 100000 + done, 1, pages[step]);
		done += pages[step];
	}
}
END_TEST

START_TEST(forward_and_backward_streams_mix)
{
	fault(1000, 0, 1);
	fault(5000, 0, 1);
	fault(1001, 1, 4);
	fault(4999, -1, 4);
	fault(1005, 1, 16);
	fault(4995, -1, 16);
}
END_TEST

START_TEST(stream_is_forgotten_after_many_others)
{
	fault(1000, 0, 1);
	fault(1001, 1, 4);
	for (uint64_t i = 1; i <= WINDOW_STREAMS; i++)
		fault(i * 100000, 0, 1);
	fault(1005, 0, 1);
}
END_TEST

START_TEST(stray_faults_do_not_end_a_busy_stream)
{
	unsigned pages = 4;
	uint64_t page = 1001;

	fault(1000, 0, 1);
	for (uint64_t i = 1; i < 100; i++) {
		fault(page, 1, pages);
		page += pages;
		pages = pages < 64 ? pages * 4 : 64;
		fault(i * 100000, 0, 1);
	}
}
END_TEST

START_TEST(random_faults_in_a_large_space_hardly_bring_more_than_one_page)
{
	uint64_t x = 88172645463325252, brought = 0;

	for (unsigned i = 0; i < 20000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		brought += windows_fault(&windows, x % (1 << 20)).pages;
	}
	ck_assert_uint_le(brought, 20000 + 200);
}
END_TEST

START_TEST(window_of_no_pages_is_a_bug_of_ours)
{
	windows_init(&windows, 0);
}
END_TEST

START_TEST(window_above_the_largest_is_a_bug_of_ours)
{
	windows_init(&windows, WINDOW_MAX + 1);
}
END_TEST

Suite *window_suite(void)
{
	Suite *s = suite_create("window");
	TCase *tc = tcase_create("window");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, lone_fault_brings_one_page);
	tcase_add_test(tc, neighbouring_faults_bring_4_16_64_pages);
	tcase_add_test(tc, stream_starts_at_page_0);
	tcase_add_loop_test(tc, window_never_exceeds_the_maximum, 0, 5);
	tcase_add_test(tc, faults_may_run_backwards);
	tcase_add_test(tc, backward_stream_that_reaches_page_0_just_ends);
	tcase_add_test(tc, stride_needs_to_be_seen_twice);
	tcase_add_test(tc, backward_stride_is_a_stride);
	tcase_add_test(tc, two_unequal_steps_are_no_stride);
	tcase_add_test(tc, stream_may_skip_pages_that_others_brought);
	tcase_add_test(tc, same_page_again_is_no_direction);
	tcase_add_test(tc, interleaved_streams_do_not_disturb_each_other);
	tcase_add_test(tc, forward_and_backward_streams_mix);
	tcase_add_test(tc, stream_is_forgotten_after_many_others);
	tcase_add_test(tc, stray_faults_do_not_end_a_busy_stream);
	tcase_add_test(
		tc,
		random_faults_in_a_large_space_hardly_bring_more_than_one_page);
	tcase_add_test_raise_signal(tc, window_of_no_pages_is_a_bug_of_ours,
				    SIGABRT);
	tcase_add_test_raise_signal(
		tc, window_above_the_largest_is_a_bug_of_ours, SIGABRT);
	suite_add_tcase(s, tc);
	return s;
}
