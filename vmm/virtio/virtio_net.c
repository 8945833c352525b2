/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames wait where they are: in the driver's queue while the backend takes no
 * more, in the backend, but for one, while the driver has no buffers. Nothing is
 * lost by that, and nobody waits but for poll(2).
 *
 * When the way out ends (passt exits, somebody removes the tap), the link goes
 * down, the guest is told, and what it transmits is dropped.
 *
 * Left out: several pairs of queues, the control queue (filters, changes of the
 * address), UDP segmentation, the MTU.
 */
#include "vmm/virtio/virtio_net.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEATURE(bit) (UINT64_C(1) << (bit))

/* 5.1.2 */
#define QUEUE_RX 0
#define QUEUE_TX 1

#define HEADER_LEN sizeof(struct virtio_net_hdr_v1)

/*
 * A frame on its way into the driver's buffers. With mergeable ones (5.1.6.3.1)
 * it takes as many as it needs, which may come one by one; those that are full
 * are given back with the last, since their number is in the first.
 */
struct delivery {
	struct net_frame frame; /* len 0: none */
	size_t done;		/* bytes of the frame that have their place */
	unsigned nr;		/* buffers in use */
	struct vring_used_elem used[VIRTQUEUE_SIZE_MAX];
	struct virtqueue_chain first;
};

struct virtio_net {
	struct virtio_device device; /* first: it stands for the whole */
	struct net_backend *backend; /* constant */
	char name[128];		     /* constant */

	/* device.lock held: */
	struct virtio_net_config config;
	bool tx_waits; /* for the backend: POLLOUT */
	bool rx_waits; /* for buffers of the driver's */
	struct delivery rx;
};

static struct virtio_net *net_of(struct virtio_device *device)
{
	return (struct virtio_net *)device;
}

static bool has(const struct virtio_net *net, unsigned feature)
{
	return net->device.driver_features >> feature & 1;
}

/* The link. */

static bool link_is_up(const struct virtio_net *net)
{
	return net->config.status & VIRTIO_NET_S_LINK_UP;
}

static void link_down(struct virtio_net *net, int error)
{
	const char *cause = error == -EPIPE    ? net->backend->ops->gone
			    : error == -EPROTO ? "a frame of impossible length"
					       : strerror(-error);
	struct virtio_device *device = &net->device;
	char line[256];

	snprintf(line, sizeof(line), "%s: %s: %s; the link is down",
		 device->ops->name, net->name, cause);
	if (device->complain)
		device->complain(device->complain_ctx, line);
	net->config.status = 0;
	virtio_device_config_changed(device);
}

static void poll_backend(struct virtio_net *net)
{
	int events = 0;

	if (link_is_up(net))
		events = (net->rx_waits ? 0 : POLLIN) |
			 (net->tx_waits ? POLLOUT : 0);
	virtio_device_poll(&net->device, net->backend->fd, (short)events);
}

/* Receiving. */

static void drop_frame(struct virtio_net *net)
{
	struct delivery *rx = &net->rx;

	/* The buffers do for a smaller one. */
	for (; rx->nr; rx->nr--)
		virtqueue_unpop(&net->device.queues[QUEUE_RX]);
	rx->frame.len = 0;
	net->device.dropped++;
}

/* Copies as much of the frame as there is room for into a buffer, behind the
 * header's place in the first one. */
static void fill(struct delivery *rx, const struct virtqueue_chain *chain)
{
	size_t skip = rx->nr ? 0 : HEADER_LEN;
	size_t n = virtqueue_write(chain, skip, rx->frame.bytes + rx->done,
				   rx->frame.len - rx->done);

	rx->used[rx->nr++] =
		(struct vring_used_elem){chain->head, (uint32_t)(skip + n)};
	rx->done += n;
}

