/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/boot: which protocol an image is started by, and what is particular to
 * multiboot 1 and PVH; firmware tables and the pc's memory map. As in
 * test_boot.c, what must hold of any plan is checked for every plan.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/boot_help.h"
#include "tests/suites.h"
#include "vmm/firmware/firmware.h"
#include "vmm/boot/multiboot.h"
#include "vmm/boot/pvh.h"

/* Marks, each in its part of the segment's bytes (0x1000 to 0x2000). */

static uint32_t mb2_mark[6], mb1_mark[8];
static uint8_t pvh_mark[24];

static void add_multiboot2(void)
{
	const uint32_t words[] = {0xe85250d6, 0, 24, 0 - (0xe85250d6 + 24),
				  0,	      8};

	memcpy(mb2_mark, words, sizeof(words));
	elf_writer_bytes(&w, 0x1000, mb2_mark, sizeof(mb2_mark));
}

static void add_multiboot(uint32_t flags)
{
	mb1_mark[0] = 0x1badb002;
	mb1_mark[1] = flags;
	mb1_mark[2] = 0 - (0x1badb002 + flags);
	elf_writer_bytes(&w, 0x1400, mb1_mark, sizeof(mb1_mark));
}

static void add_pvh(uint64_t entry, uint32_t descsz)
{
	const uint32_t head[] = {4, descsz, 18};

	memcpy(pvh_mark, head, sizeof(head));
	memcpy(pvh_mark + 12, "Xen", 4);
	memcpy(pvh_mark + 16, &entry, 8);
	elf_writer_bytes(&w, 0x1800, pvh_mark, sizeof(pvh_mark));
	elf_writer_phdr(&w, PT_NOTE, 0x1800, 16 + ((descsz + 3) & ~3U));
}

static uint32_t info_u32(size_t at)
{
	uint32_t value;

	ck_assert_uint_le(at + 4, plan->info_bytes.len);
	memcpy(&value, (const char *)plan->info_bytes.bytes + at, 4);
	return value;
}

/* What an address in the information points to. */
static const void *info_at(uint64_t gpa)
{
	ck_assert_uint_ge(gpa, plan->info_gpa);
	ck_assert_uint_lt(gpa - plan->info_gpa, plan->info_bytes.len);
	return (const char *)plan->info_bytes.bytes + (gpa - plan->info_gpa);
}

/* Choosing. */

static void starts_by(enum boot_protocol protocol)
{
	accept_plan();
	ck_assert_str_eq(boot_protocol_name(boot_plan_protocol(plan)),
			 boot_protocol_name(protocol));
	done();
}

START_TEST(auto_takes_the_first_mark_in_the_documented_order)
{
	static const enum boot_protocol want[] = {
		BOOT_ELF,	 BOOT_PVH,	  BOOT_MULTIBOOT,
		BOOT_MULTIBOOT,	 BOOT_MULTIBOOT2, BOOT_MULTIBOOT2,
		BOOT_MULTIBOOT2, BOOT_MULTIBOOT2,
	};

	for (unsigned class = 32; class <= 64; class += 32) {
		image_good(class);
		if (_i & 1)
			add_pvh(0x100000, 4);
		if (_i & 2)
			add_multiboot(0);
		if (_i & 4)
			add_multiboot2();
		starts_by(want[_i]);
	}
}
END_TEST

START_TEST(protocol_asked_for_is_taken)
{
	static const enum boot_protocol all[] = {
		BOOT_MULTIBOOT2, BOOT_MULTIBOOT, BOOT_PVH, BOOT_ELF, BOOT_LONG,
	};

	image_good(64);
	add_pvh(0x100000, 4);
	add_multiboot(0);
	add_multiboot2();
	params.protocol = all[_i];
	starts_by(all[_i]);
}
END_TEST

START_TEST(protocol_asked_for_must_have_its_mark)
{
	static const struct {
		enum boot_protocol protocol;
		const char *words;
	} all[] = {
		{BOOT_MULTIBOOT2, "no multiboot2 header"},
		{BOOT_MULTIBOOT, "no multiboot header"},
		{BOOT_PVH, "no Xen PHYS32_ENTRY note"},
	};
	char without[32];

	image_good(64);
	params.protocol = all[_i].protocol;
	refuse_plan(-ENOEXEC, all[_i].words);
	snprintf(without, sizeof(without), "without --boot=%s",
		 boot_protocol_name(all[_i].protocol));
	ck_assert_msg(strstr(err.text, without), "%s", err.text);
}
END_TEST

