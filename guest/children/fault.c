/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Number 0 touches a page that it does not have: a parent that maps one makes it
 * go on. Others do without.
 */
#include "guest/children/call.h"

#define NOWHERE UINT64_C(0x600000000000)

_Noreturn void start(uint64_t index)
{
	volatile uint64_t *word = (volatile uint64_t *)NOWHERE;

	if (index == 0) {
		__asm__ volatile(".globl touch_here\n"
				 "touch_here: movq $7, (%0)"
				 :
				 : "r"(word)
				 : "memory");
		child_exit(*word);
	}
	child_print("nothing touched\n");
	child_exit(3);
}
