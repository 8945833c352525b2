/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/boot: where things come to lie, and what the first instruction finds.
 * Each test composes an ELF file and looks at the plan made of it; that no two
 * things share a byte, and that all lies in RAM, is checked for every plan.
 */
#define _GNU_SOURCE /* SEEK_HOLE */
#include "tests/unit/boot_help.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pager/pt/pt_walk.h"
#include "tests/suites.h"

#define HEADER_OFFSET 0x800

/* The multiboot2 header, at HEADER_OFFSET of the file. */
static uint32_t header[64];
static unsigned header_words;

/* The header: header_begin, tags, then header_end. */

static void header_begin(void)
{
	header[0] = 0xe85250d6;
	header[1] = 0;
	header_words = 4;
}

static void header_tag(uint16_t type, uint16_t flags, unsigned nr,
		       const uint32_t *words)
{
	header[header_words++] = (uint32_t)flags << 16 | type;
	header[header_words++] = 8 + 4 * nr;
	for (unsigned i = 0; i < nr; i++)
		header[header_words++] = words[i];
	header_words += header_words & 1;
}

static void header_end(void)
{
	header_tag(0, 0, 0, NULL);
	header[2] = 4 * header_words;
	header[3] = 0 - (header[0] + header[1] + header[2]);
	elf_writer_bytes(&w, HEADER_OFFSET, header, header[2]);
}

/* The information. */

static const uint32_t *info_tag(uint32_t type, unsigned nth)
{
	const char *info = plan->info_bytes.bytes;
	uint32_t total, at = 8, head[2];

	memcpy(&total, info, 4);
	ck_assert_uint_eq(total, plan->info_bytes.len);
	while (at < total) {
		memcpy(head, info + at, 8);
		ck_assert_uint_ge(head[1], 8);
		ck_assert_uint_le(head[1], total - at);
		if (head[0] == type && !nth--)
			return (const uint32_t *)(const void *)(info + at);
		at += (head[1] + 7) & ~7U;
	}
	return NULL;
}

/* Which protocol. */

START_TEST(file_without_a_header_is_plain_elf)
{
	image_good(64);
	accept_plan();
	ck_assert_int_eq(boot_plan_protocol(plan), BOOT_ELF);
	ck_assert_msg(strstr(notes, "no multiboot2 header"), "%s", notes);
	ck_assert_ptr_eq(strstr(notes, "auto: "), notes);
	/* Nothing is wrong, so there is nothing to mend. */
	ck_assert_msg(!strstr(notes, "put its"), "%s", notes);
	done();
}
END_TEST

START_TEST(user_program_is_noted)
{
	static const uint32_t types[] = {PT_TLS, PT_INTERP};

	image_good(64);
	elf_writer_phdr(&w, types[_i], 0x1000, 16);
	accept_plan();
	ck_assert_msg(strstr(notes, _i ? "has a PT_INTERP" : "has a PT_TLS"),
		      "%s", notes);
	done();
	image_good(64);
	elf_writer_phdr(&w, types[_i], 0x1000, 16);
	header_begin();
	header_end();
	accept_plan();
	ck_assert_msg(!strstr(notes, "user-space"), "%s", notes);
	done();
}
END_TEST

START_TEST(file_with_a_header_is_multiboot2)
{
	image_good(64);
	header_begin();
	header_end();
	accept_plan();
	ck_assert_int_eq(boot_plan_protocol(plan), BOOT_MULTIBOOT2);
	done();
}
END_TEST

START_TEST(damaged_header_is_noted_and_the_file_is_plain_elf)
{
	image_good(64);
	header_begin();
	header_end();
	header[3]++;
	accept_plan();
	ck_assert_int_eq(boot_plan_protocol(plan), BOOT_ELF);
	ck_assert_msg(strstr(notes, "checksum"), "%s", notes);
	done();
}
END_TEST

START_TEST(header_asked_for_must_be_there)
{
	image_good(64);
	params.protocol = BOOT_MULTIBOOT2;
	refuse_plan(-ENOEXEC, "no multiboot2 header");
}
END_TEST

START_TEST(plain_elf_asked_for_ignores_the_header)
{
	image_good(64);
	header_begin();
	header_tag(99, 0, 0, NULL);
	header_end();
	params.protocol = BOOT_ELF;
	accept_plan();
	ck_assert_int_eq(boot_plan_protocol(plan), BOOT_ELF);
	done();
}
END_TEST

START_TEST(unknown_required_tag_is_refused_by_its_number)
{
	image_good(64);
	header_begin();
	header_tag(99, 0, 0, NULL);
	header_end();
	refuse_plan(-ENOEXEC, "99");
}
END_TEST

START_TEST(unknown_optional_tag_is_passed_over)
{
	image_good(64);
	header_begin();
	header_tag(99, 1, 0, NULL);
	header_end();
	accept_plan();
	done();
}
END_TEST

START_TEST(names_of_protocols_lead_there_and_back)
{
	enum boot_protocol p = BOOT_AUTO;

	for (unsigned i = BOOT_AUTO; i <= BOOT_LONG; i++) {
		ck_assert(boot_protocol_parse(
			boot_protocol_name((enum boot_protocol)i), &p));
		ck_assert_uint_eq(p, i);
	}
	ck_assert(!boot_protocol_parse("", &p));
	ck_assert(!boot_protocol_parse("Elf", &p));
	ck_assert_uint_eq(p, BOOT_LONG);
}
END_TEST

/* The entry. */

START_TEST(first_registers_are_those_of_multiboot2)
{
	const struct boot_entry *entry;

	image_good(64);
	w.ehdr.e_entry = 0x100010;
	accept_plan();
	entry = boot_plan_entry(plan);
	ck_assert(!entry->long_mode);
	ck_assert_uint_eq(entry->rip, 0x100010);
	ck_assert_uint_eq(entry->rax, 0x36d76289);
	ck_assert_uint_eq(entry->rbx, 0);
	ck_assert_uint_eq(entry->rsi, 0);
	done();
}
END_TEST

