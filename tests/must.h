/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must work for a test to mean anything: calls that fail the test where
 * they fail, files in a folder that goes away, facilities of the machine, and
 * a count of what a test leaves behind. Used by tests/kvm and tests/e2e.
 *
 * A facility that is missing skips, aloud: a line "SKIP: ..." on stderr. A skip
 * that nobody expected is a failure: the environment variable
 * FAULTLINE_MAY_SKIP lists the reasons that may skip, or is "all".
 */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Facilities, for must_add. Their names in FAULTLINE_MAY_SKIP: */
enum {
	MUST_KVM = 1,	/* "kvm": /dev/kvm opens */
	MUST_UFFD = 2,	/* "uffd": a userfaultfd that serves KVM can be made */
	MUST_WHOLE = 8, /* "whole": a KVM that runs kernels on the processor */
	MUST_ROOT = 4,	/* "root": mount namespaces, changing user */
};

/*
 * Adds a case of that name, which `fill` fills if what it needs (facilities,
 * or-ed) is there. If not, it stays empty, with a SKIP line; unless the skip
 * may be, it gets one test, which fails.
 */
void must_add(Suite *suite, const char *name, unsigned needs,
	      void (*fill)(TCase *tcase));

/* For other reasons, in the test itself: if (!must_have(...)) return; Fails
 * the test where there is false and the reason may not skip. */
bool must_have(const char *reason, bool there, const char *why);

/*
 * What time limits are multiplied by: 1, and more in the emulated machine of
 * scripts/with-kvm (environment variable WITH_KVM). must_set_build tells libcheck.
 */
int must_patience(void);

/* The build folder: argv[1] of the runner, made absolute. */
void must_set_build(const char *path);

/* The path of something built, "guest/hello.elf". Good for 16 calls. */
const char *must_built(const char *name);

/*
 * A folder of the case, anybody may enter: unchecked fixtures, so that it goes
 * away after a crash as well. must_file gives a path in it, good for 16 calls.
 */
void must_add_folder(TCase *tcase);
const char *must_file(const char *name);

/* Files. The result of must_read_file is the caller's and ends with a NUL. */
void must_write_file(const char *path, const void *bytes, size_t len);
void must_append_file(const char *path, const void *bytes, size_t len);
void must_copy_file(const char *from, const char *to);
char *must_read_file(const char *path, size_t *len);

/* Descriptors. */
int must_open(const char *path, int flags);
void must_pipe(int fds[2]);
void must_write(int fd, const void *bytes, size_t len);
void *must_alloc(size_t len);

double must_seconds(void); /* CLOCK_MONOTONIC */
void must_sleep(double seconds);

/*
 * What a process has. Mappings: those of files and devices, and anonymous ones
 * from 32 MiB on, because smaller ones may be the C library's spare stacks.
 */
struct must_count {
	int fds, threads, mappings;
};

void must_count(struct must_count *count);

/* Fails unless the process has again what it had. Waits a moment: the kernel
 * forgets a joined thread a little later than pthread_join returns. */
void must_count_same(const struct must_count *before);
