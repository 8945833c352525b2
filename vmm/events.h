/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of the main thread: console input, idle output, signals, the
 * time limit, until something stops the VM.
 */
#pragma once

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/console.h"
#include "vmm/stop.h"

#define EVENTS_WATCHES 4

struct events {
	/* Set by events_init, constant after: */
	struct stop *stop;
	struct console *console;
	uint64_t timeout_ns; /* from events_init on; 0: none */
	uint64_t start_ns;
	sigset_t signals; /* that end the VM */
	int signal_fd, wake_fd;
	struct events_watch {
		int fd; /* not ours */
		void (*readable)(void *ctx);
		void *ctx;
	} watches[EVENTS_WATCHES];
	unsigned nr_watches;

	/* Any thread: somebody looks after the console's output already. */
	_Atomic bool awake;
};

/* Where console input goes: takes what fits, returns how many. */
typedef size_t (*events_input_fn)(void *ctx, const uint8_t *bytes, size_t len);

/*
 * Blocks the signals that end the VM in this thread and, by inheritance, in all
 * it starts; before the first thread. For the rest of the process's life: stop
 * and console outlive it, and there is nothing to undo it. 0 or -errno.
 */
int events_init(struct events *events, struct stop *stop,
		struct console *console, uint64_t timeout_ns);

/* The console has output to flush, or input has room again. Any thread; cheap
 * when called often. */
void events_wake(void *events);

/* Calls back whenever fd is readable, from events_run. fd -1: never. At most
 * EVENTS_WATCHES times. */
void events_watch(struct events *events, int fd, void (*readable)(void *ctx),
		  void *ctx);

/* Returns when stop was asked for, by anybody. */
void events_run(struct events *events, events_input_fn input, void *ctx);
