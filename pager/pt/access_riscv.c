/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses of RISC-V: Privileged 10.1.11 (satp), 10.3.2 (the algorithm of
 * translation). Accessed and dirty bits are those of a processor that faults
 * instead of setting them (Svade).
 */
#include "pager/pt/pt_access.h"

#include <stddef.h>

#include "pager/pt/bits.h"

#define SATP_PPN	(BIT(44) - 1)
#define SATP_MODE_SHIFT 60

const char *pt_riscv_space(struct pt_space *space, const struct pt_mem *mem,
			   uint64_t satp)
{
	static const struct pt_format *const modes[16] = {
		[0] = &pt_riscv_bare,
		[8] = &pt_sv39,
		[9] = &pt_sv48,
		[10] = &pt_sv57,
	};
	const struct pt_format *format = modes[satp >> SATP_MODE_SHIFT];

	if (!format)
		return "satp.MODE is none of 0 (Bare), 8 (Sv39), 9 (Sv48), "
		       "10 (Sv57)";
	*space = pt_space(format, mem, (satp & SATP_PPN) << PAGE_SHIFT);
	return NULL;
}

/* Why the leaf does not allow the access; NULL: it does. */
static const char *denial(const struct pt_space *space,
			  const struct pt_riscv_regs *regs,
			  const struct pt_walk *walk, struct pt_access access)
{
	uint64_t leaf = walk->path[pt_walk_level(walk)].raw;
	unsigned rights = walk->rights, need = PT_READ;
	bool write = access.kind == PT_ACCESS_WRITE;
	bool fetch = access.kind == PT_ACCESS_FETCH;

	if (access.user && !(rights & PT_USER))
		return "supervisor page";
	if (!access.user && rights & PT_USER && (fetch || !regs->sum))
		return "user page (sstatus.SUM)";
	if (regs->mxr && rights & PT_EXEC)
		rights |= PT_READ;
	if (write)
		need = PT_WRITE;
	else if (fetch)
		need = PT_EXEC;
	if (!(rights & need))
		return "not allowed";
	if (!(leaf & space->format->accessed) ||
	    (write && !(leaf & space->format->dirty)))
		return "accessed or dirty bit clear";
	return NULL;
}

/* Why a malformed entry is one. */
static const char *malformed(const struct pt_space *space,
			     const struct pt_walk *walk)
{
	unsigned level = pt_walk_level(walk);
	const struct pt_level *l = &space->format->levels[level];

	if (walk->reserved & space->format->addr_mask)
		return "misaligned page";
	if (!(walk->path[level].raw & l->leaf_bits) &&
	    walk->reserved & l->leaf_bits)
		return "no leaf at the last level";
	return "reserved bits";
}

struct pt_fault pt_riscv_access(const struct pt_space *space,
				const struct pt_riscv_regs *regs, gva_t va,
				struct pt_access access, struct pt_walk *walk)
{
	static const uint64_t causes[] = {
		[PT_ACCESS_FETCH] = 12,
		[PT_ACCESS_READ] = 13,
		[PT_ACCESS_WRITE] = 15,
	};
	enum pt_status status = pt_walk(space, va, walk);
	const char *why = NULL;

	switch (status) {
	case PT_OK:
		if (walk->nr_read)
			why = denial(space, regs, walk, access);
		break;
	case PT_ABSENT:
		why = "absent";
		break;
	case PT_RESERVED:
		why = malformed(space, walk);
		break;
	case PT_UNREADABLE:
		return (struct pt_fault){PT_FAULT_UNREADABLE, 0,
					 "table unreadable"};
	default:
		why = "not canonical";
	}
	if (!why)
		return (struct pt_fault){PT_FAULT_NONE, 0, "ok"};
	return (struct pt_fault){PT_FAULT_PAGE, causes[access.kind], why};
}
