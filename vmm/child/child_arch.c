/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where user addresses end: SDM 3A 3.3.7.1 (the lower canonical half);
 * RISC-V Privileged 10.4.1, 10.5.1; Arm ARM D8.1.4, TTBR0
 * with T0SZ 16.
 */
#include "vmm/child/child_arch.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

const struct child_arch child_x86_64 = {
	.name = "x86_64",
	.machine = EM_X86_64,
	.format = &pt_x86_64,
	.user_end = UINT64_C(1) << 47,
};

static const struct child_arch others[] = {
	{"riscv64-sv39", EM_RISCV, &pt_sv39, UINT64_C(1) << 38},
	{"riscv64-sv48", EM_RISCV, &pt_sv48, UINT64_C(1) << 47},
	{"riscv64", EM_RISCV, &pt_sv39, UINT64_C(1) << 38},
	{"aarch64", EM_AARCH64, &pt_aarch64, UINT64_C(1) << 48},
};

const struct child_arch *child_arch_find(const char *name)
{
	if (!strcmp(name, child_x86_64.name))
		return &child_x86_64;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(name, others[i].name))
			return &others[i];
	return NULL;
}
