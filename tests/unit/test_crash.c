/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/crash: what is said of a crash, from registers, memory and an image made
 * by hand; the image's segment is at 0x100000, linked in the higher half.
 */
#include "vmm/crash/crash.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/postmortem_help.h"
#include "tests/suites.h"
#include "tests/unit/symbol_help.h"
#include "vmm/x86.h"

#define HIGH UINT64_C(0xffffffff80000000)
#define PS   UINT64_C(0x80)

static char *text;
static size_t text_len;

static void setup(void)
{
	text = NULL;
	pm_begin(16 * MIB);
	symbol_reset();
	symbol_add("start", HIGH + 0x100000, 0, LABEL, TEXT);
	symbol_add("inner", HIGH + 0x100100, 0x40, FUNC, TEXT);
	symbol_add("outer", HIGH + 0x100140, 0x40, FUNC, TEXT);
	symbol_describe(64, HIGH + 0x100000);
	image_accept();
	pm.image = image;
	pm.crashed = true;
	pm.crash.reason = KVM_EXIT_SHUTDOWN;
	pm.crash.ns = 50000000;
}

static void teardown(void)
{
	free(text);
	pm_end();
	image_close(image);
}

static void explain(void)
{
	FILE *out;

	free(text);
	out = open_memstream(&text, &text_len);
	ck_assert_ptr_nonnull(out);
	crash_explain(out, &pm);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_uint_eq(strlen(text), text_len);
	ck_assert_int_eq(text[text_len - 1], '\n');
}

static void says(const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part,
		      text);
}

static void says_not(const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part, text);
}

/* One after the other. */
static void says_in_order(const char *const *parts)
{
	const char *at = text;

	for (; *parts; parts++) {
		const char *found = strstr(at, *parts);

		ck_assert_msg(found != NULL, "no \"%s\" where expected in:\n%s",
			      *parts, text);
		at = found + strlen(*parts);
	}
}

/* 64-bit mode in inner, called by outer; an IDT with gates for all. */
static void begin_64(void)
{
	pm_long(pm_regs, 0x1000);
	pm_map_2m(0x1000, 0x2000, HIGH, 0 | PS | 3);
	pm_regs->r.rip = HIGH + 0x100110;
	pm_regs->r.rsp = HIGH + 0x7ff0;
	pm_regs->r.rbp = HIGH + 0x8000;
	pm_put64(0x8000, 0);
	pm_put64(0x8008, HIGH + 0x100180); /* outer ended with the call */
	pm_put(0x100100, "\x90\x91\x92\x93\x94\x95\x96\x97", 8);
	pm_put(0x100110, "\x0f\x0b", 2);
	pm_regs->s.idt.base = HIGH + 0x9000;
	pm_regs->s.idt.limit = 32 * 16 - 1;
	for (unsigned i = 0; i < 32; i++)
		pm_put64(0x9000 + i * 16, UINT64_C(0x8e00) << 32);
}

START_TEST(all_state_is_told_in_order)
{
	static const char *const parts[] = {
		"so the processor shut down",
		"mode 64-bit mode, 4-level paging, ring 0\n",
		"  rip  ffffffff80100110 inner+0x10/0x40\n",
		"  rfl  ",
		"  rax  ",
		"  r15  ",
		"  cr0  0000000080000011 PG ET PE\n",
		"  cr2  ",
		"  cr3  0000000000001000\n",
		"  cr4  0000000000000020 PAE\n",
		"  cr8  ",
		"  efer 0000000000000d00 NX LMA LME\n",
		"  cs   0008 base 0000000000000000 limit ffffffff code read, "
		"64-bit, ring 0\n",
		"  ds   0010 base 0000000000000000 limit ffffffff data write, "
		"ring 0\n",
		"  es ",
		"  fs ",
		"  gs ",
		"  ss ",
		"  tr ",
		"  ldt ",
		"  gdt ",
		"  idt       base ffffffff80009000 limit 000001ff\n",
		"  code at rip (guest-physical 0x100110): ",
		" 90 91 92 93 94 95 96 97 ",
		" <0f> 0b 00",
		"  backtrace (frame pointers):\n",
		"    #0  ffffffff80100110 inner+0x10/0x40\n",
		"    #1  ffffffff80100180 outer+0x40/0x40\n",
		NULL,
	};

	begin_64();
	explain();
	says_in_order(parts);
	says_not("hint");
	says_not("dr6");
	says_not("on its way");
	says_not("vCPU 1");
}
END_TEST

