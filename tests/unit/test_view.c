/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/view, vmm/registers and vmm/backtrace: memory as a vCPU sees it in each
 * mode, and who called whom there; stacks that lie.
 */
#include "vmm/crash/view.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/postmortem_help.h"
#include "tests/suites.h"
#include "vmm/crash/backtrace.h"
#include "vmm/x86.h"

#define MIB  (UINT64_C(1) << 20)
#define HIGH UINT64_C(0xffffffff80000000)
#define NX   (UINT64_C(1) << 63)

static struct view view;

static void setup(void)
{
	pm_begin(16 * MIB);
}

static void teardown(void)
{
	pm_end();
}

static void look(void)
{
	view_init(&view, &pm_regs->s, pm.read, pm.read_ctx);
}

static void is_at(gva_t gva, gpa_t want)
{
	gpa_t gpa = 0;

	ck_assert_int_eq(view_translate(&view, gva, &gpa, NULL), 0);
	ck_assert_uint_eq(gpa, want);
}

static int error_at(gva_t gva)
{
	gpa_t gpa;

	return view_translate(&view, gva, &gpa, NULL);
}

static void has_format(const struct pt_format *format)
{
	look();
	ck_assert_ptr_eq(view.format, format);
}

START_TEST(modes_have_their_names_and_formats)
{
	struct kvm_sregs *s = &pm_regs->s;

	ck_assert_str_eq(registers_mode_name(s), "real mode");
	ck_assert(registers_are_reset(pm_regs));
	look();
	ck_assert_ptr_null(view.format);
	ck_assert_uint_eq(registers_ip(&pm_regs->r, s), 0xfffffff0);
	pm_flat(pm_regs);
	ck_assert(!registers_are_reset(pm_regs));
	ck_assert_str_eq(registers_mode_name(s), "32-bit protected mode");
	s->cs.db = 0;
	ck_assert_str_eq(registers_mode_name(s), "16-bit protected mode");
	s->cr0 |= CR0_PG;
	has_format(&pt_x86_32_small);
	s->cr4 = CR4_PSE;
	has_format(&pt_x86_32);
	s->cr4 = CR4_PAE;
	has_format(&pt_x86_pae);
	pm_long(pm_regs, 0);
	ck_assert_str_eq(registers_mode_name(s), "64-bit mode");
	has_format(&pt_x86_64);
	s->cr4 |= CR4_LA57;
	has_format(&pt_x86_64_la57);
	s->cs.l = 0;
	ck_assert_str_eq(registers_mode_name(s), "16-bit compatibility mode");
	s->cs.db = 1;
	ck_assert_str_eq(registers_mode_name(s), "32-bit compatibility mode");
}
END_TEST

START_TEST(segment_bases_count_outside_64_bit_mode)
{
	pm_flat(pm_regs);
	pm_regs->r.rip = 0x10;
	pm_regs->r.rsp = 0xdead0020;
	pm_regs->s.cs.base = 0x5000;
	pm_regs->s.ss.base = 0x7000;
	pm_regs->s.ss.db = 0;
	ck_assert_uint_eq(registers_ip(&pm_regs->r, &pm_regs->s), 0x5010);
	ck_assert_uint_eq(registers_sp(&pm_regs->r, &pm_regs->s), 0x7020);
	pm_regs->s.cs.base = 0xfffffff8;
	ck_assert_uint_eq(registers_ip(&pm_regs->r, &pm_regs->s), 8);
	pm_long(pm_regs, 0);
	pm_regs->r.rip = HIGH;
	pm_regs->s.cs.base = 0x5000;
	ck_assert_uint_eq(registers_ip(&pm_regs->r, &pm_regs->s), HIGH);
}
END_TEST

START_TEST(without_paging_linear_is_physical)
{
	char bytes[4];

	pm_flat(pm_regs);
	pm_put(0x1ffe, "abcd", 4);
	look();
	is_at(0x1234, 0x1234);
	ck_assert_uint_eq(view_read(&view, 0x1ffe, bytes, 4), 4);
	ck_assert_mem_eq(bytes, "abcd", 4);
	/* Addresses have 32 bits, and wrap. */
	is_at(0x100001234, 0x1234);
	is_at(UINT64_MAX, 0xffffffff);
	ck_assert_uint_eq(view_read(&view, 16 * MIB - 2, bytes, 4), 2);
	ck_assert_uint_eq(view_read(&view, 0xd0000000, bytes, 4), 0);
}
END_TEST

