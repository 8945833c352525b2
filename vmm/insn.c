/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SDM 2A 2.1 (instruction format), 2.2.1 (REX).
 */
#include "vmm/insn.h"

size_t insn_hint_nop(const uint8_t *code, size_t len, int long_mode)
{
	size_t i = 0;

	if (i == len || code[i++] != 0xf3)
		return 0;
	if (long_mode && i < len && (code[i] & 0xf0) == 0x40)
		i++;
	if (len - i < 3 || code[i] != 0x0f || code[i + 1] != 0x1e)
		return 0;
	/* ModRM with mod 3: two registers, no memory, nothing follows. */
	return code[i + 2] >= 0xc0 ? i + 3 : 0;
}