/* F7 */
START_TEST(entry_is_physical_by_the_segment_that_has_it)
{
	image_good(64)->p_vaddr = 0xffffffff80100000;
	elf_writer_load(&w, 0x400000, 0x2000, 0x1000, 0x1000)->p_vaddr =
		0xffffffff80200000;
	w.ehdr.e_entry = 0xffffffff80200010;
	accept_plan();
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, 0x400010);
	done();
}
END_TEST

/* F8 */
START_TEST(entry_in_no_segment_is_refused)
{
	image_good(64);
	w.ehdr.e_entry = 0x200000;
	image_refuse("e_entry", "0x200000");
	image_good(64)->p_flags = PF_R | PF_W;
	image_refuse("e_entry", "0x100000");
}
END_TEST

START_TEST(entry_above_4_gib_is_refused_for_32_bit_code)
{
	params.memory = 6 * GIB;
	image_good(64)->p_paddr = 0x100001000;
	refuse_plan(-ENOEXEC, "0x100001000");
	image_good(64)->p_paddr = 0x100001000;
	refuse_plan(-ENOEXEC, "--boot=long");
	image_good(64)->p_paddr = 0x100001000;
	w.phdrs[0].p_vaddr = w.ehdr.e_entry = 0x100001000;
	params.protocol = BOOT_LONG;
	accept_plan();
	ck_assert(boot_plan_entry(plan)->long_mode);
	done();
}
END_TEST

START_TEST(entry_address_tag_replaces_e_entry)
{
	const uint32_t entry[] = {0x100abc};

	image_good(64);
	header_begin();
	header_tag(3, 0, 1, entry);
	header_end();
	accept_plan();
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, 0x100abc);
	done();
}
END_TEST

START_TEST(entry_address_tag_that_leads_nowhere_is_refused)
{
	const uint32_t entry[] = {0x90000000};

	image_good(64);
	header_begin();
	header_tag(3, 0, 1, entry);
	header_end();
	refuse_plan(-ENOEXEC, "0x90000000 is in no segment");
}
END_TEST

/* The address tag: header_addr, load_addr, load_end_addr, bss_end_addr. */

static void address_header(uint32_t header_addr, uint32_t load,
			   uint32_t load_end, uint32_t bss_end, uint32_t entry)
{
	const uint32_t words[] = {header_addr, load, load_end, bss_end};

	image_good(64);
	header_begin();
	header_tag(2, 0, 4, words);
	header_tag(3, 0, 1, &entry);
	header_end();
}

START_TEST(address_tag_loads_the_file_as_it_says)
{
	const struct extent *e;

	address_header(0x300800, 0x300400, 0x301000, 0x303000, 0x300900);
	accept_plan();
	ck_assert_uint_eq(image->nr_segments, 1);
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, 0x300900);
	ck_assert_uint_eq(image_end(image), 0x303000);
	e = extent_at(0x300400);
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(e->offset, HEADER_OFFSET - 0x400);
	ck_assert_uint_eq(e->len, 0xc00);
	ck_assert_ptr_null(extent_at(0x100000));
	ck_assert_ptr_null(extent_at(0x302fff));
	done();
}
END_TEST

START_TEST(address_tag_of_zero_ends_loads_the_rest_of_the_file)
{
	const struct extent *e;

	address_header(0x300800, 0x300800, 0, 0, 0x300900);
	accept_plan();
	e = extent_at(0x300800);
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(e->offset, HEADER_OFFSET);
	ck_assert_uint_eq(e->len, 0x2000 - HEADER_OFFSET);
	done();
}
END_TEST

START_TEST(address_tag_that_wants_more_than_the_file_is_refused)
{
	address_header(0x300800, 0x300800, 0x400000, 0, 0x300900);
	refuse_plan(-ENOEXEC, "load_end_addr 0x400000");
}
END_TEST

START_TEST(address_tag_may_give_a_small_file_much_memory)
{
	address_header(0x300800, 0x300800, 0x301000, 0x3000000, 0x300900);
	accept_plan();
	ck_assert_uint_eq(image_end(image), 0x3000000);
	done();
	address_header(0x300800, 0x300800, 0x301000, 0x5000000, 0x300900);
	refuse_plan(-ENOEXEC, "needs --mem 80M");
}
END_TEST

/* The relocatable tag: min, max, align, preference. */

static void relocatable(uint32_t min, uint32_t max, uint32_t align,
			uint32_t preference)
{
	const uint32_t words[] = {min, max, align, preference};

	image_good(64);
	header_begin();
	header_tag(10, 0, 4, words);
	header_end();
}

static gpa_t told_base(void)
{
	const uint32_t *tag = info_tag(21, 0);

	ck_assert_ptr_nonnull(tag);
	ck_assert_uint_eq(tag[1], 12);
	return tag[2];
}

/* Where the image lies, and its entry with it. */
static void lies_at(gpa_t base)
{
	ck_assert_uint_eq(image->segments[0].paddr, base);
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, base);
	ck_assert_uint_eq(told_base(), base);
	ck_assert_ptr_nonnull(extent_at(base));
}

START_TEST(relocatable_image_without_preference_stays)
{
	relocatable(0x100000, 0xffffffff, 4096, 0);
	accept_plan();
	lies_at(0x100000);
	done();
}
END_TEST

START_TEST(relocatable_image_that_may_not_stay_moves)
{
	relocatable(0x200000, 0xffffffff, 0x200000, 0);
	accept_plan();
	lies_at(0x200000);
	ck_assert_msg(strstr(notes, "relocated"), "%s", notes);
	done();
	relocatable(0, 0xffffffff, 0x1000000, 0);
	accept_plan();
	lies_at(0x1000000);
	done();
}
END_TEST

