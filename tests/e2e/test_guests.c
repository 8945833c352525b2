/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every guest program under every pager; what a guest is given; what a user is
 * told afterwards. The guests check themselves (guest/README.md): their status
 * says whether their memory was right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static const char *const pagers[] = {"uffd", "map", "eager"};

static const struct guest {
	const char *image, *cmdline;
	const char *options[2];
	int status;
	const char *out; /* in its output */
} guests[] = {
	{"guest/hello.elf", "", {"-q", "-q"}, 0, "Hello\n"},
	{"guest/status.elf", "", {"-q", "-q"}, 42, ""},
	{"guest/status.elf", "exit=0", {"-q", "-q"}, 0, ""},
	{"guest/status.elf", "exit=1", {"-q", "-q"}, 1, ""},
	{"guest/status.elf", "exit=119", {"-q", "-q"}, 119, ""},
	{"guest/touch.elf",
	 "",
	 {"-q", "-q"},
	 0,
	 "touch: 1024 of 1024 pages, 1"},
	{"guest/touch.elf", "same", {"-c", "4"}, 0, "1024 pages, 4 cpus\n"},
	{"guest/touch.elf", "mode=random seed=3", {"-c", "2"}, 0, "2 cpus\n"},
	{"guest/touch.elf", "mode=stride stride=7", {"-c2", "-q"}, 0, "147 of"},
	{"guest/touch.elf", "pages=3", {"-m", "32M"}, 0, "touch: 3 of 1024"},
	{"guest/badport.elf", "", {"-q", "-q"}, 0, "nobody answered"},
	{"guest/hlt.elf", "", {"-q", "-q"}, 0, "hlt: woken 5 times\n"},
	{"guest/hlt.elf", "count=20", {"-c", "2"}, 0, "woken 20 times\n"},
	{"guest/triple.elf", "", {"-q", "-q"}, 120, "about to fault"},
	{"guest/lowzero.elf", "", {"-q", "-q"}, 0, "information is at 0x1000"},
	{"guest/long.elf", "hi", {"--boot", "long"}, 0, "in 64-bit mode, com"},
	{"guest/long.elf", "hi", {"--boot=long", "-m8G"}, 0, "line \"hi\"\n"},
	{"guest/elf32.elf", "", {"-q", "-q"}, 0, "information are right\n"},
	{"guest/elf32.elf", "", {"--boot", "elf"}, 0, "are right\n"},
	{"guest/hello.elf", "", {"--boot", "multiboot2"}, 0, "Hello"},
	{"guest/mb1.elf", "exit=7", {"-q", "-q"}, 7, "1 processors\n"},
	{"guest/mb1.elf", "cpus=16", {"-c", "16"}, 0, "16 processors\n"},
	{"guest/mb1.elf", "", {"--mbi-addr", "0"}, 0, "information at 0x0, fl"},
	{"guest/mb1.elf", "", {"-m", "5G"}, 0, "lower 640 KiB, upper 3144"},
	{"guest/mb1-address.elf", "x", {"-c", "2"}, 0, "address.elf x\n"},
	{"guest/pvh.elf",
	 "exit=9 cpus=2",
	 {"-c", "2"},
	 9,
	 "start info at 0x9f"},
	{"guest/pvh.elf", "", {"-m", "5G"}, 0, ": \"RSD PTR \"\n"},
	{"guest/pvh32.elf", "hi", {"-c", "2"}, 0, "command line: hi\n"},
	{"guest/hello.elf", "", {"--mbi-addr", "0x9000"}, 0, "Hello"},
	{"guest/faraway.elf", "", {"-m3G", "-c1"}, 0, "faraway: ring 3, 1 cpu"},
	{"guest/faraway.elf", "", {"-m3G", "-c4"}, 0, "faraway: ring 3, 4 cpu"},
	{"guest/xen.elf", "", {"--hypercalls=xen", "-q"}, 0, "xen: Xen 4.17-f"},
	{"guest/xen.elf", "reason=1", {"--hypercalls=xen", "-q"}, 0, "xen: "},
	{"guest/xen.elf", "reason=3", {"--hypercalls=xen", "-q"}, 120, "xen: "},
	{"guest/xen32.elf", "", {"--hypercalls=xen", "-q"}, 0, "xen32: hello"},
	{"guest/xen32.elf", "", {"-q", "-q"}, 1, ""},
	{"guest.elf", "cpus=1", {"-q", "-q"}, 0, "all 6146 pages verified\n"},
	{"guest.elf", "cpus=2", {"-c", "2"}, 0, "all 6146 pages verified\n"},
	{"guest.elf", "cpus=4", {"-c", "4"}, 0, "all 6146 pages verified\n"},
	{"guest.elf", "exit=7 quiet", {"-m", "26M"}, 7, ""},
};