START_TEST(mark_that_is_wrong_is_refused_and_not_passed_over)
{
	image_good(64);
	add_pvh(0x100000, 4);
	add_multiboot(1 << 7);
	refuse_plan(-ENOEXEC, "feature 7");
}
END_TEST

/* Multiboot 1. */

START_TEST(multiboot_enters_with_its_magic_and_information)
{
	const struct boot_entry *entry;

	image_good(32);
	w.ehdr.e_entry = 0x100010;
	add_multiboot(3);
	accept_plan();
	entry = boot_plan_entry(plan);
	ck_assert(!entry->long_mode);
	ck_assert_uint_eq(entry->rip, 0x100010);
	ck_assert_uint_eq(entry->rax, 0x2badb002);
	ck_assert_uint_eq(entry->rbx, 0x9000);
	ck_assert_uint_eq(entry->rsi | entry->rdi, 0);
	ck_assert_ptr_eq(extent_at(0x9000)->source, &plan->info_source);
	done();
}
END_TEST

START_TEST(multiboot_tells_all_that_there_is)
{
	image_good(32);
	add_multiboot(3);
	elf_writer_section(&w, 0x3000);
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = 0x1100,
		.sh_size = 0x20,
	};
	module_file("args", 10);
	accept_plan();
	ck_assert_uint_eq(info_u32(0), 0x26d);
	ck_assert_uint_eq(info_u32(4), 640);
	ck_assert_uint_eq(info_u32(8), 63 << 10);
	ck_assert_uint_eq(info_u32(20), 1);
	ck_assert_uint_eq(info_u32(28), 2);
	ck_assert_uint_eq(info_u32(32), sizeof(Elf32_Shdr));
	ck_assert_mem_eq(info_at(info_u32(36)), plan->sections,
			 2 * sizeof(Elf32_Shdr));
	ck_assert_ptr_nonnull(extent_at(
		((const Elf32_Shdr *)info_at(info_u32(36)))[1].sh_addr));
	ck_assert_str_eq(info_at(info_u32(64)), "test");
	done();
}
END_TEST

START_TEST(multiboot_command_line_begins_with_the_images_path)
{
	char want[128];

	snprintf(want, sizeof(want), "%s words", image_path);
	image_good(32);
	add_multiboot(0);
	accept_plan();
	ck_assert_str_eq(info_at(info_u32(16)), want);
	done();
	params.cmdline = "";
	image_good(32);
	add_multiboot(0);
	accept_plan();
	ck_assert_str_eq(info_at(info_u32(16)), image_path);
	done();
}
END_TEST

START_TEST(multiboot_information_goes_where_there_is_room)
{
	static char words[0x2000];

	memset(words, 'x', sizeof(words) - 1);
	params.cmdline = words;
	image_good(32);
	add_multiboot(0);
	elf_writer_load(&w, 0xa800, 0x2000, 0x10, 0x10);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0xb000);
	ck_assert_uint_eq(plan->info_len, 0x3000);
	ck_assert_msg(strstr(notes, "0x9000, is not free"), "%s", notes);
	done();
	image_good(32);
	add_multiboot(0);
	elf_writer_load(&w, 0x2000, 0x2000, 0x10, 0x9e000);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0xa0000);
	done();
	params.machine = MACHINE_PC;
	image_good(32);
	add_multiboot(0);
	elf_writer_load(&w, 0x2000, 0x2000, 0x10, 0x9e000);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0x101000);
	done();
	params.mbi_addr_given = true;
	params.mbi_addr = 0;
	image_good(32);
	add_multiboot(0);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0);
	done();
}
END_TEST

START_TEST(multiboot_video_request_is_ignored_with_a_note)
{
	image_good(32);
	add_multiboot(4);
	accept_plan();
	ck_assert_msg(strstr(notes, "video mode (multiboot flag 2): ignored"),
		      "%s", notes);
	done();
}
END_TEST

