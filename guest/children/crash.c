/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crashes after it has spoilt all that it can write to: who starts it again has
 * to put that back. If it is not as the file has it, ends with 1.
 */
#include "guest/children/call.h"

#define WORDS	1024
#define NOWHERE UINT64_C(0x1000)

static volatile uint64_t data[WORDS] = {[0 ... WORDS - 1] = 0x5eed};
static volatile uint64_t zeros[WORDS];

_Noreturn void start(uint64_t index)
{
	(void)index;
	for (unsigned i = 0; i < WORDS; i++)
		if (data[i] != 0x5eed || zeros[i])
			child_exit(1);
	for (unsigned i = 0; i < WORDS; i++)
		data[i] = zeros[i] = 0xbad;
	*(volatile uint64_t *)NOWHERE = 0;
	child_exit(2);
}
