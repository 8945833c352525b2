/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console on a terminal, and on what is none: raw while the guest runs,
 * what it was afterwards, however the program ends.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static bool is_raw(const struct run *run)
{
	struct termios mode;

	ck_assert_int_eq(tcgetattr(run->out_fd, &mode), 0);
	return !(mode.c_lflag & (ICANON | ECHO | ISIG | IEXTEN)) &&
	       !(mode.c_iflag & (ICRNL | IXON));
}

static void mode_is_as_before(const struct run *run)
{
	ck_assert_uint_eq(run->before.c_iflag, run->after.c_iflag);
	ck_assert_uint_eq(run->before.c_oflag, run->after.c_oflag);
	ck_assert_uint_eq(run->before.c_cflag, run->after.c_cflag);
	ck_assert_uint_eq(run->before.c_lflag, run->after.c_lflag);
	ck_assert_mem_eq(run->before.c_cc, run->after.c_cc, NCCS);
	ck_assert_uint_ne(run->before.c_lflag & ICANON, 0);
}

/* Ways to die. The guest has said `ready` by then. */

static void nothing(struct run *run)
{
	(void)run;
}

static void quit(struct run *run)
{
	run_write(run, "\x01x", 2);
}

static void key_q(struct run *run)
{
	run_write(run, "q", 1);
}

static void send_term(struct run *run)
{
	kill(run->pid, SIGTERM);
}

static void send_int(struct run *run)
{
	kill(run->pid, SIGINT);
}

static void send_hup(struct run *run)
{
	kill(run->pid, SIGHUP);
}

static void send_quit(struct run *run)
{
	kill(run->pid, SIGQUIT);
}

static void send_segv(struct run *run)
{
	kill(run->pid, SIGSEGV);
}

static void send_bus(struct run *run)
{
	kill(run->pid, SIGBUS);
}

static void send_xcpu(struct run *run)
{
	kill(run->pid, SIGXCPU);
}

static void send_alarm(struct run *run)
{
	kill(run->pid, SIGALRM);
}

static void send_abort(struct run *run)
{
	kill(run->pid, SIGABRT);
}

/* The case has a copy of touch.elf, and the guest waits for a key. */
static void fail_pager(struct run *run)
{
	ck_assert_int_eq(truncate(must_file("touch.elf"), 8192), 0);
	run_write(run, "k", 1);
}

static const struct {
	const char *image, *option, *value, *ready;
	void (*die)(struct run *run);
	int status;
} ends[] = {
	{"hello.elf", "-c", "1", "Hello", nothing, 0},
	{"echo.elf", "-c", "2", "q ends", key_q, 0},
	{"triple.elf", "-c", "1", "about to fault", nothing, 120},
	{"echo.elf", "-c", "1", "q ends", quit, 130},
	{"spin.elf", "-c", "2", "for ever", quit, 130},
	{"pc.elf", "-a", "end=halt", "all there", quit, 130},
	{"spin.elf", "--pager", "map", "for ever", send_term, 143},
	{"echo.elf", "-c", "1", "q ends", send_int, 130},
	{"echo.elf", "-c", "1", "q ends", send_hup, 129},
	{"spin.elf", "-c", "1", "for ever", send_quit, 131},
	{"spin.elf", "--timeout", "0.5", "for ever", nothing, 124},
	{"touch.elf", "-a", "wait", "waiting", fail_pager, 121},
	{"touch.elf", "-await", "--pager=map", "waiting", fail_pager, 121},
	{"spin.elf", "-c", "1", "for ever", send_segv, 128 + SIGSEGV},
	{"echo.elf", "-c", "1", "q ends", send_bus, 128 + SIGBUS},
	{"echo.elf", "-c", "2", "q ends", send_abort, 128 + SIGABRT},
	{"spin.elf", "-c", "1", "for ever", send_xcpu, 128 + SIGXCPU},
	{"echo.elf", "-c", "1", "q ends", send_alarm, 128 + SIGALRM},
};

