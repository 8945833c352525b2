/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel for PVH, the 32-bit entry that Xen, QEMU and others share. Shows
 * what it was given. Linked once and made two files: pvh, an ELF64 file, and
 * pvh32, an ELF32 one.
 *
 * Command line:
 *	exit=N		end with status N instead of 0
 *	cpus=N		fail unless exactly N processors run
 */
#include "guest/lib/pvh.h"

#include "guest/lib/cpu.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"

#define SHOWN	 8 /* bytes of a module */
#define RSDP_LEN 36

static const void *at(uint64_t addr)
{
	return (const void *)addr;
}

static void show_memory(const struct pvh_start_info *info)
{
	const struct pvh_memmap *map = at(info->memmap);
	uint32_t i;

	for (i = 0; i < info->memmap_entries; i++) {
		CHECK_EQ(map[i].reserved, 0);
		print("memory: 0x%lx-0x%lx type %u\n", map[i].start,
		      map[i].start + map[i].len, map[i].type);
	}
}

static void show_modules(const struct pvh_start_info *info)
{
	const struct pvh_module *m = at(info->modlist);
	uint64_t k;
	uint32_t i;

	for (i = 0; i < info->nr_modules; i++) {
		CHECK_EQ(m[i].start & 0xfff, 0);
		print("module: %lu bytes, \"%s\", begins \"", m[i].size,
		      (const char *)at(m[i].cmdline));
		for (k = 0; k < m[i].size && k < SHOWN; k++)
			print("%c", *(const char *)at(m[i].start + k));
		print("\"\n");
	}
}

/* ACPI 6.4, 5.2.5.3. */
static void show_rsdp(const struct pvh_start_info *info)
{
	const uint8_t *rsdp = at(info->rsdp);
	uint8_t sum = 0;
	unsigned i;

	CHECK(rsdp);
	for (i = 0; i < RSDP_LEN; i++)
		sum += rsdp[i];
	CHECK_EQ(sum, 0);
	print("RSDP at %p: \"", (const void *)rsdp);
	for (i = 0; i < 8; i++)
		print("%c", rsdp[i]);
	print("\"\n");
}

int guest_main(uint32_t magic, const struct mb2_info *given)
{
	const struct pvh_start_info *info = (const void *)given;
	const char *cmdline;
	unsigned cpus;

	(void)magic; /* EAX says nothing */
	CHECK_EQ(info->magic, PVH_MAGIC);
	CHECK_EQ(info->version, 1);
	CHECK_EQ(info->flags | info->reserved, 0);
	cmdline = at(info->cmdline);
	print("pvh: start info at %p\n", (const void *)info);
	print("command line: %s\n", cmdline);
	show_memory(info);
	show_modules(info);
	show_rsdp(info);
	vm_ready();
	cpus = smp_start();
	print("%u processors\n", cpus);
	CHECK_EQ(cpus, option_number(cmdline, "cpus", cpus));
	return option_number(cmdline, "exit", 0);
}
