/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring-3 functions that read much memory: user_fn of guest/lib/cpu.h.
 */
#pragma once

#include <stdint.h>

struct area {
	const void *start; /* low address */
	uint64_t bytes;
};

/* The area, a struct area, holds pattern.h's words. Each processor takes a part
 * and walks it in its own way: forwards, backwards, in strides. Returns the
 * address of a wrong word, or 0. */
uint64_t verify_pattern(uint64_t cpu, uint64_t cpus, void *area);

/* Every word of the area is 0. Parts and result as above. */
uint64_t verify_zero(uint64_t cpu, uint64_t cpus, void *area);

/* FNV-1a, 64 bits, of the area's bytes: unlike a sum it notices bytes that have
 * changed places. For one processor. */
uint64_t fnv1a(uint64_t cpu, uint64_t cpus, void *area);
