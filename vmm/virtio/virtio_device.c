/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sides meet here: vCPU threads, which write registers, and the device's
 * worker, which looks after its queues. A notification takes no lock: it sets a
 * bit and wakes the worker. All else does; it waits for the worker for as long
 * as a queue's length of requests takes.
 */
#define _GNU_SOURCE
#include "vmm/virtio/virtio_device.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/sandbox/sandbox.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))

/* What every device offers here. */
#define FEATURES_ALWAYS                                                   \
	(FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_RING_F_EVENT_IDX) | \
	 FEATURE(VIRTIO_RING_F_INDIRECT_DESC))

#define STATUS_BITS                                                \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |    \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK | \
	 VIRTIO_CONFIG_S_FAILED)

int virtio_device_init(struct virtio_device *device,
		       const struct virtio_ops *ops)
{
	*device = (struct virtio_device){.ops = ops, .poll_fd = -1};
	device->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (device->kick < 0)
		return -errno;
	pthread_mutex_init(&device->lock, NULL);
	return 0;
}

void virtio_device_fini(struct virtio_device *device)
{
	close(device->kick);
	pthread_mutex_destroy(&device->lock);
}

void virtio_device_destroy(struct virtio_device *device)
{
	if (!device)
		return;
	virtio_device_stop(device, NULL);
	device->ops->destroy(device);
}

/* Interrupts. */

/* An edge: the driver reads the status, so none is lost that comes before it
 * has. */
static void interrupt(struct virtio_device *device, uint32_t cause)
{
	atomic_fetch_or(&device->interrupt_status, cause);
	atomic_fetch_add_explicit(&device->interrupts, 1, memory_order_relaxed);
	irq_set(&device->irq, true);
	irq_set(&device->irq, false);
}

void virtio_device_signal(struct virtio_device *device, unsigned queue)
{
	if (virtqueue_wants_interrupt(&device->queues[queue]))
		interrupt(device, VIRTIO_MMIO_INT_VRING);
}

