/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading multiboot2 boot information. See the header.
 */
#include "guest/lib/mb2.h"

#include "guest/lib/print.h"

const struct mb2_tag *mb2_next(const struct mb2_info *info,
			       const struct mb2_tag *prev)
{
	uint64_t base = (uint64_t)info, offset = sizeof(*info);
	const struct mb2_tag *tag;

	if (prev)
		offset = (((uint64_t)prev + prev->size + 7) & ~7UL) - base;
	CHECK(offset + sizeof(*tag) <= info->total_size);
	tag = (const struct mb2_tag *)(base + offset);
	CHECK(tag->size >= sizeof(*tag));
	CHECK(offset + tag->size <= info->total_size);
	return tag->type == MB2_END ? NULL : tag;
}

const void *mb2_find(const struct mb2_info *info, enum mb2_type type)
{
	const struct mb2_tag *tag = NULL;

	while ((tag = mb2_next(info, tag)))
		if (tag->type == type)
			break;
	return tag;
}

const char *mb2_cmdline(const struct mb2_info *info)
{
	const struct mb2_string *cmdline = mb2_find(info, MB2_CMDLINE);

	return cmdline ? cmdline->text : "";
}

uint32_t mb2_memory_type(const struct mb2_info *info, uint64_t addr)
{
	const struct mb2_mmap *map = mb2_find(info, MB2_MMAP);
	const struct mb2_mmap_entry *entry;
	uint32_t at;

	if (!map)
		return 0;
	for (at = sizeof(*map); at < map->tag.size; at += map->entry_size) {
		entry = (const void *)((const char *)map + at);
		if (addr - entry->start < entry->len)
			return entry->type;
	}
	return 0;
}

const struct mb2_section *mb2_section(const struct mb2_elf_sections *sections,
				      uint32_t i)
{
	CHECK(i < sections->num &&
	      sections->entsize >= sizeof(struct mb2_section));
	return (const void *)((const char *)(sections + 1) +
			      (uint64_t)i * sections->entsize);
}
