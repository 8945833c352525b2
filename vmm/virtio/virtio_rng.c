/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/virtio/virtio_rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/random.h>

/* Most to give per request; the driver asks again. Of a request up to 256 bytes
 * getrandom(2) gives all. */
#define CHUNK 256

static uint32_t serve(struct virtio_device *device,
		      struct virtqueue_chain *chain)
{
	uint8_t bytes[CHUNK];
	ssize_t n = getrandom(bytes, sizeof(bytes), 0);

	(void)device;
	return n > 0 ? (uint32_t)virtqueue_write(chain, 0, bytes, (size_t)n)
		     : 0;
}

static void notified(struct virtio_device *device, unsigned queue)
{
	virtio_device_serve(device, queue, serve);
}

static void destroy(struct virtio_device *device)
{
	virtio_device_fini(device);
	free(device);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_RNG,
	.name = "virtio-rng",
	.nr_queues = 1,
	.notified = notified,
	.destroy = destroy,
};

int virtio_rng_create(struct virtio_device **out)
{
	struct virtio_device *device = malloc(sizeof(*device));
	int rc = device ? virtio_device_init(device, &ops) : -ENOMEM;

	if (rc)
		free(device);
	else
		*out = device;
	return rc;
}