/* Copies: one of them is spoiled. */
static const char *copy_guest(const char *name)
{
	char built[64];

	snprintf(built, sizeof(built), "guest/%s", name);
	must_copy_file(must_built(built), must_file(name));
	return must_file(name);
}

START_TEST(terminal_is_restored_however_it_ends)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	RUN_START(&run, copy_guest(ends[_i].image), ends[_i].option,
		  ends[_i].value);
	run_expect(&run, ends[_i].ready);
	ends[_i].die(&run);
	run_end(&run);
	run_is(&run, ends[_i].status);
	mode_is_as_before(&run);
	run_free(&run);
}
END_TEST

START_TEST(terminal_is_raw_while_the_guest_runs)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	RUN_START(&run, must_built("guest/echo.elf"));
	run_expect(&run, "q ends");
	ck_assert(is_raw(&run));
	run_write(&run, "q", 1);
	run_end(&run);
	mode_is_as_before(&run);
	run_free(&run);
}
END_TEST

START_TEST(terminal_is_left_alone_where_nothing_runs)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	RUN_START(&run, "/nonexistent");
	run_end(&run);
	run_is(&run, 127);
	mode_is_as_before(&run);
	run_free(&run);
}
END_TEST

/* Output keeps its processing: a guest's \n becomes \r\n. */
START_TEST(lines_start_at_the_left)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	RUN_START(&run, must_built("guest/hello.elf"));
	run_end(&run);
	run_is(&run, 0);
	run_out_is(&run, "Hello\r\n");
	run_free(&run);
}
END_TEST

/* Keys that a terminal would take for itself, and the escapes. */
START_TEST(every_key_reaches_the_guest)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	RUN_START(&run, must_built("guest/echo.elf"));
	run_expect(&run, "q ends");
	run_write(&run,
		  "a\x03"
		  "b\x1a"
		  "c\x1c"
		  "d\x13"
		  "e\x7f"
		  "f",
		  11);
	run_expect(&run, "A\x03"
			 "B\x1a"
			 "C\x1c"
			 "D\x13"
			 "E\x7f"
			 "F");
	run_write(&run, "q", 1);
	run_end(&run);
	run_is(&run, 0);
	run_free(&run);
}
END_TEST

START_TEST(ctrl_a_twice_is_one_ctrl_a)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	RUN_START(&run, must_built("guest/echo.elf"));
	run_expect(&run, "q ends");
	run_write(&run, "<\x01\x01>", 4);
	run_expect(&run, "<\x01>");
	/* Not an escape: both pass. The pause splits the pair. */
	run_write(&run, "\x01", 1);
	must_sleep(0.05);
	run_write(&run, "z.", 2);
	run_expect(&run, "<\x01>\x01Z.");
	run_write(&run, "\x01", 1);
	must_sleep(0.05);
	run_write(&run, "x", 1);
	run_end(&run);
	run_is(&run, 130);
	run_err_has(&run, "Ctrl-A x");
	run_free(&run);
}
END_TEST

START_TEST(hang_up_ends_the_guest)
{
	struct run run = {.terminal = RUN_FOREGROUND};

	RUN_START(&run, must_built("guest/echo.elf"));
	run_expect(&run, "q ends");
	run_hang_up(&run);
	run_end(&run);
	run_is(&run, 129);
	run_free(&run);
}
END_TEST

START_TEST(background_leaves_the_terminal_alone)
{
	struct run run = {.terminal = RUN_BACKGROUND};

	RUN_START(&run, must_built("guest/echo.elf"), "--timeout", "0.7");
	run_expect(&run, "q ends");
	ck_assert(!is_raw(&run));
	run_write(&run, "q\n", 2); /* is the foreground's */
	run_end(&run);
	run_is(&run, 124);
	mode_is_as_before(&run);
	run_free(&run);
}
END_TEST

/* No terminal. */

