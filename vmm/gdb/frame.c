/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/gdb/frame.h"

#include <stdbool.h>
#include <string.h>

#define FLAGS_TF    0x100u
#define FLAGS_FIXED 0x2u

#define INSTRUCTION_MAX 15

enum slot {
	SLOT_RIP,
	SLOT_CS,
	SLOT_FLAGS,
	SLOTS_32, /* the stack is the same */
	SLOT_RSP = SLOTS_32,
	SLOT_SS,
	SLOTS_64
};

static bool is_frame(const uint64_t *slots, bool wide, uint64_t rip,
		     uint64_t rsp)
{
	return slots[SLOT_RIP] - rip <= INSTRUCTION_MAX && slots[SLOT_CS] &&
	       slots[SLOT_CS] <= UINT16_MAX &&
	       slots[SLOT_FLAGS] <= UINT32_MAX &&
	       slots[SLOT_FLAGS] & FLAGS_FIXED &&
	       slots[SLOT_FLAGS] & FLAGS_TF &&
	       (!wide || slots[SLOT_RSP] == rsp);
}

int frame_find_trace(const uint8_t *stack, size_t len, size_t word,
		     uint64_t rip, uint64_t rsp)
{
	const bool wide = word == 8;
	const size_t nr = wide ? SLOTS_64 : SLOTS_32;

	for (size_t at = 0; at + nr * word <= len; at += word) {
		uint64_t slots[SLOTS_64] = {0};

		for (size_t i = 0; i < nr; i++)
			memcpy(&slots[i], stack + at + i * word, word);
		if (is_frame(slots, wide, rip, rsp))
			return (int)(at + SLOT_FLAGS * word);
	}
	return -1;
}