/* Not all six: what a page holds has little to do with interrupt chips. */
static const struct {
	const char *pager, *machine;
} pairs[] = {{"uffd", "pc"},
	     {"uffd", "minimal"},
	     {"map", "pc"},
	     {"eager", "minimal"}};

/* Loops over guests and, inside, over pairs. */
START_TEST(guest_runs_the_same_under_every_pager_and_machine)
{
	const struct guest *g = &guests[_i / NR(pairs)];
	struct run *run = VMM(must_built(g->image), "--pager",
			      pairs[_i % NR(pairs)].pager, "--machine",
			      pairs[_i % NR(pairs)].machine, "--timeout", "50",
			      "-a", g->cmdline, g->options[0], g->options[1]);

	run_is(run, g->status);
	run_out_has(run, g->out);
	if (g->status < 120)
		run_err_is(run, "");
}
END_TEST

static void same_output(const char *image, const char *option,
			const char *value)
{
	char *first = NULL;

	for (int i = 0; i < NR(pagers); i++) {
		struct run *run = VMM(must_built(image), "--pager", pagers[i],
				      option, value);

		run_is(run, 0);
		if (!first)
			first = strdup(run->out.bytes);
		ck_assert_str_eq(first, run->out.bytes);
	}
	free(first);
}

START_TEST(output_does_not_depend_on_the_pager)
{
	same_output("guest.elf", "-c", "1");
	same_output("guest.elf", "-c", "2");
	same_output("guest.elf", "-m", "8G");
	same_output("guest/lowzero.elf", "-c", "2");
	same_output("guest/mb1.elf", "-c", "2");
	same_output("guest/mb1-address.elf", "-c", "1");
	same_output("guest/pvh.elf", "-c", "2");
	same_output("guest/pvh32.elf", "-m", "3G");
}
END_TEST

START_TEST(guest_runs_with_lazy_ram)
{
	const struct guest *g = &guests[_i];
	struct run *run = VMM(must_built(g->image), "--lazy-ram", "--machine",
			      _i % 2 ? "minimal" : "pc", "--timeout", "50",
			      "-a", g->cmdline, g->options[0], g->options[1]);

	run_is(run, g->status);
	run_out_has(run, g->out);
}
END_TEST

START_TEST(window_bounds_what_a_fault_brings)
{
	struct run *run = VMM(must_built("guest/touch.elf"), "--stats=json",
			      "--window", "4K");
	double pages = run_number(run->err.bytes, "\"pages_present\":");

	run_is(run, 0);
	ck_assert_double_eq(run_number(run->err.bytes, "\"faults\":"), pages);
	ck_assert_double_eq(run_number(run->err.bytes, "\"1\":"), pages);
}
END_TEST

START_TEST(status_above_119_is_reported_as_119)
{
	static const char *const words[] = {"exit=120", "exit=200", "exit=255"};
	struct run *run = VMM(must_built("guest/status.elf"), "-a", words[_i]);

	run_is(run, 119);
	run_err_has(run, words[_i] + 5);
	run_err_has(run, "119");
}
END_TEST

/* Modules. */

static uint64_t fnv1a(const uint8_t *bytes, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Makes a file, and says --module's value for it. */
static const char *make_module(const char *name, size_t len, const char *args)
{
	static char options[4][512];
	static int next;
	char *option = options[next++ % NR(options)];
	uint8_t *bytes = must_alloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 8) + len);
	must_write_file(must_file(name), bytes, len);
	snprintf(option, sizeof(options[0]), "%s,%ssum=%llx", must_file(name),
		 args, (unsigned long long)fnv1a(bytes, len));
	free(bytes);
	return option;
}

