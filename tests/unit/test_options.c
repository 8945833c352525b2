/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/options: what the command line may say, and what it is told where it may
 * not. Each refusal goes to stderr, names option and value, and points to
 * --help; nothing but --help and --version writes to stdout.
 */
#define _GNU_SOURCE
#include "vmm/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pager/window.h"
#include "tests/suites.h"
#include "vmm/size.h"

#define MIB	  (UINT64_C(1) << 20)
#define WORDS_MAX 70

static struct options o;
static char said_out[4096], said_err[4096];

/* options_parse wants words that may be changed; they live until the next. */
static char words[WORDS_MAX][128];

/* Sends a standard stream to memory; returns what undoes it. */
static int divert(int stream, int *saved)
{
	int fd = memfd_create("stream", 0);

	ck_assert_int_ge(fd, 0);
	*saved = dup(stream);
	ck_assert_int_ge(*saved, 0);
	ck_assert_int_ge(dup2(fd, stream), 0);
	return fd;
}

static void restore(int stream, int saved, int fd, char *said, size_t room)
{
	ssize_t n = pread(fd, said, room - 1, 0);

	ck_assert_int_ge(n, 0);
	said[n] = '\0';
	dup2(saved, stream);
	close(saved);
	close(fd);
}

/* words[] up to the first NULL, behind the program's name. */
static enum options_result parse(const char *const given[])
{
	char *argv[WORDS_MAX + 2] = {words[0]};
	int argc = 1, out, err, saved_out, saved_err;
	enum options_result result;

	strcpy(words[0], "vmm");
	for (int i = 0; given[i]; i++) {
		ck_assert_int_lt(argc, WORDS_MAX);
		ck_assert_uint_lt(strlen(given[i]), sizeof(words[0]));
		argv[argc] = strcpy(words[argc], given[i]);
		argc++;
	}
	fflush(stdout);
	out = divert(STDOUT_FILENO, &saved_out);
	err = divert(STDERR_FILENO, &saved_err);
	result = options_parse(&o, argc, argv);
	fflush(stdout);
	fflush(stderr);
	restore(STDOUT_FILENO, saved_out, out, said_out, sizeof(said_out));
	restore(STDERR_FILENO, saved_err, err, said_err, sizeof(said_err));
	return result;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

#define ACCEPT(...)                                                \
	do {                                                       \
		ck_assert_int_eq(PARSE(__VA_ARGS__), OPTIONS_RUN); \
		ck_assert_str_eq(said_out, "");                    \
		ck_assert_str_eq(said_err, "");                    \
	} while (0)

START_TEST(image_alone_gets_the_defaults)
{
	ACCEPT("guest.elf");
	ck_assert_str_eq(o.image, "guest.elf");
	ck_assert_uint_eq(o.memory, 128 * MIB);
	ck_assert_uint_eq(o.cpus, 1);
	ck_assert_str_eq(o.cmdline, "");
	ck_assert_uint_eq(o.nr_modules, 0);
	ck_assert_int_eq(o.boot, BOOT_AUTO);
	ck_assert_int_eq(o.machine, MACHINE_PC);
	ck_assert_int_eq(o.pager, PAGER_UFFD);
	ck_assert_uint_eq(o.window_pages, WINDOW_MAX);
	ck_assert(!o.mbi_addr_given && !o.lazy_ram && !o.boot_timer);
	ck_assert(!o.quiet && !o.verbose && !o.trace && !o.dump);
	ck_assert_int_eq(o.stats, STATS_NONE);
	ck_assert_uint_eq(o.timeout_ns, 0);
	options_fini(&o);
}
END_TEST

START_TEST(devices_keep_their_order)
{
	ACCEPT("-n", "tap=a", "--rng", "--net=passt=b", "guest.elf");
	ck_assert_uint_eq(o.nr_devices, 3);
	ck_assert_int_eq(o.devices[0].kind, VIRTIO_NET);
	ck_assert_str_eq(o.devices[0].arg, "tap=a");
	ck_assert_int_eq(o.devices[1].kind, VIRTIO_RNG);
	ck_assert_int_eq(o.devices[2].kind, VIRTIO_NET);
	ck_assert_str_eq(o.devices[2].arg, "passt=b");
	options_fini(&o);
}
END_TEST

START_TEST(devices_beyond_the_machines_places_are_refused)
{
	const char *given[MACHINE_VIRTIO_MAX + 3] = {"guest.elf"};

	for (unsigned i = 0; i < MACHINE_VIRTIO_MAX; i++)
		given[1 + i] = "--rng";
	ck_assert_int_eq(parse(given), OPTIONS_RUN);
	ck_assert_uint_eq(o.nr_devices, MACHINE_VIRTIO_MAX);
	options_fini(&o);
	given[1 + MACHINE_VIRTIO_MAX] = "--console=virtio";
	ck_assert_int_eq(parse(given), OPTIONS_USAGE);
	ck_assert_msg(strstr(said_err, "at most 12"), "%s", said_err);
	options_fini(&o);
}
END_TEST

START_TEST(memory_is_taken_in_each_spelling)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"1", MIB},
		{"512", 512 * MIB},
		{"512M", 512 * MIB},
		{"512m", 512 * MIB},
		{"4K", 4096},
		{"4k", 4096},
		{"2G", 2048 * MIB},
		{"2g", 2048 * MIB},
		{"1T", MIB * MIB},
		{"007", 7 * MIB},
		{"2048T", 2048 * MIB * MIB},
		{"1028K", 1028 << 10},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ACCEPT("--mem", cases[i].text, "g");
		ck_assert_uint_eq(o.memory, cases[i].bytes);
		options_fini(&o);
		ACCEPT("g", "-m", cases[i].text);
		ck_assert_uint_eq(o.memory, cases[i].bytes);
		options_fini(&o);
	}
	ACCEPT("--mem=64M", "g");
	ck_assert_uint_eq(o.memory, 64 * MIB);
	options_fini(&o);
	ACCEPT("-m64M", "g");
	ck_assert_uint_eq(o.memory, 64 * MIB);
	options_fini(&o);
}
END_TEST