START_TEST(relocatable_image_goes_low_or_high)
{
	relocatable(0x1800000, 0xffffffff, 0x200000, 1);
	accept_plan();
	lies_at(0x1800000);
	done();
	relocatable(0x100000, 0x2ffffff, 0x1000, 2);
	accept_plan();
	lies_at(0x2fff000);
	done();
	relocatable(0x100000, 0xffffffff, 0x200000, 2);
	accept_plan();
	lies_at(64 * MIB - 0x200000);
	done();
}
END_TEST

START_TEST(relocatable_image_beyond_ram_comes_into_ram)
{
	relocatable(0, 0xffffffff, 4096, 0);
	w.phdrs[0].p_paddr = w.phdrs[0].p_vaddr = 0x80000000;
	w.ehdr.e_entry = 0x80000010;
	accept_plan();
	ck_assert_uint_eq(image->segments[0].paddr, 0x100000);
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, 0x100010);
	done();
}
END_TEST

START_TEST(relocatable_image_keeps_all_its_segments_apart)
{
	relocatable(0x1000000, 0xffffffff, 0x1000, 1);
	elf_writer_load(&w, 0x240000, 0x2000, 0x800, 0x3000);
	accept_plan();
	ck_assert_uint_eq(image->segments[0].paddr, 0x1000000);
	ck_assert_uint_eq(image->segments[1].paddr, 0x1140000);
	done();
}
END_TEST

START_TEST(relocation_moves_the_entry_address_tag_as_well)
{
	const uint32_t words[] = {0x1000000, 0xffffffff, 0x1000, 1};
	const uint32_t entry[] = {0x100020};

	image_good(64);
	header_begin();
	header_tag(3, 0, 1, entry);
	header_tag(10, 0, 4, words);
	header_end();
	accept_plan();
	ck_assert_uint_eq(boot_plan_entry(plan)->rip, 0x1000020);
	done();
}
END_TEST

START_TEST(relocation_keeps_the_alignment_asked_for)
{
	static const uint32_t aligns[] = {1, 0x80, 0x800, 0x1000, 0x10000};

	for (unsigned i = 0; i < sizeof(aligns) / sizeof(*aligns); i++) {
		relocatable(0x1000000, 0xffffffff, aligns[i], 1);
		w.phdrs[0].p_paddr = w.phdrs[0].p_vaddr = 0x100188;
		w.ehdr.e_entry = 0x100188;
		accept_plan();
		ck_assert_uint_ge(image->segments[0].paddr, 0x1000000);
		ck_assert_uint_eq(image->segments[0].paddr % aligns[i], 0);
		done();
	}
}
END_TEST

START_TEST(relocatable_image_without_room_is_refused)
{
	relocatable(0x10000000, 0xffffffff, 0x1000, 1);
	refuse_plan(-ENOEXEC, "no room");
	relocatable(0x100000, 0x1003ff, 0x1000, 1);
	refuse_plan(-ENOEXEC, "0x1003ff");
}
END_TEST

/* What lies where. */

/* F1 */
START_TEST(information_is_at_0_and_its_page_is_reserved)
{
	params.memory = 16 * MIB;
	image_good(64)->p_memsz = 0x44000;
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0);
	map_is((struct memmap_entry[]){
		{0, 0x1000, MEMMAP_RESERVED},
		{0x1000, 0xef000, MEMMAP_USABLE},
		{0xf0000, 0x1000, MEMMAP_RESERVED},
		{0xf1000, 0xe000, MEMMAP_USABLE},
		{0xff000, 0x1000, MEMMAP_RESERVED},
		{0x100000, 0xf00000, MEMMAP_USABLE},
		{0},
	});
	done();
}
END_TEST

/* 4 MiB of segment, with data at the offsets given; the rest are holes. */
static void sparse_image(const uint64_t *data, size_t nr)
{
	static const char bytes[4096] = "data";

	params.memory = 16 * MIB;
	image_good(64);
	elf_writer_load(&w, 0x200000, 0x100000, 4 * MIB, 4 * MIB);
	for (size_t i = 0; i < nr; i++)
		elf_writer_bytes(&w, 0x100000 + data[i], bytes, sizeof(bytes));
	accept_plan();
}

/* Does the file system tell of holes? */
static bool tells_holes(void)
{
	return lseek(image->fd, 0x100000, SEEK_HOLE) < 0x100000 + (off_t)MIB;
}

START_TEST(holes_of_the_file_are_not_read)
{
	const uint64_t data[] = {0, 0x10000, 2 * MIB};
	const struct extent *e;

	sparse_image(data, 3);
	if (tells_holes()) {
		/* A small hole is data; a large one, and the last, are not. */
		e = extent_at(0x200000);
		ck_assert_ptr_nonnull(e);
		ck_assert_uint_eq(e->offset, 0x100000);
		ck_assert_uint_eq(e->len, 0x11000);
		ck_assert_ptr_null(extent_at(0x211000));
		ck_assert_ptr_null(extent_at(0x3fffff));
		e = extent_at(0x400000);
		ck_assert_ptr_nonnull(e);
		ck_assert_uint_eq(e->gpa, 0x400000);
		ck_assert_uint_eq(e->len, 0x1000);
		ck_assert_uint_eq(e->offset, 0x300000);
		ck_assert_ptr_null(extent_at(0x401000));
	}
	done();
	/* A hole at the start, data at the end. */
	sparse_image((const uint64_t[]){4 * MIB - 4096}, 1);
	if (tells_holes()) {
		ck_assert_ptr_null(extent_at(0x200000));
		e = extent_at(0x5ff000);
		ck_assert_ptr_nonnull(e);
		ck_assert_uint_eq(e->len, 0x1000);
	}
	done();
	/* Nothing but a hole. */
	sparse_image(NULL, 0);
	if (tells_holes())
		ck_assert_ptr_null(extent_at(0x300000));
	done();
}
END_TEST