/* Each protocol has a list of modules of its own. */
START_TEST(modules_arrive_by_every_protocol)
{
	static const char *const images[] = {
		"guest/mb1.elf",
		"guest/mb1-address.elf",
		"guest/pvh.elf",
		"guest/pvh32.elf",
	};
	const char *pager = pagers[_i % NR(pagers)];
	char args[512], out[1024];
	struct run *run;

	must_write_file(must_file("a"), "the first", 9);
	must_write_file(must_file("b"), "", 0);
	must_write_file(must_file("c"), "last", 4);
	snprintf(args, sizeof(args), "%s,x y,z", must_file("c"));
	run = VMM(must_built(images[_i / NR(pagers)]), "--pager", pager,
		  "--initrd", must_file("a"), "--module", must_file("b"),
		  "--module", args);
	snprintf(out, sizeof(out),
		 "module: 9 bytes, \"%s\", begins \"the firs\"\n"
		 "module: 0 bytes, \"%s\", begins \"\"\n"
		 "module: 4 bytes, \"x y,z\", begins \"last\"\n",
		 must_file("a"), must_file("b"));
	run_is(run, 0);
	run_out_has(run, out);
}
END_TEST

/* GRUB passes the words alone, the first GRUB and QEMU the path before them. */
START_TEST(command_line_is_what_each_protocol_has)
{
	const char *mb1 = must_built("guest/mb1.elf");
	char line[512];

	snprintf(line, sizeof(line), "\ncommand line: %s a b\n", mb1);
	run_out_has(VMM(mb1, "-a", "a b"), line);
	snprintf(line, sizeof(line), "\ncommand line: %s\n", mb1);
	run_out_has(VMM(mb1), line);
	run_out_has(VMM(must_built("guest/pvh.elf"), "-a", "a b"),
		    "\ncommand line: a b\n");
	run_out_has(VMM(must_built("guest/long.elf"), "--boot=long", "-a", "a"),
		    "command line \"a\"\n");
}
END_TEST

START_TEST(sections_are_given_by_multiboot)
{
	run_out_has(VMM(must_built("guest/mb1.elf")),
		    "the last one is .shstrtab\n");
}
END_TEST

START_TEST(machine_decides_on_the_hole_below_1_mib)
{
	const char *image = must_built("guest/mb1.elf");

	run_out_has(VMM(image, "--machine=pc", "-m", "64M"),
		    "memory: 0x0-0x9000 type 1\n"
		    "memory: 0x9000-0xa000 type 2\n"
		    "memory: 0xa000-0xa0000 type 1\n"
		    "memory: 0xa0000-0x100000 type 2\n"
		    "memory: 0x100000-0x4000000 type 1\n");
	run_out_has(VMM(image, "--machine=minimal", "-m", "64M"),
		    "memory: 0xa000-0xf0000 type 1\n"
		    "memory: 0xf0000-0xf1000 type 2\n"
		    "memory: 0xf1000-0xff000 type 1\n"
		    "memory: 0xff000-0x100000 type 2\n"
		    "memory: 0x100000-0x4000000 type 1\n");
}
END_TEST

static const size_t module_sizes[] = {
	0, 1, 4095, 4096, 4097, 100001, (3 << 20) + 17,
};

START_TEST(module_arrives_whole)
{
	size_t len = module_sizes[_i / NR(pagers)];
	struct run *run = VMM(must_built("guest.elf"), "--module",
			      make_module("module", len, "x,y "), "--pager",
			      pagers[_i % NR(pagers)]);

	run_is(run, 0);
	run_out_has(run, "\nmodule: 0x");
	run_out_has(run, " x,y sum=");
}
END_TEST

