/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Composes a cpio archive as Linux unpacks it into its first root
 * (Documentation/driver-api/early-userspace/buffer-format of Linux, "newc").
 * Names are relative; a folder comes before what is in it. Out of memory, it
 * aborts.
 */
#pragma once

#include <stddef.h>

struct cpio_writer {
	char *bytes; /* all zero at first: an empty archive */
	size_t len, room;
};

void cpio_writer_fini(struct cpio_writer *w);

/* One entry; mode as in struct stat: S_IFREG | 0755. */
void cpio_writer_add(struct cpio_writer *w, const char *name, unsigned mode,
		     const void *bytes, size_t len);

/* A file of the host's, executable; everything below a folder, under the same
 * names. Both fail the test that cannot read them. */
void cpio_writer_add_file(struct cpio_writer *w, const char *name,
			  const char *path);
void cpio_writer_add_tree(struct cpio_writer *w, const char *path);

/* The end of the archive, into a file. */
void cpio_writer_write(struct cpio_writer *w, const char *path);
