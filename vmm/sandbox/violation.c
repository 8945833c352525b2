/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler runs in the thread that made the call, which may hold any lock: so
 * no stdio, no malloc (signal-safety(7)); and what it calls itself is on every
 * role's list.
 */
#define _GNU_SOURCE
#include "vmm/sandbox/violation.h"

#include <linux/audit.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include "vmm/console.h"
#include "vmm/status.h"

#define NR_ARGS 6

#ifndef SYS_SECCOMP /* asm-generic/siginfo.h; the C library may lack it */
#define SYS_SECCOMP 1
#endif

/* Set by violation_catch, constant after. */
static const struct filter_call *known;
static size_t nr_known;

/* A line, as far as there is room. */
struct line {
	char text[256];
	size_t len;
};

static void put_char(struct line *line, char c)
{
	if (line->len < sizeof(line->text))
		line->text[line->len++] = c;
}

static void put(struct line *line, const char *text)
{
	while (*text)
		put_char(line, *text++);
}

static void put_number(struct line *line, uint64_t n, unsigned base)
{
	char digits[20];
	unsigned nr = 0;

	do
		digits[nr++] = "0123456789abcdef"[n % base];
	while (n /= base);
	while (nr)
		put_char(line, digits[--nr]);
}

static void put_thread(struct line *line)
{
	char name[17] = "";

	prctl(PR_GET_NAME, name);
	put(line, "thread ");
	put(line, name);
}

static void put_args(struct line *line, unsigned args, const greg_t *regs)
{
	/* syscall(2): where x86-64 has a system call's arguments. */
	static const int places[NR_ARGS] = {
		REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9,
	};

	for (unsigned i = 0; i < NR_ARGS; i++) {
		if (!(args & 1u << i))
			continue;
		put(line, ", argument ");
		put_number(line, i, 10);
		put(line, " = 0x");
		put_number(line, (uint64_t)regs[places[i]], 16);
	}
}

static void put_call(struct line *line, const siginfo_t *info,
		     const greg_t *regs)
{
	const unsigned nr = (unsigned)info->si_syscall;
	const struct filter_call *call = nr < nr_known ? &known[nr] : NULL;
	/* Of i386, or of x32, which has a bit in the number. */
	bool foreign = info->si_arch != AUDIT_ARCH_X86_64;

	if (!foreign && call && call->name) {
		put(line, call->name);
		put_args(line, call->args, regs);
		return;
	}
	put(line, foreign ? "32-bit number " : "number ");
	put_number(line, nr, 10);
}

/* SIGSYS that a filter did not send (kill(1)) has nothing to tell; it still
 * ends us, as by default. */
static void on_sigsys(int signal_number, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	struct line line = {.len = 0};
	ssize_t n;

	console_restore();
	if (info->si_code != SYS_SECCOMP) {
		signal(signal_number, SIG_DFL);
		raise(signal_number);
		return; /* and there it is, unblocked */
	}
	put(&line, "vmm: sandbox: ");
	put_thread(&line);
	put(&line, " made a system call that is not on its list: ");
	put_call(&line, info, uc->uc_mcontext.gregs);
	put(&line, "; the guest may have broken out, or vmm has an error; "
		   "--no-sandbox allows it\n");
	n = write(STDERR_FILENO, line.text, line.len);
	(void)n;
	_exit(STATUS_HOST);
}

void violation_catch(const struct filter_call *calls, size_t nr)
{
	struct sigaction action = {
		.sa_sigaction = on_sigsys,
		.sa_flags = SA_SIGINFO,
	};
	sigset_t set;

	known = calls;
	nr_known = nr;
	sigaction(SIGSYS, &action, NULL);
	/* Whoever started us may have blocked it, and a thread that it cannot
	 * be delivered to dies without a word. */
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
