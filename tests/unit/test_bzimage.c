/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/boot/bzimage and unpack: where the kernel in a bzImage is, and that it
 * comes out as it went in; of whatever is wrong with one, a line.
 */
#include "vmm/boot/bzimage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/suites.h"
#include "tests/unit/image_help.h"
#include "vmm/boot/unpack.h"

#define NR(array) ((int)(sizeof(array) / sizeof(*(array))))

/* The header. */

static struct bzimage bz;
static uint8_t head[BZIMAGE_HEAD];

static void put(size_t at, size_t len, uint64_t value)
{
	memcpy(head + at, &value, len);
}

/* 3 + 1 sectors, then the payload at 0x100, 0x5000 bytes. */
static void good_head(void)
{
	memset(head, 0, sizeof(head));
	put(0x1f1, 1, 3);
	put(0x1fe, 2, 0xaa55);
	put(0x201, 1, 0x6a);
	memcpy(head + 0x202, "HdrS", 4);
	put(0x206, 2, 0x20f);
	put(0x238, 4, 2047);
	put(0x248, 4, 0x100);
	put(0x24c, 4, 0x5000);
}

static int parse(uint64_t size)
{
	strcpy(err.text, "untouched");
	return bzimage_parse(&bz, head, sizeof(head), size, "file", &err);
}

static void is_bad(uint64_t size, const char *words)
{
	ck_assert_int_eq(parse(size), -ENOEXEC);
	ck_assert_msg(strstr(err.text, words), "\"%s\" lacks \"%s\"", err.text,
		      words);
	ck_assert_int_eq(strncmp(err.text, "file: ", 6), 0);
	ck_assert_ptr_null(strchr(err.text, '\n'));
}

START_TEST(header_says_where_the_kernel_is)
{
	good_head();
	ck_assert_int_eq(parse(0x5900), 0);
	ck_assert_uint_eq(bz.payload, 0x900);
	ck_assert_uint_eq(bz.payload_len, 0x5000);
	ck_assert_uint_eq(bz.cmdline_size, 2047);
	ck_assert_uint_eq(bz.header_len, 0x26c - 0x1f1);
	ck_assert_mem_eq(bz.header, head + 0x1f1, bz.header_len);
	put(0x1f1, 1, 0); /* stands for 4 */
	ck_assert_int_eq(parse(0x5b00), 0);
	ck_assert_uint_eq(bz.payload, 0xb00);
	put(0x201, 1, 0x62); /* an older, shorter one */
	ck_assert_int_eq(parse(0x5b00), 0);
	ck_assert_uint_eq(bz.header_len, 0x264 - 0x1f1);
	put(0x201, 1, 0xff); /* a younger one: as much as we know */
	ck_assert_int_eq(parse(0x5b00), 0);
	ck_assert_uint_eq(bz.header_len, 0x26c - 0x1f1);
}
END_TEST

START_TEST(what_has_no_header_is_left_to_others)
{
	good_head();
	head[0x203] = 'D';
	ck_assert_int_eq(parse(0x5900), -ENOENT);
	ck_assert_str_eq(err.text, "untouched");
	good_head();
	for (size_t len = 0; len < 0x206; len++)
		ck_assert_int_eq(
			bzimage_parse(&bz, head, len, len, "file", &err),
			-ENOENT);
}
END_TEST

START_TEST(header_that_lies_is_refused)
{
	good_head();
	is_bad(0x58ff, "cut short");
	put(0x24c, 4, UINT32_MAX);
	is_bad(0x5900, "cut short");
	put(0x248, 4, UINT32_MAX);
	is_bad(0x5900, "0x2000007fe");
	good_head();
	put(0x24c, 4, 9);
	is_bad(0x5900, "payload_length is 9");
	put(0x24c, 4, 0);
	is_bad(0x5900, "no compressed kernel in it");
	good_head();
	put(0x206, 2, 0x207);
	is_bad(0x5900, "protocol 2.07");
	good_head();
	for (size_t len = 0x206; len < 0x26c; len++) {
		ck_assert_int_eq(
			bzimage_parse(&bz, head, len, len, "file", &err),
			-ENOEXEC);
		ck_assert_ptr_nonnull(strstr(err.text, "cut short"));
	}
}
END_TEST

/* Unpacking: the file at image_path is all payload. */

#define PLAIN 300000

static const struct format {
	const char *tool, *command;
	bool sized; /* the format has the size at its end */
} formats[] = {
	{"gzip", "gzip -nc", true},
	{"xz", "xz -c --check=crc32", false},
	{"xz", "xz -c --format=lzma", false},
	{"zstd", "zstd -qc", false},
	{"lz4", "lz4 -lqc", false},
	{"bzip2", "bzip2 -c", false},
	{"lzop", "lzop -c", false},
	{NULL, "cat", true},
};

static uint8_t plain[PLAIN];

/* Less its first `skip`. */
static void pack(const struct format *format, uint32_t size)
{
	char line[256], plain_path[128];
	FILE *file;

	for (int i = 0; i < PLAIN; i++)
		plain[i] = (uint8_t)(i / 5 * i);
	memcpy(plain, "\177ELF", 4);
	snprintf(plain_path, sizeof(plain_path), "%s.plain", image_path);
	file = fopen(plain_path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(plain, 1, PLAIN, file), PLAIN);
	ck_assert_int_eq(fclose(file), 0);
	snprintf(line, sizeof(line), "%s <%s >%s", format->command, plain_path,
		 image_path);
	ck_assert_int_eq(system(line), 0);
	unlink(plain_path);
	if (format->sized)
		return;
	file = fopen(image_path, "ae");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(&size, 4, 1, file), 1);
	ck_assert_int_eq(fclose(file), 0);
}

