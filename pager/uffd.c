/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thin, except for what the kernel's error encodings ask of every caller.
 *
 * A multi-page UFFDIO_COPY stops at the first page that is present already. It
 * then fails with EAGAIN and says in its output field how many bytes went
 * before, or fails with EEXIST when that was the first page. EAGAIN is also
 * returned with nothing done while the address space is changing. The output
 * field may be untouched by kernels before 6.15, so it is set to 0 first.
 */
#define _GNU_SOURCE
#include "pager/uffd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef USERFAULTFD_IOC_NEW /* Linux 6.1, younger than some headers */
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* The kernel's ABI, so that a header with other numbers does not compile. */
static_assert(USERFAULTFD_IOC_NEW == 0xaa00, "USERFAULTFD_IOC_NEW");
static_assert(UFFDIO_API == 0xc018aa3f, "UFFDIO_API");
static_assert(UFFDIO_REGISTER == 0xc020aa00, "UFFDIO_REGISTER");
static_assert(UFFDIO_UNREGISTER == 0x8010aa01, "UFFDIO_UNREGISTER");
static_assert(UFFDIO_WAKE == 0x8010aa02, "UFFDIO_WAKE");
static_assert(UFFDIO_COPY == 0xc028aa03, "UFFDIO_COPY");
static_assert(UFFDIO_ZEROPAGE == 0xc020aa04, "UFFDIO_ZEROPAGE");
static_assert(UFFDIO_WRITEPROTECT == 0xc018aa06, "UFFDIO_WRITEPROTECT");

static int open_new(int flags)
{
	int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	int fd, error;

	if (dev >= 0) {
		fd = ioctl(dev, USERFAULTFD_IOC_NEW, flags);
		error = errno;
		close(dev);
		if (fd >= 0)
			return fd;
		errno = error;
	}
	fd = (int)syscall(SYS_userfaultfd, flags);
	return fd < 0 ? -errno : fd;
}

int uffd_open(bool protect)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_THREAD_ID |
			    (protect ? UFFD_FEATURE_PAGEFAULT_FLAG_WP : 0),
	};
	int fd = open_new(O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fd;
	if (ioctl(fd, UFFDIO_API, &api)) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static struct uffdio_range range(void *hva, uint64_t len)
{
	return (struct uffdio_range){.start = (uintptr_t)hva, .len = len};
}

int uffd_register(int fd, void *hva, uint64_t len, bool protect)
{
	struct uffdio_register reg = {
		.range = range(hva, len),
		.mode = UFFDIO_REGISTER_MODE_MISSING |
			(protect ? UFFDIO_REGISTER_MODE_WP : 0),
	};

	return ioctl(fd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

int uffd_wake(int fd, void *hva, uint64_t len)
{
	struct uffdio_range r = range(hva, len);

	return ioctl(fd, UFFDIO_WAKE, &r) ? -errno : 0;
}

int uffd_unregister(int fd, void *hva, uint64_t len)
{
	struct uffdio_range r = range(hva, len);

	if (ioctl(fd, UFFDIO_UNREGISTER, &r))
		return -errno;
	/* The kernel wakes first and disarms then. Where a fault takes no lock
	 * of the whole address space (Linux 6.4), one that falls asleep between
	 * the two is not woken. */
	return uffd_wake(fd, hva, len);
}

int uffd_protect(int fd, void *hva, uint64_t len, bool protect)
{
	struct uffdio_writeprotect wp = {
		.range = range(hva, len),
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};
	int rc;

	do /* EAGAIN: the address space is changing */
		rc = ioctl(fd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
	while (rc == -EAGAIN && !sched_yield());
	return rc;
}

/* One ioctl: COPY, or ZEROPAGE where src is NULL. *done: bytes it published. */
static int fill(int fd, char *hva, const char *src, uint64_t len, uint64_t mode,
		uint64_t *done)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)hva,
		.src = (uintptr_t)src,
		.len = len,
		.mode = mode,
	};
	struct uffdio_zeropage zero = {.range = range(hva, len)};
	int rc = src ? ioctl(fd, UFFDIO_COPY, &copy)
		     : ioctl(fd, UFFDIO_ZEROPAGE, &zero);
	int error = rc ? errno : 0;
	int64_t out = src ? copy.copy : zero.zeropage;

	*done = out > 0 ? (uint64_t)out : 0;
	return -error;
}

static int fill_all(int fd, char *hva, const char *src, uint64_t len,
		    uint64_t mode)
{
	const uint64_t page = 4096;
	uint64_t at = 0;

	while (at < len) {
		uint64_t done;
		int rc = fill(fd, hva + at, src ? src + at : NULL, len - at,
			      mode, &done);

		at += done;
		if (rc == -EEXIST) {
			rc = uffd_wake(fd, hva + at, page);
			at += page;
		} else if (rc == -EAGAIN) {
			if (!done)
				sched_yield();
			rc = 0;
		}
		if (rc)
			return rc;
	}
	return 0;
}

int uffd_copy(int fd, void *hva, const void *src, uint64_t len)
{
	return fill_all(fd, hva, src, len, 0);
}

int uffd_copy_protected(int fd, void *hva, const void *src, uint64_t len)
{
	return fill_all(fd, hva, src, len, UFFDIO_COPY_MODE_WP);
}

int uffd_zero(int fd, void *hva, uint64_t len)
{
	return fill_all(fd, hva, NULL, len, 0);
}

int uffd_read(int fd, struct uffd_fault *faults, unsigned max)
{
	struct uffd_msg msgs[16];
	unsigned n = 0;
	uint64_t flags;
	ssize_t got;

	if (max > 16)
		max = 16;
	got = read(fd, msgs, max * sizeof(msgs[0]));
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (unsigned i = 0; i < (size_t)got / sizeof(msgs[0]); i++) {
		/* No other event was asked for. */
		if (msgs[i].event != UFFD_EVENT_PAGEFAULT)
			continue;
		flags = msgs[i].arg.pagefault.flags;
		faults[n++] = (struct uffd_fault){
			.hva = msgs[i].arg.pagefault.address,
			.is_write = flags & (UFFD_PAGEFAULT_FLAG_WRITE |
					     UFFD_PAGEFAULT_FLAG_WP),
			.is_protected = flags & UFFD_PAGEFAULT_FLAG_WP,
			.tid = (pid_t)msgs[i].arg.pagefault.feat.ptid,
		};
	}
	return (int)n;
}
