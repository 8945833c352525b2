/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all virtio devices have in common (virtio 1.2, 2): status, features,
 * configuration space, virtqueues, interrupts, and a thread that does the
 * device's work.
 *
 * A device embeds struct virtio_device, fills in what is its own and supplies
 * struct virtio_ops; the transport (virtio_mmio.h) drives it from vCPU threads.
 * All ops are called with the lock held: device code sees one thread at a time.
 *
 * Whoever writes the device: virtio_rng.c is the smallest example.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/devices/irq.h"
#include "vmm/stop.h"
#include "vmm/virtio/dma.h"
#include "vmm/virtio/virtqueue.h"

#define VIRTIO_QUEUES_MAX 4

struct virtio_device;

/* A kind of device. */
struct virtio_ops {
	uint32_t id;	  /* virtio 1.2, 5: VIRTIO_ID_... */
	const char *name; /* "virtio-rng" */
	unsigned nr_queues;
	uint32_t named; /* a bit per queue whose buffers are only named */
	/* The driver has made buffers available in a queue, or is ready now. */
	void (*notified)(struct virtio_device *device, unsigned queue);
	/* Optional, as all that follow: the descriptor given to
	 * virtio_device_poll is ready. */
	void (*ready)(struct virtio_device *device, short revents);
	/* The driver has accepted device->driver_features and goes to work. */
	void (*started)(struct virtio_device *device);
	/* The configuration space is about to be read: the last occasion to
	 * bring it up to date. vCPU thread. */
	void (*update_config)(struct virtio_device *device);
	/* The driver writes [offset, offset + len) of the configuration space,
	 * which lies inside it: what may be written, and what of it, is the
	 * device's affair. vCPU thread. */
	void (*write_config)(struct virtio_device *device, uint32_t offset,
			     const void *bytes, uint32_t len);
	/* Back to the beginning: whatever was half done is dropped. vCPU
	 * thread. */
	void (*reset)(struct virtio_device *device);
	/* Frees what the device owns and itself. */
	void (*destroy)(struct virtio_device *device);
};

struct virtio_device {
	/* Set by virtio_device_init and the device, constant once started: */
	const struct virtio_ops *ops;
	uint64_t features; /* offered; the transport's own are added */
	uint8_t *config;   /* the configuration space, the device's own */
	uint32_t config_len;
	struct dma dma;
	struct irq_line irq;
	void (*complain)(void *ctx,
			 const char *text); /* see virtio_device_fail */
	void *complain_ctx;
	struct stop *stop;
	int kick; /* eventfd: something for the worker */
	pthread_t worker;
	bool has_worker;

	/* Any thread: */
	_Atomic uint32_t interrupt_status; /* 4.2.2 InterruptStatus */
	/* A bit per queue: not looked at yet. virtio_device_mark sets it, then
	 * kicks; the worker reads the kick, then takes all bits. */
	_Atomic uint32_t notified;
	_Atomic bool stopping; /* likewise: set, then kicked */
	/* For statistics; dropped is the device's to count. */
	_Atomic uint64_t notifications, interrupts, dropped;

	/* Comes before those of whatever device code calls: the interrupt
	 * chips', the console's, a page's in the pager; none of these calls a
	 * device. */
	pthread_mutex_t lock;
	/* lock held: */
	uint8_t status;		  /* 2.1; without DEVICE_NEEDS_RESET: broken */
	uint64_t driver_features; /* 2.2: accepted by the driver */
	uint32_t config_generation;
	bool broken, complained;
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
	int poll_fd; /* -1: none */
	short poll_events;
	struct virtqueue_chain
		chain; /* the worker's, for virtio_device_serve */
};

/* Where the machine puts the device. */
struct virtio_place {
	struct dma dma;
	struct irq_line irq; /* edge-triggered */
	/* A line for stderr. May be NULL. Any thread. */
	void (*complain)(void *ctx, const char *text);
	void *complain_ctx;
	/* For the worker to enter the sandbox; may be NULL where there is none. */
	struct stop *stop;
};

/* For a device's create: ops, and an empty configuration space. 0 or -errno. */
int virtio_device_init(struct virtio_device *device,
		       const struct virtio_ops *ops);
/* For a device's destroy; after virtio_device_stop. */
void virtio_device_fini(struct virtio_device *device);

/* The machine's: before the first vCPU runs; the worker starts. 0 or -errno. */
int virtio_device_start(struct virtio_device *device,
			const struct virtio_place *place);
/* The worker is to end as soon as what it is at is done; then waits for it, until
 * (CLOCK_MONOTONIC) at the latest. False: it is busy still. */
void virtio_device_ask_stop(struct virtio_device *device);
bool virtio_device_stop(struct virtio_device *device,
			const struct timespec *until);

/* What it has done so far. Any thread. */
struct virtio_stats {
	uint64_t requests, bytes; /* chains given back; bytes in them */
	uint64_t notifications, interrupts;
	uint64_t dropped; /* what came to nothing: frames */
};
void virtio_device_stats(const struct virtio_device *device,
			 struct virtio_stats *stats);

/* Stops and frees; NULL is allowed. */
void virtio_device_destroy(struct virtio_device *device);

/* For ops, in the worker. */

/* Does something with a chain and returns how many bytes were written into its
 * in buffers. */
typedef uint32_t (*virtio_serve_fn)(struct virtio_device *device,
				    struct virtqueue_chain *chain);

/* Serves the chains of a queue one by one, each given back when it is done,
 * until there are none, and interrupts as the driver wishes. */
void virtio_device_serve(struct virtio_device *device, unsigned queue,
			 virtio_serve_fn serve);

/* As virtqueue_pop, except that a broken queue counts as none, and so do all when
 * the device is to stop: 1 or 0. */
int virtio_device_pop(struct virtio_device *device, unsigned queue,
		      struct virtqueue_chain *chain);
/* After pushing: an interrupt, if the driver wishes. */
void virtio_device_signal(struct virtio_device *device, unsigned queue);

/* Polls fd for events (poll(2)) from now on and calls ready(). One at a time;
 * events 0: not now. */
void virtio_device_poll(struct virtio_device *device, int fd, short events);

/* The worker shall look at a queue: calls notified(). Any thread, no lock. */
void virtio_device_mark(struct virtio_device *device, unsigned queue);

/* The configuration space has changed: 2.5.1 the generation, and an interrupt. */
void virtio_device_config_changed(struct virtio_device *device);

/* The driver broke the rules, or the host the device: DEVICE_NEEDS_RESET (2.1.1).
 * The first one is told on stderr. */
void virtio_device_fail(struct virtio_device *device, const char *text);

/* For the transport, in vCPU threads. */

/* Offered features, with those of all devices. */
uint64_t virtio_device_features(const struct virtio_device *device);
/* Lock held. */
void virtio_device_enable_queue(struct virtio_device *device, unsigned queue,
				bool enable);
/* Without a lock. */
void virtio_device_notify(struct virtio_device *device, unsigned queue);
/* These take the lock. */
uint32_t virtio_device_status(struct virtio_device *device);
void virtio_device_set_status(struct virtio_device *device, uint32_t status);
void virtio_device_read_config(struct virtio_device *device, uint64_t offset,
			       void *bytes, uint32_t len);
void virtio_device_write_config(struct virtio_device *device, uint64_t offset,
				const void *bytes, uint32_t len);
