/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the phases of a run happened: CLOCK_MONOTONIC nanoseconds, 0: not (yet).
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum phase {
	PHASE_PROCESS, /* exec */
	PHASE_IMAGE,   /* image parsed, memory laid out */
	PHASE_VM,      /* VM and vCPUs created */
	PHASE_ARMED,   /* pager armed */
	PHASE_FIRST,   /* first instruction */
	PHASE_READY,   /* guest wrote the ready port */
	PHASE_EXIT,    /* all vCPUs stopped */
	PHASES,
};

struct timeline {
	_Atomic uint64_t at[PHASES];
};

static inline uint64_t timeline_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The first mark of a phase counts. Any thread. */
static inline void timeline_mark(struct timeline *timeline, enum phase phase)
{
	uint64_t none = 0;

	atomic_compare_exchange_strong(&timeline->at[phase], &none,
				       timeline_now(CLOCK_MONOTONIC));
}
