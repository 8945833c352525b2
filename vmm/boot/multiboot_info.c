/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The information of the first Multiboot Specification (0.6.96), 3.3: one
 * structure of fixed fields, most of them addresses of what follows it here.
 *
 * The one idea: lay_out computes every address before anything is written, and
 * is the only place that knows the order.
 *
 * Left out, with their flags clear: what this machine does not have (boot
 * device, drives, BIOS configuration table, APM, VBE, framebuffer), and a.out
 * symbols.
 */
#include "vmm/boot/multiboot.h"

#include <assert.h>

#include "vmm/blob.h"

enum {
	FLAG_MEMORY = 1 << 0,
	FLAG_CMDLINE = 1 << 2,
	FLAG_MODULES = 1 << 3,
	FLAG_SECTIONS = 1 << 5,
	FLAG_MAP = 1 << 6,
	FLAG_LOADER = 1 << 9,
};

/* 3.3, in its order; the last field is color_info's last byte, at 115. */
struct mb_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t shnum, shentsize, shaddr, shstrndx;
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
	uint32_t unused[12]; /* apm_table to color_info */
};
static_assert(sizeof(struct mb_info) == 116, "3.3: 116 bytes");

struct mb_module {
	uint32_t mod_start, mod_end, string, reserved;
};

struct mb_mmap {
	uint32_t size; /* of what follows, this field not counted */
	uint32_t base[2], length[2];
	uint32_t type;
};
static_assert(sizeof(struct mb_mmap) == 24, "3.3: no padding");

/* Offsets from the information's start. */
struct layout {
	size_t map, modules, sections, cmdline, loader, module_strings, end;
};

static size_t align8(size_t at)
{
	return (at + 7) & ~(size_t)7;
}

static struct layout lay_out(const struct bootinfo *info)
{
	struct layout l = {.map = align8(sizeof(struct mb_info))};

	l.modules = l.map +
		    (info->map ? info->map->nr : 0) * sizeof(struct mb_mmap);
	l.sections =
		align8(l.modules + info->nr_modules * sizeof(struct mb_module));
	l.cmdline = l.sections;
	if (info->sections)
		l.cmdline += (size_t)info->shnum * info->shentsize;
	l.loader = l.cmdline;
	if (info->cmdline)
		l.loader += blob_string_len(info->cmdline);
	l.module_strings = l.loader;
	if (info->loader)
		l.module_strings += blob_string_len(info->loader);
	l.end = l.module_strings;
	for (size_t i = 0; i < info->nr_modules; i++)
		l.end += blob_string_len(info->modules[i].cmdline);
	return l;
}

size_t mb_info_size(const struct bootinfo *info)
{
	return lay_out(info).end;
}

static struct mb_info fixed_fields(const struct bootinfo *info,
				   const struct layout *l)
{
	uint32_t gpa = (uint32_t)info->gpa;
	struct mb_info fields = {0};

	if (info->map) {
		fields.flags |= FLAG_MEMORY | FLAG_MAP;
		fields.mem_lower = memmap_lower_kib(info->map);
		fields.mem_upper = memmap_upper_kib(info->map);
		fields.mmap_addr = gpa + (uint32_t)l->map;
		fields.mmap_length = (uint32_t)(l->modules - l->map);
	}
	if (info->cmdline) {
		fields.flags |= FLAG_CMDLINE;
		fields.cmdline = gpa + (uint32_t)l->cmdline;
	}
	if (info->nr_modules) {
		fields.flags |= FLAG_MODULES;
		fields.mods_count = (uint32_t)info->nr_modules;
		fields.mods_addr = gpa + (uint32_t)l->modules;
	}
	if (info->sections) {
		fields.flags |= FLAG_SECTIONS;
		fields.shnum = info->shnum;
		fields.shentsize = info->shentsize;
		fields.shaddr = gpa + (uint32_t)l->sections;
		fields.shstrndx = info->shstrndx;
	}
	if (info->loader) {
		fields.flags |= FLAG_LOADER;
		fields.boot_loader_name = gpa + (uint32_t)l->loader;
	}
	return fields;
}

static void put_map(struct blob *w, const struct memmap *map)
{
	for (size_t i = 0; map && i < map->nr; i++) {
		const struct memmap_entry *e = &map->entries[i];

		blob_put_u32(w, sizeof(struct mb_mmap) - sizeof(uint32_t));
		blob_put_u64(w, e->start);
		blob_put_u64(w, e->len);
		blob_put_u32(w, e->type);
	}
}

static void put_modules(struct blob *w, const struct bootinfo *info,
			uint64_t strings)
{
	for (size_t i = 0; i < info->nr_modules; i++) {
		const struct bootinfo_module *m = &info->modules[i];
		struct mb_module entry = {
			.mod_start = (uint32_t)m->start,
			.mod_end = (uint32_t)(m->start + m->len),
			.string = (uint32_t)strings,
		};

		assert(m->start <= UINT32_MAX &&
		       m->len <= UINT32_MAX - m->start);
		blob_put(w, &entry, sizeof(entry));
		strings += blob_string_len(m->cmdline);
	}
}

void mb_info_build(const struct bootinfo *info, void *out)
{
	struct layout l = lay_out(info);
	struct mb_info fields = fixed_fields(info, &l);
	struct blob w = {.out = out};

	assert(info->gpa % 8 == 0 && info->gpa + l.end <= UINT32_MAX);
	blob_put(&w, &fields, sizeof(fields));
	blob_align(&w, 8);
	put_map(&w, info->map);
	put_modules(&w, info, info->gpa + l.module_strings);
	blob_align(&w, 8);
	if (info->sections)
		blob_put(&w, info->sections,
			 (size_t)info->shnum * info->shentsize);
	if (info->cmdline)
		blob_put_string(&w, info->cmdline);
	if (info->loader)
		blob_put_string(&w, info->loader);
	for (size_t i = 0; i < info->nr_modules; i++)
		blob_put_string(&w, info->modules[i].cmdline);
	assert(w.at == l.end);
}
