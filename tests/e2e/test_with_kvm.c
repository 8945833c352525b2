/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scripts/with-kvm: a command, in a machine that is emulated where there is no
 * KVM. Booting takes seconds, so that few tests do it, and each looks at much.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))
#define WITH_KVM  "scripts/with-kvm"

/* Before the tests, once; out of the network if need be. */
static void fetch(void)
{
	struct run run = {.program = "/bin/sh"};

	RUN_START(&run, "scripts/nested-kernel.sh", "build/nested");
	if (run_end(&run))
		fprintf(stderr, "%s", run.err.bytes);
	run_free(&run);
}

static bool have_machine(void)
{
	return must_have("nested",
			 !access("build/nested/VERSION", R_OK) &&
				 !system("command -v qemu-system-x86_64 "
					 ">/dev/null"),
			 "no QEMU, or no kernel for it");
}

static bool have_mounts(void)
{
	return must_have("root", !geteuid(), "only root may mount");
}

/* "NAME=folder", a folder made for it in the case's own. */
static const char *folder(const char *name)
{
	static char words[4][600];
	static unsigned next;
	char *word = words[next++ % 4];

	snprintf(word, sizeof(words[0]), "%s=%s", name, must_file(name));
	mkdir(must_file(name), 0755);
	return word;
}

static void is_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		ck_assert_msg(entry->d_name[0] == '.', "%s/%s is left", path,
			      entry->d_name);
	closedir(dir);
}

static void is_one_line(struct run *run, int status, const char *text)
{
	run_is(run, status);
	run_out_is(run, "");
	run_err_has(run, text);
	ck_assert_msg(strchr(run->err.bytes, '\n') ==
			      run->err.bytes + run->err.len - 1,
		      "not one line: %s", run->err.bytes);
}

/* Mistakes, and what is missing: found before anything starts. */

static const struct {
	const char *words[6];
	int status;
	const char *text;
} mistakes[] = {
	{{NULL}, 125, "no COMMAND"},
	{{"--nested"}, 125, "no COMMAND"},
	{{"--nested", "--"}, 125, "no COMMAND"},
	{{"--nexted", "true"}, 125, "unknown option '--nexted'"},
	{{"-nq", "true"}, 125, "unknown option '-q'"},
	{{"-int", "x", "true"}, 125, "'x': not seconds"},
	{{"-nt0", "true"}, 125, "'0': not more than zero"},
	{{"--timeout"}, 125, "--timeout needs a value"},
	{{"--timeout", "true"}, 125, "'true': not seconds"},
	{{"--timeout=", "true"}, 125, "'': not seconds"},
	{{"--timeout=1m", "true"}, 125, "'1m': not seconds"},
	{{"-t", "1.2.3", "true"}, 125, "'1.2.3': not seconds"},
	{{"-t", "-1", "true"}, 125, "'-1': not seconds"},
	{{"-t", "0", "true"}, 125, "'0': not more than zero"},
	{{"-t", "0.0", "true"}, 125, "'0.0': not more than zero"},
	{{"--cpus"}, 125, "--cpus needs a value"},
	{{"--cpus", "0", "true"}, 125, "--cpus '0': not a number from 1"},
	{{"--cpus=256", "true"}, 125, "--cpus '256': not a number from 1"},
	{{"-c2x", "true"}, 125, "--cpus '2x': not a number from 1"},
	{{"-i", "-c", "2", "true"}, 125, "--cpus 2: --icount has one"},
	{{"--mem", "1P", "true"}, 125, "--mem '1P': not a size"},
	{{"--mem=", "true"}, 125, "--mem '': not a size"},
	{{"-m-1", "true"}, 125, "--mem '-1': not a size"},
	{{"-m", "1.5G", "true"}, 125, "--mem '1.5G': not a size"},
	{{"-m", "99999999999999999999", "true"}, 125, "not a size"},
	{{"-m", "255M", "true"}, 125, "--mem '255M': less than 256M"},
	{{"-m", "1000000K", "-m1T", "true"}, 125, "--mem '1T': more than"},
	{{"--nested=1", "true"}, 125, "unknown option '--nested=1'"},
	{{"no-such-command"}, 127, "no-such-command: not found"},
	{{"cd", "/"}, 127, "with-kvm: cd: not found"},
	{{"--nested", "cd", "/"}, 127, "with-kvm: cd: not found"},
	{{"--nested", ""}, 127, "with-kvm: '': not found"},
	{{"--nested", "./no/such"}, 127, "./no/such: not found"},
	{{"--nested", "./Makefile"}, 126, "./Makefile: cannot be executed"},
	{{"tests/"}, 126, "tests/: cannot be executed"},
};

