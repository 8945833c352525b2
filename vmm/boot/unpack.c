/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One memfd for the payload, because programs want their input to end where the
 * format ends; one for what comes out. How much came out is where the file
 * offset is afterwards: the program has it in common with us.
 */
#define _GNU_SOURCE
#include "vmm/boot/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/boot/boot_error.h"

#define MAGIC_LEN    6
#define SIZE_LEN     4	 /* of the unpacked size at the payload's end */
#define NOT_FOUND    127 /* what a shell says of such programs, too */
#define NOT_RUNNABLE 126

/* Linux's scripts/Makefile.lib (cmd_gzip ...), and its scripts/extract-vmlinux
 * for the first bytes. */
static const struct format {
	const char *magic;
	uint8_t len;
	bool has_size; /* the format's own end is the size */
	const char *argv[4];
	const char *package;
} formats[] = {
	{"\x1f\x8b", 2, true, {"gzip", "-dc"}, "gzip"},
	{"\xfd\x37zXZ", 6, false, {"xz", "-dc"}, "xz-utils"},
	{"\x5d\0\0", 3, false, {"xz", "-dc", "--format=lzma"}, "xz-utils"},
	{"\x28\xb5\x2f\xfd", 4, false, {"zstd", "-qdc"}, "zstd"},
	{"\x02\x21\x4c\x18", 4, false, {"lz4", "-dc"}, "lz4"},
	{"\x89LZO", 4, false, {"lzop", "-dc"}, "lzop"},
	{"BZh", 3, false, {"bzip2", "-dc"}, "bzip2"},
	{"\177ELF", 4, true, {NULL}, NULL}, /* not compressed */
};

static const struct format *format_of(const uint8_t magic[MAGIC_LEN])
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (!memcmp(magic, formats[i].magic, formats[i].len))
			return &formats[i];
	return NULL;
}

static int read_at(int fd, void *to, size_t len, uint64_t offset)
{
	ssize_t n = pread(fd, to, len, (off_t)offset);

	return n < 0 ? -errno : (size_t)n < len ? -ENODATA : 0;
}

