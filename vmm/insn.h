/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much instruction decoding as this VMM does itself: none that has an
 * effect.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * KVM's instruction emulator refuses instructions of Control-flow Enforcement
 * (RDSSP and its kin), also where the guest has not enabled it and they are
 * no-ops by definition (SDM 1 17.1.2: the hint-NOP space of opcode 0F 1E).
 * Kernels built for newer processors, Xen for one, execute them in passing.
 *
 * Returns the length of such an instruction (register form, prefix F3) at code,
 * or 0. The caller has seen that CR4.CET is 0. A prefix REX is one only in
 * 64-bit code (long_mode).
 */
size_t insn_hint_nop(const uint8_t *code, size_t len, int long_mode);
