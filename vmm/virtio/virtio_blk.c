/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request is a header, data in one direction, and a byte of status, the last
 * one that the device may write (5.2.6). How they are cut into buffers is the
 * driver's choice (2.7.4.2).
 *
 * Left out: several queues, secure erase, zones, lifetime, the legacy commands.
 */
#include "vmm/virtio/virtio_blk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEATURE(bit) (UINT64_C(1) << (bit))

#define FEATURES                                                          \
	(FEATURE(VIRTIO_BLK_F_SEG_MAX) | FEATURE(VIRTIO_BLK_F_BLK_SIZE) | \
	 FEATURE(VIRTIO_BLK_F_TOPOLOGY) | FEATURE(VIRTIO_BLK_F_FLUSH) |   \
	 FEATURE(VIRTIO_BLK_F_CONFIG_WCE))
#define FEATURES_WRITABLE \
	(FEATURE(VIRTIO_BLK_F_DISCARD) | FEATURE(VIRTIO_BLK_F_WRITE_ZEROES))

/* A page of the host's cache is what is read and written at least. */
#define PAGE_EXP     3
#define PAGE_SECTORS (1u << PAGE_EXP)

#define HEADER_LEN sizeof(struct virtio_blk_outhdr)

struct blk {
	struct virtio_device device; /* first: ops get its address */
	struct disk disk;
	struct virtio_blk_config config; /* wce: lock held */
	/* lock held: */
	bool complained;
	struct iovec iov[VIRTQUEUE_SIZE_MAX]; /* a request's data */
};

static struct blk *blk_of(struct virtio_device *device)
{
	return (struct blk *)device;
}

static bool negotiated(const struct blk *blk, unsigned feature)
{
	return blk->device.driver_features >> feature & 1;
}

/* What the host says to a request; its first refusal is told on stderr. */
static uint8_t status_of(struct blk *blk, int rc, const char *what,
			 uint64_t sector)
{
	char line[512];

	if (!rc)
		return VIRTIO_BLK_S_OK;
	if (blk->complained || !blk->device.complain)
		return VIRTIO_BLK_S_IOERR;
	blk->complained = true;
	snprintf(line, sizeof(line),
		 "--disk %.200s: %s at byte %llu: %s; the guest gets an I/O "
		 "error, here and whenever it happens again",
		 blk->disk.path, what, (unsigned long long)sector * DISK_SECTOR,
		 rc == -ENODATA ? "the file is shorter than it was"
				: strerror(-rc));
	blk->device.complain(blk->device.complain_ctx, line);
	return VIRTIO_BLK_S_IOERR;
}

/* 5.2.6.2: when a write is safe, once it is completed. */
static bool writes_through(const struct blk *blk)
{
	if (negotiated(blk, VIRTIO_BLK_F_CONFIG_WCE))
		return !blk->config.wce;
	return !negotiated(blk, VIRTIO_BLK_F_FLUSH);
}

static uint8_t wrote(struct blk *blk, int rc, const char *what, uint64_t sector)
{
	if (!rc && writes_through(blk))
		rc = disk_flush(&blk->disk);
	return status_of(blk, rc, what, sector);
}

static bool is_on_disk(const struct blk *blk, uint64_t sector, uint64_t nr)
{
	return sector <= blk->config.capacity &&
	       nr <= blk->config.capacity - sector;
}

/* [skip, skip + len) of the buffers. */
static unsigned slice(struct iovec *to, const struct iovec *from, unsigned nr,
		      uint64_t skip, uint64_t len)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nr && len; i++) {
		struct iovec iov = from[i];

		if (skip >= iov.iov_len) {
			skip -= iov.iov_len;
			continue;
		}
		iov.iov_base = (char *)iov.iov_base + skip;
		iov.iov_len -= skip;
		if (iov.iov_len > len)
			iov.iov_len = len;
		skip = 0;
		len -= iov.iov_len;
		to[n++] = iov;
	}
	return n;
}

