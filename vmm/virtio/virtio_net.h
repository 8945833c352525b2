/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network device (virtio 1.2, 5.1): one pair of queues, frames from and to a
 * struct net_backend.
 */
#pragma once

#include <linux/if_ether.h>
#include <stdint.h>

#include "vmm/virtio/net_backend.h"
#include "vmm/virtio/virtio_device.h"

/*
 * name: of the way out, for people, kept no longer than the call. The backend is
 * the device's in any case. virtio_device_destroy ends it. 0 or -errno.
 */
int virtio_net_create(struct virtio_device **out, struct net_backend *backend,
		      const char *name, const uint8_t mac[ETH_ALEN]);
