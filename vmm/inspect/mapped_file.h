/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole file, to be looked at. Nobody may shorten it meanwhile: who touches
 * what is gone gets SIGBUS (mmap(2)).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vmm/error.h"

struct mapped_file {
	const uint8_t *bytes;
	uint64_t size;
};

/* Maps a regular file that is not empty. 0, or -errno with err filled. */
int mapped_file_open(struct mapped_file *file, const char *path,
		     struct error *err);

/* Zeros are allowed. */
void mapped_file_close(struct mapped_file *file);

static inline bool mapped_file_has(const struct mapped_file *file,
				   uint64_t offset, uint64_t len)
{
	return offset <= file->size && len <= file->size - offset;
}

/* From now on a file that becomes shorter ends the process, with a line and
 * this status. */
void mapped_file_guard(int status);