START_TEST(mistake_is_one_line_and_a_status)
{
	struct run run = {.program = WITH_KVM};

	run_start(&run, mistakes[_i].words);
	run_end(&run);
	is_one_line(&run, mistakes[_i].status, mistakes[_i].text);
	run_free(&run);
}
END_TEST

static const struct {
	const char *variable;
	const char *text;
} missing[] = {
	{"QEMU=no-such-qemu",
	 "no-such-qemu is missing (Debian: qemu-system-x86"},
	{"OUT=/no/such/folder", "OUT='/no/such/folder': not a folder"},
	{"OUT=/dev/null", "OUT='/dev/null': not a folder"},
};

START_TEST(what_is_missing_is_named)
{
	struct run run = {.program = "/usr/bin/env"};

	RUN_START(&run, missing[_i].variable, WITH_KVM, "--nested", "true");
	run_end(&run);
	if (strncmp(missing[_i].variable, "QEMU", 4) && !have_machine())
		return;
	is_one_line(&run, 125, missing[_i].text);
	run_free(&run);
}
END_TEST

START_TEST(help_fits_a_screen)
{
	struct run run = {.program = WITH_KVM};
	int lines = 0;

	RUN_START(&run, "--help");
	run_end(&run);
	run_is(&run, 0);
	for (char *at = run.out.bytes; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_int_gt(lines, 5);
	ck_assert_int_lt(lines, 25);
	run_free(&run);
}
END_TEST

/* Directly. */

START_TEST(where_there_is_a_kvm_the_command_just_runs)
{
	struct run run = {.program = WITH_KVM, .input = RUN_PIPE};

	RUN_START(&run, "sh", "-c", "cat; printf '[%s]' \"$@\"; exit 9", "sh",
		  "a b", "", "'\n");
	run_write(&run, "in\n", 3);
	run_close_input(&run);
	run_end(&run);
	run_is(&run, 9);
	run_out_is(&run, "in\n[a b][]['\n]");
	run_err_is(&run, "");
	run_free(&run);
}
END_TEST

START_TEST(time_limit_holds_directly_too)
{
	struct run run = {.program = WITH_KVM};

	RUN_START(&run, "--timeout", "0.1", "sleep", "1000");
	run_end(&run);
	run_is(&run, 124);
	run_free(&run);
}
END_TEST

/* run_end looks for what is left behind. */
START_TEST(time_limit_ends_what_the_command_has_started)
{
	struct run run = {.program = WITH_KVM};

	RUN_START(&run, "-t0.3", "sh", "-c", "sleep 1000 & wait");
	run_end(&run);
	run_is(&run, 124);
	run_err_is(&run, "");
	run_free(&run);
}
END_TEST

START_TEST(time_limit_leaves_the_terminal_to_the_command)
{
	struct run run = {.program = WITH_KVM, .terminal = RUN_FOREGROUND};

	RUN_START(&run, "--timeout=50", "sh", "-c",
		  "read line; echo got $line; exec sleep 1000");
	run_write(&run, "typed\r", 6);
	run_expect(&run, "got typed\r\n");
	run_write(&run, "\003", 1);
	run_end(&run);
	run_is(&run, 130);
	run_free(&run);
}
END_TEST

START_TEST(signal_goes_through_to_a_limited_command)
{
	struct run run = {.program = WITH_KVM};

	RUN_START(&run, "--timeout=50", "sh", "-c",
		  "trap 'echo told; exit 3' TERM; echo on;"
		  "while :; do sleep 0.1; done");
	run_expect(&run, "on\n");
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 3);
	run_out_is(&run, "on\ntold\n");
	run_free(&run);
}
END_TEST

