/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in which a network device's frames leave this process, and others
 * come: what virtio_net.c knows of net_tap.c and net_passt.c.
 *
 * One thread at a time. Nothing waits: what cannot be done at once says so, and
 * the device polls fd.
 */
#pragma once

#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/error.h"
#include "vmm/virtio/virtqueue.h"

/* An Ethernet frame, without checksum: a header, and at most 64 KiB that are
 * still to be cut into segments (virtio 1.2, 5.1.6.3.1). */
#define NET_FRAME_MIN ETH_HLEN
#define NET_FRAME_MAX (ETH_HLEN + 65536)

/* Most pieces of a frame that is sent. */
#define NET_PIECES_MAX VIRTQUEUE_SIZE_MAX

/* A frame that came. Its bytes are the backend's, until the next one. */
struct net_frame {
	struct virtio_net_hdr_v1 header; /* offloads; num_buffers is free */
	const uint8_t *bytes;
	size_t len;
};

struct net_backend;

struct net_backend_ops {
	const char *gone; /* what -EPIPE means, for people */
	/*
	 * Sends a frame of NET_FRAME_MIN to NET_FRAME_MAX bytes, in at most
	 * NET_PIECES_MAX pieces. The header is the guest's, except that it is
	 * all zeros where no offload was negotiated. 0: gone, or will be by
	 * flush; -EAGAIN: not now, POLLOUT tells when; -EPIPE: never again;
	 * others: this one not.
	 */
	int (*send)(struct net_backend *backend,
		    const struct virtio_net_hdr_v1 *header,
		    const struct iovec *pieces, unsigned nr);
	/* Optional. Sends what is left of a frame: 0 nothing is left, -EAGAIN,
	 * -EPIPE. */
	int (*flush)(struct net_backend *backend);
	/* Takes the next frame: 1; 0: there is none, POLLIN tells when;
	 * -EPIPE: never again; -EPROTO: likewise, what comes makes no sense. */
	int (*receive)(struct net_backend *backend, struct net_frame *frame);
	/* Optional. The driver has accepted these VIRTIO_NET_F_...: frames that
	 * come may make use of them. */
	void (*set_features)(struct net_backend *backend, uint64_t features);
	void (*destroy)(struct net_backend *backend);
};

struct net_backend {
	const struct net_backend_ops *ops;
	int fd;		   /* to be polled */
	uint64_t features; /* VIRTIO_NET_F_... that it can do: offloads */
};
