/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/console on pseudo-terminals, pipes, files, sockets and nothing at all.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_SETPIPE_SZ, posix_openpt */
#endif
#include "tests/suites.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "vmm/console.h"

#define CTRL_A "\x01"

struct pty {
	int master, slave;
	struct termios before;
};

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN);
}

static struct pty pty_open(void)
{
	struct pty p = {.master = posix_openpt(O_RDWR | O_NOCTTY)};

	ck_assert_int_ge(p.master, 0);
	ck_assert_int_eq(grantpt(p.master), 0);
	ck_assert_int_eq(unlockpt(p.master), 0);
	p.slave = open(ptsname(p.master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(p.slave, 0);
	ck_assert_int_eq(tcgetattr(p.slave, &p.before), 0);
	return p;
}

static bool pty_is_raw(const struct pty *p)
{
	struct termios now;

	ck_assert_int_eq(tcgetattr(p->slave, &now), 0);
	return !(now.c_lflag & (ICANON | ECHO | ISIG));
}

static bool pty_is_as_before(const struct pty *p)
{
	struct termios now;

	ck_assert_int_eq(tcgetattr(p->slave, &now), 0);
	return now.c_lflag == p->before.c_lflag &&
	       now.c_iflag == p->before.c_iflag &&
	       now.c_oflag == p->before.c_oflag &&
	       now.c_cflag == p->before.c_cflag &&
	       !memcmp(now.c_cc, p->before.c_cc, sizeof(now.c_cc));
}

static struct console *console_open(int in, int out)
{
	struct console *c = NULL;

	ck_assert_int_eq(console_create(&c, in, out), 0);
	ck_assert_ptr_nonnull(c);
	return c;
}

static void put(struct console *c, const char *s)
{
	while (*s)
		console_put(c, *s++);
}

/* What arrives at fd until it is quiet for a moment. */
static const char *arrived(int fd)
{
	static char buf[256];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && poll(&p, 1, 50) == 1 && p.revents & POLLIN) {
		n = read(fd, buf + len, sizeof(buf) - 1 - len);
		len += n > 0 ? n : 0;
	}
	buf[len] = 0;
	return buf;
}

/* Types s and waits for it: ptys pass bytes on by a kernel thread. */
static enum console_event type(struct pty *p, struct console *c, const char *s,
			       uint8_t *buf, size_t len, size_t *n)
{
	struct pollfd pfd = {.fd = console_fd(c), .events = POLLIN};
	int have = 0, want = strlen(s), tries;

	ck_assert_int_eq(write(p->master, s, want), want);
	for (tries = 0; have < want && tries < 1000; tries++) {
		ck_assert_int_eq(poll(&pfd, 1, 1000), 1);
		ck_assert_int_eq(ioctl(pfd.fd, FIONREAD, &have), 0);
	}
	return console_read(c, buf, len, n);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* A pipe of one page with nobody reading. */
static void small_pipe(int fd[2])
{
	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_gt(fcntl(fd[1], F_SETPIPE_SZ, 4096), 0);
}

START_TEST(terminal_goes_raw_and_comes_back)
{
	struct pty p = pty_open();
	struct console *c = console_open(p.slave, p.slave);

	ck_assert(pty_is_raw(&p));
	ck_assert_int_eq(console_fd(c), p.slave);
	console_destroy(c);
	ck_assert(pty_is_as_before(&p));
}
END_TEST

START_TEST(restore_works_any_number_of_times_and_keeps_errno)
{
	struct pty p = pty_open();
	struct console *c;

	console_restore();
	ck_assert(pty_is_as_before(&p));
	c = console_open(p.slave, -1);
	ck_assert(pty_is_raw(&p));
	errno = 77;
	console_restore();
	console_restore();
	ck_assert_int_eq(errno, 77);
	ck_assert(pty_is_as_before(&p));
	console_destroy(c);
	console_restore();
	ck_assert(pty_is_as_before(&p));
}
END_TEST

static void restore_and_exit(int sig)
{
	console_restore();
	_exit(sig);
}

START_TEST(signal_handler_restores_the_terminal)
{
	struct pty p = pty_open();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct console *c;

		signal(SIGSEGV, restore_and_exit);
		if (console_create(&c, p.slave, -1) || !pty_is_raw(&p))
			_exit(1);
		raise(SIGSEGV);
		_exit(2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), SIGSEGV);
	ck_assert(pty_is_as_before(&p));
}
END_TEST

START_TEST(second_console_on_a_terminal_is_refused)
{
	struct pty p = pty_open(), q = pty_open();
	struct console *c = console_open(p.slave, -1), *d = NULL;

	ck_assert_int_eq(console_create(&d, q.slave, -1), -EBUSY);
	ck_assert(pty_is_as_before(&q));
	console_destroy(c);
	c = console_open(q.slave, -1);
	console_destroy(c);
}
END_TEST

/*
 * A session of our own with the pty as its terminal; the console is made by a
 * process in its foreground or in its background. Returns the exit status.
 */
static int in_session(struct pty *p, bool background)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct console *c;
		pid_t job;

