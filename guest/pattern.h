/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File content that names its own place: each 8-byte word is a function of its
 * index, different for every index, so a page that is missing, stale or in the
 * wrong place shows. Shared by mkpattern.c, which writes it on the host, and by
 * the guests that verify it.
 */
#pragma once

#include <stdint.h>

#define PATTERN_WORDS_PER_PAGE 512

/* A bijection of 64-bit words: an odd factor, then a xor-shift. */
static inline uint64_t pattern_word(uint64_t index)
{
	uint64_t x = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return x ^ x >> 32;
}
