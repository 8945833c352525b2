/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page that was given back belongs to the guest all the same: it may touch it
 * whenever it likes, and finds zeros. So nothing has to be remembered here, and
 * deflating needs no work.
 *
 * Left out: statistics (VIRTIO_BALLOON_F_STATS_VQ), hints for migration.
 */
#include "vmm/virtio/virtio_balloon.h"

#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 5.5.2 numbers five queues, of which two do not exist without their features.
 * Drivers (Linux's, Windows') close the gap: reporting's comes next. */
enum {
	QUEUE_INFLATE,
	QUEUE_DEFLATE,
	QUEUE_REPORTING,
	QUEUES
};

#define FEATURE(bit) (UINT64_C(1) << (bit))

/* Page numbers read at a time. */
#define BATCH 256

struct virtio_balloon {
	struct virtio_device device; /* first: it stands for the whole */
	struct virtio_balloon_config config;
	virtio_discard_fn discard; /* constant, as ctx */
	void *ctx;
	bool complained; /* lock held */
};

static struct virtio_balloon *balloon_of(struct virtio_device *device)
{
	return (struct virtio_balloon *)device;
}

/* The guest cannot be told; the user is, of the first. */
static void complain(struct virtio_balloon *balloon, int rc, gpa_t gpa,
		     uint64_t len)
{
	struct virtio_device *device = &balloon->device;
	char line[256];

	if (balloon->complained || !device->complain)
		return;
	balloon->complained = true;
	snprintf(line, sizeof(line),
		 "%s: the host does not take back 0x%llx-0x%llx: %s%s; that "
		 "memory stays in use, as what is refused from now on",
		 device->ops->name, (unsigned long long)gpa,
		 (unsigned long long)(gpa + len), strerror(-rc),
		 rc == -ENOMEM ? " (sysctl vm.max_map_count?)" : "");
	device->complain(device->complain_ctx, line);
}

/* Whole pages of RAM. One that the host does not take back stays what it is:
 * nothing is promised of its content. */
static void discard(struct virtio_balloon *balloon, uint64_t first,
		    uint64_t end)
{
	gpa_t gpa = first << PAGE_SHIFT;
	uint64_t len = (end - first) << PAGE_SHIFT;
	int rc;

	if (first >= end)
		return;
	rc = balloon->discard(balloon->ctx, gpa, len);
	if (rc)
		complain(balloon, rc, gpa, len);
}

/* Neighbours together: one call for a run of pages, up or down. What is no page
 * of RAM is the guest's affair; nothing then happens. */
static void discard_pages(struct virtio_balloon *balloon,
			  const uint32_t *numbers, size_t nr)
{
	const struct dma *dma = &balloon->device.dma;
	uint64_t first = 0, end = 0;

	for (size_t i = 0; i < nr; i++) {
		uint64_t n = numbers[i];

		if (!dma->is_ram(dma->ctx, n << PAGE_SHIFT, PAGE_SIZE))
			continue;
		if (n == end) {
			end++;
		} else if (n + 1 == first) {
			first--;
		} else {
			discard(balloon, first, end);
			first = n;
			end = n + 1;
		}
	}
	discard(balloon, first, end);
}

/* 5.5.6: page numbers, 32 bits each, anyhow divided among buffers. */
static uint32_t serve_inflate(struct virtio_device *device,
			      struct virtqueue_chain *chain)
{
	uint32_t numbers[BATCH];
	uint64_t offset = 0;
	size_t n;

	do {
		n = virtqueue_read(chain, offset, numbers, sizeof(numbers));
		discard_pages(balloon_of(device), numbers,
			      n / sizeof(*numbers));
		offset += n;
	} while (n == sizeof(numbers) && !device->stopping);
	return 0;
}

static uint32_t serve_deflate(struct virtio_device *device,
			      struct virtqueue_chain *chain)
{
	(void)device;
	(void)chain;
	return 0;
}

/* 5.5.6.7.2: a driver that counts on another value than zero (5.5.6.6) finds what
 * it left there. */
static bool wants_poison(const struct virtio_balloon *balloon)
{
	return balloon->device.driver_features &
		       FEATURE(VIRTIO_BALLOON_F_PAGE_POISON) &&
	       balloon->config.poison_val;
}

/* 5.5.6.7: the buffers are the free pages themselves, and the queue's buffers
 * are known to be RAM. */
static uint32_t serve_reporting(struct virtio_device *device,
				struct virtqueue_chain *chain)
{
	struct virtio_balloon *balloon = balloon_of(device);

	if (wants_poison(balloon))
		return 0;
	for (unsigned i = chain->nr_out; i < chain->nr_out + chain->nr_in; i++)
		if (!((chain->gpa[i] | chain->iov[i].iov_len) & PAGE_MASK))
			discard(balloon, chain->gpa[i] >> PAGE_SHIFT,
				(chain->gpa[i] + chain->iov[i].iov_len) >>
					PAGE_SHIFT);
	return 0;
}

static void notified(struct virtio_device *device, unsigned queue)
{
	static const virtio_serve_fn serve[QUEUES] = {
		[QUEUE_INFLATE] = serve_inflate,
		[QUEUE_DEFLATE] = serve_deflate,
		[QUEUE_REPORTING] = serve_reporting,
	};

	virtio_device_serve(device, queue, serve[queue]);
}

/* 5.5.4: how many pages the driver has given, of no use to anybody here; and
 * what it fills free pages with, until it has said DRIVER_OK. */
static void write_config(struct virtio_device *device, uint32_t offset,
			 const void *bytes, uint32_t len)
{
	struct virtio_balloon_config *config = &balloon_of(device)->config;

	if (offset == offsetof(struct virtio_balloon_config, actual) &&
	    len == sizeof(config->actual))
		memcpy(&config->actual, bytes, len);
	if (offset == offsetof(struct virtio_balloon_config, poison_val) &&
	    len == sizeof(config->poison_val) &&
	    !(device->status & VIRTIO_CONFIG_S_DRIVER_OK))
		memcpy(&config->poison_val, bytes, len);
}

/* The balloon is empty again: its pages are the next driver's. */
static void reset(struct virtio_device *device)
{
	balloon_of(device)->config.actual = 0;
	balloon_of(device)->config.poison_val = 0;
}

static void destroy(struct virtio_device *device)
{
	virtio_device_fini(device);
	free(device);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_BALLOON,
	.name = "virtio-balloon",
	.nr_queues = QUEUES,
	.named = 1u << QUEUE_REPORTING,
	.notified = notified,
	.write_config = write_config,
	.reset = reset,
	.destroy = destroy,
};

int virtio_balloon_create(struct virtio_device **out, uint32_t pages,
			  virtio_discard_fn discard_fn, void *ctx)
{
	struct virtio_balloon *balloon = calloc(1, sizeof(*balloon));
	int rc = balloon ? virtio_device_init(&balloon->device, &ops) : -ENOMEM;

	if (rc) {
		free(balloon);
		return rc;
	}
	balloon->config.num_pages = pages;
	balloon->discard = discard_fn;
	balloon->ctx = ctx;
	balloon->device.features = FEATURE(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |
				   FEATURE(VIRTIO_BALLOON_F_PAGE_POISON) |
				   FEATURE(VIRTIO_BALLOON_F_REPORTING);
	balloon->device.config = (uint8_t *)&balloon->config;
	balloon->device.config_len = sizeof(balloon->config);
	*out = &balloon->device;
	return 0;
}