START_TEST(tables_of_32_bit_paging_are_followed)
{
	pm_flat(pm_regs);
	pm_regs->s.cr0 |= CR0_PG;
	pm_regs->s.cr4 = CR4_PSE;
	pm_regs->s.cr3 = 0x1018; /* attribute bits are none of the address */
	pm_put32(0x1000 + 0x300 * 4, 0x2003);
	pm_put32(0x2000 + 4, 0x5003);
	pm_put32(0x1000 + 4, 0x00800083);
	look();
	is_at(0xc0001234, 0x5234);
	is_at(0x00400010, 0x00800010);
	ck_assert_int_eq(error_at(0xc0002000), -ENOENT);
}
END_TEST

START_TEST(tables_of_pae_are_followed)
{
	pm_flat(pm_regs);
	pm_regs->s.cr0 |= CR0_PG;
	pm_regs->s.cr4 = CR4_PAE;
	pm_regs->s.cr3 = 0x1020; /* 32 bytes, not a page */
	pm_put64(0x1020 + 3 * 8, 0x2001);
	pm_put64(0x2000, 0x00200083);
	look();
	is_at(0xc0012345, 0x00212345);
	ck_assert_int_eq(error_at(0), -ENOENT);
}
END_TEST

START_TEST(tables_of_four_levels_are_followed)
{
	struct pt_walk walk;
	gpa_t gpa;

	pm_long(pm_regs, 0x1000);
	pm_map_2m(0x1000, 0x2000, HIGH + 2 * MIB, 0x600083 | NX);
	look();
	is_at(HIGH + 2 * MIB + 5, 0x600005);
	ck_assert_int_eq(view_translate(&view, HIGH + 2 * MIB, &gpa, &walk), 0);
	ck_assert_uint_eq(walk.rights, PT_READ | PT_WRITE);
	ck_assert_int_eq(error_at(HIGH), -ENOENT);
	ck_assert_int_eq(error_at(0x0000800000000000), -EINVAL);
	/* Without EFER.NXE the bit is a reserved one. */
	pm_regs->s.efer &= ~(uint64_t)EFER_NXE;
	look();
	ck_assert_int_eq(error_at(HIGH + 2 * MIB), -EBADMSG);
}
END_TEST

START_TEST(tables_outside_ram_are_an_error)
{
	pm_long(pm_regs, 0xd0000000);
	look();
	ck_assert_int_eq(error_at(0), -EFAULT);
	pm_long(pm_regs, 0x1000);
	pm_put64(0x1000, 0xd0000003);
	look();
	ck_assert_int_eq(error_at(0), -EFAULT);
}
END_TEST

/* Frames, by hand. */

static struct backtrace bt;

static void take(void)
{
	look();
	backtrace_take(&bt, &view, &pm_regs->r, &pm_regs->s);
}

static void frame(unsigned i, gva_t ip, unsigned times)
{
	ck_assert_uint_lt(i, bt.nr);
	ck_assert_uint_eq(bt.frames[i].ip, ip);
	ck_assert_uint_eq(bt.frames[i].times, times);
}

static void put_frame_64(gpa_t at, gva_t next, gva_t ret)
{
	pm_put64(at, next);
	pm_put64(at + 8, ret);
}

/* 64-bit mode; the first 16 MiB at HIGH. */
static void begin_64(void)
{
	pm_long(pm_regs, 0x1000);
	for (unsigned i = 0; i < 8; i++)
		pm_map_2m(0x1000, 0x2000, HIGH + i * 2 * MIB,
			  i * 2 * MIB | 0x83);
	pm_regs->r.rip = HIGH + 0x100000;
	pm_put(0x100000, "\x0f\x0b", 2);
}

