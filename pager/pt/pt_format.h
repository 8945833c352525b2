/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page-table formats as data.
 *
 * The one idea: all formats here are trees of 2 to 5 levels, in which some bits
 * of an address choose an entry, and an entry is absent, leads to a table, or
 * is a leaf: a page. What tells them apart is a few masks per level. So there is
 * one walker and one builder, and a descriptor for each format.
 *
 * Specifications: SDM 3A 4.3 (32-bit paging), 4.4 (PAE), 4.5 (4 and 5 levels);
 * SDM 3C 29.3 (EPT); RISC-V Privileged 10.4 to 10.6 (Sv39, Sv48, Sv57); Arm ARM
 * DDI 0487 D8 (VMSAv8-64, 4 KiB granule, stage 1).
 *
 * Freestanding: no libc beyond its compile-time headers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pager/gpa.h"

/* What a mapping allows. */
#define PT_READ	 0x1U
#define PT_WRITE 0x2U
#define PT_EXEC	 0x4U /* AArch64: at EL0 */
#define PT_USER	 0x8U /* in the unprivileged mode, too; EPT has none */
/* AArch64 alone: at EL1. Elsewhere PT_EXEC goes for both modes. */
#define PT_KERNEL_EXEC 0x10U

#define PT_MAX_LEVELS 5

/*
 * The entry bits that grant a right, once the format's `inverted` bits are
 * flipped. 0: always granted. PT_NEVER: the format does not have this right.
 */
#define PT_NEVER UINT64_MAX
struct pt_grants {
	uint64_t read, write, exec, user, kernel_exec;
};

/* A field of an entry, some of whose values are reserved. bits 0: none. */
struct pt_field {
	unsigned shift, bits;
	uint8_t bad; /* bit n: the value n is reserved */
};

struct pt_level {
	const char *name;     /* of an entry: "PML4E" */
	unsigned shift, bits; /* of the address: the index */
	/* An entry is present if it has a bit of `any` and all of `all`. */
	uint64_t any, all;
	/* A present one is a leaf if (entry ^ leaf_flip) & leaf_bits. */
	uint64_t leaf_bits, leaf_flip;
	bool optional_leaf; /* some processors have no leaves here */
	bool no_rights;	    /* entries have none: all is allowed here */
	/* Bits that must be 0 in an entry that leads to a table, in a leaf. */
	uint64_t table_reserved, leaf_reserved;
	/* Bits that a new one has besides its address and rights. */
	uint64_t table_set, leaf_set;
	/* Memory type bit that only this level's leaves have there (PAT: bit 7
	 * of a small page, bit 12 of a large one). */
	uint64_t pat;
	/* Of a leaf: address bits that stand elsewhere, at high_mask in the
	 * entry, and belong high_shift further up (PSE-36). */
	uint64_t high_mask;
	unsigned high_shift;
};

struct pt_format {
	const char *name;
	unsigned nr_levels;   /* 0: an address is its own translation */
	unsigned entry_bytes; /* 4 or 8 */
	unsigned va_bits;
	/* The address bits from va_bits on are copies of the one below them;
	 * else they are 0. */
	bool sign_extended;
	/* Physical bits: (entry & addr_mask) << addr_shift. */
	uint64_t addr_mask;
	unsigned addr_shift;
	uint64_t inverted;	      /* bits that deny by being set */
	struct pt_grants table, leaf; /* granted by all tables, and the leaf */
	struct pt_field rights_field; /* of every entry */
	struct pt_field type_field;   /* of leaves */
	uint64_t accessed, dirty, global; /* 0: the format has none */
	uint64_t software;		  /* left to software, in a leaf */
	uint64_t cow;			  /* of them: copied when written to */
	struct pt_level levels[PT_MAX_LEVELS]; /* from the root down */
};

/* SDM 3A 4.3: leaves of 4 KiB and 4 MiB with CR4.PSE, or of 4 KiB alone. */
extern const struct pt_format pt_x86_32;
extern const struct pt_format pt_x86_32_small;
/* 4.4: 4 KiB and 2 MiB; the root has 4 entries. */
extern const struct pt_format pt_x86_pae;
/* 4.5: 4 KiB, 2 MiB, 1 GiB; 4 and 5 levels. */
extern const struct pt_format pt_x86_64;
extern const struct pt_format pt_x86_64_la57;
/* CR0.PG is 0: 32-bit addresses are physical. */
extern const struct pt_format pt_x86_off;
/* Guest-physical to host-physical addresses, 4 levels. */
extern const struct pt_format pt_ept;
/* Sv39 to 1 GiB pages, Sv48 to 512 GiB, Sv57 to 256 TiB; satp.MODE 0. */
extern const struct pt_format pt_sv39;
extern const struct pt_format pt_sv48;
extern const struct pt_format pt_sv57;
extern const struct pt_format pt_riscv_bare;
/* TTBR0 or TTBR1 with 48-bit addresses (T0SZ or T1SZ 16). */
extern const struct pt_format pt_aarch64;

/*
 * Where tables are: callbacks, so that it does not matter whether they are seen
 * through an identity mapping, a window, a recursive entry, or lie in a file.
 * Addresses are those that entries hold. Each returns 0, or not 0 (a negative
 * errno, say), which ends the operation and is handed on. read alone is enough
 * to look.
 */
