/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical memory for programs in the higher half: where all of the first GiB
 * is to be seen (start.S), which of it is free, and page tables in it.
 */
#pragma once

#include <stdint.h>

#include "guest/lib/mb2.h"
#include "guest/lib/vspace.h"

#define HIGH_HALF  UINT64_C(0xffffffff80000000)
#define HIGH_BYTES (UINT64_C(1) << 30)

/* The other way: phys(). pa is in the first GiB. */
static inline void *high(gpa_t pa)
{
	return (void *)(HIGH_HALF + pa);
}

/* Finds the largest range of RAM in the first GiB that has neither image, module
 * nor section in it, nor anything that the memory map reserves. Once, before
 * ram_page. */
void ram_init(const struct mb2_info *info);

/* A page that nobody has touched yet, thus of zeros. CHECKs that there is one. */
gpa_t ram_page(void);

/* A flush for struct vspace: of this processor, in whatever space it is. */
void ram_flush(void *ctx, gva_t va, uint64_t len);

/* vspace_map, with ram_page's pages as the tables that lack. */
enum vspace_error ram_map(struct vspace *space, struct vspace_frame *frame,
			  gva_t va, unsigned rights);

/* Tables in the first GiB; new ones are ram_page's and are never freed. */
extern const struct pt_mem ram_tables;
