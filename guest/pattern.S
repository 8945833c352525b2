/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of mkpattern.c as a section. PATTERN_FILE and PATTERN_SECTION come
 * from the Makefile.
 */
	.section PATTERN_SECTION, "a", @progbits
	.globl	pattern_start, pattern_end
	.balign	8
pattern_start:
	.incbin	PATTERN_FILE
pattern_end:

	.section .note.GNU-stack, "", @progbits
