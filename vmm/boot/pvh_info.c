/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PVH's start info, version 1: xen/include/public/arch-x86/hvm/start_info.h.
 * A structure of fixed fields, then what they give the addresses of: the map,
 * the modules, strings.
 */
#include "vmm/boot/pvh.h"

#include <assert.h>

#include "vmm/blob.h"

#define START_MAGIC 0x336ec578u

struct start_info {
	uint32_t magic, version;
	uint32_t flags; /* SIF_*: Xen's own */
	uint32_t nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	uint32_t memmap_entries, reserved;
};
static_assert(sizeof(struct start_info) == 56, "start_info.h");

struct modlist_entry {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct memmap_table_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* Offsets from the start info. All but strings are multiples of 8. */
struct layout {
	size_t map, modules, cmdline, module_strings, end;
};

static struct layout lay_out(const struct bootinfo *info)
{
	struct layout l = {.map = sizeof(struct start_info)};

	l.modules = l.map + (info->map ? info->map->nr : 0) *
				    sizeof(struct memmap_table_entry);
	l.cmdline = l.modules + info->nr_modules * sizeof(struct modlist_entry);
	l.module_strings = l.cmdline;
	if (info->cmdline)
		l.module_strings += blob_string_len(info->cmdline);
	l.end = l.module_strings;
	for (size_t i = 0; i < info->nr_modules; i++)
		l.end += blob_string_len(info->modules[i].cmdline);
	return l;
}

size_t pvh_info_size(const struct bootinfo *info)
{
	return lay_out(info).end;
}

static void put_map(struct blob *w, const struct memmap *map)
{
	for (size_t i = 0; map && i < map->nr; i++) {
		struct memmap_table_entry entry = {
			.addr = map->entries[i].start,
			.size = map->entries[i].len,
			.type = map->entries[i].type,
		};

		blob_put(w, &entry, sizeof(entry));
	}
}

static void put_modules(struct blob *w, const struct bootinfo *info,
			gpa_t strings)
{
	for (size_t i = 0; i < info->nr_modules; i++) {
		const struct bootinfo_module *m = &info->modules[i];
		struct modlist_entry entry = {
			.paddr = m->start,
			.size = m->len,
			.cmdline_paddr = strings,
		};

		blob_put(w, &entry, sizeof(entry));
		strings += blob_string_len(m->cmdline);
	}
}

void pvh_info_build(const struct bootinfo *info, void *out)
{
	struct layout l = lay_out(info);
	struct blob w = {.out = out};
	struct start_info fields = {
		.magic = START_MAGIC,
		.version = 1,
		.nr_modules = (uint32_t)info->nr_modules,
		.modlist_paddr = info->nr_modules ? info->gpa + l.modules : 0,
		.cmdline_paddr = info->cmdline ? info->gpa + l.cmdline : 0,
		.rsdp_paddr = info->rsdp_gpa,
		.memmap_paddr = info->map ? info->gpa + l.map : 0,
		.memmap_entries = info->map ? (uint32_t)info->map->nr : 0,
	};

	assert(info->gpa % 8 == 0 && info->gpa + l.end <= UINT32_MAX);
	blob_put(&w, &fields, sizeof(fields));
	put_map(&w, info->map);
	put_modules(&w, info, info->gpa + l.module_strings);
	if (info->cmdline)
		blob_put_string(&w, info->cmdline);
	for (size_t i = 0; i < info->nr_modules; i++)
		blob_put_string(&w, info->modules[i].cmdline);
	assert(w.at == l.end);
}