		if (setsid() < 0 || ioctl(p->slave, TIOCSCTTY, 0) < 0)
			_exit(2);
		job = fork();
		if (job == 0) {
			/* Out of the session leader's, the foreground group. */
			if (background)
				setpgid(0, 0);
			if (console_create(&c, p->slave, p->slave))
				_exit(3);
			if (pty_is_raw(p) == background)
				_exit(4);
			if ((console_fd(c) < 0) != background)
				_exit(5);
			console_restore();
			console_destroy(c);
			_exit(pty_is_as_before(p) ? 0 : 6);
		}
		/* A job stopped by SIGTTOU would be a failure, not a hang. */
		waitpid(job, &status, WUNTRACED);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 7);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(foreground_job_takes_the_terminal)
{
	struct pty p = pty_open();

	ck_assert_int_eq(in_session(&p, false), 0);
}
END_TEST

START_TEST(background_job_leaves_the_terminal_alone)
{
	struct pty p = pty_open();

	ck_assert_int_eq(in_session(&p, true), 0);
}
END_TEST

START_TEST(keys_reach_the_guest_unchanged)
{
	struct pty p = pty_open();
	struct console *c = console_open(p.slave, p.slave);
	uint8_t buf[64];
	size_t n;

	/* Ctrl-C, Ctrl-Z, Ctrl-D, Ctrl-S, Ctrl-V, carriage return, DEL. */
	ck_assert_int_eq(type(&p, c, "a\x03\x1a\x04\x13\x16\r\x7f", buf,
			      sizeof(buf), &n),
			 CONSOLE_NONE);
	ck_assert_uint_eq(n, 8);
	ck_assert_mem_eq(buf, "a\x03\x1a\x04\x13\x16\r\x7f", 8);
	/* And are not echoed. */
	ck_assert_str_eq(arrived(p.master), "");
	console_destroy(c);
}
END_TEST

START_TEST(ctrl_a_x_quits_after_what_came_before)
{
	struct pty p = pty_open();
	struct console *c = console_open(p.slave, -1);
	uint8_t buf[64];
	size_t n;

	ck_assert_int_eq(type(&p, c, "ab" CTRL_A "xcd", buf, sizeof(buf), &n),
			 CONSOLE_QUIT);
	ck_assert_uint_eq(n, 2);
	ck_assert_mem_eq(buf, "ab", 2);
	console_destroy(c);
}
END_TEST

START_TEST(escapes_are_taken_out_and_other_keys_are_not)
{
	static const struct {
		const char *typed, *want;
	} cases[] = {
		{CTRL_A CTRL_A, CTRL_A},
		{CTRL_A CTRL_A "x", CTRL_A "x"},
		{CTRL_A "b", CTRL_A "b"},
		{CTRL_A "X", CTRL_A "X"},
		{"x" CTRL_A "bx", "x" CTRL_A "bx"},
		{CTRL_A CTRL_A CTRL_A CTRL_A, CTRL_A CTRL_A},
		{CTRL_A CTRL_A CTRL_A "c", CTRL_A CTRL_A "c"},
	};
	struct pty p = pty_open();
	struct console *c = console_open(p.slave, -1);
	uint8_t buf[64];
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(
			type(&p, c, cases[i].typed, buf, sizeof(buf), &n),
			CONSOLE_NONE);
		buf[n] = 0;
		ck_assert_str_eq((char *)buf, cases[i].want);
	}
	console_destroy(c);
}
END_TEST

