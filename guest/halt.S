/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Halts with interrupts off: nothing can wake it.
 */
#include "guest/lib/bare.h"

	MB2_HEADER
	.section .text
	.code32
	.globl	start
start:
	PRINT	"halt: good night\n"
	READY
	cli
1:	hlt
	jmp	1b
