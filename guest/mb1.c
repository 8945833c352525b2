/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel for the first Multiboot Specification, as many are: an ELF32 file
 * of code that enters 64-bit mode by itself (start.S). Shows what it was given.
 * Linked twice: mb1, and mb1-address, whose header has the address fields and
 * whose ELF headers lie.
 *
 * Command line, behind the first word, the image's path:
 *	exit=N		end with status N instead of 0
 *	cpus=N		fail unless exactly N processors run
 */
#include "guest/lib/cpu.h"
#include "guest/lib/mb1.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"

#define SHOWN 8 /* bytes of a module */

static const void *at(uint32_t addr)
{
	return (const void *)(uint64_t)addr;
}

static void show_strings(const struct mb1_info *info)
{
	print("mb1: information at %p, flags 0x%x\n", (const void *)info,
	      info->flags);
	CHECK(info->flags & MB1_LOADER);
	print("loader: %s\n", (const char *)at(info->loader));
	CHECK(info->flags & MB1_CMDLINE);
	print("command line: %s\n", (const char *)at(info->cmdline));
}

static void show_memory(const struct mb1_info *info)
{
	const struct mb1_mmap *entry = at(info->mmap_addr);
	uint32_t end = info->mmap_addr + info->mmap_length;

	CHECK(info->flags & MB1_MEMORY);
	print("lower %u KiB, upper %u KiB\n", info->mem_lower, info->mem_upper);
	CHECK(info->flags & MB1_MAP);
	while ((uint64_t)entry < end) {
		CHECK_EQ(entry->size, 20);
		print("memory: 0x%lx-0x%lx type %u\n", entry->start,
		      entry->start + entry->len, entry->type);
		entry = at((uint32_t)(uint64_t)entry + entry->size + 4);
	}
	CHECK_EQ((uint64_t)entry, end);
}

static void show_modules(const struct mb1_info *info)
{
	const struct mb1_module *m = at(info->mods_addr);
	uint32_t i, k;

	CHECK_EQ(!!(info->flags & MB1_MODULES), info->mods_count != 0);
	for (i = 0; i < info->mods_count; i++) {
		CHECK_EQ(m[i].start & 0xfff, 0);
		print("module: %u bytes, \"%s\", begins \"",
		      m[i].end - m[i].start, (const char *)at(m[i].string));
		for (k = m[i].start; k < m[i].end && k < m[i].start + SHOWN;
		     k++)
			print("%c", *(const char *)at(k));
		print("\"\n");
	}
}

/* The name of the last section, by the section that has the names. */
static void show_sections(const struct mb1_info *info)
{
	const struct mb1_section *s = at(info->sh_addr);

	if (!(info->flags & MB1_SECTIONS))
		return;
	CHECK_EQ(info->sh_size, sizeof(*s));
	CHECK(info->sh_shndx < info->sh_num);
	print("sections: %u, the last one is %s\n", info->sh_num,
	      (const char *)at(s[info->sh_shndx].addr +
			       s[info->sh_num - 1].name));
}

int guest_main(uint32_t magic, const struct mb2_info *given)
{
	const struct mb1_info *info = (const void *)given;
	const char *cmdline;
	unsigned cpus;

	CHECK_EQ(magic, MB1_MAGIC);
	show_strings(info);
	show_memory(info);
	show_modules(info);
	show_sections(info);
	vm_ready();
	cmdline = at(info->cmdline);
	cpus = smp_start();
	print("%u processors\n", cpus);
	CHECK_EQ(cpus, option_number(cmdline, "cpus", cpus));
	return option_number(cmdline, "exit", 0);
}
