/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver writes the descriptor table and the available ring, the device the
 * used ring (virtio 1.2, 2.7.5, 2.7.6, 2.7.8). Both sides run at once: an index
 * is stored with release after what it covers, and loaded with acquire before.
 *
 * Left out: packed queues; the order of use (VIRTIO_F_IN_ORDER).
 */
#include "vmm/virtio/virtqueue.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <string.h>

/* 2.7.5: which bounds the work that a chain can make. */
#define CHAIN_BYTES_MAX (UINT64_C(1) << 32)

/* Indices and flags that the other side reads or writes meanwhile. */
static uint16_t load16(const volatile void *at)
{
	return __atomic_load_n((const volatile uint16_t *)at, __ATOMIC_ACQUIRE);
}

static void store16(volatile void *at, uint16_t value)
{
	__atomic_store_n((volatile uint16_t *)at, value, __ATOMIC_RELEASE);
}

/* Behind the rings' last elements (2.7.7, 2.7.8): the indices of which each side
 * wants to hear. */
static volatile void *used_event(const struct virtqueue *queue)
{
	return &queue->avails->ring[queue->size];
}

static volatile void *avail_event(const struct virtqueue *queue)
{
	return &queue->useds->ring[queue->size];
}

static int break_queue(struct virtqueue *queue, const char *error)
{
	queue->broken = true;
	queue->error = error;
	return -EINVAL;
}

/* One of the three areas. */
static void *map_area(struct virtqueue *queue, gpa_t gpa, uint64_t len,
		      uint64_t align)
{
	return gpa % align ? NULL : dma_map(queue->dma, gpa, len);
}

/* 2.7: the areas' alignments and sizes. */
int virtqueue_enable(struct virtqueue *queue, const struct dma *dma,
		     uint64_t features)
{
	uint64_t n = queue->size;

	queue->broken = false;
	queue->dma = dma;
	queue->event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1;
	queue->indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1;
	if (!n || n > VIRTQUEUE_SIZE_MAX || n & (n - 1))
		return break_queue(queue, "its size is no power of two, or "
					  "more than the device's");
	queue->descs = map_area(queue, queue->desc, 16 * n, 16);
	queue->avails = map_area(queue, queue->avail, 6 + 2 * n, 2);
	queue->useds = map_area(queue, queue->used, 6 + 8 * n, 4);
	if (!queue->descs)
		return break_queue(queue, "its descriptor table is not "
					  "aligned, or not in RAM");
	if (!queue->avails)
		return break_queue(queue, "its available ring is not aligned, "
					  "or not in RAM");
	if (!queue->useds)
		return break_queue(queue, "its used ring is not aligned, or "
					  "not in RAM");
	queue->enabled = true;
	return 0;
}

void virtqueue_reset(struct virtqueue *queue)
{
	*queue = (struct virtqueue){
		.pushed = queue->pushed,
		.bytes = queue->bytes,
	};
}

/* Taking chains. */

static int add_buffer(struct virtqueue *queue, struct virtqueue_chain *chain,
		      const struct vring_desc *desc)
{
	bool in = desc->flags & VRING_DESC_F_WRITE;
	unsigned nr = chain->nr_out + chain->nr_in;
	const struct dma *dma = queue->dma;
	void *hva = NULL;

	if (!in && chain->nr_in)
		return break_queue(queue, "a buffer to read comes after one to "
					  "write");
	if (!desc->len)
		return 0;
	if (chain->out_len + chain->in_len + desc->len > CHAIN_BYTES_MAX)
		return break_queue(queue, "a chain of more than 4 GiB");
	if (!queue->named)
		hva = dma_map(dma, desc->addr, desc->len);
	if (!hva &&
	    !(queue->named && dma->is_ram(dma->ctx, desc->addr, desc->len)))
		return break_queue(queue, "a buffer is not in RAM");
	chain->gpa[nr] = desc->addr;
	chain->iov[nr] = (struct iovec){hva, desc->len};
	if (in) {
		chain->nr_in++;
		chain->in_len += desc->len;
	} else {
		chain->nr_out++;
		chain->out_len += desc->len;
	}
	return 0;
}

/* Where descriptors come from: the queue's own table, or an indirect one, which
 * may lie at any address. */
struct table {
	const char *bytes;
	unsigned nr;
	bool indirect;
};

static struct vring_desc read_desc(const struct table *table, unsigned i)
{
	struct vring_desc desc;

	/* Once: the driver may be changing it. */
	memcpy(&desc, table->bytes + i * sizeof(desc), sizeof(desc));
	atomic_signal_fence(memory_order_seq_cst);
	return desc;
}

/* 2.7.5.3: a table of its own, of the whole chain's rest. */
static int enter_indirect(struct virtqueue *queue,
			  const struct vring_desc *desc, struct table *table)
{
	uint32_t nr = desc->len / sizeof(*desc);

	if (!queue->indirect)
		return break_queue(queue, "an indirect table, which was not "
					  "negotiated");
	if (table->indirect)
		return break_queue(queue, "an indirect table in another");
	if (desc->flags & VRING_DESC_F_NEXT)
		return break_queue(queue, "a descriptor both indirect and with "
					  "a next one");
	if (!nr || desc->len % sizeof(*desc) || nr > UINT16_MAX)
		return break_queue(queue, "an indirect table of bad length");
	table->indirect = true;
	table->nr = nr;
	table->bytes = dma_map(queue->dma, desc->addr, desc->len);
	if (!table->bytes)
		return break_queue(queue, "an indirect table is not in RAM");
	return 0;
}