/* The header is at 0x400 of the segment's bytes. */
static void address_header(uint32_t header_addr, uint32_t load,
			   uint32_t load_end, uint32_t bss_end, uint32_t entry)
{
	const uint32_t words[] = {header_addr, load, load_end, bss_end, entry};

	image_good(32);
	memcpy(mb1_mark + 3, words, sizeof(words));
	add_multiboot(0x10000);
}

START_TEST(multiboot_address_fields_come_before_the_elf_headers)
{
	const struct extent *e;

	address_header(0x300800, 0x300400, 0x301000, 0x303000, 0x300900);
	accept_plan();
	ck_assert_uint_eq(image->nr_segments, 1);
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, 0x300900);
	ck_assert_uint_eq(image_end(image), 0x303000);
	e = extent_at(0x300400);
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(e->offset, 0x1000);
	ck_assert_uint_eq(e->len, 0xc00);
	ck_assert_ptr_null(extent_at(0x100000));
	done();
	address_header(0x300400, 0x300400, 0, 0, 0x300400);
	accept_plan();
	e = extent_at(0x300400);
	ck_assert_uint_eq(e->offset, 0x1400);
	ck_assert_uint_eq(e->len, 0xc00);
	done();
}
END_TEST

START_TEST(multiboot_address_fields_that_do_not_fit_are_refused)
{
	address_header(0x300800, 0x300800, 0x400000, 0, 0x300900);
	refuse_plan(-ENOEXEC, "load_end_addr 0x400000");
	address_header(0x300800, 0x300800, 0, 0, 0x310000);
	refuse_plan(-ENOEXEC, "entry_addr 0x310000 is behind");
	address_header(0x300800, 0x310000, 0, 0, 0x300900);
	refuse_plan(-ENOEXEC, "load_addr 0x310000 is above");
	address_header(0x300800, 0x300800, 0x301000, 0x9000000, 0x300900);
	refuse_plan(-ENOEXEC, "needs --mem");
}
END_TEST

/* PVH. */

START_TEST(pvh_enters_where_the_note_says)
{
	const struct boot_entry *entry;

	for (unsigned class = 32; class <= 64; class += 32) {
		image_good(class);
		add_pvh(0x100234, class / 8);
		accept_plan();
		entry = boot_plan_entry(plan);
		ck_assert(!entry->long_mode);
		ck_assert_uint_eq(entry->rip, 0x100234);
		ck_assert_uint_eq(entry->rbx, 0x9f000);
		ck_assert_uint_eq(plan->info_gpa, 0x9f000);
		ck_assert_uint_eq(info_u32(0), 0x336ec578);
		done();
	}
}
END_TEST

START_TEST(pvh_is_told_of_words_modules_map_and_tables)
{
	const uint64_t *info, *module;

	image_good(64);
	add_pvh(0x100000, 8);
	module_file(NULL, 5000);
	module_file("second", 1);
	accept_plan();
	info = plan->info_bytes.bytes;
	ck_assert_uint_eq(info_u32(0), 0x336ec578);
	ck_assert_uint_eq(info_u32(4), 1); /* version */
	ck_assert_uint_eq(info_u32(12), 2);
	module = info_at(info[2]);
	ck_assert_uint_eq(module[0] & PAGE_MASK, 0);
	ck_assert_uint_eq(module[1], 5000);
	ck_assert_str_eq(extent_at(module[0])->source->name, module_paths[0]);
	ck_assert_str_eq(info_at(module[2]), module_paths[0]);
	ck_assert_str_eq(info_at(module[6]), "second");
	ck_assert_str_eq(info_at(info[3]), "words");
	ck_assert_uint_eq(info[4], FIRMWARE_BASE);
	ck_assert_uint_eq(info_u32(48), plan->map.nr);
	done();
}
END_TEST

static const uint32_t xen_pv_notes[] = {5, 6, 8};

START_TEST(xen_pv_kernel_is_refused_unless_asked_for)
{
	image_good(64);
	add_pvh(0, 8);
	elf_writer_bytes(&w, 0x1808, &xen_pv_notes[_i], 4);
	refuse_plan(-ENOEXEC, "a Xen PV kernel");
	image_good(64);
	add_pvh(0, 8);
	elf_writer_bytes(&w, 0x1808, &xen_pv_notes[_i], 4);
	params.protocol = BOOT_ELF;
	accept_plan();
	done();
}
END_TEST