START_TEST(missing_interrupt_table_is_recognised)
{
	begin_64();
	pm_regs->s.idt.limit = 0;
	explain();
	says("hint: no interrupt descriptor table is loaded (IDT limit 0)");
	pm_regs->s.idt = (struct kvm_dtable){.limit = 0xffff};
	explain();
	says("hint: no interrupt descriptor table is loaded (the IDT register "
	     "is as after reset)");
	pm_regs->s.idt = (struct kvm_dtable){.base = 0x5000, .limit = 0xfff};
	explain();
	says("hint: the interrupt descriptor table, at 0x5000, is not mapped");
}
END_TEST

START_TEST(missing_gates_are_named)
{
	begin_64();
	pm_put64(0x9000 + 8 * 16, 0);
	explain();
	says("no present gate for #DF (8)\n");
	pm_regs->s.idt.limit = 13 * 16 - 1;
	explain();
	says("no present gate for #DF (8), #GP (13), #PF (14)\n");
	pm_regs->s.idt.limit = 1;
	explain();
	says("no present gate for #UD (6), #DF (8), #GP (13), #PF (14)\n");
}
END_TEST

START_TEST(gates_of_32_bit_code_have_8_bytes)
{
	pm_flat(pm_regs);
	pm_regs->r.rip = 0x100110;
	pm_regs->r.rsp = 0x8000;
	pm_regs->s.idt.base = 0x9000;
	pm_regs->s.idt.limit = 32 * 8 - 1;
	for (unsigned i = 0; i < 32; i++)
		pm_put64(0x9000 + i * 8, UINT64_C(0x8e00) << 32);
	explain();
	says_not("gate");
	pm_put64(0x9000 + 14 * 8, 0);
	explain();
	says("no present gate for #PF (14)\n");
}
END_TEST

START_TEST(used_up_stack_is_recognised)
{
	begin_64();
	pm_regs->r.rsp = HIGH;
	pm_regs->s.cr2 = HIGH - 8;
	explain();
	says("hint: the stack below rsp (0xffffffff80000000) is not mapped "
	     "RAM");
	says("hint: the last page fault (#PF) was at 0xffffffff7ffffff8");
	says("  cr2  ffffffff7ffffff8 last page fault, not mapped\n");
	/* An address that is mapped, but to nothing. */
	pm_map_2m(0x1000, 0x2000, HIGH + 2 * MIB, 0xd0000000 | PS | 3);
	pm_regs->r.rsp = HIGH + 3 * MIB;
	explain();
	says("is not mapped RAM");
}
END_TEST

START_TEST(ring_3_without_task_state_is_recognised)
{
	begin_64();
	pm_regs->s.ss.dpl = pm_regs->s.cs.dpl = 3;
	explain();
	says("ring 3\n");
	says("hint: ring 3 without a task state segment");
	pm_regs->s.tr.base = HIGH + 0xa000;
	explain();
	says_not("task state");
}
END_TEST

START_TEST(page_fault_in_the_image_is_named)
{
	begin_64();
	pm_regs->s.cr2 = HIGH + 0x100144;
	explain();
	says("  cr2  ffffffff80100144 last page fault, guest-physical 0x100144 "
	     "outer+0x4/0x40\n");
	says_not("hint");
}
END_TEST

