/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/inspect/paging.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PG, WP, PE; PAE; NXE, LMA, LME. */
#define CR0_ASSUMED  0x80010001
#define CR4_ASSUMED  0x20
#define EFER_ASSUMED 0xd00

void paging_init(struct paging *paging)
{
	*paging = (struct paging){
		.cr0.value = CR0_ASSUMED,
		.cr4.value = CR4_ASSUMED,
		.efer.value = EFER_ASSUMED,
		.cpu = pt_x86_cpu_max,
	};
}

void paging_fini(struct paging *paging)
{
	free(paging->roots);
	*paging = (struct paging){0};
}

int paging_add_root(struct paging *paging, uint64_t value,
		    enum paging_source source)
{
	struct paging_register *roots = paging->roots;

	roots = reallocarray(roots, paging->nr_roots + 1, sizeof(*roots));
	if (!roots)
		return -ENOMEM;
	paging->roots = roots;
	roots[paging->nr_roots++] = (struct paging_register){value, source};
	return 0;
}

const char *paging_root_name(enum paging_arch arch)
{
	switch (arch) {
	case PAGING_EPT:
		return "EPTP";
	case PAGING_RISCV:
		return "satp";
	case PAGING_AARCH64:
		return "TTBR0";
	case PAGING_X86:
	case PAGING_NONE:
		break;
	}
	return "CR3";
}

bool paging_register(const struct paging *paging, size_t root, unsigned *index,
		     const char **name, struct paging_register *reg)
{
	const struct {
		const char *name;
		struct paging_register reg;
	} x86[] = {
		{"CR0", paging->cr0},
		{"CR3", paging->roots[root]},
		{"CR4", paging->cr4},
		{"EFER", paging->efer},
	};

	if (paging->arch == PAGING_X86) {
		if (*index == sizeof(x86) / sizeof(x86[0]))
			return false;
		*name = x86[*index].name;
		*reg = x86[(*index)++].reg;
		return true;
	}
	if ((*index)++)
		return false;
	*name = paging_root_name(paging->arch);
	*reg = paging->roots[root];
	return true;
}

static struct pt_x86_regs x86_regs(const struct paging *paging, size_t root)
{
	return (struct pt_x86_regs){
		.cr0 = paging->cr0.value,
		.cr3 = paging->roots[root].value,
		.cr4 = paging->cr4.value,
		.efer = paging->efer.value,
		.pkru = paging->pkru,
		.ac = paging->ac,
		.implicit = paging->implicit,
	};
}

static int contradiction(const struct paging *paging, size_t root,
			 const char *why, struct error *err)
{
	char values[256] = "";
	struct paging_register reg;
	unsigned index = 0;
	const char *name;
	size_t len = 0;

	while (paging_register(paging, root, &index, &name, &reg))
		len += (size_t)snprintf(
			values + len, sizeof(values) - len, "%s%s 0x%llx%s",
			len ? ", " : "", name, (unsigned long long)reg.value,
			reg.source == PAGING_ASSUMED ? " (assumed)" : "");
	return error_set(err, -EINVAL, "%s: %s", values, why);
}

int paging_space(const struct paging *paging, size_t root,
		 const struct pt_mem *mem, struct pt_space *space,
		 struct error *err)
{
	const struct pt_x86_regs regs = x86_regs(paging, root);
	uint64_t value = paging->roots[root].value;
	const char *why = NULL;

	switch (paging->arch) {
	case PAGING_EPT:
		why = pt_ept_space(space, mem, value, &paging->cpu);
		break;
	case PAGING_RISCV:
		why = pt_riscv_space(space, mem, value);
		break;
	case PAGING_AARCH64:
		why = pt_aarch64_space(space, mem, value,
				       paging->cpu.phys_bits);
		break;
	case PAGING_X86:
	case PAGING_NONE:
		why = pt_x86_space(space, mem, &regs, &paging->cpu);
		break;
	}
	return why ? contradiction(paging, root, why, err) : 0;
}

struct pt_fault paging_access(const struct paging *paging, size_t root,
			      const struct pt_space *space, gva_t va,
			      struct pt_access access, struct pt_walk *walk)
{
	const struct pt_riscv_regs riscv = {
		.satp = paging->roots[root].value,
		.sum = paging->sum,
		.mxr = paging->mxr,
	};
	const struct pt_x86_regs regs = x86_regs(paging, root);

	switch (paging->arch) {
	case PAGING_EPT:
		return pt_ept_access(space, va, access, walk);
	case PAGING_RISCV:
		return pt_riscv_access(space, &riscv, va, access, walk);
	case PAGING_AARCH64:
		return pt_aarch64_access(space, va, access, walk);
	case PAGING_X86:
	case PAGING_NONE:
		break;
	}
	return pt_x86_access(space, &regs, va, access, walk);
}
