/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two of these have a region of 2 MiB in common (share=NAME:0x40000000:2M). Number
 * 1 writes to it, number 0 ends with what it reads there.
 */
#include "guest/children/call.h"

#define SHARED	  UINT64_C(0x40000000)
#define LAST_WORD (SHARED + (2 << 20) - 8)
#define STATUS	  77

static void write_text(const char *text)
{
	volatile char *to = (volatile char *)SHARED;

	while ((*to++ = *text++))
		;
}

_Noreturn void start(uint64_t index)
{
	volatile uint64_t *last = (volatile uint64_t *)LAST_WORD;

	if (index == 1) {
		write_text("written by child 1");
		*last = STATUS;
		child_exit(0);
	}
	child_exit(*last);
}
