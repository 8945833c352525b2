/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --digest: one number for all that a stopped guest has in memory.
 *
 * SHA-256 (FIPS 180-4) of the size of RAM in bytes and then, for each page that
 * is not all zeros, in ascending order, its guest-physical address and its 4096
 * bytes; numbers are 64 bits, little-endian. So a page that nobody has touched
 * counts as what it is, zeros, and costs nothing; and how pages arrive, and
 * which of them have come by themselves, makes no difference.
 */
#pragma once

#include <stdbool.h>

#include "pager/pager.h"
#include "vmm/error.h"
#include "vmm/memory.h"

#define DIGEST_TEXT 65 /* 64 hexadecimal digits and a NUL */

/*
 * Brings every page that has content, and leaves the digest in text. Pages that
 * are unmapped (pager_unmap) are left out. is_mapped: the pager is a PAGER_MAP,
 * whose pages have their content without being there. Nobody changes guest
 * memory meanwhile. 0, or -errno with err filled.
 */
int digest_compute(const struct memory *memory, struct pager *pager,
		   bool is_mapped, char text[DIGEST_TEXT], struct error *err);
