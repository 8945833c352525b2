/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/boot/boot_linux and linux_params: which image is Linux, and what it is
 * told, by the offsets of Linux's zero-page.rst and boot.rst.
 */
#include <errno.h>
#include <string.h>

#include "tests/unit/boot_help.h"
#include "tests/suites.h"
#include "vmm/boot/bzimage.h"
#include "vmm/boot/linux_params.h"

/* Section names behind one another, each with its section. */
static char names[256];
static uint8_t note[24];

static void add_sections(const char *const *list)
{
	size_t len = 1;

	memset(names, 0, sizeof(names));
	elf_writer_section(&w, 0x3000);
	for (; *list; list++) {
		elf_writer_section(&w, 0)->sh_name = (Elf64_Word)len;
		strcpy(names + len, *list);
		len += strlen(*list) + 1;
	}
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = 0x1100,
		.sh_size = len,
	};
	w.ehdr.e_shstrndx = (Elf64_Half)(w.nr_shdrs - 1);
	elf_writer_bytes(&w, 0x1100, names, sizeof(names));
}

#define SECTIONS(...) add_sections((const char *const[]){__VA_ARGS__, NULL})
#define LINUX_SECTIONS() \
	SECTIONS(".text", "__param", ".init.text", ".x86_cpu_dev.init")

static void add_note(const char *name, uint32_t type)
{
	const uint32_t head[] = {(uint32_t)strlen(name) + 1, 4, type};

	memset(note, 0, sizeof(note));
	memcpy(note, head, sizeof(head));
	strcpy((char *)note + sizeof(head), name);
	elf_writer_bytes(&w, 0x1800, note, sizeof(note));
	elf_writer_phdr(&w, PT_NOTE, 0x1800, sizeof(note));
}

static void starts_by(enum boot_protocol protocol)
{
	accept_plan();
	ck_assert_str_eq(boot_protocol_name(boot_plan_protocol(plan)),
			 boot_protocol_name(protocol));
	done();
}

/* Choosing. */

START_TEST(sections_and_notes_of_linux_tell_it)
{
	image_good(64);
	LINUX_SECTIONS();
	starts_by(BOOT_LINUX);
	image_good(64);
	add_note("Linux", 0x100);
	starts_by(BOOT_LINUX);
	image_good(64);
	add_note("Linux", 0x101);
	starts_by(BOOT_LINUX);
}
END_TEST

START_TEST(what_others_have_too_does_not_tell_linux)
{
	image_good(64);
	SECTIONS(".text", "__param", ".init.text");
	starts_by(BOOT_ELF);
	image_good(64);
	SECTIONS("x.x86_cpu_dev.init", "__params", ".init.tex");
	starts_by(BOOT_ELF);
	image_good(64);
	add_note("Linux", 0x102);
	starts_by(BOOT_ELF);
	image_good(64);
	add_note("GNU", 0x100);
	starts_by(BOOT_ELF);
	image_good(32);
	LINUX_SECTIONS();
	starts_by(BOOT_ELF);
}
END_TEST

START_TEST(section_tables_that_lie_are_passed_over)
{
	image_good(64);
	LINUX_SECTIONS();
	w.shdrs[w.nr_shdrs - 1].sh_offset = UINT64_MAX - 8;
	starts_by(BOOT_ELF);
	image_good(64);
	LINUX_SECTIONS();
	w.shdrs[w.nr_shdrs - 1].sh_size = UINT64_MAX;
	starts_by(BOOT_ELF);
	image_good(64);
	LINUX_SECTIONS();
	w.shdrs[1].sh_name = UINT32_MAX;
	w.shdrs[4].sh_name = 255;
	starts_by(BOOT_ELF);
	image_good(64);
	LINUX_SECTIONS();
	w.ehdr.e_shstrndx = 0;
	starts_by(BOOT_ELF);
	/* Names that end with the table, not with a zero. */
	image_good(64);
	LINUX_SECTIONS();
	w.shdrs[w.nr_shdrs - 1].sh_size--;
	starts_by(BOOT_LINUX);
}
END_TEST

START_TEST(pvh_goes_before_linux_and_xen_notes_do_not_hide_it)
{
	static const uint32_t pvh[] = {4, 4, 18, 0x6e6558, 0x100000};
	static const uint32_t xen[] = {4, 4, 6, 0x6e6558, 0};

	image_good(64);
	LINUX_SECTIONS();
	elf_writer_bytes(&w, 0x1900, pvh, sizeof(pvh));
	elf_writer_phdr(&w, PT_NOTE, 0x1900, sizeof(pvh));
	starts_by(BOOT_PVH);
	/* One for Xen's PV start, without PVH. */
	image_good(64);
	LINUX_SECTIONS();
	elf_writer_bytes(&w, 0x1900, xen, sizeof(xen));
	elf_writer_phdr(&w, PT_NOTE, 0x1900, sizeof(xen));
	starts_by(BOOT_LINUX);
}
END_TEST

