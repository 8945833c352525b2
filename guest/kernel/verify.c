/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The teaching kernel's bulk work, in ring 3. See the header.
 *
 * An area is cut into chunks of a page's size (not at page boundaries: areas
 * begin anywhere), every processor has a run of chunks.
 */
#include "guest/kernel/verify.h"

#include <stdbool.h>
#include <stddef.h>

#include "guest/lib/cpu.h"
#include "guest/pattern.h"

#define CHUNK  512 /* words */
#define STRIDE 7   /* chunks */

enum order {
	FORWARDS,
	BACKWARDS,
	STRIDED,
	ORDERS
};

/* The chunk, out of n, that the order visits as number i. */
static USER uint64_t chunk_number(enum order order, uint64_t i, uint64_t n)
{
	uint64_t column, rest;

	if (order == BACKWARDS)
		return n - 1 - i;
	if (order == FORWARDS)
		return i;
	/* 0, 7, 14, ..., 1, 8, 15, ..., 6, 13, ... */
	for (column = 0; column < STRIDE; column++) {
		rest = (n - column + STRIDE - 1) / STRIDE; /* in this column */
		if (i < rest)
			break;
		i -= rest;
	}
	return i * STRIDE + column;
}

/* The first wrong word among words first to end - 1, or null. */
static USER const uint64_t *verify_words(const uint64_t *words, uint64_t first,
					 uint64_t end, bool zero)
{
	uint64_t i;

	for (i = first; i < end; i++)
		if (words[i] != (zero ? 0 : pattern_word(i)))
			return &words[i];
	return NULL;
}

static USER uint64_t verify(uint64_t cpu, uint64_t cpus,
			    const struct area *area, bool zero)
{
	uint64_t words = area->bytes / sizeof(uint64_t);
	uint64_t chunks = (words + CHUNK - 1) / CHUNK;
	uint64_t first = chunks * cpu / cpus;
	uint64_t n = chunks * (cpu + 1) / cpus - first;
	const uint64_t *wrong;
	uint64_t i, start, end;

	for (i = 0; i < n; i++) {
		start = (first + chunk_number(cpu % ORDERS, i, n)) * CHUNK;
		end = start + CHUNK < words ? start + CHUNK : words;
		wrong = verify_words(area->start, start, end, zero);
		if (wrong)
			return (uint64_t)wrong;
	}
	return 0;
}

USER uint64_t verify_pattern(uint64_t cpu, uint64_t cpus, void *area)
{
	return verify(cpu, cpus, area, false);
}

USER uint64_t verify_zero(uint64_t cpu, uint64_t cpus, void *area)
{
	return verify(cpu, cpus, area, true);
}

USER uint64_t fnv1a(uint64_t cpu, uint64_t cpus, void *arg)
{
	const struct area *area = arg;
	const uint8_t *bytes = area->start;
	uint64_t i, hash = UINT64_C(0xcbf29ce484222325);

	(void)cpu;
	(void)cpus;
	for (i = 0; i < area->bytes; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}
