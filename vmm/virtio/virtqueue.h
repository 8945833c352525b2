/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A split virtqueue, the device's side (virtio 1.2, 2.7): the driver makes
 * chains of buffers available, the device uses them and gives them back.
 *
 * Every index, length and address in guest memory is hostile: each is read once
 * into a local, checked, and then used. What breaks the rules breaks the queue:
 * virtqueue_pop says how, and the queue gives nothing more until it is enabled
 * anew.
 *
 * One thread at a time.
 */
#pragma once

#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/virtio/dma.h"

#define VIRTQUEUE_SIZE_MAX 256 /* a power of two */

struct virtqueue {
	/* Set by the transport while the queue is not enabled: */
	uint16_t size;
	gpa_t desc, avail, used; /* the driver calls the latter two areas */
	bool named; /* buffers are only named, not accessed: see below */

	/* Since virtqueue_enable: */
	bool enabled, broken;
	bool event_idx, indirect; /* negotiated */
	const struct dma *dma;
	/* In guest memory. */
	const struct vring_desc *descs;
	struct vring_avail *avails;
	struct vring_used *useds;

	uint16_t next_avail; /* of the available ring, free running */
	uint16_t next_used;  /* of the used ring, the same */
	uint16_t signalled; /* next_used when an interrupt was last asked for */
	const char *error;  /* broken: by what */

	/* For statistics; virtqueue_reset leaves them. Any thread reads. */
	_Atomic uint64_t pushed, bytes;
};

/*
 * A chain of buffers: those that the device reads, then those that it writes.
 * Where the queue's buffers are only named, they are not brought and iov_base is
 * NULL.
 */
struct virtqueue_chain {
	uint16_t head; /* its name when it is given back */
	unsigned nr_out, nr_in;
	/* nr_out of them, then nr_in; none is empty. */
	struct iovec iov[VIRTQUEUE_SIZE_MAX];
	gpa_t gpa[VIRTQUEUE_SIZE_MAX]; /* of each */
	uint64_t out_len, in_len;      /* bytes */
};

/*
 * The driver has told size and places and says that the queue is ready.
 * features: negotiated (VIRTIO_RING_F_*). 0; -EINVAL, with queue->error saying
 * what is wrong with them.
 */
int virtqueue_enable(struct virtqueue *queue, const struct dma *dma,
		     uint64_t features);

/* Forgets everything but statistics; size and places, too. */
void virtqueue_reset(struct virtqueue *queue);

/*
 * Takes the next chain. 1; 0: there is none, or the queue is not enabled;
 * -EINVAL: the queue has just been broken or was already (queue->error).
 */
int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain);

/* Gives a chain back, with the number of bytes written into its in buffers, from
 * their beginning. Chains may be given back in any order. */
void virtqueue_push(struct virtqueue *queue,
		    const struct virtqueue_chain *chain, uint32_t written);

/* The same for several, by their heads and lengths: the driver sees all of them
 * at once. */
void virtqueue_push_all(struct virtqueue *queue,
			const struct vring_used_elem *elements, unsigned nr);

/* Puts back the chain popped last, as if it had not been taken. */
void virtqueue_unpop(struct virtqueue *queue);

/*
 * Asks the driver not to notify the device of new buffers, and to do so again.
 * The latter returns whether some have come meanwhile, of which it will not
 * notify.
 */
void virtqueue_disable_notify(struct virtqueue *queue);
bool virtqueue_enable_notify(struct virtqueue *queue);

/* Does the driver want an interrupt for what was pushed since the last time that
 * this was asked? */
bool virtqueue_wants_interrupt(struct virtqueue *queue);

/*
 * Copies between a chain's buffers and memory, from byte `offset` of its out or
 * in buffers on. Returns how many bytes there were, at most len.
 */
size_t virtqueue_read(const struct virtqueue_chain *chain, uint64_t offset,
		      void *bytes, size_t len);
size_t virtqueue_write(const struct virtqueue_chain *chain, uint64_t offset,
		       const void *bytes, size_t len);
