/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear and guest-physical accesses of x86: SDM 3A 4.1.1 (modes), 4.6 (access
 * rights), 4.7 (page faults); SDM 3C 29.3.3 (EPT).
 *
 * Left out: shadow stacks, protection keys of supervisor pages, HLAT.
 */
#include "pager/pt/pt_access.h"

#include <stddef.h>

#include "pager/pt/bits.h"
#include "pager/pt/pt_decode.h"

#define CR0_PE	 BIT(0)
#define CR0_WP	 BIT(16)
#define CR0_PG	 BIT(31)
#define CR4_PSE	 BIT(4)
#define CR4_PAE	 BIT(5)
#define CR4_LA57 BIT(12)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE	 BIT(22)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define ENTRY_NX BIT(63)

/* Where CR3 has the root: its other bits are PCID and cache attributes. */
#define CR3_ROOT       UINT64_C(0x000ffffffffff000)
#define CR3_ROOT_32    UINT64_C(0xfffff000)
#define CR3_ROOT_PAE   UINT64_C(0xffffffe0)
#define CR3_NOT_A_ROOT BIT(63)

/* SDM 3A figure 4-12. */
#define PF_P	BIT(0)
#define PF_W	BIT(1)
#define PF_U	BIT(2)
#define PF_RSVD BIT(3)
#define PF_ID	BIT(4)
#define PF_PK	BIT(5)

#define PKEY_SHIFT 59
#define PKEY_MASK  15U
#define PKRU_AD	   1U
#define PKRU_WD	   2U

const struct pt_x86_cpu pt_x86_cpu_max = {
	.phys_bits = 52,
	.gb_pages = true,
	.pse36 = true,
	.execute_only = true,
};

static const char *x86_contradiction(const struct pt_x86_regs *regs)
{
	bool pg = regs->cr0 & CR0_PG, lma = regs->efer & EFER_LMA;

	if (pg && !(regs->cr0 & CR0_PE))
		return "CR0.PG is 1, but CR0.PE is 0";
	if (lma && !pg)
		return "EFER.LMA is 1, but CR0.PG is 0";
	if (lma && !(regs->cr4 & CR4_PAE))
		return "EFER.LMA is 1, but CR4.PAE is 0";
	if (lma && !(regs->efer & EFER_LME))
		return "EFER.LMA is 1, but EFER.LME is 0";
	return NULL;
}

static const struct pt_format *x86_format(const struct pt_x86_regs *regs)
{
	if (!(regs->cr0 & CR0_PG))
		return &pt_x86_off;
	if (regs->efer & EFER_LMA)
		return regs->cr4 & CR4_LA57 ? &pt_x86_64_la57 : &pt_x86_64;
	if (regs->cr4 & CR4_PAE)
		return &pt_x86_pae;
	return regs->cr4 & CR4_PSE ? &pt_x86_32 : &pt_x86_32_small;
}

/* The levels whose leaves not every processor has. */
static unsigned optional_leaves(const struct pt_format *format)
{
	unsigned levels = 0;

	for (unsigned i = 0; i < format->nr_levels; i++)
		if (format->levels[i].optional_leaf)
			levels |= 1U << i;
	return levels;
}

/* PSE-36's bits: they need the feature, and an address this wide. */
static uint64_t reserved_high(const struct pt_format *format,
			      const struct pt_x86_cpu *cpu)
{
	const struct pt_level *l = &format->levels[0];

	if (!cpu->pse36)
		return l->high_mask;
	return l->high_mask & ~((BIT(cpu->phys_bits) - 1) >> l->high_shift);
}

static void limit(struct pt_space *space, const struct pt_x86_cpu *cpu)
{
	const struct pt_format *format = space->format;

	space->reserved = pt_reserved_above(format, cpu->phys_bits);
	space->reserved_high = reserved_high(format, cpu);
	if (!cpu->gb_pages)
		space->refused_leaves = optional_leaves(format);
}

