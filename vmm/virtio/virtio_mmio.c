/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers are 32 bits wide and take no other access (4.2.2.2); the
 * configuration space behind them takes any.
 *
 * Left out: the legacy interface (4.2.4), shared memory (reads as none), queue
 * reset.
 */
#include "vmm/virtio/virtio_mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#define MAGIC	0x74726976u /* "virt" */
#define VERSION 2u
#define VENDOR	0x544c4146u /* "FALT" */

/* Low or high half of a feature set; there are no more than two. */
static uint32_t half(uint64_t features, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(features >> (32 * sel)) : 0;
}

static void set_half(uint64_t *value, unsigned sel, uint32_t bits)
{
	*value &= ~(UINT64_C(0xffffffff) << (32 * sel));
	*value |= (uint64_t)bits << (32 * sel);
}

/* The selected queue, or NULL. */
static struct virtqueue *selected(const struct virtio_mmio *mmio)
{
	struct virtio_device *device = mmio->device;

	return mmio->queue_sel < device->ops->nr_queues
		       ? &device->queues[mmio->queue_sel]
		       : NULL;
}

/* Those that are plain values. Lock held. */
static uint32_t read_value(const struct virtio_mmio *mmio, uint64_t offset)
{
	const struct virtio_device *device = mmio->device;
	const struct virtqueue *queue = selected(mmio);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return device->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return half(virtio_device_features(device),
			    mmio->device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return queue ? VIRTQUEUE_SIZE_MAX : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return queue && queue->enabled;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return device->config_generation;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX; /* 4.2.2: there is no such region */
	default:
		return 0;
	}
}

static uint32_t read_register(struct virtio_mmio *mmio, uint64_t offset)
{
	struct virtio_device *device = mmio->device;
	uint32_t value;

	if (offset == VIRTIO_MMIO_INTERRUPT_STATUS)
		return device->interrupt_status;
	if (offset == VIRTIO_MMIO_STATUS)
		return virtio_device_status(device);
	pthread_mutex_lock(&device->lock);
	value = read_value(mmio, offset);
	pthread_mutex_unlock(&device->lock);
	return value;
}

/* 4.2.2.2: a queue's registers are not for changing while it is ready. */
static void write_queue(struct virtqueue *queue, uint64_t offset,
			uint32_t value)
{
	if (!queue || queue->enabled)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* Too large a size stays too large. */
		queue->size = value <= UINT16_MAX ? (uint16_t)value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&queue->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH,
			 value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&queue->avail, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
			 value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&queue->used, offset == VIRTIO_MMIO_QUEUE_USED_HIGH,
			 value);
		break;
	}
}

/* Lock held. */
static void write_value(struct virtio_mmio *mmio, uint64_t offset,
			uint32_t value)
{
	struct virtio_device *device = mmio->device;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		mmio->device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		mmio->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		/* 2.2.1: not after they were agreed upon. */
		if (mmio->driver_features_sel < 2 &&
		    !(device->status & VIRTIO_CONFIG_S_FEATURES_OK))
			set_half(&device->driver_features,
				 mmio->driver_features_sel, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		mmio->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (selected(mmio))
			virtio_device_enable_queue(device, mmio->queue_sel,
						   value & 1);
		break;
	default:
		write_queue(selected(mmio), offset, value);
	}
}

static void write_register(struct virtio_mmio *mmio, uint64_t offset,
			   uint32_t value)
{
	struct virtio_device *device = mmio->device;

	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value < device->ops->nr_queues)
			virtio_device_notify(device, value);
		return;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		atomic_fetch_and(&device->interrupt_status, ~value);
		return;
	case VIRTIO_MMIO_STATUS:
		virtio_device_set_status(device, value);
		return;
	default:
		pthread_mutex_lock(&device->lock);
		write_value(mmio, offset, value);
		pthread_mutex_unlock(&device->lock);
	}
}

void virtio_mmio_access(void *ctx, uint64_t offset, void *data, unsigned len,
			enum bus_dir dir)
{
	struct virtio_mmio *mmio = ctx;
	uint32_t value;

	if (offset >= VIRTIO_MMIO_CONFIG) {
		offset -= VIRTIO_MMIO_CONFIG;
		if (dir == BUS_READ)
			virtio_device_read_config(mmio->device, offset, data,
						  len);
		else
			virtio_device_write_config(mmio->device, offset, data,
						   len);
		return;
	}
	if (len != sizeof(value) || offset % sizeof(value)) {
		if (dir == BUS_READ)
			memset(data, 0, len);
		return;
	}
	if (dir == BUS_READ) {
		value = read_register(mmio, offset);
		memcpy(data, &value, sizeof(value));
	} else {
		memcpy(&value, data, sizeof(value));
		write_register(mmio, offset, value);
	}
}
