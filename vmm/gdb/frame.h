/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interrupt or an exception has put on the stack: return address, CS,
 * flags, and in 64-bit mode the stack pointer and SS (SDM 3A 6.12.1, 6.14.2).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* From the stack's top, because a handler may have stored something already. */
#define FRAME_WORDS 24

/* Where in these bytes, the top of a stack, are flags with TF, in the frame of
 * something that came in a step from rip and rsp? A word has 8 bytes in 64-bit
 * mode, 4 in 32-bit mode. -1: nowhere. */
int frame_find_trace(const uint8_t *stack, size_t len, size_t word,
		     uint64_t rip, uint64_t rsp);
