/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account of a crash, and cores, from outside: with guests that crash as
 * kernels do (guest/crash.c), and with the debugger that people use.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

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

/* After a triple fault. Without them there is nothing to see but that it says
 * so. */
static bool have_registers(const struct run *run)
{
	return must_have("registers",
			 !strstr(run->err.bytes, "registers are lost"),
			 "KVM on AMD processors resets a processor after a "
			 "triple fault");
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
	if (!have_registers(run))
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
	if (crashes[i].triple && !have_registers(run))
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

/* Cores. */

static bool have_gdb(void)
{
	return must_have("gdb", !access("/usr/bin/gdb", X_OK),
			 "gdb is not installed");
}

/* What gdb says; it ends with status 0. */
static void gdb(struct run *run, const char *image, const char *core,
		const char *const commands[])
{
	const char *words[32] = {"-nx", "-batch", image, core};
	int nr = 4;

	for (; *commands && nr < 30; commands++) {
		words[nr++] = "-ex";
		words[nr++] = *commands;
	}
	*run = (struct run){.program = "/usr/bin/gdb"};
	run_start(run, words);
	run_end(run);
	run_is(run, 0);
}

#define GDB(run, image, core, ...) gdb(run, image, core, RUN_WORDS(__VA_ARGS__))

START_TEST(debugger_opens_a_core_of_the_higher_half)
{
	const char *image = must_built("guest/crash.elf");
	const char *core = must_file("core");
	struct run run;

	if (!have_gdb())
		return;
	run_is(VMM(image, "--pager", pagers[_i], "-c", "2", "--dump", core,
		   "--", "kind=nowhere"),
	       120);
	GDB(&run, image, core, "bt", "info threads", "frame 1",
	    "print crash_depth", "print crash_kind", "x/2i middle",
	    "x/gx 0x123456789000", "x/s 0x8000000000000010");
	run_out_has(&run, "#0  0x00000000d0000000 in ");
	run_out_has(&run, " in inner (kind=");
	run_out_has(&run, " in middle (kind=");
	run_out_has(&run, " in outer (kind=");
	run_out_has(&run, " in guest_main (magic=");
	run_out_has(&run, "* 1    LWP 1 ");
	run_out_has(&run, "  2    LWP 2 ");
	run_out_has(&run, "$1 = 3\n");
	run_out_has(&run, "\"kind=nowhere\"\n");
	run_out_has(&run, "<middle>:\tpush   %rbp");
	run_out_has(&run, "0x8000000000000010:\t\"kind=nowhere\"");
	run_err_has(&run, "Cannot access memory at address 0x123456789000");
	run_free(&run);
}
END_TEST

START_TEST(debugger_opens_a_core_of_32_bit_code)
{
	const char *image = must_built("guest/crash32.elf");
	const char *core = must_file("core");
	struct run run;

	if (!have_gdb())
		return;
	run_is(VMM(image, "--pager", pagers[_i], "--dump", core), 120);
	GDB(&run, image, core, "info registers eip eax", "bt",
	    "print (int)answer", "x/i inner");
	run_out_has(&run, "eip            0xd0000000");
	run_out_has(&run, "eax            0xd0000000");
	run_out_has(&run, " in inner ()");
	run_out_has(&run, " in middle ()");
	run_out_has(&run, " in outer ()");
	run_out_has(&run, " in start ()");
	run_out_has(&run, "$1 = 42\n");
	run_out_has(&run, "<inner>:\tpush   %ebp");
	run_err_is(&run, "");
	run_free(&run);
}
END_TEST

/* Also where KVM has lost the registers, the image is where it is linked. */
START_TEST(debugger_opens_a_core_of_a_triple_fault)
{
	const char *image = must_built("guest/crash.elf");
	const char *core = must_file("core");
	struct run run;

	if (!have_gdb())
		return;
	run_is(VMM(image, "--dump", core, "--", "kind=triple"), 120);
	GDB(&run, image, core, "bt", "print crash_depth", "x/i inner");
	run_out_has(&run, "$1 = 3\n");
	run_out_has(&run, "<inner>:\tpush   %rbp");
	run_free(&run);
}
END_TEST

static struct run readelf(const char *core)
{
	struct run run = {.program = "/usr/bin/readelf"};

	RUN_START(&run, "-aW", core);
	run_end(&run);
	run_is(&run, 0);
	run_err_is(&run, ""); /* where its warnings go */
	run_out_has(&run, "CORE (Core file)");
	run_out_has(&run, "NT_PRSTATUS");
	return run;
}

/* Every end of a guest. */
static const struct {
	const char *image, *words[6];
	int status;
} ends[] = {
	{"guest/status.elf", {"-a", "exit=7"}, 7},
	{"guest/elf32.elf", {"-q"}, 0},
	{"guest/spin.elf", {"--timeout", "0.2", "-c", "2"}, 124},
	{"guest/triple.elf", {"-v"}, 120},
	{"guest/long.elf", {"--boot", "long"}, 0},
	{"guest/hello.elf", {"-m", "8G"}, 0},
};

START_TEST(every_end_writes_a_core)
{
	const char *words[16] = {
		must_built(ends[_i / NR(pagers)].image),
		"--pager",
		pagers[_i % NR(pagers)],
		"--dump",
		must_file("core"),
	};
	struct run run;

	for (int i = 0; ends[_i / NR(pagers)].words[i]; i++)
		words[5 + i] = ends[_i / NR(pagers)].words[i];
	run_is(run_words(words), ends[_i / NR(pagers)].status);
	run = readelf(words[4]);
	run_free(&run);
}
END_TEST

START_TEST(interrupted_guest_leaves_a_core)
{
	const char *core = must_file("core");
	struct run run = {.input = RUN_NULL}, elf;

	RUN_START(&run, must_built("guest/spin.elf"), "--dump", core);
	run_expect(&run, "here for ever\n");
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 143);
	run_free(&run);
	elf = readelf(core);
	run_free(&elf);
}
END_TEST