START_TEST(last_of_several_counts)
{
	ACCEPT("-m", "1G", "g", "-m", "2G", "-c3", "--cpus", "4", "--boot=elf",
	       "--boot=long");
	ck_assert_uint_eq(o.memory, 2048 * MIB);
	ck_assert_uint_eq(o.cpus, 4);
	ck_assert_int_eq(o.boot, BOOT_LONG);
	options_fini(&o);
}
END_TEST

START_TEST(cpus_are_taken_up_to_the_last_apic_id)
{
	ACCEPT("-c", "254", "g");
	ck_assert_uint_eq(o.cpus, 254);
	options_fini(&o);
	ACCEPT("--cpus=1", "g");
	ck_assert_uint_eq(o.cpus, 1);
	options_fini(&o);
}
END_TEST

START_TEST(command_line_is_joined_in_order)
{
	ACCEPT("-a", "one two", "g", "--append=three", "-p", "four", "--params",
	       "five", "--", "-m", "six", "--help");
	ck_assert_str_eq(o.cmdline, "one two three four five -m six --help");
	ck_assert_str_eq(o.image, "g");
	ck_assert_uint_eq(o.memory, 128 * MIB);
	options_fini(&o);
}
END_TEST

START_TEST(image_may_come_behind_the_dashes)
{
	ACCEPT("-m", "1G", "--", "-image", "word", "--");
	ck_assert_str_eq(o.image, "-image");
	ck_assert_str_eq(o.cmdline, "word --");
	options_fini(&o);
}
END_TEST

START_TEST(modules_are_taken_in_order)
{
	ACCEPT("--module", "a,first,one", "-i", "b,c", "g", "--module=d",
	       "--initrd=e", "--module", "f,");
	ck_assert_uint_eq(o.nr_modules, 5);
	ck_assert_str_eq(o.modules[0].path, "a");
	ck_assert_str_eq(o.modules[0].args, "first,one");
	ck_assert_str_eq(o.modules[1].path, "b,c");
	ck_assert_ptr_null(o.modules[1].args);
	ck_assert_str_eq(o.modules[2].path, "d");
	ck_assert_ptr_null(o.modules[2].args);
	ck_assert_str_eq(o.modules[3].path, "e");
	ck_assert_str_eq(o.modules[4].path, "f");
	ck_assert_str_eq(o.modules[4].args, "");
	options_fini(&o);
}
END_TEST

