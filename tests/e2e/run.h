/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program as a user's shell would, on pipes or on a terminal, and
 * collects what can be seen from outside: output, status, and whether a process
 * was left behind. A program that does not end in time is
 * killed, and the test fails. Nothing here outlives the test.
 *
 * On a terminal the program is not the session's leader, as under a shell: the
 * end of a leader hangs the terminal up, which resets the very settings that a
 * test wants to look at.
 */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

#define RUN_LIMIT 60 /* seconds, times must_patience(); killed after that */

enum run_input {
	RUN_NULL,   /* /dev/null */
	RUN_CLOSED, /* <&- */
	RUN_PIPE,   /* run_write, run_close_input */
};

enum run_output {
	RUN_CAPTURED,	/* into run.out */
	RUN_OUT_CLOSED, /* >&- */
	RUN_UNREAD,	/* a pipe nobody reads */
	RUN_BROKEN,	/* a pipe without a reader */
	RUN_FULL,	/* /dev/full */
};

enum run_terminal {
	RUN_NO_TERMINAL,
	RUN_FOREGROUND, /* stdin and stdout are a terminal */
	RUN_BACKGROUND, /* and the program is in its background */
};

struct run_text {
	char *bytes; /* ends with a NUL */
	size_t len;
};

struct run {
	/* The test's to set before run_start: */
	const char *program; /* NULL: build/vmm */
	enum run_input input;
	enum run_output output;
	enum run_terminal terminal;
	void (*before_exec)(void); /* in the child */
	int limit;		   /* seconds; 0: RUN_LIMIT */

	/* What came, so far: */
	struct run_text out, err;

	/* After run_end: */
	int status; /* as a shell reports it: a signal is 128 + its number */
	bool killed_by_signal;
	double seconds;
	struct termios before, after; /* terminal: settings at start and end */

	/* run.c's: */
	pid_t pid, leader; /* leader 0: no terminal */
	int in_fd, out_fd, err_fd, end_fd;
	double started;
	bool ended;
	int wait_status;
};

/* Starts run->program (copied to run->pid) with the words, up to a NULL. */
void run_start(struct run *run, const char *const words[]);

/* Waits until stdout (or the terminal) has shown the text. */
void run_expect(struct run *run, const char *text);

/* The same for stderr. */
void run_expect_err(struct run *run, const char *text);

/* Keys, or bytes of the pipe. */
void run_write(struct run *run, const char *bytes, size_t len);
void run_close_input(struct run *run);

/* Hangs the terminal up. The rest of the output is lost. */
void run_hang_up(struct run *run);

/*
 * The most memory it has had so far, in KiB; it must be running. Not from
 * getrusage(2), which counts what the process was before exec(2), too.
 */
long run_peak_kib(const struct run *run);

/* Waits for the end, and fills the rest of the struct; returns the status. */
int run_end(struct run *run);
void run_free(struct run *run);

/* The words of a va_list-like macro call: RUN(&run, "image", "--mem", "1G") */
#define RUN_WORDS(...)	    ((const char *const[]){__VA_ARGS__, NULL})
#define RUN_START(run, ...) run_start((run), RUN_WORDS(__VA_ARGS__))

/*
 * build/vmm from start to end, stdin /dev/null. The result is valid until the
 * next call.
 */
struct run *run_words(const char *const words[]);
#define VMM(...) run_words(RUN_WORDS(__VA_ARGS__))

/* Statements about a run that has ended; failures show all of its output. */
void run_is(struct run *run, int status);
void run_out_is(struct run *run, const char *text);
void run_out_has(struct run *run, const char *text);
void run_err_is(struct run *run, const char *text);
void run_err_has(struct run *run, const char *text);

/* The number behind this text (a label, a JSON key) in `in`; fails if there is
 * none. */
double run_number(const char *in, const char *label);

/* The suites that tests/e2e/e2e.c runs. */
Suite *cli_suite(void);
Suite *guests_suite(void);
Suite *addrspace_suite(void);
Suite *failures_suite(void);
Suite *hostile_suite(void);
Suite *crashes_suite(void);
Suite *vmlinux_suite(void);
Suite *terminal_suite(void);
Suite *kernels_suite(void);
Suite *linux_devices_suite(void);
Suite *linux_disks_suite(void);
Suite *linux_console_suite(void);
Suite *balloon_suite(void);
Suite *sandbox_suite(void);
Suite *linux_suite(void);
Suite *linux_net_suite(void);
Suite *with_kvm_suite(void);
Suite *rootfs_suite(void);
Suite *digest_e2e_suite(void);
Suite *frames_e2e_suite(void);
Suite *gdb_suite(void);