START_TEST(instruction_pointer_gone_astray_is_explained)
{
	pm.crash.reason = KVM_EXIT_INTERNAL_ERROR;
	begin_64();
	explain();
	says_not("hint");
	says_not("shut down");
	pm_regs->r.rip = 0x5000;
	explain();
	says("hint: rip is not mapped (no entry at level 1 of 4, 4-level "
	     "paging)");
	says("code at rip: not in RAM, or not mapped\n");
	pm_regs->r.rip = 0x0000800000000000;
	explain();
	says("hint: rip is no canonical address");
	pm_regs->r.rip = HIGH + 0x50000;
	explain();
	says("hint: rip is in RAM, but not in the image");
	pm_map_2m(0x1000, 0x2000, HIGH + 2 * MIB, 0xd0000000 | PS | 3);
	pm_regs->r.rip = HIGH + 2 * MIB + 0x10;
	explain();
	says("hint: rip is at guest-physical 0xd0000010, which is not RAM");
	pm_map_2m(0x1000, 0x2000, HIGH, UINT64_C(1) << 63 | PS | 3);
	pm_regs->r.rip = HIGH + 0x100110;
	explain();
	says("hint: rip is in a page that may not be executed (NX)");
	pm_regs->s.cr3 = 0xd0000000;
	explain();
	says("damaged or outside RAM");
}
END_TEST

START_TEST(instruction_that_kvm_cannot_emulate_is_explained)
{
	pm.crash.reason = KVM_EXIT_INTERNAL_ERROR;
	pm.crash.emulation = true;
	begin_64();
	explain();
	says("hint: KVM carries out this instruction itself, and cannot");
	pm_regs->r.rip = 0x5000;
	explain();
	says_not("itself");
}
END_TEST

START_TEST(user_program_is_suspected)
{
	pm.crash.reason = KVM_EXIT_INTERNAL_ERROR;
	begin_64();
	pm.program_sign = "a PT_TLS";
	explain();
	says("hint: the image has a PT_TLS and no boot protocol's mark");
}
END_TEST

START_TEST(code_is_shown_as_far_as_it_is_there)
{
	pm.crash.reason = KVM_EXIT_INTERNAL_ERROR;
	pm_flat(pm_regs);
	pm_put(0, "\xaa\xbb\xcc", 3);
	pm_regs->r.rip = 1;
	explain();
	says("(guest-physical 0x1): aa <bb> cc 00");
	pm_regs->r.rip = 0;
	explain();
	says("(guest-physical 0x0): <aa> bb cc");
	pm_put(16 * MIB - 2, "\xdd\xee", 2);
	pm_regs->r.rip = 16 * MIB - 1;
	explain();
	says(" 00 dd <ee>\n");
	pm_regs->r.rip = 16 * MIB;
	explain();
	says("code at rip: not in RAM");
}
END_TEST

/* Before paging is on the addresses are physical, and the symbols are not. */
START_TEST(names_cannot_steer_a_terminal)
{
	image_close(image);
	image_remove();
	symbol_reset();
	symbol_add("a\033[2J\n~ \x7f\xc3", HIGH + 0x100100, 0x40, FUNC, TEXT);
	symbol_describe(64, HIGH + 0x100000);
	image_accept();
	pm.image = image;
	begin_64();
	pm.nr_faults = 1;
	pm.faults[0] = (struct pager_event){.source = "b\r\x9b", .pages = 1};
	explain();
	says(" a\\x1b[2J\\x0a~ \\x7f\\xc3+0x10/0x40\n");
	says(", b\\x0d\\x9b at 0x0\n");
}
END_TEST

START_TEST(names_are_found_before_paging_is_on)
{
	pm_flat(pm_regs);
	pm_regs->r.rip = 0x100120;
	explain();
	says("rip  0000000000100120 inner+0x20/0x40\n");
	pm_regs->r.rip = 0x100004;
	explain();
	says("rip  0000000000100004 start+0x4\n");
}
END_TEST

START_TEST(names_are_found_in_an_image_that_was_moved)
{
	image_relocate(image, 0x300000);
	pm_flat(pm_regs);
	pm_regs->r.rip = 0x400120;
	explain();
	says("rip  0000000000400120 inner+0x20/0x40\n");
	pm_regs->r.rip = 0x100120;
	explain();
	says("rip  0000000000100120\n");
	/* With paging, virtual addresses are as linked, wherever it is. */
	begin_64();
	pm_map_2m(0x1000, 0x2000, HIGH, 0x400000 | PS | 3);
	explain();
	says("rip  ffffffff80100110 inner+0x10/0x40\n");
}
END_TEST