/* In the emulated machine. */

/* A shell says so itself, too. */
START_TEST(deleted_folder_is_named)
{
	struct run run = {.program = "/bin/sh"};

	RUN_START(&run, "-c",
		  "script=$PWD/" WITH_KVM "; cd \"$1\"; rmdir \"$1\";"
		  "exec \"$script\" --nested true",
		  "sh", strchr(folder("gone"), '=') + 1);
	run_end(&run);
	run_is(&run, 125);
	run_err_has(&run, "with-kvm: the current folder has been deleted\n");
	run_free(&run);
}
END_TEST

/* What a command can notice, and what can be noticed of it. */
START_TEST(command_runs_as_if_it_were_here)
{
	struct run run = {.program = "/usr/bin/env", .input = RUN_CLOSED};
	const char *elsewhere = must_file("lost");
	char *text;

	if (!have_machine())
		return;
	RUN_START(&run, folder("TMPDIR"), folder("OUT"), "STRANGE='a\n\"$b\\ ",
		  WITH_KVM, "--nested", "sh", "-c",
		  "test -c /dev/kvm || echo no KVM; cat; pwd;"
		  "printf '%s.' \"$WITH_KVM\" \"$STRANGE\" \"$@\";"
		  "for i in 1 2 3; do echo out $i; echo err $i >/dev/stderr; "
		  "done;"
		  "echo kept >\"$OUT/file\"; echo lost >\"$1\";"
		  "(sleep 1000; echo late) & exit 37",
		  "sh", elsewhere, "two  words", "", "it's\n\n", "\\n$(ls)`*\"",
		  "-n");
	run_end(&run);
	run_is(&run, 37);
	run_err_is(&run, "err 1\nerr 2\nerr 3\n");
	text = getcwd(NULL, 0);
	ck_assert_int_eq(strncmp(run.out.bytes, text, strlen(text)), 0);
	free(text);
	run_out_has(&run, "\nnested.'a\n\"$b\\ .");
	run_out_has(&run, ".two  words..it's\n\n.\\n$(ls)`*\".-n.out 1\nout 2\n"
			  "out 3\n");
	text = must_read_file(must_file("OUT/file"), NULL);
	ck_assert_str_eq(text, "kept\n");
	free(text);
	ck_assert_int_ne(access(elsewhere, F_OK), 0);
	is_empty(must_file("TMPDIR"));
	run_free(&run);
}
END_TEST

/* Also: the processors, the memory, and the order of a common output. */
START_TEST(file_as_stdin_is_read_as_far_as_the_command_reads)
{
	static const char lines[] = "one\ntwo\nthree\nfour\n";
	struct run run = {.program = "/bin/sh"};

	if (!have_machine())
		return;
	must_write_file(must_file("lines"), lines, sizeof(lines) - 1);
	RUN_START(&run, "-c",
		  "{ read line;" WITH_KVM " -nc2 -m 700M sh -c '"
		  "  read line; echo got $line; echo err >&2; echo out;"
		  "  read line; echo got $line; nproc;"
		  "  awk \"/MemTotal/ { print int(\\$2 / 100000) }\""
		  "	/proc/meminfo' 2>&1;"
		  "read line; echo left $line; } <\"$1\"",
		  "sh", must_file("lines"));
	run_end(&run);
	run_is(&run, 0);
	run_out_is(&run, "got two\nerr\nout\ngot three\n2\n6\nleft four\n");
	run_err_is(&run, "");
	run_free(&run);
}
END_TEST

