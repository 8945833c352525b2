/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF kernel image: what it says should be where in guest-physical memory.
 *
 * The file is validated as a whole before anything is armed, because with lazy
 * loading a bad segment would otherwise show up as a fault in a running guest.
 * Nothing but headers is read here; the bytes of the segments stay in the file.
 *
 * ELF-64 Object File Format 1.5; System V gABI chapter 4 and 5.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"

/*
 * Program headers that a file may have: twice what fits e_phnum, so that
 * PN_XNUM (gABI 4) has a use. The table is read in pieces, never as a whole.
 */
#define IMAGE_MAX_PHDRS 131072u
/* PT_NOTEs that are looked at. Linkers make one for each alignment. */
#define IMAGE_MAX_NOTES 8u

/* One PT_LOAD with p_memsz > 0. Bytes past filesz are zero. */
struct image_segment {
	unsigned index;	 /* number in the program header table */
	uint32_t flags;	 /* PF_R | PF_W | PF_X */
	uint64_t offset; /* p_offset: where its bytes start in the file */
	gva_t vaddr;	 /* p_vaddr */
	gpa_t paddr;	 /* p_paddr */
	uint64_t filesz; /* p_filesz <= memsz */
	uint64_t memsz;	 /* p_memsz > 0 */
};

/* A PT_NOTE, by its place in the file. */
struct image_notes {
	uint64_t offset, len;
};

struct image {
	char *path;	/* as given, for messages */
	int fd;		/* regular file, O_RDONLY | O_CLOEXEC */
	uint64_t size;	/* st_size when validated */
	unsigned class; /* 32 or 64 */
	/* EM_... of a program (image_open_program), whose segments' paddr are
	 * their vaddr; 0: a kernel. */
	unsigned program;
	uint64_t e_entry;
	gpa_t entry; /* physical; see image_open */
	/* Sorted by paddr, disjoint in bytes (a page may be shared). */
	struct image_segment *segments;
	size_t nr_segments;
	/*
	 * The section header table as it stands in the file; shnum is 0 when
	 * there is none or it is not usable (that is no error: a loader needs
	 * no sections). shstrndx is below shnum, or 0. Nobody has looked at
	 * the table itself.
	 */
	uint64_t shoff;
	uint32_t shnum, shentsize, shstrndx;
	/* The first IMAGE_MAX_NOTES PT_NOTEs that are not empty; those that do
	 * not lie inside the file are counted instead. */
	struct image_notes notes[IMAGE_MAX_NOTES];
	unsigned nr_notes;
	unsigned bad_notes;
	bool has_interp, has_tls; /* a PT_INTERP, a PT_TLS */
};

/* One line without newline: names file, field, value, why and the mend. */
struct image_error {
	char text[512];
};

/*
 * Opens and validates path; *out is the caller's, to be given to image_close.
 * The file is read through fd only; nothing of libelf outlives the call.
 *
 * Accepted: ELF64 x86_64 and ELF32 i386 or x86_64, little-endian, ET_EXEC and
 * ET_DYN (a static PIE, at its own addresses; no dynamic linker), with a
 * PT_LOAD of p_memsz > 0. Each lies inside the file and the address space (an
 * ELF32 segment may end at 4 GiB exactly); no two have a byte in common.
 * Neither alignment nor order is asked for; PT_LOADs of p_memsz 0 are left out.
 *
 * entry = e_entry - p_vaddr + p_paddr of the segment whose virtual range
 * contains e_entry (an executable one, and the first in the table, if there
 * are several); an e_entry in no virtual range but in a segment's physical
 * range is physical already. The segment must be executable, and the first
 * instruction among its p_filesz bytes.
 *
 * Returns 0, or with err filled and *out untouched: -ENOENT when there is no
 * such file (or it may not be read: -EACCES), -ENOEXEC when it is not a kernel
 * image we can run (not a regular file, not ELF, another machine, a field out
 * of bounds ...), -ENOMEM; another errno when the host failed us (EIO, EMFILE).
 */
int image_open(struct image **out, const char *path, struct image_error *err);

/*
 * The same of a file that is open already, which becomes the image's, also after
 * a failure; name is what messages and traces call it.
 */
int image_open_fd(struct image **out, int fd, const char *name,
		  struct image_error *err);

/*
 * A user-space program for a processor (EM_...), by the same rules but these: it
 * is ELF64, ET_EXEC, of this e_machine and without PT_INTERP, and p_paddr does
 * not count: every address is one of p_vaddr.
 */
int image_open_program(struct image **out, const char *path, unsigned machine,
		       struct image_error *err);

/* NULL is allowed. */
void image_close(struct image *image);

/*
 * Do all segments lie inside RAM? ram: sorted, disjoint, not adjacent; hole is
 * the device hole below 4 GiB, named in the message when a segment touches it.
 * Returns 0, or -ENOEXEC with err naming the segment, its range and how much
 * --mem would do.
 */
int image_check_ram(const struct image *image, const struct gpa_range *ram,
		    size_t nr_ram, struct gpa_range hole,
		    struct image_error *err);

/*
 * Moves every segment and the entry by delta (may be "negative": wraps) in
 * guest-physical memory; vaddr stays. No segment may end up across the end of
 * the address space: the caller has checked the new place.
 */
void image_relocate(struct image *image, uint64_t delta);

/* The lowest segment with a byte in [gpa, gpa + len), or NULL. */
const struct image_segment *image_segment_at(const struct image *image,
					     gpa_t gpa, uint64_t len);

/* End of the highest segment. */
gpa_t image_end(const struct image *image);

/*
 * The first note of a name and type in a PT_NOTE (its first 64 KiB). Copies as
 * much of its content as fits room, and says how much there is. 0; -ENOENT: none,
 * which is also what a table of notes that makes no sense comes to; -ENOMEM, or
 * -errno of reading the file.
 */
int image_find_note(const struct image *image, const char *name, uint32_t type,
		    void *desc, size_t room, size_t *desc_len);

/*
 * What programs have and kernels seldom, in words: "a GNU/Linux ABI note" (LSB
 * Core 5.0, NT_GNU_ABI_TAG), "a PT_INTERP", "a PT_TLS". NULL: none of them.
 */
const char *image_program_sign(const struct image *image);
