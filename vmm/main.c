/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the command line to an exit status: a session is prepared (session.h), run
 * until somebody stops it, and accounted for. The terminal, changed last, is
 * restored first.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/bus_error.h"
#include "vmm/crash/core.h"
#include "vmm/crash/crash.h"
#include "vmm/crash/postmortem.h"
#include "vmm/digest.h"
#include "vmm/error.h"
#include "vmm/report.h"
#include "vmm/sandbox/sandbox.h"
#include "vmm/session.h"
#include "vmm/status.h"

/* A signal that kills must not leave the terminal raw. */
static void on_fatal(int signal_number)
{
	console_restore();
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void catch_signals(void)
{
	/* Those whose default is death, but for the ones of events.c, SIGKILL,
	 * and SIGUSR1, which is vcpu.c's. */
	static const int fatal[] = {
		SIGSEGV, SIGBUS,    SIGILL,  SIGFPE,	SIGABRT,
		SIGSYS,	 SIGTRAP,   SIGXCPU, SIGALRM,	SIGPROF,
		SIGPOLL, SIGVTALRM, SIGUSR2, SIGSTKFLT, SIGPWR,
	};
	struct sigaction action = {
		.sa_handler = on_fatal,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	struct sigaction old;

	/* One that whoever started us wants ignored stays so. */
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		if (!sigaction(fatal[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(fatal[i], &action, NULL);
	/* What cannot be written, to a pipe that nobody reads or beyond the
	 * limit of a file's size, is an error of the call: of a disk the
	 * guest's, who must not end us with it. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

/* Devices touch guest memory as threads of ours, not as KVM's. */
static void wait_for_lost_pages(const struct session *s)
{
	const struct memory *memory = vm_memory(s->vm);

	if (s->options.pager == PAGER_MAP)
		bus_error_wait(memory->hva, memory->bytes, on_fatal);
}

static void fill_report(struct report *r, struct session *s, int status,
			const struct pager_stats *stats)
{
	*r = (struct report){
		.options = &s->options,
		.protocol = boot_plan_protocol(s->plan),
		.timeline = &s->timeline,
		.devices = s->devices,
		.nr_devices = s->nr_devices,
		.status = status,
		.pager = *stats,
		.digest = s->digest,
	};
	vm_stats(s->vm, &r->vm);
}

static void report(struct session *s, int status,
		   const struct pager_stats *stats)
{
	struct report r;

	fill_report(&r, s, status, stats);
	if (s->options.boot_timer)
		report_boot_timer(stderr, &s->timeline);
	if (s->options.stats == STATS_TEXT)
		report_text(stderr, &r);
	if (s->options.stats == STATS_JSON)
		report_json(stderr, &r);
}

static bool is_error(int status)
{
	return status > STATUS_GUEST_MAX && status != STATUS_TIMEOUT &&
	       status < STATUS_SIGNAL;
}

/* A mapped file that has shrunk may have fed the guest zeros without anybody
 * noticing: its own account of itself is then worth nothing. */
static int settle(struct session *s, int status)
{
	if ((status > STATUS_GUEST_MAX && status != STATUS_GUEST_CRASH) ||
	    !pager_check_sources(s->pager))
		return status;
	error_print(pager_failure(s->pager));
	return STATUS_PAGER;
}

/* Waits for the pager's thread. Somebody who does not read the trace (a FIFO),
 * or a slow source, must not hold us for ever; and from here on signals end us
 * at once. */
static bool end_pager(struct session *s)
{
	struct timespec until;

	sigprocmask(SIG_UNBLOCK, &s->events.signals, NULL);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 2;
	return pager_stop(s->pager, &until);
}

/* A signal ends us at once, or as soon as what is half written is removed. */
static void dump(struct session *s, const struct postmortem *pm)
{
	const char *path = s->options.dump;
	struct core_result result;

	if (core_write(path, pm, &s->events.signals, &result))
		fprintf(stderr, "vmm: --dump %s: %s\n", path, result.error);
	else if (result.note[0])
		fprintf(stderr, "vmm: --dump %s: %s\n", path, result.note);
	else if (s->options.verbose)
		fprintf(stderr,
			"vmm: --dump %s: %llu pages, %llu program headers\n",
			path, (unsigned long long)result.pages,
			(unsigned long long)result.loads + 1);
	sigprocmask(SIG_UNBLOCK, &s->events.signals, NULL);
}

/* One line in any case. */
static void take_digest(struct session *s, bool stopped)
{
	bool is_mapped = s->options.pager == PAGER_MAP;
	struct error err;

	if (!stopped)
		fprintf(stderr, "vmm: --digest: there is none: %s\n",
			pager_failure(s->pager)
				? "the pager failed"
				: "a virtual CPU, a device or the debugger "
				  "has not stopped");
	else if (digest_compute(vm_memory(s->vm), s->pager, is_mapped,
				s->digest, &err))
		fprintf(stderr, "vmm: --digest: there is none: %s\n", err.text);
	else
		fprintf(stderr, "digest: sha256:%s\n", s->digest);
}

/* What the crash and the core are made of. */
static bool examine(struct session *s, struct postmortem *pm)
{
	/* A source may be slow, or hang, when a page has to be looked at: from
	 * here on signals end us at once. */
	sigprocmask(SIG_UNBLOCK, &s->events.signals, NULL);
	if (postmortem_init(pm, s->vm, s->pager, s->image)) {
		error_print("out of memory");
		return false;
	}
	pm->program_sign = boot_plan_program_sign(s->plan);
	return true;
}

/*
 * What the end left behind: the account of a crash, the digest, the core. The
 * vCPUs' state is asked for once. What the digest brings is not counted, but is
 * in the core.
 */
static bool explain(struct session *s, int status, bool stopped)
{
	const struct options *o = &s->options;
	bool crashed = status == STATUS_GUEST_CRASH;
	struct pager_stats stats;
	struct postmortem pm;
	bool examined = (crashed || o->dump) && examine(s, &pm);

	if (examined && crashed && pm.crashed)
		crash_explain(stderr, &pm);
	/* Nobody shall bring pages meanwhile, and nothing is left behind that
	 * the guest did not wait for. */
	if (s->trace || o->stats != STATS_NONE || o->dump || o->digest)
		stopped = end_pager(s) && stopped;
	pager_stats(s->pager, &stats);
	if (o->digest)
		take_digest(s, stopped);
	if (examined && o->dump)
		dump(s, &pm);
	if (examined)
		postmortem_fini(&pm);
	report(s, status, &stats);
	return stopped;
}

/* For the debugger, whose thread calls it. */
static void print_stats(void *ctx, FILE *out)
{
	struct session *s = ctx;
	struct pager_stats stats;
	struct report r;

	pager_stats(s->pager, &stats);
	fill_report(&r, s, 0, &stats);
	report_text(out, &r);
}

/* All threads, which wait. */
static int start(struct session *s, struct error *err)
{
	const struct stub_config config = {
		.layout = s->image->class == 32 ? REGS_32 : REGS_64,
		.stop = &s->stop,
		.trace = s->trace,
		.print_stats = print_stats,
		.stats_ctx = s,
	};
	int rc = vm_start(s->vm, err);

	if (rc || !s->stub)
		return rc;
	rc = stub_start(s->stub, &config);
	return rc ? error_set(err, rc, "cannot start the debugger's thread: %s",
			      strerror(-rc))
		  : 0;
}

/* From the first instruction to the last. */
static int run(struct session *s)
{
	struct error err;
	bool stopped;
	int status;

	wait_for_lost_pages(s);
	if (start(s, &err))
		stop_request(&s->stop, STATUS_HOST, "%s", err.text);
	else if (sandbox_enter(&s->stop,
			       s->options.verbose ? error_print : NULL)) {
		vm_go(s->vm);
		events_run(&s->events, session_input, s);
	}
	status = s->stop.status;
	/* Only an end that the guest chose waits for a slow stdout. */
	if (status > STATUS_GUEST_MAX)
		console_abandon(s->console);
	stopped = vm_stop(s->vm);
	/* A vCPU that has not stopped may still come back and use them. */
	if (stopped)
		console_destroy(s->console);
	else
		console_restore();
	/* An error is always told; that somebody ended the VM, unless -q. */
	if (s->stop.reason[0] && (!s->options.quiet || is_error(status)))
		error_print(s->stop.reason);
	status = settle(s, status);
	if (!stub_end(s->stub, status)) {
		stopped = false;
		error_print("the debugger's thread has not stopped: its "
			    "breakpoints may still be in memory");
	}
	stopped = explain(s, status, stopped);
	if (s->trace && (!stopped || trace_destroy(s->trace)))
		error_print("the trace could not be written whole");
	return status;
}

/* A descriptor closed by whoever started us would be given to the next file
 * that is opened, and the console would speak to that. */
static void fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			/* The lowest free one is fd itself. */
			(void)!open("/dev/null", O_RDWR);
}

int main(int argc, char *argv[])
{
	struct session s = {0};
	int status = 0;

	/* exec(2) has cost processor time by now; counting it dates the start
	 * of the process to some microseconds. */
	s.timeline.at[PHASE_PROCESS] = timeline_now(CLOCK_MONOTONIC) -
				       timeline_now(CLOCK_PROCESS_CPUTIME_ID);
	fill_standard_descriptors();
	switch (options_parse(&s.options, argc, argv)) {
	case OPTIONS_USAGE:
		status = STATUS_HOST;
		break;
	case OPTIONS_DONE:
		break;
	case OPTIONS_RUN:
		catch_signals();
		status = session_prepare(&s);
		if (!status)
			status = run(&s);
		break;
	}
	console_restore();
	if (fflush(stdout) && !status) {
		error_print("standard output: cannot be written");
		status = STATUS_HOST;
	}
	/*
	 * The process's end frees everything else, faster than we could. After
	 * a failure of the pager it is also the only way: KVM's own workers may
	 * be asleep in faults that nobody will serve, and destroying the VM
	 * waits for them.
	 */
	_exit(status);
}
