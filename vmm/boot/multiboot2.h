/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot2 Specification 2.0: the header a kernel carries (3.1) and the
 * information it is given (3.6). Pure functions over byte buffers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"
#include "vmm/boot/bootinfo.h"
#include "vmm/boot/multiboot_address.h"

#define MB2_SEARCH 32768 /* the header lies within the first 32 KiB */

enum mb2_preference {
	MB2_PREFER_NONE = 0,
	MB2_PREFER_LOW = 1,
	MB2_PREFER_HIGH = 2,
};

struct mb2_header {
	uint32_t offset; /* in the file */
	uint32_t length;
	/*
	 * 3.1.5, 3.1.6: the "a.out kludge", checked by multiboot_address_check,
	 * has_entry included. The load_addr "-1" of the file (from its
	 * beginning) is already replaced by the address that it means.
	 */
	bool has_address;
	bool has_entry; /* 3.1.6: physical; also without an address tag */
	struct multiboot_address address;
	bool module_align;     /* 3.1.11; we always align modules to pages */
	bool console_required; /* 3.1.9, and the tag is not optional */
	/* 3.1.13: max_addr is the last byte; align is a power of two, not 0. */
	bool relocatable;
	uint32_t min_addr, max_addr, align;
	enum mb2_preference preference;
};

/*
 * Finds and parses the header in the first len bytes of the file (len may be
 * more than MB2_SEARCH, of which no more is read). Returns 0; -ENOENT when
 * there is none, and err says what comes nearest to one (a bad checksum, a
 * header not aligned to 8); -ENOTSUP or -EINVAL with one line in err, without
 * the file's name, that names tag or field, its value, why and the mend: a tag
 * that is required (its flag bit 0 is clear) and that we do not have is
 * -ENOTSUP by name, so is a required request (3.1.4) for an information type
 * that the specification does not define; sizes that do not fit and fields that
 * contradict each other are -EINVAL. *header is then not to be used.
 *
 * Known types of information that this machine lacks (a framebuffer, APM) may
 * be requested: 3.1.4 has them left out. The EFI tags are ignored even when
 * required: they bear on EFI machines only (3.1.7, 3.1.8, 3.1.12).
 */
int mb2_header_find(struct mb2_header *header, const uint8_t *bytes, size_t len,
		    char *err, size_t err_len);

/* Bytes the information takes for these parameters, end tag included. */
size_t mb2_info_size(const struct bootinfo *info);

/*
 * Writes it: out has mb2_info_size() bytes, each of which is written. Basic
 * memory information (3.6.3) is derived from the map (memmap_lower_kib,
 * memmap_upper_kib).
 */
void mb2_info_build(const struct bootinfo *info, void *out);
