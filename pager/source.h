/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where bytes come from: a file, a buffer composed by the caller, or anything
 * else that can give the bytes at an offset.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct pager_source {
	const char *name; /* a path, for messages and traces; the caller's */
	/*
	 * Gives exactly len bytes at offset. 0, or -errno; -ENODATA when the
	 * source ends before offset + len. Called from the fault handler and
	 * from pager_load callers, several at once. Must not touch memory that
	 * a pager has armed.
	 */
	int (*read)(void *ctx, void *buf, size_t len, uint64_t offset);
	void *ctx;
	/* A regular file with the same bytes at the same offsets, so that
	 * PAGER_MAP may map it; -1 when there is none. Not owned. */
	int fd;
};

/* The bytes of a regular file; fd and name stay the caller's. */
struct pager_source source_file(const char *name, int fd);

/* A buffer in ordinary memory; bytes stay the caller's. */
struct source_bytes {
	const void *bytes;
	size_t len;
};
struct pager_source source_bytes(const char *name, struct source_bytes *bytes);
