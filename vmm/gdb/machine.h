/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VM as gdb's target: target.h's calls, made of debug.h's.
 */
#pragma once

#include <stdio.h>

#include "vmm/gdb/debug.h"
#include "vmm/gdb/target.h"
#include "vmm/stop.h"

struct machine_target {
	struct debug *debug;
	struct stop *stop;
	/* What --stats prints; for `monitor stats`. */
	void (*print_stats)(void *ctx, FILE *out);
	void *stats_ctx;
};

/* target's calls are made with machine, which outlives it. The debugger's
 * thread. */
void machine_target_init(struct gdb_target *target,
			 struct machine_target *machine,
			 enum regs_layout layout);
