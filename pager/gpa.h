/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest-physical addresses and the 4 KiB page, the one unit in which memory
 * arrives.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t gpa_t; /* guest-physical address */
typedef uint64_t gva_t; /* guest-virtual (linear) address */

#define PAGE_SHIFT 12
#define PAGE_SIZE  (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

/* [start, start + len) of guest-physical memory. */
struct gpa_range {
	gpa_t start;
	uint64_t len;
};

static inline uint64_t page_down(uint64_t addr)
{
	return addr & ~PAGE_MASK;
}

/* Wraps to 0 for an address in the last page of the 64-bit space. */
static inline uint64_t page_up(uint64_t addr)
{
	return (addr + PAGE_MASK) & ~PAGE_MASK;
}

/* Do [a, a + alen) and [b, b + blen) share a byte? Neither may wrap. */
static inline bool ranges_overlap(uint64_t a, uint64_t alen, uint64_t b,
				  uint64_t blen)
{
	return alen && blen && a < b + blen && b < a + alen;
}
