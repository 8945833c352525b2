/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs commands in turn, A B A B ..., and prints a CSV row for each run. The
 * runs of one round are neighbours in time: their ratio survives what a noisy
 * machine does to either of them.
 *
 *	pairs [-n ROUNDS] [-w WARMUPS] [-k KEY,KEY...] < PLAN > CSV
 *
 * PLAN has a command per line: NAME STATUS PROGRAM WORDS..., with the exit
 * status it must have and no quoting. stdin and stdout are /dev/null. stderr
 * is kept, and each KEY is looked up in it as "KEY":NUMBER (--stats=json).
 *
 * Wall time runs from before the process exists until it is reaped, so it
 * includes exec and all of the kernel's cleaning up. The child starts in this
 * process's memory (posix_spawn is a vfork), and its maximum RSS cannot be less
 * than ours: so this is linked statically and allocates little. The kernel counts
 * resident pages per CPU, and what it reports here may lag behind by some 200 KiB.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 32
#define WORDS_MAX    64
#define KEYS_MAX     16
#define STDERR_MAX   65536 /* of which keys are looked up */
#define RUN_SECONDS  120   /* then it is killed */

extern char **environ;

struct command {
	char *line; /* owns the words */
	const char *name;
	int status;
	char *argv[WORDS_MAX + 1];
};

struct result {
	double wall_us, user_us, sys_us, cpu_us;
	long rss_kib;
	int status; /* as from wait4 */
};

static struct command commands[COMMANDS_MAX];
static unsigned nr_commands;
static char *keys[KEYS_MAX];
static unsigned nr_keys;
static char text[STDERR_MAX];
static volatile sig_atomic_t child;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "pairs: %s: %s\n", what, strerror(errno));
	exit(2);
}

static bool parse_command(struct command *c)
{
	char *status, *save = NULL;
	int n = 0;

	c->name = strtok_r(c->line, " \t\n", &save);
	if (!c->name || *c->name == '#')
		return false;
	status = strtok_r(NULL, " \t\n", &save);
	while (n < WORDS_MAX && (c->argv[n] = strtok_r(NULL, " \t\n", &save)))
		n++;
	if (!n || n == WORDS_MAX) {
		errno = EINVAL;
		die("a line of the plan is not NAME STATUS PROGRAM WORDS...");
	}
	c->status = atoi(status);
	return true;
}

static void read_plan(void)
{
	size_t room = 0;
	char *line = NULL;

	while (getline(&line, &room, stdin) > 0) {
		if (nr_commands == COMMANDS_MAX) {
			errno = E2BIG;
			die("the plan");
		}
		commands[nr_commands].line = line;
		if (parse_command(&commands[nr_commands]))
			nr_commands++;
		else
			free(line);
		line = NULL;
		room = 0;
	}
	free(line);
}

static void on_alarm(int signal_number)
{
	(void)signal_number;
	if (child > 0)
		kill(child, SIGKILL);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double timeval_us(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

/* All that the process has used, while it is a zombie: in nanoseconds, which its
 * rusage is not. */
static double cpu_us(pid_t pid)
{
	struct timespec t;
	clockid_t clock;
	siginfo_t info;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0)
		if (errno != EINTR)
			die("waitid");
	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
		die("the process's clock");
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void run_command(const struct command *c,
			const posix_spawn_file_actions_t *actions,
			struct result *r)
{
	struct rusage usage;
	double start;
	pid_t pid;

	alarm(RUN_SECONDS);
	start = now_us();
	errno = posix_spawnp(&pid, c->argv[0], actions, NULL, c->argv, environ);
	if (errno)
		die(c->argv[0]);
	child = pid;
	r->cpu_us = cpu_us(pid);
	while (wait4(pid, &r->status, 0, &usage) < 0)
		if (errno != EINTR)
			die("wait4");
	r->wall_us = now_us() - start;
	child = 0;
	alarm(0);
	r->user_us = timeval_us(usage.ru_utime);
	r->sys_us = timeval_us(usage.ru_stime);
	r->rss_kib = usage.ru_maxrss;
}

static void read_stderr(int fd)
{
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

/* Prints the number behind "key":, or nothing. */
static void print_key(const char *key)
{
	char quoted[80];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	at = strstr(text, quoted);
	putchar(',');
	if (at) {
		at += strlen(quoted);
		printf("%.*s", (int)strspn(at, "-+.0123456789eE"), at);
	}
}

static void print_row(unsigned round, const struct command *c,
		      const struct result *r)
{
	printf("%u,%s,%.3f,%.0f,%.0f,%.3f,%ld", round, c->name, r->wall_us,
	       r->user_us, r->sys_us, r->cpu_us, r->rss_kib);
	for (unsigned k = 0; k < nr_keys; k++)
		print_key(keys[k]);
	putchar('\n');
}

static void check_status(const struct command *c, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == c->status)
		return;
	fprintf(stderr, "pairs: %s:", c->name);
	for (unsigned i = 0; c->argv[i]; i++)
		fprintf(stderr, " %s", c->argv[i]);
	if (WIFEXITED(status))
		fprintf(stderr, "\npairs: exit status %d, not %d\n%s",
			WEXITSTATUS(status), c->status, text);
	else
		fprintf(stderr, "\npairs: ended by signal %d\n%s",
			WTERMSIG(status), text);
	exit(1);
}

static void run_rounds(unsigned warmups, unsigned rounds)
{
	posix_spawn_file_actions_t actions;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int err = memfd_create("stderr", MFD_CLOEXEC);

	if (null < 0 || err < 0)
		die("/dev/null or memfd_create");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, null, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, null, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	for (unsigned round = 0; round < warmups + rounds; round++) {
		for (unsigned i = 0; i < nr_commands; i++) {
			struct result r;

			if (ftruncate(err, 0) || lseek(err, 0, SEEK_SET))
				die("memfd");
			run_command(&commands[i], &actions, &r);
			read_stderr(err);
			check_status(&commands[i], r.status);
			if (round >= warmups)
				print_row(round - warmups + 1, &commands[i],
					  &r);
		}
	}
}

int main(int argc, char *argv[])
{
	struct sigaction action = {.sa_handler = on_alarm};
	unsigned rounds = 11, warmups = 1;
	char *word;
	int option;

	while ((option = getopt(argc, argv, "n:w:k:")) != -1) {
		switch (option) {
		case 'n':
			rounds = (unsigned)atoi(optarg);
			break;
		case 'w':
			warmups = (unsigned)atoi(optarg);
			break;
		case 'k':
			for (word = strtok(optarg, ",");
			     word && nr_keys < KEYS_MAX;
			     word = strtok(NULL, ","))
				keys[nr_keys++] = word;
			break;
		default:
			fputs("usage: pairs [-n ROUNDS] [-w WARMUPS] "
			      "[-k KEY,KEY...] < PLAN > CSV\n",
			      stderr);
			return 2;
		}
	}
	read_plan();
	sigaction(SIGALRM, &action, NULL);
	printf("round,name,wall_us,user_us,sys_us,cpu_us,rss_kib");
	for (unsigned k = 0; k < nr_keys; k++)
		printf(",%s", keys[k]);
	putchar('\n');
	run_rounds(warmups, rounds);
	return 0;
}
