/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core's notes: what the processors were doing. Internal to core.c.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "vmm/crash/registers.h"

/* Writes the notes of vCPU id, as an ELF64 x86-64 or an ELF32 i386 debugger
 * expects them. Errors stay with the stream. */
void core_notes_write(FILE *out, bool elf64, unsigned id,
		      const struct registers *regs);
