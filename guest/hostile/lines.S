/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that lie across the end of a page, in pages of the image that nobody
 * looks at before they are printed: one to be read upwards, one downwards.
 */
	.section .pattern, "a", @progbits
	.globl	line_up, line_up_end, line_down, line_down_last
	.balign	4096
	.zero	4096 - 20
line_up:
	.ascii	"upwards: each byte once, in order\n"
line_up_end:
	.balign	4096
	.zero	4096 - 20
line_down:
	.ascii	"\nredro ni ,ecno etyb hcae :sdrawnwod"
	.set	line_down_last, . - 1
	.balign	4096

	.section .note.GNU-stack, "", @progbits