START_TEST(names_of_protocols_and_pagers_are_known)
{
	static const struct {
		const char *word;
		int value;
	} boots[] =
		{
			{"--boot=auto", BOOT_AUTO},
			{"--boot=multiboot2", BOOT_MULTIBOOT2},
			{"--boot=multiboot", BOOT_MULTIBOOT},
			{"--boot=pvh", BOOT_PVH},
			{"--boot=elf", BOOT_ELF},
			{"--boot=long", BOOT_LONG},
		},
	  pagers[] = {
		  {"--pager=uffd", PAGER_UFFD},
		  {"--pager=map", PAGER_MAP},
		  {"--pager=eager", PAGER_EAGER},
	  };

	for (size_t i = 0; i < sizeof(boots) / sizeof(*boots); i++) {
		ACCEPT(boots[i].word, "g");
		ck_assert_int_eq((int)o.boot, boots[i].value);
		options_fini(&o);
	}
	for (size_t i = 0; i < 3; i++) {
		ACCEPT(pagers[i].word, "g");
		ck_assert_int_eq((int)o.pager, pagers[i].value);
		options_fini(&o);
	}
}
END_TEST

START_TEST(machines_have_names)
{
	ACCEPT("--machine", "pc", "g");
	ck_assert_int_eq(o.machine, MACHINE_PC);
	options_fini(&o);
	ACCEPT("--machine=minimal", "g");
	ck_assert_int_eq(o.machine, MACHINE_MINIMAL);
	ck_assert_str_eq(machine_name(o.machine), "minimal");
	options_fini(&o);
}
END_TEST

START_TEST(windows_are_whole_pages_up_to_the_largest)
{
	ACCEPT("--window", "4K", "g");
	ck_assert_uint_eq(o.window_pages, 1);
	options_fini(&o);
	ACCEPT("--window=12k", "g");
	ck_assert_uint_eq(o.window_pages, 3);
	options_fini(&o);
	ACCEPT("--window", "256K", "g");
	ck_assert_uint_eq(o.window_pages, WINDOW_MAX);
	options_fini(&o);
}
END_TEST

START_TEST(information_address_is_taken_zero_included)
{
	ACCEPT("--mbi-addr", "0x9000", "g");
	ck_assert(o.mbi_addr_given);
	ck_assert_uint_eq(o.mbi_addr, 0x9000);
	options_fini(&o);
	ACCEPT("--mbi-addr=0", "g");
	ck_assert(o.mbi_addr_given);
	ck_assert_uint_eq(o.mbi_addr, 0);
	options_fini(&o);
	ACCEPT("--mbi-addr=4096", "g");
	ck_assert_uint_eq(o.mbi_addr, 4096);
	options_fini(&o);
	ACCEPT("--mbi-addr=0xfffff000", "g");
	ck_assert_uint_eq(o.mbi_addr, 0xfffff000);
	options_fini(&o);
}
END_TEST

START_TEST(statistics_are_text_unless_json_is_asked_for)
{
	ACCEPT("--stats", "g");
	ck_assert_int_eq(o.stats, STATS_TEXT);
	options_fini(&o);
	ACCEPT("--stats=text", "g");
	ck_assert_int_eq(o.stats, STATS_TEXT);
	options_fini(&o);
	ACCEPT("--stats=json", "g");
	ck_assert_int_eq(o.stats, STATS_JSON);
	options_fini(&o);
}
END_TEST

START_TEST(seconds_may_have_a_fraction)
{
	ACCEPT("--timeout", "1.5", "g");
	ck_assert_uint_eq(o.timeout_ns, 1500000000);
	options_fini(&o);
	ACCEPT("--timeout=0.0000000001", "g");
	ck_assert_uint_eq(o.timeout_ns, 1);
	options_fini(&o);
	ACCEPT("--timeout=1e9", "g");
	ck_assert_uint_eq(o.timeout_ns, UINT64_C(1000000000000000000));
	options_fini(&o);
}
END_TEST

START_TEST(switches_are_taken)
{
	ACCEPT("g", "-qv", "--lazy-ram", "--boot-timer", "--trace", "t.txt",
	       "--dump=core", "--digest");
	ck_assert(o.quiet && o.verbose && o.lazy_ram && o.boot_timer);
	ck_assert(o.digest);
	ck_assert_str_eq(o.trace, "t.txt");
	ck_assert_str_eq(o.dump, "core");
	options_fini(&o);
	ACCEPT("g", "--quiet", "--verbose");
	ck_assert(o.quiet && o.verbose);
	options_fini(&o);
}
END_TEST

START_TEST(hypercalls_are_taken)
{
	ACCEPT("g");
	ck_assert_int_eq(o.hypercalls, HYPERCALLS_KVM);
	options_fini(&o);
	ACCEPT("g", "--hypercalls=xen");
	ck_assert_int_eq(o.hypercalls, HYPERCALLS_XEN);
	options_fini(&o);
	ACCEPT("g", "--hypercalls=xen", "--hypercalls", "kvm");
	ck_assert_int_eq(o.hypercalls, HYPERCALLS_KVM);
	options_fini(&o);
}
END_TEST

