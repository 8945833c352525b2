/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport: a virtio device as a page of registers in memory (virtio 1.2,
 * 4.2). The DSDT tells the guest where they are (acpi_dsdt.c).
 */
#pragma once

#include <stdint.h>

#include "vmm/devices/bus.h"
#include "vmm/virtio/virtio_device.h"

#define VIRTIO_MMIO_LEN 0x1000u

struct virtio_mmio {
	struct virtio_device *device; /* set once */

	/* device->lock held: what the driver has selected. */
	uint32_t device_features_sel, driver_features_sel, queue_sel;
};

/* bus_fn for VIRTIO_MMIO_LEN bytes; ctx is the struct virtio_mmio. */
void virtio_mmio_access(void *mmio, uint64_t offset, void *data, unsigned len,
			enum bus_dir dir);
