/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ring_help.h"

#include <check.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/must.h"

/* Memory. */

static bool overlaps(gpa_t a, uint64_t a_len, gpa_t b, uint64_t b_len)
{
	return b_len && a < b + b_len && b < a + a_len;
}

static char *ram(const struct ring_memory *memory, gpa_t gpa, uint64_t len)
{
	if (!len)
		ck_abort_msg("nothing at all is asked for");
	if (gpa < RING_LOW && len <= RING_LOW - gpa)
		return memory->low + gpa;
	if (gpa >= RING_HIGH && gpa - RING_HIGH < RING_HIGH_LEN &&
	    len <= RING_HIGH_LEN - (gpa - RING_HIGH))
		return memory->high + (gpa - RING_HIGH);
	return NULL;
}

static void *map(void *ctx, gpa_t gpa, uint64_t len)
{
	const struct ring_memory *memory = ctx;

	return overlaps(gpa, len, memory->bad, memory->bad_len)
		       ? NULL
		       : ram(memory, gpa, len);
}

static bool is_ram(void *ctx, gpa_t gpa, uint64_t len)
{
	return ram(ctx, gpa, len);
}

void ring_memory_init(struct ring_memory *memory)
{
	*memory = (struct ring_memory){
		.low = must_alloc(RING_LOW),
		.high = must_alloc(RING_HIGH_LEN),
		.dma = {map, is_ram, memory},
	};
	memset(memory->low, 0, RING_LOW);
	memset(memory->high, 0, RING_HIGH_LEN);
}

void ring_memory_fini(struct ring_memory *memory)
{
	free(memory->low);
	free(memory->high);
}

void *ring_at(const struct ring_memory *memory, gpa_t gpa)
{
	if (gpa >= RING_HIGH)
		return memory->high + (gpa - RING_HIGH);
	/* ck_assert tells of each success, and this is called very often. */
	if (gpa >= RING_LOW)
		ck_abort_msg("0x%llx is not RAM", (unsigned long long)gpa);
	return memory->low + gpa;
}

/* Rings. */

static gpa_t align(gpa_t gpa, uint64_t to)
{
	return (gpa + to - 1) / to * to;
}

void ring_init(struct ring *ring, const struct ring_memory *memory, gpa_t gpa,
	       uint16_t size)
{
	*ring = (struct ring){.memory = memory, .size = size, .desc = gpa};
	ring->avail = gpa + 16u * size;
	ring->used = align(ring->avail + 6 + 2u * size, 4);
	memset(ring_at(memory, gpa), 0, ring->used + 6 + 8u * size - gpa);
}

struct vring_desc *ring_desc(const struct ring *ring, unsigned i)
{
	return (struct vring_desc *)ring_at(ring->memory, ring->desc) + i;
}

struct vring_avail *ring_avail(const struct ring *ring)
{
	return ring_at(ring->memory, ring->avail);
}

struct vring_used *ring_used(const struct ring *ring)
{
	return ring_at(ring->memory, ring->used);
}

uint16_t *ring_used_event(const struct ring *ring)
{
	return &ring_avail(ring)->ring[ring->size];
}

uint16_t *ring_avail_event(const struct ring *ring)
{
	return ring_at(ring->memory, ring->used + 4 + 8u * ring->size);
}

void ring_set_desc(const struct ring *ring, unsigned i, gpa_t addr,
		   uint32_t len, uint16_t flags, uint16_t next)
{
	*ring_desc(ring, i) = (struct vring_desc){addr, len, flags, next};
}

static uint16_t flags_of(const struct ring_buffer *buffer, bool last)
{
	return (uint16_t)((buffer->direction == RING_IN ? VRING_DESC_F_WRITE
							: 0) |
			  (last ? 0 : VRING_DESC_F_NEXT));
}

uint16_t ring_chain(struct ring *ring, const struct ring_buffer *buffers,
		    unsigned nr)
{
	uint16_t head = ring->next_desc;

	for (unsigned i = 0; i < nr; i++) {
		uint16_t next = (uint16_t)((ring->next_desc + 1) % ring->size);

		ring_set_desc(ring, ring->next_desc, buffers[i].addr,
			      buffers[i].len,
			      flags_of(&buffers[i], i + 1 == nr), next);
		ring->next_desc = next;
	}
	return head;
}

uint16_t ring_chain_indirect(struct ring *ring, gpa_t gpa,
			     const struct ring_buffer *buffers, unsigned nr)
{
	struct vring_desc *table = ring_at(ring->memory, gpa);
	uint16_t head = ring->next_desc;

	for (unsigned i = 0; i < nr; i++)
		table[i] = (struct vring_desc){
			buffers[i].addr, buffers[i].len,
			flags_of(&buffers[i], i + 1 == nr), (uint16_t)(i + 1)};
	ring_set_desc(ring, head, gpa, 16 * nr, VRING_DESC_F_INDIRECT, 0);
	ring->next_desc = (uint16_t)((head + 1) % ring->size);
	return head;
}

void ring_offer(struct ring *ring, uint16_t head)
{
	struct vring_avail *avail = ring_avail(ring);

	/* The device may be reading what an earlier lap left there. */
	__atomic_store_n(&avail->ring[ring->next_avail % ring->size], head,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&avail->idx, ++ring->next_avail, __ATOMIC_SEQ_CST);
}

bool ring_take(struct ring *ring, struct vring_used_elem *element)
{
	struct vring_used *used = ring_used(ring);

	if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == ring->next_used)
		return false;
	memcpy(element, (char *)used + 4 + 8u * (ring->next_used % ring->size),
	       sizeof(*element));
	ring->next_used++;
	return true;
}

