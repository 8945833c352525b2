/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "vmm/virtio/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZEROS_LEN 65536u

__attribute__((format(printf, 4, 5))) static int refuse(const struct disk *disk,
							struct error *err,
							int rc,
							const char *format, ...)
{
	char why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return error_set(err, rc, "--disk %.200s: %s", disk->path, why);
}

/* The argument. */

/* Up to the first comma that is alone; *rest is behind it, or NULL. */
static char *split_name(const char *arg, const char **rest)
{
	char *name = malloc(strlen(arg) + 1), *to = name;

	*rest = NULL;
	if (!name)
		return NULL;
	for (; *arg; arg++) {
		if (*arg == ',' && *++arg != ',') {
			*rest = arg;
			break;
		}
		*to++ = *arg;
	}
	*to = '\0';
	return name;
}

char *disk_name(const char *arg)
{
	const char *rest;

	return split_name(arg, &rest);
}

static int parse_word(struct disk *disk, const char *word, size_t len,
		      bool *has_serial, struct error *err)
{
	static const char serial[] = "serial=";
	const size_t prefix = sizeof(serial) - 1;

	if (len == 2 && !memcmp(word, "ro", 2)) {
		disk->read_only = true;
		return 0;
	}
	if (len < prefix || memcmp(word, serial, prefix))
		return refuse(disk, err, -EINVAL,
			      "'%.*s' is not one of ro, serial=TEXT; a comma "
			      "in a file's name is written twice",
			      len < 64 ? (int)len : 64, word);
	word += prefix;
	len -= prefix;
	if (*has_serial)
		return refuse(disk, err, -EINVAL,
			      "serial= is given twice; give it once");
	*has_serial = true;
	if (!len || len > VIRTIO_BLK_ID_BYTES)
		return refuse(disk, err, -EINVAL,
			      "serial=%.*s: not 1 to %d bytes long",
			      len < 64 ? (int)len : 64, word,
			      VIRTIO_BLK_ID_BYTES);
	snprintf(disk->serial, sizeof(disk->serial), "%.*s", (int)len, word);
	return 0;
}

static int parse(struct disk *disk, const char *arg, struct error *err)
{
	const char *rest, *base;
	bool has_serial = false;
	int rc = 0;

	disk->path = split_name(arg, &rest);
	if (!disk->path)
		return error_set(err, -ENOMEM, "out of memory");
	if (!*disk->path)
		return error_set(err, -EINVAL, "--disk '%.64s': no file name",
				 arg);
	base = strrchr(disk->path, '/');
	snprintf(disk->serial, sizeof(disk->serial), "%.*s",
		 VIRTIO_BLK_ID_BYTES, base ? base + 1 : disk->path);
	while (!rc && rest) {
		const char *comma = strchrnul(rest, ',');

		rc = parse_word(disk, rest, (size_t)(comma - rest), &has_serial,
				err);
		rest = *comma ? comma + 1 : NULL;
	}
	return rc;
}

/* Opening. */

static int refuse_access(const struct disk *disk, struct error *err, int rc)
{
	const char *what = "written by this user; give access, or add ,ro";

	if (disk->read_only)
		what = "read by this user; give access";
	else if (faccessat(AT_FDCWD, disk->path, R_OK, AT_EACCESS))
		what = "read or written by this user; give access";
	return refuse(disk, err, rc, "may not be %s", what);
}

static int refuse_open(const struct disk *disk, struct error *err)
{
	int error = errno;

	if (error == ENOENT)
		return refuse(disk, err, -error,
			      "not found; 'truncate -s 1G FILE' makes an empty "
			      "disk");
	if (error == EACCES || error == EPERM)
		return refuse_access(disk, err, -error);
	if (error == EROFS)
		return refuse(disk, err, -error,
			      "is on a read-only file system; add ,ro");
	if (error == ETXTBSY)
		return refuse(disk, err, -error,
			      "is a program that runs or a swap file; choose "
			      "another one, or add ,ro");
	if (error == EISDIR)
		return refuse(disk, err, -error,
			      "is a folder; give a file or a block device");
	if (error == ENXIO)
		return refuse(
			disk, err, -error,
			"is a socket, or a device that is not there; give "
			"a regular file or a block device");
	return refuse(disk, err, -error, "%s", strerror(error));
}

