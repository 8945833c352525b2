/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot2 boot information (specification 2.0, 3.6): a size, then tags on
 * 8-byte boundaries until one of type 0.
 *
 * This VMM puts the information at address 0, so a pointer to it that is null
 * is valid; a null pointer to a tag still means "none", for the first tag is at
 * offset 8.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum mb2_type {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_LOADER = 2,
	MB2_MODULE = 3,
	MB2_MMAP = 6,
	MB2_ELF_SECTIONS = 9,
	MB2_LOAD_BASE = 21,
};

struct mb2_info {
	uint32_t total_size, reserved;
};

struct mb2_tag {
	uint32_t type, size;
};

struct mb2_string { /* 3.6.3 boot loader name, 3.6.2 command line */
	struct mb2_tag tag;
	char text[];
};

struct mb2_module { /* 3.6.6 */
	struct mb2_tag tag;
	uint32_t start, end; /* physical, end exclusive */
	char cmdline[];
};

struct mb2_mmap { /* 3.6.8 */
	struct mb2_tag tag;
	uint32_t entry_size, entry_version;
};

struct mb2_mmap_entry {
	uint64_t start, len;
	uint32_t type, reserved;
};

struct mb2_elf_sections { /* 3.6.7; then num headers of entsize bytes */
	struct mb2_tag tag;
	uint32_t num, entsize, shndx;
};

#define SHF_ALLOC 2 /* part of the image */

struct mb2_section { /* ELF64's (gABI 4), as far as it is looked at */
	uint32_t name, type;
	uint64_t flags;
	uint64_t addr; /* physical, unless it is part of the image */
	uint64_t offset, size;
};

struct mb2_load_base { /* 3.6.21 */
	struct mb2_tag tag;
	uint32_t addr;
};

/* The tag after prev, or the first one if prev is null; null after the last.
 * CHECKs that it lies within the information. */
const struct mb2_tag *mb2_next(const struct mb2_info *info,
			       const struct mb2_tag *prev);

/* The first tag of the type, or null. */
const void *mb2_find(const struct mb2_info *info, enum mb2_type type);

/* Section header i < sections->num. */
const struct mb2_section *mb2_section(const struct mb2_elf_sections *sections,
				      uint32_t i);

/* The command line; "" when there is none. */
const char *mb2_cmdline(const struct mb2_info *info);

/* The type (1: RAM) that the memory map gives this address; 0 if none. */
uint32_t mb2_memory_type(const struct mb2_info *info, uint64_t addr);