START_TEST(modules_keep_their_order)
{
	struct run *run =
		VMM(must_built("guest.elf"), "--module",
		    make_module("a", 5000, "first "), "-i", must_file("a"),
		    "--module", make_module("b", 0, "third "), "--module",
		    make_module("c", 70000, "fourth "), "-c", "2");
	const char *at = run->out.bytes;
	const char *const names[] = {" first sum=", must_file("a"),
				     " third sum=", " fourth sum="};

	run_is(run, 0);
	for (int i = 0; i < NR(names); i++) {
		at = strstr(at, names[i]);
		ck_assert_msg(at, "%s is not there, or not in order: %s",
			      names[i], run->out.bytes);
		at++;
	}
}
END_TEST

START_TEST(initrd_may_have_commas_in_its_name)
{
	const char *path = must_file("a,b,c");

	must_write_file(path, "abc", 3);
	run_out_has(VMM(must_built("guest.elf"), "--initrd", path), path);
	run_out_has(VMM(must_built("guest.elf"), "-i", path), path);
}
END_TEST

/* The checksum of the guest's own is checked, too. */
START_TEST(wrong_checksum_is_seen_by_the_guest)
{
	char option[512];
	struct run *run;

	make_module("module", 4096, "");
	snprintf(option, sizeof(option), "%s,sum=123", must_file("module"));
	run = VMM(must_built("guest.elf"), "--module", option);
	run_is(run, 99);
}
END_TEST

START_TEST(module_that_does_not_fit_is_refused)
{
	struct run *run;

	make_module("module", 3 << 20, "");
	run = VMM("-m", "26M", must_built("guest.elf"), "-i",
		  must_file("module"));
	run_is(run, 125);
	run_err_has(run, must_file("module"));
	run_err_has(run, "--mem");
	run_out_is(run, "");
}
END_TEST

START_TEST(module_that_is_no_file_is_refused)
{
	run_is(VMM("-i", "/nonexistent", must_built("guest.elf")), 127);
	run_err_has(VMM("-i", "/nonexistent", must_built("guest.elf")),
		    "/nonexistent: ");
	run_is(VMM("-i", "/", must_built("guest.elf")), 125);
	run_is(VMM("-i", "/dev/null", must_built("guest.elf")), 125);
}
END_TEST

START_TEST(module_of_4_gib_is_refused)
{
	const char *path = must_file("huge");
	struct run *run;

	must_write_file(path, "", 0);
	ck_assert_int_eq(truncate(path, 1LL << 32), 0);
	run = VMM("-m", "8G", "-i", path, must_built("guest.elf"));
	run_is(run, 125);
	run_err_has(run, "must lie below 4 GiB");
}
END_TEST

START_TEST(trace_never_overwrites_what_the_guest_is_made_of)
{
	const char *image = must_file("image"), *module = must_file("module");
	struct run *run;
	size_t len;
	char *bytes;

	must_copy_file(must_built("guest/hello.elf"), image);
	must_write_file(module, "module", 6);
	run = VMM("--trace", image, image);
	run_is(run, 125);
	run_err_has(run, "would be overwritten");
	run_is(VMM("--trace", module, "-i", module, image), 125);
	bytes = must_read_file(module, &len);
	ck_assert_uint_eq(len, 6);
	free(bytes);
	run_is(VMM(image), 0);
}
END_TEST

/* Memory. */

START_TEST(memory_above_the_hole_starts_at_4_gib)
{
	struct run *run = VMM("-m", "8G", must_built("guest.elf"));

	run_is(run, 0);
	run_out_has(run, "memory: 0x100000-0xbffda000 usable\n"
			 "memory: 0x100000000-0x240026000 usable\n");
}
END_TEST

START_TEST(information_is_where_it_was_asked_for)
{
	struct run *run = VMM("--mbi-addr", "0x9000", must_built("guest.elf"));

	run_is(run, 0);
	run_out_has(run, "information at 0x9000,");
	run_out_has(run, "memory: 0x9000-0xa000 reserved\n");
	run = VMM("--mbi-addr", "28672", must_built("guest.elf"));
	run_out_has(run, "information at 0x7000,");
}
END_TEST

static const struct {
	const char *size;
	long kib; /* of the VMM itself, at most */
} sizes[] = {{"128M", 4 << 10}, {"8G", 4 << 10}, {"1000G", 64 << 10}};

