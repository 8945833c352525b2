/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest is told at its start, whichever protocol tells it: the one
 * description from which multiboot.h, multiboot2.h and pvh.h each build their
 * own structure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"
#include "vmm/boot/memmap.h"

/* ACPI 6.4, 5.2.5.3: of revision 2; its first part is ACPI 1.0's. */
#define BOOTINFO_RSDP_LEN     36
#define BOOTINFO_OLD_RSDP_LEN 20

struct bootinfo_module {
	gpa_t start; /* start + len below 4 GiB */
	uint64_t len;
	const char *cmdline; /* NULL: "" */
};

/* What is NULL or 0 is left out, as far as the protocol lets it. */
struct bootinfo {
	/* Where the structure will be: for protocols that tell addresses. A
	 * multiple of 8, the whole below 4 GiB. */
	gpa_t gpa;
	const char *cmdline;
	const char *loader; /* boot loader name */
	const struct bootinfo_module *modules;
	size_t nr_modules;
	const struct memmap *map;
	/* ELF section headers as the guest sees them (sh_addr filled in). */
	const void *sections;
	uint32_t shnum, shentsize, shstrndx;
	/* Physical address the lowest segment was loaded at. */
	bool has_image_base;
	uint32_t image_base;
	/* ACPI's root pointer: its BOOTINFO_RSDP_LEN bytes, and where they are
	 * in guest memory. */
	const void *rsdp;
	gpa_t rsdp_gpa;
	/* Multiboot2: a whole tag (struct abi_children), of a multiple of 8
	 * bytes. */
	const void *children;
	size_t children_len;
	/* Linux: the file's setup header, of len bytes; NULL: it has none. */
	const void *setup_header;
	size_t setup_header_len;
};
