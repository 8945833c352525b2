/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account of a crash, from outside, with guests that crash as kernels do
 * (guest/crash.c).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <string.h>

#include "tests/must.h"
#include "tests/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static const char *const pagers[] = {"uffd", "map", "eager"};

/* In this order, each on a line of its own. */
static void err_has_in_order(struct run *run, const char *const *parts)
{
	const char *at = run->err.bytes;

	for (; *parts; parts++) {
		const char *found = strstr(at, *parts);

		ck_assert_msg(found != NULL, "no \"%s\" where expected in:\n%s",
			      *parts, run->err.bytes);
		at = strchr(found, '\n');
		ck_assert_ptr_nonnull(at);
	}
}

/* KVM on AMD processors resets a processor after a triple fault; then there is
 * nothing to see but that it says so. */
static bool registers_are_lost(struct run *run)
{
	return strstr(run->err.bytes, "registers are lost") != NULL;
}

START_TEST(triple_fault_shows_registers_and_code)
{
	static const char *const parts[] = {
		"vmm: guest crashed: vCPU 0: triple fault",
		"so the processor shut down.",
		"hint: no interrupt descriptor table is loaded (IDT limit 0)",
		"  mode 32-bit protected mode, no paging, ring 0",
		"  rip  00000000001000",
		"  rfl  ",
		"  rax  ",
		"  r15  ",
		"  cr0  ",
		"  cr3  ",
		"  efer ",
		"  cs   0008 base",
		"  idt  ",
		"  code at rip (guest-physical 0x1000",
		"  backtrace",
		"    #0  00000000001000",
		NULL,
	};
	struct run *run =
		VMM(must_built("guest/triple.elf"), "--pager", pagers[_i]);

	run_is(run, 120);
	run_out_is(run, "triple: about to fault three times\n");
	run_err_has(run, "vmm: guest crashed: vCPU 0: triple fault\n");
	if (registers_are_lost(run))
		return;
	err_has_in_order(run, parts);
	run_err_has(run, " <0f> 0b "); /* ud2 */
}
END_TEST

START_TEST(quiet_crash_is_explained_all_the_same)
{
	struct run *run = VMM(must_built("guest/crash32.elf"), "-q");

	run_is(run, 120);
	run_err_has(run, "guest crashed");
	run_err_has(run, "rip  00000000d0000000");
}
END_TEST

static const struct {
	const char *kind;
	bool triple; /* a triple fault */
	const char *hint;
	const char *frames[8]; /* in this order; the rest is NULL */
} crashes[] = {
	{"nowhere",
	 false,
	 "which is not RAM",
	 {"#0  00000000d0000000\n", "inner+0x", "middle+0x", "outer+0x",
	  "guest_main+0x"}},
	{"triple",
	 true,
	 "no interrupt descriptor table is loaded",
	 {"#0  ffffffff80", "middle+0x", "outer+0x", "guest_main+0x"}},
	{"memory",
	 true,
	 "page fault (#PF) was at 0x123456789000",
	 {"rip  ", "#1  ", "outer+0x", "guest_main+0x"}},
	{"recursion",
	 true,
	 "too deep a recursion",
	 {"#0  ", " times\n", "recurse_on_small_stack+0x", "middle+0x",
	  "outer+0x", "guest_main+0x"}},
};

START_TEST(crash_deep_in_calls_shows_who_called_whom)
{
	const int i = _i / NR(pagers);
	char kind[32];
	struct run *run;

	snprintf(kind, sizeof(kind), "kind=%s", crashes[i].kind);
	run = VMM(must_built("guest/crash.elf"), "--pager",
		  pagers[_i % NR(pagers)], "-c", "2", "--", kind);
	run_is(run, 120);
	run_out_is(run, "crash: here it comes\n");
	run_err_has(run, "vmm: guest crashed: vCPU 0: ");
	if (crashes[i].triple && registers_are_lost(run))
		return;
	run_err_has(run, crashes[i].hint);
	run_err_has(run, "  mode 64-bit mode, 4-level paging, ring 0\n");
	err_has_in_order(run, crashes[i].frames);
	run_err_has(run, "  vCPU 1: rip 000000000000fff0, real mode, never "
			 "started\n");
}
END_TEST

START_TEST(crash_that_the_guest_handles_is_the_guests_own)
{
	struct run *run = VMM(must_built("guest/crash.elf"), "--", "kind=ud2");

	run_is(run, 98);
	run_out_has(run, "exception 6, ");
	run_err_is(run, "");
}
END_TEST

START_TEST(code_of_32_bits_has_a_backtrace_too)
{
	static const char *const frames[] = {
		"mode 32-bit protected mode, no paging, ring 0\n",
		"#0  00000000d0000000\n",
		"inner+0x14/0x16\n",
		"middle+0x8/0xa\n",
		"outer+0x8/0xa\n",
		"start+0x",
		NULL,
	};
	struct run *run =
		VMM(must_built("guest/crash32.elf"), "--pager", pagers[_i]);

	run_is(run, 120);
	err_has_in_order(run, frames);
}
END_TEST

START_TEST(last_faults_name_their_file)
{
	const char *image = must_built("guest/crash32.elf");
	struct run *run = VMM(image);

	run_is(run, 120);
	run_err_has(run, "last pages brought, ms before the crash:\n");
	run_err_has(run, " vCPU 0 0x100000, ");
	run_err_has(run, image);
	/* Who does not see them, says nothing. */
	run = VMM(image, "--pager=map");
	ck_assert_ptr_null(strstr(run->err.bytes, "last pages"));
}
END_TEST

static void fill_account(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, triple_fault_shows_registers_and_code, 0,
			    NR(pagers));
	tcase_add_test(tcase, quiet_crash_is_explained_all_the_same);
	tcase_add_loop_test(tcase, crash_deep_in_calls_shows_who_called_whom, 0,
			    NR(crashes) * NR(pagers));
	tcase_add_test(tcase, crash_that_the_guest_handles_is_the_guests_own);
	tcase_add_loop_test(tcase, code_of_32_bits_has_a_backtrace_too, 0,
			    NR(pagers));
	tcase_add_test(tcase, last_faults_name_their_file);
}

Suite *crashes_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD;
	Suite *suite = suite_create("crashes");

	must_add(suite, "account", needs, fill_account);
	return suite;
}
