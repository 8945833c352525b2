/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, as a user meets it: one clear line for each mistake, every
 * option in each of its spellings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

/* Mistakes. Most are found before the image is opened: the name is anything. */

static const struct {
	const char *words[6];
	const char *option, *value; /* what the line must name */
} wrong[] = {
	{{"--mem", "junk", "x"}, "--mem", "junk"},
	{{"--mem", "", "x"}, "--mem", "not a size"},
	{{"--mem=", "x"}, "--mem", "not a size"},
	{{"-m", "0", "x"}, "--mem", "0"},
	{{"-m", "0G", "x"}, "--mem", "0G"},
	{{"-m", "1.5G", "x"}, "--mem", "1.5G"},
	{{"-m", "-1", "x"}, "--mem", "-1"},
	{{"-m", "+1", "x"}, "--mem", "+1"},
	{{"-m", "1GB", "x"}, "--mem", "1GB"},
	{{"-m", "1 G", "x"}, "--mem", "1 G"},
	{{"-m", "5K", "x"}, "--mem", "5K"},
	{{"-m", "0x10", "x"}, "--mem", "0x10"},
	{{"-m", "4096T", "x"}, "--mem", "4096T"},
	{{"-m", "18446744073709551616", "x"}, "--mem", "18446744073709551616"},
	{{"-m", "18446744073709551615T", "x"}, "--mem", "too large"},
	{{"-m", "17592186044416", "x"}, "--mem", "too large"},
	{{"x", "-m"}, "m", "requires an argument"},
	{{"x", "--mem"}, "--mem", "requires an argument"},
	{{"--cpus", "0", "x"}, "--cpus", "0"},
	{{"-c", "-1", "x"}, "--cpus", "-1"},
	{{"-c", "two", "x"}, "--cpus", "two"},
	{{"-c", "1.5", "x"}, "--cpus", "1.5"},
	{{"-c", "255", "x"}, "--cpus", "255"},
	{{"-c", "4294967297", "x"}, "--cpus", "4294967297"},
	{{"--cpus=99999999999999999999", "x"}, "--cpus", "9999999999999999999"},
	{{"x", "-c"}, "c", "requires an argument"},
	{{"--boot", "uefi", "x"}, "--boot", "uefi"},
	{{"--boot=", "x"}, "--boot", "auto, multiboot2"},
	{{"--boot", "ELF", "x"}, "--boot", "ELF"},
	{{"--machine", "q35", "x"}, "--machine", "q35"},
	{{"--machine=", "x"}, "--machine", "pc, minimal"},
	{{"--pager", "swap", "x"}, "--pager", "swap"},
	{{"--pager=uff", "x"}, "--pager", "uff"},
	{{"--window", "0", "x"}, "--window", "0"},
	{{"--window", "3K", "x"}, "--window", "3K"},
	{{"--window", "260K", "x"}, "--window", "260K"},
	{{"--window=big", "x"}, "--window", "big"},
	{{"--mbi-addr", "9000", "x"}, "--mbi-addr", "9000"},
	{{"--mbi-addr", "0x9001", "x"}, "--mbi-addr", "0x9001"},
	{{"--mbi-addr", "0x100000000", "x"}, "--mbi-addr", "0x100000000"},
	{{"--mbi-addr", "-4096", "x"}, "--mbi-addr", "-4096"},
	{{"--mbi-addr", "here", "x"}, "--mbi-addr", "here"},
	{{"--stats=xml", "x"}, "--stats", "xml"},
	{{"--stats=", "x"}, "--stats", "text, json"},
	{{"--timeout", "0", "x"}, "--timeout", "0"},
	{{"--timeout", "-1", "x"}, "--timeout", "-1"},
	{{"--timeout", "soon", "x"}, "--timeout", "soon"},
	{{"--timeout", "nan", "x"}, "--timeout", "nan"},
	{{"--timeout", "inf", "x"}, "--timeout", "inf"},
	{{"--timeout", "1e10", "x"}, "--timeout", "1e10"},
	{{"--timeout", "1s", "x"}, "--timeout", "1s"},
	{{"--module", ",args", "x"}, "--module", ",args"},
	{{"--module", "", "x"}, "--module", "no file name"},
	{{"--initrd", "", "x"}, "--initrd", "no file name"},
	{{"x", "--module"}, "--module", "requires an argument"},
	{{"x", "--trace"}, "--trace", "requires an argument"},
	{{"x", "--dump"}, "--dump", "requires an argument"},
	{{"x", "--dump="}, "--dump", "empty"},
	{{"x", "--trace="}, "--trace", "empty"},
	{{"x", "-a"}, "a", "requires an argument"},
	{{"--hypercalls", "vmware", "x"}, "--hypercalls", "kvm, xen"},
	{{"--lazy-ram=1", "x"}, "--lazy-ram", "argument"},
	{{"--boot-timer=1", "x"}, "--boot-timer", "argument"},
	{{"--quiet=1", "x"}, "--quiet", "argument"},
	{{"--lazy-ram", "--pager=map", "x"}, "--lazy-ram", "--pager"},
	{{"--trace", "t", "--pager=eager", "x"}, "--trace", "--pager"},
	{{"--no-such-thing", "x"}, "--no-such-thing", "nrecognized"},
	{{"--no-such=1", "x"}, "--no-such", "nrecognized"},
	{{"-Z", "x"}, "Z", "invalid option"},
	{{NULL}, "IMAGE", "no IMAGE"},
	{{"-m", "64"}, "IMAGE", "no IMAGE"},
	{{"one", "two"}, "'one'", "'two'"},
	{{""}, "IMAGE", "empty"},
};

