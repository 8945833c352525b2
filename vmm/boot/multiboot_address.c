/* SPDX-License-Identifier: Apache-2.0 */
/* See multiboot_address.h. */
#include "vmm/boot/multiboot_address.h"

#include <errno.h>

#include "vmm/boot/multiboot_parse.h"

static int check_load(const struct multiboot_address *a, uint32_t offset,
		      const char *fields,
		      const struct multiboot_message *message)
{
	uint32_t end = a->load_end_addr ? a->load_end_addr : a->load_addr;

	if (a->load_addr > a->header_addr)
		return multiboot_refuse(
			message, -EINVAL,
			"%s: load_addr 0x%x is above header_addr 0x%x: "
			"the header is part of what is loaded",
			fields, a->load_addr, a->header_addr);
	if (a->header_addr - a->load_addr > offset)
		return multiboot_refuse(
			message, -EINVAL,
			"%s: header_addr 0x%x and load_addr 0x%x put the "
			"load before the file's start, as the header is "
			"at file offset 0x%x: correct one of them",
			fields, a->header_addr, a->load_addr, offset);
	if (a->load_end_addr && a->load_end_addr <= a->load_addr)
		return multiboot_refuse(
			message, -EINVAL,
			"%s: load_end_addr 0x%x is not above load_addr "
			"0x%x: use 0 for the file's end",
			fields, a->load_end_addr, a->load_addr);
	if (a->bss_end_addr && a->bss_end_addr < end)
		return multiboot_refuse(
			message, -EINVAL,
			"%s: bss_end_addr 0x%x is below the loaded end "
			"0x%x: use 0 for no bss",
			fields, a->bss_end_addr, end);
	return 0;
}

/* The entry lies in what is loaded or zeroed. */
static int check_entry(const struct multiboot_address *a,
		       const struct multiboot_address_names *names,
		       const struct multiboot_message *message)
{
	uint32_t end = a->load_end_addr;

	if (a->entry < a->load_addr)
		return multiboot_refuse(
			message, -EINVAL,
			"%s: 0x%x is below load_addr 0x%x of the %s: "
			"correct one of them",
			names->entry, a->entry, a->load_addr, names->fields);
	if (end && a->bss_end_addr)
		end = a->bss_end_addr;
	if (end && a->entry >= end)
		return multiboot_refuse(
			message, -EINVAL,
			"%s: 0x%x is not below 0x%x, the end given by "
			"the %s: correct one of them",
			names->entry, a->entry, end, names->fields);
	return 0;
}

int multiboot_address_check(const struct multiboot_address *address,
			    uint32_t offset,
			    const struct multiboot_address_names *names,
			    char *err, size_t err_len)
{
	struct multiboot_message message = {err, err_len};
	int rc = check_load(address, offset, names->fields, &message);

	return rc ? rc : check_entry(address, names, &message);
}