START_TEST(escape_split_over_two_reads_is_one_escape)
{
	struct pty p = pty_open();
	struct console *c = console_open(p.slave, -1);
	uint8_t buf[2];
	size_t n;

	ck_assert_int_eq(type(&p, c, CTRL_A, buf, 2, &n), CONSOLE_NONE);
	ck_assert_uint_eq(n, 0);
	/* Two bytes from one typed, in the smallest buffer there may be. */
	ck_assert_int_eq(type(&p, c, "bc", buf, 2, &n), CONSOLE_NONE);
	ck_assert_uint_eq(n, 2);
	ck_assert_mem_eq(buf, CTRL_A "b", 2);
	/* The "c" did not fit and is still there. */
	ck_assert_int_eq(console_read(c, buf, 2, &n), CONSOLE_NONE);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(buf[0], 'c');
	ck_assert_int_eq(type(&p, c, CTRL_A, buf, 2, &n), CONSOLE_NONE);
	ck_assert_int_eq(type(&p, c, CTRL_A, buf, 2, &n), CONSOLE_NONE);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(type(&p, c, CTRL_A, buf, 2, &n), CONSOLE_NONE);
	ck_assert_int_eq(type(&p, c, "x", buf, 2, &n), CONSOLE_QUIT);
	ck_assert_uint_eq(n, 0);
	console_destroy(c);
}
END_TEST

START_TEST(hung_up_terminal_is_the_end_of_input)
{
	struct pty p = pty_open();
	struct console *c = console_open(p.slave, p.slave);
	uint8_t buf[8];
	size_t n = 9;

	close(p.master);
	ck_assert_int_eq(console_read(c, buf, 8, &n), CONSOLE_EOF);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(console_fd(c), -1);
	put(c, "nobody\n");
	ck_assert(!console_pending(c));
	console_destroy(c);
}
END_TEST

START_TEST(piped_input_is_passed_as_it_is_until_it_ends)
{
	uint8_t buf[16];
	struct console *c;
	int fd[2];
	size_t n;

	ck_assert_int_eq(pipe(fd), 0);
	c = console_open(fd[0], -1);
	ck_assert_int_eq(write(fd[1], CTRL_A "x\0\xff", 4), 4);
	close(fd[1]);
	ck_assert_int_eq(console_read(c, buf, 16, &n), CONSOLE_NONE);
	ck_assert_uint_eq(n, 4);
	ck_assert_mem_eq(buf, CTRL_A "x\0\xff", 4);
	ck_assert_int_eq(console_read(c, buf, 16, &n), CONSOLE_EOF);
	ck_assert_int_eq(console_fd(c), -1);
	/* Asking again is allowed and changes nothing. */
	ck_assert_int_eq(console_read(c, buf, 16, &n), CONSOLE_EOF);
	console_destroy(c);
}
END_TEST

START_TEST(nonblocking_input_without_data_is_no_end)
{
	struct console *c;
	uint8_t buf[16];
	int fd[2];
	size_t n;

	ck_assert_int_eq(pipe2(fd, O_NONBLOCK), 0);
	c = console_open(fd[0], -1);
	ck_assert_int_eq(console_read(c, buf, 16, &n), CONSOLE_NONE);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(console_fd(c), fd[0]);
	console_destroy(c);
}
END_TEST

START_TEST(absent_and_closed_descriptors_are_no_error)
{
	struct console *c = console_open(-1, -1);
	int fd[2], null;

	ck_assert_int_eq(console_fd(c), -1);
	put(c, "into the void\n");
	ck_assert(!console_pending(c));
	console_destroy(c);
	console_destroy(NULL);

	ck_assert_int_eq(pipe(fd), 0);
	close(fd[0]);
	close(fd[1]);
	c = console_open(fd[0], fd[1]);
	ck_assert_int_eq(console_fd(c), -1);
	put(c, "closed\n");
	console_flush(c);
	console_destroy(c);

	null = open("/dev/null", O_RDWR);
	c = console_open(null, null);
	ck_assert_int_eq(console_fd(c), null);
	put(c, "null\n");
	ck_assert(!console_pending(c));
	console_destroy(c);
}
END_TEST

START_TEST(line_appears_at_its_newline_and_a_prompt_at_the_flush)
{
	struct console *c;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	c = console_open(-1, fd[1]);
	put(c, "one");
	ck_assert_str_eq(arrived(fd[0]), "");
	ck_assert(console_pending(c));
	put(c, "\n");
	ck_assert_str_eq(arrived(fd[0]), "one\n");
	ck_assert(!console_pending(c));
	put(c, "login: ");
	console_flush(c);
	ck_assert_str_eq(arrived(fd[0]), "login: ");
	ck_assert(!console_pending(c));
	put(c, "tail");
	console_destroy(c);
	ck_assert_str_eq(arrived(fd[0]), "tail");
}
END_TEST