START_TEST(other_xen_notes_do_not_make_a_pv_kernel)
{
	const uint32_t features = 17; /* SUPPORTED_FEATURES */

	image_good(64);
	add_pvh(0, 8);
	elf_writer_bytes(&w, 0x1808, &features, 4);
	accept_plan();
	ck_assert_int_eq(boot_plan_protocol(plan), BOOT_ELF);
	done();
}
END_TEST

START_TEST(pvh_places_no_sections)
{
	image_good(64);
	add_pvh(0x100000, 8);
	elf_writer_section(&w, 0x3000);
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = 0x1100,
		.sh_size = 0x20,
	};
	accept_plan();
	for (size_t i = 0; i < plan->nr_extents; i++)
		ck_assert_uint_ne(plan->extents[i].offset, 0x1100);
	done();
}
END_TEST

START_TEST(pvh_start_info_leaves_the_top_to_an_image_there)
{
	image_good(64);
	add_pvh(0x100000, 4);
	elf_writer_load(&w, 0x9f000, 0x2000, 0x10, 0x10);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0x9e000);
	done();
	image_good(64);
	add_pvh(0x100000, 4);
	elf_writer_load(&w, 0, 0x2000, 0x10, 0x100000);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0x101000);
	done();
	params.mbi_addr_given = true;
	params.mbi_addr = 0x6000;
	image_good(64);
	add_pvh(0x100000, 4);
	accept_plan();
	ck_assert_uint_eq(boot_plan_entry(plan)->rbx, 0x6000);
	done();
}
END_TEST

static void entry_is_refused(uint64_t entry, uint32_t descsz, const char *words)
{
	image_good(64);
	elf_writer_load(&w, 0x200000, 0x2000, 0x100, 0x1000)->p_flags = PF_R;
	elf_writer_load(&w, 0x300000, 0x2000, 0x100, 0x1000);
	add_pvh(entry, descsz);
	refuse_plan(-ENOEXEC, words);
}

START_TEST(pvh_entry_that_leads_nowhere_is_refused)
{
	entry_is_refused(0, 4, "0x0 is in no segment");
	entry_is_refused(0xffffffff81000000, 8, "0xffffffff81000000 is in no");
	entry_is_refused(0x101000, 4, "0x101000 is in no segment");
	entry_is_refused(0x200000, 4, "program header 1");
	entry_is_refused(0x200000, 4, "lack PF_X");
	entry_is_refused(0x300100, 4, "past the p_filesz 0x100");
	entry_is_refused(0x100000, 0, "descsz 0");
	entry_is_refused(0x100000, 2, "descsz 2");
	entry_is_refused(0x100000, 7, "descsz 7");
}
END_TEST

START_TEST(pvh_entry_above_4_gib_is_refused)
{
	params.memory = 6 * GIB;
	image_good(64)->p_paddr = 0x100001000;
	add_pvh(0x100001000, 8);
	refuse_plan(-ENOEXEC, "0x100001000");
}
END_TEST

/* As Linux has it: linked high, and per-CPU data linked at 0. */
START_TEST(pvh_takes_an_image_like_linux)
{
	image_good(64)->p_vaddr = 0xffffffff81000000;
	elf_writer_load(&w, 0x101000, 0x2000, 0x800, 0x800)->p_vaddr = 0;
	add_pvh(0x100850, 8);
	accept_plan();
	ck_assert_int_eq(boot_plan_protocol(plan), BOOT_PVH);
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, 0x100850);
	done();
}
END_TEST

/* Firmware. */

static void tables_are_at(gpa_t gpa)
{
	const struct extent *e = extent_at(gpa);
	char rsdp[BOOTINFO_RSDP_LEN];

	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_eq(e->source, &plan->firmware_source);
	ck_assert_uint_eq(e->gpa, gpa);
	ck_assert_int_eq(e->source->read(e->source->ctx, rsdp, sizeof(rsdp), 0),
			 0);
	ck_assert_mem_eq(rsdp, "RSD PTR ", 8);
	is_reserved(gpa, e->len);
}

