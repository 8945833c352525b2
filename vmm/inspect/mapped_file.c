/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "vmm/inspect/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(struct mapped_file *file, int fd, const char *path,
	       struct error *err)
{
	struct stat st;
	void *bytes;

	if (fstat(fd, &st))
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL,
				 "%s: not a regular file; copy it into one",
				 path);
	if (!st.st_size)
		return error_set(err, -EINVAL, "%s: the file is empty", path);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return error_set(err, -errno, "%s: cannot be mapped: %s", path,
				 strerror(errno));
	*file = (struct mapped_file){bytes, (uint64_t)st.st_size};
	return 0;
}

int mapped_file_open(struct mapped_file *file, const char *path,
		     struct error *err)
{
	/* Without waiting for somebody to write to a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	*file = (struct mapped_file){0};
	if (fd < 0)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	rc = map(file, fd, path, err);
	close(fd);
	return rc;
}

void mapped_file_close(struct mapped_file *file)
{
	if (file->bytes)
		munmap((void *)(uintptr_t)file->bytes, file->size);
	*file = (struct mapped_file){0};
}

static volatile sig_atomic_t guard_status;

static void on_bus_error(int signal_number)
{
	static const char line[] =
		"vmm-inspect: a file became shorter, or could not be read, "
		"while it was looked at; try again when it is complete\n";

	(void)signal_number;
	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	_exit(guard_status);
}

void mapped_file_guard(int status)
{
	const struct sigaction action = {.sa_handler = on_bus_error};

	guard_status = status;
	sigaction(SIGBUS, &action, NULL);
}