START_TEST(bare_newlines_do_not_staircase)
{
	struct pty p = pty_open();
	struct console *c = console_open(p.slave, p.slave);

	put(c, "a\nb\n");
	ck_assert_str_eq(arrived(p.master), "a\r\nb\r\n");
	console_destroy(c);
}
END_TEST

START_TEST(file_output_goes_on_where_the_shell_was)
{
	char path[] = "/tmp/console-XXXXXX", buf[32] = {0};
	int fd = mkstemp(path);
	struct console *c;

	/* { echo x; vmm; echo y; } >file shares one position. */
	unlink(path);
	ck_assert_int_eq(write(fd, "x\n", 2), 2);
	c = console_open(-1, fd);
	put(c, "guest\n");
	console_destroy(c);
	ck_assert_int_eq(write(fd, "y\n", 2), 2);
	ck_assert_int_eq(pread(fd, buf, 31, 0), 10);
	ck_assert_str_eq(buf, "x\nguest\ny\n");
}
END_TEST

START_TEST(shared_descriptors_keep_their_flags)
{
	struct pty p = pty_open();
	int fd[2], pty_flags = fcntl(p.slave, F_GETFL), pipe_flags;
	struct console *c;

	ck_assert_int_eq(pipe(fd), 0);
	pipe_flags = fcntl(fd[1], F_GETFL);
	c = console_open(p.slave, fd[1]);
	put(c, "x\n");
	ck_assert_int_eq(fcntl(p.slave, F_GETFL), pty_flags);
	ck_assert_int_eq(fcntl(fd[1], F_GETFL), pipe_flags);
	console_destroy(c);
	ck_assert_int_eq(fcntl(fd[1], F_GETFL), pipe_flags);
	/* The second opening is closed: the reader sees the end. */
	close(fd[1]);
	ck_assert_str_eq(arrived(fd[0]), "x\n");
	ck_assert_int_eq(read(fd[0], &pty_flags, 1), 0);
}
END_TEST

START_TEST(reader_that_leaves_ends_output_and_nothing_else)
{
	struct console *c;
	int fd[2], i;

	ck_assert_int_eq(pipe(fd), 0);
	c = console_open(-1, fd[1]);
	put(c, "x\n");
	close(fd[0]);
	for (i = 0; i < 10000; i++)
		put(c, "y\n");
	ck_assert(!console_pending(c));
	console_destroy(c);
}
END_TEST

START_TEST(reader_that_left_before_the_start_is_no_error)
{
	struct console *c;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	close(fd[0]);
	c = console_open(-1, fd[1]);
	put(c, "x\n");
	ck_assert(!console_pending(c));
	console_destroy(c);
}
END_TEST

struct writer {
	struct console *c;
	unsigned count;
	atomic_uint done;
};