static void finish(struct virtio_net *net)
{
	struct delivery *rx = &net->rx;
	struct virtio_net_hdr_v1 header = {0};

	/* 5.1.6.4.1: without GUEST_CSUM there is nothing in it. */
	if (has(net, VIRTIO_NET_F_GUEST_CSUM))
		header = rx->frame.header;
	header.num_buffers = (uint16_t)rx->nr;
	virtqueue_write(&rx->first, 0, &header, sizeof(header));
	virtqueue_push_all(&net->device.queues[QUEUE_RX], rx->used, rx->nr);
	rx->frame.len = 0;
	rx->nr = 0;
}

/* False: it waits for buffers. */
static bool deliver(struct virtio_net *net)
{
	struct virtio_device *device = &net->device;
	struct delivery *rx = &net->rx;
	unsigned max = has(net, VIRTIO_NET_F_MRG_RXBUF)
			       ? device->queues[QUEUE_RX].size
			       : 1;

	while (rx->done < rx->frame.len) {
		struct virtqueue_chain *chain =
			rx->nr ? &device->chain : &rx->first;

		if (rx->nr && rx->nr >= max) {
			drop_frame(net);
			return true;
		}
		if (!virtio_device_pop(device, QUEUE_RX, chain))
			return false;
		if (!rx->nr && chain->in_len < HEADER_LEN) {
			virtio_device_fail(device, "a receive buffer without "
						   "room for the header");
			return false;
		}
		fill(rx, chain);
	}
	finish(net);
	return true;
}

/* Takes a frame of the backend's, if there is one. */
static bool take_frame(struct virtio_net *net)
{
	struct delivery *rx = &net->rx;
	int rc = link_is_up(net)
			 ? net->backend->ops->receive(net->backend, &rx->frame)
			 : 0;

	rx->done = 0;
	if (rc > 0)
		return true;
	rx->frame.len = 0;
	if (rc < 0)
		link_down(net, rc);
	return false;
}

static bool frame_is_wrong(const struct net_frame *frame)
{
	return frame->len < NET_FRAME_MIN || frame->len > NET_FRAME_MAX;
}

static void receive(struct virtio_net *net)
{
	struct virtio_device *device = &net->device;
	struct virtqueue *queue = &device->queues[QUEUE_RX];
	/* Others want the lock, too. */
	unsigned left = VIRTQUEUE_SIZE_MAX;

	virtqueue_disable_notify(queue);
	net->rx_waits = false;
	while (left && !net->rx_waits && !device->stopping &&
	       (net->rx.frame.len || take_frame(net))) {
		if (frame_is_wrong(&net->rx.frame))
			drop_frame(net);
		else
			net->rx_waits = !deliver(net);
		left--;
	}
	virtio_device_signal(device, QUEUE_RX);
	/* The backend may hold frames of which poll(2) does not know. */
	if (!left || (net->rx_waits && virtqueue_enable_notify(queue)))
		virtio_device_mark(device, QUEUE_RX);
	poll_backend(net);
}

/* Transmitting. */

/* Takes the header off a chain. 0; -EMSGSIZE: the rest is no frame. */
static int take_header(struct virtqueue_chain *chain,
		       struct virtio_net_hdr_v1 *header)
{
	size_t left = virtqueue_read(chain, 0, header, sizeof(*header));
	struct iovec *iov = chain->iov;

	if (chain->out_len < HEADER_LEN + NET_FRAME_MIN ||
	    chain->out_len > HEADER_LEN + NET_FRAME_MAX)
		return -EMSGSIZE;
	chain->out_len -= left;
	for (; left >= iov->iov_len; iov++)
		left -= iov->iov_len;
	iov->iov_base = (char *)iov->iov_base + left;
	iov->iov_len -= left;
	chain->nr_out -= (unsigned)(iov - chain->iov);
	memmove(chain->iov, iov, chain->nr_out * sizeof(*iov));
	return 0;
}

static int send_frame(struct virtio_net *net, struct virtqueue_chain *chain)
{
	struct virtio_net_hdr_v1 header;
	int rc = take_header(chain, &header);

	if (rc)
		return rc;
	/* 5.1.6.2.1 */
	if (!has(net, VIRTIO_NET_F_CSUM))
		memset(&header, 0, sizeof(header));
	return net->backend->ops->send(net->backend, &header, chain->iov,
				       chain->nr_out);
}

