/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says a line, ends with its number. The parent may read the line before.
 */
#include "guest/children/call.h"

extern const char greeting[];
const char greeting[] = "hello from a child\n";

_Noreturn void start(uint64_t index)
{
	child_print(greeting);
	child_exit(index);
}
