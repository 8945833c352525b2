/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot_params ("zero page") by which Linux is told of the machine, and what
 * goes into the same block of memory behind it: a descriptor table with the two
 * segments that the kernel is entered with, and the command line.
 *
 * Linux, Documentation/arch/x86/boot.rst ("64-bit Boot Protocol") and
 * zero-page.rst. The structures are the kernel's own, <asm/bootparam.h>.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vmm/boot/bootinfo.h"

/* boot.rst: __BOOT_CS and __BOOT_DS. */
#define LINUX_BOOT_CS 0x10
#define LINUX_BOOT_DS 0x18

/* Offset of the descriptor table in the block, and its limit. */
#define LINUX_GDT_OFFSET 0x1000
#define LINUX_GDT_LIMIT	 (4 * 8 - 1)

/* Bytes of the block. */
size_t linux_params_size(const struct bootinfo *info);

/* Writes them. info->gpa is a multiple of 8. The first module is the initial RAM
 * disk; of the memory map, the first E820_MAX_ENTRIES_ZEROPAGE entries fit. */
void linux_params_build(const struct bootinfo *info, void *out);
