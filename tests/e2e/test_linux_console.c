/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --console=virtio: Linux's hvc0 on pipes and terminals.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
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

#define TYPE(run, keys) run_write((run), (keys), sizeof(keys) - 1)

/* With job control: keys are the guest's. */
START_TEST(shell_runs_on_it)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	if (!linux_have())
		return;
	LINUX_START(&run,
		    "export PS1='ready# '\n"
		    "setsid -c sh </dev/hvc0 >/dev/hvc0 2>&1\n",
		    "--console=virtio");
	run_expect(&run, "ready# ");
	TYPE(&run, "echo $((6 * 7)) $(tty)\r");
	run_expect(&run, "42 /dev/hvc0\r");
	TYPE(&run, "echo sleeping; sleep 1000\r");
	run_expect(&run, "sleeping\r");
	TYPE(&run, "\x03");
	run_expect(&run, "^C");
	TYPE(&run, "echo status=$?\r");
	run_expect(&run, "status=130\r");
	TYPE(&run, "exit\r");
	linux_end(&run);
	run_free(&run);
}
END_TEST

/* But for this one. */
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

/* Nobody reads. */

/* It may also have ended before. */
static void wait_until_full(const struct run *run)
{
	struct pollfd writer = {.events = POLLOUT};
	siginfo_t end = {0};
	char path[32];

	/* Another end to write to: it can be asked whether there is room. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", run->out_fd);
	writer.fd = must_open(path, O_WRONLY | O_CLOEXEC);
	while (poll(&writer, 1, 0) && !end.si_pid) {
		ck_assert_int_eq(waitid(P_PID, (id_t)run->pid, &end,
					WEXITED | WNOHANG | WNOWAIT),
				 0);
		must_sleep(0.01);
	}
	close(writer.fd);
}

START_TEST(full_stdout_holds_up_no_signal)
{
	struct run run = {.output = RUN_UNREAD};

	if (!linux_have())
		return;
	LINUX_START(&run, "cat /dev/zero >/dev/hvc0\n", "--console=virtio",
		    "-c2");
	wait_until_full(&run);
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 128 + SIGTERM);
	run_free(&run);
}
END_TEST

START_TEST(full_stdout_holds_up_no_timeout)
{
	struct run run = {.output = RUN_UNREAD};
	char seconds[16];

	if (!linux_have())
		return;
	snprintf(seconds, sizeof(seconds), "%d", 8 * must_patience());
	LINUX_START(&run, "cat /dev/zero >/dev/hvc0\n", "--console=virtio",
		    "-c2", "--timeout", seconds);
	wait_until_full(&run);
	run_end(&run);
	run_is(&run, 124);
	run_free(&run);
}
END_TEST

static void fill(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_loop_test(tcase, bytes_go_both_ways, 0, NR(pagers));
	tcase_add_test(tcase, input_waits_for_the_driver);
	tcase_add_loop_test(tcase, terminal_has_the_hosts_size, 0, NR(pagers));
}

static void fill_ends(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_test(tcase, shell_runs_on_it);
	tcase_add_test(tcase, ctrl_a_x_ends_it);
	tcase_add_test(tcase, full_stdout_holds_up_no_signal);
	tcase_add_test(tcase, full_stdout_holds_up_no_timeout);
}

Suite *linux_console_suite(void)
{
	Suite *suite = suite_create("linux_console");

	must_add(suite, "hvc0", MUST_KVM | MUST_UFFD | MUST_WHOLE, fill);
	must_add(suite, "ends", MUST_KVM | MUST_UFFD | MUST_WHOLE, fill_ends);
	return suite;
}