START_TEST(mistake_ends_with_125_and_a_line_that_names_it)
{
	struct run *run = run_words(wrong[_i].words);
	const char *newline = strchr(run->err.bytes, '\n');

	run_is(run, 125);
	run_out_is(run, "");
	ck_assert_msg(newline, "no line: %s", run->err.bytes);
	ck_assert_msg(!strcmp(newline + 1, "Try 'vmm --help'.\n"),
		      "more than one line and the hint: %s", run->err.bytes);
	run->err.bytes[newline - run->err.bytes] = '\0';
	run_err_has(run, wrong[_i].option);
	run_err_has(run, wrong[_i].value);
}
END_TEST

/* Help and version need nothing else to be right. */

static void few_files(void)
{
	const struct rlimit limit = {40, 40};

	if (setrlimit(RLIMIT_NOFILE, &limit))
		_exit(2);
}

START_TEST(limit_of_open_files_is_named)
{
	struct run run = {.before_exec = few_files};

	RUN_START(&run, "x", "-c9", "--rng");
	run_end(&run);
	run_is(&run, 125);
	run_err_is(&run, "vmm: this machine may take 43 open files, and the "
			 "limit is 40; as root: 'ulimit -n 43'\n");
	run_free(&run);
}
END_TEST

START_TEST(help_fits_a_screen)
{
	static const char *const spellings[] = {"--help", "-h", "--hel"};
	struct run *run = VMM(spellings[_i]);
	const char *line, *end;
	int lines = 0;

	run_is(run, 0);
	run_err_is(run, "");
	for (line = run->out.bytes; *line; line = end + 1) {
		end = strchr(line, '\n');
		ck_assert_ptr_nonnull(end);
		ck_assert_msg(end - line <= 80, "%.*s", (int)(end - line),
			      line);
		lines++;
	}
	ck_assert_int_ge(lines, 10);
	ck_assert_int_le(lines, 40);
}
END_TEST

START_TEST(help_names_every_option)
{
	static const char *const names[] = {
		"--mem",      "--cpus",
		"--append",   "--params",
		"--initrd",   "--module",
		"--boot",     "--machine",
		"--pager",    "--window",
		"--mbi-addr", "--lazy-ram",
		"--stats",    "--hypercalls",
		"--trace",    "--boot-timer",
		"--timeout",  "--no-sandbox",
		"--dump",     "--quiet",
		"--verbose",  "--version",
		"--help",     "-m,",
		"-c,",	      "-a,",
		"-p",	      "-i,",
		"-q,",	      "-v,",
		"IMAGE",      "Ctrl-A",
		"--digest",   "--pager-control",
	};
	struct run *run = VMM("--help");

	for (int i = 0; i < NR(names); i++)
		run_out_has(run, names[i]);
}
END_TEST

