/* SPDX-License-Identifier: Apache-2.0 */
/* See image_help.h. */
#include "tests/unit/image_help.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
char image_path[96];

struct elf_writer w;
struct image *image;
struct image_error err;

static void make_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%.32s/test_image.XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		abort();
	snprintf(image_path, sizeof(image_path), "%s/guest.elf", dir);
}

void image_remove(void)
{
	if (unlink(image_path))
		rmdir(image_path);
}

/* Unchecked fixture: runs also when a test has failed or crashed. */
static void remove_dir(void)
{
	image_remove();
	rmdir(dir);
}

Elf64_Phdr *image_good(unsigned class)
{
	elf_writer_init(&w, class);
	return elf_writer_load(&w, 0x100000, 0x1000, 0x1000, 0x1000);
}

void image_write(void)
{
	image_remove();
	ck_assert_int_eq(elf_writer_write(&w, image_path), 0);
	elf_writer_fini(&w);
}

void image_accept(void)
{
	int ret;

	image_write();
	ret = image_open(&image, image_path, &err);
	ck_assert_msg(ret == 0, "%d: %s", ret, err.text);
}

void image_refused(int ret, const char *field, const char *value)
{
	ck_assert_int_eq(ret, -ENOEXEC);
	ck_assert_msg(!strncmp(err.text, image_path, strlen(image_path)), "%s",
		      err.text);
	ck_assert_msg(!strchr(err.text, '\n'), "%s", err.text);
	ck_assert_msg(strpbrk(err.text + strlen(image_path) + 2, ";:") != NULL,
		      "%s", err.text);
	ck_assert_msg(strlen(err.text) < sizeof(err.text) - 1, "%s", err.text);
	ck_assert_msg(strstr(err.text, field) != NULL, "%s", err.text);
	ck_assert_msg(strstr(err.text, value) != NULL, "%s", err.text);
}

void image_refuse_path(const char *field, const char *value)
{
	struct image *untouched = (struct image *)&w;

	image = untouched;
	image_refused(image_open(&image, image_path, &err), field, value);
	ck_assert_ptr_eq(image, untouched);
}

void image_refuse(const char *field, const char *value)
{
	image_write();
	image_refuse_path(field, value);
}

void image_write_bytes(const void *bytes, size_t len)
{
	int fd;

	image_remove();
	fd = open(image_path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
}

TCase *image_case(const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_unchecked_fixture(tc, make_dir, remove_dir);
	tcase_set_timeout(tc, 20);
	return tc;
}
