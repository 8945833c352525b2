/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target for the Multiboot2 header parser. Seeds are in
 * tests/data/fuzz_multiboot2.
 *
 * The checksum is made right wherever the magic is, or the fuzzer would spend
 * its life on it; every header that is accepted must keep the promises of
 * vmm/boot/multiboot2.h, and every refusal must be one line.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -I. \
 *	tests/fuzz/fuzz_multiboot2.c vmm/boot/multiboot2_header.c vmm/boot/multiboot_address.c \
 *	vmm/boot/multiboot_parse.c
 */
#include "vmm/boot/multiboot2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC UINT32_C(0xe85250d6)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool promise)
{
	if (!promise)
		abort();
}

static void repair_checksums(uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 16 <= size; at += 8) {
		uint32_t fields[4];

		memcpy(fields, bytes + at, sizeof(fields));
		if (fields[0] != MAGIC)
			continue;
		fields[3] = 0 - (fields[0] + fields[1] + fields[2]);
		memcpy(bytes + at, fields, sizeof(fields));
	}
}

static void check_accepted(const struct mb2_header *header, size_t size)
{
	const struct multiboot_address *a = &header->address;
	size_t searched = size < MB2_SEARCH ? size : MB2_SEARCH;

	must(header->offset % 8 == 0 && header->length >= 24);
	must((uint64_t)header->offset + header->length <= searched);
	if (header->relocatable) {
		must(header->align && !(header->align & (header->align - 1)));
		must(header->min_addr <= header->max_addr);
		must(header->preference <= MB2_PREFER_HIGH);
	}
	if (!header->has_address)
		return;
	must(header->has_entry);
	must(a->entry >= a->load_addr && a->load_addr <= a->header_addr);
	must(a->header_addr - a->load_addr <= header->offset);
	must(!a->load_end_addr || a->load_end_addr > a->load_addr);
	must(!a->bss_end_addr || a->bss_end_addr >= a->load_end_addr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mb2_header header;
	char err[256] = "";
	uint8_t *copy = malloc(size ? size : 1);
	int error;

	must(copy);
	if (size)
		memcpy(copy, data, size);
	repair_checksums(copy, size);
	error = mb2_header_find(&header, copy, size, err, sizeof(err));
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
