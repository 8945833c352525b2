/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address space, and which processor looks at it: the registers as the user
 * has given them, a core has them, or they are assumed; the toolkit's rules
 * (pt_access.h) with one face for all architectures.
 */
#pragma once

#include <stddef.h>

#include "pager/pt/pt_access.h"
#include "vmm/error.h"

/* By the register that has the root: CR3, EPTP, satp, TTBR0. Bits: an option is
 * for a set of them. */
enum paging_arch {
	PAGING_NONE = 0,
	PAGING_X86 = 1,
	PAGING_EPT = 2,
	PAGING_RISCV = 4,
	PAGING_AARCH64 = 8,
};

enum paging_source {
	PAGING_ASSUMED,
	PAGING_CORE,
	PAGING_GIVEN
};

struct paging_register {
	uint64_t value;
	enum paging_source source;
};

struct paging {
	enum paging_arch arch;
	/* One for each space. */
	struct paging_register *roots;
	size_t nr_roots;
	/* x86. */
	struct paging_register cr0, cr4, efer;
	uint32_t pkru;
	bool ac, implicit;
	struct pt_x86_cpu cpu; /* phys_bits is AArch64's too */
	/* RISC-V. */
	bool sum, mxr;
};

/* x86-64 with 4 levels, all protections on: what registers are that nobody has
 * told. No roots. */
void paging_init(struct paging *paging);
void paging_fini(struct paging *paging);

/* 0 or -ENOMEM. */
int paging_add_root(struct paging *paging, uint64_t value,
		    enum paging_source source);

/* The name of the register with the root: "CR3". */
const char *paging_root_name(enum paging_arch arch);

/* The space of a root. 0; -EINVAL: the registers contradict each other; err has
 * their values and why. */
int paging_space(const struct paging *paging, size_t root,
		 const struct pt_mem *mem, struct pt_space *space,
		 struct error *err);

/* May this access be made? */
struct pt_fault paging_access(const struct paging *paging, size_t root,
			      const struct pt_space *space, gva_t va,
			      struct pt_access access, struct pt_walk *walk);

/* The registers of a root in the order in which they are told; each call gives
 * the next one, from *index 0 on. False: no more. */
bool paging_register(const struct paging *paging, size_t root, unsigned *index,
		     const char **name, struct paging_register *reg);
