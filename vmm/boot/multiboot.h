/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot Specification 0.6.96 (the first one): the header a kernel carries
 * (3.1) and the information it is given (3.3). Pure functions over byte
 * buffers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/boot/bootinfo.h"
#include "vmm/boot/multiboot_address.h"

#define MB_SEARCH 8192	      /* the header lies within the first 8 KiB */
#define MB_MAGIC  0x2badb002u /* 3.2: EAX at entry */

struct mb_header {
	uint32_t offset; /* in the file */
	uint32_t flags;
	bool video; /* 3.1.4: wants a video mode; we have none to give */
	/* 3.1.3: flag 16, the "a.out kludge", checked by
	 * multiboot_address_check. */
	bool has_address;
	struct multiboot_address address;
};

/*
 * Finds and parses the header in the first len bytes of the file (len may be
 * more than MB_SEARCH, of which no more is read). Returns 0; -ENOENT when there
 * is none, and err says what comes nearest to one (a bad checksum); -ENOTSUP
 * or -EINVAL with one line in err, without the file's name, that names field,
 * value, why and the mend: a required flag (bits 0 to 15) that the
 * specification does not define is -ENOTSUP by its number; address fields that
 * contradict each other, or are cut off, are -EINVAL. *header is then not to be
 * used.
 *
 * Modules are always aligned to pages and memory is always told of (flags 0 and
 * 1), so nothing is said of these.
 */
int mb_header_find(struct mb_header *header, const uint8_t *bytes, size_t len,
		   char *err, size_t err_len);

/* Bytes the information takes, with everything it points to. */
size_t mb_info_size(const struct bootinfo *info);

/* Writes it, for info->gpa: out has mb_info_size() bytes, each of which is
 * written. */
void mb_info_build(const struct bootinfo *info, void *out);
