/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --balloon: memory that a guest gives back is the host's again, and reads as
 * zeros, wherever it came from; by a guest of ours, which knows its pages, and
 * by Linux.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/pattern.h"
#include "tests/must.h"
#include "tests/e2e/linux.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static const char *const pagers[] = {"uffd", "map", "eager"};

/* guest/balloon.c. */

#define PATTERN_PAGES 1024
#define GIVEN	      (320 + 32) /* by the guest, once */
#define TWICE	      8

static bool is_given(uint64_t page)
{
	return page < 320 || (page < 384 && page % 2 == 0);
}

static void guest_is_well(struct run *run)
{
	run_is(run, 0);
	run_out_is(run, "balloon: what was given back is zeros\n");
}

START_TEST(image_given_back_becomes_zeros)
{
	struct run *run = VMM(must_built("guest/balloon.elf"), "--balloon",
			      "--pager", pagers[_i % 3], "--machine",
			      _i / 3 ? "minimal" : "pc", "--stats=json");

	guest_is_well(run);
	ck_assert_double_eq(run_number(run->err.bytes, "\"pages_discarded\":"),
			    GIVEN + TWICE);
}
END_TEST

START_TEST(everything_is_given_back_and_the_rings)
{
	struct run *run =
		VMM(must_built("guest/balloon.elf"), "--balloon", "--pager",
		    pagers[_i], "-a", "all", "--window", "4K");

	guest_is_well(run);
	run_err_is(run, "vmm: virtio-balloon: queue 0: the available index has "
			"moved by more than the queue's size; the device "
			"needs a reset\n");
}
END_TEST

/* Which page of the pattern does a word come from? The inverse of
 * pattern_word(). */
static uint64_t pattern_page(uint64_t word)
{
	uint64_t x = word ^ word >> 32, inverse = 1;

	/* Newton: each step doubles the bits that are right. */
	for (int i = 0; i < 6; i++)
		inverse *= 2 - UINT64_C(0x9e3779b97f4a7c15) * inverse;
	return (x * inverse - 1) / PATTERN_WORDS_PER_PAGE;
}

START_TEST(dump_has_zeros_for_what_was_given_back)
{
	const char *core = must_file("core");
	unsigned words[PATTERN_PAGES] = {0};
	struct run *run;
	size_t len;
	char *bytes;

	ck_assert_uint_eq(pattern_page(pattern_word(0)), 0);
	ck_assert_uint_eq(pattern_page(pattern_word(511)), 0);
	ck_assert_uint_eq(pattern_page(pattern_word(512 * 77)), 77);
	run = VMM(must_built("guest/balloon.elf"), "--balloon", "--pager",
		  pagers[_i], "-m32M", "--dump", core);
	guest_is_well(run);
	bytes = must_read_file(core, &len);
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word, page;

		memcpy(&word, bytes + i, sizeof(word));
		page = word ? pattern_page(word) : PATTERN_PAGES;
		if (page < PATTERN_PAGES)
			words[page]++;
	}
	free(bytes);
	/* Registers and stacks have some, too. */
	for (unsigned i = 0; i < PATTERN_PAGES; i++)
		ck_assert_msg(is_given(i) ? !words[i]
					  : words[i] >= PATTERN_WORDS_PER_PAGE,
			      "%u words of page %u", words[i], i);
}
END_TEST

/* Linux. */

#define MIB 1024 /* KiB */

/* Memory that the VMM has now. */
static long resident_kib(const struct run *run)
{
	char path[64];
	char *text;
	double kib;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)run->pid);
	text = must_read_file(path, NULL);
	kib = run_number(text, "VmRSS:");
	free(text);
	return (long)kib;
}

/* Linux reports some seconds after memory has become free, and only blocks of 2
 * MiB that are free as a whole. */
static void wait_for_less(const struct run *run, long kib)
{
	while (resident_kib(run) > kib)
		must_sleep(0.05);
}

#define FUNCTIONS                                             \
	"stat() { awk \"/^$2/ {print \\$2}\" $1; }\n"         \
	"inflated() { stat /proc/vmstat balloon_inflate; }\n" \
	"deflated() { stat /proc/vmstat balloon_deflate; }\n" \
	"free() { stat /proc/meminfo MemFree; }\n"            \
	"total() { stat /proc/meminfo MemTotal; }\n"          \
	"wait_for() { until [ $(inflated) -ge $1 ]; do sleep 0.1; done; }\n"

/* The driver is taken away in between, which empties the balloon. */
static const char target_script[] =
	FUNCTIONS "wait_for 16384\n"
		  "rmmod virtio_balloon\n"
		  "echo deflated: $(deflated)\n"
		  "before=$(free) all=$(total)\n"
		  "modprobe virtio_balloon\n"
		  "wait_for 32768\n"
		  "echo taken: $((before - $(free)))\n"
		  "echo total: $((all - $(total)))\n";

