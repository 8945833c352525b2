/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels expect to find of a PC's firmware, although there is none: its
 * tables (firmware.h) in its segment below 1 MiB, the code that a reset starts, a
 * few words of BIOS data area, and, on the `pc` machine, a memory map with the hole that adapters and
 * firmware have from 640 KiB to 1 MiB. There is RAM behind that hole all the
 * same, and images may lie there.
 */
#include "vmm/boot/boot_plan.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/firmware/firmware.h"

int boot_reserve_legacy(struct boot_plan *plan)
{
	if (plan->params.machine != MACHINE_PC)
		return 0;
	return memmap_set(&plan->map, MEMMAP_LOWER_END,
			  MEMMAP_UPPER_START - MEMMAP_LOWER_END,
			  MEMMAP_RESERVED);
}

/* At its customary place; or at the top of base memory, as PVH kernels use the
 * bottom without asking (boot_pvh.c); or anywhere. A guest that does not fit is
 * left without tables. */
static int find_place(struct boot_plan *plan, size_t len, gpa_t *gpa)
{
	const struct boot_zone base_memory = {PAGE_SIZE, MEMMAP_LOWER_END,
					      true};
	int rc;

	*gpa = FIRMWARE_BASE;
	if (boot_in_ram(plan, *gpa, len) && !boot_is_taken(plan, *gpa, len))
		return boot_plan_take(plan, *gpa, len, true);
	rc = boot_plan_place_in(plan, len, base_memory, true, gpa);
	if (rc == -ENOSPC)
		boot_note(plan, "no room for the firmware tables: the guest "
				"has none");
	else if (!rc)
		boot_note(plan,
			  "the firmware tables' place, 0x%llx, is not free; "
			  "they move to 0x%llx, where no guest looks by itself",
			  (unsigned long long)FIRMWARE_BASE,
			  (unsigned long long)*gpa);
	return rc;
}

int boot_place_firmware(struct boot_plan *plan)
{
	struct firmware_params params = {
		.machine = plan->params.machine,
		.cpus = plan->params.cpus,
		.virtio = plan->params.virtio,
		.base = FIRMWARE_BASE,
	};
	size_t len = page_up(firmware_size(&params));
	uint8_t *bytes;
	int rc = find_place(plan, len, &params.base);

	if (rc)
		return rc == -ENOSPC ? 0 : rc;
	bytes = calloc(1, len);
	if (!bytes)
		return -ENOMEM;
	firmware_build(&params, bytes);
	plan->firmware_gpa = params.base;
	plan->firmware_bytes = (struct source_bytes){bytes, len};
	plan->firmware_source =
		source_bytes("firmware tables", &plan->firmware_bytes);
	rc = memmap_set(&plan->map, params.base, len, MEMMAP_RESERVED);
	return rc ? rc
		  : boot_plan_extent(plan, params.base, len,
				     &plan->firmware_source, 0);
}

/*
 * A processor starts at F000:FFF0 (SDM 3A 9.1.4), so whoever jumps there wants the
 * machine to start anew: Linux, where ACPI is hardware-reduced and there is no
 * EFI. Not where image or information are.
 */
int boot_place_reset_code(struct boot_plan *plan)
{
	static const uint8_t code[] = {
		0xba, MACHINE_PORT_RESET & 0xff, MACHINE_PORT_RESET >> 8,
		/* mov $MACHINE_PORT_RESET, %dx */
		0xb0, MACHINE_RESET_VALUE, /* mov $MACHINE_RESET_VALUE, %al */
		0xee,			   /* out %al, %dx */
		0xf4,			   /* 1: hlt */
		0xeb, 0xfd,		   /* jmp 1b */
	};
	const gpa_t gpa = 0xffff0;
	int rc;

	if (boot_is_taken(plan, gpa, sizeof(code)) ||
	    !boot_in_ram(plan, gpa, sizeof(code)))
		return 0;
	rc = boot_plan_take(plan, gpa, sizeof(code), true);
	if (!rc)
		rc = memmap_set(&plan->map, page_down(gpa), PAGE_SIZE,
				MEMMAP_RESERVED);
	plan->reset_bytes = (struct source_bytes){code, sizeof(code)};
	plan->reset_source = source_bytes("reset code", &plan->reset_bytes);
	return rc ? rc
		  : boot_plan_extent(plan, gpa, sizeof(code),
				     &plan->reset_source, 0);
}

/* As far as kernels look into it without having called a BIOS: the address of
 * COM1 and the KiB of base memory, below which they put the code that starts
 * other processors. Not where image or information are. */
int boot_place_bios_data(struct boot_plan *plan)
{
	static const uint8_t bytes[] = {
		[0x00] = ABI_PORT_COM1 & 0xff,
		[0x01] = ABI_PORT_COM1 >> 8,
		[0x13] = 640 & 0xff,
		[0x14] = 640 >> 8,
	};
	const gpa_t gpa = 0x400;

	if (image_segment_at(plan->image, gpa, sizeof(bytes)) ||
	    !boot_in_ram(plan, gpa, sizeof(bytes)))
		return 0;
	if (ranges_overlap(gpa, sizeof(bytes), plan->info_gpa,
			   plan->info_bytes.len)) {
		boot_note(plan, "the information covers the BIOS data area at "
				"0x400; --mbi-addr would move it");
		return 0;
	}
	plan->bios_bytes = (struct source_bytes){bytes, sizeof(bytes)};
	plan->bios_source = source_bytes("BIOS data area", &plan->bios_bytes);
	return boot_plan_extent(plan, gpa, sizeof(bytes), &plan->bios_source,
				0);
}
