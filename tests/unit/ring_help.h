/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's side of a virtio device (virtio 1.2, 2.7, 3.1.1, 4.2), for tests
 * that have neither guest nor KVM: memory, split virtqueues, and a driver that
 * writes the registers of a device with its worker running.
 *
 *	struct driver d;
 *	struct ring ring;
 *
 *	driver_init(&d, device);	the device is the driver's from here on
 *	driver_negotiate(&d, 0);	up to FEATURES_OK
 *	driver_queue(&d, 0, &ring, 8);	a queue of 8
 *	driver_ready(&d);		DRIVER_OK
 *	ring_offer(&ring, RING_CHAIN(&ring, {DATA, 64, RING_IN}));
 *	driver_notify(&d, 0);
 *	len = driver_wait_used(&d, &ring);
 *	driver_fini(&d);
 */
#pragma once

#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/virtio/dma.h"
#include "vmm/virtio/virtio_device.h"
#include "vmm/virtio/virtio_mmio.h"

/*
 * RAM in two pieces, as around a device hole: [0, RING_LOW) and [RING_HIGH,
 * RING_HIGH + RING_HIGH_LEN). Each is an allocation of its own, so that a
 * sanitizer sees an access beyond it.
 */
#define RING_LOW      0x100000u
#define RING_HIGH     UINT64_C(0x100000000)
#define RING_HIGH_LEN 0x10000u

/* Where driver_queue puts rings; what lies below is the test's. */
#define RING_QUEUES 0x80000u

struct ring_memory {
	char *low, *high;
	struct dma dma;
	/* [bad, bad + bad_len) is RAM whose pages cannot be brought. */
	gpa_t bad;
	uint64_t bad_len;
};

void ring_memory_init(struct ring_memory *memory);
void ring_memory_fini(struct ring_memory *memory);

/* The host's address of RAM. */
void *ring_at(const struct ring_memory *memory, gpa_t gpa);

/* The driver's side of a queue. */
struct ring {
	const struct ring_memory *memory;
	uint16_t size;
	gpa_t desc, avail, used;
	uint16_t next_desc;  /* for RING_CHAIN */
	uint16_t next_avail; /* the available index */
	uint16_t next_used;  /* what ring_take gives next */
};

/* Lays an empty queue out from gpa on, which is a multiple of 16. */
void ring_init(struct ring *ring, const struct ring_memory *memory, gpa_t gpa,
	       uint16_t size);

struct vring_desc *ring_desc(const struct ring *ring, unsigned i);
struct vring_avail *ring_avail(const struct ring *ring);
struct vring_used *ring_used(const struct ring *ring);
/* 2.7.7.1, 2.7.8: with VIRTIO_RING_F_EVENT_IDX. */
uint16_t *ring_used_event(const struct ring *ring);
uint16_t *ring_avail_event(const struct ring *ring);

/* Writes one descriptor. flags: VRING_DESC_F_... */
void ring_set_desc(const struct ring *ring, unsigned i, gpa_t addr,
		   uint32_t len, uint16_t flags, uint16_t next);

enum ring_direction {
	RING_OUT, /* the device reads */
	RING_IN	  /* the device writes */
};

struct ring_buffer {
	gpa_t addr;
	uint32_t len;
	enum ring_direction direction;
};

/* Makes a chain of the next nr descriptors, around the table's end; its head. */
uint16_t ring_chain(struct ring *ring, const struct ring_buffer *buffers,
		    unsigned nr);
#define RING_CHAIN(ring, ...)                                          \
	ring_chain(ring, (const struct ring_buffer[]){__VA_ARGS__},    \
		   sizeof((const struct ring_buffer[]){__VA_ARGS__}) / \
			   sizeof(struct ring_buffer))

/* The same in an indirect table at gpa (2.7.5.3). */
uint16_t ring_chain_indirect(struct ring *ring, gpa_t gpa,
			     const struct ring_buffer *buffers, unsigned nr);

/* Makes a chain available. */
void ring_offer(struct ring *ring, uint16_t head);

/* Takes the next chain that was given back; false: there is none. */
bool ring_take(struct ring *ring, struct vring_used_elem *element);

/* A driver. */
struct driver {
	struct ring_memory memory;
	struct virtio_device *device;
	struct virtio_mmio mmio;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* lock held: */
	bool level;
	unsigned interrupts, complaints;
	char complaint[256];
};

/* The device's worker starts. */
void driver_init(struct driver *driver, struct virtio_device *device);
/* Stops and destroys the device, too. */
void driver_fini(struct driver *driver);

/* Registers (VIRTIO_MMIO_...). */
uint32_t driver_read(struct driver *driver, unsigned reg);
void driver_write(struct driver *driver, unsigned reg, uint32_t value);
/* Of any width, anywhere in the page. */
uint64_t driver_read_wide(struct driver *driver, unsigned offset, unsigned len);
void driver_write_wide(struct driver *driver, unsigned offset, uint64_t value,
		       unsigned len);

/* 3.1.1: reset, ACKNOWLEDGE, DRIVER, these features with VERSION_1,
 * FEATURES_OK. */
void driver_negotiate(struct driver *driver, uint64_t features);
void driver_queue(struct driver *driver, unsigned queue, struct ring *ring,
		  uint16_t size);
/* Tells the device of a queue wherever it is. */
void driver_set_queue(struct driver *driver, unsigned queue,
		      const struct ring *ring);
void driver_ready(struct driver *driver);
void driver_notify(struct driver *driver, unsigned queue);

/* Waits until a chain comes back; how many bytes were written into it. */
uint32_t driver_wait_used(struct driver *driver, struct ring *ring);
/* Waits until there have been nr interrupts, or complaints. */
void driver_wait_interrupts(struct driver *driver, unsigned nr);
void driver_wait_complaints(struct driver *driver, unsigned nr);
