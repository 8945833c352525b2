/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/lib/ram.h"

#include "guest/lib/cpu.h"
#include "guest/lib/print.h"

#define MMAP_USABLE 1

extern const char image_end[]; /* link.ld: physical */

static struct gpa_range unused; /* RAM that is */

static gpa_t behind_modules(const struct mb2_info *info)
{
	const struct mb2_tag *tag = NULL;
	gpa_t end = 0;

	while ((tag = mb2_next(info, tag))) {
		const struct mb2_module *module = (const void *)tag;

		if (tag->type == MB2_MODULE && module->end > end)
			end = module->end;
	}
	return end;
}

/* The symbol table, say, is no part of the image, but in memory. */
static gpa_t behind_sections(const struct mb2_info *info)
{
	const struct mb2_elf_sections *tag = mb2_find(info, MB2_ELF_SECTIONS);
	gpa_t end = 0;

	for (uint32_t i = 0; tag && i < tag->num; i++) {
		const struct mb2_section *section = mb2_section(tag, i);
		gpa_t behind = phys((void *)section->addr) + section->size;

		if (behind > end)
			end = behind;
	}
	return end;
}

/* Whatever a loader has put into memory that it calls usable. */
static gpa_t behind_files(const struct mb2_info *info)
{
	const gpa_t modules = behind_modules(info);
	const gpa_t sections = behind_sections(info);
	gpa_t end = phys(image_end);

	if (modules > end)
		end = modules;
	if (sections > end)
		end = sections;
	return page_up(end);
}

void ram_init(const struct mb2_info *info)
{
	const struct mb2_mmap *map = mb2_find(info, MB2_MMAP);
	const gpa_t lowest = behind_files(info);
	const struct mb2_mmap_entry *entry;
	gpa_t start, end;
	uint32_t at;

	CHECK(map);
	for (at = sizeof(*map); at < map->tag.size; at += map->entry_size) {
		entry = (const void *)((const char *)map + at);
		start = entry->start > lowest ? page_up(entry->start) : lowest;
		end = page_down(entry->start + entry->len);
		if (end > HIGH_BYTES)
			end = HIGH_BYTES;
		if (entry->type == MMAP_USABLE && end > start &&
		    end - start > unused.len)
			unused = (struct gpa_range){start, end - start};
	}
}

gpa_t ram_page(void)
{
	gpa_t page = unused.start;

	CHECK(unused.len >= PAGE_SIZE);
	unused.start += PAGE_SIZE;
	unused.len -= PAGE_SIZE;
	return page;
}

static int read_entries(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
			unsigned nr)
{
	(void)ctx;
	if (at > HIGH_BYTES - (gpa_t)nr * bytes)
		return -1;
	pt_copy_entries(high(at), bytes, entries, nr);
	return 0;
}

static int write_entry(void *ctx, gpa_t table, unsigned index, unsigned bytes,
		       uint64_t entry, gpa_t *moved)
{
	volatile uint64_t *entries = high(table);

	(void)ctx;
	CHECK_EQ(bytes, sizeof(*entries));
	if (table > HIGH_BYTES - PAGE_SIZE)
		return -1;
	entries[index] = entry;
	*moved = table;
	return 0;
}

static int alloc_table(void *ctx, gpa_t *table)
{
	(void)ctx;
	*table = ram_page();
	return 0;
}

const struct pt_mem ram_tables = {
	.read = read_entries,
	.write = write_entry,
	.alloc = alloc_table,
};

/* One invlpg is for one page, whatever its size; a table's reach may be as large
 * as a page. */
void ram_flush(void *ctx, gva_t va, uint64_t len)
{
	uint64_t cr3;

	(void)ctx;
	if (len == PAGE_SIZE)
		__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
	else
		__asm__ volatile("mov %%cr3, %0; mov %0, %%cr3"
				 : "=r"(cr3)
				 :
				 : "memory");
}

enum vspace_error ram_map(struct vspace *space, struct vspace_frame *frame,
			  gva_t va, unsigned rights)
{
	enum vspace_error error;
	unsigned bits;

	while ((error = vspace_map(space, frame, va, rights, &bits)) ==
	       VSPACE_NO_TABLE) {
		struct vspace_table table = vspace_table(ram_page(), bits);

		error = vspace_map_table(space, &table, va, NULL);
		if (error)
			break;
	}
	return error;
}
