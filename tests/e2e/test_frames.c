/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --pager-control, by a guest that uses it (guest/frames.c): what it sees, and
 * what becomes of it when it does what a page does not allow.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <string.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define FRAMES must_built("guest/frames.elf")
#define DONE   "frames: unmapped, missed, mapped, loaded again\n"

/* Loops over machines, inside over windows and sizes: 3 GiB are covered by slots
 * as the guest goes, where that costs. */
START_TEST(guest_unmaps_maps_and_is_told)
{
	struct run *run =
		VMM(FRAMES, "--pager-control", "--machine",
		    _i % 2 ? "minimal" : "pc", "--window",
		    _i & 2 ? "4K" : "256K", "-m", _i & 4 ? "3G" : "128M");

	run_is(run, 0);
	run_err_is(run, "");
	run_out_is(run, DONE);
}
END_TEST

/* In each ring: 5 unmaps, 3 maps, 3 pages that come again, 3 reports; then 4
 * unmaps, a map and a page for the errors, 2, a page that comes again to become a
 * frame, and 19 reports for the queue. */
START_TEST(statistics_count_it)
{
	struct run *run = VMM(FRAMES, "--pager-control", "--stats=json");

	run_is(run, 0);
	ck_assert_double_eq(run_number(run->err.bytes, "\"unmaps\":"), 16);
	ck_assert_double_eq(run_number(run->err.bytes, "\"maps\":"), 7);
	ck_assert_double_eq(run_number(run->err.bytes, "\"reloads\":"), 8);
	ck_assert_double_eq(run_number(run->err.bytes, "\"reports\":"),
			    2 * 3 + 19);
	/* All slots are one again. */
	ck_assert_double_eq(run_number(run->err.bytes, "\"slots\":"), 1);
	run = VMM(FRAMES, "--pager-control", "--stats");
	run_err_has(run, "\nframes    16 unmaps, 7 maps, 8 reloads, 25 "
			 "reports\n");
	run = VMM(must_built("guest/hello.elf"), "--stats=json");
	ck_assert_ptr_null(strstr(run->err.bytes, "\"frames\""));
}
END_TEST

START_TEST(access_that_is_not_allowed_ends_the_guest)
{
	static const struct {
		const char *cmdline, *message;
	} ends[] = {
		{"stop=read", "vmm: guest crashed: vCPU 0: read of 8 bytes at "
			      "0x"},
		{"stop=read", "which the guest has unmapped (--pager-control)"
			      "\n"},
		{"stop=write",
		 "vmm: guest crashed: vCPU 0: write of 8 bytes to 0x"},
		{"stop=write", "where frame 1 is mapped to be read and "
			       "executed alone (--pager-control)\n"},
		{"stop=write", " user_write+0x"}, /* rip */
		{"stop=fetch", "vmm: guest crashed: vCPU 0: "},
	};
	struct run *run =
		VMM(FRAMES, "--pager-control", "-a", ends[_i].cmdline);

	run_is(run, 120);
	run_out_is(run, "");
	run_err_has(run, ends[_i].message);
}
END_TEST

START_TEST(processors_race_with_what_is_unmapped)
{
	static const char *const cpus[] = {"2", "4"};
	struct run *run = VMM(FRAMES, "--pager-control", "-c", cpus[_i], "-a",
			      "race=24", "--stats=json");

	run_is(run, 0);
	run_out_has(run, "frames: a race, ");
	ck_assert_double_eq(run_number(run->err.bytes, "\"unmaps\":"), 30);
	ck_assert_double_eq(run_number(run->err.bytes, "\"maps\":"), 36);
}
END_TEST

START_TEST(nonsense_does_no_harm)
{
	struct run *run = VMM(FRAMES, "--pager-control", "-a", "wild=500",
			      "--machine", _i ? "minimal" : "pc");

	run_is(run, 0);
	run_err_is(run, "");
	run_out_is(run, "frames: wild, and alive\n");
}
END_TEST

START_TEST(registers_are_there_on_request_alone)
{
	struct run *run = VMM(FRAMES);

	run_is(run, 1);
	run_out_is(run, "frames: there is no pager control\n");
}
END_TEST

/* Whose memory is whole again; and one that leaves a page unmapped. */
START_TEST(digest_and_core_are_of_what_is_mapped)
{
	const char *core = must_file("core");
	char first[128];
	struct run *run = VMM(FRAMES, "--pager-control", "--digest");

	run_is(run, 0);
	snprintf(first, sizeof(first), "%s", run->err.bytes);
	run = VMM(FRAMES, "--pager-control", "--digest", "--window", "4K");
	run_err_is(run, first);
	run = VMM(FRAMES, "--pager-control", "--digest", "--dump", core, "-a",
		  "stop=read");
	run_is(run, 120);
	run_err_has(run, "\ndigest: sha256:");
}
END_TEST

/* guest/dmaframe.c. */
START_TEST(device_is_held_to_what_a_page_allows)
{
	static const struct {
		const char *cmdline;
		int status;
		const char *out, *err;
	} ends[] = {
		{"again", 0, "dmaframe: the page came for the device\n", ""},
		{"buffer", 0, "dmaframe: the device is broken\n",
		 "vmm: virtio-rng: queue 0: a buffer is not in RAM; the device "
		 "needs a reset\n"},
		{"ring", 120, "", "vmm: guest crashed: a device's write at 0x"},
		{"ring", 120, "",
		 ", which the guest has unmapped (--pager-control)\n"},
		{"read-only", 120, "",
		 ", which the guest has mapped to be read and executed alone "
		 "(--pager-control)\n"},
	};
	struct run *run =
		VMM(must_built("guest/dmaframe.elf"), "--pager-control",
		    "--rng", "--timeout", "50", "-a", ends[_i].cmdline);

	run_is(run, ends[_i].status);
	run_out_is(run, ends[_i].out);
	run_err_has(run, ends[_i].err);
}
END_TEST

START_TEST(it_wants_userfaultfd_and_no_balloon)
{
	struct run *run = VMM(FRAMES, "--pager-control", "--pager=map");

	run_is(run, 125);
	run_err_has(run, "--pager-control goes with --pager=uffd alone");
	run = VMM(FRAMES, "--pager=eager", "--pager-control");
	run_is(run, 125);
	run = VMM(FRAMES, "--balloon", "--pager-control");
	run_is(run, 125);
	run_err_has(run, "exclude each other");
}
END_TEST

static void fill(TCase *tc)
{
	must_add_folder(tc);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, guest_unmaps_maps_and_is_told, 0, 8);
	tcase_add_test(tc, statistics_count_it);
	tcase_add_loop_test(tc, access_that_is_not_allowed_ends_the_guest, 0,
			    6);
	tcase_add_loop_test(tc, processors_race_with_what_is_unmapped, 0, 2);
	tcase_add_loop_test(tc, nonsense_does_no_harm, 0, 2);
	tcase_add_test(tc, registers_are_there_on_request_alone);
	tcase_add_test(tc, digest_and_core_are_of_what_is_mapped);
	tcase_add_loop_test(tc, device_is_held_to_what_a_page_allows, 0, 5);
	tcase_add_test(tc, it_wants_userfaultfd_and_no_balloon);
}

Suite *frames_e2e_suite(void)
{
	Suite *s = suite_create("frames");

	must_add(s, "frames", MUST_KVM | MUST_UFFD, fill);
	return s;
}