/* A vCPU: writes count numbered lines. */
static void *writer_run(void *arg)
{
	struct writer *w = arg;
	unsigned i, n;

	for (i = 0; i < w->count; i++) {
		for (n = 0; n < 16; n++)
			console_put(w->c, 'a' + (i + n) % 26);
		console_put(w->c, '\n');
		atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

/* Waits until w makes no progress any more. */
static void wait_until_stuck(struct writer *w)
{
	unsigned last;

	do {
		last = atomic_load(&w->done);
		usleep(50000);
	} while (!last || last != atomic_load(&w->done));
}

START_TEST(vcpu_waits_for_the_reader_and_abandon_frees_it)
{
	struct writer w = {.count = 100000};
	pthread_t t;
	double start;
	int fd[2];

	small_pipe(fd);
	w.c = console_open(-1, fd[1]);
	ck_assert_int_eq(pthread_create(&t, NULL, writer_run, &w), 0);
	wait_until_stuck(&w);
	/* The event loop is not stuck with it. */
	start = seconds();
	console_flush(w.c);
	ck_assert(console_pending(w.c));
	ck_assert(seconds() - start < 0.05);
	console_abandon(w.c);
	pthread_join(t, NULL);
	console_destroy(w.c);
	ck_assert(seconds() - start < 60);
	ck_assert_uint_eq(atomic_load(&w.done), w.count);
}
END_TEST

static void nothing(int sig)
{
	(void)sig;
}

START_TEST(signal_frees_a_waiting_vcpu_at_once)
{
	struct sigaction sa = {.sa_handler = nothing};
	/* Some 50 bytes more than pipe and buffer hold. */
	struct writer w = {.count = (8192 + 50) / 17};
	unsigned kicks;
	pthread_t t;
	int fd[2];

	sigaction(SIGUSR1, &sa, NULL);
	small_pipe(fd);
	w.c = console_open(-1, fd[1]);
	ck_assert_int_eq(pthread_create(&t, NULL, writer_run, &w), 0);
	for (kicks = 0; atomic_load(&w.done) < w.count; kicks++) {
		ck_assert_uint_lt(kicks, 2000);
		pthread_kill(t, SIGUSR1);
		usleep(1000);
	}
	pthread_join(t, NULL);
	console_abandon(w.c);
	console_destroy(w.c);
}
END_TEST

/* Reads everything, slowly, and checks that nothing is missing. */
static void *reader_run(void *arg)
{
	int fd = *(int *)arg;
	unsigned long line = 0, col = 0, wrong = 0;
	char buf[1000];
	ssize_t n, i;

	usleep(300000);
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (i = 0; i < n; i++) {
			char want = col < 16 ? 'a' + (line + col) % 26 : '\n';

			wrong += buf[i] != want;
			col = want == '\n' ? 0 : col + 1;
			line += want == '\n';
		}
	}
	return (void *)(wrong ? 0 : line);
}

START_TEST(slow_reader_gets_every_byte_and_the_tail)
{
	struct writer w = {.count = 5000};
	pthread_t reader;
	void *lines;
	int fd[2];

	small_pipe(fd);
	w.c = console_open(-1, fd[1]);
	ck_assert_int_eq(pthread_create(&reader, NULL, reader_run, fd), 0);
	writer_run(&w);
	console_destroy(w.c);
	close(fd[1]);
	pthread_join(reader, &lines);
	ck_assert_uint_eq((unsigned long)lines, 5000);
}
END_TEST

START_TEST(two_vcpus_and_the_event_loop_share_the_output)
{
	struct writer w = {.count = 2000};
	unsigned long lines = 0;
	pthread_t t, u;
	char buf[4096];
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	w.c = console_open(-1, fd[1]);
	ck_assert_int_eq(pthread_create(&t, NULL, writer_run, &w), 0);
	ck_assert_int_eq(pthread_create(&u, NULL, writer_run, &w), 0);
	while (lines < 4000) {
		ssize_t i, n;

		if (console_pending(w.c))
			console_flush(w.c);
		n = read(fd[0], buf, sizeof(buf));
		for (i = 0; i < n; i++)
			lines += buf[i] == '\n';
	}
	pthread_join(t, NULL);
	pthread_join(u, NULL);
	console_destroy(w.c);
}
END_TEST

START_TEST(terminal_that_nobody_reads_does_not_hold_the_vm)
{
	struct writer w = {.count = 100000};
	struct pty p = pty_open();
	pthread_t t;

	w.c = console_open(p.slave, p.slave);
	ck_assert_int_eq(pthread_create(&t, NULL, writer_run, &w), 0);
	wait_until_stuck(&w);
	console_flush(w.c);
	console_abandon(w.c);
	pthread_join(t, NULL);
	console_destroy(w.c);
	ck_assert(pty_is_as_before(&p));
}
END_TEST

START_TEST(socket_output_neither_blocks_nor_changes_the_socket)
{
	struct console *c;
	int fd[2], flags;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	flags = fcntl(fd[1], F_GETFL);
	c = console_open(-1, fd[1]);
	put(c, "hello\n");
	ck_assert_str_eq(arrived(fd[0]), "hello\n");
	ck_assert_int_eq(fcntl(fd[1], F_GETFL), flags);
	/* A socket as input is no terminal. */
	close(fd[0]);
	put(c, "gone\n");
	ck_assert(!console_pending(c));
	console_destroy(c);
}
END_TEST

/* Runs with a stuck pipe and blocked SIGTERM; the parent ends it. */
static void child_that_drains(struct pty *p, int out)
{
	struct console *c;
	sigset_t all;
	int i;

	/* libcheck's own handler kills the whole group. */
	signal(SIGTERM, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (console_create(&c, p->slave, out))
		_exit(1);
	for (i = 0; i < 6000; i++)
		console_put(c, '.');
	console_destroy(c);
	_exit(2);
}

START_TEST(sigterm_ends_a_destroy_that_waits_with_the_terminal_restored)
{
	struct pty p = pty_open();
	int fd[2], status;
	pid_t pid;

	small_pipe(fd);
	pid = fork();
	if (pid == 0)
		child_that_drains(&p, fd[1]);
	usleep(300000);
	ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
	ck_assert(pty_is_as_before(&p));
	kill(pid, SIGTERM);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGTERM);
}
END_TEST

/* After a change of user /proc/self/fd refuses the pipe: the polled way. */
static void child_without_proc(int out)
{
	struct writer w = {.count = 100000};
	pthread_t t;

	if (setuid(65534) || console_create(&w.c, -1, out))
		_exit(1);
	if (pthread_create(&t, NULL, writer_run, &w))
		_exit(2);
	wait_until_stuck(&w);
	console_flush(w.c);
	console_abandon(w.c);
	pthread_join(t, NULL);
	console_destroy(w.c);
	_exit(0);
}

START_TEST(output_that_cannot_be_opened_again_still_lets_the_vm_stop)
{
	int fd[2], status;
	pid_t pid;

	small_pipe(fd);
	pid = fork();
	if (pid == 0) {
		/* Without root there is no user to change to: no test. */
		if (getuid() != 0)
			_exit(0);
		child_without_proc(fd[1]);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static TCase *terminal_case(void)
{
	TCase *tc = tcase_create("terminal");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, terminal_goes_raw_and_comes_back);
	tcase_add_test(tc, restore_works_any_number_of_times_and_keeps_errno);
	tcase_add_test(tc, signal_handler_restores_the_terminal);
	tcase_add_test(tc, second_console_on_a_terminal_is_refused);
	tcase_add_test(tc, foreground_job_takes_the_terminal);
	tcase_add_test(tc, background_job_leaves_the_terminal_alone);
	tcase_add_test(tc, shared_descriptors_keep_their_flags);
	return tc;
}

static TCase *input_case(void)
{
	TCase *tc = tcase_create("input");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, keys_reach_the_guest_unchanged);
	tcase_add_test(tc, ctrl_a_x_quits_after_what_came_before);
	tcase_add_test(tc, escapes_are_taken_out_and_other_keys_are_not);
	tcase_add_test(tc, escape_split_over_two_reads_is_one_escape);
	tcase_add_test(tc, hung_up_terminal_is_the_end_of_input);
	tcase_add_test(tc, piped_input_is_passed_as_it_is_until_it_ends);
	tcase_add_test(tc, nonblocking_input_without_data_is_no_end);
	tcase_add_test(tc, absent_and_closed_descriptors_are_no_error);
	return tc;
}

static TCase *output_case(void)
{
	TCase *tc = tcase_create("output");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc,
		       line_appears_at_its_newline_and_a_prompt_at_the_flush);
	tcase_add_test(tc, bare_newlines_do_not_staircase);
	tcase_add_test(tc, file_output_goes_on_where_the_shell_was);
	tcase_add_test(tc, reader_that_leaves_ends_output_and_nothing_else);
	tcase_add_test(tc, reader_that_left_before_the_start_is_no_error);
	tcase_add_test(tc, vcpu_waits_for_the_reader_and_abandon_frees_it);
	tcase_add_test(tc, signal_frees_a_waiting_vcpu_at_once);
	tcase_add_test(tc, slow_reader_gets_every_byte_and_the_tail);
	tcase_add_test(tc, two_vcpus_and_the_event_loop_share_the_output);
	tcase_add_test(tc, terminal_that_nobody_reads_does_not_hold_the_vm);
	tcase_add_test(tc, socket_output_neither_blocks_nor_changes_the_socket);
	tcase_add_test(
		tc,
		sigterm_ends_a_destroy_that_waits_with_the_terminal_restored);
	tcase_add_test(
		tc, output_that_cannot_be_opened_again_still_lets_the_vm_stop);
	return tc;
}

Suite *console_suite(void)
{
	Suite *s = suite_create("console");

	suite_add_tcase(s, terminal_case());
	suite_add_tcase(s, input_case());
	suite_add_tcase(s, output_case());
	return s;
}