START_TEST(names_are_found_where_paging_is_one_to_one)
{
	begin_64();
	pm_map_2m(0x1000, 0x6000, 0, 0 | PS | 3);
	pm_regs->r.rip = 0x100120;
	explain();
	says("rip  0000000000100120 inner+0x20/0x40\n");
}
END_TEST

/* A program in ring 3, whose pages were the kernel's once. */
START_TEST(other_programs_get_no_names_of_the_kernel)
{
	begin_64();
	pm_map_2m(0x1000, 0x6000, 0x400000, 0 | PS | 7);
	pm_regs->r.rip = 0x500120;
	explain();
	says("rip  0000000000500120\n");
	pm_regs->s.ss.dpl = 3;
	explain();
	says("rip  0000000000500120\n");
	/* The same virtual address, another page. */
	pm_map_2m(0x1000, 0x2000, HIGH, 0x800000 | PS | 7);
	pm_regs->r.rip = HIGH + 0x100110;
	explain();
	says("rip  ffffffff80100110\n");
	pm_regs->s.ss.dpl = 0;
	explain();
	says("rip  ffffffff80100110 inner+0x10/0x40\n");
}
END_TEST

START_TEST(image_without_symbols_is_no_error)
{
	image_close(image);
	image_remove();
	image_good(64);
	image_accept();
	pm.image = image;
	begin_64();
	explain();
	says("rip  ffffffff80100110\n");
	says("    #1  ffffffff80100180\n");
	says_not("symbols");
}
END_TEST

START_TEST(damaged_symbols_are_mentioned)
{
	struct image renamed;
	char odd[] = "c\033c";

	image_close(image);
	image_remove();
	symbol_describe(64, HIGH + 0x100000);
	w.shdrs[SYMS].sh_entsize = 3;
	image_accept();
	pm.image = image;
	begin_64();
	explain();
	says("guest.elf cannot be read: the table is damaged\n");
	says("rip  ffffffff80100110\n");
	renamed = *image;
	renamed.path = odd;
	pm.image = &renamed;
	explain();
	says("symbols of c\\x1bc cannot be read");
}
END_TEST

START_TEST(registers_that_kvm_has_reset_are_not_explained)
{
	explain();
	says("registers are lost");
	says("KVM resets");
	says_not("rip ");
	says_not("backtrace");
	pm.crash.reason = KVM_EXIT_INTERNAL_ERROR;
	explain();
	says("mode real mode, no paging, ring 0\n");
	says("16-bit code has no frame pointers");
}
END_TEST

START_TEST(events_on_their_way_are_told)
{
	begin_64();
	pm_regs->events.exception.injected = 1;
	pm_regs->events.exception.nr = 14;
	pm_regs->events.exception.has_error_code = 1;
	pm_regs->events.exception.error_code = 2;
	pm_regs->events.interrupt.injected = 1;
	pm_regs->events.interrupt.nr = 0x20;
	pm_regs->events.nmi.pending = 1;
	explain();
	says("exception #PF (14) on its way, error code 0x2\n");
	says("interrupt 0x20 on its way\n");
	says("NMI on its way\n");
	pm_regs->events.exception.nr = 200;
	explain();
	says("exception ? (200)");
}
END_TEST

START_TEST(debug_registers_are_told_when_used)
{
	begin_64();
	pm_regs->debug.dr6 = 0xffff0ff0;
	pm_regs->debug.dr7 = 0x400;
	explain();
	says_not("dr7");
	pm_regs->debug.dr7 = 0x401;
	pm_regs->debug.db[2] = 0xabc;
	explain();
	says("dr2  0000000000000abc");
	says("dr7  0000000000000401\n");
}
END_TEST