START_TEST(linux_gives_as_much_as_it_is_asked_for)
{
	struct run run = {.limit = 100};
	double taken;

	if (!linux_have())
		return;
	LINUX_START(&run, target_script, "--balloon=64M", "--pager", pagers[_i],
		    "--stats=json");
	linux_end(&run);
	run_out_has(&run, "deflated: 16384\r\n");
	/* What is in the balloon may come back when memory is short. */
	run_out_has(&run, "total: 0\r\n");
	taken = run_number(run.out.bytes, "taken: ");
	ck_assert_double_gt(taken, 60 * MIB);
	ck_assert_double_lt(taken, 70 * MIB);
	ck_assert_double_ge(run_number(run.err.bytes, "\"pages_discarded\":"),
			    32768);
	run_free(&run);
}
END_TEST

static const char report_script[] =
	"mount -t tmpfs -o size=100m none /mnt\n"
	"for round in 1 2; do\n"
	"	dd if=/dev/urandom of=/mnt/file bs=1M count=64 2>/dev/null\n"
	"	md5sum </mnt/file >/tmp/sum\n"
	"	echo full\n"
	"	read line\n"
	"	md5sum </mnt/file | cmp - /tmp/sum\n"
	"	rm /mnt/file\n"
	"	echo empty\n"
	"	read line\n"
	"done\n";

static const struct {
	const char *pager, *cmdline;
} reporters[] = {
	{"uffd", ""},
	{"map", ""},
	{"eager", ""},
	/* Page poison, of zeros. */
	{"uffd", "init_on_free=1"},
};

START_TEST(memory_that_linux_frees_is_the_hosts)
{
	struct run run = {.limit = 100, .input = RUN_PIPE};

	if (!linux_have())
		return;
	LINUX_START(&run, report_script, "--balloon", "--pager",
		    reporters[_i].pager, "-a", reporters[_i].cmdline,
		    "--stats=json", "-c2");
	for (int round = 0; round < 2; round++) {
		long full;

		run_expect(&run, round ? "empty\r\n\r\nfull\r\n" : "full\r\n");
		full = resident_kib(&run);
		ck_assert_int_gt(full, 64 * MIB);
		run_write(&run, "\n", 1);
		wait_for_less(&run, full - 32 * MIB);
		run_expect(&run, round ? "full\r\n\r\nempty\r\n" : "empty\r\n");
		run_write(&run, "\n", 1);
	}
	linux_end(&run);
	ck_assert_double_ge(run_number(run.err.bytes, "\"pages_discarded\":"),
			    2 * 32 * 256);
	run_free(&run);
}
END_TEST

static const char oom_script[] =
	FUNCTIONS "wait_for 36864\n"
		  "echo before: $(deflated)\n"
		  "mount -t tmpfs -o size=150m none /mnt\n"
		  "dd if=/dev/zero of=/mnt/file bs=1M count=90 2>/dev/null\n"
		  "cmp -n 94371840 /mnt/file /dev/zero\n"
		  "echo after: $(deflated)\n"
		  "echo killed: $(dmesg | grep -c 'Killed process')\n";

START_TEST(linux_takes_memory_back_when_it_is_short)
{
	struct run run = {.limit = 100};

	if (!linux_have())
		return;
	LINUX_START(&run, oom_script, "--balloon=144M", "--pager", pagers[_i]);
	linux_end(&run);
	run_out_has(&run, "before: 0\r\n");
	ck_assert_double_gt(run_number(run.out.bytes, "after: "), 2560);
	run_out_has(&run, "killed: 0\r\n");
	run_free(&run);
}
END_TEST

static void fill_guest(TCase *tcase)
{
	tcase_set_timeout(tcase, 60);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, image_given_back_becomes_zeros, 0, 6);
	tcase_add_loop_test(tcase, everything_is_given_back_and_the_rings, 0,
			    NR(pagers));
	tcase_add_loop_test(tcase, dump_has_zeros_for_what_was_given_back, 0,
			    NR(pagers));
}

static void fill_linux(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_loop_test(tcase, linux_gives_as_much_as_it_is_asked_for, 0,
			    NR(pagers));
	tcase_add_loop_test(tcase, memory_that_linux_frees_is_the_hosts, 0,
			    NR(reporters));
	tcase_add_loop_test(tcase, linux_takes_memory_back_when_it_is_short, 0,
			    NR(pagers));
}

Suite *balloon_suite(void)
{
	Suite *suite = suite_create("balloon");

	must_add(suite, "guest", MUST_KVM | MUST_UFFD, fill_guest);
	must_add(suite, "linux", MUST_KVM | MUST_UFFD | MUST_WHOLE, fill_linux);
	return suite;
}
