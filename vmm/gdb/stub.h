/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --gdb: the thread that speaks with gdb, one connection at a time.
 *
 * The guest waits before its first instruction until somebody lets it go. A
 * connection that ends lets it run on, and another may come. What it takes to
 * stop and look at vCPUs is done by this thread, so that the main thread stays
 * free for the terminal, signals and the time limit.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "pager/trace.h"
#include "vmm/error.h"
#include "vmm/gdb/debug.h"
#include "vmm/stop.h"

struct stub;

/* Listens. where: as of --gdb (listener.h), outlives it. 0, or -errno with err
 * filled and nothing left behind. */
int stub_create(struct stub **out, const char *where, struct error *err);

/* What the VM is to be made with. */
struct debug *stub_debug(struct stub *stub);

/* Where it listens, for people; and the socket's file, or NULL. */
const char *stub_name(const struct stub *stub);
const char *stub_socket(const struct stub *stub);

struct stub_config {
	enum regs_layout layout;
	struct stop *stop;
	struct trace *trace; /* or NULL */
	/* For `monitor stats`. */
	void (*print_stats)(void *ctx, FILE *out);
	void *stats_ctx;
};

/* Starts the thread, when the VM is made. All in config outlives it. 0 or
 * -errno. */
int stub_start(struct stub *stub, const struct stub_config *config);

/*
 * When the vCPUs have stopped for good: takes breakpoints out of memory, tells
 * gdb the VMM's exit status, closes and removes the socket. Waits a moment for
 * the thread. False: it has not ended, and breakpoints may still be in memory.
 * NULL, and one that has not been started, are allowed.
 */
bool stub_end(struct stub *stub, int status);