/* Also: what tests with devices need of the kernel. */
START_TEST(pipe_as_stdin_is_read_to_its_end)
{
	static char bytes[300000];
	struct run run = {.program = "/usr/bin/env", .input = RUN_PIPE};

	if (!have_machine())
		return;
	RUN_START(&run, folder("TMPDIR"), WITH_KVM, "--nested", "sh", "-c",
		  "wc -c; unshare -U true && echo user;"
		  ": <>/dev/net/tun && echo tun;"
		  "ls /sys/module | grep -x tun");
	memset(bytes, 'x', sizeof(bytes));
	run_write(&run, bytes, sizeof(bytes));
	run_close_input(&run);
	run_end(&run);
	run_is(&run, 0);
	run_out_is(&run, "300000\nuser\ntun\ntun\n");
	run_err_is(&run, "");
	is_empty(must_file("TMPDIR"));
	run_free(&run);
}
END_TEST

/* run->in_fd is the terminal's other side. */
static void set_size(struct run *run, unsigned short rows,
		     unsigned short columns)
{
	const struct winsize size = {.ws_row = rows, .ws_col = columns};

	ck_assert_int_eq(ioctl(run->in_fd, TIOCSWINSZ, &size), 0);
}

/* Ctrl-C as a signal: ctrl_c_ends_all_of_it. */
START_TEST(terminal_is_the_commands_with_all_keys)
{
	struct run run = {.program = "/usr/bin/env",
			  .terminal = RUN_FOREGROUND};

	if (!have_machine())
		return;
	RUN_START(
		&run, folder("TMPDIR"), WITH_KVM, "--nested", "sh", "-c",
		"tty; stty -echo; echo ready;"
		"read line; echo got $line;"
		"until [ \"$(stty size)\" = '33 99' ]; do :; done; echo sized;"
		"stty raw; echo err >&2; echo raw;"
		"head -c 3 | od -An -tx1; exit 5");
	run_expect(&run, "/dev/hvc0\r\n");
	run_expect(&run, "ready\r\n");
	run_write(&run, "typed\r", 6);
	run_expect(&run, "got typed\r\n");
	set_size(&run, 33, 99);
	run_expect(&run, "sized\r\n");
	run_expect(&run, "raw\n");
	run_write(&run, "\001\003\004", 3);
	run_expect(&run, " 01 03 04\n");
	run_end(&run);
	run_is(&run, 5);
	run_err_is(&run, "err\n");
	ck_assert_int_eq(memcmp(&run.before, &run.after, sizeof(run.before)),
			 0);
	is_empty(must_file("TMPDIR"));
	run_free(&run);
}
END_TEST

static bool is_raw(struct run *run)
{
	struct termios now;

	ck_assert_int_eq(tcgetattr(run->in_fd, &now), 0);
	return !(now.c_lflag & ICANON);
}

/* And the terminal is restored; what is left in TMPDIR goes with the next. */
START_TEST(killed_outright_it_restores_the_terminal)
{
	struct run run = {.program = "/usr/bin/env",
			  .terminal = RUN_FOREGROUND};

	if (!have_machine())
		return;
	RUN_START(&run, folder("TMPDIR"), WITH_KVM, "--nested", "sh", "-c",
		  "echo ready; sleep 1000");
	run_expect(&run, "ready\r\n");
	ck_assert(is_raw(&run));
	kill(run.pid, SIGKILL);
	/* Bounded by the case's time limit. */
	while (is_raw(&run))
		must_sleep(0.01);
	run_end(&run);
	run_is(&run, 137);
	run_free(&run);
}
END_TEST