/* Has the process a file open whose name ends so? */
static bool has_open(pid_t pid, const char *end)
{
	char dir[32], target[PATH_MAX];
	const struct dirent *entry;
	bool found = false;
	DIR *fds;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", (int)pid);
	fds = opendir(dir);
	while (fds && !found && (entry = readdir(fds))) {
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, target,
				       sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		found = n >= (ssize_t)strlen(end) &&
			!strcmp(target + n - strlen(end), end);
	}
	if (fds)
		closedir(fds);
	return found;
}

/* To find what is present in so much memory takes a while. */
START_TEST(second_signal_ends_a_dump_at_once)
{
	const char *core = must_file("never");
	struct run run = {.input = RUN_NULL};

	RUN_START(&run, must_built("guest/spin.elf"), "-m", "256G", "--dump",
		  core);
	run_expect(&run, "here for ever\n");
	kill(run.pid, SIGINT);
	while (!has_open(run.pid, "/pagemap"))
		must_sleep(0.001);
	kill(run.pid, SIGTERM);
	run_end(&run);
	run_is(&run, 143);
	ck_assert(run.killed_by_signal);
	ck_assert_int_ne(access(core, F_OK), 0);
	run_free(&run);
}
END_TEST

START_TEST(guest_without_its_image_leaves_a_core)
{
	const char *path = must_file("touch.elf"), *core = must_file("core");
	struct run run = {.input = RUN_PIPE}, elf;

	must_copy_file(must_built("guest/touch.elf"), path);
	RUN_START(&run, path, "-c", "2", "-a", "wait same", "--dump", core);
	run_expect(&run, "touch: waiting\n");
	ck_assert_int_eq(truncate(path, 8192), 0);
	run_write(&run, "x", 1);
	run_end(&run);
	run_is(&run, 121);
	run_free(&run);
	elf = readelf(core);
	run_free(&elf);
}
END_TEST

START_TEST(pages_that_nobody_touched_stay_in_the_image)
{
	const char *core = must_file("core");
	struct run *run = VMM("--stats=json", "--dump", core, "-v",
			      must_built("guest/touch.elf"), "-a",
			      "mode=stride stride=64");
	double present = run_number(run->err.bytes, "\"pages_present\":");
	struct stat st;

	run_is(run, 0);
	ck_assert_double_lt(present, 100);
	ck_assert_double_lt(run_number(run->err.bytes, "/core: "),
			    present + 100); /* stacks and tables */
	ck_assert_int_eq(stat(core, &st), 0);
	ck_assert_int_lt(st.st_size, 1 << 20);
}
END_TEST

