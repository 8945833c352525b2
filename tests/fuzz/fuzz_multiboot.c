/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target for the header of the first Multiboot Specification. Seeds
 * are in tests/data/fuzz_multiboot.
 *
 * The checksum is made right wherever the magic is; every header that is
 * accepted must keep the promises of vmm/boot/multiboot.h, and every refusal must be
 * one line.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -I. \
 *	tests/fuzz/fuzz_multiboot.c vmm/boot/multiboot_header.c vmm/boot/multiboot_address.c \
 *	vmm/boot/multiboot_parse.c
 */
#include "vmm/boot/multiboot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC UINT32_C(0x1badb002)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void repair_checksums(uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 12 <= size; at += 4) {
		uint32_t fields[3];

		memcpy(fields, bytes + at, sizeof(fields));
		if (fields[0] != MAGIC)
			continue;
		fields[2] = 0 - (fields[0] + fields[1]);
		memcpy(bytes + at, fields, sizeof(fields));
	}
}

static void check_accepted(const struct mb_header *header, size_t size)
{
	const struct multiboot_address *a = &header->address;
	size_t searched = size < MB_SEARCH ? size : MB_SEARCH;

	must(header->offset % 4 == 0);
	must(!(header->flags & 0xfff8));
	must(header->offset + (header->has_address ? 32u : 12u) <= searched);
	if (!header->has_address)
		return;
	must(a->entry >= a->load_addr && a->load_addr <= a->header_addr);
	must(a->header_addr - a->load_addr <= header->offset);
	must(!a->load_end_addr || a->load_end_addr > a->load_addr);
	must(!a->bss_end_addr || a->bss_end_addr >= a->load_end_addr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mb_header header;
	char err[256] = "";
	uint8_t *copy = malloc(size ? size : 1);
	int error;

	must(copy);
	if (size)
		memcpy(copy, data, size);
	repair_checksums(copy, size);
	error = mb_header_find(&header, copy, size, err, sizeof(err));
	if (!error) {
		check_accepted(&header, size);
	} else {
		must(error == -ENOENT || error == -EINVAL || error == -ENOTSUP);
		must(*err && strlen(err) < sizeof(err) - 1);
		must(!strchr(err, '\n'));
	}
	free(copy);
	return 0;
}
