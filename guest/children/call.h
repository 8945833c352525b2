/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child asks of its parent (guest/parent): `ud2` with a number in RAX and
 * an argument in RDI. It goes on behind the instruction. (Not `int` or `syscall`:
 * see guest/README.md, "Why ring 3".)
 *
 * A child starts at its entry with its number in RDI and RSP at the top of its
 * stack.
 */
#pragma once

#include <stdint.h>

enum child_call {
	CALL_EXIT = 1,	/* RDI: status. Does not come back */
	CALL_PRINT = 2, /* RDI: text, ends with a NUL */
};

static inline void child_call(enum child_call call, uint64_t argument)
{
	__asm__ volatile("ud2"
			 :
			 : "a"((uint64_t)call), "D"(argument)
			 : "memory");
}

static inline void child_print(const char *text)
{
	child_call(CALL_PRINT, (uint64_t)text);
}

static inline _Noreturn void child_exit(uint64_t status)
{
	for (;;)
		child_call(CALL_EXIT, status);
}

/* A child's entry. */
_Noreturn void start(uint64_t index);
