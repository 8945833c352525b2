/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that image_open refuses before it looks at a field, and what hostile
 * ones may cost.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/image_help.h"

START_TEST(missing_file_is_enoent)
{
	image_remove();
	ck_assert_int_eq(image_open(&image, image_path, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, image_path));
	ck_assert_int_eq(image_open(&image, "/dev/null/kernel", &err), -ENOENT);
	ck_assert_int_eq(image_open(&image, "", &err), -ENOENT);
}
END_TEST

START_TEST(unreadable_file_is_eacces)
{
	int ret;

	image_good(64);
	image_write();
	ck_assert_int_eq(chmod(image_path, 0), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ret = image_open(&image, image_path, &err);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(ret, -EACCES);
	ck_assert_ptr_nonnull(strstr(err.text, "chmod"));
}
END_TEST

START_TEST(directory_is_refused)
{
	image_remove();
	ck_assert_int_eq(mkdir(image_path, 0755), 0);
	image_refuse_path("a directory", "regular file");
}
END_TEST

/* Fails by timing out when the open waits for a writer. */
START_TEST(fifo_is_refused_without_waiting)
{
	image_remove();
	ck_assert_int_eq(mkfifo(image_path, 0644), 0);
	image_refuse_path("a FIFO", "regular file");
}
END_TEST

START_TEST(socket_is_refused)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	image_remove();
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", image_path);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)),
			 0);
	image_refuse_path("cannot open", "regular file");
	close(fd);
}
END_TEST

START_TEST(device_is_refused)
{
	image_remove();
	ck_assert_int_eq(symlink("/dev/zero", image_path), 0);
	image_refuse_path("a character device", "regular file");
}
END_TEST

/* A regular file whose first page cannot be read. */
START_TEST(read_error_is_reported)
{
	image_remove();
	ck_assert_int_eq(symlink("/proc/self/mem", image_path), 0);
	ck_assert_int_eq(image_open(&image, image_path, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.text, "cannot read: Input/output"));
}
END_TEST

START_TEST(empty_file_is_refused)
{
	image_write_bytes("", 0);
	image_refuse_path("empty", "build");
}
END_TEST

START_TEST(other_formats_are_named_with_the_mend)
{
	static const struct {
		size_t offset;
		const char *magic, *name, *mend;
	} kinds[] = {
		{0, "#!/bin/sh\n", "script", "kernel"},
		{0x202, "HdrS", "if it is Linux", "scripts/vmlinux"},
		{0, "\x1f\x8b\x08", "gzip", "gunzip -c /"},
		{0,
		 "\xfd"
		 "7zXZ",
		 "xz", "xz -dc /"},
		{0, "\x28\xb5\x2f\xfd", "zstd", "zstd -dc /"},
		{0, "BZh9", "bzip2", "bunzip2 -c /"},
		{0, "\x04\x22\x4d\x18", "lz4", "lz4 -dc /"},
		{0, "\x5d", "lzma", "lzma -dc /"},
		{0, "!<arch>\n", "library", "link"},
		{0, "MZ", "EFI", "ELF"},
		{510, "\x55\xaa", "boot sector", "kernel"},
		{0, "hello", "not an ELF file", "7f 45 4c 46"},
		{0,
		 "\x7f"
		 "ELf",
		 "not an ELF file", "7f 45 4c 46"},
	};
	unsigned char bytes[1024] = {0};

	memcpy(bytes + kinds[_i].offset, kinds[_i].magic,
	       strlen(kinds[_i].magic));
	image_write_bytes(bytes, sizeof(bytes));
	image_refuse_path(kinds[_i].name, kinds[_i].mend);
}
END_TEST

