/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMM's --pager-control registers (guest/abi.h). For ring 3, too.
 */
#pragma once

#include <stdint.h>

#include "guest/abi.h"

static inline volatile uint64_t *pager_register(unsigned offset)
{
	return (volatile uint64_t *)(uint64_t)(ABI_PAGER_BASE + offset);
}

static inline uint64_t pager_get(unsigned offset)
{
	return *pager_register(offset);
}

static inline void pager_set(unsigned offset, uint64_t value)
{
	*pager_register(offset) = value;
}

/* One command; returns its status. */
static inline uint64_t pager_command(unsigned command, uint64_t gpa)
{
	pager_set(ABI_PAGER_GPA, gpa);
	pager_set(ABI_PAGER_COMMAND, command);
	return pager_get(ABI_PAGER_STATUS);
}

static inline uint64_t pager_map(uint64_t gpa, uint64_t frame, unsigned rights)
{
	pager_set(ABI_PAGER_FRAME, frame);
	pager_set(ABI_PAGER_RIGHTS, rights);
	return pager_command(ABI_PAGER_MAP, gpa);
}