START_TEST(long_command_line_reserves_more_pages)
{
	static char words[10000];

	memset(words, 'x', sizeof(words) - 1);
	params.cmdline = words;
	image_good(64);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0);
	ck_assert_uint_eq(plan->map.entries[0].len, 0x3000);
	ck_assert_str_eq((const char *)(info_tag(1, 0) + 2), words);
	done();
}
END_TEST

/* Its room is measured before the page tables and the firmware's split the map:
 * no length may fill it so far that those do not fit. */
START_TEST(information_of_any_length_fits_its_room)
{
	static char words[PAGE_SIZE + 1];

	params.protocol = BOOT_LONG;
	for (unsigned i = 0; i < PAGE_SIZE; i += 8) {
		memset(words, 'x', i);
		params.cmdline = words;
		params.machine = _i ? MACHINE_PC : MACHINE_MINIMAL;
		image_good(64);
		accept_plan();
		done();
	}
}
END_TEST

/* F9 */
START_TEST(information_moves_where_a_segment_is_at_0)
{
	image_good(64);
	elf_writer_load(&w, 0, 0x2000, 0x100, 0x2100);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0x3000);
	ck_assert_uint_eq(boot_plan_entry(plan)->rbx, 0x3000);
	ck_assert_uint_eq(boot_plan_entry(plan)->rsi, 0x3000);
	ck_assert_str_eq(extent_at(0)->source->name, image_path);
	ck_assert_msg(strstr(notes, "0x3000"), "%s", notes);
	done();
}
END_TEST

START_TEST(information_moves_behind_one_late_byte_of_its_page)
{
	image_good(64);
	elf_writer_load(&w, 0xfff, 0x2000, 1, 1);
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0x1000);
	done();
}
END_TEST

START_TEST(information_goes_where_the_option_says)
{
	image_good(64);
	params.mbi_addr_given = true;
	params.mbi_addr = 0x9000;
	accept_plan();
	ck_assert_uint_eq(plan->info_gpa, 0x9000);
	ck_assert_uint_eq(boot_plan_entry(plan)->rbx, 0x9000);
	ck_assert_ptr_eq(extent_at(0x9000)->source, &plan->info_source);
	done();
}
END_TEST

START_TEST(information_asked_for_on_a_segment_is_refused_by_its_number)
{
	params.mbi_addr_given = true;
	params.mbi_addr = 0x200000;
	image_good(64);
	elf_writer_load(&w, 0x200800, 0x2000, 0x10, 0x10);
	refuse_plan(-ENOEXEC, "segment 1 is at 0x200800 to 0x200810");
	params.mbi_addr = 0;
	image_good(64);
	elf_writer_load(&w, 0, 0x2000, 0x10, 0x10);
	refuse_plan(-ENOEXEC, "--mbi-addr 0x0: segment 1");
}
END_TEST

START_TEST(information_asked_for_outside_ram_is_refused)
{
	static const gpa_t bad[] = {64 * MIB, 0xc0000000, 0xfffff000};

	params.mbi_addr_given = true;
	for (unsigned i = 0; i < 3; i++) {
		params.mbi_addr = bad[i];
		image_good(64);
		refuse_plan(-EINVAL, "are not RAM");
	}
	params.mbi_addr = 64 * MIB - PAGE_SIZE;
	image_good(64);
	accept_plan();
	done();
}
END_TEST

/* F4 */
START_TEST(image_in_the_device_hole_is_refused)
{
	params.memory = 4 * GIB;
	image_good(64)->p_paddr = 0xc0100000;
	w.phdrs[0].p_vaddr = 0x100000;
	refuse_plan(-ENOEXEC, "0xc0100000");
	image_good(64)->p_paddr = MEMMAP_HOLE_START - 0x800;
	w.phdrs[0].p_vaddr = 0x100000;
	refuse_plan(-ENOEXEC, "0xbffd");
	image_good(64)->p_paddr = MEMMAP_HOLE_START - 0x1000;
	w.phdrs[0].p_vaddr = 0x100000;
	accept_plan();
	done();
}
END_TEST

/* F5 */
START_TEST(image_larger_than_ram_is_refused_with_what_it_needs)
{
	params.memory = MIB;
	image_good(64)->p_memsz = 0x100000;
	refuse_plan(-ENOEXEC, "needs --mem 2M");
	params.memory = 2 * MIB;
	image_good(64)->p_memsz = 0x100000;
	accept_plan();
	done();
}
END_TEST

START_TEST(ram_full_of_image_leaves_no_room_for_the_information)
{
	params.memory = MIB;
	image_good(64)->p_paddr = 0;
	w.phdrs[0].p_vaddr = 0x100000;
	w.phdrs[0].p_memsz = MIB;
	refuse_plan(-EINVAL, "multiboot2 information");
}
END_TEST

START_TEST(large_read_only_data_alone_is_not_hot)
{
	struct gpa_range r;
	bool image_hot = false;

	params.memory = 2 * GIB;
	image_good(64);
	elf_writer_load(&w, GIB, 0x2000, 0x1000, 300 * MIB)->p_flags = PF_R;
	accept_plan();
	for (size_t i = 0; boot_plan_hot(plan, i, &r); i++) {
		ck_assert_uint_ne(r.start, GIB);
		image_hot |= r.start == 0x100000;
	}
	ck_assert(image_hot);
	done();
}
END_TEST

/* The BIOS data area: COM1, and the end of base memory. */

static bool has_bios_data(void)
{
	const struct extent *e = extent_at(0x400);

	return e && e->source == &plan->bios_source;
}