START_TEST(ctrl_a_on_a_pipe_is_a_byte)
{
	struct run run = {.input = RUN_PIPE};

	RUN_START(&run, must_built("guest/echo.elf"));
	run_expect(&run, "q ends\n");
	run_write(&run, "\x01xq", 3);
	run_end(&run);
	run_is(&run, 0);
	run_out_has(&run, "\x01X\necho: done\n");
	run_free(&run);
}
END_TEST

/* Else the image would be descriptor 0, and typed at the guest. */
START_TEST(closed_stdin_types_nothing)
{
	struct run run = {.input = RUN_CLOSED};

	RUN_START(&run, must_built("guest/echo.elf"), "--timeout", "0.5");
	run_end(&run);
	run_is(&run, 124);
	run_out_is(&run, "echo: type, q ends\n");
	run_free(&run);
}
END_TEST

START_TEST(closed_stdout_loses_output_only)
{
	struct run run = {.output = RUN_OUT_CLOSED};
	const char *trace = must_file("trace");
	char *text;

	RUN_START(&run, must_built("guest/status.elf"), "--trace", trace);
	run_end(&run);
	run_is(&run, 42);
	text = must_read_file(trace, NULL);
	ck_assert_int_eq(*text, '#');
	free(text);
	run_free(&run);

	run = (struct run){.output = RUN_OUT_CLOSED};
	RUN_START(&run, must_built("guest/touch.elf"), "--trace", trace);
	run_end(&run);
	run_is(&run, 0);
	text = must_read_file(trace, NULL);
	ck_assert_ptr_null(strstr(text, "touch: "));
	free(text);
	run_free(&run);
}
END_TEST

static void close_everything(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
}

START_TEST(closed_descriptors_do_not_matter)
{
	struct run run = {.before_exec = close_everything};

	RUN_START(&run, must_built("guest.elf"), "-c", "2", "-a", "exit=9",
		  "--stats");
	run_end(&run);
	run_is(&run, 9);
	run_free(&run);
}
END_TEST

START_TEST(broken_pipe_does_not_stop_the_guest)
{
	struct run run = {.output = RUN_BROKEN};

	RUN_START(&run, must_built("guest.elf"), "-a", "exit=9");
	run_end(&run);
	run_is(&run, 9);
	run_free(&run);
}
END_TEST

START_TEST(full_disk_is_told)
{
	struct run run = {.output = RUN_FULL};

	RUN_START(&run, must_built("guest.elf"), "-a", "exit=9");
	run_end(&run);
	run_is(&run, 9);
	run_err_has(&run, "No space left");
	run_free(&run);
}
END_TEST

/* As `ulimit -f 0; vmm ... >file`; SIGXFSZ is not the end of vmm. */
static void no_room_for_stdout(void)
{
	const struct rlimit limit = {0, 0};
	int fd = memfd_create("stdout", 0);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
	    setrlimit(RLIMIT_FSIZE, &limit))
		_exit(99);
}

START_TEST(limit_of_file_size_is_told)
{
	struct run run = {.before_exec = no_room_for_stdout};

	RUN_START(&run, must_built("guest.elf"), "-a", "exit=9");
	run_end(&run);
	run_is(&run, 9);
	run_err_has(&run, "console output ends: File too large");
	run_free(&run);
}
END_TEST

/* A guest that prints more than a pipe and the buffer hold: it waits for the
 * reader, and --timeout does not. Echo gives back what is typed. */
static void start_chatty_guest(struct run *run, const char *seconds)
{
	char bytes[4096];

	memset(bytes, 'a', sizeof(bytes));
	RUN_START(run, must_built("guest/echo.elf"), "--timeout", seconds);
	must_sleep(0.3); /* the guest clears its FIFO; nothing tells when */
	fcntl(run->in_fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 32; i++)
		if (write(run->in_fd, bytes, sizeof(bytes)) < 0)
			break;
}

static void shrink_pipe(void)
{
	fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 4096);
}

