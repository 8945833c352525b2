/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `long`: an ELF file entered in 64-bit mode, on request, at its virtual
 * addresses (boot_tables.c); the information is multiboot2's.
 */
#include "vmm/boot/boot_plan.h"
#include "vmm/boot/multiboot2.h"

static int enter(struct boot_plan *plan, struct image_error *err)
{
	boot_multiboot2_enter(plan, err);
	return boot_place_tables(plan, true, err);
}

const struct boot_ops boot_long = {
	.name = "long",
	.info_name = "multiboot2 information",
	.info_zone = {0, BOOT_BELOW_4G, false},
	.has_children = true,
	.has_sections = true,
	.long_mode = true,
	.info_size = mb2_info_size,
	.info_build = mb2_info_build,
	.enter = enter,
};
