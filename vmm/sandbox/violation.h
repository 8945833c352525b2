/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system call that a filter has refused: one line that names it, and the end.
 */
#pragma once

#include <stddef.h>

#include "vmm/sandbox/filter.h"

/* Once, for the process, before there are other threads. calls is indexed by
 * number and stays the caller's. */
void violation_catch(const struct filter_call *calls, size_t nr);
