/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header's numbers are the file's word: each is compared with the file's
 * size before it is used.
 */
#define _GNU_SOURCE
#include "vmm/boot/bzimage.h"

#include <asm/bootparam.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/boot/boot_error.h"
#include "vmm/boot/unpack.h"

#define HEADER_MAGIC	0x53726448 /* "HdrS" */
#define SECTOR		512
#define SETUP_SECTS_OLD 4     /* boot.rst: what 0 stands for */
#define VERSION_PAYLOAD 0x208 /* the first protocol to tell of a payload */
#define PAYLOAD_MIN	10    /* a format's first bytes, and the size */
/* boot.rst, jump: the header ends 0x202 plus the byte at 0x201. */
#define JUMP_END 0x202

static_assert(sizeof(struct setup_header) <= BZIMAGE_HEADER_MAX, "boot.rst");

static int check_payload(struct bzimage *bz, const struct setup_header *hdr,
			 uint64_t size, const char *path,
			 struct image_error *err)
{
	unsigned sectors =
		hdr->setup_sects ? hdr->setup_sects : SETUP_SECTS_OLD;

	if (hdr->version < VERSION_PAYLOAD)
		return boot_error(
			err, -ENOEXEC,
			"%s: uses Linux's boot protocol %u.%02u, which does "
			"not say where the kernel is; 2.08 does (Linux "
			"2.6.26): give the vmlinux, an ELF file",
			path, hdr->version >> 8, hdr->version & 0xff);
	if (hdr->payload_length < PAYLOAD_MIN)
		return boot_error(
			err, -ENOEXEC,
			"%s: uses Linux's boot protocol (HdrS at 0x202), "
			"but payload_length is %" PRIu32
			": there is no compressed kernel in it; give an ELF "
			"file",
			path, hdr->payload_length);
	bz->payload = (uint64_t)(sectors + 1) * SECTOR + hdr->payload_offset;
	bz->payload_len = hdr->payload_length;
	if (bz->payload > size || bz->payload_len > size - bz->payload)
		return boot_error(
			err, -ENOEXEC,
			"%s: payload_offset and payload_length say that its "
			"kernel ends at byte 0x%" PRIx64
			", the file ends at 0x%" PRIx64
			": cut short; copy it again",
			path, bz->payload + bz->payload_len, size);
	return 0;
}

int bzimage_parse(struct bzimage *bz, const uint8_t *head, size_t len,
		  uint64_t size, const char *path, struct image_error *err)
{
	struct setup_header hdr;
	uint8_t bytes[BZIMAGE_HEAD] = {0};
	size_t end;

	memcpy(bytes, head, len < sizeof(bytes) ? len : sizeof(bytes));
	memcpy(&hdr, bytes + BZIMAGE_HEADER, sizeof(hdr));
	if (hdr.header != HEADER_MAGIC)
		return -ENOENT;
	if (len < BZIMAGE_HEADER + sizeof(hdr))
		return boot_error(
			err, -ENOEXEC,
			"%s: uses Linux's boot protocol (HdrS at 0x202), "
			"but ends within the setup header: cut short; copy "
			"it again",
			path);
	end = JUMP_END + (size_t)bytes[JUMP_END - 1];
	if (end > BZIMAGE_HEADER + sizeof(hdr))
		end = BZIMAGE_HEADER + sizeof(hdr);
	*bz = (struct bzimage){
		.header_len = end - BZIMAGE_HEADER,
		.cmdline_size = hdr.cmdline_size,
	};
	memcpy(bz->header, bytes + BZIMAGE_HEADER, bz->header_len);
	return check_payload(bz, &hdr, size, path, err);
}

static int parse_file(struct bzimage *bz, int fd, const char *path,
		      struct image_error *err)
{
	uint8_t head[BZIMAGE_HEAD];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -ENOENT;
	n = pread(fd, head, sizeof(head), 0);
	if (n < 0)
		return -ENOENT;
	return bzimage_parse(bz, head, (size_t)n, (uint64_t)st.st_size, path,
			     err);
}

/* What the image is called from now on: "vmlinuz:vmlinux". */
static int open_content(struct image **out, int fd, const char *path,
			struct image_error *err)
{
	char *name;
	int rc;

	if (asprintf(&name, "%s:vmlinux", path) < 0) {
		close(fd);
		return boot_error(err, -ENOMEM, "out of memory");
	}
	rc = image_open_fd(out, fd, name, err);
	free(name);
	return rc;
}

int bzimage_open(struct image **out, struct bzimage *bz, const char **tool,
		 const char *path, struct image_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int content = -1, rc;

	/* Whoever asks has opened it before. */
	if (fd < 0)
		return -ENOENT;
	rc = parse_file(bz, fd, path, err);
	if (!rc)
		rc = unpack(&content, tool, fd, bz->payload, bz->payload_len,
			    path, err);
	close(fd);
	return rc ? rc : open_content(out, content, path, err);
}