/* The driver. */

static void set_irq(void *ctx, unsigned line, bool level)
{
	struct driver *driver = ctx;

	(void)line;
	pthread_mutex_lock(&driver->lock);
	driver->interrupts += level && !driver->level;
	driver->level = level;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
}

static void complain(void *ctx, const char *text)
{
	struct driver *driver = ctx;

	pthread_mutex_lock(&driver->lock);
	driver->complaints++;
	snprintf(driver->complaint, sizeof(driver->complaint), "%s", text);
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
}

void driver_init(struct driver *driver, struct virtio_device *device)
{
	struct virtio_place place = {
		.irq = {set_irq, driver, 5},
		.complain = complain,
		.complain_ctx = driver,
	};

	*driver = (struct driver){.device = device, .mmio = {.device = device}};
	ring_memory_init(&driver->memory);
	pthread_mutex_init(&driver->lock, NULL);
	pthread_cond_init(&driver->changed, NULL);
	place.dma = driver->memory.dma;
	ck_assert_int_eq(virtio_device_start(device, &place), 0);
}

void driver_fini(struct driver *driver)
{
	virtio_device_destroy(driver->device);
	pthread_cond_destroy(&driver->changed);
	pthread_mutex_destroy(&driver->lock);
	ring_memory_fini(&driver->memory);
}

uint64_t driver_read_wide(struct driver *driver, unsigned offset, unsigned len)
{
	uint64_t value = 0;

	virtio_mmio_access(&driver->mmio, offset, &value, len, BUS_READ);
	return value;
}

void driver_write_wide(struct driver *driver, unsigned offset, uint64_t value,
		       unsigned len)
{
	virtio_mmio_access(&driver->mmio, offset, &value, len, BUS_WRITE);
}

uint32_t driver_read(struct driver *driver, unsigned reg)
{
	return (uint32_t)driver_read_wide(driver, reg, 4);
}

void driver_write(struct driver *driver, unsigned reg, uint32_t value)
{
	driver_write_wide(driver, reg, value, 4);
}

void driver_negotiate(struct driver *driver, uint64_t features)
{
	uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	features |= UINT64_C(1) << VIRTIO_F_VERSION_1;
	driver_write(driver, VIRTIO_MMIO_STATUS, 0);
	driver_write(driver, VIRTIO_MMIO_STATUS, status);
	for (unsigned i = 0; i < 2; i++) {
		driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		driver_write(driver, VIRTIO_MMIO_DRIVER_FEATURES,
			     (uint32_t)(features >> 32 * i));
	}
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	driver_write(driver, VIRTIO_MMIO_STATUS, status);
	ck_assert_uint_eq(driver_read(driver, VIRTIO_MMIO_STATUS), status);
}

void driver_set_queue(struct driver *driver, unsigned queue,
		      const struct ring *ring)
{
	driver_write(driver, VIRTIO_MMIO_QUEUE_SEL, queue);
	driver_write(driver, VIRTIO_MMIO_QUEUE_NUM, ring->size);
	driver_write(driver, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)ring->desc);
	driver_write(driver, VIRTIO_MMIO_QUEUE_DESC_HIGH,
		     (uint32_t)(ring->desc >> 32));
	driver_write(driver, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
		     (uint32_t)ring->avail);
	driver_write(driver, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
		     (uint32_t)(ring->avail >> 32));
	driver_write(driver, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)ring->used);
	driver_write(driver, VIRTIO_MMIO_QUEUE_USED_HIGH,
		     (uint32_t)(ring->used >> 32));
	driver_write(driver, VIRTIO_MMIO_QUEUE_READY, 1);
}

void driver_queue(struct driver *driver, unsigned queue, struct ring *ring,
		  uint16_t size)
{
	/* A queue of the largest size takes 6,668 bytes. */
	ring_init(ring, &driver->memory, RING_QUEUES + queue * 0x2000, size);
	driver_set_queue(driver, queue, ring);
	ck_assert_uint_eq(driver_read(driver, VIRTIO_MMIO_QUEUE_READY), 1);
}

void driver_ready(struct driver *driver)
{
	uint32_t status = driver_read(driver, VIRTIO_MMIO_STATUS) |
			  VIRTIO_CONFIG_S_DRIVER_OK;

	driver_write(driver, VIRTIO_MMIO_STATUS, status);
	ck_assert_uint_eq(driver_read(driver, VIRTIO_MMIO_STATUS), status);
}

void driver_notify(struct driver *driver, unsigned queue)
{
	driver_write(driver, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/* The used index has no event of its own: an interrupt may be unwanted. */
uint32_t driver_wait_used(struct driver *driver, struct ring *ring)
{
	struct vring_used_elem element;

	(void)driver;
	while (!ring_take(ring, &element))
		sched_yield();
	return element.len;
}

static void wait_for(struct driver *driver, const unsigned *what, unsigned nr)
{
	pthread_mutex_lock(&driver->lock);
	while (*what < nr)
		pthread_cond_wait(&driver->changed, &driver->lock);
	pthread_mutex_unlock(&driver->lock);
}

void driver_wait_interrupts(struct driver *driver, unsigned nr)
{
	wait_for(driver, &driver->interrupts, nr);
}

void driver_wait_complaints(struct driver *driver, unsigned nr)
{
	wait_for(driver, &driver->complaints, nr);
}
