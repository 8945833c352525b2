/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/inspect/dump, dump_elf, dump_notes: files as physical memory.
 */
#include "vmm/inspect/dump_elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "tests/elf_writer.h"
#include "tests/must.h"
#include "tests/suites.h"
#include "vmm/crash/core_note.h"

static struct dump dump;
static struct dump_elf elf;
static struct elf_writer w;
static struct error err;
static char arg[512];

static void begin(void)
{
	dump_init(&dump);
	elf = (struct dump_elf){0};
}

static void end(void)
{
	dump_vcpus_fini(&elf.vcpus);
	dump_fini(&dump);
}

/* A file of so many pages; byte 0 of page n is first + n. */
static const char *raw(const char *name, unsigned pages, unsigned first)
{
	const char *path = must_file(name);
	uint8_t *bytes = must_alloc(pages * PAGE_SIZE);

	memset(bytes, 0, pages * PAGE_SIZE);
	for (unsigned i = 0; i < pages; i++)
		bytes[i * PAGE_SIZE] = (uint8_t)(first + i);
	must_write_file(path, bytes, pages * PAGE_SIZE);
	free(bytes);
	return path;
}

static int add(const char *path, const char *at)
{
	snprintf(arg, sizeof(arg), "%s%s", path, at);
	return dump_add_raw(&dump, arg, &err);
}

static void refused(int rc, int wanted, const char *why)
{
	ck_assert_int_eq(rc, wanted);
	ck_assert_msg(strstr(err.text, why), "%s", err.text);
	ck_assert_ptr_null(strchr(err.text, '\n'));
}

static int read_at(gpa_t at, unsigned bytes, uint64_t *entries, unsigned nr)
{
	struct pt_mem mem = dump_mem(&dump);

	return mem.read(mem.ctx, at, bytes, entries, nr);
}

static void byte_is(gpa_t at, uint64_t value)
{
	uint64_t entry;

	ck_assert_int_eq(read_at(at, 8, &entry, 1), 0);
	ck_assert_uint_eq(entry, value);
}

static void nothing_at(gpa_t at)
{
	uint64_t entry;

	ck_assert(!dump_has(&dump, at));
	ck_assert_int_eq(read_at(at, 8, &entry, 1), -ENODATA);
}

/* Raw dumps. */