START_TEST(bios_data_names_com1_and_base_memory)
{
	const struct extent *e;
	uint16_t port, kib;

	image_good(64);
	accept_plan();
	ck_assert(has_bios_data());
	e = extent_at(0x400);
	ck_assert_int_eq(e->source->read(e->source->ctx, &port, 2, 0), 0);
	ck_assert_uint_eq(port, ABI_PORT_COM1);
	ck_assert_int_eq(e->source->read(e->source->ctx, &kib, 2, 0x13), 0);
	ck_assert_uint_eq(kib, 640);
	done();
}
END_TEST

START_TEST(bios_data_gives_way_to_image_and_information)
{
	static char words[0x400];

	image_good(64);
	elf_writer_load(&w, 0, 0x2000, 0x401, 0x401);
	accept_plan();
	ck_assert(!has_bios_data());
	done();
	memset(words, 'x', sizeof(words) - 1);
	params.cmdline = words;
	image_good(64);
	accept_plan();
	ck_assert(!has_bios_data());
	ck_assert_msg(strstr(notes, "--mbi-addr"), "%s", notes);
	done();
	params.mbi_addr_given = true;
	params.mbi_addr = 0x10000;
	image_good(64);
	accept_plan();
	ck_assert(has_bios_data());
	done();
}
END_TEST

/* Modules. */

static void module_lies_well(unsigned i, uint64_t len)
{
	const uint32_t *tag = info_tag(3, i);
	const struct extent *e;

	ck_assert_ptr_nonnull(tag);
	ck_assert_uint_eq(tag[2] & PAGE_MASK, 0);
	ck_assert_uint_eq(tag[3] - tag[2], len);
	ck_assert_uint_ge(tag[2], page_up(image_end(image)));
	if (!len)
		return;
	e = extent_at(tag[2]);
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(e->gpa, tag[2]);
	ck_assert_uint_eq(e->len, len);
	ck_assert_uint_eq(e->offset, 0);
	ck_assert_str_eq(e->source->name, module_paths[i]);
}

START_TEST(modules_lie_behind_the_image_on_pages_of_their_own)
{
	image_good(64)->p_memsz = 0x1234;
	module_file("first words", 5000);
	module_file(NULL, 1);
	module_file("", 0);
	module_file("last", 4096);
	accept_plan();
	module_lies_well(0, 5000);
	module_lies_well(1, 1);
	module_lies_well(2, 0);
	module_lies_well(3, 4096);
	ck_assert_ptr_null(info_tag(3, 4));
	ck_assert_str_eq((const char *)(info_tag(3, 0) + 4), "first words");
	ck_assert_str_eq((const char *)(info_tag(3, 1) + 4), module_paths[1]);
	ck_assert_str_eq((const char *)(info_tag(3, 2) + 4), "");
	done();
}
END_TEST

START_TEST(modules_go_below_an_image_at_the_end_of_ram)
{
	image_good(64)->p_paddr = 64 * MIB - 0x1000;
	w.phdrs[0].p_vaddr = 0x100000;
	module_file(NULL, 70000);
	accept_plan();
	ck_assert_uint_eq(info_tag(3, 0)[2], MIB);
	done();
}
END_TEST

START_TEST(modules_stay_below_4_gib)
{
	params.memory = 6 * GIB;
	params.protocol = BOOT_LONG;
	image_good(64)->p_paddr = 5 * GIB;
	w.phdrs[0].p_vaddr = w.ehdr.e_entry = 5 * GIB;
	module_file(NULL, 100);
	accept_plan();
	ck_assert_uint_eq(info_tag(3, 0)[2], MIB);
	done();
}
END_TEST

START_TEST(module_without_room_is_refused)
{
	params.memory = 2 * MIB;
	image_good(64);
	module_option(NULL);
	module_file(NULL, 10);
	ck_assert_int_eq(truncate(module_paths[1], 3 * MIB), 0);
	rename(module_paths[1], module_paths[0]);
	params.nr_modules = 1;
	refuse_plan(-EINVAL, "no room for the module's 0x300000");
}
END_TEST

START_TEST(missing_module_is_refused_by_name)
{
	image_good(64);
	module_file(NULL, 10);
	module_option(NULL);
	refuse_plan(-ENOENT, module_paths[1]);
}
END_TEST

START_TEST(module_that_is_no_file_is_refused_at_once)
{
	image_good(64);
	module_option(NULL);
	ck_assert_int_eq(mkdir(module_paths[0], 0755), 0);
	refuse_plan(-EINVAL, "not a regular file; copy it");
	rmdir(module_paths[0]);
	image_good(64);
	ck_assert_int_eq(mkfifo(module_paths[0], 0644), 0);
	refuse_plan(-EINVAL, "not a regular file; copy it");
}
END_TEST

/* Sections. */

START_TEST(sections_without_an_address_are_placed_for_the_guest)
{
	static const char strings[] = "\0.text\0.strtab";
	const Elf64_Shdr *sections;
	const uint32_t *tag;
	const struct extent *e;

	image_good(64);
	elf_writer_bytes(&w, 0x2345, strings, sizeof(strings));
	elf_writer_section(&w, 0x3000);
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_PROGBITS,
		.sh_addr = 0x100000,
		.sh_offset = 0x1000,
		.sh_size = 0x1000,
	};
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = 0x2345,
		.sh_size = sizeof(strings),
	};
	w.ehdr.e_shstrndx = 2;
	accept_plan();
	tag = info_tag(9, 0);
	ck_assert_ptr_nonnull(tag);
	ck_assert_uint_eq(tag[2], 3);
	ck_assert_uint_eq(tag[3], sizeof(Elf64_Shdr));
	ck_assert_uint_eq(tag[4], 2);
	sections = (const Elf64_Shdr *)plan->sections;
	ck_assert_mem_eq(tag + 5, sections, 3 * sizeof(*sections));
	ck_assert_uint_eq(sections[0].sh_addr, 0);
	ck_assert_uint_eq(sections[1].sh_addr, 0x100000);
	e = extent_at(sections[2].sh_addr);
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(e->gpa, sections[2].sh_addr);
	ck_assert_uint_eq(e->offset, 0x2345);
	ck_assert_uint_eq(e->len, sizeof(strings));
	done();
}
END_TEST

