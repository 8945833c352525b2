/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's virtio devices in their places (machine.h): registers on the bus,
 * an interrupt each, workers that start and stop together.
 */
#pragma once

#include <stdbool.h>
#include <time.h>

#include "vmm/devices/bus.h"
#include "vmm/machine.h"
#include "vmm/virtio/virtio_mmio.h"

struct virtio_slots {
	struct virtio_mmio slots[MACHINE_VIRTIO_MAX];
	unsigned nr;
};

/* At most MACHINE_VIRTIO_MAX devices, which stay the caller's and outlive the
 * bus. */
void virtio_slots_init(struct virtio_slots *slots,
		       struct virtio_device *const *devices, unsigned nr,
		       struct bus *mmio);

/* Starts the workers, before the first vCPU runs; place->irq.line is ignored. 0
 * or -errno. */
int virtio_slots_start(struct virtio_slots *slots,
		       const struct virtio_place *place);

/* As virtio_device_ask_stop and virtio_device_stop, for all. */
void virtio_slots_ask_stop(struct virtio_slots *slots);
bool virtio_slots_stop(struct virtio_slots *slots,
		       const struct timespec *until);