START_TEST(memory_nobody_touches_costs_nothing)
{
	struct run run = {.input = RUN_PIPE};
	long kib;

	RUN_START(&run, must_built("guest/echo.elf"), "-m", sizes[_i].size);
	run_expect(&run, "q ends\n");
	kib = run_peak_kib(&run);
	run_write(&run, "q", 1);
	run_end(&run);
	run_is(&run, 0);
	/* A sanitizer's shadow has a price of its own. */
	if (!strstr(must_built(""), "asan") && !strstr(must_built(""), "tsan"))
		ck_assert_int_lt(kib, sizes[_i].kib);
	ck_assert_double_lt(run.seconds, 10 * must_patience());
	run_free(&run);
}
END_TEST

/* The machines. */

static const struct {
	const char *machine, *cmdline;
} ends[] = {
	{"pc", "end=sleep"},
	{"pc", "end=sleep-byte"},
	{"pc", "end=reset"},
	{"pc", "end=keyboard"},
	{"pc", "end=output-port"},
	{"pc", "end=port-a"},
	{"minimal", "minimal end=sleep"},
	{"minimal", "minimal end=sleep-byte"},
	{"minimal", "minimal end=reset"},
};

START_TEST(power_off_and_reset_are_status_0)
{
	struct run *run =
		VMM("--machine", ends[_i].machine, "--timeout", "50",
		    must_built("guest/pc.elf"), "-a", ends[_i].cmdline);

	run_is(run, 0);
	run_out_has(run, "pc: all there\n");
	run_err_is(run, "");
}
END_TEST

static const struct {
	const char *option;
	unsigned extended; /* KiB from 1 MiB on, 16 bits */
} cmos_sizes[] = {{"-m32M", 31 << 10}, {"-m64M", 63 << 10}, {"-m6G", 65535}};

START_TEST(pc_tells_the_time_and_the_memory)
{
	char words[64];
	struct run *run;

	snprintf(words, sizeof(words), "time=%lld extended=%u",
		 (long long)time(NULL), cmos_sizes[_i].extended);
	run = VMM(cmos_sizes[_i].option, must_built("guest/pc.elf"), "-a",
		  words);
	run_is(run, 0);
	run_out_has(run, "pc: text through the debug port\n");
	run_out_has(run, " s ahead\n");
}
END_TEST

START_TEST(pc_leaves_no_port_unanswered_that_kernels_use)
{
	struct run *run = VMM("--stats=json", must_built("guest/pc.elf"));

	run_is(run, 0);
	ck_assert_double_eq(run_number(run->err.bytes, "\"unclaimed_ports\":"),
			    0);
	run_err_has(run, "\"machine\":\"pc\"");
}
END_TEST

START_TEST(halted_guest_ends_by_the_time_limit)
{
	struct run *run = VMM("--machine", _i ? "minimal" : "pc", "--timeout",
			      "0.5", must_built("guest/pc.elf"), "-a",
			      _i ? "minimal end=halt" : "end=halt");

	run_is(run, 124);
	run_out_has(run, "pc: all there\n");
}
END_TEST

/* The serial port. */

START_TEST(piped_input_reaches_the_guest)
{
	struct run run = {.input = RUN_PIPE};

	RUN_START(&run, must_built("guest/echo.elf"), "--pager", pagers[_i],
		  "--machine", _i == 1 ? "minimal" : "pc");
	run_expect(&run, "q ends\n");
	run_write(&run, "abc", 3);
	run_expect(&run, "ABC"); /* without a newline, without delay */
	run_write(&run, "\x01x\x01\x01q", 5);
	run_end(&run);
	run_is(&run, 0);
	run_out_has(&run, "ABC\x01X\x01\x01\necho: done\n");
	run_free(&run);
}
END_TEST

/* More than the port's FIFO and the VMM's buffers hold. Not before the guest
 * has cleared the FIFO, as all drivers do at first. */
START_TEST(long_input_arrives_whole)
{
	struct run run = {.input = RUN_PIPE};
	size_t len = 5000;
	char *bytes = must_alloc(len + 1);

	memset(bytes, 'a', len);
	bytes[len - 1] = 'q';
	RUN_START(&run, must_built("guest/echo.elf"), "--timeout", "50");
	run_expect(&run, "q ends\n");
	run_write(&run, bytes, len);
	run_close_input(&run);
	run_end(&run);
	run_is(&run, 0);
	memset(bytes, 'A', len - 1);
	bytes[len - 1] = '\0';
	run_out_has(&run, bytes);
	free(bytes);
	run_free(&run);
}
END_TEST

