/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gdb's `monitor` commands: what the VMM itself knows of the guest.
 */
#pragma once

#include <stdio.h>

#include "pager/pager.h"
#include "vmm/crash/view.h"

struct monitor {
	struct view *view; /* of the current vCPU; NULL: not to be had */
	const struct pager *pager;
	void (*print_stats)(void *ctx, FILE *out);
	void *stats_ctx;
};

#define MONITOR_RUNS   200	 /* lines of `walk` */
#define MONITOR_TABLES (1 << 20) /* that it may read: enough for 2 TiB */

/* The output of a command, also of a wrong one; from malloc. NULL: out of
 * memory. */
char *monitor_run(const struct monitor *env, const char *command);
