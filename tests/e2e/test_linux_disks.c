/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux with disks: what it reads and writes is what is in the host's files,
 * whatever happens.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/e2e/linux.h"
#include "tests/e2e/run.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))
#define MIB	  (1u << 20)

/* Files. */

/* Bytes of which no two blocks are alike. */
static const char *make_pattern(const char *name, size_t len)
{
	const char *path = must_file(name);
	uint64_t *words = must_alloc(len), x = 88172645463325252u;

	for (size_t i = 0; i < len / sizeof(*words); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		words[i] = x;
	}
	must_write_file(path, words, len);
	free(words);
	return path;
}

static const char *make_sparse(const char *name, off_t len)
{
	const char *path = must_file(name);

	must_write_file(path, "", 0);
	ck_assert_int_eq(truncate(path, len), 0);
	return path;
}

static long long room_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (long long)st.st_blocks * 512;
}

/* A program of the host's; its output is in run->out. */
static void start_tool(struct run *run, const char *program,
		       const char *const words[])
{
	*run = (struct run){.program = program};
	run_start(run, words);
	run_end(run);
	run_is(run, 0);
}
#define TOOL(run, program, ...) \
	start_tool((run), (program), RUN_WORDS(__VA_ARGS__))

/* The guest, told to print md5sum of a disk, has printed the file's. */
static void expect_sum(struct run *guest, const char *path)
{
	struct run tool;

	TOOL(&tool, "/usr/bin/md5sum", path);
	tool.out.bytes[32] = '\0';
	run_out_has(guest, tool.out.bytes);
	run_free(&tool);
}

static const char *disk_option(const char *path, const char *words)
{
	static char options[4][1024];
	static unsigned next;
	char *option = options[next++ % 4];

	snprintf(option, sizeof(*options), "%s%s", path, words);
	return option;
}

/* The number of lines in a file that have a text. */
static int count_lines(const char *path, const char *text)
{
	char *bytes = must_read_file(path, NULL), *at = bytes;
	int n = 0;

	for (; (at = strstr(at, text)); at++)
		n++;
	free(bytes);
	return n;
}

static const struct {
	const char *pager, *machine, *cpus;
} machines[] = {
	{"uffd", "pc", "2"},
	{"map", "minimal", "2"},
	{"eager", "minimal", "1"},
};

/* From one disk to another; a third may only be read. */
static const char copy_script[] =
	"cat /sys/block/vda/serial /sys/block/vdb/serial\n"
	"echo\n"
	"echo sectors $(cat /sys/block/vd?/size)\n"
	"echo read-only $(cat /sys/block/vd?/ro)\n"
	"md5sum /dev/vda\n"
	"dd if=/dev/vda of=/dev/vdb bs=64k conv=fsync\n"
	"dd if=/dev/vda of=/dev/vdb bs=4k count=3 skip=7 seek=1900 conv=fsync\n"
	"dd if=/dev/zero of=/dev/vdc bs=512 count=1 conv=fsync && exit 1\n"
	"md5sum /dev/vdb\n";

START_TEST(what_is_written_inside_is_outside)
{
	const char *from = make_pattern("from.img", 4 * MIB);
	const char *to = make_sparse("to.img", 8 * MIB);
	const char *fixed = make_pattern("fixed.img", 512);
	struct run run = {0};
	char *a, *b;

	if (!linux_have())
		return;
	LINUX_START(&run, copy_script, "--pager", machines[_i].pager,
		    "--machine", machines[_i].machine, "-c", machines[_i].cpus,
		    "-d", disk_option(from, ",serial=number 1"), "-d", to, "-d",
		    disk_option(fixed, ",ro"), "--stats=json");
	linux_end(&run);
	run_out_has(&run, "number 1to.img\r\n");
	run_out_has(&run, "sectors 8192 16384 1\r\n");
	run_out_has(&run, "read-only 0 0 1\r\n");
	expect_sum(&run, from);
	expect_sum(&run, to);
	a = must_read_file(from, NULL);
	b = must_read_file(to, NULL);
	ck_assert_int_eq(memcmp(a, b, 4 * MIB), 0);
	ck_assert_int_eq(memcmp(a + 7 * 4096, b + 1900 * 4096, 3 * 4096), 0);
	free(a);
	free(b);
	ck_assert_double_gt(run_number(run.err.bytes, "\"requests\":"), 10);
	ck_assert_double_gt(run_number(run.err.bytes, "\"bytes\":"), 4 * MIB);
	run_free(&run);
}
END_TEST

/* Written, flushed, and the rest given back when it is not needed any more. */
static const char ext4_script[] =
	"mount -t ext4 /dev/vda /mnt\n"
	"dd if=/dev/urandom of=/mnt/kept bs=64k count=32\n"
	"dd if=/dev/urandom of=/mnt/removed bs=64k count=256\n"
	"sync\n"
	"md5sum /mnt/kept\n"
	"rm /mnt/removed\n"
	"sync\n"
	"fstrim /mnt\n"
	"umount /mnt\n";

