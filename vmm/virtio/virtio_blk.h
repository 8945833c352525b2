/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block device (virtio 1.2, 5.2): a disk of the host's (disk.h), one request
 * at a time.
 */
#pragma once

#include "vmm/virtio/disk.h"
#include "vmm/virtio/virtio_device.h"

/* What a request may ask for at most (5.2.4), in sectors and in segments. */
#define VIRTIO_BLK_SECTORS_MAX	0x200000u /* of a segment: 1 GiB */
#define VIRTIO_BLK_DISCARD_SEGS 16u
#define VIRTIO_BLK_ZERO_SEGS	1u

/* Takes the disk over, but not when it fails; virtio_device_destroy ends both.
 * 0 or -errno. */
int virtio_blk_create(struct virtio_device **out, const struct disk *disk);

/* May the guest write to it? Of a device made by virtio_blk_create. */
bool virtio_blk_is_writable(const struct virtio_device *device);
