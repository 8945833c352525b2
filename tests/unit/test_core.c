/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/core: what is in the file, and that it is there as a whole or not at all.
 * libelf reads it back.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "vmm/crash/core.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>

#include "tests/unit/image_help.h"
#include "tests/unit/postmortem_help.h"
#include "tests/suites.h"
#include "vmm/x86.h"

#define HIGH UINT64_C(0xffffffff80000000)
#define PS   UINT64_C(0x80)

static char path[128];
static struct core_result result;
static int core_fd;
static Elf *elf;
static GElf_Ehdr ehdr;
static size_t nr_phdrs;

static void setup(void)
{
	pm_begin(16 * MIB);
	image_good(64);
	image_accept();
	pm.image = image;
	pm_flat(pm_regs);
	snprintf(path, sizeof(path), "%s.core", image_path);
	core_fd = -1;
	elf = NULL;
}

static void teardown(void)
{
	elf_end(elf);
	if (core_fd >= 0)
		close(core_fd);
	unlink(path);
	image_close(image);
	pm_end();
}

/* An image in ELF32, for a core in ELF32. */
static void narrow(void)
{
	image_close(image);
	image_remove();
	image_good(32);
	image_accept();
	pm.image = image;
}

static void write_core(void)
{
	ck_assert_msg(!core_write(path, &pm, NULL, &result), "%s",
		      result.error);
	core_fd = open(path, O_RDONLY);
	ck_assert_int_ge(core_fd, 0);
	ck_assert_uint_ne(elf_version(EV_CURRENT), EV_NONE);
	elf = elf_begin(core_fd, ELF_C_READ, NULL);
	ck_assert_ptr_nonnull(elf);
	ck_assert_ptr_nonnull(gelf_getehdr(elf, &ehdr));
	ck_assert_int_eq(ehdr.e_type, ET_CORE);
	ck_assert_int_eq(elf_getphdrnum(elf, &nr_phdrs), 0);
	ck_assert_uint_eq(result.loads + 1, nr_phdrs);
}

static GElf_Phdr phdr(size_t i)
{
	GElf_Phdr p;

	ck_assert_ptr_nonnull(gelf_getphdr(elf, (int)i, &p));
	return p;
}

static void load_is(size_t i, gva_t vaddr, gpa_t paddr, uint64_t len,
		    uint32_t flags)
{
	GElf_Phdr p = phdr(i);

	ck_assert_uint_eq(p.p_type, PT_LOAD);
	ck_assert_uint_eq(p.p_vaddr, vaddr);
	ck_assert_uint_eq(p.p_paddr, paddr);
	ck_assert_uint_eq(p.p_filesz, len);
	ck_assert_uint_eq(p.p_memsz, len);
	ck_assert_uint_eq(p.p_flags, flags);
	ck_assert_uint_eq(p.p_offset % PAGE_SIZE, p.p_vaddr % PAGE_SIZE);
}

/* The byte at the start of load i. */
static int byte_of(size_t i)
{
	unsigned char byte;

	ck_assert_int_eq(pread(core_fd, &byte, 1, (off_t)phdr(i).p_offset), 1);
	return byte;
}

static void touch(gpa_t gpa, uint8_t byte)
{
	pm_put(gpa, &byte, 1);
}

static void nothing_is_left(void)
{
	char command[256];

	snprintf(command, sizeof(command), "! ls %s* 2>/dev/null", path);
	ck_assert_msg(!system(command), "something is left");
}

START_TEST(without_paging_addresses_are_physical)
{
	touch(0x3000, 1);
	touch(0x4000, 2);
	touch(0x200000, 3);
	write_core();
	ck_assert_uint_eq(nr_phdrs, 3);
	ck_assert_uint_eq(phdr(0).p_type, PT_NOTE);
	load_is(1, 0x3000, 0x3000, 0x2000, PF_R | PF_W | PF_X);
	load_is(2, 0x200000, 0x200000, 0x1000, PF_R | PF_W | PF_X);
	ck_assert_int_eq(byte_of(1), 1);
	ck_assert_int_eq(byte_of(2), 3);
	ck_assert_uint_eq(result.pages, 3);
	ck_assert_str_eq(result.note, "");
}
END_TEST

START_TEST(without_paging_the_image_is_where_it_is_linked_as_well)
{
	image_close(image);
	image_remove();
	image_good(64)->p_vaddr = HIGH + 0x100000;
	w.ehdr.e_entry = HIGH + 0x100000;
	image_accept();
	pm.image = image;
	touch(0x100000, 7);
	write_core();
	ck_assert_uint_eq(nr_phdrs, 3);
	load_is(1, 0x100000, 0x100000, 0x1000, PF_R | PF_W | PF_X);
	load_is(2, HIGH + 0x100000, 0x100000, 0x1000, PF_R | PF_W | PF_X);
	ck_assert_uint_eq(phdr(1).p_offset, phdr(2).p_offset);
	ck_assert_int_eq(byte_of(2), 7);
}
END_TEST

