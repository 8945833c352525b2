/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "vmm/bus_error.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#define PAUSE_MS 10

/* Set before the signal's handler is; a handler has no other context. */
static uintptr_t memory_start;
static size_t memory_len;
static void (*fatal_handler)(int signal_number);

/* signal-safety(7): poll is, nanosleep is not. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	int saved = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR || at - memory_start >= memory_len ||
	    gettid() == getpid()) {
		fatal_handler(signal_number);
		return;
	}
	poll(NULL, 0, PAUSE_MS);
	errno = saved;
}

void bus_error_wait(const void *start, size_t len,
		    void (*fatal)(int signal_number))
{
	struct sigaction action = {
		.sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	memory_start = (uintptr_t)start;
	memory_len = len;
	fatal_handler = fatal;
	sigaction(SIGBUS, &action, NULL);
}
