/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/disk: what may be a disk and what may not.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/suites.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/must.h"
#include "vmm/virtio/disk.h"

static struct disk disk;
static struct error err;

static const char *make(const char *name, off_t len)
{
	const char *path = must_file(name);

	must_write_file(path, "", 0);
	ck_assert_int_eq(truncate(path, len), 0);
	return path;
}

static int open_words(struct disk *to, const char *path, const char *words)
{
	char arg[1024];

	snprintf(arg, sizeof(arg), "%s%s", path, words);
	return disk_open(to, arg, &err);
}

/* It is refused, with a line that has the file's name and this part. */
static void refused(const char *path, const char *words, const char *part)
{
	ck_assert_int_lt(open_words(&disk, path, words), 0);
	ck_assert_msg(strstr(err.text, path) && strstr(err.text, part), "%s",
		      err.text);
	ck_assert_ptr_null(strchr(err.text, '\n'));
	ck_assert_int_eq(disk.fd, -1);
}

START_TEST(file_is_a_disk)
{
	const char *path = make("a.img", 1536);

	ck_assert_int_eq(open_words(&disk, path, ""), 0);
	ck_assert_uint_eq(disk.bytes, 1536);
	ck_assert(!disk.read_only && !disk.is_device);
	ck_assert_str_eq(disk.serial, "a.img");
	disk_close(&disk);
}
END_TEST

START_TEST(words_may_come_in_any_order)
{
	const char *path = make("a.img", 512);

	ck_assert_int_eq(open_words(&disk, path, ",serial=x y,ro"), 0);
	ck_assert(disk.read_only);
	ck_assert_str_eq(disk.serial, "x y");
	disk_close(&disk);
}
END_TEST

START_TEST(long_name_gives_a_short_serial)
{
	const char *path = make("a-name-of-more-than-twenty-bytes.img", 512);

	ck_assert_int_eq(open_words(&disk, path, ""), 0);
	ck_assert_str_eq(disk.serial, "a-name-of-more-than-");
	disk_close(&disk);
}
END_TEST

START_TEST(comma_in_a_name_is_written_twice)
{
	char *name = disk_name("a,,b,,,ro");

	ck_assert_str_eq(name, "a,b,");
	free(name);
	name = disk_name("a,,b,ro,serial=c,,d");
	ck_assert_str_eq(name, "a,b");
	free(name);
	make("a,b", 512);
	ck_assert_int_eq(open_words(&disk, must_file("a,,b"), ",ro"), 0);
	ck_assert_str_eq(disk.serial, "a,b");
	ck_assert(disk.read_only);
	disk_close(&disk);
}
END_TEST

START_TEST(bytes_go_both_ways)
{
	char out[1000], in[1000];
	struct iovec iov[] = {{out, 300}, {out + 300, 0}, {out + 300, 700}};

	ck_assert_int_eq(open_words(&disk, make("a.img", 4096), ""), 0);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)i;
	ck_assert_int_eq(disk_write(&disk, 1000, iov, 3), 0);
	ck_assert_int_eq(disk_flush(&disk), 0);
	iov[0] = (struct iovec){in, 999};
	iov[1] = (struct iovec){in + 999, 1};
	ck_assert_int_eq(disk_read(&disk, 1000, iov, 2), 0);
	ck_assert_int_eq(memcmp(in, out, sizeof(in)), 0);
	ck_assert_int_eq(disk_zero(&disk, 1000, 0, true), 0);
	ck_assert_int_eq(disk_discard(&disk, 1000, 0), 0);
	disk_close(&disk);
}
END_TEST

START_TEST(reading_beyond_the_files_end_fails)
{
	char in[1024];
	struct iovec iov = {in, sizeof(in)};
	const char *path = make("a.img", 4096);

	ck_assert_int_eq(open_words(&disk, path, ""), 0);
	ck_assert_int_eq(truncate(path, 3500), 0);
	ck_assert_int_eq(disk_read(&disk, 3072, &iov, 1), -ENODATA);
	disk_close(&disk);
}
END_TEST

START_TEST(readers_share_and_writers_do_not)
{
	const char *path = make("a.img", 512);
	struct disk other;

	ck_assert_int_eq(open_words(&other, path, ",ro"), 0);
	ck_assert_int_eq(open_words(&disk, path, ",ro"), 0);
	disk_close(&disk);
	refused(path, "", "is locked");
	disk_close(&other);
	ck_assert_int_eq(open_words(&other, path, ""), 0);
	refused(path, ",ro", "writes to it");
	refused(path, "", "is locked");
	disk_close(&other);
	ck_assert_int_eq(open_words(&disk, path, ""), 0);
	disk_close(&disk);
}
END_TEST

