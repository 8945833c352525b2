/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processors that children can be for. The guest's is x86-64; the others' page
 * tables are built for inspection alone.
 */
#pragma once

#include "pager/pt/pt_format.h"

struct child_arch {
	const char *name;
	unsigned machine; /* ELF's EM_... */
	const struct pt_format *format;
	/* User addresses end here: the upper half is the kernel's. */
	uint64_t user_end;
};

extern const struct child_arch child_x86_64;

/* x86_64, riscv64-sv39 (riscv64 for short), riscv64-sv48, aarch64; or NULL. */
const struct child_arch *child_arch_find(const char *name);
