/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the VM ends: anybody may ask for it, the first reason counts.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct stop {
	int event;	   /* eventfd, readable once somebody asked */
	_Atomic int asked; /* 0, 1: being written, 2: the rest is readable */
	int status; /* of the process: enum vmm_status or the guest's own */
	char reason[2048]; /* for stderr, without newline; empty: say nothing */
};

/* 0 or -errno. */
int stop_init(struct stop *stop);
void stop_fini(struct stop *stop);

/* Any thread, any number of times; never blocks. format may be NULL; words that
 * do not fit end in "...". Was this the first one, which counts? */
__attribute__((format(printf, 3, 4))) bool
stop_request(struct stop *stop, int status, const char *format, ...);

/* Did anybody ask? If so, status and reason may be read. */
bool stop_asked(const struct stop *stop);