START_TEST(end_of_input_is_not_the_end_of_the_guest)
{
	run_is(VMM(must_built("guest/echo.elf"), "--timeout", "0.3"), 124);
	run_is(VMM(must_built("guest/hlt.elf")), 0);
}
END_TEST

/* What happened. */

START_TEST(stats_are_for_reading)
{
	static const char *const lines[] = {
		"image_parsed",
		"vm_created",
		"armed",
		"first_instruction",
		"ready_marker",
		"exit",
		"boot multiboot2, pager uffd, machine pc",
		"pages ",
		"bytes ",
		"faults ",
		"exits ",
		"IO: ",
	};
	struct run *run = VMM("--stats", must_built("guest/hello.elf"));

	run_is(run, 0);
	run_out_is(run, "Hello\n");
	for (int i = 0; i < NR(lines); i++)
		run_err_has(run, lines[i]);
}
END_TEST

/* The end of a word in this line, as a column. */
static long column_of(const char *line, const char *word)
{
	const char *at = strstr(line, word);

	ck_assert_ptr_nonnull(at);
	ck_assert(at < line + strcspn(line, "\n"));
	return at + strlen(word) - line;
}

START_TEST(devices_are_rows_of_a_table)
{
	struct run *run =
		VMM("--stats", "--rng", "--balloon", "--console=virtio",
		    must_built("guest/hello.elf"));
	static const char *const names[] = {
		"  virtio-rng ", "  virtio-balloon ", "  virtio-console "};
	const char *head = strstr(run->err.bytes, "device ");

	run_is(run, 0);
	ck_assert_ptr_nonnull(head);
	for (int i = 0; i < NR(names); i++) {
		const char *row = strstr(head, names[i]);

		ck_assert_ptr_nonnull(row);
		ck_assert_int_eq(column_of(row, " 0"),
				 column_of(head, "requests"));
	}
}
END_TEST

/* Braces, brackets and quotes in balance, one line: enough to see a missing
 * comma's neighbour; the numbers are looked at one by one. */
static void is_json_object(const char *text)
{
	int depth = 0, quotes = 0;

	ck_assert_int_eq(*text, '{');
	for (const char *c = text; *c && *c != '\n'; c++) {
		quotes += *c == '"';
		if (quotes % 2)
			continue;
		depth += (*c == '{') - (*c == '}');
		ck_assert_int_ge(depth, c[1] != '\n' && c[1]);
		ck_assert_msg(!(c[0] == ',' && !strchr("\"{", c[1])), "at %s",
			      c);
		ck_assert_msg(!(c[0] == '}' && c[1] && !strchr(",}]\n", c[1])),
			      "at %s", c);
	}
	ck_assert_int_eq(depth, 0);
	ck_assert_int_eq(quotes % 2, 0);
	ck_assert_str_eq(strchr(text, '\n'), "\n");
}

START_TEST(json_stats_are_plausible)
{
	struct run *run = VMM("--stats=json", must_built("guest.elf"), "-m",
			      "64M", "-c", "2", "--pager", pagers[_i]);
	const char *json = run->err.bytes;
	double pages, present, last = 0;
	static const char *const phases[] = {
		"\"image_parsed\":",	  "\"vm_created\":",   "\"armed\":",
		"\"first_instruction\":", "\"ready_marker\":", "\"exit\":",
	};

	run_is(run, 0);
	is_json_object(json);
	ck_assert_double_eq(run_number(json, "\"status\":"), 0);
	ck_assert_double_eq(run_number(json, "\"memory_bytes\":"), 64 << 20);
	ck_assert_double_eq(run_number(json, "\"cpus\":"), 2);
	for (int i = 0; i < NR(phases); i++) {
		ck_assert_double_ge(run_number(json, phases[i]), last);
		last = run_number(json, phases[i]);
	}
	ck_assert_double_lt(last, 60e6);
	pages = run_number(json, "\"pages\":");
	present = run_number(json, "\"pages_present\":");
	ck_assert_double_le(present, pages);
	ck_assert_double_ge(run_number(json, "\"IO\":"), 100);
	if (_i)
		return;
	ck_assert_double_ge(present, 2049); /* the pattern's */
	ck_assert_double_gt(run_number(json, "\"faults\":"), 0);
	ck_assert_double_le(run_number(json, "\"faults\":"), present);
}
END_TEST