/* A second mapping of what is other memory already would hide that. */
START_TEST(without_paging_an_image_linked_in_ram_is_where_it_was_loaded)
{
	image_close(image);
	image_remove();
	image_good(64)->p_vaddr = 0x200000;
	w.ehdr.e_entry = 0x200000;
	image_accept();
	pm.image = image;
	touch(0x100000, 7);
	touch(0x200000, 8);
	write_core();
	ck_assert_uint_eq(nr_phdrs, 3);
	load_is(1, 0x100000, 0x100000, 0x1000, PF_R | PF_W | PF_X);
	load_is(2, 0x200000, 0x200000, 0x1000, PF_R | PF_W | PF_X);
	ck_assert_int_eq(byte_of(1), 7);
	ck_assert_int_eq(byte_of(2), 8);
}
END_TEST

START_TEST(with_paging_addresses_are_what_the_tables_say)
{
	pm_long(pm_regs, 0x1000);
	pm_map_2m(0x1000, 0x2000, HIGH, 0x400000 | PS | 1);
	pm_map_2m(0x1000, 0x4000, 0, UINT64_C(1) << 63 | 0x400000 | PS | 3);
	touch(0x405000, 9);
	write_core();
	ck_assert_int_eq(ehdr.e_machine, EM_X86_64);
	/* 1 note, twice the page, and all of physical memory. */
	ck_assert_uint_eq(nr_phdrs, 5);
	load_is(1, 0x5000, 0x405000, 0x1000, PF_R | PF_W);
	load_is(2, CORE_PHYSICAL + 0x1000, 0x1000, 0x5000, PF_R | PF_W | PF_X);
	load_is(3, CORE_PHYSICAL + 0x405000, 0x405000, 0x1000,
		PF_R | PF_W | PF_X);
	load_is(4, HIGH + 0x5000, 0x405000, 0x1000, PF_R | PF_X);
	ck_assert_int_eq(byte_of(4), 9);
	ck_assert_uint_eq(phdr(1).p_offset, phdr(4).p_offset);
}
END_TEST

START_TEST(absent_pages_are_neither_written_nor_made)
{
	uint64_t pages;

	pm_end();
	pm_begin(8 * GIB);
	pm.image = image;
	pm_long(pm_regs, 0x1000);
	pm_put64(0x1000, 0x2003);
	for (unsigned i = 0; i < 511; i++) /* 511 GiB of it */
		pm_put64(0x2000 + i * 8, (i * GIB) | PS | 3);
	/* A table that nobody has touched: the processor was never there. */
	pm_put64(0x2000 + 511 * 8, GIB | 3);
	touch(7 * GIB, 1);
	write_core();
	ck_assert_uint_eq(result.pages, 3);
	pages = result.pages;
	ck_assert_int_eq(core_write(path, &pm, NULL, &result), 0);
	ck_assert_uint_eq(result.pages, pages);
}
END_TEST