START_TEST(chain_is_followed_to_its_end)
{
	begin_64();
	pm_regs->r.rbp = HIGH + 0x8000;
	put_frame_64(0x8000, HIGH + 0x8020, HIGH + 0x100100);
	put_frame_64(0x8020, HIGH + 0x9000, HIGH + 0x100200);
	put_frame_64(0x9000, 0, HIGH + 0x100300);
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_COMPLETE);
	ck_assert_uint_eq(bt.nr, 4);
	frame(0, HIGH + 0x100000, 1);
	frame(1, HIGH + 0x100100, 1);
	frame(2, HIGH + 0x100200, 1);
	frame(3, HIGH + 0x100300, 1);
}
END_TEST

START_TEST(chain_of_32_bit_code_has_words_of_4_bytes)
{
	pm_flat(pm_regs);
	pm_regs->r.rip = 0x100000;
	pm_regs->r.rbp = 0x8004;
	pm_put(0x100000, "\x0f\x0b", 2);
	pm_put32(0x8004, 0x800c);
	pm_put32(0x8008, 0x100100);
	pm_put32(0x800c, 0);
	pm_put32(0x8010, 0x100200);
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_COMPLETE);
	ck_assert_uint_eq(bt.nr, 3);
	frame(2, 0x100200, 1);
}
END_TEST

START_TEST(zero_ends_a_chain)
{
	begin_64();
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_COMPLETE);
	ck_assert_uint_eq(bt.nr, 1);
	pm_regs->r.rbp = HIGH + 0x8000;
	put_frame_64(0x8000, HIGH + 0x9000, 0);
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_COMPLETE);
	ck_assert_uint_eq(bt.nr, 1);
}
END_TEST

/* What a frame pointer may be, and how the chain ends. */
static const struct {
	gva_t fp;
	enum backtrace_end end;
} bad_pointers[] = {
	{HIGH + 0x8001, BACKTRACE_UNALIGNED},
	{HIGH + 0x8004, BACKTRACE_UNALIGNED},
	{0x1000, BACKTRACE_UNMAPPED},
	{HIGH + 16 * MIB, BACKTRACE_UNMAPPED},
	{HIGH + 16 * MIB - 8, BACKTRACE_UNMAPPED},
	{0x0000800000000000, BACKTRACE_UNMAPPED},
	{UINT64_MAX - 7, BACKTRACE_UNMAPPED},
};

START_TEST(nonsense_ends_a_chain)
{
	begin_64();
	pm_regs->r.rbp = bad_pointers[_i].fp;
	take();
	ck_assert_int_eq(bt.end, bad_pointers[_i].end);
	ck_assert_uint_eq(bt.fp, bad_pointers[_i].fp);
	ck_assert_uint_eq(bt.nr, 1);
	/* Further up the same. */
	pm_regs->r.rbp = HIGH + 0x4000;
	put_frame_64(0x4000, bad_pointers[_i].fp, HIGH + 0x100100);
	take();
	ck_assert_int_ne(bt.end, BACKTRACE_COMPLETE);
	ck_assert_uint_eq(bt.nr, 2);
}
END_TEST

START_TEST(loop_ends_a_chain)
{
	begin_64();
	pm_regs->r.rbp = HIGH + 0x8000;
	put_frame_64(0x8000, HIGH + 0x8000, HIGH + 0x100100);
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_ORDER);
	ck_assert_uint_eq(bt.nr, 2);
	put_frame_64(0x8000, HIGH + 0x8020, HIGH + 0x100100);
	put_frame_64(0x8020, HIGH + 0x8000, HIGH + 0x100200);
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_ORDER);
	ck_assert_uint_eq(bt.nr, 3);
}
END_TEST

START_TEST(recursion_is_one_frame_many_times)
{
	begin_64();
	pm_regs->r.rbp = HIGH + 0x200000;
	for (unsigned i = 0; i < 5000; i++)
		put_frame_64(0x200000 + i * 16, HIGH + 0x200000 + (i + 1) * 16,
			     HIGH + 0x100100);
	put_frame_64(0x200000 + 5000 * 16, 0, HIGH + 0x100200);
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_COMPLETE);
	ck_assert_uint_eq(bt.nr, 3);
	frame(1, HIGH + 0x100100, 5000);
	frame(2, HIGH + 0x100200, 1);
}
END_TEST