START_TEST(command_that_unpacks_is_fit_to_be_pasted)
{
	static const struct {
		const char *name, *command;
	} files[] = {
		{"xen-4.17.gz", "gunzip -c ./xen-4.17.gz > xen-4.17.elf"},
		{"x.elf.gz", "gunzip -c ./x.elf.gz > x.elf"},
		{".elf.gz", "gunzip -c ./.elf.gz > .elf.elf"},
		{"kernel", "gunzip -c ./kernel > kernel.elf"},
		{".gz", "gunzip -c ./.gz > .gz.elf"},
		{"a b.gz", "gunzip -c FILE > FILE.elf"},
		{"$(x).gz", "gunzip -c FILE > FILE.elf"},
	};
	char path[sizeof(image_path)];
	struct image *none = NULL;
	FILE *file;

	image_write_bytes("", 0); /* its directory */
	snprintf(path, sizeof(path), "%s", image_path);
	*strrchr(path, '/') = '\0';
	ck_assert_int_eq(chdir(path), 0);
	snprintf(path, sizeof(path), "./%s", files[_i].name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	fputs("\x1f\x8b\x08", file);
	fclose(file);
	ck_assert_int_eq(image_open(&none, path, &err), -ENOEXEC);
	unlink(path);
	ck_assert_msg(strstr(err.text, files[_i].command) &&
			      !strcmp(strstr(err.text, files[_i].command),
				      files[_i].command),
		      "%s", err.text);
}
END_TEST

/* An EFI-stub bzImage begins as an EFI program and has a boot sector's mark. */
START_TEST(bzimage_is_known_in_spite_of_its_other_magics)
{
	unsigned char bytes[0x206] = "MZ";

	memcpy(bytes + 510, "\x55\xaa", 2);
	memcpy(bytes + 0x202, "HdrS", 4);
	image_write_bytes(bytes, sizeof(bytes));
	image_refuse_path("bzImage", "vmlinux");
	image_write_bytes(bytes, sizeof(bytes) - 1);
	image_refuse_path("EFI", "ELF");
}
END_TEST

/* Whatever length a good file is cut to, nothing is read that is not there. */
START_TEST(every_truncation_is_refused)
{
	image_good(_i ? 32 : 64);
	image_write();
	for (off_t len = 0x1fff; len >= 0; len -= len > 0x100 ? 0x55 : 1) {
		ck_assert_int_eq(truncate(image_path, len), 0);
		image_refuse_path(len > 0x1000 ? "p_offset 0x1000" : "",
				  len ? "" : "empty");
	}
}
END_TEST

START_TEST(truncated_header_is_refused)
{
	image_write_bytes(ELFMAG, 4);
	image_refuse_path("too short", "4 bytes");
	image_write_bytes(ELFMAG "\2\1\1\0\0\0\0\0\0\0\0", 15);
	image_refuse_path("too short", "15 bytes");
	image_write_bytes(ELFMAG "\2\1\1\0\0\0\0\0\0\0\0\0", 16);
	image_refuse_path("header has 64", "16 bytes");
	image_good(64);
	w.size = 63;
	image_refuse("header has 64", "63 bytes");
	image_good(64);
	w.size = 64;
	image_refuse("e_phoff 0x40", "0x40)");
}
END_TEST

START_TEST(long_path_leaves_room_for_the_reason)
{
	char longer[2048] = "";

	image_good(64)->p_filesz = 0x1001;
	image_write();
	while (strlen(longer) < sizeof(longer) - sizeof(image_path))
		strcat(longer, "/.");
	strcat(longer, image_path);
	ck_assert_int_eq(image_open(&image, longer, &err), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(err.text, "guest.elf: program header 0"));
	ck_assert_ptr_nonnull(strstr(err.text, "relink"));
}
END_TEST

START_TEST(refused_image_leaves_no_descriptor)
{
	int before = dup(0), after;

	close(before);
	image_good(64)->p_memsz = 1;
	image_refuse("p_memsz", "0x1");
	image_write_bytes("#!", 2);
	image_refuse_path("script", "kernel");
	image_remove();
	ck_assert_int_eq(mkfifo(image_path, 0644), 0);
	image_refuse_path("FIFO", "");
	after = dup(0);
	close(after);
	ck_assert_int_eq(before, after);
}
END_TEST

/* ---- cost ---- */

static long page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

static void accept_cheaply(void)
{
	long before;

	image_write();
	before = page_faults();
	ck_assert_int_eq(image_open(&image, image_path, &err), 0);
	ck_assert_int_lt(page_faults() - before, 256);
	image_close(image);
}

START_TEST(size_of_the_file_costs_nothing)
{
	image_good(64);
	w.phdrs[0].p_filesz = w.phdrs[0].p_memsz = 4 * GIB - 0x1000;
	w.size = 4 * GIB;
	accept_cheaply();
}
END_TEST

/* libelf given the file would index them: 14 GB of memory. */
START_TEST(number_of_sections_costs_nothing)
{
	image_good(64);
	elf_writer_section(&w, 0x2000)->sh_size = 4 * GIB / 64 - 0x100;
	w.ehdr.e_shnum = 0;
	w.size = 4 * GIB;
	accept_cheaply();
}
END_TEST

/* Scribbles over the headers, cuts the file, and now and then restores it. */
static void spoil(int fd)
{
	unsigned seed = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0;; i++) {
		unsigned char byte = (unsigned char)rand_r(&seed);
		off_t at = (i & 1 ? 0x2800 : 0) + rand_r(&seed) % 0x70;

		if (ftruncate(fd, 0x2820) || ftruncate(fd, (off_t)w.size) ||
		    (i % 8 == 1 && pwrite(fd, &byte, 1, at) < 0) ||
		    (i % 8 == 0 && elf_writer_write_fd(&w, fd)))
			_exit(1);
	}
}