/* Appends len bytes at offset of fd to `to`. */
static int copy(int to, int fd, uint64_t offset, uint64_t len)
{
	off_t at = (off_t)offset;

	while (len) {
		ssize_t n = sendfile(to, fd, &at, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return -ENODATA;
		len -= n < 0 ? 0 : (uint64_t)n;
	}
	return lseek(to, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* A file in memory that has `size` bytes, and will neither grow nor shrink. */
static int fixed_file(uint64_t size)
{
	int fd = memfd_create("vmlinux", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK))
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/* The child. Nothing but system calls; its messages would be a second line. */
__attribute__((noreturn)) static void become(const struct format *format,
					     int in, int out, pid_t parent)
{
	char *const *argv = (char *const *)(uintptr_t)format->argv;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	/* Whoever ends us ends it, with SIGKILL, too. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || null < 0 || dup2(in, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(NOT_RUNNABLE);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? NOT_FOUND : NOT_RUNNABLE);
}

/* Runs the program to its end. Its wait status, or -errno. */
static int run(const struct format *format, int in, int out)
{
	pid_t parent = getpid(), pid, got;
	int status;

	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		become(format, in, out, parent);
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : status;
}

static int check_end(const struct format *format, int status, int out,
		     uint64_t size, const char *path, struct image_error *err)
{
	const char *tool = format->argv[0];
	off_t came = lseek(out, 0, SEEK_CUR);

	if (status < 0)
		return boot_error(err, status,
				  "%s: cannot run %s to unpack it: %s", path,
				  tool, strerror(-status));
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return boot_error(
			err, -EINVAL,
			"%s: its kernel is to be unpacked by %s, which is "
			"missing: apt-get install %s",
			path, tool, format->package);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_RUNNABLE)
		return boot_error(
			err, -EINVAL,
			"%s: its kernel is to be unpacked by %s, which "
			"cannot be run",
			path, tool);
	if (WIFSIGNALED(status))
		return boot_error(
			err, -ENOEXEC,
			"%s: its kernel cannot be unpacked: %s was ended "
			"by signal %d",
			path, tool, WTERMSIG(status));
	if (WEXITSTATUS(status))
		return boot_error(
			err, -ENOEXEC,
			"%s: its kernel is damaged, says %s (exit status "
			"%d) after 0x%" PRIx64 " bytes; copy it again",
			path, tool, WEXITSTATUS(status), (uint64_t)came);
	if (came != (off_t)size)
		return boot_error(
			err, -ENOEXEC,
			"%s: its kernel is damaged: 0x%" PRIx64
			" bytes came out, its last 4 bytes say 0x%" PRIx64
			"; copy it again",
			path, (uint64_t)came, size);
	return 0;
}

/* in is the caller's; so is out, also after an error. */
static int unpack_to(int out, const struct format *format, int fd,
		     uint64_t offset, uint64_t len, uint64_t size,
		     const char *path, struct image_error *err)
{
	int in = memfd_create("payload", MFD_CLOEXEC);
	int rc;

	if (in < 0)
		return boot_error(err, -errno, "%s: no memory to unpack it: %s",
				  path, strerror(errno));
	rc = copy(in, fd, offset, len - (format->has_size ? 0 : SIZE_LEN));
	if (rc)
		boot_error(err, rc, "%s: cannot read its kernel: %s", path,
			   strerror(-rc));
	else
		rc = check_end(format, run(format, in, out), out, size, path,
			       err);
	close(in);
	return rc;
}

/* The payload is the file already. */
static int copy_out(int *out, int fd, uint64_t offset, uint64_t len,
		    const char *path, struct image_error *err)
{
	int rc;

	*out = memfd_create("vmlinux", MFD_CLOEXEC);
	rc = *out < 0 ? -errno : copy(*out, fd, offset, len);
	if (!rc)
		return 0;
	if (*out >= 0)
		close(*out);
	return boot_error(err, rc, "%s: cannot copy its kernel: %s", path,
			  strerror(-rc));
}

int unpack(int *out, const char **tool, int fd, uint64_t offset, uint64_t len,
	   const char *path, struct image_error *err)
{
	const struct format *format;
	uint8_t magic[MAGIC_LEN];
	uint32_t size;
	int rc = len < MAGIC_LEN + SIZE_LEN ? -ENODATA : 0;

	if (!rc)
		rc = read_at(fd, magic, sizeof(magic), offset);
	if (!rc)
		rc = read_at(fd, &size, sizeof(size), offset + len - SIZE_LEN);
	if (rc)
		return boot_error(err, rc == -ENODATA ? -ENOEXEC : rc,
				  "%s: cannot read its kernel: %s", path,
				  rc == -ENODATA ? "too short" : strerror(-rc));
	format = format_of(magic);
	if (!format)
		return boot_error(
			err, -ENOEXEC,
			"%s: its kernel is compressed in a format nobody "
			"knows: it starts with %02x%02x%02x%02x%02x%02x",
			path, magic[0], magic[1], magic[2], magic[3], magic[4],
			magic[5]);
	*tool = format->argv[0];
	if (!*tool)
		return copy_out(out, fd, offset, len, path, err);
	if (!size || size > UNPACK_MAX)
		return boot_error(
			err, -ENOEXEC,
			"%s: its kernel says that it unpacks to 0x%" PRIx32
			" bytes, which no kernel has (0x1 to 0x%" PRIx64
			"): damaged; copy it again",
			path, size, UNPACK_MAX);
	*out = fixed_file(size);
	if (*out < 0)
		return boot_error(err, *out, "%s: no memory to unpack it: %s",
				  path, strerror(-*out));
	rc = unpack_to(*out, format, fd, offset, len, size, path, err);
	if (rc)
		close(*out);
	return rc;
}
