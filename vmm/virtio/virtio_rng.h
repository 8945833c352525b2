/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entropy device (virtio 1.2, 5.4): fills the driver's buffers from the host's
 * random number generator.
 */
#pragma once

#include "vmm/virtio/virtio_device.h"

/* virtio_device_destroy ends it. 0 or -errno. */
int virtio_rng_create(struct virtio_device **out);