static uint64_t file_size(void)
{
	struct stat st;

	ck_assert_int_eq(stat(image_path, &st), 0);
	return (uint64_t)st.st_size;
}

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* With len bytes of the file; nothing stays behind, whatever it comes to. */
static int unpack_file(int *out, const char **tool, uint64_t len)
{
	int fd = open(image_path, O_RDONLY | O_CLOEXEC), before, rc;

	ck_assert_int_ge(fd, 0);
	before = count_descriptors();
	err.text[0] = '\0';
	*out = -1;
	rc = unpack(out, tool, fd, 0, len, "file", &err);
	ck_assert_int_eq(count_descriptors(), before + !rc);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	close(fd);
	return rc;
}

static void is_damaged(int want, uint64_t len, const char *words)
{
	const char *tool;
	int out, rc = unpack_file(&out, &tool, len);

	ck_assert_msg(rc == want, "%d: %s", rc, err.text);
	ck_assert_msg(strstr(err.text, words), "\"%s\" lacks \"%s\"", err.text,
		      words);
	ck_assert_ptr_null(strchr(err.text, '\n'));
}

START_TEST(kernel_comes_out_as_it_went_in)
{
	static uint8_t result[PLAIN + 1];
	const char *tool = "?";
	int out;

	pack(&formats[_i], PLAIN);
	ck_assert_msg(!unpack_file(&out, &tool, file_size()), "%s", err.text);
	if (formats[_i].tool)
		ck_assert_str_eq(tool, formats[_i].tool);
	else
		ck_assert_ptr_null(tool);
	ck_assert_int_eq(pread(out, result, sizeof(result), 0), PLAIN);
	ck_assert_mem_eq(result, plain, PLAIN);
	close(out);
}
END_TEST

START_TEST(size_that_is_not_true_is_told)
{
	/* Too few come, or more than there is room for: a bomb. */
	pack(&formats[_i], PLAIN + 1);
	is_damaged(-ENOEXEC, file_size(), "0x493e0 bytes came out");
	pack(&formats[_i], PLAIN - 1);
	is_damaged(-ENOEXEC, file_size(), "is damaged");
	pack(&formats[_i], 1);
	is_damaged(-ENOEXEC, file_size(), "is damaged");
	pack(&formats[_i], 0);
	is_damaged(-ENOEXEC, file_size(), "which no kernel has");
	pack(&formats[_i], (1 << 30) + 1);
	is_damaged(-ENOEXEC, file_size(), "which no kernel has");
}
END_TEST

START_TEST(damaged_kernel_is_told)
{
	uint64_t len;
	FILE *file;

	pack(&formats[_i], PLAIN);
	len = file_size();
	/* Without its middle's end, but with the size. */
	is_damaged(-ENOEXEC, len / 2, "its kernel");
	file = fopen(image_path, "r+e");
	ck_assert_ptr_nonnull(file);
	fseek(file, (long)len / 2, SEEK_SET);
	for (int i = 0; i < 64; i++)
		putc(i * 37, file);
	ck_assert_int_eq(fclose(file), 0);
	is_damaged(-ENOEXEC, len, formats[_i].tool);
	is_damaged(-ENOEXEC, 9, "too short");
	is_damaged(-ENOEXEC, len + 1, "too short");
}
END_TEST

START_TEST(unknown_format_is_named)
{
	image_write_bytes("7zXZ...and so on", 16);
	is_damaged(-ENOEXEC, 16, "it starts with 377a585a2e2e");
}
END_TEST

START_TEST(missing_program_is_named_with_its_package)
{
	pack(&formats[_i], PLAIN);
	setenv("PATH", "/nonexistent", 1);
	is_damaged(-EINVAL, file_size(), "missing: apt-get install");
	ck_assert_ptr_nonnull(strstr(err.text, formats[_i].tool));
}
END_TEST

/* A bzImage's own path, from the file to the image. */
START_TEST(content_that_is_no_kernel_is_refused_by_name)
{
	struct image *out;
	const char *tool;
	uint8_t file[0x900 + 100] = {0};

	good_head();
	put(0x24c, 4, 100);
	memcpy(file, head, sizeof(head));
	memcpy(file + 0x900, "\177ELF", 4);
	image_write_bytes(file, sizeof(file));
	ck_assert_int_eq(bzimage_open(&out, &bz, &tool, image_path, &err),
			 -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(err.text, ":vmlinux: "));
	ck_assert_ptr_nonnull(strstr(err.text, "EI_CLASS"));
	ck_assert_int_eq(bzimage_open(&out, &bz, &tool, "/nonexistent", &err),
			 -ENOENT);
	ck_assert_int_eq(bzimage_open(&out, &bz, &tool, "/", &err), -ENOENT);
}
END_TEST

Suite *bzimage_suite(void)
{
	Suite *s = suite_create("bzimage");
	TCase *tc = tcase_create("header");

	tcase_add_test(tc, header_says_where_the_kernel_is);
	tcase_add_test(tc, what_has_no_header_is_left_to_others);
	tcase_add_test(tc, header_that_lies_is_refused);
	suite_add_tcase(s, tc);

	tc = image_case("unpack");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, kernel_comes_out_as_it_went_in, 0, NR(formats));
	/* gzip knows the size itself; the last is not packed. */
	tcase_add_loop_test(tc, size_that_is_not_true_is_told, 1,
			    NR(formats) - 1);
	tcase_add_loop_test(tc, damaged_kernel_is_told, 1, NR(formats) - 1);
	tcase_add_loop_test(tc, missing_program_is_named_with_its_package, 0,
			    NR(formats) - 1);
	tcase_add_test(tc, unknown_format_is_named);
	tcase_add_test(tc, content_that_is_no_kernel_is_refused_by_name);
	suite_add_tcase(s, tc);
	return s;
}