START_TEST(dump_never_replaces_what_it_must_not)
{
	const char *image = must_file("image"), *module = must_file("module");
	const char *trace = must_file("trace"), *fifo = must_file("fifo");
	struct run *run;

	must_copy_file(must_built("guest/hello.elf"), image);
	must_write_file(module, "module", 6);
	must_write_file(trace, "", 0);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	run = VMM("--dump", image, image);
	run_is(run, 125);
	run_err_has(run, "would be replaced");
	run_out_is(run, "");
	run_is(VMM("--dump", module, "-i", module, image), 125);
	run = VMM("--dump", trace, "--trace", trace, image);
	run_is(run, 125);
	run_err_has(run, "the file of --trace");
	run = VMM("--dump", fifo, image);
	run_is(run, 125);
	run_err_has(run, "not a regular file");
	run_is(VMM("--dump", "/dev/null", image), 125);
	run_is(VMM("--dump", "/", image), 125);
	run_is(VMM(image), 0);
}
END_TEST

START_TEST(dump_into_a_folder_is_an_error_at_once)
{
	struct run *run =
		VMM("--dump", must_file("new/"), must_built("guest/hello.elf"));

	run_is(run, 125);
	run_err_has(run, "/new/: is a folder's name; give a file's\n");
	run_out_is(run, "");
}
END_TEST

START_TEST(dump_that_cannot_be_written_is_an_error_at_once)
{
	struct run *run = VMM("--dump", "/nonexistent/core",
			      must_built("guest/hello.elf"));

	run_is(run, 125);
	run_err_is(
		run,
		"vmm: --dump /nonexistent/core: No such file or directory\n");
	run_out_is(run, "");
}
END_TEST

static void small_files(void)
{
	const struct rlimit limit = {8192, 8192};

	if (setrlimit(RLIMIT_FSIZE, &limit))
		_exit(99);
}

/* What the guest said counts, and half a core is none. */
START_TEST(full_disk_is_told_and_changes_no_status)
{
	const char *core = must_file("full");
	struct run run = {.before_exec = small_files};
	char command[256];

	RUN_START(&run, must_built("guest/status.elf"), "--dump", core);
	run_end(&run);
	run_is(&run, 42);
	run_err_has(&run, "vmm: --dump ");
	run_err_has(&run, "File too large; nothing is written\n");
	run_free(&run);
	snprintf(command, sizeof(command), "! ls %s* >/dev/null 2>&1", core);
	ck_assert_msg(!system(command), "something is left of the core");
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

static void fill_dump(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, debugger_opens_a_core_of_the_higher_half, 0,
			    NR(pagers));
	tcase_add_loop_test(tcase, debugger_opens_a_core_of_32_bit_code, 0,
			    NR(pagers));
	tcase_add_test(tcase, debugger_opens_a_core_of_a_triple_fault);
	tcase_add_loop_test(tcase, every_end_writes_a_core, 0,
			    NR(ends) * NR(pagers));
	tcase_add_test(tcase, interrupted_guest_leaves_a_core);
	tcase_add_test(tcase, second_signal_ends_a_dump_at_once);
	tcase_add_test(tcase, guest_without_its_image_leaves_a_core);
	tcase_add_test(tcase, pages_that_nobody_touched_stay_in_the_image);
	tcase_add_test(tcase, dump_never_replaces_what_it_must_not);
	tcase_add_test(tcase, dump_into_a_folder_is_an_error_at_once);
	tcase_add_test(tcase, dump_that_cannot_be_written_is_an_error_at_once);
	tcase_add_test(tcase, full_disk_is_told_and_changes_no_status);
}

Suite *crashes_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD;
	Suite *suite = suite_create("crashes");

	must_add(suite, "account", needs, fill_account);
	must_add(suite, "dump", needs, fill_dump);
	return suite;
}