START_TEST(faults_are_told_with_who_and_where_from)
{
	begin_64();
	pm.nr_cpus = 2;
	pm_cpus[1].tid = 77;
	pm_cpus[1].error = -EBUSY;
	pm.nr_faults = 4;
	pm.faults[0] = (struct pager_event){.start_ns = 51000000, .tid = 77};
	pm.faults[1] = (struct pager_event){.start_ns = 49500000,
					    .tid = 77,
					    .gpa = 0x123000,
					    .pages = 3,
					    .source = "kernel.elf",
					    .offset = 0x4000};
	pm.faults[2] = (struct pager_event){
		.start_ns = 40000000, .tid = 5, .gpa = 0x7000, .pages = 1};
	pm.faults[3] = (struct pager_event){.gpa = 0x8000, .pages = 1};
	explain();
	says("        0.500 vCPU 1 0x123000 and 2 more, kernel.elf at 0x4000\n"
	     "       10.000 kvm 0x7000\n"
	     "       50.000 vmm 0x8000\n");
	says_not("-1.000");
	says("vCPU 1: has not stopped\n");
}
END_TEST

START_TEST(other_vcpus_have_a_line_each)
{
	begin_64();
	pm_cpus[2].regs = pm_cpus[0].regs;
	pm_cpus[1].regs = pm_cpus[0].regs;
	pm_cpus[1].regs.r.rip = HIGH + 0x100150;
	pm_cpus[1].regs.mp.mp_state = KVM_MP_STATE_HALTED;
	pm_cpus[3].regs.mp.mp_state = KVM_MP_STATE_UNINITIALIZED;
	pm.nr_cpus = 4;
	pm.first = 2;
	explain();
	says("  vCPU 0: rip ffffffff80100110 inner+0x10/0x40, 64-bit mode\n");
	says("  vCPU 1: rip ffffffff80100150 outer+0x10/0x40, 64-bit mode, "
	     "halted\n");
	says("  vCPU 3: rip 000000000000fff0, real mode, never started\n");
	says_not("vCPU 2");
}
END_TEST

START_TEST(registers_that_cannot_be_read_are_an_account_all_the_same)
{
	pm_cpus[0].error = -EIO;
	explain();
	says("registers cannot be read: Input/output error\n");
	says_not("rip ");
}
END_TEST

START_TEST(memory_never_covered_is_mentioned)
{
	begin_64();
	pm.covered = false;
	explain();
	says("see CAVEATS in vmm(1)");
}
END_TEST

Suite *crash_suite(void)
{
	Suite *suite = suite_create("crash");
	TCase *tcase = image_case("crash");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, all_state_is_told_in_order);
	tcase_add_test(tcase, missing_interrupt_table_is_recognised);
	tcase_add_test(tcase, missing_gates_are_named);
	tcase_add_test(tcase, gates_of_32_bit_code_have_8_bytes);
	tcase_add_test(tcase, used_up_stack_is_recognised);
	tcase_add_test(tcase, ring_3_without_task_state_is_recognised);
	tcase_add_test(tcase, page_fault_in_the_image_is_named);
	tcase_add_test(tcase, instruction_pointer_gone_astray_is_explained);
	tcase_add_test(tcase, instruction_that_kvm_cannot_emulate_is_explained);
	tcase_add_test(tcase, code_is_shown_as_far_as_it_is_there);
	tcase_add_test(tcase, names_cannot_steer_a_terminal);
	tcase_add_test(tcase, names_are_found_before_paging_is_on);
	tcase_add_test(tcase, names_are_found_in_an_image_that_was_moved);
	tcase_add_test(tcase, names_are_found_where_paging_is_one_to_one);
	tcase_add_test(tcase, other_programs_get_no_names_of_the_kernel);
	tcase_add_test(tcase, image_without_symbols_is_no_error);
	tcase_add_test(tcase, user_program_is_suspected);
	tcase_add_test(tcase, damaged_symbols_are_mentioned);
	tcase_add_test(tcase, registers_that_kvm_has_reset_are_not_explained);
	tcase_add_test(tcase, events_on_their_way_are_told);
	tcase_add_test(tcase, debug_registers_are_told_when_used);
	tcase_add_test(tcase, faults_are_told_with_who_and_where_from);
	tcase_add_test(tcase, other_vcpus_have_a_line_each);
	tcase_add_test(
		tcase,
		registers_that_cannot_be_read_are_an_account_all_the_same);
	tcase_add_test(tcase, memory_never_covered_is_mentioned);
	suite_add_tcase(suite, tcase);
	return suite;
}
