/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pager/trace: a line per event that a script can split at blanks, and a trace
 * that is not whole is not kept secret.
 */
#define _GNU_SOURCE
#include "tests/suites.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pager/trace.h"

#define HEADER "# time_us who gpa pages source offset taken_us\n"

static char path[64];

/* Unchecked: runs in the parent, so the file goes whatever the test does. */
static void make_path(void)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/faultline-trace-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void remove_path(void)
{
	unlink(path);
}

static struct trace *open_trace(uint64_t start_ns)
{
	struct trace *trace = NULL;

	ck_assert_int_eq(trace_create(&trace, path, start_ns), 0);
	ck_assert_ptr_nonnull(trace);
	return trace;
}

static void want_text(const char *want)
{
	char got[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(got, 1, sizeof(got) - 1, f);
	fclose(f);
	got[n] = '\0';
	ck_assert_str_eq(got, want);
}

START_TEST(event_is_a_line_of_seven_fields)
{
	struct trace *trace = open_trace(1000000);

	trace_event(trace, &(struct pager_event){
				   .start_ns = 3500000,
				   .taken_ns = 4250,
				   .tid = 77,
				   .gpa = 0x101000,
				   .pages = 16,
				   .source = "guest.elf",
				   .offset = 0x2000,
			   });
	ck_assert_int_eq(trace_destroy(trace), 0);
	want_text(HEADER "2500.0 kvm 0x101000 16 guest.elf 0x2000 4.2\n");
}
END_TEST

START_TEST(memory_given_back_is_a_line_by_a_device)
{
	struct trace *trace = open_trace(0);

	trace_event(trace, &(struct pager_event){
				   .kind = PAGER_EVENT_DISCARD,
				   .start_ns = 1000,
				   .taken_ns = 2000,
				   .gpa = 0x200000,
				   .pages = UINT64_C(0x100000000),
			   });
	ck_assert_int_eq(trace_destroy(trace), 0);
	want_text(HEADER
		  "1.0 device 0x200000 4294967296 (discarded) 0x0 2.0\n");
}
END_TEST

START_TEST(trace_without_events_is_its_header)
{
	ck_assert_int_eq(trace_destroy(open_trace(0)), 0);
	want_text(HEADER);
}
END_TEST

START_TEST(thread_is_known_by_its_name_and_the_unknown_is_kvm)
{
	struct trace *trace = open_trace(0);
	struct pager_event e = {.pages = 1, .source = "a"};

	trace_name(trace, 12, "vcpu0");
	trace_name(trace, 13, "a name that is too long");
	for (e.tid = 12; e.tid < 15; e.tid++)
		trace_event(trace, &e);
	e.tid = 0;
	trace_event(trace, &e);
	ck_assert_int_eq(trace_destroy(trace), 0);
	want_text(HEADER "0.0 vcpu0 0x0 1 a 0x0 0.0\n"
			 "0.0 a%20name%20that%20is%20 0x0 1 a 0x0 0.0\n"
			 "0.0 kvm 0x0 1 a 0x0 0.0\n"
			 "0.0 device 0x0 1 a 0x0 0.0\n");
}
END_TEST

START_TEST(page_without_a_source_has_a_dash)
{
	struct trace *trace = open_trace(0);

	trace_event(trace, &(struct pager_event){.gpa = UINT64_C(0x100000000),
						 .pages = 4});
	ck_assert_int_eq(trace_destroy(trace), 0);
	want_text(HEADER "0.0 device 0x100000000 4 - 0x0 0.0\n");
}
END_TEST

START_TEST(blanks_in_a_source_name_do_not_make_fields)
{
	struct trace *trace = open_trace(0);

	trace_event(trace, &(struct pager_event){
				   .pages = 1,
				   .source = "my guest\t100%\n\x7f\xc3\xa9"});
	ck_assert_int_eq(trace_destroy(trace), 0);
	want_text(HEADER "0.0 device 0x0 1 my%20guest%09100%25%0a%7f\xc3\xa9 "
			 "0x0 0.0\n");
}
END_TEST

START_TEST(names_beyond_512_are_dropped_not_written_past_the_end)
{
	struct trace *trace = open_trace(0);
	struct pager_event e = {.pages = 1};

	for (pid_t tid = 1; tid <= 600; tid++)
		trace_name(trace, tid, "named");
	e.tid = 512;
	trace_event(trace, &e);
	e.tid = 513;
	trace_event(trace, &e);
	ck_assert_int_eq(trace_destroy(trace), 0);
	want_text(HEADER "0.0 named 0x0 1 - 0x0 0.0\n"
			 "0.0 kvm 0x0 1 - 0x0 0.0\n");
}
END_TEST

START_TEST(old_trace_is_replaced)
{
	struct trace *trace = open_trace(0);

	trace_event(trace, &(struct pager_event){.pages = 1});
	ck_assert_int_eq(trace_destroy(trace), 0);
	ck_assert_int_eq(trace_destroy(open_trace(0)), 0);
	want_text(HEADER);
}
END_TEST

START_TEST(path_that_cannot_be_written_is_refused)
{
	struct trace *trace = NULL;

	ck_assert_int_eq(trace_create(&trace, "/nonexistent/trace", 0),
			 -ENOENT);
	ck_assert_int_eq(trace_create(&trace, "/", 0), -EISDIR);
	ck_assert_int_eq(trace_create(&trace, "", 0), -ENOENT);
	ck_assert_ptr_null(trace);
}
END_TEST

START_TEST(full_disk_is_reported_at_the_end)
{
	/* One line, which only the last flush writes, and many. */
	static const unsigned lines[] = {1, 10000};
	struct trace *trace = NULL;

	ck_assert_int_eq(trace_create(&trace, "/dev/full", 0), 0);
	for (unsigned i = 0; i < lines[_i]; i++)
		trace_event(trace, &(struct pager_event){.pages = 1});
	ck_assert_int_eq(trace_destroy(trace), -ENOSPC);
}
END_TEST

START_TEST(no_trace_is_destroyed_without_complaint)
{
	ck_assert_int_eq(trace_destroy(NULL), 0);
}
END_TEST

static void *write_events(void *arg)
{
	struct trace *trace = arg;

	trace_name(trace, gettid(), "writer");
	for (unsigned i = 0; i < 500; i++)
		trace_event(trace, &(struct pager_event){.tid = gettid(),
							 .pages = 1,
							 .source = "x y"});
	return NULL;
}

START_TEST(lines_of_several_threads_do_not_mix)
{
	struct trace *trace = open_trace(0);
	pthread_t threads[4];
	unsigned lines = 0;
	char line[256];
	FILE *f;

	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, write_events, trace),
			0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(trace_destroy(trace), 0);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	for (; fgets(line, sizeof(line), f); lines++)
		if (lines)
			ck_assert_str_eq(line,
					 "0.0 writer 0x0 1 x%20y 0x0 0.0\n");
	fclose(f);
	ck_assert_uint_eq(lines, 1 + 4 * 500);
}
END_TEST

Suite *trace_suite(void)
{
	Suite *s = suite_create("trace");
	TCase *tc = tcase_create("trace");

	tcase_add_unchecked_fixture(tc, make_path, remove_path);
	tcase_add_test(tc, event_is_a_line_of_seven_fields);
	tcase_add_test(tc, memory_given_back_is_a_line_by_a_device);
	tcase_add_test(tc, trace_without_events_is_its_header);
	tcase_add_test(tc, thread_is_known_by_its_name_and_the_unknown_is_kvm);
	tcase_add_test(tc, page_without_a_source_has_a_dash);
	tcase_add_test(tc, blanks_in_a_source_name_do_not_make_fields);
	tcase_add_test(tc,
		       names_beyond_512_are_dropped_not_written_past_the_end);
	tcase_add_test(tc, old_trace_is_replaced);
	tcase_add_test(tc, path_that_cannot_be_written_is_refused);
	tcase_add_loop_test(tc, full_disk_is_reported_at_the_end, 0, 2);
	tcase_add_test(tc, no_trace_is_destroyed_without_complaint);
	tcase_add_test(tc, lines_of_several_threads_do_not_mix);
	suite_add_tcase(s, tc);
	return s;
}
