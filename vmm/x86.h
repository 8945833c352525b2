/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of x86 register bits, spelt as in the manual (SDM 3A 2.3, 2.5, 3.4.5).
 */
#pragma once

#define CR0_PE (1u << 0)
#define CR0_ET (1u << 4)
#define CR0_PG (1u << 31)

#define CR4_PSE	 (1u << 4)
#define CR4_PAE	 (1u << 5)
#define CR4_LA57 (1u << 12)
#define CR4_CET	 (1u << 23)

#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)

#define RFLAGS_IF    0x200u
#define RFLAGS_FIXED 0x2u /* bit 1 is always set */

/* Segment descriptor types. */
#define SEGMENT_DATA_ACCESSED 0x3 /* read, write */
#define SEGMENT_CODE_ACCESSED 0xb /* execute, read */
#define SEGMENT_TSS_BUSY      0xb /* a system segment: 32 bits */