static const struct {
	const char *words, *part;
} bad_words[] = {
	{",", "'' is not one of"},
	{",rw", "'rw' is not one of"},
	{",ro,", "'' is not one of"},
	{",ro ", "'ro ' is not one of"},
	{",serial", "'serial' is not one of"},
	{",serial=", "not 1 to 20 bytes"},
	{",serial=123456789012345678901", "not 1 to 20 bytes"},
	{",serial=a,serial=a", "serial= is given twice"},
	{",serial=a,ro,serial=b", "serial= is given twice"},
};

START_TEST(bad_words_are_refused)
{
	refused(make("a.img", 512), bad_words[_i].words, bad_words[_i].part);
}
END_TEST

START_TEST(no_name_is_refused)
{
	ck_assert_int_eq(disk_open(&disk, "", &err), -EINVAL);
	ck_assert_int_eq(disk_open(&disk, ",ro", &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "no file name"));
}
END_TEST

START_TEST(sizes_that_are_no_disks_are_refused)
{
	refused(make("a.img", 0), "", "is empty; 'truncate -s 1G");
	refused(make("b.img", 511), "", "511 bytes, is no multiple of 512");
	refused(make("c.img", 513), ",ro", "'truncate -s %512");
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	const char *folder = must_file("folder"), *fifo = must_file("fifo"),
		   *socket = must_file("socket");

	ck_assert_int_eq(mkdir(folder, 0755), 0);
	ck_assert_int_eq(mkfifo(fifo, 0644), 0);
	refused(folder, "", "is a folder");
	refused(folder, ",ro", "is a folder");
	refused(fifo, "", "is a FIFO");
	refused(fifo, ",ro", "is a FIFO");
	refused("/dev/zero", ",ro", "is a character device");
	ck_assert_int_eq(mknod(socket, S_IFSOCK | 0644, 0), 0);
	refused(socket, "", "is a socket");
	refused(must_file("missing.img"), "", "not found");
}
END_TEST

/* Without privileges, in a process of its own; the message is a status. */
static bool nobody_reads(const char *path, const char *words, const char *part)
{
	pid_t child = fork();
	int status;

	if (!child) {
		if (!geteuid() && (setgid(65534) || setuid(65534)))
			_exit(2);
		_exit(open_words(&disk, path, words) == -EACCES &&
				      strstr(err.text, part)
			      ? 0
			      : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

START_TEST(only_what_may_be_read_may_be_so_with_ro)
{
	const char *path = make("a.img", 512);
	char *folder = strdup(path);

	*strrchr(folder, '/') = '\0';
	ck_assert_int_eq(chmod(folder, 0711), 0);
	free(folder);
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert(nobody_reads(path, "",
			       "read or written by this user; give "
			       "access"));
	ck_assert(!nobody_reads(path, "", ",ro"));
	ck_assert(nobody_reads(path, ",ro", "may not be read by this user"));
	ck_assert_int_eq(chmod(path, 0444), 0);
	ck_assert(nobody_reads(path, "",
			       "may not be written by this user; "
			       "give access, or add ,ro"));
}
END_TEST

START_TEST(program_that_runs_is_refused)
{
	refused("/proc/self/exe", "", "add ,ro");
}
END_TEST

Suite *disk_suite(void)
{
	Suite *suite = suite_create("disk");
	TCase *tcase = tcase_create("disk");

	must_add_folder(tcase);
	tcase_add_test(tcase, file_is_a_disk);
	tcase_add_test(tcase, words_may_come_in_any_order);
	tcase_add_test(tcase, long_name_gives_a_short_serial);
	tcase_add_test(tcase, comma_in_a_name_is_written_twice);
	tcase_add_test(tcase, bytes_go_both_ways);
	tcase_add_test(tcase, reading_beyond_the_files_end_fails);
	tcase_add_test(tcase, readers_share_and_writers_do_not);
	tcase_add_loop_test(tcase, bad_words_are_refused, 0,
			    sizeof(bad_words) / sizeof(*bad_words));
	tcase_add_test(tcase, no_name_is_refused);
	tcase_add_test(tcase, sizes_that_are_no_disks_are_refused);
	tcase_add_test(tcase, what_is_no_file_is_refused);
	tcase_add_test(tcase, only_what_may_be_read_may_be_so_with_ro);
	tcase_add_test(tcase, program_that_runs_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
