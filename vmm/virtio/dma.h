/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory as a device sees it: an address and a length that the guest
 * made up, and host memory if it may be had.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"

struct dma {
	/*
	 * The host address of [gpa, gpa + len), len > 0, whose pages have been
	 * brought; NULL if it is not RAM in one piece or could not be brought.
	 * The address is good for the VM's life. Any thread but the pager's.
	 */
	void *(*map)(void *ctx, gpa_t gpa, uint64_t len);
	/* Does it lie in RAM in one piece? Nothing is brought. */
	bool (*is_ram)(void *ctx, gpa_t gpa, uint64_t len);
	void *ctx;
};

static inline void *dma_map(const struct dma *dma, gpa_t gpa, uint64_t len)
{
	return dma->map(dma->ctx, gpa, len);
}
