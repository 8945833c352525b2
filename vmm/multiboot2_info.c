/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Multiboot2 information that a kernel is given: Multiboot2 Specification
 * 2.0, 3.6 (Boot information).
 *
 * The one idea: one function lays the tags out, and runs twice. Without a
 * buffer it only counts, so size and contents cannot disagree.
 *
 * The ELF section tag (3.6.7) has 32-bit fields as in the specification's own
 * multiboot2.h (4.4.1), in GRUB and in every kernel that reads it; the text
 * of 3.6.7 says 16 bits.
 *
 * Left out: all information that this machine does not have, from the BIOS boot
 * device (5) to the EFI image handles (20).
 */
#include "vmm/multiboot2.h"

#include <assert.h>
#include <string.h>

#define LOWER_END   (UINT64_C(640) << 10)
#define UPPER_START (UINT64_C(1) << 20)
#define ENTRY_SIZE  24 /* of the memory map */

enum {
	INFO_END = 0,
	INFO_CMDLINE = 1,
	INFO_LOADER = 2,
	INFO_MODULE = 3,
	INFO_MEMORY = 4,
	INFO_MAP = 6,
	INFO_SECTIONS = 9,
	INFO_IMAGE_BASE = 21,
};

struct writer {
	uint8_t *out; /* NULL: only count */
	size_t at, tag;
};

static void put(struct writer *writer, const void *bytes, size_t len)
{
	if (writer->out && len)
		memcpy(writer->out + writer->at, bytes, len);
	writer->at += len;
}

static void put_u32(struct writer *writer, uint32_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_u64(struct writer *writer, uint64_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_string(struct writer *writer, const char *string)
{
	put(writer, string, strlen(string) + 1);
}

static void tag_start(struct writer *writer, uint32_t type)
{
	writer->tag = writer->at;
	put_u32(writer, type);
	put_u32(writer, 0); /* the size: tag_finish knows it */
}

/* The size does not count the padding to the next tag (3.6.2). */
static void tag_finish(struct writer *writer)
{
	static const uint8_t zeros[8];
	size_t size = writer->at - writer->tag;
	uint32_t size_u32 = (uint32_t)size;

	assert(size <= UINT32_MAX);
	if (writer->out)
		memcpy(writer->out + writer->tag + 4, &size_u32, 4);
	put(writer, zeros, (8 - size % 8) % 8);
}

static void put_string_tag(struct writer *writer, uint32_t type,
			   const char *string)
{
	if (!string)
		return;
	tag_start(writer, type);
	put_string(writer, string);
	tag_finish(writer);
}

static void put_module(struct writer *writer, const struct mb2_module *module)
{
	assert(module->start <= UINT32_MAX &&
	       module->len <= UINT32_MAX - module->start);
	tag_start(writer, INFO_MODULE);
	put_u32(writer, (uint32_t)module->start);
	put_u32(writer, (uint32_t)(module->start + module->len));
	put_string(writer, module->cmdline ? module->cmdline : "");
	tag_finish(writer);
}

/* KiB from start to the first byte that is not usable, or to end. */
static uint32_t present_kib(const struct memmap *map, gpa_t start, gpa_t end)
{
	gpa_t at = start;

	for (size_t i = 0; i < map->nr && at < end; i++) {
		const struct memmap_entry *entry = &map->entries[i];
		gpa_t last = entry->start + (entry->len - 1);

		if (last < at)
			continue;
		if (entry->start > at ||
		    (entry->type != MEMMAP_USABLE && entry->start))
			break;
		at = last < end ? last + 1 : end;
	}
	return (uint32_t)((at - start) >> 10);
}

static void put_memory(struct writer *writer, const struct memmap *map)
{
	/* As many KiB as 32 bits hold. */
	gpa_t upper_end = UPPER_START + ((gpa_t)UINT32_MAX << 10);

	tag_start(writer, INFO_MEMORY);
	put_u32(writer, present_kib(map, 0, LOWER_END));
	put_u32(writer, present_kib(map, UPPER_START, upper_end));
	tag_finish(writer);
}

static void put_map(struct writer *writer, const struct memmap *map)
{
	tag_start(writer, INFO_MAP);
	put_u32(writer, ENTRY_SIZE);
	put_u32(writer, 0); /* entry_version */
	for (size_t i = 0; i < map->nr; i++) {
		put_u64(writer, map->entries[i].start);
		put_u64(writer, map->entries[i].len);
		put_u32(writer, map->entries[i].type);
		put_u32(writer, 0);
	}
	tag_finish(writer);
}

static void put_sections(struct writer *writer, const struct mb2_params *params)
{
	tag_start(writer, INFO_SECTIONS);
	put_u32(writer, params->shnum);
	put_u32(writer, params->shentsize);
	put_u32(writer, params->shstrndx);
	put(writer, params->sections,
	    (size_t)params->shnum * params->shentsize);
	tag_finish(writer);
}

/* The order is GRUB's, except that basic memory comes before the map. */
static size_t put_info(const struct mb2_params *params, void *out)
{
	struct writer writer = {.out = out};
	uint32_t total;

	put_u32(&writer, 0); /* total_size: known at the end */
	put_u32(&writer, 0);
	if (params->has_image_base) {
		tag_start(&writer, INFO_IMAGE_BASE);
		put_u32(&writer, params->image_base);
		tag_finish(&writer);
	}
	put_string_tag(&writer, INFO_CMDLINE, params->cmdline);
	put_string_tag(&writer, INFO_LOADER, params->loader);
	for (size_t i = 0; i < params->nr_modules; i++)
		put_module(&writer, &params->modules[i]);
	if (params->map) {
		put_memory(&writer, params->map);
		put_map(&writer, params->map);
	}
	if (params->sections)
		put_sections(&writer, params);
	tag_start(&writer, INFO_END);
	tag_finish(&writer);

	assert(writer.at <= UINT32_MAX);
	total = (uint32_t)writer.at;
	if (out)
		memcpy(out, &total, sizeof(total));
	return writer.at;
}

size_t mb2_info_size(const struct mb2_params *params)
{
	return put_info(params, NULL);
}

void mb2_info_build(const struct mb2_params *params, void *out)
{
	put_info(params, out);
}