START_TEST(file_may_change_while_it_is_opened)
{
	pid_t pid;
	int fd;

	elf_writer_init(&w, 64);
	w.ehdr.e_phoff = 0x2800; /* outside of the first read */
	elf_writer_load(&w, 0x100000, 0x100, 0x10, 0x10);
	elf_writer_load(&w, 0x200000, 0x1000, 0x10, 0x10);
	elf_writer_section(&w, 0x1800)->sh_info = 2;
	w.ehdr.e_phnum = PN_XNUM;
	image_remove();
	ck_assert_int_eq(elf_writer_write(&w, image_path), 0);
	fd = open(image_path, O_RDWR);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		spoil(fd);
	for (unsigned i = 0; i < 5000; i++) {
		int ret = image_open(&image, image_path, &err);

		ck_assert(ret == 0 || ret == -ENOEXEC);
		if (!ret)
			image_close(image);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	elf_writer_fini(&w);
}
END_TEST

TCase *image_file_case(void)
{
	TCase *tc = image_case("file");

	tcase_add_test(tc, missing_file_is_enoent);
	tcase_add_test(tc, unreadable_file_is_eacces);
	tcase_add_test(tc, directory_is_refused);
	tcase_add_test(tc, fifo_is_refused_without_waiting);
	tcase_add_test(tc, socket_is_refused);
	tcase_add_test(tc, device_is_refused);
	tcase_add_test(tc, read_error_is_reported);
	tcase_add_test(tc, empty_file_is_refused);
	tcase_add_loop_test(tc, other_formats_are_named_with_the_mend, 0, 13);
	tcase_add_loop_test(tc, command_that_unpacks_is_fit_to_be_pasted, 0, 7);
	tcase_add_test(tc, bzimage_is_known_in_spite_of_its_other_magics);
	tcase_add_loop_test(tc, every_truncation_is_refused, 0, 2);
	tcase_add_test(tc, truncated_header_is_refused);
	tcase_add_test(tc, long_path_leaves_room_for_the_reason);
	tcase_add_test(tc, refused_image_leaves_no_descriptor);
	tcase_add_test(tc, size_of_the_file_costs_nothing);
	tcase_add_test(tc, number_of_sections_costs_nothing);
	tcase_add_test(tc, file_may_change_while_it_is_opened);
	return tc;
}
