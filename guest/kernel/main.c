/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The teaching kernel: shows what it was given, starts all processors, and
 * verifies every byte of its own image that a loader could get wrong.
 *
 * Command line:
 *	exit=N		end with status N instead of 0
 *	cpus=N		fail unless exactly N processors run
 *	quiet		say nothing but failures
 *	skip-gaps	for loaders that leave old bytes between segments (GRUB)
 * A module whose command line has `sum=HEX` must have that FNV-1a checksum.
 */
#include "guest/kernel/verify.h"
#include "guest/lib/cpu.h"
#include "guest/lib/mb2.h"
#include "guest/lib/option.h"
#include "guest/lib/print.h"
#include "guest/lib/smp.h"

#define PAGE	  UINT64_C(4096)
#define BSS_BYTES (16 << 20)

/* kernel.ld, pattern.S */
extern const char text_end[], user_start[], data_end[], bss_start[];
extern const char pattern_start[], pattern_end[], image_end[];

/* Large, and not on a page boundary. Nobody writes it. */
static volatile char zeros[BSS_BYTES]
	__attribute__((section(".bss.unaligned"), aligned(8)));

static void show_strings(const struct mb2_info *info)
{
	const struct mb2_string *loader = mb2_find(info, MB2_LOADER);
	const struct mb2_load_base *base = mb2_find(info, MB2_LOAD_BASE);
	const struct mb2_elf_sections *elf = mb2_find(info, MB2_ELF_SECTIONS);

	print("Faultline teaching kernel\n");
	print("information at 0x%lx, %u bytes\n", (uint64_t)info,
	      info->total_size);
	print("boot loader: %s\n", loader ? loader->text : "(none)");
	print("command line: %s\n", mb2_cmdline(info));
	if (base)
		print("load base: 0x%x\n", base->addr);
	if (elf)
		print("ELF sections: %u\n", elf->num);
}

static void show_memory(const struct mb2_info *info)
{
	const struct mb2_mmap *map = mb2_find(info, MB2_MMAP);
	const struct mb2_mmap_entry *entry;
	uint32_t at;

	CHECK(map);
	for (at = sizeof(*map); at < map->tag.size; at += map->entry_size) {
		entry = (const void *)((const char *)map + at);
		print("memory: 0x%lx-0x%lx %s\n", entry->start,
		      entry->start + entry->len,
		      entry->type == 1 ? "usable" : "reserved");
	}
	CHECK_EQ(mb2_memory_type(info, phys(text_end)), 1);
	CHECK_EQ(mb2_memory_type(info, phys(image_end) - 1), 1);
	CHECK_EQ(mb2_memory_type(info, AP_TRAMPOLINE), 1);
}

static void check_module(const struct mb2_module *module)
{
	struct area area = {(void *)(uint64_t)module->start,
			    module->end - module->start};
	uint64_t sum = user_run(0, 1, fnv1a, low(&area));

	print("module: 0x%x-0x%x sum=%lx %s\n", module->start, module->end, sum,
	      module->cmdline);
	if (option_find(module->cmdline, "sum"))
		CHECK_EQ(sum, option_hex(module->cmdline, "sum", 0));
}

static void check_modules(const struct mb2_info *info)
{
	const struct mb2_tag *tag = NULL;

	while ((tag = mb2_next(info, tag)))
		if (tag->type == MB2_MODULE)
			check_module((const struct mb2_module *)tag);
}

/* Bytes between two segments that share a page. */
static void check_gap(uint64_t start, uint64_t end)
{
	CHECK(start < end && start / PAGE == end / PAGE);
	for (; start < end; start++)
		CHECK_EQ(*(const volatile uint8_t *)start, 0);
}

static void check_gaps(void)
{
	check_gap(phys(text_end), phys(user_start));
	check_gap(phys(data_end), phys(pattern_start));
	check_gap(phys(pattern_end), phys(bss_start));
}

static uint64_t pages(const struct area *area)
{
	uint64_t start = (uint64_t)area->start;

	return (start + area->bytes - 1) / PAGE - start / PAGE + 1;
}

/* Returns the number of pages. */
static uint64_t check_area(const char *name, user_fn verify, const void *start,
			   uint64_t bytes)
{
	struct area area = {low(start), bytes};
	uint64_t wrong = smp_run(verify, low(&area));

	if (wrong) {
		print_quiet(false);
		print("%s: at 0x%lx, physical: 0x%lx is wrong\n", name, wrong,
		      *(uint64_t *)wrong);
	}
	CHECK_EQ(wrong, 0);
	print("%s: 0x%lx-0x%lx, %lu pages verified\n", name,
	      (uint64_t)area.start, (uint64_t)area.start + bytes, pages(&area));
	return pages(&area);
}

int guest_main(uint32_t magic, const struct mb2_info *info)
{
	const char *cmdline;
	uint64_t verified;
	unsigned cpus;

	CHECK_EQ(magic, ABI_MB2_MAGIC);
	cmdline = mb2_cmdline(info);
	print_quiet(option_find(cmdline, "quiet"));
	show_strings(info);
	show_memory(info);
	vm_ready();
	check_modules(info);

	cpus = smp_start();
	print("%u processors\n", cpus);
	CHECK_EQ(cpus, option_number(cmdline, "cpus", cpus));

	if (!option_find(cmdline, "skip-gaps"))
		check_gaps();
	verified = check_area("pattern", verify_pattern, pattern_start,
			      pattern_end - pattern_start);
	verified += check_area("bss", verify_zero, (void *)zeros, BSS_BYTES);
	print("all %lu pages verified\n", verified);
	return option_number(cmdline, "exit", 0);
}
