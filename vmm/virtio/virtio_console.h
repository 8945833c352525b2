/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Console device (virtio 1.2, 5.3): one port, hvc0 to Linux. What the driver
 * sends is output; input waits here until the driver has room for it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vmm/virtio/virtio_device.h"

/* The other end. Calls come from the device's worker. */
struct virtio_console_host {
	/* Takes output, at least a byte; may wait for whoever reads it. */
	void (*put)(void *ctx, const void *bytes, size_t len);
	/* Input has room again. */
	void (*room)(void *ctx);
	void *ctx;
};

/* virtio_device_destroy ends it. 0 or -errno. */
int virtio_console_create(struct virtio_device **out,
			  const struct virtio_console_host *host);

/* Input: takes what fits, returns how many. Never waits. Any thread. */
size_t virtio_console_input(struct virtio_device *device, const uint8_t *bytes,
			    size_t len);

/* The terminal's size, in characters; the driver is told of changes. Never
 * waits. Any thread. */
void virtio_console_resize(struct virtio_device *device, uint16_t cols,
			   uint16_t rows);
