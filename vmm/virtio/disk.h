/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of a disk: a regular file or a block device, locked against
 * a second user, read and written in sectors, through the host's page cache.
 * What has been written is therefore safe when this process ends, however it
 * ends; against a crash of the host it is after disk_flush.
 *
 * One thread at a time.
 */
#pragma once

#include <linux/virtio_blk.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/error.h"

#define DISK_SECTOR 512u /* bytes */

struct disk {
	/* Constant once opened: */
	char *path;
	char serial[VIRTIO_BLK_ID_BYTES + 1];
	uint64_t bytes; /* a multiple of DISK_SECTOR, not 0 */
	int fd;
	bool read_only, is_device;
};

/*
 * Opens what the command line says: FILE[,ro][,serial=TEXT]. A comma in the
 * file's name is written twice. Without a serial number it is the beginning of
 * the file's name without folders.
 *
 * There is a lock on the file until disk_close: others may read what is read,
 * nobody may have what is written (fcntl(2), open file description locks; they
 * bind programs that look at such locks, this one among them). On file systems
 * without locks there is none.
 *
 * 0, or -errno with err filled and nothing to close.
 */
int disk_open(struct disk *disk, const char *arg, struct error *err);
void disk_close(struct disk *disk);

/* The file's name in such an argument; the caller's. NULL: out of memory. */
char *disk_name(const char *arg);

/*
 * All of it, or -errno; -ENODATA: the file has become shorter than the disk.
 * [offset, offset + the vectors' length) lies on the disk. The vectors are used
 * up.
 */
int disk_read(struct disk *disk, uint64_t offset, struct iovec *iov,
	      unsigned nr);
int disk_write(struct disk *disk, uint64_t offset, struct iovec *iov,
	       unsigned nr);

/* What has been written is on stable storage afterwards. */
int disk_flush(struct disk *disk);

/* What [offset, offset + len) holds is not needed any more. Where the host
 * cannot do anything with this, it does nothing. */
int disk_discard(struct disk *disk, uint64_t offset, uint64_t len);

/* Makes it zeros; may_discard: it need not take room afterwards. */
int disk_zero(struct disk *disk, uint64_t offset, uint64_t len,
	      bool may_discard);