START_TEST(deep_chain_ends_with_the_room)
{
	begin_64();
	pm_regs->r.rbp = HIGH + 0x200000;
	for (unsigned i = 0; i < 100; i++)
		put_frame_64(0x200000 + i * 16, HIGH + 0x200000 + (i + 1) * 16,
			     HIGH + 0x100100 + i);
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_DEPTH);
	ck_assert_uint_eq(bt.nr, 32);
	frame(31, HIGH + 0x100100 + 30, 1);
}
END_TEST

/* A call to nowhere: nobody has made a frame. */
START_TEST(caller_of_nowhere_is_found_on_the_stack)
{
	begin_64();
	pm_regs->r.rip = 0x123456789000;
	pm_regs->r.rsp = HIGH + 0x7ff8;
	pm_regs->r.rbp = HIGH + 0x8000;
	pm_put64(0x7ff8, HIGH + 0x100050);
	put_frame_64(0x8000, 0, HIGH + 0x100100);
	take();
	ck_assert_uint_eq(bt.nr, 3);
	frame(0, 0x123456789000, 1);
	frame(1, HIGH + 0x100050, 1);
	frame(2, HIGH + 0x100100, 1);
	/* Unless what is there is no code either. */
	pm_put64(0x7ff8, 0x1234);
	take();
	ck_assert_uint_eq(bt.nr, 2);
	pm_regs->r.rsp = 0x1234;
	take();
	ck_assert_uint_eq(bt.nr, 2);
}
END_TEST

/* Stopped at the first or second instruction of a function. */
START_TEST(caller_of_a_function_without_frame_yet_is_found)
{
	begin_64();
	pm_regs->r.rsp = HIGH + 0x7ff0;
	pm_regs->r.rbp = HIGH + 0x8000;
	pm_put64(0x7ff0, HIGH + 0x100050);
	pm_put64(0x7ff8, HIGH + 0x100060);
	put_frame_64(0x8000, 0, HIGH + 0x100100);
	pm_put(0x100000, "\x55\x48\x89\xe5", 4);
	take();
	frame(1, HIGH + 0x100050, 1);
	frame(2, HIGH + 0x100100, 1);
	pm_regs->r.rip++;
	take();
	frame(1, HIGH + 0x100060, 1);
	frame(2, HIGH + 0x100100, 1);
	pm_regs->r.rip += 3;
	take();
	frame(1, HIGH + 0x100100, 1);
}
END_TEST

START_TEST(code_of_16_bits_has_no_chain)
{
	take();
	ck_assert_int_eq(bt.end, BACKTRACE_MODE);
	ck_assert_uint_eq(bt.nr, 1);
	frame(0, 0xfffffff0, 1);
}
END_TEST

Suite *view_suite(void)
{
	Suite *suite = suite_create("view");
	TCase *tcase = tcase_create("view");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, modes_have_their_names_and_formats);
	tcase_add_test(tcase, segment_bases_count_outside_64_bit_mode);
	tcase_add_test(tcase, without_paging_linear_is_physical);
	tcase_add_test(tcase, tables_of_32_bit_paging_are_followed);
	tcase_add_test(tcase, tables_of_pae_are_followed);
	tcase_add_test(tcase, tables_of_four_levels_are_followed);
	tcase_add_test(tcase, tables_outside_ram_are_an_error);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("backtrace");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, chain_is_followed_to_its_end);
	tcase_add_test(tcase, chain_of_32_bit_code_has_words_of_4_bytes);
	tcase_add_test(tcase, zero_ends_a_chain);
	tcase_add_loop_test(tcase, nonsense_ends_a_chain, 0,
			    sizeof(bad_pointers) / sizeof(*bad_pointers));
	tcase_add_test(tcase, loop_ends_a_chain);
	tcase_add_test(tcase, recursion_is_one_frame_many_times);
	tcase_add_test(tcase, deep_chain_ends_with_the_room);
	tcase_add_test(tcase, caller_of_nowhere_is_found_on_the_stack);
	tcase_add_test(tcase, caller_of_a_function_without_frame_yet_is_found);
	tcase_add_test(tcase, code_of_16_bits_has_no_chain);
	suite_add_tcase(suite, tcase);
	return suite;
}
