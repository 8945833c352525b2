/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacking by the program that the format has: gzip, xz, zstd ...
 *
 * The program gets files in memory for its standard input and output, so nobody
 * has to pass bytes on, and neither side can wait for the other. The output has
 * its final size from the start and is sealed against growth: whatever the
 * input says, no more comes out.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pager/image.h"

/* The most that may come out. A vmlinux has 20 to 100 MiB. */
#define UNPACK_MAX (UINT64_C(1) << 30)

/*
 * Unpacks the payload of a bzImage, len bytes at `offset` of fd: in one of the
 * formats that Linux's build knows, the last 4 bytes being the unpacked size.
 * path is for messages. *out is a descriptor of the result, the caller's, and
 * *tool the program's name, NULL where the payload was not compressed.
 *
 * The process must have one thread. A signal that ends it ends the program, too.
 *
 * 0, or with err filled: -ENOEXEC: a format nobody knows, damaged, or not of the
 * size it says; -EINVAL: the program is missing or cannot be run; another -errno
 * of the host.
 */
int unpack(int *out, const char **tool, int fd, uint64_t offset, uint64_t len,
	   const char *path, struct image_error *err);