START_TEST(linux_is_started_on_request_without_a_mark)
{
	params.protocol = BOOT_LINUX;
	image_good(64);
	starts_by(BOOT_LINUX);
	image_good(32);
	refuse_plan(-ENOEXEC, "an ELF32 file");
}
END_TEST

/* Entry. */

START_TEST(linux_is_entered_as_its_protocol_says)
{
	const struct boot_entry *entry;
	uint64_t gdt[4];

	params.protocol = BOOT_LINUX;
	image_good(64);
	/* As per-CPU data is linked. */
	elf_writer_load(&w, 0x101000, 0x2000, 0x800, 0x800)->p_vaddr = 0;
	accept_plan();
	entry = boot_plan_entry(plan);
	ck_assert(entry->long_mode);
	ck_assert_uint_eq(entry->rip, 0x100000);
	ck_assert_uint_eq(entry->rsi, plan->info_gpa);
	ck_assert_uint_eq(entry->rax | entry->rbx | entry->rdi, 0);
	ck_assert_uint_eq(entry->cr3, plan->tables_gpa);
	is_reserved(plan->tables_gpa, plan->tables_len);
	/* 0x10: 64-bit code; 0x18: data; flat. */
	ck_assert_uint_eq(entry->gdt.code, 0x10);
	ck_assert_uint_eq(entry->gdt.data, 0x18);
	ck_assert_uint_eq(entry->gdt.limit, sizeof(gdt) - 1);
	ck_assert_uint_eq(entry->gdt.base, plan->info_gpa + 0x1000);
	memcpy(gdt, (const char *)plan->info_bytes.bytes + 0x1000, sizeof(gdt));
	ck_assert_uint_eq(gdt[0] | gdt[1], 0);
	ck_assert_uint_eq(gdt[2], 0x00af9b000000ffff);
	ck_assert_uint_eq(gdt[3], 0x00cf93000000ffff);
	done();
}
END_TEST

START_TEST(linux_may_lie_above_4_gib)
{
	params.protocol = BOOT_LINUX;
	params.memory = 6 * GIB;
	image_good(64)->p_paddr = 0x100001000;
	accept_plan();
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, 0x100001000);
	done();
}
END_TEST

START_TEST(second_module_is_refused)
{
	params.protocol = BOOT_LINUX;
	module_file(NULL, 10);
	module_file(NULL, 10);
	image_good(64);
	refuse_plan(-EINVAL, "2 modules");
}
END_TEST

/* The zero page. */

static uint8_t block[8192];

static uint64_t field(size_t at, size_t len)
{
	uint64_t value = 0;

	memcpy(&value, block + at, len);
	return value;
}

static void build(const struct bootinfo *info)
{
	size_t len = linux_params_size(info);

	ck_assert_uint_le(len, sizeof(block));
	memset(block, 0xee, sizeof(block));
	linux_params_build(info, block);
	/* Not a byte more. */
	for (size_t i = len; i < sizeof(block); i++)
		ck_assert_uint_eq(block[i], 0xee);
}

START_TEST(boot_params_say_what_there_is)
{
	const struct bootinfo_module module = {.start = 0x234567000,
					       .len = 0x198765432};
	struct bootinfo info = {
		.gpa = 0x9e000,
		.cmdline = "console=ttyS0",
		.modules = &module,
		.nr_modules = 1,
		.rsdp_gpa = 0xf0000,
	};
	struct memmap map;

	memmap_init(&map);
	ck_assert_int_eq(memmap_set(&map, 0, 0xa0000, MEMMAP_USABLE), 0);
	ck_assert_int_eq(memmap_set(&map, 0xa0000, 0x60000, MEMMAP_RESERVED),
			 0);
	info.map = &map;
	build(&info);
	ck_assert_uint_eq(field(0x070, 8), 0xf0000);	/* acpi_rsdp_addr */
	ck_assert_uint_eq(field(0x0c0, 4), 2);		/* ext_ramdisk_image */
	ck_assert_uint_eq(field(0x0c4, 4), 1);		/* ext_ramdisk_size */
	ck_assert_uint_eq(field(0x1e8, 1), 2);		/* e820_entries */
	ck_assert_uint_eq(field(0x1ef, 1), 0);		/* sentinel */
	ck_assert_uint_eq(field(0x1fe, 2), 0xaa55);	/* boot_flag */
	ck_assert_mem_eq(block + 0x202, "HdrS", 4);	/* header */
	ck_assert_uint_ge(field(0x206, 2), 0x20c);	/* version */
	ck_assert_uint_eq(field(0x210, 1), 0xff);	/* type_of_loader */
	ck_assert_uint_eq(field(0x211, 1), 1);		/* loadflags */
	ck_assert_uint_eq(field(0x218, 4), 0x34567000); /* ramdisk_image */
	ck_assert_uint_eq(field(0x21c, 4), 0x98765432); /* ramdisk_size */
	ck_assert_uint_eq(field(0x228, 4), 0x9e000 + 0x1020); /* cmd_line_ptr */
	ck_assert_str_eq((char *)block + 0x1020, "console=ttyS0");
	ck_assert_uint_eq(field(0x2d0, 8), 0);
	ck_assert_uint_eq(field(0x2d8, 8), 0xa0000);
	ck_assert_uint_eq(field(0x2e0, 4), 1);
	ck_assert_uint_eq(field(0x2e4, 8), 0xa0000);
	ck_assert_uint_eq(field(0x2f4, 4), 2);
	memmap_fini(&map);
}
END_TEST

