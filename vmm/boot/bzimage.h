/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bzImage, the file that distributions call vmlinuz: a setup header, and in it
 * the place of the payload, which is a compressed vmlinux.
 *
 * The setup program and the decompressor of the file are not run: the payload is
 * unpacked by the host (unpack.h), and what comes out is started as if it had
 * been given.
 *
 * Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header":
 * setup_sects, header, version, cmdline_size, payload_offset, payload_length.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pager/image.h"

#define BZIMAGE_HEAD	   0x290 /* bytes of the file that have all of it */
#define BZIMAGE_HEADER	   0x1f1 /* where the setup header starts in them */
#define BZIMAGE_HEADER_MAX (BZIMAGE_HEAD - BZIMAGE_HEADER)

struct bzimage {
	uint8_t header[BZIMAGE_HEADER_MAX]; /* the setup header... */
	size_t header_len;		    /* ... so much of it */
	uint32_t cmdline_size;
	uint64_t payload, payload_len; /* its place in the file */
};

/*
 * Looks at the first len bytes of a file of `size` bytes; path is for messages.
 * 0; -ENOENT: no setup header there, err untouched; -ENOEXEC: there is one, but
 * there is no payload to unpack, with err filled.
 */
int bzimage_parse(struct bzimage *bz, const uint8_t *head, size_t len,
		  uint64_t size, const char *path, struct image_error *err);

/*
 * Opens a bzImage and what is in it: out is an image whose file is in memory,
 * the caller's. tool is the name of the program that has unpacked it. As
 * bzimage_parse; or as image_open of the content; or as unpack.
 */
int bzimage_open(struct image **out, struct bzimage *bz, const char **tool,
		 const char *path, struct image_error *err);