/* Neither a FIFO nor a terminal may hold or take us. */
static int open_file(struct disk *disk, struct error *err)
{
	const int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat st;

	disk->fd =
		open(disk->path, flags | (disk->read_only ? O_RDONLY : O_RDWR));
	if (disk->fd < 0)
		return refuse_open(disk, err);
	if (fstat(disk->fd, &st) || fcntl(disk->fd, F_SETFL, 0))
		return refuse(disk, err, -errno, "%s", strerror(errno));
	disk->is_device = S_ISBLK(st.st_mode);
	if (disk->is_device) {
		if (ioctl(disk->fd, BLKGETSIZE64, &disk->bytes))
			return refuse(disk, err, -errno, "its size: %s",
				      strerror(errno));
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return refuse(disk, err, -EINVAL,
			      "is %s; give a regular file or a block device",
			      S_ISDIR(st.st_mode)    ? "a folder"
			      : S_ISFIFO(st.st_mode) ? "a FIFO"
						     : "a character device");
	disk->bytes = (uint64_t)st.st_size;
	return 0;
}

static int check_size(const struct disk *disk, struct error *err)
{
	if (!disk->bytes)
		return refuse(disk, err, -EINVAL,
			      disk->is_device
				      ? "has no size; is there a medium?"
				      : "is empty; 'truncate -s 1G FILE' makes "
					"it a disk of 1 GiB");
	if (disk->bytes % DISK_SECTOR)
		return refuse(disk, err, -EINVAL,
			      "its size, %llu bytes, is no multiple of %u; "
			      "'truncate -s %%%u FILE' adds what lacks",
			      (unsigned long long)disk->bytes, DISK_SECTOR,
			      DISK_SECTOR);
	return 0;
}

static int lock(const struct disk *disk, struct error *err)
{
	struct flock whole = {
		.l_type = disk->read_only ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (!fcntl(disk->fd, F_OFD_SETLK, &whole) ||
	    (errno != EAGAIN && errno != EACCES))
		return 0;
	return refuse(disk, err, -EBUSY,
		      "is locked: another vmm, or another --disk of this one, "
		      "%s; %s",
		      disk->read_only ? "writes to it" : "has it",
		      disk->read_only ? "end that, or add ,ro there"
				      : "end that, or add ,ro to both");
}

int disk_open(struct disk *disk, const char *arg, struct error *err)
{
	int rc;

	*disk = (struct disk){.fd = -1};
	rc = parse(disk, arg, err);
	if (!rc)
		rc = open_file(disk, err);
	if (!rc)
		rc = check_size(disk, err);
	if (!rc)
		rc = lock(disk, err);
	if (rc)
		disk_close(disk);
	return rc;
}

void disk_close(struct disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	free(disk->path);
	*disk = (struct disk){.fd = -1};
}

/* Reading and writing. */

typedef ssize_t (*transfer_fn)(int fd, const struct iovec *iov, int nr,
			       off_t offset);

/* The kernel may do less than it was asked, and wants to be asked again. */
static int transfer(struct disk *disk, uint64_t offset, struct iovec *iov,
		    unsigned nr, transfer_fn call)
{
	while (nr) {
		ssize_t n;

		if (!iov->iov_len) {
			iov++;
			nr--;
			continue;
		}
		n = call(disk->fd, iov, nr < IOV_MAX ? (int)nr : IOV_MAX,
			 (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		offset += (uint64_t)n;
		for (; nr && (size_t)n >= iov->iov_len; iov++, nr--)
			n -= (ssize_t)iov->iov_len;
		if (n) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}

int disk_read(struct disk *disk, uint64_t offset, struct iovec *iov,
	      unsigned nr)
{
	return transfer(disk, offset, iov, nr, preadv);
}

int disk_write(struct disk *disk, uint64_t offset, struct iovec *iov,
	       unsigned nr)
{
	assert(!disk->read_only);
	return transfer(disk, offset, iov, nr, pwritev);
}

int disk_flush(struct disk *disk)
{
	return fdatasync(disk->fd) ? -errno : 0;
}

static int allocate(const struct disk *disk, int mode, uint64_t offset,
		    uint64_t len)
{
	while (fallocate(disk->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			 (off_t)len))
		if (errno != EINTR)
			return -errno;
	return 0;
}

static bool is_unsupported(int rc)
{
	return rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -ENOTTY;
}

int disk_discard(struct disk *disk, uint64_t offset, uint64_t len)
{
	uint64_t range[2] = {offset, len};
	int rc;

	assert(!disk->read_only);
	if (!len)
		return 0;
	if (disk->is_device)
		rc = ioctl(disk->fd, BLKDISCARD, range) ? -errno : 0;
	else
		rc = allocate(disk, FALLOC_FL_PUNCH_HOLE, offset, len);
	return is_unsupported(rc) ? 0 : rc;
}

static int write_zeros(struct disk *disk, uint64_t offset, uint64_t len)
{
	static char zeros[ZEROS_LEN]; /* only read */

	while (len) {
		struct iovec iov = {zeros, len < ZEROS_LEN ? len : ZEROS_LEN};
		uint64_t n = iov.iov_len;
		int rc = disk_write(disk, offset, &iov, 1);

		if (rc)
			return rc;
		offset += n;
		len -= n;
	}
	return 0;
}

/* Of a block device, too, both are fallocate(2)'s: blkdev_fallocate. */
int disk_zero(struct disk *disk, uint64_t offset, uint64_t len,
	      bool may_discard)
{
	int rc;

	assert(!disk->read_only);
	if (!len)
		return 0;
	rc = allocate(disk,
		      may_discard ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE,
		      offset, len);
	return is_unsupported(rc) ? write_zeros(disk, offset, len) : rc;
}