START_TEST(zero_pages_are_holes)
{
	struct stat st;

	for (gpa_t gpa = 0; gpa < 8 * MIB; gpa += PAGE_SIZE)
		touch(gpa, 0);
	touch(5 * MIB, 5);
	write_core();
	ck_assert_uint_eq(result.pages, 2048);
	ck_assert_int_eq(fstat(core_fd, &st), 0);
	ck_assert_int_ge(st.st_size, 8 << 20);
	ck_assert_int_lt(st.st_blocks * 512, 1 << 20);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(file_ends_with_the_last_page_even_if_it_is_zero)
{
	struct stat st;

	touch(0x3000, 0);
	write_core();
	ck_assert_int_eq(fstat(core_fd, &st), 0);
	ck_assert_uint_eq((uint64_t)st.st_size, phdr(1).p_offset + PAGE_SIZE);
}
END_TEST

/* One page, mapped everywhere: each mapping is a piece of its own. */
START_TEST(more_headers_than_e_phnum_can_count)
{
	const unsigned tables = 140;
	GElf_Shdr section;

	pm_long(pm_regs, 0x1000);
	pm_put64(0x1000, 0x2003);
	pm_put64(0x2000, 0x3003);
	for (unsigned t = 0; t < tables; t++) {
		pm_put64(0x3000 + t * 8, (0x10000 + t * PAGE_SIZE) | 3);
		for (unsigned i = 0; i < 512; i++)
			pm_put64(0x10000 + t * PAGE_SIZE + i * 8, 0x5003);
	}
	touch(0x5000, 0x42);
	write_core();
	ck_assert_uint_eq(ehdr.e_phnum, PN_XNUM);
	/* The physical runs besides: 3 tables, the page, the last tables. */
	ck_assert_uint_eq(nr_phdrs, 1 + tables * 512 + 3);
	ck_assert_ptr_nonnull(gelf_getshdr(elf_getscn(elf, 0), &section));
	ck_assert_uint_eq(section.sh_info, nr_phdrs);
	load_is(1, 0, 0x5000, 0x1000, PF_R | PF_W | PF_X);
	load_is(tables * 512, (tables * 512 - 1) * PAGE_SIZE, 0x5000, 0x1000,
		PF_R | PF_W | PF_X);
	ck_assert_int_eq(byte_of(tables * 512), 0x42);
}
END_TEST

/* 512 to the power of 4 pages: every table is the root. */
START_TEST(hostile_tables_are_cut_with_a_note)
{
	pm_long(pm_regs, 0x1000);
	for (unsigned i = 0; i < 512; i++)
		pm_put64(0x1000 + i * 8, 0x1003);
	write_core();
	/* 2^20 pieces of a page each. */
	ck_assert_ptr_nonnull(
		strstr(result.note, "from 0x100000000 on is left out"));
	ck_assert_uint_le(nr_phdrs, (1 << 20) + 2);
	/* The last one in order: all of it is in the lower half. */
	load_is(nr_phdrs - 1, CORE_PHYSICAL + 0x1000, 0x1000, 0x1000,
		PF_R | PF_W | PF_X);
}
END_TEST

START_TEST(tables_that_lead_nowhere_leave_physical_memory)
{
	pm_long(pm_regs, 0xd0000000);
	touch(0x3000, 1);
	write_core();
	ck_assert_uint_eq(nr_phdrs, 2);
	load_is(1, CORE_PHYSICAL + 0x3000, 0x3000, 0x1000, PF_R | PF_W | PF_X);
}
END_TEST

/* Notes. */

static size_t next_note(Elf_Data *data, size_t at, GElf_Nhdr *note,
			const char **name, const char **desc)
{
	size_t name_at, desc_at;

	at = gelf_getnote(data, at, note, &name_at, &desc_at);
	*name = (char *)data->d_buf + name_at;
	*desc = (char *)data->d_buf + desc_at;
	return at;
}

static Elf_Data *notes(void)
{
	GElf_Phdr p = phdr(0);

	ck_assert_uint_eq(p.p_type, PT_NOTE);
	return elf_getdata_rawchunk(elf, (off_t)p.p_offset, p.p_filesz,
				    ELF_T_NHDR);
}

START_TEST(vcpus_are_threads_the_crashed_one_first)
{
	static const int pids[] = {3, 1, 2};
	const char *name, *desc;
	GElf_Nhdr note;
	size_t at = 0;

	pm.nr_cpus = 4;
	pm.first = 2;
	pm_cpus[3].error = -EBUSY;
	write_core();
	for (int i = 0; i < 3; i++) {
		struct elf_prstatus status;

		at = next_note(notes(), at, &note, &name, &desc);
		ck_assert_str_eq(name, "CORE");
		ck_assert_uint_eq(note.n_type, NT_PRSTATUS);
		ck_assert_uint_eq(note.n_descsz, sizeof(status));
		memcpy(&status, desc, sizeof(status));
		ck_assert_int_eq(status.pr_pid, pids[i]);
		at = next_note(notes(), at, &note, &name, &desc);
		ck_assert_str_eq(name, "QEMU");
		ck_assert_uint_eq(note.n_descsz, 440);
		at = next_note(notes(), at, &note, &name, &desc);
		ck_assert_str_eq(name, "FAULTLINE");
		ck_assert_uint_eq(note.n_descsz, 8);
	}
	ck_assert_uint_eq(at, phdr(0).p_filesz);
}
END_TEST

/* As pm_begin leaves vCPU 1: what KVM has made of it is no state of the guest's. */
START_TEST(registers_that_kvm_lost_are_mentioned)
{
	pm.nr_cpus = 2;
	pm.first = 1;
	pm.crashed = true;
	pm.crash = (struct exit_crash){.vcpu = 1, .reason = KVM_EXIT_SHUTDOWN};
	write_core();
	ck_assert_ptr_nonnull(strstr(result.note, "vCPU 1 has the registers"));
}
END_TEST

START_TEST(registers_are_where_debuggers_look)
{
	struct user_regs_struct user;
	struct elf_prstatus status;
	const char *name, *desc;
	uint64_t qemu[55], efer;
	GElf_Nhdr note;
	size_t at;

	pm_long(pm_regs, 0xabc000);
	pm_regs->r.rip = 0x1111;
	pm_regs->r.rsp = 0x2222;
	pm_regs->r.r15 = 0x3333;
	pm_regs->r.rflags = 0x4444;
	pm_regs->s.fs.base = 0x5555;
	pm_regs->s.gs.base = 0x6666;
	pm_regs->s.cr2 = 0x7777;
	pm_regs->kernel_gs_base = 0x8888;
	write_core();
	at = next_note(notes(), 0, &note, &name, &desc);
	memcpy(&status, desc, sizeof(status));
	memcpy(&user, &status.pr_reg, sizeof(user));
	ck_assert_uint_eq(user.rip, 0x1111);
	ck_assert_uint_eq(user.rsp, 0x2222);
	ck_assert_uint_eq(user.r15, 0x3333);
	ck_assert_uint_eq(user.eflags, 0x4444);
	ck_assert_uint_eq(user.fs_base, 0x5555);
	ck_assert_uint_eq(user.gs_base, 0x6666);
	ck_assert_uint_eq(user.cs, 8);
	ck_assert_uint_eq(user.ss, 0x10);
	at = next_note(notes(), at, &note, &name, &desc);
	memcpy(qemu, desc, sizeof(qemu));
	ck_assert_uint_eq(qemu[0], UINT64_C(440) << 32 | 1);
	ck_assert_uint_eq(qemu[17], 0x1111);	 /* rip */
	ck_assert_uint_eq(qemu[49], 0x80000011); /* cr0 */
	ck_assert_uint_eq(qemu[51], 0x7777);	 /* cr2 */
	ck_assert_uint_eq(qemu[52], 0xabc000);	 /* cr3 */
	ck_assert_uint_eq(qemu[54], 0x8888);
	next_note(notes(), at, &note, &name, &desc);
	memcpy(&efer, desc, sizeof(efer));
	ck_assert_uint_eq(efer, pm_regs->s.efer);
}
END_TEST

START_TEST(narrow_image_in_protected_mode_gets_a_narrow_core)
{
	const char *name, *desc;
	uint32_t regs[17];
	GElf_Nhdr note;

	narrow();
	touch(0x3000, 1);
	pm_regs->r.rip = 0x1111;
	pm_regs->r.rax = 0x2222;
	pm_regs->r.rsp = 0x3333;
	write_core();
	ck_assert_int_eq(gelf_getclass(elf), ELFCLASS32);
	ck_assert_int_eq(ehdr.e_machine, EM_386);
	load_is(1, 0x3000, 0x3000, 0x1000, PF_R | PF_W | PF_X);
	ck_assert_int_eq(byte_of(1), 1);
	next_note(notes(), 0, &note, &name, &desc);
	ck_assert_uint_eq(note.n_descsz, 144);
	memcpy(regs, desc + 72, sizeof(regs));
	ck_assert_uint_eq(regs[6], 0x2222);
	ck_assert_uint_eq(regs[12], 0x1111);
	ck_assert_uint_eq(regs[13], 8);
	ck_assert_uint_eq(regs[15], 0x3333);
}
END_TEST

/* Physical memory comes last: what is mapped counts. */
START_TEST(narrow_core_has_mapped_memory_before_physical)
{
	narrow();
	pm_regs->s.cr0 |= CR0_PG;
	pm_regs->s.cr4 = CR4_PSE;
	pm_regs->s.cr3 = 0x1000;
	pm_put32(0x1000, 0x00400083);
	touch(0x401000, 5);
	write_core();
	ck_assert_uint_eq(nr_phdrs, 4);
	load_is(1, 0x1000, 0x401000, 0x1000, PF_R | PF_W | PF_X);
	load_is(2, 0x1000, 0x1000, 0x1000, PF_R | PF_W | PF_X);
	load_is(3, 0x401000, 0x401000, 0x1000, PF_R | PF_W | PF_X);
}
END_TEST

START_TEST(narrow_image_in_64_bit_mode_gets_a_wide_core)
{
	narrow();
	pm_long(pm_regs, 0x1000);
	write_core();
	ck_assert_int_eq(gelf_getclass(elf), ELFCLASS64);
}
END_TEST

START_TEST(narrow_core_leaves_out_what_it_cannot_say)
{
	pm_end();
	pm_begin(6 * GIB);
	narrow();
	pm_flat(pm_regs);
	touch(0x3000, 1);
	touch(5 * GIB, 2);
	write_core();
	ck_assert_uint_eq(nr_phdrs, 2);
	load_is(1, 0x3000, 0x3000, 0x1000, PF_R | PF_W | PF_X);
	ck_assert_ptr_nonnull(strstr(result.note, "above 4 GiB"));
}
END_TEST

/* As a whole or not at all. */

START_TEST(old_core_is_replaced)
{
	FILE *old = fopen(path, "w");

	ck_assert_ptr_nonnull(old);
	fputs("old", old);
	fclose(old);
	touch(0x3000, 1);
	write_core();
	ck_assert_uint_eq(nr_phdrs, 2);
}
END_TEST

static bool is_pending(int signal_number)
{
	sigset_t pending;

	return !sigpending(&pending) && sigismember(&pending, signal_number);
}

/* The signal is not lost with it. */
START_TEST(core_that_is_abandoned_leaves_nothing)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	raise(SIGTERM);
	touch(0x3000, 1);
	ck_assert_int_eq(core_write(path, &pm, &signals, &result), -ECANCELED);
	ck_assert(is_pending(SIGTERM));
	ck_assert_ptr_nonnull(strstr(result.error, "interrupted"));
	nothing_is_left();
}
END_TEST

