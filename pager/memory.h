/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host memory that stands for guest-physical addresses.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"

struct pager_memory {
	gpa_t gpa;
	uint64_t len;
	void *hva; /* private anonymous memory; the caller's */
};

/* Where gpa is; NULL: in none of the nr ranges. */
static inline void *pager_memory_at(const struct pager_memory *memory,
				    size_t nr, gpa_t gpa)
{
	for (size_t i = 0; i < nr; i++)
		if (gpa - memory[i].gpa < memory[i].len)
			return (char *)memory[i].hva + (gpa - memory[i].gpa);
	return NULL;
}
