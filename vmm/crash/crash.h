/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account of a crash, for somebody who writes a kernel: what the processor
 * says, what that usually means, where in the program it was, and how it got
 * there.
 */
#pragma once

#include <stdio.h>

#include "vmm/crash/postmortem.h"

/* Writes the account; the line that names the crash has been written. Brings
 * absent pages that it has to look at. */
void crash_explain(FILE *out, const struct postmortem *pm);