START_TEST(what_there_is_not_is_zero)
{
	struct bootinfo info = {.gpa = 0x9e000};

	build(&info);
	ck_assert_uint_eq(field(0x070, 8), 0);
	ck_assert_uint_eq(field(0x1e8, 1), 0);
	ck_assert_uint_eq(field(0x218, 8), 0);
	ck_assert_str_eq((char *)block + field(0x228, 4) - 0x9e000, "");
}
END_TEST

START_TEST(map_larger_than_the_page_is_cut)
{
	struct bootinfo info = {.gpa = 0x9e000};
	struct memmap map;

	memmap_init(&map);
	for (gpa_t at = 0; at < 300; at++)
		ck_assert_int_eq(
			memmap_set(&map, at << 12, 4096,
				   at % 2 ? MEMMAP_USABLE : MEMMAP_RESERVED),
			0);
	info.map = &map;
	build(&info);
	ck_assert_uint_eq(field(0x1e8, 1), 128);
	ck_assert_uint_eq(field(0x2d0 + 127 * 20, 8), 127 << 12);
	ck_assert_uint_eq(field(0x2d0 + 128 * 20, 4), 0);
	memmap_fini(&map);
}
END_TEST

START_TEST(setup_header_of_the_file_is_passed_on_but_not_its_list)
{
	uint8_t header[BZIMAGE_HEADER_MAX];
	struct bootinfo info = {
		.gpa = 0x9e000,
		.setup_header = header,
		.setup_header_len = sizeof(header),
	};

	memset(header, 0x77, sizeof(header));
	build(&info);
	ck_assert_uint_eq(field(0x1f1, 1), 0x77);
	ck_assert_uint_eq(field(0x260, 4), 0x77777777); /* init_size */
	ck_assert_uint_eq(field(0x250, 8), 0);		/* setup_data */
	ck_assert_uint_eq(field(0x211, 1), 1);
	ck_assert_uint_eq(field(0x290, 8), 0); /* behind it */
	info.setup_header_len = 0x26;
	build(&info);
	ck_assert_uint_eq(field(0x216, 1), 0x77);
	ck_assert_uint_eq(field(0x217, 1), 0);
}
END_TEST

Suite *linux_suite(void)
{
	Suite *s = suite_create("linux");
	TCase *tc = boot_case("choice");

	tcase_add_test(tc, sections_and_notes_of_linux_tell_it);
	tcase_add_test(tc, what_others_have_too_does_not_tell_linux);
	tcase_add_test(tc, section_tables_that_lie_are_passed_over);
	tcase_add_test(tc, pvh_goes_before_linux_and_xen_notes_do_not_hide_it);
	tcase_add_test(tc, linux_is_started_on_request_without_a_mark);
	suite_add_tcase(s, tc);

	tc = boot_case("entry");
	tcase_add_test(tc, linux_is_entered_as_its_protocol_says);
	tcase_add_test(tc, linux_may_lie_above_4_gib);
	tcase_add_test(tc, second_module_is_refused);
	suite_add_tcase(s, tc);

	tc = tcase_create("params");
	tcase_add_test(tc, boot_params_say_what_there_is);
	tcase_add_test(tc, what_there_is_not_is_zero);
	tcase_add_test(tc, map_larger_than_the_page_is_cut);
	tcase_add_test(tc,
		       setup_header_of_the_file_is_passed_on_but_not_its_list);
	suite_add_tcase(s, tc);
	return s;
}