START_TEST(ctrl_c_ends_all_of_it)
{
	struct run run = {.program = "/usr/bin/env",
			  .terminal = RUN_FOREGROUND};

	if (!have_machine())
		return;
	RUN_START(&run, folder("TMPDIR"), WITH_KVM, "--nested", "sh", "-c",
		  "for i in 1 2 3; do echo out $i; echo err $i >&2; "
		  "done; sleep 1000",
		  "sh");
	run_expect(&run, "out 1\r\n");
	run_expect(&run, "out 3\r\n");
	run_write(&run, "\003", 1);
	run_end(&run);
	run_is(&run, 130);
	ck_assert_int_eq(memcmp(&run.before, &run.after, sizeof(run.before)),
			 0);
	is_empty(must_file("TMPDIR"));
	run_free(&run);
}
END_TEST

static const struct {
	double after;
	int signal, status;
} ends[] = {
	{0.05, SIGTERM, 143}, {0.1, SIGTERM, 143}, {0.2, SIGTERM, 143},
	{0.5, SIGTERM, 143},  {1, SIGINT, 130},	   {2, SIGHUP, 129},
};

/* No text tells what it is at: any moment will do. */
START_TEST(signal_at_any_moment_leaves_nothing)
{
	struct run run = {.program = "/usr/bin/env"};

	if (!have_machine())
		return;
	RUN_START(&run, folder("TMPDIR"), WITH_KVM, "--nested", "sleep",
		  "1000");
	must_sleep(ends[_i].after);
	kill(run.pid, ends[_i].signal);
	run_end(&run);
	run_is(&run, ends[_i].status);
	run_out_is(&run, "");
	is_empty(must_file("TMPDIR"));
	run_free(&run);
}
END_TEST

START_TEST(time_limit_ends_it_with_124)
{
	struct run run = {.program = "/usr/bin/env"};

	if (!have_machine())
		return;
	RUN_START(&run, folder("TMPDIR"), WITH_KVM, "--nested", "-t", "0.5",
		  "sleep", "1000");
	run_end(&run);
	is_one_line(&run, 124, "not at its end after 0.5 s");
	is_empty(must_file("TMPDIR"));
	run_free(&run);
}
END_TEST

START_TEST(machine_that_dies_shows_its_last_words)
{
	static const char qemu[] = "#!/bin/sh\necho it hurts >&2\nexit 3\n";
	struct run run = {.program = "/usr/bin/env"};
	char variable[600];

	if (!have_machine())
		return;
	must_write_file(must_file("qemu"), qemu, sizeof(qemu) - 1);
	ck_assert_int_eq(chmod(must_file("qemu"), 0755), 0);
	snprintf(variable, sizeof(variable), "QEMU=%s", must_file("qemu"));
	RUN_START(&run, folder("TMPDIR"), variable, WITH_KVM, "--nested",
		  "true");
	run_end(&run);
	run_is(&run, 125);
	run_err_has(&run, "QEMU ended with status 3 before COMMAND did; ");
	run_err_has(&run, "\nit hurts\n");
	is_empty(must_file("TMPDIR"));
	run_free(&run);
}
END_TEST

/* And what a killed one has left is removed. */
START_TEST(machine_that_dies_silently_is_one_line)
{
	struct run run = {.program = "/usr/bin/env"};
	const char *tmp = folder("TMPDIR");

	if (!have_machine())
		return;
	ck_assert_int_eq(mkdir(must_file("TMPDIR/with-kvm.killed"), 0700), 0);
	must_write_file(must_file("TMPDIR/with-kvm.killed/console"), "", 0);
	RUN_START(&run, tmp, "QEMU=/bin/false", WITH_KVM, "--nested", "true");
	run_end(&run);
	is_one_line(&run, 125, "QEMU ended with status 1 before COMMAND did\n");
	is_empty(must_file("TMPDIR"));
	run_free(&run);
}
END_TEST