START_TEST(version_is_one_line)
{
	struct run *run = VMM("--version");

	run_is(run, 0);
	run_err_is(run, "");
	run_out_has(run, "Faultline");
	ck_assert_ptr_eq(strchr(run->out.bytes, '\n') + 1,
			 run->out.bytes + run->out.len);
}
END_TEST

START_TEST(help_that_cannot_be_written_is_an_error)
{
	struct run run = {.output = RUN_FULL};

	RUN_START(&run, "--help");
	run_end(&run);
	run_is(&run, 125);
	run_free(&run);
}
END_TEST

/* The first mistake or request counts. */
START_TEST(help_wins_over_what_follows)
{
	run_is(VMM("--help", "--mem", "junk"), 0);
	run_is(VMM("--mem", "junk", "--help"), 125);
}
END_TEST

/* Spellings that work, with a guest that shows the effect. */

static struct run *guest(const char *one, const char *two)
{
	struct run *run = VMM(one, must_built("guest.elf"), two);

	run_is(run, 0);
	return run;
}

START_TEST(memory_size_is_what_was_said)
{
	static const struct {
		const char *option, *line;
	} sizes[] = {
		{"-m64", "-0x4000000 usable"},
		{"--mem=64", "-0x4000000 usable"},
		{"--mem=64M", "-0x4000000 usable"},
		{"--mem=64m", "-0x4000000 usable"},
		{"--mem=65536K", "-0x4000000 usable"},
		{"--mem=65540k", "-0x4001000 usable"},
		{"--mem=2G", "-0x80000000 usable"},
		{"--mem=0064", "-0x4000000 usable"},
		{"-q", "-0x8000000 usable"}, /* the default */
	};

	run_out_has(guest(sizes[_i].option, "-q"), sizes[_i].line);
}
END_TEST

START_TEST(processors_are_as_many_as_said)
{
	static const char *const options[] = {"-c2", "--cpus=2", "--cp=2"};

	run_out_has(guest(options[_i], "-q"), "\n2 processors\n");
}
END_TEST

START_TEST(machine_is_the_one_that_was_said)
{
	static const char *const options[] = {"--machine=pc", "-q",
					      "--machine=minimal"};
	const char *image = must_built("guest/pc.elf");
	struct run *run = VMM(options[_i], "--stats=json", image, "-a",
			      _i == 2 ? "minimal" : "");

	run_is(run, 0);
	run_err_has(run,
		    _i == 2 ? "\"machine\":\"minimal\"" : "\"machine\":\"pc\"");
}
END_TEST

START_TEST(command_line_reaches_the_guest)
{
	static const char *const options[] = {
		"-ahello world",
		"-phello world",
		"--append=hello world",
		"--params=hello world",
	};

	run_out_has(guest(options[_i], "-q"), "command line: hello world\n");
}
END_TEST

START_TEST(command_lines_are_joined_in_order)
{
	const char *image = must_built("guest.elf");

	run_out_has(VMM("-a", "one", image, "-p", "two", "--append=three"),
		    "command line: one two three\n");
	run_out_has(VMM("-a", "one", image, "--", "two", "-m", "junk", "--"),
		    "command line: one two -m junk --\n");
	run_out_has(VMM("--", image, "two"), "command line: two\n");
	run_out_has(VMM(image, "--"), "command line: \n");
}
END_TEST

START_TEST(options_after_the_image_count)
{
	struct run *run = VMM(must_built("guest.elf"), "-m", "64", "-c", "2");

	run_out_has(run, "-0x4000000 usable");
	run_out_has(run, "\n2 processors\n");
}
END_TEST

START_TEST(last_of_two_values_counts)
{
	struct run *run = VMM("-m", "1G", must_built("guest.elf"), "-m64M");

	run_out_has(run, "-0x4000000 usable");
}
END_TEST

START_TEST(long_command_line_reaches_the_guest_whole)
{
	size_t len = 100000;
	char *words = must_alloc(len + 16);
	struct run *run;

	memset(words, 'w', len);
	strcpy(words + len, " exit=17");
	run = VMM(must_built("guest/status.elf"), "-a", words);
	run_is(run, 17);
	free(words);
}
END_TEST

START_TEST(image_name_with_odd_characters_is_a_name)
{
	const char *path = must_file("a,b %s\n.elf");

	must_copy_file(must_built("guest/hello.elf"), path);
	run_out_is(VMM(path), "Hello\n");
}
END_TEST