void virtio_device_config_changed(struct virtio_device *device)
{
	device->config_generation++;
	if (device->status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(device, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_device_fail(struct virtio_device *device, const char *text)
{
	char line[256];

	if (!device->complained && device->complain) {
		snprintf(line, sizeof(line), "%s: %s; the device needs a reset",
			 device->ops->name, text);
		device->complain(device->complain_ctx, line);
	}
	device->complained = true;
	if (device->broken)
		return;
	device->broken = true;
	if (device->status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(device, VIRTIO_MMIO_INT_CONFIG);
}

static void fail_queue(struct virtio_device *device, unsigned queue)
{
	char text[192];

	snprintf(text, sizeof(text), "queue %u: %s", queue,
		 device->queues[queue].error);
	virtio_device_fail(device, text);
}

/* The worker. */

static bool runs(const struct virtio_device *device)
{
	return device->status & VIRTIO_CONFIG_S_DRIVER_OK && !device->broken;
}

int virtio_device_pop(struct virtio_device *device, unsigned queue,
		      struct virtqueue_chain *chain)
{
	int rc;

	if (device->broken || device->stopping)
		return 0;
	rc = virtqueue_pop(&device->queues[queue], chain);
	if (rc < 0)
		fail_queue(device, queue);
	return rc > 0;
}

static void kick(const struct virtio_device *device)
{
	uint64_t one = 1;
	/* Cannot fail but for a full counter, which wakes as well. */
	ssize_t n = write(device->kick, &one, sizeof(one));

	(void)n;
}

/* Whoever sets the first bit wakes the worker, who takes them all. */
void virtio_device_mark(struct virtio_device *device, unsigned queue)
{
	if (!atomic_fetch_or(&device->notified, 1u << queue))
		kick(device);
}

void virtio_device_serve(struct virtio_device *device, unsigned index,
			 virtio_serve_fn serve)
{
	struct virtqueue *queue = &device->queues[index];
	struct virtqueue_chain *chain = &device->chain;
	/* Others want the lock, too. */
	unsigned left = queue->size;

	virtqueue_disable_notify(queue);
	while (left && virtio_device_pop(device, index, chain)) {
		virtqueue_push(queue, chain, serve(device, chain));
		virtio_device_signal(device, index);
		left--;
	}
	if (virtqueue_enable_notify(queue))
		virtio_device_mark(device, index);
}

void virtio_device_poll(struct virtio_device *device, int fd, short events)
{
	device->poll_fd = fd;
	device->poll_events = events;
}

static void work(struct virtio_device *device, const struct pollfd *polled)
{
	uint32_t queues = atomic_exchange(&device->notified, 0);

	if (!runs(device))
		return;
	for (unsigned i = 0; i < device->ops->nr_queues; i++)
		if (queues >> i & 1)
			device->ops->notified(device, i);
	/* Meanwhile the device may have been reset, and polls another. */
	if (polled->revents && polled->fd == device->poll_fd &&
	    device->poll_events)
		device->ops->ready(device, polled->revents);
}

static void *run(void *arg)
{
	struct virtio_device *device = arg;
	struct pollfd fds[2] = {{.fd = device->kick, .events = POLLIN}};
	uint64_t count;

	pthread_setname_np(pthread_self(), device->ops->name);
	if (!sandbox_enter_thread(device->stop))
		return NULL;
	while (!device->stopping) {
		pthread_mutex_lock(&device->lock);
		fds[1].fd = runs(device) && device->poll_events
				    ? device->poll_fd
				    : -1;
		fds[1].events = device->poll_events;
		pthread_mutex_unlock(&device->lock);
		fds[1].revents = 0;
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && read(device->kick, &count, 8) < 0)
			continue;
		pthread_mutex_lock(&device->lock);
		work(device, &fds[1]);
		pthread_mutex_unlock(&device->lock);
	}
	return NULL;
}

int virtio_device_start(struct virtio_device *device,
			const struct virtio_place *place)
{
	int rc;

	device->dma = place->dma;
	device->irq = place->irq;
	device->complain = place->complain;
	device->complain_ctx = place->complain_ctx;
	device->stop = place->stop;
	rc = -pthread_create(&device->worker, NULL, run, device);
	device->has_worker = !rc;
	return rc;
}

void virtio_device_ask_stop(struct virtio_device *device)
{
	device->stopping = true;
	kick(device);
}

bool virtio_device_stop(struct virtio_device *device,
			const struct timespec *until)
{
	if (!device->has_worker)
		return true;
	virtio_device_ask_stop(device);
	if (until ? pthread_clockjoin_np(device->worker, NULL, CLOCK_MONOTONIC,
					 until)
		  : pthread_join(device->worker, NULL))
		return false;
	device->has_worker = false;
	return true;
}

void virtio_device_stats(const struct virtio_device *device,
			 struct virtio_stats *stats)
{
	*stats = (struct virtio_stats){
		.notifications = device->notifications,
		.interrupts = device->interrupts,
		.dropped = device->dropped,
	};
	for (unsigned i = 0; i < device->ops->nr_queues; i++) {
		stats->requests += device->queues[i].pushed;
		stats->bytes += device->queues[i].bytes;
	}
}

/* The driver's side. */

uint64_t virtio_device_features(const struct virtio_device *device)
{
	return device->features | FEATURES_ALWAYS;
}

uint32_t virtio_device_status(struct virtio_device *device)
{
	uint32_t status;

	pthread_mutex_lock(&device->lock);
	status = device->status;
	if (device->broken)
		status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	pthread_mutex_unlock(&device->lock);
	return status;
}

static void reset(struct virtio_device *device)
{
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		virtqueue_reset(&device->queues[i]);
	device->status = 0;
	device->driver_features = 0;
	device->broken = false;
	device->interrupt_status = 0;
	device->notified = 0;
	if (device->ops->reset)
		device->ops->reset(device);
}

/* 3.1.1, 6.2: features that were not offered, or a driver of before 1.0. */
static bool features_fit(const struct virtio_device *device)
{
	return device->driver_features & FEATURE(VIRTIO_F_VERSION_1) &&
	       !(device->driver_features & ~virtio_device_features(device));
}

/* The queues may have buffers already (3.1.1: before DRIVER_OK they must not be
 * looked at). */
static void start_driver(struct virtio_device *device)
{
	if (device->ops->started)
		device->ops->started(device);
	for (unsigned i = 0; i < device->ops->nr_queues; i++)
		virtio_device_mark(device, i);
}

void virtio_device_set_status(struct virtio_device *device, uint32_t status)
{
	uint8_t new;

	pthread_mutex_lock(&device->lock);
	if (!status) {
		reset(device);
		pthread_mutex_unlock(&device->lock);
		return;
	}
	/* 2.1.1: the driver must not clear bits. */
	new = (uint8_t)((status & STATUS_BITS) & ~device->status);
	if (new &VIRTIO_CONFIG_S_FEATURES_OK && !features_fit(device))
		new = (uint8_t)(new & ~VIRTIO_CONFIG_S_FEATURES_OK);
	/* Nor go on without. */
	if (!((device->status | new) & VIRTIO_CONFIG_S_FEATURES_OK))
		new = (uint8_t)(new & ~VIRTIO_CONFIG_S_DRIVER_OK);
	device->status |= new;
	if (new &VIRTIO_CONFIG_S_DRIVER_OK)
		start_driver(device);
	pthread_mutex_unlock(&device->lock);
}

void virtio_device_enable_queue(struct virtio_device *device, unsigned index,
				bool enable)
{
	struct virtqueue *queue = &device->queues[index];

	queue->named = device->ops->named >> index & 1;
	if (!enable)
		virtqueue_reset(queue);
	else if (!queue->enabled &&
		 virtqueue_enable(queue, &device->dma, device->driver_features))
		fail_queue(device, index);
}

void virtio_device_notify(struct virtio_device *device, unsigned queue)
{
	atomic_fetch_add_explicit(&device->notifications, 1,
				  memory_order_relaxed);
	virtio_device_mark(device, queue);
}

/* Beyond its end the space reads as zeros. */
void virtio_device_read_config(struct virtio_device *device, uint64_t offset,
			       void *bytes, uint32_t len)
{
	memset(bytes, 0, len);
	if (offset >= device->config_len)
		return;
	if (len > device->config_len - offset)
		len = (uint32_t)(device->config_len - offset);
	pthread_mutex_lock(&device->lock);
	if (device->ops->update_config)
		device->ops->update_config(device);
	memcpy(bytes, device->config + offset, len);
	pthread_mutex_unlock(&device->lock);
}

void virtio_device_write_config(struct virtio_device *device, uint64_t offset,
				const void *bytes, uint32_t len)
{
	if (!device->ops->write_config || offset >= device->config_len ||
	    len > device->config_len - offset)
		return;
	pthread_mutex_lock(&device->lock);
	device->ops->write_config(device, (uint32_t)offset, bytes, len);
	pthread_mutex_unlock(&device->lock);
}
