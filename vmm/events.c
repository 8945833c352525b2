/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll(2) over a handful of descriptors. Output without a newline (a prompt) is flushed
 * by this thread some milliseconds later: the first byte wakes it, and it stays
 * awake while output comes, so that a chatty guest pays for one wake-up, not
 * for one per line.
 */
#define _GNU_SOURCE
#include "vmm/events.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/status.h"
#include "vmm/timeline.h"

#define FLUSH_MS 10 /* a prompt appears after so long */

/* What nohup(1), or a shell for its background, has told us to ignore stays
 * ignored: blocked, it would be delivered all the same. */
static void add_signal(sigset_t *set, int signal_number)
{
	struct sigaction action;

	if (!sigaction(signal_number, NULL, &action) &&
	    action.sa_handler != SIG_IGN)
		sigaddset(set, signal_number);
}

int events_init(struct events *events, struct stop *stop,
		struct console *console, uint64_t timeout_ns)
{
	*events = (struct events){
		.stop = stop,
		.console = console,
		.timeout_ns = timeout_ns,
		.start_ns = timeline_now(CLOCK_MONOTONIC),
		.signal_fd = -1,
		.wake_fd = -1,
	};
	sigemptyset(&events->signals);
	add_signal(&events->signals, SIGINT);
	add_signal(&events->signals, SIGTERM);
	add_signal(&events->signals, SIGHUP);
	add_signal(&events->signals, SIGQUIT);
	sigprocmask(SIG_BLOCK, &events->signals, NULL);
	events->signal_fd =
		signalfd(-1, &events->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (events->signal_fd < 0)
		return -errno;
	events->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return events->wake_fd < 0 ? -errno : 0;
}

void events_watch(struct events *events, int fd, void (*readable)(void *ctx),
		  void *ctx)
{
	assert(events->nr_watches < EVENTS_WATCHES);
	events->watches[events->nr_watches++] =
		(struct events_watch){fd, readable, ctx};
}

void events_wake(void *arg)
{
	struct events *events = arg;
	uint64_t one = 1;
	ssize_t n;

	/* Pairs with the exchange in rest(). */
	if (atomic_load_explicit(&events->awake, memory_order_acquire) ||
	    atomic_exchange(&events->awake, true))
		return;
	n = write(events->wake_fd, &one, sizeof(one)); /* cannot be full */
	(void)n;
}

static void take_signal(struct events *events)
{
	struct signalfd_siginfo info;

	if (read(events->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	stop_request(events->stop, STATUS_SIGNAL + (int)info.ssi_signo,
		     "ended by %s", strsignal((int)info.ssi_signo));
}

/* Input that the serial port has no room for stays here. */
struct pending {
	uint8_t bytes[256];
	size_t len;
};

static void take_input(struct events *events, struct pending *in)
{
	enum console_event event = console_read(events->console, in->bytes,
						sizeof(in->bytes), &in->len);

	if (event == CONSOLE_QUIT)
		stop_request(events->stop, STATUS_SIGNAL + SIGINT,
			     "ended by Ctrl-A x");
}

static void pass_input(struct pending *in, events_input_fn input, void *ctx)
{
	size_t n = in->len ? input(ctx, in->bytes, in->len) : 0;

	memmove(in->bytes, in->bytes + n, in->len - n);
	in->len -= n;
}

/* Nothing came for a while: sleep until somebody wakes us. The second look
 * catches a byte that was put while `awake` was still true. */
static void rest(struct events *events)
{
	atomic_exchange(&events->awake, false);
	if (console_pending(events->console))
		events_wake(events);
}

/* How long poll may sleep; 0: the time limit has passed. */
static int patience(struct events *events)
{
	uint64_t left_ms, gone;

	if (events->timeout_ns) {
		gone = timeline_now(CLOCK_MONOTONIC) - events->start_ns;
		if (gone >= events->timeout_ns)
			return 0;
		left_ms = (events->timeout_ns - gone) / 1000000 + 1;
		if (events->awake && left_ms > FLUSH_MS)
			return FLUSH_MS;
		return left_ms < 1000000 ? (int)left_ms : 1000000;
	}
	return events->awake ? FLUSH_MS : -1;
}

void events_run(struct events *events, events_input_fn input, void *ctx)
{
	struct pending in = {.len = 0};
	uint64_t wakes, now_ns, flushed_ns = events->start_ns;
	int ms, n;

	while (!stop_asked(events->stop)) {
		struct pollfd fds[4 + EVENTS_WATCHES] = {
			{.fd = events->stop->event, .events = POLLIN},
			{.fd = events->signal_fd, .events = POLLIN},
			{.fd = events->wake_fd, .events = POLLIN},
			{.fd = in.len ? -1 : console_fd(events->console),
			 .events = POLLIN},
		};

		for (unsigned i = 0; i < events->nr_watches; i++)
			fds[4 + i] = (struct pollfd){
				.fd = events->watches[i].fd,
				.events = POLLIN,
			};

		ms = patience(events);
		if (!ms) {
			stop_request(events->stop, STATUS_TIMEOUT,
				     "stopped by --timeout");
			break;
		}
		n = poll(fds, 4 + events->nr_watches, ms);
		if (n < 0)
			continue; /* EINTR: nothing was learnt */
		if (fds[1].revents)
			take_signal(events);
		if (fds[2].revents &&
		    read(events->wake_fd, &wakes, sizeof(wakes)) < 0)
			continue;
		if (fds[3].revents)
			take_input(events, &in);
		for (unsigned i = 0; i < events->nr_watches; i++)
			if (fds[4 + i].revents)
				events->watches[i].readable(
					events->watches[i].ctx);
		pass_input(&in, input, ctx);
		/* Not starved by input that never ends. */
		now_ns = timeline_now(CLOCK_MONOTONIC);
		if (n && now_ns - flushed_ns < FLUSH_MS * 1000000)
			continue;
		flushed_ns = now_ns;
		if (console_pending(events->console))
			console_flush(events->console);
		else if (!n)
			rest(events);
	}
}
