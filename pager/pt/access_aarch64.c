/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses of AArch64's EL1&0 regime, stage 1: DDI 0487 D8.4 (permissions), D8.14
 * (faults), the DFSC and IFSC fields of ESR_ELx.
 *
 * Left out: PAN, permission overlays, WXN.
 */
#include "pager/pt/pt_access.h"

#include <stddef.h>

#include "pager/pt/bits.h"

/* TTBRn_EL1: an ASID above, CnP below. */
#define TTBR_BADDR (BIT(48) - 2)

/* Fault status codes; the level in the two low bits. */
#define FSC_ADDRESS_SIZE 0x00U
#define FSC_TRANSLATION	 0x04U
#define FSC_ACCESS_FLAG	 0x08U
#define FSC_PERMISSION	 0x0cU

const char *pt_aarch64_space(struct pt_space *space, const struct pt_mem *mem,
			     uint64_t ttbr, unsigned phys_bits)
{
	gpa_t root = ttbr & TTBR_BADDR;

	if (root & PAGE_MASK)
		return "TTBR's table is not 4 KiB aligned";
	if (root >> phys_bits)
		return "TTBR is wider than physical addresses";
	*space = pt_space(&pt_aarch64, mem, root);
	space->reserved = pt_reserved_above(&pt_aarch64, phys_bits);
	return NULL;
}

static bool allowed(unsigned rights, struct pt_access access)
{
	switch (access.kind) {
	case PT_ACCESS_FETCH:
		if (access.user)
			return rights & PT_EXEC;
		/* Never what EL0 can write. */
		return rights & PT_KERNEL_EXEC &&
		       (rights & (PT_USER | PT_WRITE)) != (PT_USER | PT_WRITE);
	case PT_ACCESS_WRITE:
		if (!(rights & PT_WRITE))
			return false;
		break;
	case PT_ACCESS_READ:
		break;
	}
	return !access.user || rights & PT_USER;
}

static struct pt_fault fault(unsigned code, unsigned level, const char *why)
{
	return (struct pt_fault){PT_FAULT_PAGE, code | level, why};
}

struct pt_fault pt_aarch64_access(const struct pt_space *space, gva_t va,
				  struct pt_access access, struct pt_walk *walk)
{
	enum pt_status status = pt_walk(space, va, walk);
	unsigned level = pt_walk_level(walk);

	switch (status) {
	case PT_OK:
		if (!(walk->path[level].raw & space->format->accessed))
			return fault(FSC_ACCESS_FLAG, level, "access flag");
		if (!allowed(walk->rights, access))
			return fault(FSC_PERMISSION, level, "not allowed");
		return (struct pt_fault){PT_FAULT_NONE, 0, "ok"};
	case PT_RESERVED:
		return fault(FSC_ADDRESS_SIZE, level, "address size");
	case PT_UNREADABLE:
		return (struct pt_fault){PT_FAULT_UNREADABLE, 0,
					 "table unreadable"};
	default:
		return fault(FSC_TRANSLATION, level, "absent");
	}
}
