/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a boot plan is made of. Internal to boot_*.c.
 */
#pragma once

#include "guest/abi.h"
#include "vmm/boot.h"
#include "vmm/memmap.h"
#include "vmm/multiboot2.h"

struct boot_range {
	struct gpa_range range;
	bool hot; /* see boot_plan_hot */
};

struct boot_module {
	int fd;
	uint64_t len;
	struct pager_source source;
};

struct boot_plan {
	struct image *image; /* not owned */
	struct boot_params params;
	enum boot_protocol protocol;
	struct boot_entry entry;

	struct gpa_range ram[2];
	unsigned nr_ram;
	struct memmap map; /* what the guest is told */
	struct boot_range *taken;
	size_t nr_taken;

	struct extent *extents;
	size_t nr_extents;
	struct pager_source image_source;

	struct boot_module *modules;
	struct mb2_module *info_modules; /* as many */
	size_t nr_modules;

	char *sections; /* section header table, NULL: none */
	bool has_image_base;

	gpa_t info_gpa; /* the multiboot2 information, info_len bytes */
	uint64_t info_len;
	struct source_bytes info_bytes;
	struct pager_source info_source;

	struct source_bytes bios_bytes;
	struct pager_source bios_source;

	uint64_t *tables; /* BOOT_LONG: page tables, tables_len bytes */
	gpa_t tables_gpa;
	uint64_t tables_len;
	struct source_bytes tables_bytes;
	struct pager_source tables_source;
};

/* Fills err, returns rc. */
__attribute__((format(printf, 3, 4))) int
boot_error(struct image_error *err, int rc, const char *format, ...);

/* A line for -v. */
__attribute__((format(printf, 2, 3))) void
boot_note(const struct boot_plan *plan, const char *format, ...);

/* Is [start, start + len) all RAM? */
bool boot_in_ram(const struct boot_plan *plan, gpa_t start, uint64_t len);

int boot_plan_extent(struct boot_plan *plan, gpa_t gpa, uint64_t len,
		     const struct pager_source *source, uint64_t offset);

/* Lowest page-aligned free place for len bytes in [min, max). 0, -ENOSPC,
 * -ENOMEM. */
int boot_plan_place(struct boot_plan *plan, uint64_t len, gpa_t min, gpa_t max,
		    bool hot, gpa_t *start);

/* boot_multiboot2.c: chooses the protocol by the header, which with BOOT_AUTO may
 * be absent, and does to the image what the header asks for. */
int boot_multiboot2(struct boot_plan *plan, struct image_error *err);

/* boot_sections.c: the section header table, if it is fit to be passed on; then,
 * when everything else has its place, room for the sections' data. */
int boot_read_sections(struct boot_plan *plan);
int boot_place_sections(struct boot_plan *plan);

/* boot_long.c: page tables for 64-bit entry, and the entry itself. */
int boot_long_tables(struct boot_plan *plan, struct image_error *err);
