/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/echo_device.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct echo *echo_of(struct virtio_device *device)
{
	return (struct echo *)device;
}

static uint32_t serve(struct virtio_device *device,
		      struct virtqueue_chain *chain)
{
	uint8_t bytes[64];
	uint64_t at = 0;
	size_t n;

	echo_of(device)->requests++;
	if (echo_of(device)->wait_fd &&
	    read(echo_of(device)->wait_fd, bytes, 1) < 1)
		abort();
	if (virtqueue_read(chain, 0, bytes, 1) && bytes[0] == ECHO_FAIL) {
		virtio_device_fail(device, "as it was told to");
		return 0;
	}
	do {
		n = virtqueue_read(chain, at, bytes, sizeof(bytes));
		n = virtqueue_write(chain, at, bytes, n);
		at += n;
	} while (n);
	return (uint32_t)at;
}

static void notified(struct virtio_device *device, unsigned queue)
{
	virtio_device_serve(device, queue, serve);
}

static void ready(struct virtio_device *device, short revents)
{
	(void)revents;
	echo_of(device)->ready++;
	virtio_device_poll(device, -1, 0);
	virtio_device_config_changed(device);
}

static void started(struct virtio_device *device)
{
	echo_of(device)->started++;
}

static void write_config(struct virtio_device *device, uint32_t offset,
			 const void *bytes, uint32_t len)
{
	echo_of(device)->writes++;
	if (offset >= ECHO_WRITE)
		memcpy(device->config + offset, bytes, len);
}

static void reset(struct virtio_device *device)
{
	echo_of(device)->resets++;
	virtio_device_poll(device, -1, 0);
}

static void destroy(struct virtio_device *device)
{
	virtio_device_fini(device);
	free(device);
}

static const struct virtio_ops ops = {
	.id = 42,
	.name = "virtio-echo",
	.nr_queues = ECHO_QUEUES,
	.notified = notified,
	.ready = ready,
	.started = started,
	.write_config = write_config,
	.reset = reset,
	.destroy = destroy,
};

struct echo *echo_create(void)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	if (!echo || virtio_device_init(&echo->device, &ops))
		abort();
	for (unsigned i = 0; i < ECHO_CONFIG; i++)
		echo->config[i] = (uint8_t)(i + 1);
	echo->device.features = UINT64_C(1) << ECHO_FEATURE;
	echo->device.config = echo->config;
	echo->device.config_len = ECHO_CONFIG;
	return echo;
}

void echo_poll(struct echo *echo, int fd)
{
	virtio_device_poll(&echo->device, fd, POLLIN);
}