/* The tag's content, or NULL. */
static const uint8_t *mb2_tag(uint32_t type)
{
	for (size_t at = 8; info_u32(at);
	     at += (info_u32(at + 4) + 7) & ~UINT32_C(7))
		if (info_u32(at) == type)
			return (const uint8_t *)plan->info_bytes.bytes + at + 8;
	return NULL;
}

START_TEST(tables_are_in_firmwares_segment)
{
	image_good(64);
	accept_plan();
	tables_are_at(FIRMWARE_BASE);
	ck_assert_mem_eq(mb2_tag(14), plan->firmware_bytes.bytes, 20);
	ck_assert_mem_eq(mb2_tag(15), plan->firmware_bytes.bytes, 36);
	done();
}
END_TEST

START_TEST(tables_give_way_to_image_and_information)
{
	image_good(64);
	elf_writer_load(&w, 0xf0800, 0x2000, 0x10, 0x10);
	accept_plan();
	tables_are_at(0x9f000);
	ck_assert_msg(strstr(notes, "0xf0000, is not free"), "%s", notes);
	done();
	params.mbi_addr_given = true;
	params.mbi_addr = 0xf0000;
	image_good(64);
	add_pvh(0x100000, 4);
	accept_plan();
	tables_are_at(0x9f000);
	ck_assert_uint_eq(info_u32(32), 0x9f000);
	done();
	params.mbi_addr = 0x2000;
	params.memory = 0x40000;
	image_good(64)->p_paddr = 0x1000;
	w.phdrs[0].p_vaddr = 0x100000;
	accept_plan();
	tables_are_at(0x3f000);
	done();
	params.mbi_addr = 0x200000; /* no base memory is left */
	params.memory = 64 * MIB;
	image_good(64)->p_paddr = 0x1000;
	w.phdrs[0].p_vaddr = 0x100000;
	w.phdrs[0].p_memsz = 0xff000;
	accept_plan();
	tables_are_at(0x100000);
	done();
}
END_TEST

START_TEST(tables_without_room_are_left_out)
{
	params.memory = 0x3000;
	image_good(64)->p_paddr = 0x1000;
	w.phdrs[0].p_vaddr = 0x100000;
	w.phdrs[0].p_memsz = 0x2000;
	accept_plan();
	ck_assert_ptr_null(plan->firmware_bytes.bytes);
	ck_assert_ptr_null(mb2_tag(14));
	ck_assert_ptr_null(mb2_tag(15));
	ck_assert_msg(strstr(notes, "the guest has none"), "%s", notes);
	done();
}
END_TEST

START_TEST(reset_starts_code_that_resets)
{
	static const uint8_t want[] = {0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee};
	uint8_t code[sizeof(want)];
	const struct extent *e;

	for (int pc = 0; pc <= 1; pc++) {
		params.machine = pc ? MACHINE_PC : MACHINE_MINIMAL;
		image_good(64);
		accept_plan();
		e = extent_at(0xffff0);
		ck_assert_ptr_nonnull(e);
		ck_assert_uint_eq(e->gpa, 0xffff0);
		ck_assert_int_eq(
			e->source->read(e->source->ctx, code, sizeof(code), 0),
			0);
		ck_assert_mem_eq(code, want, sizeof(want));
		is_reserved(0xff000, 0x1000);
		done();
	}
	/* Not over an image, and not without RAM. */
	image_good(64);
	elf_writer_load(&w, 0xfff00, 0x2000, 0x100, 0x100);
	accept_plan();
	ck_assert_str_eq(extent_at(0xffff0)->source->name, image_path);
	done();
	params.memory = 0x80000;
	image_good(64)->p_paddr = 0x1000;
	w.phdrs[0].p_vaddr = 0x100000;
	accept_plan();
	ck_assert_ptr_null(extent_at(0xffff0));
	done();
}
END_TEST

START_TEST(tables_for_many_processors_fit)
{
	params.cpus = 254;
	image_good(64);
	accept_plan();
	tables_are_at(FIRMWARE_BASE);
	ck_assert_uint_gt(plan->firmware_bytes.len, PAGE_SIZE);
	ck_assert_uint_le(plan->firmware_bytes.len, 0x10000);
	done();
}
END_TEST

