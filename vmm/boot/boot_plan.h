/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a boot plan is made of. Internal to boot_*.c.
 */
#pragma once

#include "guest/abi.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/boot_error.h"
#include "vmm/boot/bootinfo.h"
#include "vmm/boot/memmap.h"
#include "vmm/boot/multiboot_address.h"
#include "vmm/child/children.h"

#define BOOT_BELOW_4G (UINT64_C(1) << 32)

/* Where something may go: the lowest, or highest, free pages of [min, max). */
struct boot_zone {
	gpa_t min, max;
	bool highest;
};

/* A boot protocol. One file each; the table is in boot_plan.c. */
struct boot_ops {
	const char *name;
	const char *info_name;	    /* of its information structure */
	struct boot_zone info_zone; /* the structure's customary place */
	bool has_children;	    /* and of children */
	bool has_sections;	    /* it tells of ELF sections */
	bool long_mode;		    /* entered in 64-bit mode; else 32-bit */
	/*
	 * Looks for the protocol's mark in the image and does to the image what
	 * that asks for. 0; -ENOENT: there is none (err says why); or -ENOEXEC
	 * ...: there is, but it cannot be. NULL: it needs none.
	 */
	int (*read)(struct boot_plan *plan, struct image_error *err);
	size_t (*info_size)(const struct bootinfo *info);
	void (*info_build)(const struct bootinfo *info, void *out);
	/* When the information has its place: the registers, except RIP, which
	 * is the image's entry. */
	int (*enter)(struct boot_plan *plan, struct image_error *err);
};

extern const struct boot_ops boot_multiboot2, boot_multiboot, boot_pvh,
	boot_linux, boot_elf, boot_long;

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
	const struct boot_ops *ops; /* the protocol's */
	struct boot_entry entry;
	const char *cmdline; /* what the guest is told */
	char *own_cmdline;   /* it, where the protocol adds to it */

	struct gpa_range ram[2];
	unsigned nr_ram;
	struct memmap map; /* what the guest is told */
	struct boot_range *taken;
	size_t nr_taken;

	struct extent *extents;
	size_t nr_extents;
	struct pager_source image_source;

	struct boot_module *modules;
	struct bootinfo_module *info_modules; /* as many */
	size_t nr_modules;

	char *sections; /* section header table, NULL: none */
	bool has_image_base;

	struct child_set *children;	   /* NULL: none */
	struct abi_children *children_tag; /* NULL: the guest is not told */

	gpa_t info_gpa; /* the information structure, info_len bytes */
	uint64_t info_len;
	struct source_bytes info_bytes;
	struct pager_source info_source;

	struct source_bytes reset_bytes;
	struct pager_source reset_source;

	struct source_bytes bios_bytes;
	struct pager_source bios_source;

	gpa_t firmware_gpa; /* valid when there are bytes */
	struct source_bytes firmware_bytes;
	struct pager_source firmware_source;

	uint64_t *tables; /* 64-bit mode: page tables, tables_len bytes */
	gpa_t tables_gpa;
	uint64_t tables_len;
	struct source_bytes tables_bytes;
	struct pager_source tables_source;
};

/* boot_place.c */

/* A line for -v. */
__attribute__((format(printf, 2, 3))) void
boot_note(const struct boot_plan *plan, const char *format, ...);

/* Is [start, start + len) all RAM? */
bool boot_in_ram(const struct boot_plan *plan, gpa_t start, uint64_t len);

/* Has [start, start + len) a byte that is taken? */
bool boot_is_taken(const struct boot_plan *plan, gpa_t start, uint64_t len);

/* Bytes for the pager. */
int boot_plan_extent(struct boot_plan *plan, gpa_t gpa, uint64_t len,
		     const struct pager_source *source, uint64_t offset);

/* Memory that is used. */
int boot_plan_take(struct boot_plan *plan, gpa_t start, uint64_t len, bool hot);

/* Takes the lowest page-aligned free place for len bytes in [min, max). 0,
 * -ENOSPC, -ENOMEM. */
int boot_plan_place(struct boot_plan *plan, uint64_t len, gpa_t min, gpa_t max,
		    bool hot, gpa_t *start);

/* The same at a multiple of align, a power of two of at least a page. */
int boot_plan_place_aligned(struct boot_plan *plan, uint64_t len,
			    uint64_t align, struct boot_zone zone, bool hot,
			    gpa_t *start);

/* In the zone, or, where that has no room, the lowest place below 4 GiB except
 * page 0. */
int boot_plan_place_in(struct boot_plan *plan, uint64_t len,
		       struct boot_zone zone, bool hot, gpa_t *start);

/* boot_image.c */

/* Up to room bytes of the image's head. */
int boot_image_head(const struct boot_plan *plan, uint8_t *head, size_t room,
		    size_t *len, struct image_error *err);

/* The image is loaded as the address fields of a header say, whose offset in the
 * file is given, and the ELF headers do not count; fields is their name. */
int boot_image_by_address(struct image *image,
			  const struct multiboot_address *a, uint32_t offset,
			  const char *fields, struct image_error *err);

/* Takes the segments' place; makes extents of them. */
int boot_image_take(struct boot_plan *plan, struct image_error *err);

/* boot_info.c: a place for the information; then, when every address in it is
 * known, its contents. */
int boot_place_info(struct boot_plan *plan, struct image_error *err);
int boot_write_info(struct boot_plan *plan);

/* boot_tables.c: page tables that map physical memory identically, and, if asked
 * for, segments at their p_vaddr; a stack; and the registers for both, RIP
 * included where its virtual address is mapped. */
int boot_place_tables(struct boot_plan *plan, bool segments,
		      struct image_error *err);

/* boot_linux.c: is the image Linux's vmlinux, beyond doubt? */
bool boot_is_linux(const struct boot_plan *plan);

/* boot_modules.c */
int boot_open_modules(struct boot_plan *plan, struct image_error *err);
int boot_place_modules(struct boot_plan *plan, struct image_error *err);

/* boot_children.c: the children's files; then, when everything else but sections
 * has its place, their pages and page tables. */
int boot_open_children(struct boot_plan *plan, struct image_error *err);
int boot_place_children(struct boot_plan *plan, struct image_error *err);

/* boot_sections.c: the section header table, if it is fit to be passed on; then,
 * when everything else has its place, room for the sections' data. */
int boot_read_sections(struct boot_plan *plan);
int boot_place_sections(struct boot_plan *plan);

/* boot_firmware.c: what a PC's firmware would leave in memory. The areas it
 * keeps, before anything is placed; its tables and what a reset starts, when the
 * information has its place; its data area, last. */
int boot_reserve_legacy(struct boot_plan *plan);
int boot_place_firmware(struct boot_plan *plan);
int boot_place_reset_code(struct boot_plan *plan);
int boot_place_bios_data(struct boot_plan *plan);

/* boot_multiboot2.c: the information is multiboot2's in `elf` and `long` as
 * well, and so are the registers of `elf`. */
int boot_multiboot2_enter(struct boot_plan *plan, struct image_error *err);