/* A lazy run reads no byte twice, and no more than an eager one. */
START_TEST(lazy_reads_no_more_than_eager)
{
	const char *image = must_built(_i ? "guest.elf" : "guest/hello.elf");
	double lazy, eager;

	lazy = run_number(VMM("--stats=json", image)->err.bytes,
			  "\"bytes_read\":");
	eager = run_number(
		VMM("--stats=json", "--pager=eager", image)->err.bytes,
		"\"bytes_read\":");
	ck_assert_double_gt(lazy, 0);
	ck_assert_double_le(lazy, eager);
}
END_TEST

START_TEST(untouched_pages_are_not_read)
{
	struct run *run = VMM("--stats=json", must_built("guest/touch.elf"),
			      "-a", "pages=1");
	double present = run_number(run->err.bytes, "\"pages_present\":");

	run_is(run, 0);
	ck_assert_double_gt(run_number(run->err.bytes, "\"pages\":"), 1024);
	ck_assert_double_lt(present, 50);
	ck_assert_double_le(run_number(run->err.bytes, "\"bytes_read\":"),
			    present * 4096);
}
END_TEST

/* "# ..." and then: time who gpa pages source offset taken */
static double trace_pages(const char *text, const char *source)
{
	double sum = 0, last_end = 0;

	ck_assert_int_eq(*text, '#');
	for (text = strchr(text, '\n') + 1; *text;
	     text = strchr(text, '\n') + 1) {
		char who[32], name[512];
		unsigned long long gpa, offset;
		double time, taken;
		unsigned pages;

		ck_assert_msg(sscanf(text,
				     "%lf %31s 0x%llx %u %511s 0x%llx %lf",
				     &time, who, &gpa, &pages, name, &offset,
				     &taken) == 7,
			      "trace line: %.120s", text);
		ck_assert_msg(!strncmp(who, "vcpu", 4) || !strcmp(who, "kvm") ||
				      !strcmp(who, "device"),
			      "who: %s", who);
		ck_assert_int_eq(gpa % 4096, 0);
		ck_assert_uint_ge(pages, 1);
		ck_assert_uint_le(pages, 64);
		ck_assert_double_ge(taken, 0);
		ck_assert_double_gt(time + taken, 0);
		if (time + taken > last_end)
			last_end = time + taken;
		/* Or zeros, or what the VMM composes. */
		ck_assert(!strcmp(name, source) || !strcmp(name, "-") ||
			  *name != '/');
		sum += pages;
	}
	ck_assert_double_lt(last_end, 60e6);
	return sum;
}

START_TEST(trace_has_every_page_once)
{
	const char *image = must_built("guest.elf"), *path = must_file("trace");
	struct run *run = VMM("--stats=json", "--trace", path, image, "-c2",
			      _i ? "--lazy-ram" : "-q");
	char *text = must_read_file(path, NULL);
	double present = run_number(run->err.bytes, "\"pages_present\":");

	run_is(run, 0);
	/* Pages that the VMM itself brings have no fault. */
	ck_assert_double_le(trace_pages(text, image), present);
	ck_assert_double_ge(trace_pages(text, image), present - 2);
	free(text);
}
END_TEST

START_TEST(trace_that_cannot_be_written_is_an_error)
{
	struct run *run = VMM("--trace", "/nonexistent/trace",
			      must_built("guest/hello.elf"));

	run_is(run, 125);
	run_err_has(run, "--trace /nonexistent/trace: ");
	run_out_is(run, "");
}
END_TEST

