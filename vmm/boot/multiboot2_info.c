/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Multiboot2 information that a kernel is given: Multiboot2 Specification
 * 2.0, 3.6 (Boot information).
 *
 * The ELF section tag (3.6.7) has 32-bit fields as in the specification's own
 * multiboot2.h (4.4.1), in GRUB and in every kernel that reads it; the text
 * of 3.6.7 says 16 bits.
 *
 * Left out: all information that this machine does not have, from the BIOS boot
 * device (5) to the EFI image handles (20).
 */
#include "vmm/boot/multiboot2.h"

#include <assert.h>
#include <string.h>

#include "vmm/blob.h"

#define ENTRY_SIZE 24 /* of the memory map */

enum {
	INFO_END = 0,
	INFO_CMDLINE = 1,
	INFO_LOADER = 2,
	INFO_MODULE = 3,
	INFO_MEMORY = 4,
	INFO_MAP = 6,
	INFO_SECTIONS = 9,
	INFO_OLD_RSDP = 14,
	INFO_RSDP = 15,
	INFO_IMAGE_BASE = 21,
};

/* A tag under construction. */
struct tags {
	struct blob w;
	size_t start;
};

static void tag_start(struct tags *t, uint32_t type)
{
	t->start = t->w.at;
	blob_put_u32(&t->w, type);
	blob_put_u32(&t->w, 0); /* the size: tag_finish knows it */
}

/* The size does not count the padding to the next tag (3.6.2). */
static void tag_finish(struct tags *t)
{
	size_t size = t->w.at - t->start;
	uint32_t size_u32 = (uint32_t)size;

	assert(size <= UINT32_MAX);
	if (t->w.out)
		memcpy(t->w.out + t->start + 4, &size_u32, 4);
	blob_align(&t->w, 8);
}

static void put_string_tag(struct tags *t, uint32_t type, const char *string)
{
	if (!string)
		return;
	tag_start(t, type);
	blob_put_string(&t->w, string);
	tag_finish(t);
}

static void put_module(struct tags *t, const struct bootinfo_module *module)
{
	assert(module->start <= UINT32_MAX &&
	       module->len <= UINT32_MAX - module->start);
	tag_start(t, INFO_MODULE);
	blob_put_u32(&t->w, (uint32_t)module->start);
	blob_put_u32(&t->w, (uint32_t)(module->start + module->len));
	blob_put_string(&t->w, module->cmdline);
	tag_finish(t);
}

static void put_memory(struct tags *t, const struct memmap *map)
{
	tag_start(t, INFO_MEMORY);
	blob_put_u32(&t->w, memmap_lower_kib(map));
	blob_put_u32(&t->w, memmap_upper_kib(map));
	tag_finish(t);
}

static void put_map(struct tags *t, const struct memmap *map)
{
	tag_start(t, INFO_MAP);
	blob_put_u32(&t->w, ENTRY_SIZE);
	blob_put_u32(&t->w, 0); /* entry_version */
	for (size_t i = 0; i < map->nr; i++) {
		blob_put_u64(&t->w, map->entries[i].start);
		blob_put_u64(&t->w, map->entries[i].len);
		blob_put_u32(&t->w, map->entries[i].type);
		blob_put_u32(&t->w, 0);
	}
	tag_finish(t);
}

static void put_sections(struct tags *t, const struct bootinfo *info)
{
	tag_start(t, INFO_SECTIONS);
	blob_put_u32(&t->w, info->shnum);
	blob_put_u32(&t->w, info->shentsize);
	blob_put_u32(&t->w, info->shstrndx);
	blob_put(&t->w, info->sections, (size_t)info->shnum * info->shentsize);
	tag_finish(t);
}

static void put_rsdp(struct tags *t, uint32_t type, const void *rsdp,
		     size_t len)
{
	tag_start(t, type);
	blob_put(&t->w, rsdp, len);
	tag_finish(t);
}

/* The order is GRUB's, except that basic memory comes before the map. */
static size_t put_info(const struct bootinfo *info, void *out)
{
	struct tags t = {.w = {.out = out}};
	uint32_t total;

	blob_put_u32(&t.w, 0); /* total_size: known at the end */
	blob_put_u32(&t.w, 0);
	if (info->has_image_base) {
		tag_start(&t, INFO_IMAGE_BASE);
		blob_put_u32(&t.w, info->image_base);
		tag_finish(&t);
	}
	put_string_tag(&t, INFO_CMDLINE, info->cmdline);
	put_string_tag(&t, INFO_LOADER, info->loader);
	for (size_t i = 0; i < info->nr_modules; i++)
		put_module(&t, &info->modules[i]);
	if (info->map) {
		put_memory(&t, info->map);
		put_map(&t, info->map);
	}
	if (info->sections)
		put_sections(&t, info);
	if (info->rsdp) {
		put_rsdp(&t, INFO_OLD_RSDP, info->rsdp, BOOTINFO_OLD_RSDP_LEN);
		put_rsdp(&t, INFO_RSDP, info->rsdp, BOOTINFO_RSDP_LEN);
	}
	blob_put(&t.w, info->children, info->children_len);
	tag_start(&t, INFO_END);
	tag_finish(&t);

	assert(t.w.at <= UINT32_MAX);
	total = (uint32_t)t.w.at;
	if (out)
		memcpy(out, &total, sizeof(total));
	return t.w.at;
}

size_t mb2_info_size(const struct bootinfo *info)
{
	return put_info(info, NULL);
}

void mb2_info_build(const struct bootinfo *info, void *out)
{
	put_info(info, out);
}
