/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs for ever without an exit: for --timeout and for signals.
 */
#include "guest/lib/bare.h"

	MB2_HEADER
	.section .text
	.code32
	.globl	start
start:
	PRINT	"spin: here for ever\n"
	READY
1:	jmp	1b