const char *pt_x86_space(struct pt_space *space, const struct pt_mem *mem,
			 const struct pt_x86_regs *regs,
			 const struct pt_x86_cpu *cpu)
{
	const struct pt_format *format = x86_format(regs);
	const char *why = x86_contradiction(regs);
	gpa_t root = regs->cr3 & CR3_ROOT_32;

	if (why)
		return why;
	if (regs->efer & EFER_LMA) {
		root = regs->cr3 & CR3_ROOT;
		if ((regs->cr3 & ~CR3_NOT_A_ROOT) >> cpu->phys_bits)
			return "CR3 is wider than physical addresses";
	} else if (format == &pt_x86_pae) {
		root = regs->cr3 & CR3_ROOT_PAE;
	}
	*space = pt_space(format, mem, root);
	limit(space, cpu);
	if (format->entry_bytes == 8 && !(regs->efer & EFER_NXE))
		space->reserved |= ENTRY_NX;
	return NULL;
}

/* What the access is, whatever becomes of it. */
static uint64_t x86_code(const struct pt_space *space,
			 const struct pt_x86_regs *regs,
			 struct pt_access access)
{
	bool nx = space->format->entry_bytes == 8 && regs->efer & EFER_NXE;
	uint64_t code = access.user ? PF_U : 0;

	if (access.kind == PT_ACCESS_WRITE)
		code |= PF_W;
	if (access.kind == PT_ACCESS_FETCH && (nx || regs->cr4 & CR4_SMEP))
		code |= PF_ID;
	return code;
}

/* Why the rights do not allow the access (SDM 3A 4.6.1); NULL: they do. */
static const char *x86_denial(const struct pt_x86_regs *regs, unsigned rights,
			      struct pt_access access)
{
	bool user_page = rights & PT_USER, fetch;

	fetch = access.kind == PT_ACCESS_FETCH;
	if (access.user && !user_page)
		return "supervisor page";
	if (!access.user && user_page) {
		if (fetch && regs->cr4 & CR4_SMEP)
			return "user page fetched from (SMEP)";
		if (!fetch && regs->cr4 & CR4_SMAP &&
		    (!regs->ac || regs->implicit))
			return "user page touched (SMAP)";
	}
	if (fetch && !(rights & PT_EXEC))
		return "not executable";
	if (access.kind == PT_ACCESS_WRITE && !(rights & PT_WRITE) &&
	    (access.user || regs->cr0 & CR0_WP))
		return "not writable";
	return NULL;
}

/* SDM 3A 4.6.2: data of user pages, in 4 and 5 level paging. */
static bool key_denies(const struct pt_x86_regs *regs,
		       const struct pt_walk *walk, struct pt_access access)
{
	uint64_t leaf;
	unsigned key, rights;

	if (!(regs->cr4 & CR4_PKE) || !(regs->efer & EFER_LMA) ||
	    !walk->nr_read || !(walk->rights & PT_USER) ||
	    access.kind == PT_ACCESS_FETCH)
		return false;
	leaf = walk->path[walk->nr_read - 1].raw;
	key = leaf >> PKEY_SHIFT & PKEY_MASK;
	rights = regs->pkru >> 2 * key;
	if (rights & PKRU_AD)
		return true;
	return rights & PKRU_WD && access.kind == PT_ACCESS_WRITE &&
	       (access.user || regs->cr0 & CR0_WP);
}

static struct pt_fault page_fault(uint64_t code, const char *why)
{
	return (struct pt_fault){PT_FAULT_PAGE, code, why};
}

static struct pt_fault x86_permission(const struct pt_x86_regs *regs,
				      const struct pt_walk *walk,
				      struct pt_access access, uint64_t code)
{
	const char *why = x86_denial(regs, walk->rights, access);

	if (key_denies(regs, walk, access))
		return page_fault(code | PF_P | PF_PK,
				  why ? why : "protection key");
	if (why)
		return page_fault(code | PF_P, why);
	return (struct pt_fault){PT_FAULT_NONE, 0, "ok"};
}

struct pt_fault pt_x86_access(const struct pt_space *space,
			      const struct pt_x86_regs *regs, gva_t va,
			      struct pt_access access, struct pt_walk *walk)
{
	enum pt_status status = pt_walk(space, va, walk);
	uint64_t code = x86_code(space, regs, access);