static void few_files_at_first(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		_exit(2);
	limit.rlim_cur = 8; /* the dynamic linker opens libraries */
	if (setrlimit(RLIMIT_NOFILE, &limit))
		_exit(2);
}

/* What is counted is enough for everything. */
START_TEST(limit_of_open_files_is_raised)
{
	static const char *const machines[] = {"pc", "minimal"};
	static const char sectors[512];
	struct run run = {.before_exec = few_files_at_first};
	char disks[8][256];

	for (int i = 0; i < NR(disks); i++) {
		char name[8];

		snprintf(name, sizeof(name), "d%d", i);
		snprintf(disks[i], sizeof(disks[i]), "%s", must_file(name));
		must_write_file(disks[i], sectors, sizeof(sectors));
	}
	must_write_file(must_file("m0"), sectors, sizeof(sectors));
	RUN_START(&run, must_built("guest/hello.elf"), "-d", disks[0], "-d",
		  disks[1], "-d", disks[2], "-d", disks[3], "-d", disks[4],
		  "-d", disks[5], "-d", disks[6], "-d", disks[7], "--rng",
		  "--balloon", "--console=virtio", "-c2", "--module",
		  must_file("m0"), "--machine", machines[_i], "--trace",
		  must_file("trace"), "--dump", must_file("core"), "--stats",
		  "--timeout", "50");
	run_end(&run);
	run_is(&run, 0);
	run_free(&run);
}
END_TEST

START_TEST(quiet_guest_leaves_stderr_empty)
{
	run_err_is(VMM(must_built("guest/hello.elf")), "");
	run_err_is(VMM("-q", must_built("guest/hello.elf")), "");
}
END_TEST

START_TEST(verbose_says_where_the_information_went)
{
	const char *image = must_built("guest/lowzero.elf");

	run_err_has(VMM("-v", image), "not free; it moves to 0x1000");
	run_err_has(VMM("--verbose", image), "not free; it moves to 0x1000");
	run_err_is(VMM(image), "");
}
END_TEST

START_TEST(quiet_hides_the_reason_of_a_stop)
{
	const char *image = must_built("guest/spin.elf");
	struct run *run = VMM("--quiet", "--timeout=0.2", image);

	run_is(run, 124);
	run_err_is(run, "");
	run = VMM("--timeout=0.2", image);
	run_is(run, 124);
	run_err_is(run, "vmm: stopped by --timeout\n");
}
END_TEST

static void fill_mistakes(TCase *tcase)
{
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase,
			    mistake_ends_with_125_and_a_line_that_names_it, 0,
			    NR(wrong));
	tcase_add_test(tcase, limit_of_open_files_is_named);
	tcase_add_loop_test(tcase, help_fits_a_screen, 0, 3);
	tcase_add_test(tcase, help_names_every_option);
	tcase_add_test(tcase, version_is_one_line);
	tcase_add_test(tcase, help_that_cannot_be_written_is_an_error);
	tcase_add_test(tcase, help_wins_over_what_follows);
}

static void fill_spellings(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, memory_size_is_what_was_said, 0, 9);
	tcase_add_loop_test(tcase, processors_are_as_many_as_said, 0, 3);
	tcase_add_loop_test(tcase, machine_is_the_one_that_was_said, 0, 3);
	tcase_add_loop_test(tcase, command_line_reaches_the_guest, 0, 4);
	tcase_add_test(tcase, command_lines_are_joined_in_order);
	tcase_add_test(tcase, options_after_the_image_count);
	tcase_add_test(tcase, last_of_two_values_counts);
	tcase_add_test(tcase, long_command_line_reaches_the_guest_whole);
	tcase_add_test(tcase, image_name_with_odd_characters_is_a_name);
	tcase_add_loop_test(tcase, limit_of_open_files_is_raised, 0, 2);
	tcase_add_test(tcase, quiet_guest_leaves_stderr_empty);
	tcase_add_test(tcase, verbose_says_where_the_information_went);
	tcase_add_test(tcase, quiet_hides_the_reason_of_a_stop);
}

Suite *cli_suite(void)
{
	Suite *suite = suite_create("cli");

	must_add(suite, "mistakes", 0, fill_mistakes);
	must_add(suite, "spellings", MUST_KVM | MUST_UFFD, fill_spellings);
	return suite;
}
