/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox of a running program, as /proc shows it. What it refuses is
 * tests/unit/test_sandbox.c's.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

static const char *const pagers[] = {"uffd", "map", "eager"};

/* Starts a guest that waits for a byte. */
static void start_waiting(struct run *run, const char *pager,
			  const char *option, const char *value)
{
	run->input = RUN_PIPE;
	RUN_START(run, must_built("guest/touch.elf"), "--pager", pager, "-c",
		  "2", "-a", "wait same", option, value);
	run_expect(run, "touch: waiting\n");
}

static void let_go(struct run *run)
{
	run_write(run, "x", 1);
	run_end(run);
	run_is(run, 0);
	run_free(run);
}

static DIR *open_proc(pid_t pid, const char *name)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	return dir;
}

/* The next number in the folder; -1: no more. */
static long next_number(DIR *dir)
{
	const struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			return atol(entry->d_name);
	return -1;
}

/* Each of its threads, how many there are. */
static int each_thread_has(const struct run *run, const char *const lines[])
{
	DIR *dir = open_proc(run->pid, "task");
	int threads = 0;
	long tid;

	for (; (tid = next_number(dir)) >= 0; threads++) {
		char path[64], *status;
		size_t len;

		snprintf(path, sizeof(path), "/proc/%ld/status", tid);
		status = must_read_file(path, &len);
		for (int i = 0; lines[i]; i++)
			ck_assert_msg(strstr(status, lines[i]), "not '%s':\n%s",
				      lines[i], status);
		free(status);
	}
	closedir(dir);
	return threads;
}

static const char *const confined[] = {"\nNoNewPrivs:\t1\n", "\nSeccomp:\t2\n",
				       "\nCapEff:\t0000000000000000\n",
				       "\nCapPrm:\t0000000000000000\n", NULL};
static const char *const free_ones[] = {"\nNoNewPrivs:\t0\n", "\nSeccomp:\t0\n",
					NULL};

START_TEST(every_thread_is_in_the_sandbox)
{
	struct run run = {.program = NULL};

	start_waiting(&run, pagers[_i], "--mem", "64M");
	/* Two vCPUs, the main thread, the handler; and a worker of KVM's, where
	 * that is a thread of the process. */
	ck_assert_int_ge(each_thread_has(&run, confined), _i ? 3 : 4);
	let_go(&run);
}
END_TEST

START_TEST(no_sandbox_leaves_all_as_it_was)
{
	struct run run = {.program = NULL};

	start_waiting(&run, pagers[_i], "--no-sandbox", "--");
	each_thread_has(&run, free_ones);
	let_go(&run);
}
END_TEST

/* To make a file in another user's folder takes root's right to. */
START_TEST(dump_keeps_one_capability)
{
	struct run run = {.program = NULL};
	static const char *const lines[] = {"\nSeccomp:\t2\n", NULL};
	char path[64], *status;
	size_t len;

	start_waiting(&run, "uffd", "--dump", must_file("core"));
	each_thread_has(&run, lines);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)run.pid);
	status = must_read_file(path, &len);
	ck_assert_msg(strstr(status, "\nCapEff:\t0000000000000002\n"), "%s",
		      status);
	free(status);
	let_go(&run);
	ck_assert_int_eq(access(must_file("core"), R_OK), 0);
}
END_TEST

/* Descriptors. */

static void leak(void)
{
	if (dup2(STDERR_FILENO, 9) < 0 || dup2(STDERR_FILENO, 300) < 0 ||
	    open("/", O_RDONLY) < 0)
		_exit(99);
}

static bool is_expected(const char *target)
{
	static const char *const starts[] = {
		"anon_inode:[userfaultfd]", "anon_inode:kvm-v",
		"anon_inode:[eventfd]",	    "anon_inode:[signalfd]",
		"anon_inode:[timerfd]",
	};

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (!strncmp(target, starts[i], strlen(starts[i])))
			return true;
	return false;
}

START_TEST(only_what_is_needed_is_open)
{
	struct run run = {.before_exec = leak};
	const char *image = must_built("guest/touch.elf");
	unsigned images = 0;
	DIR *dir;
	long fd;

	start_waiting(&run, "uffd", "--mem", "64M");
	dir = open_proc(run.pid, "fd");
	while ((fd = next_number(dir)) >= 0) {
		char path[64], target[512];
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%ld", (int)run.pid,
			 fd);
		n = readlink(path, target, sizeof(target) - 1);
		ck_assert_int_gt(n, 0);
		target[n] = '\0';
		if (!strcmp(target, image))
			images++;
		/* The console opens its pipe a second time. */
		else if (strncmp(target, "pipe:", 5))
			ck_assert_msg(is_expected(target), "%ld: %s", fd,
				      target);
		ck_assert_int_ne(fd, 9);
		ck_assert_int_ne(fd, 300);
	}
	closedir(dir);
	ck_assert_uint_eq(images, 1);
	let_go(&run);
}
END_TEST

/* Where there is no seccomp(2), or it is forbidden. */

static int seccomp_error;

static void lose_seccomp(void)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO | (uint32_t)seccomp_error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {4, insns};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(99);
}

START_TEST(without_filters_it_says_what_to_do)
{
	static const int errors[] = {ENOSYS, EPERM};
	struct run run = {.before_exec = lose_seccomp};
	struct run other = {.before_exec = lose_seccomp};

	seccomp_error = errors[_i];
	RUN_START(&run, must_built("guest/hello.elf"));
	run_end(&run);
	run_is(&run, 125);
	run_out_is(&run, "");
	run_err_has(&run, _i ? "something around us forbids them"
			     : "this kernel has none");
	run_err_has(&run, "--no-sandbox");
	ck_assert_str_eq(strchr(run.err.bytes, '\n'), "\n");
	run_free(&run);

	RUN_START(&other, must_built("guest/hello.elf"), "--no-sandbox");
	run_end(&other);
	run_is(&other, 0);
	run_free(&other);
}
END_TEST

static void fill(TCase *tcase)
{
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, every_thread_is_in_the_sandbox, 0, 3);
	tcase_add_loop_test(tcase, no_sandbox_leaves_all_as_it_was, 0, 3);
	tcase_add_test(tcase, only_what_is_needed_is_open);
	tcase_add_loop_test(tcase, without_filters_it_says_what_to_do, 0, 2);
}

static void fill_root(TCase *tcase)
{
	must_add_folder(tcase);
	tcase_add_test(tcase, dump_keeps_one_capability);
}

Suite *sandbox_suite(void)
{
	Suite *suite = suite_create("sandbox");

	must_add(suite, "sandbox", MUST_KVM | MUST_UFFD, fill);
	must_add(suite, "root", MUST_KVM | MUST_UFFD | MUST_ROOT, fill_root);
	return suite;
}
