/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces made of objects, as a microkernel's user has them: a frame is a
 * piece of memory that can be mapped, a table is one that mappings can hang on.
 *
 * The one idea: who maps a frame holds a handle of it, and the handle, not the
 * page tables, says where the frame is mapped and what may be done with it there.
 * One handle has one mapping; a frame is shared by copying its handle, with fewer
 * rights if wanted. Tables are never made in passing: a mapping that lacks one
 * fails and says which, and whoever maps provides it.
 *
 * After seL4's (manual 7: frames, intermediate tables, their errors and the order
 * in which these are looked for). Left out: capability spaces, so a handle is the
 * caller's own struct; memory attributes; address space identifiers.
 *
 * Nothing here knows which processor or whose tables: see struct pt_mem and flush.
 * A table stays where its handle says: pt_mem's write and fill leave *moved alone.
 * Locking is the caller's duty.
 */
#pragma once

#include "pager/pt/pt_format.h"

enum vspace_error {
	VSPACE_OK,
	/* In the order in which they are looked for; behind each, seL4's. */
	VSPACE_NO_SPACE,      /* null or not assigned: InvalidCapability */
	VSPACE_OTHER_SPACE,   /* mapped in another one: InvalidCapability */
	VSPACE_OTHER_ADDRESS, /* mapped at another one: InvalidArgument */
	VSPACE_NOT_USER,      /* beyond the user's half: InvalidArgument */
	VSPACE_UNALIGNED,     /* for this size: AlignmentError */
	VSPACE_NO_TABLE,      /* or a page where it would be: FailedLookup */
	VSPACE_OCCUPIED,      /* by something else: DeleteFirst */
	VSPACE_TABLE_IN_USE,  /* this handle's table is: InvalidCapability */
	VSPACE_MEMORY,	      /* a table could not be read or written */
	VSPACE_NR_ERRORS,
};

/* A few words. */
const char *vspace_error_name(enum vspace_error error);

/* Zeroed: not assigned, no mapping succeeds. */
struct vspace {
	struct pt_space pt; /* format NULL: not assigned */
	gva_t user_end;	    /* the user's addresses are those below */
	/*
	 * NULL, or: what a processor knows of [va, va + len) is no longer so
	 * (SDM 3A 4.10.4: invlpg for a page, MOV to CR3 for more).
	 */
	void (*flush)(void *ctx, gva_t va, uint64_t len);
	void *ctx;
};

/* A handle of a frame: set up by vspace_frame or vspace_copy, then read only. */
struct vspace_frame {
	gpa_t pa;
	uint64_t size;	      /* of a page of the format */
	unsigned rights;      /* PT_...: the most that a mapping can have */
	struct vspace *space; /* NULL: not mapped */
	gva_t va;
};

/* A handle of a table: pa is a page of zeros. */
struct vspace_table {
	gpa_t pa;
	unsigned bits; /* of an address that it and those below it resolve: 21,
			  30, 39 of x86-64's */
	struct vspace *space; /* NULL: not mapped */
	gva_t va;
};

static inline struct vspace_frame vspace_frame(gpa_t pa, uint64_t size,
					       unsigned rights)
{
	return (struct vspace_frame){.pa = pa, .size = size, .rights = rights};
}

static inline struct vspace_table vspace_table(gpa_t pa, unsigned bits)
{
	return (struct vspace_table){.pa = pa, .bits = bits};
}

/* Another handle of the same frame, not mapped, with those of its rights that are
 * asked for. */
static inline struct vspace_frame vspace_copy(const struct vspace_frame *frame,
					      unsigned rights)
{
	return vspace_frame(frame->pa, frame->size, frame->rights & rights);
}

/*
 * Maps the frame at va with those of the handle's rights that are asked for.
 * Without PT_READ among them nothing may be done: the frame has the place, but
 * any access to it faults. A frame that is mapped there already gets these rights
 * instead of the ones it has.
 *
 * *bits: NULL, or for VSPACE_NO_TABLE how many low bits of the address nobody
 * resolves: a vspace_table of as many is what lacks.
 */
enum vspace_error vspace_map(struct vspace *space, struct vspace_frame *frame,
			     gva_t va, unsigned rights, unsigned *bits);

/* A handle for what is mapped already, by a loader say: VSPACE_NO_TABLE or
 * VSPACE_OCCUPIED if it is something else. */
enum vspace_error vspace_adopt(struct vspace *space, struct vspace_frame *frame,
			       gva_t va, unsigned *bits);

/* Fine for a frame that is not mapped, and for one whose table has been unmapped
 * (something else may be there now, and stays). */
enum vspace_error vspace_unmap(struct vspace_frame *frame);

/* Makes the table the one around va of its level. The address is rounded down to
 * what it resolves. Of the errors above, VSPACE_TABLE_IN_USE comes first. */
enum vspace_error vspace_map_table(struct vspace *space,
				   struct vspace_table *table, gva_t va,
				   unsigned *bits);

/* Drops everything that is mapped through the table, which is zeros afterwards.
 * Handles of frames there go on saying that they are mapped, as in seL4: they can
 * be unmapped, or mapped at the same address again. */
enum vspace_error vspace_unmap_table(struct vspace_table *table);
