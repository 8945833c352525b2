/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux from its first instruction to a shell on the serial port, and to its
 * end: by each way to start it, with each pager, on both machines. The kernel is
 * Debian's for clouds, unmodified; user space is busybox.
 */
#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

static bool is_there(const char *name)
{
	struct stat st;

	return !stat(must_built(name), &st) && st.st_size;
}

static bool have_all(void)
{
	return must_have("kernels",
			 is_there("kernels/linux.elf") &&
				 is_there("kernels/vmlinuz") &&
				 is_there("kernels/pvpanic-mmio.ko"),
			 "scripts/kernels.sh could not fetch them");
}

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char line[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ck_assert_msg(!system(line), "%s", line);
}

/* A folder becomes an initramfs. */
static const char init[] = "#!/bin/busybox sh\n"
			   "/bin/busybox --install -s /bin\n"
			   "mount -t proc proc /proc\n"
			   "mount -t sysfs sys /sys\n"
			   "mount -t devtmpfs dev /dev\n"
			   "insmod /pvpanic.ko\n"
			   "insmod /pvpanic-mmio.ko\n"
			   "exec setsid cttyhack sh\n";

static void make_initramfs(void)
{
	const char *root = must_file("root");

	shell("mkdir %s", root);
	shell("cd %s && mkdir -p bin proc sys dev && cp /bin/busybox bin",
	      root);
	shell("cp %s/pvpanic*.ko %s", must_built("kernels"), root);
	must_write_file(must_file("root/init"), init, sizeof(init) - 1);
	shell("cd %s && chmod 755 init && find . | cpio -o -H newc --quiet > "
	      "%s",
	      root, must_file("initramfs"));
}

/* Once per case, in the folder that it has for its life: what is booted. */
static void make_files(void)
{
	if (!is_there("kernels/linux.elf"))
		return;
	make_initramfs();
	/* On 9p no file has holes. */
	shell("cp --sparse=always %s %s", must_built("kernels/linux.elf"),
	      must_file("linux.elf"));
	/* No note, so no PVH. */
	shell("objcopy --remove-section .notes %s %s 2>/dev/null",
	      must_built("kernels/linux.elf"), must_file("nonote.elf"));
}

static void fetch(void)
{
	struct run run = {.program = "/bin/sh", .limit = 600};

	RUN_START(&run, "scripts/kernels.sh", must_built("kernels"));
	if (run_end(&run))
		fprintf(stderr, "%s", run.err.bytes);
	run_free(&run);
	make_files();
}

/* Types the line and waits for the answer, which is not the line's echo. */
static void ask(struct run *run, const char *line, const char *answer)
{
	run_write(run, line, strlen(line));
	run_write(run, "\n", 1);
	run_expect(run, answer);
}

/* The kernel's complaints, but those about this processor (its TSC, its flaws), a
 * host that is busy, the modules of this test, and what the machines have not:
 * PCI devices, a mouse. */
static const char complaints[] =
	"echo list-; dmesg -r | grep '^<[0-4]>' | grep -viE "
	"'TSC|Spectre|RETBleed|SRSO|MDS|Speculat|mitigat|vulnerab|"
	"interrupt took|rcu|lockup|hogged|"
	"pvpanic|taint|signature|PCI: |AUX port'; echo -end";

static void has_no_complaints(struct run *run)
{
	const char *list;

	ask(run, complaints, "\n-end");
	list = strstr(run->out.bytes, "\nlist-");
	ck_assert_ptr_nonnull(list);
	ck_assert_msg(strchr(list + 1, '\n') + 1 == strstr(list, "\n-end") + 1,
		      "the kernel complains: %s", list);
}

/* Processors, clocks, randomness, the serial port in both directions. */
static void all_is_well(struct run *run, const char *cpus)
{
	char line[64];
	time_t guest;

	run_expect(run, "/ # ");
	ask(run, "echo $((6 * 7))-", "\n42-");
	snprintf(line, sizeof(line), "\n%s processors", cpus);
	ask(run, "echo $(nproc) processors", line);
	ask(run, "cat /sys/devices/system/clocksource/*/current_clocksource",
	    "\nkvm-clock");
	ask(run,
	    "echo bytes-$(dd if=/dev/random bs=64 count=1 2>/dev/null | wc -c)",
	    "\nbytes-64");
	ask(run, "echo crng-$(dmesg | grep -c 'crng init done')", "\ncrng-1");
	ask(run, "date +now-%s; echo -dated", "\n-dated");
	guest = (time_t)run_number(run->out.bytes, "\nnow-");
	ck_assert_msg(labs((long)(time(NULL) - guest)) < 60,
		      "the guest's clock says %ld", (long)guest);
	has_no_complaints(run);
}