/* The next descriptor that names a buffer. */
static int next_desc(struct virtqueue *queue, struct table *table,
		     unsigned next, struct vring_desc *desc)
{
	int rc;

	for (;;) {
		if (next >= table->nr)
			return break_queue(queue, "a descriptor's number lies "
						  "outside its table");
		*desc = read_desc(table, next);
		if (!(desc->flags & VRING_DESC_F_INDIRECT))
			return 0;
		rc = enter_indirect(queue, desc, table);
		if (rc)
			return rc;
		next = 0;
	}
}

static int read_chain(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	struct table table = {(const char *)queue->descs, queue->size, false};
	unsigned next = chain->head;

	/* The longest chain allowed; a longer one goes round in circles. */
	for (unsigned n = 0; n < VIRTQUEUE_SIZE_MAX; n++) {
		struct vring_desc desc;
		int rc = next_desc(queue, &table, next, &desc);

		if (!rc)
			rc = add_buffer(queue, chain, &desc);
		if (rc || !(desc.flags & VRING_DESC_F_NEXT))
			return rc;
		next = desc.next;
	}
	return break_queue(queue, "a chain that is too long, or a circle");
}

int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	uint16_t available;
	int rc;

	if (queue->broken)
		return -EINVAL;
	if (!queue->enabled)
		return 0;
	/* Acquire: pairs with the driver's barrier between ring and index. */
	available = load16(&queue->avails->idx);
	if (available == queue->next_avail)
		return 0;
	if ((uint16_t)(available - queue->next_avail) > queue->size)
		return break_queue(queue, "the available index has moved by "
					  "more than the queue's size");
	chain->head = load16(
		&queue->avails->ring[queue->next_avail & (queue->size - 1)]);
	chain->nr_out = chain->nr_in = 0;
	chain->out_len = chain->in_len = 0;
	rc = read_chain(queue, chain);
	if (rc)
		return rc;
	queue->next_avail++;
	return 1;
}

void virtqueue_unpop(struct virtqueue *queue)
{
	queue->next_avail--;
}

void virtqueue_push_all(struct virtqueue *queue,
			const struct vring_used_elem *elements, unsigned nr)
{
	uint64_t bytes = 0;

	if (!queue->enabled)
		return;
	for (unsigned i = 0; i < nr; i++, queue->next_used++) {
		unsigned at = queue->next_used & (queue->size - 1);

		memcpy(&queue->useds->ring[at], &elements[i],
		       sizeof(*elements));
		bytes += elements[i].len;
	}
	atomic_fetch_add_explicit(&queue->pushed, nr, memory_order_relaxed);
	atomic_fetch_add_explicit(&queue->bytes, bytes, memory_order_relaxed);
	/* Release: the driver reads the elements after the index. */
	store16(&queue->useds->idx, queue->next_used);
}

void virtqueue_push(struct virtqueue *queue,
		    const struct virtqueue_chain *chain, uint32_t written)
{
	struct vring_used_elem element = {chain->head, written};

	if (queue->enabled)
		atomic_fetch_add_explicit(&queue->bytes, chain->out_len,
					  memory_order_relaxed);
	virtqueue_push_all(queue, &element, 1);
}

/* Notifications, in both directions (2.7.7, 2.7.10). */

void virtqueue_disable_notify(struct virtqueue *queue)
{
	/* With event indices, one that is not moved on asks for nothing. */
	if (queue->enabled && !queue->event_idx)
		store16(&queue->useds->flags, VRING_USED_F_NO_NOTIFY);
}

bool virtqueue_enable_notify(struct virtqueue *queue)
{
	if (!queue->enabled || queue->broken)
		return false;
	if (queue->event_idx)
		store16(avail_event(queue), queue->next_avail);
	else
		store16(&queue->useds->flags, 0);
	/* What was asked for is seen before the index is looked at: the driver
	 * does both in the other order. */
	atomic_thread_fence(memory_order_seq_cst);
	return load16(&queue->avails->idx) != queue->next_avail;
}

bool virtqueue_wants_interrupt(struct virtqueue *queue)
{
	uint16_t old = queue->signalled;

	if (!queue->enabled || old == queue->next_used)
		return false;
	queue->signalled = queue->next_used;
	/* The used index is seen before the driver's wish is looked at. */
	atomic_thread_fence(memory_order_seq_cst);
	if (queue->event_idx)
		return vring_need_event(load16(used_event(queue)),
					queue->next_used, old);
	return !(load16(&queue->avails->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

/* Bytes. */

static size_t copy(const struct iovec *iov, unsigned nr, uint64_t offset,
		   char *bytes, size_t len, bool to_guest)
{
	size_t done = 0;

	for (unsigned i = 0; i < nr && done < len; i++) {
		size_t n;

		if (offset >= iov[i].iov_len) {
			offset -= iov[i].iov_len;
			continue;
		}
		n = iov[i].iov_len - offset;
		if (n > len - done)
			n = len - done;
		if (to_guest)
			memcpy((char *)iov[i].iov_base + offset, bytes + done,
			       n);
		else
			memcpy(bytes + done, (char *)iov[i].iov_base + offset,
			       n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t virtqueue_read(const struct virtqueue_chain *chain, uint64_t offset,
		      void *bytes, size_t len)
{
	return copy(chain->iov, chain->nr_out, offset, bytes, len, false);
}

size_t virtqueue_write(const struct virtqueue_chain *chain, uint64_t offset,
		       const void *bytes, size_t len)
{
	/* Only read from. */
	return copy(chain->iov + chain->nr_out, chain->nr_in, offset,
		    (char *)(uintptr_t)bytes, len, true);
}