START_TEST(second_parse_knows_nothing_of_the_first)
{
	ACCEPT("-m", "1G", "-v", "--module=a", "--stats", "first", "--", "w");
	options_fini(&o);
	ACCEPT("second");
	ck_assert_str_eq(o.image, "second");
	ck_assert_str_eq(o.cmdline, "");
	ck_assert_uint_eq(o.memory, 128 * MIB);
	ck_assert_uint_eq(o.nr_modules, 0);
	ck_assert(!o.verbose);
	options_fini(&o);
	/* Also behind one that ended in the middle of a bundle. */
	ck_assert_int_eq(PARSE("-vzq", "first"), OPTIONS_USAGE);
	options_fini(&o);
	ACCEPT("third");
	ck_assert(!o.quiet && !o.verbose);
	options_fini(&o);
}
END_TEST

START_TEST(help_fits_a_screen_and_names_each_option)
{
	static const char *const names[] = {
		"--mem",     "--cpus",	     "--append",   "--params",
		"--initrd",  "--module",     "--boot",	   "--machine",
		"--pager",   "--window",     "--mbi-addr", "--lazy-ram",
		"--stats",   "--hypercalls", "--trace",	   "--boot-timer",
		"--timeout", "--dump",	     "--quiet",	   "--verbose",
		"--version", "--help",
	};
	unsigned lines = 0, column = 0;

	ck_assert_int_eq(PARSE("--help"), OPTIONS_DONE);
	options_fini(&o);
	ck_assert_str_eq(said_err, "");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ck_assert_msg(strstr(said_out, names[i]), "%s", names[i]);
	for (const char *c = said_out; *c; c++) {
		lines += *c == '\n';
		column = *c == '\n' ? 0 : column + 1;
		ck_assert_uint_lt(column, 80);
	}
	ck_assert_uint_le(lines, 25);
	ck_assert_int_eq(PARSE("-h", "--mem=junk"), OPTIONS_DONE);
	options_fini(&o);
}
END_TEST

START_TEST(version_is_one_line)
{
	ck_assert_int_eq(PARSE("--version"), OPTIONS_DONE);
	options_fini(&o);
	ck_assert_str_eq(said_err, "");
	ck_assert_ptr_eq(strchr(said_out, '\n'),
			 said_out + strlen(said_out) - 1);
}
END_TEST

