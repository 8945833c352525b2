/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shortest guest: one line, then the end. Measures what starting and
 * stopping a VM costs, so it runs as few instructions as it can.
 */
#include "guest/lib/bare.h"

	MB2_HEADER
	.section .text
	.code32
	.globl	start
start:
	PRINT	"Hello\n"
	READY
	EXIT	0