/* False: the backend takes no more now, and the chain is to stay. */
static bool transmit_chain(struct virtio_net *net,
			   struct virtqueue_chain *chain)
{
	int rc = link_is_up(net) ? send_frame(net, chain) : -ENETDOWN;

	if (rc == -EAGAIN)
		return false;
	if (rc)
		net->device.dropped++;
	if (rc == -EPIPE)
		link_down(net, rc);
	return true;
}

/* Is the backend rid of what it took? */
static bool flush(struct virtio_net *net)
{
	const struct net_backend_ops *ops = net->backend->ops;
	int rc = link_is_up(net) && ops->flush ? ops->flush(net->backend) : 0;

	if (rc == -EPIPE)
		link_down(net, rc);
	return rc != -EAGAIN;
}

static void transmit(struct virtio_net *net)
{
	struct virtio_device *device = &net->device;
	struct virtqueue_chain *chain = &device->chain;
	struct virtqueue *queue = &device->queues[QUEUE_TX];
	unsigned left = queue->size;
	bool more = flush(net);

	virtqueue_disable_notify(queue);
	while (left && more && !device->stopping &&
	       virtio_device_pop(device, QUEUE_TX, chain)) {
		more = transmit_chain(net, chain);
		if (more)
			virtqueue_push(queue, chain, 0);
		else
			virtqueue_unpop(queue);
		left--;
	}
	virtio_device_signal(device, QUEUE_TX);
	net->tx_waits = !more || !flush(net);
	if (!net->tx_waits && virtqueue_enable_notify(queue))
		virtio_device_mark(device, QUEUE_TX);
	poll_backend(net);
}

/* The device. */

static void notified(struct virtio_device *device, unsigned queue)
{
	if (queue == QUEUE_RX)
		receive(net_of(device));
	else
		transmit(net_of(device));
}

/* Besides what was asked for, POLLERR and POLLHUP may come: whoever tries finds
 * out. */
static void ready(struct virtio_device *device, short revents)
{
	if (revents & ~POLLIN)
		transmit(net_of(device));
	if (revents & ~POLLOUT)
		receive(net_of(device));
}

static void started(struct virtio_device *device)
{
	struct net_backend *backend = net_of(device)->backend;

	if (backend->ops->set_features)
		backend->ops->set_features(backend, device->driver_features);
}

static void reset(struct virtio_device *device)
{
	struct virtio_net *net = net_of(device);

	net->rx.frame.len = 0;
	net->rx.nr = 0;
	net->rx_waits = net->tx_waits = false;
}

static void destroy(struct virtio_device *device)
{
	struct virtio_net *net = net_of(device);

	net->backend->ops->destroy(net->backend);
	virtio_device_fini(device);
	free(net);
}

static const struct virtio_ops ops = {
	.id = VIRTIO_ID_NET,
	.name = "virtio-net",
	.nr_queues = 2,
	.notified = notified,
	.ready = ready,
	.started = started,
	.reset = reset,
	.destroy = destroy,
};

int virtio_net_create(struct virtio_device **out, struct net_backend *backend,
		      const char *name, const uint8_t mac[ETH_ALEN])
{
	struct virtio_net *net = calloc(1, sizeof(*net));
	int rc = net ? virtio_device_init(&net->device, &ops) : -ENOMEM;

	if (rc) {
		backend->ops->destroy(backend);
		free(net);
		return rc;
	}
	net->backend = backend;
	snprintf(net->name, sizeof(net->name), "%s", name);
	memcpy(net->config.mac, mac, ETH_ALEN);
	net->config.status = VIRTIO_NET_S_LINK_UP;
	net->device.features =
		FEATURE(VIRTIO_NET_F_MAC) | FEATURE(VIRTIO_NET_F_STATUS) |
		FEATURE(VIRTIO_NET_F_MRG_RXBUF) | backend->features;
	net->device.config = (uint8_t *)&net->config;
	/* What follows belongs to features that are not offered. */
	net->device.config_len =
		offsetof(struct virtio_net_config, max_virtqueue_pairs);
	*out = &net->device;
	return 0;
}
