/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a crash usually means. Internal to crash.c.
 */
#pragma once

#include <stdio.h>

#include "vmm/crash/postmortem.h"

/* A line for each thing that looks wrong with the vCPU that crashed. */
void crash_hint(FILE *out, const struct postmortem *pm,
		const struct registers *regs, struct view *view);

/* "#PF" for 14; "?" where there is none. */
const char *crash_exception_name(unsigned vector);