START_TEST(sections_of_a_32_bit_file_are_placed_too)
{
	const Elf32_Shdr *sections;

	image_good(32);
	elf_writer_section(&w, 0x3000);
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = 0x1100,
		.sh_size = 0x20,
	};
	accept_plan();
	sections = (const Elf32_Shdr *)plan->sections;
	ck_assert_uint_eq(info_tag(9, 0)[3], sizeof(*sections));
	ck_assert_ptr_nonnull(extent_at(sections[1].sh_addr));
	ck_assert_uint_eq(extent_at(sections[1].sh_addr)->offset, 0x1100);
	done();
}
END_TEST

START_TEST(sections_that_lie_outside_the_file_are_left_alone)
{
	static const Elf64_Shdr odd[] = {
		{.sh_type = SHT_STRTAB, .sh_offset = 0x100000, .sh_size = 1},
		{.sh_type = SHT_STRTAB,
		 .sh_offset = 0x1000,
		 .sh_size = UINT64_MAX},
		{.sh_type = SHT_STRTAB, .sh_offset = UINT64_MAX, .sh_size = 2},
		{.sh_type = SHT_STRTAB, .sh_offset = 0x1000, .sh_size = 0},
		{.sh_type = SHT_NOBITS, .sh_offset = 0x1000, .sh_size = 0x10},
		{.sh_type = SHT_NULL, .sh_offset = 0x1000, .sh_size = 0x10},
	};
	const Elf64_Shdr *sections;

	image_good(64);
	elf_writer_section(&w, 0x3000);
	for (unsigned i = 0; i < 6; i++)
		*elf_writer_section(&w, 0) = odd[i];
	accept_plan();
	sections = (const Elf64_Shdr *)plan->sections;
	for (unsigned i = 0; i < 6; i++)
		ck_assert_mem_eq(&sections[1 + i], &odd[i], sizeof(*odd));
	done();
}
END_TEST

START_TEST(sections_without_room_stay_in_the_file)
{
	const Elf64_Shdr *sections;

	image_good(64)->p_paddr = 64 * MIB - 0x1000;
	w.phdrs[0].p_vaddr = 0x100000;
	elf_writer_section(&w, 0x3000);
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = 0x1100,
		.sh_size = 0x20,
	};
	accept_plan();
	sections = (const Elf64_Shdr *)plan->sections;
	ck_assert_uint_eq(sections[1].sh_addr, 0);
	done();
}
END_TEST

START_TEST(everything_at_once_finds_a_place)
{
	params.protocol = BOOT_LONG;
	image_good(64)->p_vaddr = 0xffffffff80100000;
	w.phdrs[0].p_memsz = 0x2345;
	w.ehdr.e_entry = 0xffffffff80100000;
	elf_writer_load(&w, 0, 0x2000, 0x10, 0x10);
	elf_writer_load(&w, 0x103000, 0x2100, 0x10, 0x1000)->p_vaddr =
		0xffffffff80103000;
	elf_writer_section(&w, 0x3000);
	*elf_writer_section(&w, 0) = (Elf64_Shdr){
		.sh_type = SHT_SYMTAB,
		.sh_offset = 0x1100,
		.sh_size = 0x20,
	};
	for (unsigned i = 0; i < 4; i++)
		module_file(NULL, 5000 * i);
	accept_plan();
	is_reserved(plan->tables_gpa, plan->tables_len);
	done();
}
END_TEST

/* Long mode. */

static int table_read(void *ctx, gpa_t at, unsigned bytes, uint64_t *entries,
		      unsigned nr)
{
	const struct extent *e = extent_at(at);

	(void)ctx;
	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_eq(e->source, &plan->tables_source);
	ck_assert_uint_eq(bytes, sizeof(*entries));
	return e->source->read(e->source->ctx, entries, nr * sizeof(*entries),
			       e->offset + (at - e->gpa));
}

/* Where the plan's page tables lead; UINT64_MAX: nowhere. */
static gpa_t mapped(gva_t va)
{
	struct pt_mem mem = {.read = table_read};
	struct pt_space space = pt_space(&pt_x86_64, &mem, plan->entry.cr3);
	struct pt_walk walk;
	enum pt_status status = pt_walk(&space, va, &walk);

	ck_assert(status == PT_OK || status == PT_ABSENT);
	return status ? UINT64_MAX : walk.pa;
}

START_TEST(long_mode_maps_ram_and_devices_one_to_one)
{
	image_good(64);
	params.protocol = BOOT_LONG;
	accept_plan();
	ck_assert_int_eq(boot_plan_protocol(plan), BOOT_LONG);
	ck_assert(plan->entry.long_mode);
	ck_assert_uint_eq(plan->entry.rip, 0x100000);
	ck_assert_uint_eq(plan->entry.rdi, plan->info_gpa);
	ck_assert_uint_eq(plan->entry.cr3 & PAGE_MASK, 0);
	ck_assert_uint_eq(mapped(0), 0);
	ck_assert_uint_eq(mapped(0x100123), 0x100123);
	ck_assert_uint_eq(mapped(0xfee00000), 0xfee00000);
	ck_assert_uint_eq(mapped(4 * GIB - 1), 4 * GIB - 1);
	ck_assert_uint_eq(mapped(4 * GIB), UINT64_MAX);
	is_reserved(plan->tables_gpa, plan->tables_len);
	done();
}
END_TEST

