/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "tests/cpio_writer.h"

#include <check.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/must.h"

/* "070701", then 13 numbers of 8 digits. */
#define HEADER_LEN (6 + 13 * 8)

void cpio_writer_fini(struct cpio_writer *w)
{
	free(w->bytes);
	*w = (struct cpio_writer){0};
}

static void put(struct cpio_writer *w, const void *bytes, size_t len)
{
	if (w->room - w->len < len) {
		w->room = 2 * w->room + len;
		w->bytes = realloc(w->bytes, w->room);
		ck_assert_ptr_nonnull(w->bytes);
	}
	if (len)
		memcpy(w->bytes + w->len, bytes, len);
	w->len += len;
}

/* Names with their headers, and data, are padded to 4 bytes. */
static void pad(struct cpio_writer *w)
{
	put(w, "\0\0\0", -w->len & 3);
}

void cpio_writer_add(struct cpio_writer *w, const char *name, unsigned mode,
		     const void *bytes, size_t len)
{
	char header[HEADER_LEN + 1];

	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		 0, mode, 0, 0, 1, 0, (unsigned)len, 0, 0, 0, 0,
		 (unsigned)strlen(name) + 1, 0);
	put(w, header, HEADER_LEN);
	put(w, name, strlen(name) + 1);
	pad(w);
	put(w, bytes, len);
	pad(w);
}

void cpio_writer_add_file(struct cpio_writer *w, const char *name,
			  const char *path)
{
	size_t len;
	char *bytes = must_read_file(path, &len);

	cpio_writer_add(w, name, S_IFREG | 0755, bytes, len);
	free(bytes);
}

void cpio_writer_add_tree(struct cpio_writer *w, const char *path)
{
	char *paths[] = {(char *)(uintptr_t)path, NULL};
	FTS *fts = fts_open(paths, FTS_PHYSICAL, NULL);
	FTSENT *entry;

	ck_assert_ptr_nonnull(fts);
	while ((entry = fts_read(fts))) {
		const char *name = entry->fts_path + strlen(path);

		if (entry->fts_level == FTS_ROOTLEVEL)
			continue;
		if (entry->fts_info == FTS_D)
			cpio_writer_add(w, name + 1, S_IFDIR | 0755, "", 0);
		else if (entry->fts_info == FTS_F)
			cpio_writer_add_file(w, name + 1, entry->fts_accpath);
	}
	fts_close(fts);
}

void cpio_writer_write(struct cpio_writer *w, const char *path)
{
	cpio_writer_add(w, "TRAILER!!!", 0, "", 0);
	must_write_file(path, w->bytes, w->len);
}
