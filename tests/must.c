/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. Everything here asserts; nothing returns an error.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tests/must.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LARGE_MAPPING (UINT64_C(32) << 20)
#define PATHS	      16

static char build[PATH_MAX];
static char folder[PATH_MAX];

/* Skips. */

static bool may_skip(const char *reason)
{
	const char *list = getenv("FAULTLINE_MAY_SKIP");
	size_t len = strlen(reason);

	if (!list)
		return false;
	if (!strcmp(list, "all"))
		return true;
	while (*list) {
		size_t n = strcspn(list, " ,");

		if (n == len && !strncmp(list, reason, len))
			return true;
		list += n + (list[n] != '\0');
	}
	return false;
}

static void say_skip(const char *what, const char *why)
{
	fprintf(stderr, "SKIP: %s: %s\n", what, why);
}

bool must_have(const char *reason, bool there, const char *why)
{
	if (there)
		return true;
	say_skip(reason, why);
	if (!may_skip(reason))
		ck_abort_msg("%s: %s (FAULTLINE_MAY_SKIP=%s allows it)", reason,
			     why, reason);
	return false;
}

static bool opens(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool have_kvm(void)
{
	return opens("/dev/kvm");
}

static bool have_uffd(void)
{
	long fd;

	if (opens("/dev/userfaultfd"))
		return true;
	fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fd >= 0)
		close((int)fd);
	return fd >= 0;
}

static bool have_root(void)
{
	return geteuid() == 0;
}

/* Linux kernels do not come far on one that emulates each instruction of a
 * guest's kernel, and 32-bit paging is not to be had there. */
static bool have_whole(void)
{
	return access("/sys/module/kvm_pvm", F_OK) != 0;
}

static const struct {
	unsigned bit;
	bool (*have)(void);
	const char *reason, *why;
} facilities[] = {
	{MUST_KVM, have_kvm, "kvm", "/dev/kvm cannot be opened"},
	{MUST_UFFD, have_uffd, "uffd", "no userfaultfd for this user"},
	{MUST_WHOLE, have_whole, "whole",
	 "KVM is kvm_pvm, which emulates guest kernels; "
	 "try scripts/with-kvm --nested"},
	{MUST_ROOT, have_root, "root", "only root can prepare this"},
};

START_TEST(what_the_case_needs_is_there)
{
	ck_abort_msg("%s: %s (FAULTLINE_MAY_SKIP=%s allows it)",
		     facilities[_i].reason, facilities[_i].why,
		     facilities[_i].reason);
}
END_TEST

void must_add(Suite *suite, const char *name, unsigned needs,
	      void (*fill)(TCase *tcase))
{
	TCase *tcase = tcase_create(name);

	suite_add_tcase(suite, tcase);
	for (int i = 0; i < (int)(sizeof(facilities) / sizeof(*facilities));
	     i++) {
		if (!(needs & facilities[i].bit) || facilities[i].have())
			continue;
		say_skip(name, facilities[i].why);
		if (!may_skip(facilities[i].reason))
			tcase_add_loop_test(tcase, what_the_case_needs_is_there,
					    i, i + 1);
		return;
	}
	fill(tcase);
}

/* Paths. */

static const char *join(const char *dir, const char *name)
{
	static char paths[PATHS][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % PATHS];

	ck_assert_int_lt(snprintf(path, PATH_MAX, "%s/%s", dir, name),
			 PATH_MAX);
	return path;
}

int must_patience(void)
{
	return getenv("WITH_KVM") ? 5 : 1;
}