START_TEST(files_are_where_they_are_said_to_be)
{
	ck_assert_int_eq(add(raw("a", 2, 1), ""), 0);
	ck_assert_int_eq(add(raw("b", 1, 7), "@0x100000"), 0);
	ck_assert_int_eq(add(raw("c", 1, 9), "@8192"), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	byte_is(0, 1);
	byte_is(0x1000, 2);
	byte_is(0x2000, 9);
	byte_is(0x100000, 7);
	nothing_at(0x3000);
	nothing_at(0xfffff);
	nothing_at(0x101000);
	nothing_at(UINT64_MAX - 7);
}
END_TEST

START_TEST(at_in_a_name_is_part_of_it_without_a_number)
{
	ck_assert_int_eq(add(raw("dump@home", 1, 5), ""), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	byte_is(0, 5);
}
END_TEST

START_TEST(last_page_of_the_address_space_is_one)
{
	ck_assert_int_eq(add(raw("a", 1, 5), "@0xfffffffffffff000"), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	byte_is(UINT64_MAX - 0xfff, 5);
	byte_is(UINT64_MAX - 7, 0);
}
END_TEST

START_TEST(entries_are_read_whole_or_not_at_all)
{
	uint64_t entries[4];

	ck_assert_int_eq(add(raw("a", 1, 5), "@0x1000"), 0);
	ck_assert_int_eq(add(raw("b", 1, 6), "@0x2000"), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	/* Over the files' border; over memory's. */
	ck_assert_int_eq(read_at(0x1ff0, 8, entries, 4), 0);
	ck_assert_uint_eq(entries[2], 6);
	ck_assert_int_eq(read_at(0x1ffc, 4, entries, 2), 0);
	ck_assert_uint_eq(entries[1], 6);
	ck_assert_int_eq(read_at(0x2ff8, 8, entries, 2), -ENODATA);
	ck_assert_int_eq(read_at(0xff8, 8, entries, 2), -ENODATA);
	ck_assert_int_eq(read_at(0xffc, 4, entries, 2), -ENODATA);
	/* Around the end of addresses. */
	ck_assert_int_eq(read_at(UINT64_MAX - 7, 8, entries, 4), -ENODATA);
}
END_TEST

static const struct {
	const char *at, *why;
} wrong_places[] = {
	{"@0x123", "no multiple of 0x1000"},
	{"@0xfffffffffffff000", "beyond the last address"},
	{"@99999999999999999999", "is no address"},
	{"@0x10zz", "is no address"},
	{"@0x", "is no address"},
	{"@0-1", "is no address"},
};

START_TEST(place_that_is_none_is_refused)
{
	refused(add(raw("a", 2, 0), wrong_places[_i].at), -EINVAL,
		wrong_places[_i].why);
}
END_TEST

START_TEST(file_that_is_no_dump_is_refused)
{
	must_write_file(must_file("odd"), "12345", 5);
	refused(add(must_file("odd"), ""), -EINVAL, "cut off?");
	must_write_file(must_file("empty"), "", 0);
	refused(add(must_file("empty"), ""), -EINVAL, "empty");
	refused(add(must_file("none"), ""), -ENOENT, "No such file");
	refused(add(must_file("."), ""), -EINVAL, "not a regular file");
	refused(add("/dev/zero", ""), -EINVAL, "not a regular file");
}
END_TEST

START_TEST(elf_file_is_raw_only_where_that_is_said)
{
	const char *path = must_file("elf");
	uint8_t bytes[PAGE_SIZE] = ELFMAG;

	must_write_file(path, bytes, sizeof(bytes));
	refused(add(path, ""), -EINVAL, "--elf");
	ck_assert_int_eq(add(path, "@0"), 0);
}
END_TEST

START_TEST(two_files_for_one_address_are_refused)
{
	ck_assert_int_eq(add(raw("a", 4, 0), "@0x1000"), 0);
	ck_assert_int_eq(add(raw("b", 1, 0), _i ? "@0x4000" : "@0x1000"), 0);
	refused(dump_complete(&dump, &err), -EINVAL,
		_i ? "at 0x4000" : "at 0x1000");
	ck_assert_ptr_nonnull(strstr(err.text, "/a"));
	ck_assert_ptr_nonnull(strstr(err.text, "/b"));
}
END_TEST

/* Whoever runs out of memory must not go on with zeros. */
START_TEST(file_that_becomes_shorter_ends_the_process)
{
	const char *path = raw("a", 4, 1);
	uint64_t entry;

	mapped_file_guard(42);
	ck_assert_int_eq(add(path, ""), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	byte_is(0x3000, 4);
	ck_assert_int_eq(truncate(path, 0x1000), 0);
	read_at(0x3000, 8, &entry, 1);
}
END_TEST

/* ELF files. */

static void start_elf(unsigned class)
{
	elf_writer_init(&w, class);
}

static int add_elf(void)
{
	const char *path = must_file("elf");

	ck_assert_int_eq(elf_writer_write(&w, path), 0);
	elf_writer_fini(&w);
	return dump_add_elf(&dump, path, &elf, &err);
}

static const uint64_t marks[] = {0x1111, 0x2222, 0x3333};

START_TEST(image_is_its_segments_and_zeros_behind_them)
{
	start_elf(_i ? 64 : 32);
	elf_writer_load(&w, 0x100000, 0x1000, 0x10, 0x3000);
	elf_writer_load(&w, 0x200008, 0x2000, 0x8, 0x8);
	elf_writer_bytes(&w, 0x1000, &marks[0], 8);
	elf_writer_bytes(&w, 0x1008, &marks[1], 8);
	elf_writer_bytes(&w, 0x2000, &marks[2], 8);
	ck_assert_int_eq(add_elf(), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	ck_assert(!elf.is_core);
	byte_is(0x100000, 0x1111);
	byte_is(0x100008, 0x2222);
	byte_is(0x100010, 0);
	byte_is(0x102ff8, 0);
	nothing_at(0x103000);
	nothing_at(0x200000);
	byte_is(0x200008, 0x3333);
	nothing_at(0x200010);
}
END_TEST

START_TEST(memory_at_several_addresses_of_a_core_is_one)
{
	start_elf(64);
	w.ehdr.e_type = ET_CORE;
	elf_writer_load(&w, 0x2000, 0x2000, 0x2000, 0x2000);
	elf_writer_load(&w, 0x1000, 0x1000, 0x2000, 0x2000)->p_vaddr = 0x8000;
	elf_writer_load(&w, 0x2000, 0x2000, 0x1000, 0x1000)->p_vaddr = 0x9000;
	elf_writer_bytes(&w, 0x2000, &marks[0], 8);
	ck_assert_int_eq(add_elf(), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	ck_assert(elf.is_core);
	ck_assert_uint_eq(dump.nr_ranges, 1);
	byte_is(0x2000, 0x1111);
	nothing_at(0);
	byte_is(0x3ff8, 0);
	nothing_at(0x4000);
}
END_TEST

START_TEST(what_a_core_could_not_save_is_not_zeros)
{
	start_elf(64);
	w.ehdr.e_type = ET_CORE;
	elf_writer_load(&w, 0x1000, 0x1000, 0x1000, 0x3000);
	ck_assert_int_eq(add_elf(), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	byte_is(0x1ff8, 0);
	nothing_at(0x2000);
}
END_TEST

START_TEST(segments_that_contradict_each_other_are_refused)
{
	start_elf(64);
	w.ehdr.e_type = ET_CORE;
	/* As debuggers' cores of programs are: p_paddr is 0 everywhere. */
	elf_writer_load(&w, 0, 0x1000, 0x1000, 0x1000);
	elf_writer_load(&w, 0, 0x2000, 0x1000, 0x1000);
	ck_assert_int_eq(add_elf(), 0);
	refused(dump_complete(&dump, &err), -EINVAL, "physical addresses?");
}
END_TEST

static void spoil_class(void)
{
	w.ehdr.e_ident[EI_CLASS] = 3;
}

static void spoil_data(void)
{
	w.ehdr.e_ident[EI_DATA] = ELFDATA2MSB;
}

static void spoil_magic(void)
{
	w.ehdr.e_ident[EI_MAG3] = 'f';
}

static void spoil_type(void)
{
	w.ehdr.e_type = ET_REL;
}

static void spoil_phentsize(void)
{
	w.ehdr.e_phentsize = 55;
}

static void spoil_phoff(void)
{
	w.ehdr.e_phoff = UINT64_MAX - 8;
}

static void spoil_phnum(void)
{
	w.ehdr.e_phnum = 0xfffe;
}

static void spoil_xnum(void)
{
	w.ehdr.e_phnum = PN_XNUM;
	w.ehdr.e_shoff = 0;
}

static void spoil_xnum_place(void)
{
	w.ehdr.e_phnum = PN_XNUM;
	w.ehdr.e_shoff = UINT64_MAX - 16;
}

static void spoil_offset(void)
{
	w.phdrs[0].p_offset = UINT64_MAX;
}

static void spoil_filesz(void)
{
	w.phdrs[0].p_filesz = w.phdrs[0].p_memsz = 0x100000;
}

static void spoil_memsz(void)
{
	w.phdrs[0].p_memsz = 1;
}

static void spoil_paddr(void)
{
	w.phdrs[0].p_paddr = UINT64_MAX - 0xffe;
}

static const struct {
	void (*spoil)(void);
	const char *why;
} wrong_elfs[] = {
	{spoil_class, "EI_CLASS is 3"},
	{spoil_data, "EI_DATA is 2"},
	{spoil_magic, "not an ELF file"},
	{spoil_type, "e_type is 1"},
	{spoil_phentsize, "e_phentsize is 55"},
	{spoil_phoff, "program headers at 0xfffffffffffffff7"},
	{spoil_phnum, "65534 program headers"},
	{spoil_xnum, "no section 0"},
	{spoil_xnum_place, "no section 0"},
	{spoil_offset, "program header 0: its 4096 bytes"},
	{spoil_filesz, "program header 0: its 1048576 bytes"},
	{spoil_memsz, "p_filesz 0x1000 is more than p_memsz 0x1"},
	{spoil_paddr, "beyond the last address"},
};

START_TEST(elf_with_a_wrong_field_is_refused)
{
	start_elf(64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x1000, 0x1000);
	wrong_elfs[_i].spoil();
	refused(add_elf(), -ENOEXEC, wrong_elfs[_i].why);
}
END_TEST

START_TEST(elf_that_is_cut_off_anywhere_is_refused)
{
	static const long lens[] = {3, 4, 20, 52, 63, 64, 100, 0x1fff};
	const char *path = must_file("elf");

	start_elf(64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x1000, 0x1000);
	ck_assert_int_eq(elf_writer_write(&w, path), 0);
	elf_writer_fini(&w);
	ck_assert_int_eq(truncate(path, lens[_i]), 0);
	refused(dump_add_elf(&dump, path, &elf, &err), -ENOEXEC, path);
}
END_TEST

/* The count of program headers may be in section 0. */
START_TEST(number_of_program_headers_may_be_in_section_0)
{
	start_elf(64);
	elf_writer_load(&w, 0x100000, 0x1000, 0x1000, 0x1000);
	elf_writer_section(&w, 0x3000)->sh_info = 1;
	w.ehdr.e_phnum = PN_XNUM;
	ck_assert_int_eq(add_elf(), 0);
	ck_assert_int_eq(dump_complete(&dump, &err), 0);
	byte_is(0x100000, 0);
	nothing_at(0x101000);
}
END_TEST

/* Notes. */

static uint8_t notes[8192];
static size_t notes_len;

static void note(const char *name, uint32_t type, const void *desc, size_t len)
{
	const Elf64_Nhdr head = {
		.n_namesz = (Elf64_Word)strlen(name) + 1,
		.n_descsz = (Elf64_Word)len,
		.n_type = type,
	};

	memcpy(notes + notes_len, &head, sizeof(head));
	notes_len += sizeof(head);
	memcpy(notes + notes_len, name, head.n_namesz);
	notes_len += (head.n_namesz + 3) & ~3U;
	memcpy(notes + notes_len, desc, len);
	notes_len += (len + 3) & ~(size_t)3;
}

static void thread(int pid)
{
	const struct elf_prstatus status = {.pr_pid = pid};

	note("CORE", NT_PRSTATUS, &status, sizeof(status));
}

static void registers(uint64_t cr3, bool long_code)
{
	const struct core_note_qemu state = {
		.version = 1,
		.size = sizeof(state),
		.cs.flags = long_code ? 1U << 21 : 0,
		.cr = {0x80000011, 0, 0, cr3, 0x20},
	};

	note("QEMU", 0, &state, sizeof(state));
}

static void own(uint64_t efer)
{
	const struct core_note_own o = {.efer = efer};

	note(CORE_NOTE_OWN_NAME, CORE_NOTE_OWN_TYPE, &o, sizeof(o));
}

static int add_notes(void)
{
	start_elf(64);
	w.ehdr.e_type = ET_CORE;
	elf_writer_load(&w, 0, 0x4000, 0x1000, 0x1000);
	elf_writer_phdr(&w, PT_NOTE, 0x1000, notes_len);
	elf_writer_bytes(&w, 0x1000, notes, notes_len);
	return add_elf();
}

static void cpu_is(unsigned index, unsigned id, uint64_t cr3, uint64_t efer)
{
	const struct dump_vcpu *cpu = &elf.vcpus.list[index];

	ck_assert_uint_lt(index, elf.vcpus.nr);
	ck_assert_uint_eq(cpu->id, id);
	ck_assert_uint_eq(cpu->cr0, 0x80000011);
	ck_assert_uint_eq(cpu->cr3, cr3);
	ck_assert_uint_eq(cpu->cr4, 0x20);
	ck_assert_int_eq(cpu->efer_known, efer != 0);
	ck_assert_uint_eq(cpu->efer, efer);
}

START_TEST(vcpus_of_our_cores_are_found)
{
	thread(3);
	registers(0x1000, true);
	own(0xd00);
	thread(1);
	registers(0x2000, false);
	own(0x500);
	ck_assert_int_eq(add_notes(), 0);
	ck_assert_uint_eq(elf.vcpus.nr, 2);
	cpu_is(0, 2, 0x1000, 0xd00);
	cpu_is(1, 0, 0x2000, 0x500);
	ck_assert(elf.vcpus.list[0].long_code && !elf.vcpus.list[1].long_code);
}
END_TEST

START_TEST(vcpus_of_qemus_dumps_are_found)
{
	thread(1);
	thread(2);
	registers(0x1000, true);
	registers(0x2000, true);
	ck_assert_int_eq(add_notes(), 0);
	ck_assert_uint_eq(elf.vcpus.nr, 2);
	cpu_is(0, 0, 0x1000, 0);
	cpu_is(1, 1, 0x2000, 0);
}
END_TEST

START_TEST(notes_of_others_are_passed_over)
{
	note("CORE", NT_PRPSINFO, "info", 4);
	note("VMCOREINFO", 0, "OSRELEASE=1", 11);
	note("QEMU", 0, "short", 5);
	note("CORE", NT_PRSTATUS, "short", 5);
	own(0xd00); /* nobody's */
	registers(0x1000, true);
	ck_assert_int_eq(add_notes(), 0);
	ck_assert_uint_eq(elf.vcpus.nr, 1);
	cpu_is(0, 0, 0x1000, 0);
}
END_TEST

START_TEST(notes_that_make_no_sense_end_the_list)
{
	const Elf64_Nhdr head = {.n_namesz = _i == 0 ? UINT32_MAX : 5,
				 .n_descsz = _i == 1 ? UINT32_MAX : 4096};

	thread(1);
	registers(0x1000, true);
	memcpy(notes + notes_len, &head, sizeof(head));
	notes_len += _i == 2 ? 7 : sizeof(head);
	ck_assert_int_eq(add_notes(), 0);
	ck_assert_uint_eq(elf.vcpus.nr, 1);
}
END_TEST

#define NR(array) ((int)(sizeof(array) / sizeof((array)[0])))

static TCase *new_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	must_add_folder(tcase);
	tcase_add_checked_fixture(tcase, begin, end);
	suite_add_tcase(suite, tcase);
	return tcase;
}

Suite *inspect_dump_suite(void)
{
	Suite *suite = suite_create("inspect_dump");
	TCase *tcase = new_case(suite, "raw");

	tcase_add_test(tcase, files_are_where_they_are_said_to_be);
	tcase_add_test(tcase, at_in_a_name_is_part_of_it_without_a_number);
	tcase_add_test(tcase, last_page_of_the_address_space_is_one);
	tcase_add_test(tcase, entries_are_read_whole_or_not_at_all);
	tcase_add_loop_test(tcase, place_that_is_none_is_refused, 0,
			    NR(wrong_places));
	tcase_add_test(tcase, file_that_is_no_dump_is_refused);
	tcase_add_test(tcase, elf_file_is_raw_only_where_that_is_said);
	tcase_add_loop_test(tcase, two_files_for_one_address_are_refused, 0, 2);
	tcase_add_exit_test(tcase, file_that_becomes_shorter_ends_the_process,
			    42);
	tcase = new_case(suite, "elf");
	tcase_add_loop_test(tcase, image_is_its_segments_and_zeros_behind_them,
			    0, 2);
	tcase_add_test(tcase, memory_at_several_addresses_of_a_core_is_one);
	tcase_add_test(tcase, what_a_core_could_not_save_is_not_zeros);
	tcase_add_test(tcase, segments_that_contradict_each_other_are_refused);
	tcase_add_loop_test(tcase, elf_with_a_wrong_field_is_refused, 0,
			    NR(wrong_elfs));
	tcase_add_loop_test(tcase, elf_that_is_cut_off_anywhere_is_refused, 0,
			    8);
	tcase_add_test(tcase, number_of_program_headers_may_be_in_section_0);
	tcase = new_case(suite, "notes");
	tcase_add_test(tcase, vcpus_of_our_cores_are_found);
	tcase_add_test(tcase, vcpus_of_qemus_dumps_are_found);
	tcase_add_test(tcase, notes_of_others_are_passed_over);
	tcase_add_loop_test(tcase, notes_that_make_no_sense_end_the_list, 0, 3);
	return suite;
}
