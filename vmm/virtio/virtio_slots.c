/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/virtio/virtio_slots.h"

#include <assert.h>

void virtio_slots_init(struct virtio_slots *slots,
		       struct virtio_device *const *devices, unsigned nr,
		       struct bus *mmio)
{
	assert(nr <= MACHINE_VIRTIO_MAX);
	slots->nr = nr;
	for (unsigned i = 0; i < nr; i++) {
		struct virtio_mmio *slot = &slots->slots[i];
		int rc;

		*slot = (struct virtio_mmio){.device = devices[i]};
		rc = bus_add(mmio, MACHINE_VIRTIO_BASE + i * MACHINE_VIRTIO_LEN,
			     MACHINE_VIRTIO_LEN, devices[i]->ops->name,
			     virtio_mmio_access, slot);
		assert(!rc); /* constants, which do not overlap */
		(void)rc;
	}
}

int virtio_slots_start(struct virtio_slots *slots,
		       const struct virtio_place *place)
{
	struct virtio_place own = *place;
	int rc = 0;

	for (unsigned i = 0; !rc && i < slots->nr; i++) {
		own.irq.line = machine_virtio_gsi(i);
		rc = virtio_device_start(slots->slots[i].device, &own);
	}
	return rc;
}

void virtio_slots_ask_stop(struct virtio_slots *slots)
{
	for (unsigned i = 0; i < slots->nr; i++)
		virtio_device_ask_stop(slots->slots[i].device);
}

bool virtio_slots_stop(struct virtio_slots *slots, const struct timespec *until)
{
	bool all = true;

	virtio_slots_ask_stop(slots);
	for (unsigned i = 0; i < slots->nr; i++)
		all &= virtio_device_stop(slots->slots[i].device, until);
	return all;
}