START_TEST(boot_timer_tells_two_moments)
{
	struct run *run = VMM("--boot-timer", must_built("guest/hello.elf"));
	double first, ready;

	run_is(run, 0);
	first = run_number(run->err.bytes, "first instruction after ");
	ready = run_number(run->err.bytes, "ready after ");
	ck_assert_double_gt(first, 0);
	ck_assert_double_ge(ready, first);
	ck_assert_double_lt(ready, 30000);
	run = VMM("--boot-timer", must_built("guest/badport.elf"));
	run_err_has(run, "no ready marker");
}
END_TEST

static void fill_uffd(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase,
			    guest_runs_the_same_under_every_pager_and_machine,
			    0, NR(guests) * NR(pairs));
	tcase_add_loop_test(tcase, guest_runs_with_lazy_ram, 0, NR(guests));
	tcase_add_test(tcase, output_does_not_depend_on_the_pager);
	tcase_add_test(tcase, window_bounds_what_a_fault_brings);
	tcase_add_loop_test(tcase, status_above_119_is_reported_as_119, 0, 3);
}

static void fill_modules(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_loop_test(tcase, modules_arrive_by_every_protocol, 0,
			    4 * NR(pagers));
	tcase_add_test(tcase, command_line_is_what_each_protocol_has);
	tcase_add_test(tcase, sections_are_given_by_multiboot);
	tcase_add_test(tcase, machine_decides_on_the_hole_below_1_mib);
	tcase_add_loop_test(tcase, module_arrives_whole, 0,
			    NR(module_sizes) * NR(pagers));
	tcase_add_test(tcase, modules_keep_their_order);
	tcase_add_test(tcase, initrd_may_have_commas_in_its_name);
	tcase_add_test(tcase, wrong_checksum_is_seen_by_the_guest);
	tcase_add_test(tcase, module_that_does_not_fit_is_refused);
	tcase_add_test(tcase, module_that_is_no_file_is_refused);
	tcase_add_test(tcase, module_of_4_gib_is_refused);
	tcase_add_test(tcase, trace_never_overwrites_what_the_guest_is_made_of);
}

static void fill_memory(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, memory_above_the_hole_starts_at_4_gib);
	tcase_add_test(tcase, information_is_where_it_was_asked_for);
	tcase_add_loop_test(tcase, memory_nobody_touches_costs_nothing, 0,
			    NR(sizes));
}

static void fill_machines(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, power_off_and_reset_are_status_0, 0,
			    NR(ends));
	tcase_add_loop_test(tcase, pc_tells_the_time_and_the_memory, 0,
			    NR(cmos_sizes));
	tcase_add_test(tcase, pc_leaves_no_port_unanswered_that_kernels_use);
	tcase_add_loop_test(tcase, halted_guest_ends_by_the_time_limit, 0, 2);
}

static void fill_serial(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, piped_input_reaches_the_guest, 0,
			    NR(pagers));
	tcase_add_test(tcase, long_input_arrives_whole);
	tcase_add_test(tcase, end_of_input_is_not_the_end_of_the_guest);
}

static void fill_reports(TCase *tcase)
{
	tcase_set_timeout(tcase, 120);
	must_add_folder(tcase);
	tcase_add_test(tcase, stats_are_for_reading);
	tcase_add_test(tcase, devices_are_rows_of_a_table);
	tcase_add_loop_test(tcase, json_stats_are_plausible, 0, NR(pagers));
	tcase_add_loop_test(tcase, lazy_reads_no_more_than_eager, 0, 2);
	tcase_add_test(tcase, untouched_pages_are_not_read);
	tcase_add_loop_test(tcase, trace_has_every_page_once, 0, 2);
	tcase_add_test(tcase, trace_that_cannot_be_written_is_an_error);
	tcase_add_test(tcase, boot_timer_tells_two_moments);
}

Suite *guests_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD;
	Suite *suite = suite_create("guests");

	must_add(suite, "pagers", needs, fill_uffd);
	must_add(suite, "modules", needs, fill_modules);
	must_add(suite, "memory", needs, fill_memory);
	must_add(suite, "machines", needs, fill_machines);
	must_add(suite, "serial", needs, fill_serial);
	must_add(suite, "reports", needs, fill_reports);
	return suite;
}
