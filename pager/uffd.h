/* SPDX-License-Identifier: Apache-2.0 */
/*
 * userfaultfd(2): the only user of <linux/userfaultfd.h>. Addresses are
 * host-virtual; addresses and lengths are multiples of the page size.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A thread touched a page that is not there, or wrote to a protected one. */
struct uffd_fault {
	uint64_t hva;
	pid_t tid; /* 0 when the kernel does not tell */
	bool is_write, is_protected;
};

/*
 * Opens /dev/userfaultfd, or where that is missing or forbidden makes the
 * system call. Never UFFD_USER_MODE_ONLY: KVM touches guest memory in kernel
 * mode. protect: for uffd_protect, which wants Linux 5.7. Returns a descriptor,
 * or -errno: -EPERM or -EACCES forbidden, -ENOSYS not in this kernel, -EINVAL
 * not this kind of memory or protection.
 */
int uffd_open(bool protect);

/* Missing pages of [hva, hva + len) will fault to fd, and with protect writes
 * to protected ones. 0 or -errno. */
int uffd_register(int fd, void *hva, uint64_t len, bool protect);
/* The opposite; all sleepers wake and find zero pages where nothing came. */
int uffd_unregister(int fd, void *hva, uint64_t len);

/*
 * Publishes len bytes from src at hva, atomically per page, and wakes whoever
 * waits for them. A page that somebody else had put there is left alone and
 * woken. 0 or -errno.
 */
int uffd_copy(int fd, void *hva, const void *src, uint64_t len);
/* The same for a page that is protected from the start. */
int uffd_copy_protected(int fd, void *hva, const void *src, uint64_t len);
/* The same with zero pages. */
int uffd_zero(int fd, void *hva, uint64_t len);
int uffd_wake(int fd, void *hva, uint64_t len);

/* From when this returns nobody writes to the pages that are there: who tries
 * sleeps. Or the opposite, which wakes the sleepers. 0 or -errno. */
int uffd_protect(int fd, void *hva, uint64_t len, bool protect);

/* Up to max faults without blocking; 0 when there is none. -errno. */
int uffd_read(int fd, struct uffd_fault *faults, unsigned max);