	switch (status) {
	case PT_OK:
		if (!walk->nr_read)
			break;
		return x86_permission(regs, walk, access, code);
	case PT_ABSENT:
		return page_fault(code, "absent");
	case PT_RESERVED:
		/* Checked when CR3 is loaded (SDM 3A 4.4.1). */
		if (space->format == &pt_x86_pae && walk->nr_read == 1)
			return (struct pt_fault){PT_FAULT_GENERAL, 0,
						 "reserved bits in a PDPTE"};
		return page_fault(code | PF_P | PF_RSVD, "reserved bits");
	case PT_NOT_CANONICAL:
		return (struct pt_fault){PT_FAULT_GENERAL, 0, "not canonical"};
	case PT_UNREADABLE:
		return (struct pt_fault){PT_FAULT_UNREADABLE, 0,
					 "table unreadable"};
	default:
		return (struct pt_fault){PT_FAULT_REFUSED, 0,
					 "more than 32 bits"};
	}
	return (struct pt_fault){PT_FAULT_NONE, 0, "ok"};
}

/* An EPT pointer's memory type, length of the walk, and reserved bits: SDM 3C
 * table 25-9. */
#define EPTP_TYPE     7U
#define EPTP_LEVELS   (7U << 3)
#define EPTP_4	      (3U << 3)
#define EPTP_WB	      6U
#define EPTP_RESERVED (UINT64_C(0xf) << 8)
#define EXECUTE_ONLY  (1U << 4)

const char *pt_ept_space(struct pt_space *space, const struct pt_mem *mem,
			 uint64_t eptp, const struct pt_x86_cpu *cpu)
{
	unsigned type = eptp & EPTP_TYPE;

	if (type && type != EPTP_WB)
		return "EPTP bits 2:0 are no memory type for tables (0 or 6)";
	if ((eptp & EPTP_LEVELS) != EPTP_4)
		return "EPTP bits 5:3 are not 3: only 4 levels are known";
	if (eptp & EPTP_RESERVED)
		return "EPTP bits 11:8 are not 0: they are reserved";
	if (eptp >> cpu->phys_bits)
		return "EPTP is wider than physical addresses";
	*space = pt_space(&pt_ept, mem, eptp & CR3_ROOT);
	limit(space, cpu);
	if (!cpu->execute_only)
		space->refused_rights = EXECUTE_ONLY;
	return NULL;
}

/* SDM 3C table 28-7. */
#define EPT_LINEAR	 (BIT(7) | BIT(8))
#define EPT_RIGHTS_SHIFT 3

struct pt_fault pt_ept_access(const struct pt_space *space, gpa_t gpa,
			      struct pt_access access, struct pt_walk *walk)
{
	static const unsigned needs[] = {
		[PT_ACCESS_READ] = PT_READ,
		[PT_ACCESS_WRITE] = PT_WRITE,
		[PT_ACCESS_FETCH] = PT_EXEC,
	};
	enum pt_status status = pt_walk(space, gpa, walk);
	uint64_t code = EPT_LINEAR | needs[access.kind];

	switch (status) {
	case PT_OK:
		if (walk->rights & needs[access.kind])
			break;
		/* PT_READ, _WRITE, _EXEC stand as the qualification has them. */
		return page_fault(code | (uint64_t)walk->rights
						  << EPT_RIGHTS_SHIFT,
				  "not allowed");
	case PT_ABSENT:
		return page_fault(code, "absent");
	case PT_RESERVED:
		return (struct pt_fault){PT_FAULT_MISCONFIG,
					 space->format->nr_levels -
						 pt_walk_level(walk),
					 "misconfigured"};
	case PT_UNREADABLE:
		return (struct pt_fault){PT_FAULT_UNREADABLE, 0,
					 "table unreadable"};
	default:
		return (struct pt_fault){PT_FAULT_REFUSED, 0,
					 "wider than the walk"};
	}
	return (struct pt_fault){PT_FAULT_NONE, 0, "ok"};
}
