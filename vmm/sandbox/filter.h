/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of what mkfilters.c makes of rules.h, as build/gen/vmm/filters.h.
 */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

/* A thread's filter: which bits are set. */
enum sandbox_role {
	SANDBOX_THREAD = 0,
	SANDBOX_DUMPER = 1, /* the main thread, if it makes or removes files */
	SANDBOX_DEBUGGED = 2, /* every thread with --gdb */
	SANDBOX_ROLES = 4
};

/*
 * Stands for our process id in a filter until it is known. No process has it:
 * the largest is 2^22 (proc(5), pid_max).
 */
#define FILTER_PID 0x51d51d51

#define FILTER_MAX 1024 /* instructions; the kernel takes 4096 */

/* One role's. */
struct filter {
	const struct sock_filter *insns;
	unsigned short nr;
};

/* What a report says of a system call. */
struct filter_call {
	const char *name; /* NULL: none has this number */
	uint8_t args;	  /* bit n: argument n decides */
};