static uint8_t do_read(struct blk *blk, const struct virtqueue_chain *chain,
		       uint64_t sector)
{
	uint64_t len = chain->in_len - 1;
	unsigned nr;

	if (len % DISK_SECTOR || !is_on_disk(blk, sector, len / DISK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	nr = slice(blk->iov, chain->iov + chain->nr_out, chain->nr_in, 0, len);
	return status_of(
		blk, disk_read(&blk->disk, sector * DISK_SECTOR, blk->iov, nr),
		"reading", sector);
}

static uint8_t do_write(struct blk *blk, const struct virtqueue_chain *chain,
			uint64_t sector)
{
	uint64_t len = chain->out_len - HEADER_LEN;
	unsigned nr;

	if (blk->disk.read_only || len % DISK_SECTOR ||
	    !is_on_disk(blk, sector, len / DISK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	nr = slice(blk->iov, chain->iov, chain->nr_out, HEADER_LEN, len);
	return wrote(blk,
		     disk_write(&blk->disk, sector * DISK_SECTOR, blk->iov, nr),
		     "writing", sector);
}

static uint8_t do_flush(struct blk *blk)
{
	if (blk->disk.read_only)
		return VIRTIO_BLK_S_OK;
	return status_of(blk, disk_flush(&blk->disk), "flushing", 0);
}

/* A string of 20 bytes, padded with zeros (5.2.6). */
static uint8_t do_get_id(struct blk *blk, const struct virtqueue_chain *chain)
{
	uint64_t len = chain->in_len - 1;

	if (len > VIRTIO_BLK_ID_BYTES)
		len = VIRTIO_BLK_ID_BYTES;
	virtqueue_write(chain, 0, blk->disk.serial, len);
	return VIRTIO_BLK_S_OK;
}

/* 5.2.6.2 has its words on flags before those on ranges. */
static uint8_t
discard_range(struct blk *blk,
	      const struct virtio_blk_discard_write_zeroes *range)
{
	if (range->flags)
		return VIRTIO_BLK_S_UNSUPP;
	if (range->num_sectors > VIRTIO_BLK_SECTORS_MAX ||
	    !is_on_disk(blk, range->sector, range->num_sectors))
		return VIRTIO_BLK_S_IOERR;
	return wrote(blk,
		     disk_discard(&blk->disk, range->sector * DISK_SECTOR,
				  (uint64_t)range->num_sectors * DISK_SECTOR),
		     "discarding", range->sector);
}

static uint8_t zero_range(struct blk *blk,
			  const struct virtio_blk_discard_write_zeroes *range)
{
	bool unmap = range->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

	if (range->flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP)
		return VIRTIO_BLK_S_UNSUPP;
	if (range->num_sectors > VIRTIO_BLK_SECTORS_MAX ||
	    !is_on_disk(blk, range->sector, range->num_sectors))
		return VIRTIO_BLK_S_IOERR;
	return wrote(blk,
		     disk_zero(&blk->disk, range->sector * DISK_SECTOR,
			       (uint64_t)range->num_sectors * DISK_SECTOR,
			       unmap),
		     "writing zeros", range->sector);
}

/* Discard and write zeroes: an array of ranges. */
static uint8_t
do_ranges(struct blk *blk, const struct virtqueue_chain *chain,
	  unsigned feature, unsigned max,
	  uint8_t (*one)(struct blk *blk,
			 const struct virtio_blk_discard_write_zeroes *range))
{
	struct virtio_blk_discard_write_zeroes range;
	uint64_t len = chain->out_len - HEADER_LEN;
	uint8_t status = VIRTIO_BLK_S_OK;

	if (blk->disk.read_only)
		return VIRTIO_BLK_S_IOERR;
	if (!negotiated(blk, feature))
		return VIRTIO_BLK_S_UNSUPP;
	if (!len || len % sizeof(range) || len / sizeof(range) > max)
		return VIRTIO_BLK_S_IOERR;
	for (uint64_t at = 0; !status && at < len; at += sizeof(range)) {
		virtqueue_read(chain, HEADER_LEN + at, &range, sizeof(range));
		status = one(blk, &range);
	}
	return status;
}

static uint8_t execute(struct blk *blk, const struct virtqueue_chain *chain,
		       const struct virtio_blk_outhdr *header)
{
	switch (header->type) {
	case VIRTIO_BLK_T_IN:
		return do_read(blk, chain, header->sector);
	case VIRTIO_BLK_T_OUT:
		return do_write(blk, chain, header->sector);
	case VIRTIO_BLK_T_FLUSH:
		return do_flush(blk);
	case VIRTIO_BLK_T_GET_ID:
		return do_get_id(blk, chain);
	case VIRTIO_BLK_T_DISCARD:
		return do_ranges(blk, chain, VIRTIO_BLK_F_DISCARD,
				 VIRTIO_BLK_DISCARD_SEGS, discard_range);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return do_ranges(blk, chain, VIRTIO_BLK_F_WRITE_ZEROES,
				 VIRTIO_BLK_ZERO_SEGS, zero_range);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static uint32_t serve(struct virtio_device *device,
		      struct virtqueue_chain *chain)
{
	struct virtio_blk_outhdr header;
	uint8_t status;

	if (!chain->in_len) {
		virtio_device_fail(device, "a request without room for its "
					   "status");
		return 0;
	}
	if (virtqueue_read(chain, 0, &header, HEADER_LEN) < HEADER_LEN) {
		virtio_device_fail(device, "a request without a whole header");
		return 0;
	}
	status = execute(blk_of(device), chain, &header);
	virtqueue_write(chain, chain->in_len - 1, &status, 1);
	return chain->in_len < UINT32_MAX ? (uint32_t)chain->in_len
					  : UINT32_MAX;
}

static void notified(struct virtio_device *device, unsigned queue)
{
	virtio_device_serve(device, queue, serve);
}

/* Of the configuration space the driver may write the cache's mode alone. */
static void write_config(struct virtio_device *device, uint32_t offset,
			 const void *bytes, uint32_t len)
{
	const uint32_t wce = offsetof(struct virtio_blk_config, wce);
	struct blk *blk = blk_of(device);

	if (negotiated(blk, VIRTIO_BLK_F_CONFIG_WCE) && offset <= wce &&
	    wce - offset < len)
		blk->config.wce = ((const uint8_t *)bytes)[wce - offset] != 0;
}

/* 5.2.5: back to writeback. */
static void reset(struct virtio_device *device)
{
	blk_of(device)->config.wce = 1;
}

static void destroy(struct virtio_device *device)
{
	struct blk *blk = blk_of(device);

	disk_close(&blk->disk);
	virtio_device_fini(device);
	free(blk);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_BLOCK,
	.name = "virtio-blk",
	.nr_queues = 1,
	.notified = notified,
	.write_config = write_config,
	.reset = reset,
	.destroy = destroy,
};

/* Header and status want a buffer each. */
static struct virtio_blk_config make_config(const struct disk *disk)
{
	return (struct virtio_blk_config){
		.capacity = disk->bytes / DISK_SECTOR,
		.seg_max = VIRTQUEUE_SIZE_MAX - 2,
		.blk_size = DISK_SECTOR,
		.physical_block_exp = PAGE_EXP,
		.min_io_size = PAGE_SECTORS,
		.wce = 1,
		.max_discard_sectors = VIRTIO_BLK_SECTORS_MAX,
		.max_discard_seg = VIRTIO_BLK_DISCARD_SEGS,
		.discard_sector_alignment = PAGE_SECTORS,
		.max_write_zeroes_sectors = VIRTIO_BLK_SECTORS_MAX,
		.max_write_zeroes_seg = VIRTIO_BLK_ZERO_SEGS,
		.write_zeroes_may_unmap = 1,
	};
}

int virtio_blk_create(struct virtio_device **out, const struct disk *disk)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	int rc = blk ? virtio_device_init(&blk->device, &ops) : -ENOMEM;

	if (rc) {
		free(blk);
		return rc;
	}
	blk->disk = *disk;
	blk->config = make_config(disk);
	blk->device.features =
		FEATURES | (disk->read_only ? FEATURE(VIRTIO_BLK_F_RO)
					    : FEATURES_WRITABLE);
	blk->device.config = (uint8_t *)&blk->config;
	blk->device.config_len = sizeof(blk->config);
	*out = &blk->device;
	return 0;
}

bool virtio_blk_is_writable(const struct virtio_device *device)
{
	return !(device->features & FEATURE(VIRTIO_BLK_F_RO));
}
