/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What image_open.c, which reads and decodes, asks of the files with the rules:
 * image_kind.c (is it a kernel for us?) and image_check.c (segments). Not for
 * other modules. Every check returns 0, or -ENOEXEC with err filled.
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

#include "pager/image.h"

/* Writes "path: text" to err, of a long path only the end. Returns -error. */
__attribute__((format(printf, 4, 5))) int image_fail(struct image_error *err,
						     const char *path,
						     int error, const char *fmt,
						     ...);

/* Does [offset, offset + len) lie inside the file? Any values. */
bool image_has_bytes(const struct image *image, uint64_t offset, uint64_t len);

/*
 * Opens image->path, unless fd is a descriptor already: sets fd and size. fd, once open, is image_close's, also
 * on failure. The file must be a regular one; a FIFO does not hold us up. May
 * return other errors, see image_open.
 */
int image_open_file(struct image *image, struct image_error *err);

/*
 * The start of a file: at least its first 0x206 bytes (Linux' magic ends
 * there), or all. When it passes, EI_CLASS is good and the header complete.
 */
int image_check_ident(const struct image *image, const unsigned char *head,
		      size_t len, struct image_error *err);

/* Who the file is for, and e_version, e_ehsize; image->class is set. */
int image_check_header(const struct image *image, const Elf64_Ehdr *ehdr,
		       struct image_error *err);

/*
 * A PT_LOAD on its own: sizes, file range, address ranges. segment->memsz may
 * be 0, unlike in an image.
 */
int image_check_segment(const struct image *image,
			const struct image_segment *segment,
			struct image_error *err);

/*
 * All segments together: sorts them, refuses common bytes and an image without
 * segments, finds the entry.
 */
int image_settle(struct image *image, struct image_error *err);