START_TEST(other_signals_do_not_abandon_a_core)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	raise(SIGTERM);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	ck_assert_int_eq(core_write(path, &pm, &signals, &result), 0);
	raise(SIGINT);
	ck_assert(is_pending(SIGINT)); /* it is blocked now */
}
END_TEST

START_TEST(full_disk_leaves_nothing)
{
	const struct rlimit limit = {_i ? 100 : 1 << 20, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (gpa_t gpa = 0; gpa < 2 * MIB; gpa += PAGE_SIZE)
		touch(gpa, 1);
	ck_assert_int_eq(core_write(path, &pm, NULL, &result), -EFBIG);
	ck_assert_ptr_nonnull(strstr(result.error, "File too large"));
	nothing_is_left();
}
END_TEST

START_TEST(folder_that_is_not_there_is_an_error)
{
	char deep[160];

	snprintf(deep, sizeof(deep), "%s/core", path);
	ck_assert_int_eq(core_write(deep, &pm, NULL, &result), -ENOENT);
	ck_assert_ptr_nonnull(strstr(result.error, "No such file"));
}
END_TEST

static void fill_content(TCase *tcase)
{
	tcase_add_test(tcase, without_paging_addresses_are_physical);
	tcase_add_test(tcase,
		       without_paging_the_image_is_where_it_is_linked_as_well);
	tcase_add_test(
		tcase,
		without_paging_an_image_linked_in_ram_is_where_it_was_loaded);
	tcase_add_test(tcase, with_paging_addresses_are_what_the_tables_say);
	tcase_add_test(tcase, absent_pages_are_neither_written_nor_made);
	tcase_add_test(tcase, zero_pages_are_holes);
	tcase_add_test(tcase, file_ends_with_the_last_page_even_if_it_is_zero);
	tcase_add_test(tcase, more_headers_than_e_phnum_can_count);
	tcase_add_test(tcase, hostile_tables_are_cut_with_a_note);
	tcase_add_test(tcase, tables_that_lead_nowhere_leave_physical_memory);
}

static void fill_classes(TCase *tcase)
{
	tcase_add_test(tcase, vcpus_are_threads_the_crashed_one_first);
	tcase_add_test(tcase, registers_that_kvm_lost_are_mentioned);
	tcase_add_test(tcase, registers_are_where_debuggers_look);
	tcase_add_test(tcase,
		       narrow_image_in_protected_mode_gets_a_narrow_core);
	tcase_add_test(tcase, narrow_core_has_mapped_memory_before_physical);
	tcase_add_test(tcase, narrow_image_in_64_bit_mode_gets_a_wide_core);
	tcase_add_test(tcase, narrow_core_leaves_out_what_it_cannot_say);
}

static void fill_failures(TCase *tcase)
{
	tcase_add_test(tcase, old_core_is_replaced);
	tcase_add_test(tcase, core_that_is_abandoned_leaves_nothing);
	tcase_add_test(tcase, other_signals_do_not_abandon_a_core);
	tcase_add_loop_test(tcase, full_disk_leaves_nothing, 0, 2);
	tcase_add_test(tcase, folder_that_is_not_there_is_an_error);
}

Suite *core_suite(void)
{
	Suite *suite = suite_create("core");
	TCase *tcase = image_case("core");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	fill_content(tcase);
	fill_classes(tcase);
	fill_failures(tcase);
	suite_add_tcase(suite, tcase);
	return suite;
}