/* What is refused, and a word of the message. */
static const struct {
	const char *given[4];
	const char *says;
} bad[] = {
	{{NULL}, "no IMAGE"},
	{{"--", NULL}, "no IMAGE"},
	{{"-v", NULL}, "no IMAGE"},
	{{"", NULL}, "empty"},
	{{"a", "b", NULL}, "'b'"},
	{{"g", "--mem"}, "--mem"},
	{{"g", "-m"}, "'m'"},
	{{"g", "--mem="}, "--mem "},
	{{"g", "--mem=0"}, "--mem 0"},
	{{"g", "--mem=0G"}, "--mem 0G"},
	{{"g", "--mem=1K"}, "--mem 1K"},
	{{"g", "--mem=4097K"}, "4097K"},
	{{"g", "--mem=-1"}, "--mem -1"},
	{{"g", "--mem=+1"}, "+1"},
	{{"g", "--mem= 1"}, "--mem  1"},
	{{"g", "--mem=1 "}, "--mem 1 "},
	{{"g", "--mem=1.5G"}, "1.5G"},
	{{"g", "--mem=12Q"}, "12Q"},
	{{"g", "--mem=1MB"}, "1MB"},
	{{"g", "--mem=1GiB"}, "1GiB"},
	{{"g", "--mem=M"}, "--mem M"},
	{{"g", "--mem=0x10"}, "0x10"},
	{{"g", "--mem=2049T"}, "too large"},
	{{"g", "--mem=16777216T"}, "too large"},
	{{"g", "--mem=18446744073709551615"}, "too large"},
	{{"g", "--mem=18446744073709551616"}, "too large"},
	{{"g", "--mem=99999999999999999999999"}, "too large"},
	{{"g", "--cpus=0"}, "--cpus 0"},
	{{"g", "--cpus=255"}, "254"},
	{{"g", "--cpus=-1"}, "--cpus -1"},
	{{"g", "--cpus=+2"}, "+2"},
	{{"g", "--cpus= 2"}, "--cpus  2"},
	{{"g", "--cpus=2x"}, "2x"},
	{{"g", "--cpus=1.0"}, "1.0"},
	{{"g", "--cpus="}, "--cpus "},
	{{"g", "--cpus=4294967297"}, "4294967297"},
	{{"g", "--cpus=18446744073709551617"}, "18446744073709551617"},
	{{"g", "--boot=grub"}, "multiboot2"},
	{{"g", "--boot=ELF"}, "--boot ELF"},
	{{"g", "--boot="}, "--boot "},
	{{"g", "--machine=PC"}, "--machine PC"},
	{{"g", "--machine="}, "pc, minimal"},
	{{"g", "--pager=mmap"}, "eager"},
	{{"g", "--pager="}, "--pager "},
	{{"g", "--window=0"}, "--window 0"},
	{{"g", "--window=2K"}, "--window 2K"},
	{{"g", "--window=6K"}, "--window 6K"},
	{{"g", "--window=260K"}, "260K"},
	{{"g", "--window=1"}, "--window 1"},
	{{"g", "--window=x"}, "--window x"},
	{{"g", "--mbi-addr=1"}, "--mbi-addr 1"},
	{{"g", "--mbi-addr=0x1001"}, "0x1001"},
	{{"g", "--mbi-addr=0x100000000"}, "below 0x100000000"},
	{{"g", "--mbi-addr=-4096"}, "-4096"},
	{{"g", "--mbi-addr=abc"}, "abc"},
	{{"g", "--mbi-addr=0x"}, "0x"},
	{{"g", "--mbi-addr=0x1000z"}, "0x1000z"},
	{{"g", "--mbi-addr="}, "--mbi-addr "},
	{{"g", "--mbi-addr=0x10000000000000000"}, "0x10000000000000000"},
	{{"g", "--stats=xml"}, "json"},
	{{"g", "--stats="}, "--stats="},
	{{"g", "--timeout=0"}, "--timeout 0"},
	{{"g", "--timeout=-1"}, "--timeout -1"},
	{{"g", "--timeout=1s"}, "1s"},
	{{"g", "--timeout=nan"}, "nan"},
	{{"g", "--timeout=inf"}, "inf"},
	{{"g", "--timeout=1e10"}, "1e10"},
	{{"g", "--timeout=1e999"}, "1e999"},
	{{"g", "--timeout="}, "--timeout "},
	{{"g", "--module="}, "no file name"},
	{{"g", "--module=,args"}, ",args"},
	{{"g", "--initrd="}, "no file name"},
	{{"g", "--child="}, "no file name"},
	{{"g", "--child=a,stack=1K"}, "stack=1K"},
	{{"g", "--child-pts=yes"}, "child-pts"},
	{{"g", "--hypercalls="}, "--hypercalls "},
	{{"g", "--hypercalls=hyperv"}, "hyperv"},
	{{"g", "--lazy-ram=yes"}, "lazy-ram"},
	{{"g", "--lazy-ram", "--pager=map"}, "--lazy-ram"},
	{{"g", "--lazy-ram", "--pager=eager"}, "--lazy-ram"},
	{{"g", "--trace=t", "--pager=map"}, "--trace"},
	{{"g", "--balloon=0"}, "--balloon=0"},
	{{"g", "--balloon=9T"}, "--balloon=9T"},
	{{"g", "--balloon=1M", "--balloon"}, "--balloon: given twice"},
	{{"g", "--console="}, "--console"},
	{{"g", "--console=virtio", "--console=serial"}, "one console"},
	{{"g", "--rng=1"}, "rng"},
	{{"g", "--dump="}, "--dump"},
	{{"g", "--trace="}, "--trace: the file's name is empty"},
	{{"--nonsense", "g"}, "nonsense"},
	{{"-z", "g"}, "'z'"},
	{{"--m=1", "g"}, "ambiguous"},
};

START_TEST(bad_option_is_refused_by_name_and_value)
{
	const char *given[5] = {NULL};
	char *line_end;

	memcpy(given, bad[_i].given, sizeof(bad[_i].given));
	ck_assert_int_eq(parse(given), OPTIONS_USAGE);
	options_fini(&o);
	ck_assert_str_eq(said_out, "");
	ck_assert_msg(strstr(said_err, bad[_i].says), "\"%s\" lacks \"%s\"",
		      said_err, bad[_i].says);
	ck_assert_msg(!strncmp(said_err, "vmm: ", 5), "%s", said_err);
	/* One line of cause, one line of advice. */
	line_end = strchr(said_err, '\n');
	ck_assert_ptr_nonnull(line_end);
	ck_assert_str_eq(line_end, "\nTry 'vmm --help'.\n");
}
END_TEST

