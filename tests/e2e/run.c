/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, one poll loop. With a terminal there is a process between: it
 * leads the session, starts the program in a process group of its own, tells
 * its end through a pipe and stays until it is killed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/e2e/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/must.h"

#define TICK_MS 5

/* Started and not ended; tests run one at a time in a process. */
static unsigned nr_running;

/* Children: no locks, no assertions; 125 says that the set-up failed. */

static void child_die(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(125);
}

static void child_exec(const struct run *run, char *const argv[], pid_t parent)
{
	static const int signals[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
				      SIGPIPE, SIGTTOU, SIGTTIN};
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		signal(signals[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (run->before_exec)
		run->before_exec();
	/* After before_exec: a change of user would cancel it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	execv(argv[0], argv);
	child_die(argv[0]);
}

static void child_lead(const struct run *run, char *const argv[], pid_t parent,
		       int end_fd)
{
	pid_t self, pid;
	int status;

	if (setsid() < 0 || ioctl(STDIN_FILENO, TIOCSCTTY, 0))
		child_die("controlling terminal");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	signal(SIGTTOU, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	self = getpid();
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		if (run->terminal == RUN_FOREGROUND)
			tcsetpgrp(STDIN_FILENO, getpid());
		child_exec(run, argv, self);
	}
	if (pid < 0 || write(end_fd, &pid, sizeof(pid)) != sizeof(pid))
		child_die("fork");
	/* Stopped counts as an end: it is one of the mistakes looked for. */
	if (waitpid(pid, &status, WUNTRACED) != pid ||
	    write(end_fd, &status, sizeof(status)) != sizeof(status))
		_exit(125);
	for (;;)
		pause();
}

/* Makes fd the child's number `as`; -1: closed. */
static void child_fd(int fd, int as)
{
	if (fd < 0)
		close(as);
	else if (dup2(fd, as) < 0)
		_exit(125);
}

/* Starting. */

struct ends {
	int in, out, err, end; /* the child's */
};

static void open_input(struct run *run, struct ends *child)
{
	int fds[2];

	run->in_fd = -1;
	child->in = -1;
	if (run->input == RUN_NULL)
		child->in = must_open("/dev/null", O_RDONLY);
	if (run->input != RUN_PIPE)
		return;
	must_pipe(fds);
	child->in = fds[0];
	run->in_fd = fds[1];
}

static void open_output(struct run *run, struct ends *child)
{
	int fds[2];

	run->out_fd = -1;
	child->out = -1;
	if (run->output == RUN_OUT_CLOSED)
		return;
	if (run->output == RUN_FULL) {
		child->out = must_open("/dev/full", O_WRONLY);
		return;
	}
	must_pipe(fds);
	child->out = fds[1];
	run->out_fd = fds[0];
	if (run->output == RUN_BROKEN) {
		close(run->out_fd);
		run->out_fd = -1;
	}
}

static void open_terminal(struct run *run, struct ends *child)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int fds[2];

	ck_assert_msg(master >= 0, "pseudo-terminal: %s", strerror(errno));
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	child->in = must_open(ptsname(master), O_RDWR | O_NOCTTY);
	child->out = fcntl(child->in, F_DUPFD_CLOEXEC, 0);
	run->out_fd = master;
	run->in_fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_eq(tcgetattr(master, &run->before), 0);
	must_pipe(fds);
	run->end_fd = fds[0];
	child->end = fds[1];
}

static void start_child(struct run *run, char *const argv[],
			const struct ends *child)
{
	pid_t parent = getpid(), pid;

	/* Whoever the program leaves behind becomes ours, and is seen. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		child_fd(child->err, STDERR_FILENO);
		child_fd(child->in, STDIN_FILENO);
		child_fd(child->out, STDOUT_FILENO);
		if (run->terminal)
			child_lead(run, argv, parent, child->end);
		child_exec(run, argv, parent);
	}
	run->pid = pid;
	if (!run->terminal)
		return;
	run->leader = pid;
	ck_assert_int_eq(read(run->end_fd, &run->pid, sizeof(run->pid)),
			 sizeof(run->pid));
}

static void close_all(const struct ends *child)
{
	const int fds[] = {child->in, child->out, child->err, child->end};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void run_start(struct run *run, const char *const words[])
{
	const char *program = run->program ? run->program : must_built("vmm");
	struct ends child = {.end = -1};
	char *argv[160] = {(char *)(uintptr_t)program};
	int fds[2], n = 0;

	for (; words[n]; n++) {
		ck_assert_int_lt(n, 158);
		argv[n + 1] = (char *)(uintptr_t)words[n];
	}
	run->end_fd = -1;
	run->leader = 0;
	run->ended = false;
	if (run->terminal) {
		open_terminal(run, &child);
	} else {
		open_input(run, &child);
		open_output(run, &child);
	}
	must_pipe(fds);
	run->err_fd = fds[0];
	child.err = fds[1];
	run->out.bytes = must_alloc(1);
	run->err.bytes = must_alloc(1);
	run->started = must_seconds();
	nr_running++;
	start_child(run, argv, &child);
	close_all(&child);
	if (run->out_fd >= 0)
		fcntl(run->out_fd, F_SETFL, O_NONBLOCK);
	fcntl(run->err_fd, F_SETFL, O_NONBLOCK);
	if (run->end_fd >= 0)
		fcntl(run->end_fd, F_SETFL, O_NONBLOCK);
}

/* Going on. */

/* Takes what is there; closes the descriptor at its end. */
static void take(struct run_text *text, int *fd)
{
	char part[4096];
	ssize_t n;

	while (*fd >= 0) {
		n = read(*fd, part, sizeof(part));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* EIO: nobody has the terminal open, now. */
		if (n < 0 && errno == EIO)
			return;
		if (n <= 0) {
			close(*fd);
			*fd = -1;
			return;
		}
		text->bytes = realloc(text->bytes, text->len + (size_t)n + 1);
		ck_assert_ptr_nonnull(text->bytes);
		memcpy(text->bytes + text->len, part, (size_t)n);
		text->len += (size_t)n;
		text->bytes[text->len] = '\0';
	}
}

static void give_up(struct run *run, const char *what)
{
	kill(run->pid, SIGKILL);
	if (run->leader)
		kill(run->leader, SIGKILL);
	ck_abort_msg("%s after %.1f s\nstdout: %.1500s\nstderr: %.1500s", what,
		     must_seconds() - run->started, run->out.bytes,
		     run->err.bytes);
}

/* Waits a tick for output, and collects it. */
static void step(struct run *run)
{
	struct pollfd fds[] = {
		{.fd = run->output == RUN_UNREAD ? -1 : run->out_fd,
		 .events = POLLIN},
		{.fd = run->err_fd, .events = POLLIN},
		{.fd = run->end_fd, .events = POLLIN},
	};

	if (poll(fds, 3, TICK_MS) > 0 && !(fds[0].revents & POLLIN) &&
	    (fds[0].revents & POLLHUP) && run->terminal)
		must_sleep(TICK_MS / 1e3);
	if (run->output != RUN_UNREAD)
		take(&run->out, &run->out_fd);
	take(&run->err, &run->err_fd);
	if (must_seconds() - run->started >
	    (run->limit ? run->limit : RUN_LIMIT) * must_patience())
		give_up(run, "not at its end");
}

static bool ended(struct run *run)
{
	pid_t pid;
	ssize_t n;

	if (run->ended)
		return true;
	if (run->leader) {
		n = read(run->end_fd, &run->wait_status,
			 sizeof(run->wait_status));
		ck_assert_msg(n < 0 || n == sizeof(run->wait_status),
			      "leader died: %s", run->err.bytes);
		run->ended = n > 0;
	} else {
		pid = waitpid(run->pid, &run->wait_status, WNOHANG | WUNTRACED);
		ck_assert_int_ge(pid, 0);
		run->ended = pid == run->pid;
	}
	nr_running -= run->ended;
	return run->ended;
}

static void expect(struct run *run, struct run_text *in, const char *text)
{
	while (!strstr(in->bytes, text)) {
		bool last = ended(run);

		step(run);
		if (last && !strstr(in->bytes, text))
			ck_abort_msg("'%s' did not come; status 0x%x\n"
				     "stdout: %.1500s\nstderr: %.1500s",
				     text, run->wait_status, run->out.bytes,
				     run->err.bytes);
	}
}

void run_expect(struct run *run, const char *text)
{
	expect(run, &run->out, text);
}

void run_expect_err(struct run *run, const char *text)
{
	expect(run, &run->err, text);
}

void run_write(struct run *run, const char *bytes, size_t len)
{
	must_write(run->in_fd, bytes, len);
}

void run_close_input(struct run *run)
{
	if (run->in_fd >= 0)
		close(run->in_fd);
	run->in_fd = -1;
}

void run_hang_up(struct run *run)
{
	run_close_input(run);
	close(run->out_fd);
	run->out_fd = -1;
	/* The kernel tells the session's leader alone, a shell its jobs. */
	kill(run->pid, SIGHUP);
}

/* The end. */

static void end_leader(struct run *run)
{
	if (run->out_fd >= 0)
		ck_assert_int_eq(tcgetattr(run->out_fd, &run->after), 0);
	kill(run->leader, SIGKILL);
	ck_assert_int_eq(waitpid(run->leader, NULL, 0), run->leader);
	run->leader = 0;
}

long run_peak_kib(const struct run *run)
{
	char path[64];
	char *text;
	double kib;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)run->pid);
	text = must_read_file(path, NULL);
	kib = run_number(text, "VmHWM:");
	free(text);
	return (long)kib;
}