START_TEST(pc_has_the_hole_from_640_kib_to_1_mib)
{
	params.machine = MACHINE_PC;
	image_good(64);
	accept_plan();
	tables_are_at(FIRMWARE_BASE);
	map_is((struct memmap_entry[]){
		{0, 0x1000, MEMMAP_RESERVED},
		{0x1000, 0x9f000, MEMMAP_USABLE},
		{0xa0000, 0x60000, MEMMAP_RESERVED},
		{0x100000, 63 * MIB, MEMMAP_USABLE},
		{0},
	});
	ck_assert_uint_eq(memmap_lower_kib(&plan->map), 640);
	ck_assert_uint_eq(memmap_upper_kib(&plan->map), 63 << 10);
	done();
}
END_TEST

START_TEST(pc_takes_an_image_in_the_hole_and_puts_nothing_else_there)
{
	params.machine = MACHINE_PC;
	image_good(64);
	elf_writer_load(&w, 0xb8000, 0x2000, 0x10, 0x1000);
	elf_writer_load(&w, 0x1000, 0x2000, 0x10, 0x9f000);
	params.protocol = BOOT_LONG;
	accept_plan();
	ck_assert_ptr_nonnull(extent_at(0xb8000));
	ck_assert_uint_ge(plan->tables_gpa, MIB);
	done();
}
END_TEST

Suite *boot_protocols_suite(void)
{
	Suite *s = suite_create("boot_protocols");
	TCase *tc = boot_case("choice");

	tcase_add_loop_test(
		tc, auto_takes_the_first_mark_in_the_documented_order, 0, 8);
	tcase_add_loop_test(tc, protocol_asked_for_is_taken, 0, 5);
	tcase_add_loop_test(tc, protocol_asked_for_must_have_its_mark, 0, 3);
	tcase_add_test(tc, mark_that_is_wrong_is_refused_and_not_passed_over);
	suite_add_tcase(s, tc);

	tc = boot_case("multiboot");
	tcase_add_test(tc, multiboot_enters_with_its_magic_and_information);
	tcase_add_test(tc, multiboot_tells_all_that_there_is);
	tcase_add_test(tc, multiboot_command_line_begins_with_the_images_path);
	tcase_add_test(tc, multiboot_information_goes_where_there_is_room);
	tcase_add_test(tc, multiboot_video_request_is_ignored_with_a_note);
	tcase_add_test(tc,
		       multiboot_address_fields_come_before_the_elf_headers);
	tcase_add_test(tc,
		       multiboot_address_fields_that_do_not_fit_are_refused);
	suite_add_tcase(s, tc);

	tc = boot_case("pvh");
	tcase_add_test(tc, pvh_enters_where_the_note_says);
	tcase_add_test(tc, pvh_is_told_of_words_modules_map_and_tables);
	tcase_add_loop_test(tc, xen_pv_kernel_is_refused_unless_asked_for, 0,
			    sizeof(xen_pv_notes) / sizeof(*xen_pv_notes));
	tcase_add_test(tc, other_xen_notes_do_not_make_a_pv_kernel);
	tcase_add_test(tc, pvh_places_no_sections);
	tcase_add_test(tc, pvh_start_info_leaves_the_top_to_an_image_there);
	tcase_add_test(tc, pvh_entry_that_leads_nowhere_is_refused);
	tcase_add_test(tc, pvh_entry_above_4_gib_is_refused);
	tcase_add_test(tc, pvh_takes_an_image_like_linux);
	suite_add_tcase(s, tc);

	tc = boot_case("firmware");
	tcase_add_test(tc, tables_are_in_firmwares_segment);
	tcase_add_test(tc, tables_give_way_to_image_and_information);
	tcase_add_test(tc, tables_without_room_are_left_out);
	tcase_add_test(tc, reset_starts_code_that_resets);
	tcase_add_test(tc, tables_for_many_processors_fit);
	tcase_add_test(tc, pc_has_the_hole_from_640_kib_to_1_mib);
	tcase_add_test(
		tc, pc_takes_an_image_in_the_hole_and_puts_nothing_else_there);
	suite_add_tcase(s, tc);
	return s;
}
