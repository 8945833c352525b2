/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two sources everybody needs: a file read with pread(2), and a buffer.
 *
 * A short read is never padded: the zero tail of a segment is known from its
 * headers, so a file that ends early is a file that changed.
 */
#include "pager/source.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int file_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	int fd = (int)(intptr_t)ctx;
	char *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

struct pager_source source_file(const char *name, int fd)
{
	return (struct pager_source){
		.name = name,
		.read = file_read,
		.ctx = (void *)(intptr_t)fd,
		.fd = fd,
	};
}

static int bytes_read(void *ctx, void *buf, size_t len, uint64_t offset)
{
	const struct source_bytes *src = ctx;

	if (offset > src->len || len > src->len - offset)
		return -ENODATA;
	memcpy(buf, (const char *)src->bytes + offset, len);
	return 0;
}

struct pager_source source_bytes(const char *name, struct source_bytes *bytes)
{
	return (struct pager_source){
		.name = name,
		.read = bytes_read,
		.ctx = bytes,
		.fd = -1,
	};
}