START_TEST(long_mode_has_a_stack_of_its_own)
{
	gpa_t top;

	params.protocol = BOOT_LONG;
	image_good(64);
	accept_plan();
	top = boot_plan_entry(plan)->rsp;
	ck_assert_uint_ge(top, 0x4000);
	ck_assert_uint_eq(top % 16, 0);
	is_reserved(top - 0x4000, 0x4000);
	for (gpa_t page = top - 0x4000; page < top; page += PAGE_SIZE)
		ck_assert_ptr_null(extent_at(page));
	for (size_t i = 0; i < plan->nr_taken; i++) {
		const struct gpa_range *r = &plan->taken[i].range;

		if (r->start < top && top - 0x4000 < r->start + r->len)
			ck_assert_uint_le(r->start, top - 0x4000);
	}
	done();
	params.protocol = BOOT_ELF;
	image_good(64);
	accept_plan();
	ck_assert_uint_eq(boot_plan_entry(plan)->rsp, 0);
	done();
}
END_TEST

START_TEST(long_mode_maps_ram_above_4_gib)
{
	params.memory = 9 * GIB;
	image_good(64);
	params.protocol = BOOT_LONG;
	accept_plan();
	ck_assert_uint_eq(mapped(9 * GIB + 5), 9 * GIB + 5);
	ck_assert_uint_eq(mapped(11 * GIB), UINT64_MAX);
	done();
}
END_TEST

START_TEST(long_mode_maps_segments_at_their_virtual_address)
{
	params.protocol = BOOT_LONG;
	image_good(64)->p_vaddr = 0xffffffff80100000;
	w.phdrs[0].p_memsz = 0x2345;
	w.ehdr.e_entry = 0xffffffff80100004;
	/* The second begins in the last page of the first. */
	elf_writer_load(&w, 0x102400, 0x2400, 0x100, 0x1000)->p_vaddr =
		0xffffffff80102400;
	accept_plan();
	ck_assert_uint_eq(plan->entry.rip, 0xffffffff80100004);
	ck_assert_uint_eq(mapped(0xffffffff80100004), 0x100004);
	ck_assert_uint_eq(mapped(0xffffffff80102345), 0x102345);
	ck_assert_uint_eq(mapped(0xffffffff801033ff), 0x1033ff);
	ck_assert_uint_eq(mapped(0xffffffff80104000), UINT64_MAX);
	ck_assert_uint_eq(mapped(0xffffffff800ff000), UINT64_MAX);
	done();
}
END_TEST

START_TEST(long_mode_enters_a_physical_entry_where_it_is)
{
	params.protocol = BOOT_LONG;
	image_good(64)->p_vaddr = 0xffffffff80100000;
	w.ehdr.e_entry = 0x100008;
	accept_plan();
	ck_assert_uint_eq(plan->entry.rip, 0x100008);
	done();
}
END_TEST

START_TEST(long_mode_refuses_what_it_cannot_map)
{
	params.protocol = BOOT_LONG;
	image_good(64)->p_vaddr = 0xffffffff80100123;
	w.ehdr.e_entry = 0xffffffff80100123;
	refuse_plan(-ENOEXEC, "differ within the page");
	image_good(64)->p_vaddr = 0x200000; /* the identity mapping's */
	w.ehdr.e_entry = 0x200000;
	refuse_plan(-ENOEXEC, "mapped to 0x200000 already");
	image_good(64)->p_vaddr = 0x800000000000;
	w.ehdr.e_entry = 0x800000000000;
	refuse_plan(-ENOEXEC, "canonical");
	image_good(64)->p_vaddr = 0x7fffffffe000;
	w.phdrs[0].p_memsz = 0x4000;
	w.ehdr.e_entry = 0x7fffffffe000;
	refuse_plan(-ENOEXEC, "canonical");
}
END_TEST

START_TEST(long_mode_refuses_two_segments_at_one_virtual_page)
{
	params.protocol = BOOT_LONG;
	image_good(64)->p_vaddr = 0xffffffff80100000;
	w.ehdr.e_entry = 0xffffffff80100000;
	w.phdrs[0].p_memsz = 0x3000;
	elf_writer_load(&w, 0x400000, 0x2000, 0x100, 0x100)->p_vaddr =
		0xffffffff80102000;
	refuse_plan(-ENOEXEC, "segment 1: p_vaddr 0xffffffff80102000");
}
END_TEST

START_TEST(long_mode_maps_the_last_page_of_the_address_space)
{
	params.protocol = BOOT_LONG;
	image_good(64)->p_vaddr = 0xfffffffffffff000;
	w.ehdr.e_entry = 0xfffffffffffff010;
	accept_plan();
	ck_assert_uint_eq(mapped(UINT64_MAX), 0x100fff);
	ck_assert_uint_eq(plan->entry.rip, 0xfffffffffffff010);
	done();
}
END_TEST

START_TEST(long_mode_without_room_for_tables_is_refused)
{
	params.protocol = BOOT_LONG;
	params.memory = 0x103000;
	image_good(64)->p_memsz = 0x3000;
	elf_writer_load(&w, 0x2000, 0x2000, 0x10, 0xfe000)->p_vaddr = 0x2000;
	refuse_plan(-EINVAL, "page tables");
}
END_TEST

static TCase *choice_case(void)
{
	TCase *tc = boot_case("choice");

	tcase_add_test(tc, file_without_a_header_is_plain_elf);
	tcase_add_loop_test(tc, user_program_is_noted, 0, 2);
	tcase_add_test(tc, file_with_a_header_is_multiboot2);
	tcase_add_test(tc, damaged_header_is_noted_and_the_file_is_plain_elf);
	tcase_add_test(tc, header_asked_for_must_be_there);
	tcase_add_test(tc, plain_elf_asked_for_ignores_the_header);
	tcase_add_test(tc, unknown_required_tag_is_refused_by_its_number);
	tcase_add_test(tc, unknown_optional_tag_is_passed_over);
	tcase_add_test(tc, names_of_protocols_lead_there_and_back);
	return tc;
}

