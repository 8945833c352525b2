/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot information of the first Multiboot Specification (0.6.96, 3.3). Its
 * fields are valid where its flags say so.
 */
#pragma once

#include <stdint.h>

#include "guest/abi.h"

#define MB1_MAGIC 0x2badb002 /* 3.2: EAX at entry */

enum mb1_flag {
	MB1_MEMORY = 1 << 0,
	MB1_CMDLINE = 1 << 2,
	MB1_MODULES = 1 << 3,
	MB1_SECTIONS = 1 << 5,
	MB1_MAP = 1 << 6,
	MB1_LOADER = 1 << 9,
};

struct mb1_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t sh_num, sh_size, sh_addr, sh_shndx;
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t loader;
};

struct mb1_module {
	uint32_t start, end; /* physical, end exclusive */
	uint32_t string, reserved;
};

struct mb1_mmap {
	uint32_t size; /* of what follows: the next entry is 4 bytes further */
	uint64_t start, len;
	uint32_t type;
} __attribute__((packed));

struct mb1_section { /* ELF32 (gABI 4), as far as it is looked at */
	uint32_t name, type, flags, addr, offset, size, link, info, align,
		entsize;
};