START_TEST(ext4_is_sound_and_sparse_afterwards)
{
	const char *disk = make_sparse("ext4.img", 64 * MIB);
	const char *kept = must_file("kept");
	struct run run = {0}, tool;
	char dump[1024];

	if (!linux_have())
		return;
	TOOL(&tool, "/sbin/mke2fs", "-q", "-t", "ext4", disk);
	run_free(&tool);
	LINUX_START(&run, ext4_script, "-c2", "-d", disk);
	linux_end(&run);
	TOOL(&tool, "/sbin/e2fsck", "-fn", disk);
	run_free(&tool);
	snprintf(dump, sizeof(dump), "dump /kept %s", kept);
	TOOL(&tool, "/sbin/debugfs", "-R", dump, disk);
	run_free(&tool);
	expect_sum(&run, kept);
	ck_assert_int_ge(room_of(disk), 2 * MIB);
	ck_assert_int_lt(room_of(disk), 16 * MIB);
	run_free(&run);
}
END_TEST

START_TEST(discarded_disk_takes_no_room)
{
	const char *disk = make_pattern("full.img", 8 * MIB);
	struct run run = {0};

	if (!linux_have())
		return;
	LINUX_START(&run, "blkdiscard -o 4M -l 4M /dev/vda\n", "-d", disk);
	linux_end(&run);
	ck_assert_int_le(room_of(disk), 4 * MIB);
	ck_assert_int_ge(room_of(disk), 3 * MIB);
	run_free(&run);
}
END_TEST

/* Three flushes; then five writes, each safe by itself. */
static const char flush_script[] =
	"for i in 1 2 3; do\n"
	"	dd if=/dev/zero of=/dev/vda bs=4k count=1 seek=$i conv=fsync\n"
	"done\n"
	"echo 'write through' >/sys/block/vda/cache_type\n"
	"for i in 1 2 3 4 5; do\n"
	"	dd if=/dev/zero of=/dev/vda bs=4k count=1 oflag=direct\n"
	"done\n";

/* A program that runs vmm and writes its flushes down. */
static const char *make_tracer(const char *trace)
{
	const char *path = must_file("traced-vmm");
	char script[2048];

	snprintf(script, sizeof(script),
		 "#!/bin/sh\n"
		 "exec strace -f --seccomp-bpf -e fdatasync -o %s %s \"$@\"\n",
		 trace, must_built("vmm"));
	must_write_file(path, script, strlen(script));
	ck_assert_int_eq(chmod(path, 0755), 0);
	return path;
}

START_TEST(flush_reaches_the_host)
{
	const char *disk = make_sparse("disk.img", MIB);
	const char *trace = must_file("strace");
	struct run run = {.program = make_tracer(trace)};

	if (!linux_have())
		return;
	LINUX_START(&run, flush_script, "-d", disk);
	linux_end(&run);
	ck_assert_int_ge(count_lines(trace, "fdatasync("), 8);
	ck_assert_int_lt(count_lines(trace, "fdatasync("), 20);
	run_free(&run);
}
END_TEST

START_TEST(what_was_flushed_survives_a_kill)
{
	const char *disk = make_sparse("disk.img", MIB);
	struct run run = {0};
	char *bytes;

	if (!linux_have())
		return;
	LINUX_START(&run,
		    "echo survivor | dd of=/dev/vda conv=fsync\n"
		    "echo flushed\n"
		    "sleep 1000\n",
		    "-d", disk);
	run_expect(&run, "flushed");
	kill(run.pid, SIGKILL);
	run_end(&run);
	run_is(&run, 137);
	bytes = must_read_file(disk, NULL);
	ck_assert_int_eq(memcmp(bytes, "survivor\n", 9), 0);
	free(bytes);
	run_free(&run);
}
END_TEST

START_TEST(file_cut_short_is_an_io_error)
{
	const char *disk = make_pattern("disk.img", MIB);
	struct run run = {.input = RUN_PIPE};

	if (!linux_have())
		return;
	LINUX_START(&run,
		    "echo ready\n"
		    "read line\n"
		    "dd if=/dev/vda of=/dev/null bs=4k count=1 skip=100 && "
		    "exit 1\n"
		    "echo refused\n",
		    "-d", disk);
	run_expect(&run, "ready");
	ck_assert_int_eq(truncate(disk, 512), 0);
	run_write(&run, "go\n", 3);
	linux_end(&run);
	run_out_has(&run, "refused");
	run_err_has(&run, "disk.img: reading at byte ");
	run_err_has(&run, "the file is shorter than it was");
	run_free(&run);
}
END_TEST

