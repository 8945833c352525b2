/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that reads the terminal must not wait for the worker, who may be
 * waiting for the terminal's reader: between the two is a buffer with a lock of
 * its own.
 *
 * Left out: several ports (VIRTIO_CONSOLE_F_MULTIPORT).
 */
#include "vmm/virtio/virtio_console.h"

#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_INPUT  0 /* 5.3.2: receiveq, transmitq of port 0 */
#define INPUT_SIZE   1024
#define OUTPUT_PIECE 4096

struct virtio_console {
	struct virtio_device device; /* first: it stands for the whole */
	struct virtio_console_config config;
	struct virtio_console_host host; /* constant */

	pthread_mutex_t input_lock;
	/* input_lock held: */
	uint8_t input[INPUT_SIZE];
	size_t input_len;
	uint16_t cols, rows;
};

static struct virtio_console *console_of(struct virtio_device *device)
{
	return (struct virtio_console *)device;
}

/* Output. */

/* In pieces: nobody who wants to stop waits for all of a large buffer. */
static uint32_t serve_output(struct virtio_device *device,
			     struct virtqueue_chain *chain)
{
	const struct virtio_console *console = console_of(device);
	uint8_t bytes[OUTPUT_PIECE];
	uint64_t offset = 0;
	size_t n;

	do {
		n = virtqueue_read(chain, offset, bytes, sizeof(bytes));
		if (n)
			console->host.put(console->host.ctx, bytes, n);
		offset += n;
	} while (n == sizeof(bytes) && !device->stopping);
	return 0;
}

/* Input. */

/* Takes up to len bytes; the main thread, which holds the lock for moments
 * only, never waits for guest memory. */
static size_t take_input(struct virtio_console *console, uint8_t *bytes,
			 uint64_t len)
{
	size_t n;

	pthread_mutex_lock(&console->input_lock);
	n = len < console->input_len ? (size_t)len : console->input_len;
	memcpy(bytes, console->input, n);
	console->input_len -= n;
	memmove(console->input, console->input + n, console->input_len);
	pthread_mutex_unlock(&console->input_lock);
	return n;
}

static bool has_input(struct virtio_console *console)
{
	bool has;

	pthread_mutex_lock(&console->input_lock);
	has = console->input_len;
	pthread_mutex_unlock(&console->input_lock);
	return has;
}

static void give_input(struct virtio_console *console)
{
	struct virtio_device *device = &console->device;
	struct virtqueue_chain *chain = &device->chain;
	struct virtqueue *queue = &device->queues[QUEUE_INPUT];
	uint8_t bytes[INPUT_SIZE];
	bool given = false;

	while (has_input(console) &&
	       virtio_device_pop(device, QUEUE_INPUT, chain)) {
		size_t n = take_input(console, bytes, chain->in_len);

		virtqueue_write(chain, 0, bytes, n);
		virtqueue_push(queue, chain, (uint32_t)n);
		given = true;
	}
	/* New buffers matter only while there is something to put in. */
	if (has_input(console) && virtqueue_enable_notify(queue))
		virtio_device_mark(device, QUEUE_INPUT);
	if (!given)
		return;
	virtio_device_signal(device, QUEUE_INPUT);
	console->host.room(console->host.ctx);
}

/* 5.3.4: the size is in the configuration space. Lock held: a driver that is not
 * running yet reads it, too, and the thread that knows it must not wait for the
 * lock. */
static void update_size(struct virtio_device *device)
{
	struct virtio_console *console = console_of(device);
	struct virtio_console_config *config = &console->config;
	uint16_t cols, rows;

	pthread_mutex_lock(&console->input_lock);
	cols = console->cols;
	rows = console->rows;
	pthread_mutex_unlock(&console->input_lock);
	if (cols == config->cols && rows == config->rows)
		return;
	config->cols = cols;
	config->rows = rows;
	virtio_device_config_changed(device);
}

/* Linux looks at the size only when it is told of a change. */
static void started(struct virtio_device *device)
{
	update_size(device);
	if (console_of(device)->config.cols)
		virtio_device_config_changed(device);
}

static void notified(struct virtio_device *device, unsigned queue)
{
	if (queue != QUEUE_INPUT) {
		virtio_device_serve(device, queue, serve_output);
		return;
	}
	update_size(device);
	give_input(console_of(device));
}

size_t virtio_console_input(struct virtio_device *device, const uint8_t *bytes,
			    size_t len)
{
	struct virtio_console *console = console_of(device);
	size_t room;

	pthread_mutex_lock(&console->input_lock);
	room = INPUT_SIZE - console->input_len;
	if (len > room)
		len = room;
	memcpy(console->input + console->input_len, bytes, len);
	console->input_len += len;
	pthread_mutex_unlock(&console->input_lock);
	if (len)
		virtio_device_mark(device, QUEUE_INPUT);
	return len;
}

void virtio_console_resize(struct virtio_device *device, uint16_t cols,
			   uint16_t rows)
{
	struct virtio_console *console = console_of(device);

	pthread_mutex_lock(&console->input_lock);
	console->cols = cols;
	console->rows = rows;
	pthread_mutex_unlock(&console->input_lock);
	virtio_device_mark(device, QUEUE_INPUT);
}

/* 5.3.4: a character before there are queues. */
static void write_config(struct virtio_device *device, uint32_t offset,
			 const void *bytes, uint32_t len)
{
	const struct virtio_console *console = console_of(device);

	(void)len;
	if (offset == offsetof(struct virtio_console_config, emerg_wr))
		console->host.put(console->host.ctx, bytes, 1);
}

static void destroy(struct virtio_device *device)
{
	struct virtio_console *console = console_of(device);

	virtio_device_fini(device);
	pthread_mutex_destroy(&console->input_lock);
	free(console);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_CONSOLE,
	.name = "virtio-console",
	.nr_queues = 2,
	.notified = notified,
	.started = started,
	.update_config = update_size,
	.write_config = write_config,
	.destroy = destroy,
};

int virtio_console_create(struct virtio_device **out,
			  const struct virtio_console_host *host)
{
	struct virtio_console *console = calloc(1, sizeof(*console));
	int rc = console ? virtio_device_init(&console->device, &ops) : -ENOMEM;

	if (rc) {
		free(console);
		return rc;
	}
	console->host = *host;
	console->device.features = UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE |
				   UINT64_C(1) << VIRTIO_CONSOLE_F_EMERG_WRITE;
	console->device.config = (uint8_t *)&console->config;
	console->device.config_len = sizeof(console->config);
	pthread_mutex_init(&console->input_lock, NULL);
	*out = &console->device;
	return 0;
}