/* Is no process left? One that has been killed may be on its way still. */
static bool none_left(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return errno == ECHILD;
		if (!pid)
			usleep(10000);
	}
	return false;
}

int run_end(struct run *run)
{
	while (!ended(run))
		step(run);
	run->seconds = must_seconds() - run->started;
	if (WIFSTOPPED(run->wait_status))
		give_up(run, "stopped");
	if (run->leader)
		end_leader(run);
	/* What is still in the pipes; they end, or somebody holds them. */
	step(run);
	while (run->err_fd >= 0 || (run->out_fd >= 0 && !run->terminal &&
				    run->output != RUN_UNREAD))
		step(run);
	if (!nr_running)
		ck_assert_msg(none_left(), "a process was left behind");
	run->killed_by_signal = WIFSIGNALED(run->wait_status);
	run->status = run->killed_by_signal ? 128 + WTERMSIG(run->wait_status)
					    : WEXITSTATUS(run->wait_status);
	return run->status;
}

void run_free(struct run *run)
{
	const int fds[] = {run->in_fd, run->out_fd, run->err_fd, run->end_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(run->out.bytes);
	free(run->err.bytes);
	*run = (struct run){0};
}

struct run *run_words(const char *const words[])
{
	static struct run run;

	if (run.out.bytes)
		run_free(&run);
	run_start(&run, words);
	run_end(&run);
	return &run;
}

/* Statements. */

static void state(struct run *run, bool true_, const char *what,
		  const char *value)
{
	if (!true_)
		ck_abort_msg("%s '%.1500s'\nstatus: %d\nstdout: "
			     "%.1500s\nstderr: %.1500s",
			     what, value, run->status, run->out.bytes,
			     run->err.bytes);
}

void run_is(struct run *run, int status)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", status);
	state(run, run->status == status, "status is not", text);
}

void run_out_is(struct run *run, const char *text)
{
	state(run, !strcmp(run->out.bytes, text), "stdout is not", text);
}

void run_out_has(struct run *run, const char *text)
{
	state(run, strstr(run->out.bytes, text), "stdout lacks", text);
}

void run_err_is(struct run *run, const char *text)
{
	state(run, !strcmp(run->err.bytes, text), "stderr is not", text);
}

void run_err_has(struct run *run, const char *text)
{
	state(run, strstr(run->err.bytes, text), "stderr lacks", text);
}

double run_number(const char *in, const char *label)
{
	const char *at = strstr(in, label);
	double number;
	char *end;

	ck_assert_msg(at, "no '%s' in: %s", label, in);
	at += strlen(label);
	number = strtod(at, &end);
	ck_assert_msg(end != at, "no number behind '%s' in: %s", label, in);
	return number;
}
