/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory balloon device (virtio 1.2, 5.5): the guest gives memory back to the
 * host, because it is asked to (the balloon is inflated), or because it has no
 * use for it now (free page reporting).
 */
#pragma once

#include "vmm/virtio/virtio_device.h"

/* Gives [gpa, gpa + len), whole pages inside RAM, back to the host; the guest
 * finds zeros there afterwards. 0 or -errno. */
typedef int (*virtio_discard_fn)(void *ctx, gpa_t gpa, uint64_t len);

/* pages: of 4 KiB, that the guest is asked for from the start.
 * virtio_device_destroy ends it. 0 or -errno. */
int virtio_balloon_create(struct virtio_device **out, uint32_t pages,
			  virtio_discard_fn discard, void *ctx);