START_TEST(reader_who_never_reads_does_not_hold_the_timeout_up)
{
	struct run run = {
		.input = RUN_PIPE,
		.output = RUN_UNREAD,
		.before_exec = shrink_pipe,
	};

	start_chatty_guest(&run, "2");
	run_end(&run);
	run_is(&run, 124);
	ck_assert_double_lt(run.seconds, 30);
	run_free(&run);
}
END_TEST

START_TEST(reader_who_never_reads_does_not_hold_a_signal_up)
{
	struct run run = {
		.input = RUN_PIPE,
		.output = RUN_UNREAD,
		.before_exec = shrink_pipe,
	};

	start_chatty_guest(&run, "50");
	must_sleep(0.7);
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 143);
	ck_assert_double_lt(run.seconds, 30);
	run_free(&run);
}
END_TEST

/* Flags belong to the open file, which others share. */
START_TEST(flags_of_the_descriptors_stay)
{
	struct run run = {.input = RUN_PIPE};
	int flags;

	RUN_START(&run, must_built("guest/echo.elf"));
	run_expect(&run, "q ends\n");
	flags = fcntl(run.in_fd, F_GETFL);
	ck_assert_int_eq(flags & O_NONBLOCK, 0);
	run_write(&run, "q", 1);
	run_end(&run);
	run_is(&run, 0);
	run_free(&run);
}
END_TEST

static int count_files(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void live_in_the_folder(void)
{
	const char *path = must_file(".");

	if (chdir(path) || setenv("TMPDIR", path, 1))
		_exit(99);
}

/* run_end looks for processes each time; this is about files. */
START_TEST(no_file_is_left_behind)
{
	static const char *const options[] = {"--stats", "--lazy-ram",
					      "--pager=map", "--pager=eager"};
	const char *image = must_built("guest.elf");
	int before = count_files(must_file("."));

	for (int i = 0; i < NR(options); i++) {
		struct run run = {.before_exec = live_in_the_folder};

		RUN_START(&run, image, options[i], "-i", image);
		run_end(&run);
		run_is(&run, 0);
		run_free(&run);
	}
	ck_assert_int_eq(count_files(must_file(".")), before);
}
END_TEST

static void fill_terminal(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, terminal_is_restored_however_it_ends, 0,
			    NR(ends));
	tcase_add_test(tcase, terminal_is_raw_while_the_guest_runs);
	tcase_add_test(tcase, terminal_is_left_alone_where_nothing_runs);
	tcase_add_test(tcase, lines_start_at_the_left);
	tcase_add_test(tcase, every_key_reaches_the_guest);
	tcase_add_test(tcase, ctrl_a_twice_is_one_ctrl_a);
	tcase_add_test(tcase, hang_up_ends_the_guest);
	tcase_add_test(tcase, background_leaves_the_terminal_alone);
}

static void fill_pipes(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_test(tcase, ctrl_a_on_a_pipe_is_a_byte);
	tcase_add_test(tcase, closed_stdin_types_nothing);
	tcase_add_test(tcase, closed_stdout_loses_output_only);
	tcase_add_test(tcase, closed_descriptors_do_not_matter);
	tcase_add_test(tcase, broken_pipe_does_not_stop_the_guest);
	tcase_add_test(tcase, full_disk_is_told);
	tcase_add_test(tcase, limit_of_file_size_is_told);
	tcase_add_test(tcase,
		       reader_who_never_reads_does_not_hold_the_timeout_up);
	tcase_add_test(tcase, reader_who_never_reads_does_not_hold_a_signal_up);
	tcase_add_test(tcase, flags_of_the_descriptors_stay);
	tcase_add_test(tcase, no_file_is_left_behind);
}

Suite *terminal_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD;
	Suite *suite = suite_create("terminal");

	must_add(suite, "terminal", needs, fill_terminal);
	must_add(suite, "pipes", needs, fill_pipes);
	return suite;
}