/* In a mount namespace, for a small file system. */
START_TEST(full_tmpdir_is_named_and_stdin_is_the_callers)
{
	struct run run = {.program = "/usr/bin/unshare", .limit = 110};

	if (!have_machine() || !have_mounts())
		return;
	must_write_file(must_file("lines"), "a\nb\n", 4);
	RUN_START(&run, "-m", "/usr/bin/env", folder("TMPDIR"), "sh", "-c",
		  "mount -t tmpfs -o size=40m tmpfs \"$TMPDIR\" || exit;"
		  "while read line; do echo $line;"
		  "  " WITH_KVM " -n head -c 80000000 /dev/zero >/dev/null;"
		  "  echo $?; done <\"$1\"; ls \"$TMPDIR\"",
		  "sh", must_file("lines"));
	run_end(&run);
	run_is(&run, 0);
	run_out_is(&run, "a\n125\nb\n125\n");
	run_err_has(&run, "with-kvm: TMPDIR (");
	run_err_has(&run, "): no space left, output is lost\n");
	run_free(&run);
}
END_TEST

START_TEST(tmpdir_without_any_room_is_one_line)
{
	struct run run = {.program = "/usr/bin/unshare"};

	if (!have_machine() || !have_mounts())
		return;
	RUN_START(&run, "-m", "/usr/bin/env", folder("TMPDIR"), "sh", "-c",
		  "mount -t tmpfs -o size=64k tmpfs \"$TMPDIR\" || exit;"
		  "head -c 65536 /dev/zero >\"$TMPDIR/x\";" WITH_KVM
		  " -n true; status=$?;"
		  "[ \"$(ls \"$TMPDIR\")\" = x ] && exit $status");
	run_end(&run);
	is_one_line(&run, 125, "no space left, not even to start\n");
	run_free(&run);
}
END_TEST

static void fill_words(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, mistake_is_one_line_and_a_status, 0,
			    NR(mistakes));
	tcase_add_test(tcase, help_fits_a_screen);
}

static void fill_direct(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, where_there_is_a_kvm_the_command_just_runs);
	tcase_add_test(tcase, time_limit_holds_directly_too);
	tcase_add_test(tcase, time_limit_ends_what_the_command_has_started);
	tcase_add_test(tcase, time_limit_leaves_the_terminal_to_the_command);
	tcase_add_test(tcase, signal_goes_through_to_a_limited_command);
}

static void fill_room(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_unchecked_fixture(tcase, fetch, NULL);
	tcase_add_test(tcase, tmpdir_without_any_room_is_one_line);
}

static void fill_machine(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_unchecked_fixture(tcase, fetch, NULL);
	tcase_add_loop_test(tcase, what_is_missing_is_named, 0, NR(missing));
	tcase_add_test(tcase, command_runs_as_if_it_were_here);
	tcase_add_test(tcase,
		       file_as_stdin_is_read_as_far_as_the_command_reads);
	tcase_add_test(tcase, pipe_as_stdin_is_read_to_its_end);
	tcase_add_test(tcase, terminal_is_the_commands_with_all_keys);
	tcase_add_test(tcase, killed_outright_it_restores_the_terminal);
	tcase_add_test(tcase, ctrl_c_ends_all_of_it);
	tcase_add_loop_test(tcase, signal_at_any_moment_leaves_nothing, 0,
			    NR(ends));
	tcase_add_test(tcase, time_limit_ends_it_with_124);
	tcase_add_test(tcase, machine_that_dies_shows_its_last_words);
	tcase_add_test(tcase, machine_that_dies_silently_is_one_line);
	tcase_add_test(tcase, full_tmpdir_is_named_and_stdin_is_the_callers);
	tcase_add_test(tcase, deleted_folder_is_named);
}

Suite *with_kvm_suite(void)
{
	Suite *suite = suite_create("with_kvm");

	must_add(suite, "words", 0, fill_words);
	must_add(suite, "direct", MUST_KVM, fill_direct);
	if (getenv("WITH_KVM")) {
		fputs("SKIP: machine: this is one already\n", stderr);
		return suite;
	}
	must_add(suite, "room", 0, fill_room);
	must_add(suite, "machine", 0, fill_machine);
	return suite;
}
