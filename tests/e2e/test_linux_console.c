/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --console=virtio: Linux's hvc0 on pipes and terminals.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/linux.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static const char *const pagers[] = {"uffd", "map", "eager"};

#define TYPED	 100000 /* bytes */
#define NUMBERS	 20000
#define OPEN_RAW "exec 3<>/dev/hvc0\nstty raw -echo <&3\n"

/* Every value of a byte, among them those that a terminal would take. */
static void make_bytes(char *bytes, size_t len)
{
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (char)(x >> 24);
	}
}

/* md5sum of what is in a file, as the tool prints it. */
static void sum_is_in(struct run *run, const char *path)
{
	struct run tool = {.program = "/usr/bin/md5sum"};

	RUN_START(&tool, path);
	run_end(&tool);
	run_is(&tool, 0);
	tool.out.bytes[32] = '\0';
	run_out_has(run, tool.out.bytes);
	run_free(&tool);
}

START_TEST(bytes_go_both_ways)
{
	struct run run = {.input = RUN_PIPE};
	char *typed, *numbers;
	size_t len = 0;

	if (!linux_have())
		return;
	typed = must_alloc(TYPED);
	make_bytes(typed, TYPED);
	must_write_file(must_file("typed"), typed, TYPED);
	LINUX_START(&run,
		    OPEN_RAW "echo now >&3\n"
			     "head -c 100000 <&3 | md5sum\n"
			     "seq 1 20000 | cat >&3\n",
		    "--console=virtio", "-c2", "--pager", pagers[_i]);
	run_expect(&run, "now");
	run_write(&run, typed, TYPED);
	/* That nothing more comes is nothing to the guest. */
	run_close_input(&run);
	linux_end(&run);
	sum_is_in(&run, must_file("typed"));
	numbers = must_alloc(NUMBERS * 6);
	for (int i = 1; i <= NUMBERS; i++)
		len += (size_t)sprintf(numbers + len, "%d\n", i);
	ck_assert_ptr_nonnull(strstr(run.out.bytes, numbers));
	free(numbers);
	free(typed);
	run_free(&run);
}
END_TEST

/* Typed before there is a driver; more than the device keeps. */
START_TEST(input_waits_for_the_driver)
{
	struct run run = {.input = RUN_PIPE};
	char typed[3000]; /* less than the line discipline keeps */

	if (!linux_have())
		return;
	memset(typed, '-', sizeof(typed));
	memcpy(typed + sizeof(typed) - 8, " the end", 8);
	LINUX_START(&run,
		    "rmmod virtio_console\n"
		    "echo without\n"
		    "sleep 1\n"
		    "modprobe virtio_console\n" OPEN_RAW "read -r line <&3\n"
		    "echo \"line:${line##*-}\"\n",
		    "--console=virtio");
	run_expect(&run, "without");
	run_write(&run, typed, sizeof(typed));
	run_write(&run, "\n", 1);
	linux_end(&run);
	run_out_has(&run, "line: the end\r\n");
	run_free(&run);
}
END_TEST

/* Terminals. */

static void set_size(int fd, unsigned short rows, unsigned short cols)
{
	struct winsize size = {.ws_row = rows, .ws_col = cols};

	if (ioctl(fd, TIOCSWINSZ, &size))
		_exit(125);
}

static void set_first_size(void)
{
	set_size(STDIN_FILENO, 43, 132);
}

#define WAIT_FOR_SIZE                                                         \
	"wait_for() { until [ \"$(stty size <&3)\" = \"$1\" ]; do sleep 0.1;" \
	" done; echo size $1; }\n"

START_TEST(terminal_has_the_hosts_size)
{
	struct run run = {.terminal = RUN_FOREGROUND,
			  .before_exec = set_first_size};

	if (!linux_have())
		return;
	LINUX_START(&run,
		    OPEN_RAW WAIT_FOR_SIZE "wait_for '43 132'\n"
					   "wait_for '24 80'\n"
					   "wait_for '199 501'\n"
					   "rmmod virtio_balloon\n",
		    "--console=virtio", "--balloon", "--pager", pagers[_i]);
	run_expect(&run, "size 43 132");
	set_size(run.out_fd, 24, 80);
	run_expect(&run, "size 24 80");
	/* Somebody drags a window's corner. */
	for (unsigned short i = 1; i <= 500; i++)
		set_size(run.out_fd, 200 - i % 2 * 100, i);
	set_size(run.out_fd, 199, 501);
	linux_end(&run);
	run_free(&run);
}
END_TEST

/* Keys are the guest's, but for this one. */
START_TEST(ctrl_a_x_ends_it)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	if (!linux_have())
		return;
	LINUX_START(&run, OPEN_RAW "echo now >&3\ncat <&3 >&3\n",
		    "--console=virtio");
	run_expect(&run, "now");
	run_write(&run,
		  "abc\x01\x01"
		  "def\x01x",
		  10);
	run_end(&run);
	run_is(&run, 130);
	ck_assert_uint_eq(run.before.c_lflag, run.after.c_lflag);
	run_free(&run);
}
END_TEST

static void fill(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_loop_test(tcase, bytes_go_both_ways, 0, NR(pagers));
	tcase_add_test(tcase, input_waits_for_the_driver);
	tcase_add_loop_test(tcase, terminal_has_the_hosts_size, 0, NR(pagers));
	tcase_add_test(tcase, ctrl_a_x_ends_it);
}

Suite *linux_console_suite(void)
{
	Suite *suite = suite_create("linux_console");

	must_add(suite, "hvc0", MUST_KVM | MUST_UFFD | MUST_WHOLE, fill);
	return suite;
}