static TCase *entry_case(void)
{
	TCase *tc = boot_case("entry");

	tcase_add_test(tc, first_registers_are_those_of_multiboot2);
	tcase_add_test(tc, entry_is_physical_by_the_segment_that_has_it);
	tcase_add_test(tc, entry_in_no_segment_is_refused);
	tcase_add_test(tc, entry_above_4_gib_is_refused_for_32_bit_code);
	tcase_add_test(tc, entry_address_tag_replaces_e_entry);
	tcase_add_test(tc, entry_address_tag_that_leads_nowhere_is_refused);
	return tc;
}

static TCase *address_case(void)
{
	TCase *tc = boot_case("address");

	tcase_add_test(tc, address_tag_loads_the_file_as_it_says);
	tcase_add_test(tc, address_tag_of_zero_ends_loads_the_rest_of_the_file);
	tcase_add_test(tc,
		       address_tag_that_wants_more_than_the_file_is_refused);
	tcase_add_test(tc, address_tag_may_give_a_small_file_much_memory);
	return tc;
}

static TCase *relocation_case(void)
{
	TCase *tc = boot_case("relocation");

	tcase_add_test(tc, relocatable_image_without_preference_stays);
	tcase_add_test(tc, relocatable_image_that_may_not_stay_moves);
	tcase_add_test(tc, relocatable_image_goes_low_or_high);
	tcase_add_test(tc, relocatable_image_beyond_ram_comes_into_ram);
	tcase_add_test(tc, relocatable_image_keeps_all_its_segments_apart);
	tcase_add_test(tc, relocation_moves_the_entry_address_tag_as_well);
	tcase_add_test(tc, relocation_keeps_the_alignment_asked_for);
	tcase_add_test(tc, relocatable_image_without_room_is_refused);
	return tc;
}

static TCase *layout_case(void)
{
	TCase *tc = boot_case("layout");

	tcase_add_test(tc, information_is_at_0_and_its_page_is_reserved);
	tcase_add_test(tc, holes_of_the_file_are_not_read);
	tcase_add_test(tc, long_command_line_reserves_more_pages);
	tcase_add_loop_test(tc, information_of_any_length_fits_its_room, 0, 2);
	tcase_add_test(tc, information_moves_where_a_segment_is_at_0);
	tcase_add_test(tc, information_moves_behind_one_late_byte_of_its_page);
	tcase_add_test(tc, information_goes_where_the_option_says);
	tcase_add_test(
		tc,
		information_asked_for_on_a_segment_is_refused_by_its_number);
	tcase_add_test(tc, information_asked_for_outside_ram_is_refused);
	tcase_add_test(tc, image_in_the_device_hole_is_refused);
	tcase_add_test(tc, image_larger_than_ram_is_refused_with_what_it_needs);
	tcase_add_test(tc,
		       ram_full_of_image_leaves_no_room_for_the_information);
	tcase_add_test(tc, large_read_only_data_alone_is_not_hot);
	tcase_add_test(tc, bios_data_names_com1_and_base_memory);
	tcase_add_test(tc, bios_data_gives_way_to_image_and_information);
	return tc;
}

static TCase *modules_case(void)
{
	TCase *tc = boot_case("modules");

	tcase_add_test(tc, modules_lie_behind_the_image_on_pages_of_their_own);
	tcase_add_test(tc, modules_go_below_an_image_at_the_end_of_ram);
	tcase_add_test(tc, modules_stay_below_4_gib);
	tcase_add_test(tc, module_without_room_is_refused);
	tcase_add_test(tc, missing_module_is_refused_by_name);
	tcase_add_test(tc, module_that_is_no_file_is_refused_at_once);
	return tc;
}

static TCase *sections_case(void)
{
	TCase *tc = boot_case("sections");

	tcase_add_test(tc,
		       sections_without_an_address_are_placed_for_the_guest);
	tcase_add_test(tc, sections_of_a_32_bit_file_are_placed_too);
	tcase_add_test(tc, sections_that_lie_outside_the_file_are_left_alone);
	tcase_add_test(tc, sections_without_room_stay_in_the_file);
	tcase_add_test(tc, everything_at_once_finds_a_place);
	return tc;
}

static TCase *long_case(void)
{
	TCase *tc = boot_case("long");

	tcase_add_test(tc, long_mode_maps_ram_and_devices_one_to_one);
	tcase_add_test(tc, long_mode_has_a_stack_of_its_own);
	tcase_add_test(tc, long_mode_maps_ram_above_4_gib);
	tcase_add_test(tc, long_mode_maps_segments_at_their_virtual_address);
	tcase_add_test(tc, long_mode_enters_a_physical_entry_where_it_is);
	tcase_add_test(tc, long_mode_refuses_what_it_cannot_map);
	tcase_add_test(tc, long_mode_refuses_two_segments_at_one_virtual_page);
	tcase_add_test(tc, long_mode_maps_the_last_page_of_the_address_space);
	tcase_add_test(tc, long_mode_without_room_for_tables_is_refused);
	return tc;
}

Suite *boot_suite(void)
{
	Suite *s = suite_create("boot");

	suite_add_tcase(s, choice_case());
	suite_add_tcase(s, entry_case());
	suite_add_tcase(s, address_case());
	suite_add_tcase(s, relocation_case());
	suite_add_tcase(s, layout_case());
	suite_add_tcase(s, modules_case());
	suite_add_tcase(s, sections_case());
	suite_add_tcase(s, long_case());
	return s;
}