START_TEST(children_are_modules_in_the_order_given)
{
	const char *given[] = {
		"--module=m,text", "--child", "d/a.elf", "--child=b,stack=8K",
		"--child-pts",	   "g",	      NULL};

	ck_assert_int_eq(parse(given), OPTIONS_RUN);
	ck_assert(o.child_pts);
	ck_assert_uint_eq(o.nr_children, 2);
	ck_assert_uint_eq(o.nr_modules, 3);
	ck_assert_str_eq(o.modules[1].path, "d/a.elf");
	ck_assert_str_eq(o.modules[1].args, "a");
	ck_assert_uint_eq(o.children[0].module, 1);
	ck_assert_str_eq(o.modules[2].args, "b");
	ck_assert_uint_eq(o.children[1].module, 2);
	ck_assert_uint_eq(o.children[1].stack, 8192);
	options_fini(&o);
}
END_TEST

START_TEST(child_65_is_refused)
{
	const char *given[67] = {NULL};

	for (unsigned i = 0; i < 65; i++)
		given[i] = i < 64 ? "--child=a.elf" : "--child=b.elf";
	given[65] = "g";
	ck_assert_int_eq(parse(given), OPTIONS_USAGE);
	ck_assert_ptr_nonnull(
		strstr(said_err,
		       "vmm: --child b.elf: one child too many; at most 64\n"));
	options_fini(&o);
}
END_TEST

START_TEST(sizes_that_cannot_be_leave_the_result_alone)
{
	uint64_t bytes = 5;

	ck_assert_int_eq(size_parse("", &bytes), -EINVAL);
	ck_assert_int_eq(size_parse("0", &bytes), -EINVAL);
	ck_assert_int_eq(size_parse("3K", &bytes), -EINVAL);
	ck_assert_int_eq(size_parse("1P", &bytes), -EINVAL);
	ck_assert_int_eq(size_parse("17592186044416", &bytes), -ERANGE);
	ck_assert_int_eq(size_parse("18446744073709551616K", &bytes), -ERANGE);
	ck_assert_uint_eq(bytes, 5);
	ck_assert_int_eq(size_parse("17592186044415", &bytes), 0);
	ck_assert_uint_eq(bytes, UINT64_MAX - (MIB - 1));
}
END_TEST

Suite *options_suite(void)
{
	Suite *s = suite_create("options");
	TCase *tc = tcase_create("good");

	tcase_add_test(tc, image_alone_gets_the_defaults);
	tcase_add_test(tc, devices_keep_their_order);
	tcase_add_test(tc, devices_beyond_the_machines_places_are_refused);
	tcase_add_test(tc, memory_is_taken_in_each_spelling);
	tcase_add_test(tc, last_of_several_counts);
	tcase_add_test(tc, cpus_are_taken_up_to_the_last_apic_id);
	tcase_add_test(tc, command_line_is_joined_in_order);
	tcase_add_test(tc, image_may_come_behind_the_dashes);
	tcase_add_test(tc, modules_are_taken_in_order);
	tcase_add_test(tc, names_of_protocols_and_pagers_are_known);
	tcase_add_test(tc, machines_have_names);
	tcase_add_test(tc, windows_are_whole_pages_up_to_the_largest);
	tcase_add_test(tc, children_are_modules_in_the_order_given);
	tcase_add_test(tc, information_address_is_taken_zero_included);
	tcase_add_test(tc, statistics_are_text_unless_json_is_asked_for);
	tcase_add_test(tc, seconds_may_have_a_fraction);
	tcase_add_test(tc, switches_are_taken);
	tcase_add_test(tc, hypercalls_are_taken);
	tcase_add_test(tc, second_parse_knows_nothing_of_the_first);
	tcase_add_test(tc, help_fits_a_screen_and_names_each_option);
	tcase_add_test(tc, version_is_one_line);
	suite_add_tcase(s, tc);
	tc = tcase_create("bad");
	tcase_add_loop_test(tc, bad_option_is_refused_by_name_and_value, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_test(tc, child_65_is_refused);
	tcase_add_test(tc, sizes_that_cannot_be_leave_the_result_alone);
	suite_add_tcase(s, tc);
	return s;
}