struct pt_mem {
	void *ctx;
	/*
	 * nr entries of `bytes` (4 or 8) each, one after the other from `at` on,
	 * all in one table; each is read in one piece, as somebody else may be
	 * writing it. Addresses outside memory are for the callback to refuse.
	 */
	int (*read)(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		    unsigned nr);
	/*
	 * One entry of the table at `table`, in one piece. *moved is `table`; a
	 * callback that writes to a copy instead (the table is part of a
	 * snapshot) says here where that copy is, and gets its parents' entries
	 * to write next.
	 */
	int (*write)(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		     uint64_t entry, gpa_t *moved);
	/*
	 * NULL, or: nr entries at once, each in one piece, from index on: entry,
	 * entry + step, and so on. As write, and instead of it: a call for each
	 * entry is most of what a long mapping costs.
	 */
	int (*fill)(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		    uint64_t entry, uint64_t step, unsigned nr, gpa_t *moved);
	/* A new table of zeros. Not 0 when there is none. */
	int (*alloc)(void *ctx, gpa_t *table);
	/* NULL, or a table that nothing leads to any more. */
	void (*free)(void *ctx, gpa_t table);
	/* NULL, or: the root is at another address now. */
	int (*set_root)(void *ctx, gpa_t root);
};

/* A read callback's work for tables that this program can address. */
static inline void pt_copy_entries(const void *from, unsigned bytes,
				   uint64_t *entries, unsigned nr)
{
	const volatile uint64_t *wide = from;
	const volatile uint32_t *narrow = from;

	if (bytes == 8)
		for (unsigned i = 0; i < nr; i++)
			entries[i] = wide[i];
	else
		for (unsigned i = 0; i < nr; i++)
			entries[i] = narrow[i];
}

/* And a fill callback's; `to` is the first entry. Four at a time, so that it is
 * the stores that take the time. */
static inline void pt_fill_entries(void *to, unsigned bytes, uint64_t entry,
				   uint64_t step, unsigned nr)
{
	volatile uint64_t *wide = to;
	volatile uint32_t *narrow = to;
	unsigned i = 0;

	for (; bytes == 8 && i + 4 <= nr; i += 4, entry += 4 * step) {
		wide[i] = entry;
		wide[i + 1] = entry + step;
		wide[i + 2] = entry + 2 * step;
		wide[i + 3] = entry + 3 * step;
	}
	for (; i < nr; i++, entry += step)
		if (bytes == 8)
			wide[i] = entry;
		else
			narrow[i] = (uint32_t)entry;
}

/* An address space. */
struct pt_space {
	const struct pt_format *format;
	const struct pt_mem *mem;
	gpa_t root; /* changed by edits, if mem moves tables */
	/* Bits that this processor reserves in every entry, besides the
	 * format's: addresses wider than its own, NX while it is off. */
	uint64_t reserved;
	uint64_t reserved_high;	 /* the same of a level's high_mask */
	unsigned refused_leaves; /* bit n: this processor has none at level n */
	uint8_t refused_rights;	 /* bit n: nor the rights_field's value n */
};

/* A space without a processor's limits. */
static inline struct pt_space pt_space(const struct pt_format *format,
				       const struct pt_mem *mem, gpa_t root)
{
	return (struct pt_space){.format = format, .mem = mem, .root = root};
}

/* Entry bits that are reserved where physical addresses have phys_bits. */
static inline uint64_t pt_reserved_above(const struct pt_format *format,
					 unsigned phys_bits)
{
	return format->addr_mask &
	       ~(((UINT64_C(1) << phys_bits) - 1) >> format->addr_shift);
}

/* Bytes that one entry of a level maps, or would. */
static inline uint64_t pt_level_size(const struct pt_format *format,
				     unsigned level)
{
	return UINT64_C(1) << format->levels[level].shift;
}

static inline unsigned pt_level_entries(const struct pt_format *format,
					unsigned level)
{
	return 1U << format->levels[level].bits;
}

/* Smallest page. */
static inline uint64_t pt_page_size(const struct pt_format *format)
{
	return format->nr_levels ? pt_level_size(format, format->nr_levels - 1)
				 : PAGE_SIZE;
}

static inline unsigned pt_index(const struct pt_format *format, unsigned level,
				gva_t va)
{
	return va >> format->levels[level].shift &
	       (pt_level_entries(format, level) - 1);
}

static inline gpa_t pt_entry_at(const struct pt_format *format, gpa_t table,
				unsigned index)
{
	return table + (gpa_t)index * format->entry_bytes;
}

/* va with the bits from va_bits on as they must be. */
static inline gva_t pt_extend(const struct pt_format *format, gva_t va)
{
	unsigned unused = 64 - format->va_bits;

	va <<= unused;
	return format->sign_extended ? (gva_t)((int64_t)va >> unused)
				     : va >> unused;
}

/* Is this an address that the format can translate at all? */
static inline bool pt_is_canonical(const struct pt_format *format, gva_t va)
{
	return pt_extend(format, va) == va;
}
