/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PVH's start info, version 1: Xen's public/arch-x86/hvm/start_info.h. All
 * addresses are physical; 0 means "none".
 */
#pragma once

#include <stdint.h>

#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct pvh_module {
	uint64_t start, size, cmdline, reserved;
};

struct pvh_memmap {
	uint64_t start, len;
	uint32_t type, reserved;
};
