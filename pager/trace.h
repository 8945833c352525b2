/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fault trace: a line per event, for people and for plots. The format is in
 * vmm.1, TRACE FORMAT.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "pager/pager.h"

struct trace;

/* Creates or truncates the file. start_ns (CLOCK_MONOTONIC) is time 0 of the
 * trace. 0 or -errno. */
int trace_create(struct trace **out, const char *path, uint64_t start_ns);

/* Events of this thread are said to be of name (copied, 15 bytes at most).
 * Any thread; best before it touches memory. Names beyond 512 are dropped. */
void trace_name(struct trace *trace, pid_t tid, const char *name);

/* Writes one line. Any thread. In names, blanks, control characters and % are
 * percent-encoded, so that a line has always seven fields. */
void trace_event(struct trace *trace, const struct pager_event *event);

/* Flushes and closes. 0, or -errno when the trace is not whole on disk. NULL
 * is allowed. */
int trace_destroy(struct trace *trace);