/* How to start, and how it ends. */
static const struct way {
	const char *image; /* in the case's folder, or built */
	bool built;
	const char *ask, *boot; /* --boot; what it is in the end */
	const char *pager, *machine, *cpus;
	const char *end;
	int status;
	const char *words; /* the last line of either */
} ways[] = {
	{"linux.elf", false, "auto", "pvh", "uffd", "pc", "2", "poweroff -f", 0,
	 "reboot: Power down"},
	{"linux.elf", false, "auto", "pvh", "uffd", "minimal", "4", "reboot -f",
	 0, "reboot: machine restart"},
	{"nonote.elf", false, "auto", "linux", "map", "pc", "4", "halt -f", 120,
	 "reboot: System halted"},
	{"nonote.elf", false, "auto", "linux", "eager", "minimal", "2",
	 "echo c > /proc/sysrq-trigger", 120, "Kernel panic - not syncing"},
	{"kernels/vmlinuz", true, "auto", "pvh", "uffd", "pc", "1", "reboot -f",
	 0, "reboot: machine restart"},
	{"kernels/vmlinuz", true, "linux", "linux", "map", "minimal", "2",
	 "poweroff -f", 0, "reboot: Power down"},
	{"linux.elf", false, "linux", "linux", "uffd", "pc", "1",
	 "echo c > /proc/sysrq-trigger", 120, "Kernel panic - not syncing"},
};

START_TEST(linux_comes_to_a_shell_and_ends)
{
	const struct way *way = &ways[_i];
	struct run run = {.input = RUN_PIPE};
	char boot[64];

	if (!have_all())
		return;
	RUN_START(&run,
		  way->built ? must_built(way->image) : must_file(way->image),
		  "--boot", way->ask, "--pager", way->pager, "--machine",
		  way->machine, "-c", way->cpus, "-m256M", "-i",
		  must_file("initramfs"), "-a", "console=ttyS0 panic=-1",
		  "--stats=json");
	all_is_well(&run, way->cpus);
	run_write(&run, way->end, strlen(way->end));
	run_write(&run, "\n", 1);
	run_end(&run);
	run_is(&run, way->status);
	run_out_has(&run, way->words);
	snprintf(boot, sizeof(boot), "\"boot\":\"%s\"", way->boot);
	run_err_has(&run, boot);
	if (way->built)
		run_err_has(&run, "cannot be paged lazily");
	run_free(&run);
}
END_TEST

/* What its program headers name. */
static double loadable_bytes(const char *path)
{
	size_t len;
	char *file = must_read_file(path, &len);
	const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)file;
	const Elf64_Phdr *phdr = (const Elf64_Phdr *)(file + ehdr->e_phoff);
	double bytes = 0;

	for (int i = 0; i < ehdr->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD)
			bytes += (double)phdr[i].p_filesz;
	free(file);
	return bytes;
}

/* Counted against the image alone, although the initial RAM disk is read, too. */
START_TEST(three_fifths_of_the_image_are_read_at_most)
{
	static const char script[] = "#!/bin/busybox sh\n"
				     "echo user space is there\n"
				     "/bin/busybox poweroff -f\n";
	struct run run = {.input = RUN_NULL};

	if (!have_all())
		return;
	must_write_file(must_file("root/init"), script, sizeof(script) - 1);
	shell("cd %s && find init bin | cpio -o -H newc --quiet > %s",
	      must_file("root"), must_file("small"));
	RUN_START(&run, must_file("linux.elf"), "-m256M", "-i",
		  must_file("small"), "-a", "console=ttyS0 quiet",
		  "--stats=json");
	run_end(&run);
	run_is(&run, 0);
	run_out_has(&run, "user space is there");
	ck_assert_double_lt(run_number(run.err.bytes, "\"bytes_read\":"),
			    loadable_bytes(must_file("linux.elf")) * 0.6);
	run_free(&run);
}
END_TEST

static void fill(TCase *tcase)
{
	tcase_set_timeout(tcase, 150);
	must_add_folder(tcase);
	tcase_add_unchecked_fixture(tcase, fetch, NULL);
	tcase_add_loop_test(tcase, linux_comes_to_a_shell_and_ends, 0,
			    NR(ways));
	tcase_add_test(tcase, three_fifths_of_the_image_are_read_at_most);
}

Suite *linux_suite(void)
{
	Suite *suite = suite_create("linux");

	must_add(suite, "shell", MUST_KVM | MUST_UFFD | MUST_WHOLE, fill);
	return suite;
}
