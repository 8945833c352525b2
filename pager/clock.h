/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pager's clock: CLOCK_MONOTONIC in nanoseconds.
 */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