void must_set_build(const char *path)
{
	char multiplier[16];

	snprintf(multiplier, sizeof(multiplier), "%d", must_patience());
	setenv("CK_TIMEOUT_MULTIPLIER", multiplier, 0);
	if (!realpath(path, build)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
}

const char *must_built(const char *name)
{
	return join(build, name);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void make_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/faultline-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	ck_assert_msg(mkdtemp(folder), "%s: %s", folder, strerror(errno));
	ck_assert_int_eq(chmod(folder, 0755), 0);
}

static void remove_folder(void)
{
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	folder[0] = '\0';
}

void must_add_folder(TCase *tcase)
{
	tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
}

const char *must_file(const char *name)
{
	ck_assert_msg(folder[0], "the case has no must_add_folder");
	return join(folder, name);
}

/* Files and descriptors. */

int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

void must_pipe(int fds[2])
{
	ck_assert_msg(!pipe2(fds, O_CLOEXEC), "pipe: %s", strerror(errno));
}

void must_write(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		ck_assert_msg(n > 0, "write: %s", strerror(errno));
		at += n;
		len -= (size_t)n;
	}
}

void *must_alloc(size_t len)
{
	void *p = calloc(1, len ? len : 1);

	ck_assert_ptr_nonnull(p);
	return p;
}

static void write_with(const char *path, int flags, const void *bytes,
		       size_t len)
{
	int fd = must_open(path, O_WRONLY | O_CREAT | flags);

	must_write(fd, bytes, len);
	ck_assert_int_eq(close(fd), 0);
}

void must_write_file(const char *path, const void *bytes, size_t len)
{
	write_with(path, O_TRUNC, bytes, len);
}

void must_append_file(const char *path, const void *bytes, size_t len)
{
	write_with(path, O_APPEND, bytes, len);
}

char *must_read_file(const char *path, size_t *len)
{
	int fd = must_open(path, O_RDONLY);
	size_t room = 1 << 16, used = 0;
	char *bytes = must_alloc(room);
	ssize_t n;

	while ((n = read(fd, bytes + used, room - used - 1)) > 0) {
		used += (size_t)n;
		if (used < room - 1)
			continue;
		room *= 2;
		bytes = realloc(bytes, room);
		ck_assert_ptr_nonnull(bytes);
	}
	ck_assert_msg(!n, "%s: %s", path, strerror(errno));
	close(fd);
	bytes[used] = '\0';
	if (len)
		*len = used;
	return bytes;
}

void must_copy_file(const char *from, const char *to)
{
	size_t len;
	char *bytes = must_read_file(from, &len);

	must_write_file(to, bytes, len);
	free(bytes);
}

double must_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void must_sleep(double seconds)
{
	struct timespec ts = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* Counting. */

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	ck_assert_msg(dir, "%s: %s", path, strerror(errno));
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* proc(5), /proc/PID/maps: start-end perms offset dev inode path */
static bool counts(const char *line)
{
	unsigned long long start, end;
	int path = 0;

	if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &start, &end, &path) <
		    2 ||
	    !path)
		return false;
	if (line[path] == '/' || !strncmp(line + path, "anon_inode:", 11))
		return true;
	return line[path] != '[' && end - start >= LARGE_MAPPING;
}

static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[PATH_MAX + 128];
	int n = 0;

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps))
		n += counts(line);
	fclose(maps);
	return n;
}

void must_count(struct must_count *count)
{
	/* An arena for each thread is 64 MiB of address space that stays. */
	mallopt(M_ARENA_MAX, 1);
	count->fds = count_entries("/proc/self/fd");
	count->threads = count_entries("/proc/self/task");
	count->mappings = count_mappings();
}

void must_count_same(const struct must_count *before)
{
	struct must_count now = {0};

	for (int i = 0; i < 200; i++) {
		must_count(&now);
		if (!memcmp(&now, before, sizeof(now)))
			return;
		must_sleep(0.01);
	}
	ck_assert_msg(now.fds == before->fds, "%d descriptors, before: %d",
		      now.fds, before->fds);
	ck_assert_msg(now.threads == before->threads, "%d threads, before: %d",
		      now.threads, before->threads);
	ck_assert_msg(now.mappings == before->mappings,
		      "%d mappings, before: %d", now.mappings,
		      before->mappings);
}
