/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of the first Multiboot Specification (0.6.96), 3.1: three words
 * anywhere in the file's first 8 KiB, and, if the flags say so, addresses behind
 * them.
 *
 * As in GRUB (grub-core/loader/i386/multiboot_mbi.c), the first header whose
 * checksum is right counts, and its address fields come before the ELF headers.
 *
 * Left out: the video mode fields (the machine has no screen).
 */
#include "vmm/boot/multiboot.h"

#include <errno.h>

#include "vmm/boot/multiboot_parse.h"

#define HEADER_MAGIC   UINT32_C(0x1badb002)
#define HEADER_FIXED   12 /* magic, flags, checksum */
#define HEADER_ADDRESS 32 /* with the address fields */
#define FLAGS_REQUIRED UINT32_C(0xffff)
#define FLAGS_KNOWN    UINT32_C(7) /* module alignment, memory, video */
#define FLAG_VIDEO     (UINT32_C(1) << 2)
#define FLAG_ADDRESS   (UINT32_C(1) << 16)

static int check_flags(const struct mb_header *header,
		       const struct multiboot_message *message)
{
	uint32_t unknown = header->flags & FLAGS_REQUIRED & ~FLAGS_KNOWN;

	if (!unknown)
		return 0;
	return multiboot_refuse(
		message, -ENOTSUP,
		"multiboot flags 0x%x at file offset 0x%x require "
		"feature %d, but only 0 (modules on pages), 1 (memory "
		"information) and 2 (video mode) are defined: clear bit "
		"%d",
		header->flags, header->offset, __builtin_ctz(unknown),
		__builtin_ctz(unknown));
}

/* 3.1.3; left: bytes from the header's start on. */
static int read_address(struct mb_header *header, const uint8_t *at,
			size_t left, const struct multiboot_message *message)
{
	static const struct multiboot_address_names names = {
		.fields = "multiboot address fields",
		.entry = "multiboot entry_addr",
	};

	if (left < HEADER_ADDRESS)
		return multiboot_refuse(
			message, -EINVAL,
			"multiboot header at file offset 0x%x: flag 16 "
			"says that it has address fields, %d bytes in "
			"all, but %zu bytes on is the end of the file or "
			"of its first %d bytes: put the header in front "
			"or clear the flag",
			header->offset, HEADER_ADDRESS, left, MB_SEARCH);
	header->has_address = true;
	header->address = (struct multiboot_address){
		.header_addr = multiboot_u32(at + 12),
		.load_addr = multiboot_u32(at + 16),
		.load_end_addr = multiboot_u32(at + 20),
		.bss_end_addr = multiboot_u32(at + 24),
		.entry = multiboot_u32(at + 28),
	};
	return multiboot_address_check(&header->address, header->offset, &names,
				       message->err, message->err_len);
}

int mb_header_find(struct mb_header *header, const uint8_t *bytes, size_t len,
		   char *err, size_t err_len)
{
	struct multiboot_message message = {err, err_len};
	const uint32_t none = UINT32_MAX;
	uint32_t near = none;
	int rc;

	if (len > MB_SEARCH)
		len = MB_SEARCH;
	for (uint32_t offset = 0;
	     len >= HEADER_FIXED && offset <= len - HEADER_FIXED; offset += 4) {
		const uint8_t *at = bytes + offset;
		uint32_t flags = multiboot_u32(at + 4);

		if (multiboot_u32(at) != HEADER_MAGIC)
			continue;
		if (HEADER_MAGIC + flags + multiboot_u32(at + 8)) {
			near = offset;
			continue;
		}
		*header = (struct mb_header){
			.offset = offset,
			.flags = flags,
			.video = flags & FLAG_VIDEO,
		};
		rc = check_flags(header, &message);
		return rc || !(flags & FLAG_ADDRESS)
			       ? rc
			       : read_address(header, at, len - offset,
					      &message);
	}
	if (near != none)
		return multiboot_refuse(
			&message, -ENOENT,
			"multiboot checksum 0x%x at file offset 0x%x "
			"does not make the sum 0: it must be 0x%x",
			multiboot_u32(bytes + near + 8), near,
			0 - (HEADER_MAGIC + multiboot_u32(bytes + near + 4)));
	return multiboot_refuse(
		&message, -ENOENT,
		"no multiboot header (magic 0x%x at a multiple of 4) in "
		"the first %zu bytes, where one would have to be",
		HEADER_MAGIC, len);
}
