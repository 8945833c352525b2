/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A triple fault: an exception with an interrupt table that has no entries is a
 * double fault, that one again finds no entry (SDM 3A 6.15, interrupt 8), and
 * the processor shuts down. Exit status 120.
 */
#include "guest/lib/bare.h"

	MB2_HEADER
	.section .text
	.code32
	.globl	start
start:
	PRINT	"triple: about to fault three times\n"
	lidt	empty
	ud2
	EXIT	99			/* not reached */

	.section .rodata
empty:	.word	0			/* limit: not even one entry */
	.long	0
