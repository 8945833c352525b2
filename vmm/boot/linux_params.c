/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of the setup header, the kernel reads what a boot loader writes; a vmlinux has
 * none, so the fields that say "this is a header, of this version" are made up.
 * Zero is right for everything that is not mentioned here.
 */
#include "vmm/boot/linux_params.h"

#include <asm/bootparam.h>
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/blob.h"

#define BOOT_FLAG	  0xaa55
#define HEADER_MAGIC	  0x53726448 /* "HdrS" */
#define PROTOCOL_2_15	  0x020f
#define LOADER_UNDEFINED  0xff /* boot.rst, type_of_loader */
#define COMMAND_LINE_SIZE 2048 /* arch/x86/include/asm/setup.h */
#define FLAT_CODE_64	  UINT64_C(0x00af9b000000ffff) /* SDM 3A 3.4.5 */
#define FLAT_DATA	  UINT64_C(0x00cf93000000ffff)

static_assert(sizeof(struct boot_params) == LINUX_GDT_OFFSET, "zero-page.rst");
static_assert(offsetof(struct boot_params, hdr) == 0x1f1, "zero-page.rst");

static const uint64_t gdt[] = {
	[LINUX_BOOT_CS / 8] = FLAT_CODE_64,
	[LINUX_BOOT_DS / 8] = FLAT_DATA,
};
static_assert(sizeof(gdt) == LINUX_GDT_LIMIT + 1, "null, unused, code, data");

static const char *cmdline(const struct bootinfo *info)
{
	return info->cmdline ? info->cmdline : "";
}

size_t linux_params_size(const struct bootinfo *info)
{
	return LINUX_GDT_OFFSET + sizeof(gdt) + blob_string_len(cmdline(info));
}

static void fill_header(struct setup_header *hdr, const struct bootinfo *info)
{
	if (info->setup_header) {
		size_t len = info->setup_header_len;

		memcpy(hdr, info->setup_header,
		       len < sizeof(*hdr) ? len : sizeof(*hdr));
	} else {
		hdr->boot_flag = BOOT_FLAG;
		hdr->header = HEADER_MAGIC;
		hdr->version = PROTOCOL_2_15;
		hdr->cmdline_size = COMMAND_LINE_SIZE - 1;
	}
	hdr->type_of_loader = LOADER_UNDEFINED;
	hdr->loadflags = LOADED_HIGH;
	/* A list in memory that we do not have. */
	hdr->setup_data = 0;
}

/* boot.rst: the upper halves of addresses have fields of their own. */
static void fill_addresses(struct boot_params *params,
			   const struct bootinfo *info)
{
	gpa_t line = info->gpa + LINUX_GDT_OFFSET + sizeof(gdt);

	params->hdr.cmd_line_ptr = (uint32_t)line;
	params->ext_cmd_line_ptr = (uint32_t)(line >> 32);
	params->acpi_rsdp_addr = info->rsdp_gpa;
	if (!info->nr_modules)
		return;
	params->hdr.ramdisk_image = (uint32_t)info->modules[0].start;
	params->hdr.ramdisk_size = (uint32_t)info->modules[0].len;
	params->ext_ramdisk_image = (uint32_t)(info->modules[0].start >> 32);
	params->ext_ramdisk_size = (uint32_t)(info->modules[0].len >> 32);
}

/* The types are ACPI's, like the map's. */
static void fill_map(struct boot_params *params, const struct memmap *map)
{
	size_t nr = map ? map->nr : 0;

	if (nr > E820_MAX_ENTRIES_ZEROPAGE)
		nr = E820_MAX_ENTRIES_ZEROPAGE;
	for (size_t i = 0; i < nr; i++)
		params->e820_table[i] = (struct boot_e820_entry){
			.addr = map->entries[i].start,
			.size = map->entries[i].len,
			.type = map->entries[i].type,
		};
	params->e820_entries = (uint8_t)nr;
}

void linux_params_build(const struct bootinfo *info, void *out)
{
	struct boot_params params;
	struct blob w = {.out = out};

	assert(info->gpa % 8 == 0);
	memset(&params, 0, sizeof(params));
	fill_header(&params.hdr, info);
	fill_addresses(&params, info);
	fill_map(&params, info->map);
	blob_put(&w, &params, sizeof(params));
	blob_put(&w, gdt, sizeof(gdt));
	blob_put_string(&w, cmdline(info));
	assert(w.at == linux_params_size(info));
}