START_TEST(full_host_is_an_io_error)
{
	const char *folder = must_file("small");
	char disk[1024];
	struct run run = {0};

	if (!linux_have())
		return;
	snprintf(disk, sizeof(disk), "%s/disk.img", folder);
	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert_int_eq(mount("tmpfs", folder, "tmpfs", 0, "size=1m"), 0);
	must_write_file(disk, "", 0);
	ck_assert_int_eq(truncate(disk, 8 * MIB), 0);
	LINUX_START(&run,
		    "dd if=/dev/zero of=/dev/vda bs=64k count=64 conv=fsync && "
		    "exit 1\n"
		    "echo refused\n",
		    "-d", disk);
	run_expect(&run, "refused");
	linux_end(&run);
	ck_assert_int_eq(umount(folder), 0);
	run_err_has(&run, "disk.img: writing at byte ");
	run_err_has(&run, "No space left on device");
	run_free(&run);
}
END_TEST

static void files_of_one_mib(void)
{
	const struct rlimit limit = {MIB, MIB};

	if (setrlimit(RLIMIT_FSIZE, &limit))
		_exit(99);
}

START_TEST(limit_of_file_size_is_an_io_error)
{
	const char *disk = make_sparse("disk.img", 8 * MIB);
	struct run run = {.before_exec = files_of_one_mib};

	if (!linux_have())
		return;
	LINUX_START(&run,
		    "dd if=/dev/zero of=/dev/vda bs=64k count=64 conv=fsync && "
		    "exit 1\n"
		    "echo refused\n",
		    "-d", disk);
	linux_end(&run);
	run_out_has(&run, "refused");
	run_err_has(&run, "disk.img: writing at byte ");
	run_err_has(&run, "File too large");
	run_free(&run);
}
END_TEST

/* Without Linux: what is refused before anything starts. */

static void refused(const char *disk, const char *part)
{
	struct run *run = VMM(must_built("guest/hello.elf"), "-d", disk);

	run_is(run, 125);
	run_out_is(run, "");
	run_err_has(run, part);
	ck_assert_ptr_eq(strchr(run->err.bytes, '\n'),
			 run->err.bytes + run->err.len - 1);
}

START_TEST(bad_disk_is_one_line)
{
	const char *odd = must_file("odd.img"), *none = must_file("none.img");

	must_write_file(odd, "abc", 3);
	refused(none, "none.img: not found");
	refused(must_file(""), "is a folder");
	refused(odd, "3 bytes, is no multiple of 512");
	refused(disk_option(odd, ",wo"), "'wo' is not one of ro, serial=TEXT");
	refused(",ro", "no file name");
}
END_TEST

START_TEST(disk_in_use_is_refused)
{
	char *disk = strdup(make_sparse("disk.img", MIB));
	struct run other = {.input = RUN_PIPE};

	RUN_START(&other, must_built("guest/echo.elf"), "-d", disk);
	run_expect(&other, "echo: type");
	refused(disk, "disk.img: is locked");
	refused(disk_option(disk, ",ro"), "writes to it");
	kill(other.pid, SIGTERM);
	run_end(&other);
	run_is(&other, 143);
	run_is(VMM(must_built("guest/hello.elf"), "-d", disk), 0);
	run_free(&other);
	free(disk);
}
END_TEST

START_TEST(disk_is_not_overwritten_nor_the_image)
{
	const char *disk = make_sparse("disk.img", MIB);
	const char *image = must_file("image.elf");
	struct run *run;

	must_copy_file(must_built("guest/hello.elf"), image);
	ck_assert_int_eq(truncate(image, 65536), 0);
	run = VMM(image, "-d", disk, "--trace", disk);
	run_is(run, 125);
	run_err_has(run, "disk.img: is the image, a module or a disk");
	run = VMM(image, "-d", image);
	run_is(run, 125);
	run_err_has(run, "image.elf: is the image or a module, too");
	run_is(VMM(image, "-d", disk_option(image, ",ro")), 0);
}
END_TEST

static void fill_files(TCase *tcase)
{
	must_add_folder(tcase);
	tcase_add_test(tcase, bad_disk_is_one_line);
	tcase_add_test(tcase, disk_in_use_is_refused);
	tcase_add_test(tcase, disk_is_not_overwritten_nor_the_image);
}

static void fill_disks(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_loop_test(tcase, what_is_written_inside_is_outside, 0,
			    NR(machines));
	tcase_add_test(tcase, ext4_is_sound_and_sparse_afterwards);
	tcase_add_test(tcase, discarded_disk_takes_no_room);
	tcase_add_test(tcase, flush_reaches_the_host);
}

static void fill_ends(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_test(tcase, what_was_flushed_survives_a_kill);
	tcase_add_test(tcase, file_cut_short_is_an_io_error);
	tcase_add_test(tcase, limit_of_file_size_is_an_io_error);
}

static void fill_full(TCase *tcase)
{
	linux_add(tcase);
	tcase_add_test(tcase, full_host_is_an_io_error);
}

Suite *linux_disks_suite(void)
{
	const unsigned needs = MUST_KVM | MUST_UFFD | MUST_WHOLE;
	Suite *suite = suite_create("linux_disks");

	must_add(suite, "files", MUST_KVM | MUST_UFFD, fill_files);
	must_add(suite, "disks", needs, fill_disks);
	must_add(suite, "ends", needs, fill_ends);
	must_add(suite, "full", needs | MUST_ROOT, fill_full);
	return suite;
}
