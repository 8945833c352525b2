/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before each frame, in both directions, is a struct virtio_net_hdr_v1, whose
 * fields from the guest the kernel checks (virtio_net_hdr_to_skb()).
 */
#include "vmm/virtio/net_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FEATURE(bit) (UINT64_C(1) << (bit))

/* What the kernel does for the guest, and what it may leave to it. */
#define FEATURES                                                               \
	(FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(VIRTIO_NET_F_HOST_TSO4) |        \
	 FEATURE(VIRTIO_NET_F_HOST_TSO6) | FEATURE(VIRTIO_NET_F_HOST_ECN) |    \
	 FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_TSO4) | \
	 FEATURE(VIRTIO_NET_F_GUEST_TSO6) | FEATURE(VIRTIO_NET_F_GUEST_ECN))

struct net_tap {
	struct net_backend backend; /* first: it stands for the whole */
	/* One byte more: a frame that fills it is too long. */
	uint8_t bytes[NET_FRAME_MAX + 1];
};

static struct net_tap *tap_of(struct net_backend *backend)
{
	return (struct net_tap *)backend;
}

/* drivers/net/tun.c: EBADFD when the interface has been removed. */
static int failure(void)
{
	return errno == EBADFD ? -EPIPE : -errno;
}

/* Frames that the kernel refuses are lost: EINVAL for a header that lies, EIO
 * while the interface is down. */
static int send_frame(struct net_backend *backend,
		      const struct virtio_net_hdr_v1 *header,
		      const struct iovec *pieces, unsigned nr)
{
	struct iovec iov[1 + NET_PIECES_MAX];

	/* Only read from. */
	iov[0] = (struct iovec){(void *)(uintptr_t)header, sizeof(*header)};
	memcpy(iov + 1, pieces, nr * sizeof(*iov));
	return writev(backend->fd, iov, (int)nr + 1) < 0 ? failure() : 0;
}

static int receive(struct net_backend *backend, struct net_frame *frame)
{
	struct net_tap *tap = tap_of(backend);
	struct iovec iov[2] = {
		{&frame->header, sizeof(frame->header)},
		{tap->bytes, sizeof(tap->bytes)},
	};
	ssize_t n = readv(backend->fd, iov, 2);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : failure();
	frame->bytes = tap->bytes;
	frame->len = (size_t)n - sizeof(frame->header);
	return 1;
}

/* Segments need checksums (virtio 1.2, 5.1.3.1). */
static void set_features(struct net_backend *backend, uint64_t features)
{
	static const struct {
		unsigned feature, flag;
	} offloads[] = {
		{VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4},
		{VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6},
		{VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN},
	};
	unsigned flags = 0;

	if (features & FEATURE(VIRTIO_NET_F_GUEST_CSUM)) {
		flags = TUN_F_CSUM;
		for (unsigned i = 0; i < 3; i++)
			if (features & FEATURE(offloads[i].feature))
				flags |= offloads[i].flag;
	}
	/* Those that it has are no secret of the kernel's: if it refuses a
	 * combination, nothing is left to the guest. */
	if (ioctl(backend->fd, TUNSETOFFLOAD, (unsigned long)flags))
		ioctl(backend->fd, TUNSETOFFLOAD, 0ul);
}

static void destroy(struct net_backend *backend)
{
	close(backend->fd);
	free(tap_of(backend));
}

static const struct net_backend_ops ops = {
	.gone = "the interface was removed",
	.send = send_frame,
	.receive = receive,
	.set_features = set_features,
	.destroy = destroy,
};

/* Opening: what can be wrong, and the mend. */

static int open_tun(const char *interface, struct error *err)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	const char *mend = "";
	int rc = -errno;

	if (fd >= 0)
		return fd;
	if (rc == -ENOENT || rc == -ENODEV || rc == -ENXIO)
		mend = "; load the kernel module (sudo modprobe tun)";
	else if (rc == -EACCES || rc == -EPERM)
		mend = "; give access to it (sudo setfacl -m u:$USER:rw "
		       "/dev/net/tun)";
	return error_set(err, rc, "--net tap=%s: /dev/net/tun: %s%s", interface,
			 strerror(-rc), mend);
}

static int refused(const char *interface, int rc, struct error *err)
{
	const char *name = interface;

	if (rc == -EPERM)
		return error_set(err, rc,
				 "--net tap=%s: there is no such tap of this "
				 "user's; make one (sudo ip tuntap add %s mode "
				 "tap user $USER)",
				 name, name);
	if (rc == -EBUSY)
		return error_set(err, rc,
				 "--net tap=%s: another program has it; every "
				 "VM needs a tap of its own",
				 name);
	if (rc == -EINVAL)
		return error_set(err, rc,
				 "--net tap=%s: this interface is no tap with "
				 "one queue; make one (sudo ip tuntap add NAME "
				 "mode tap user $USER)",
				 name);
	return error_set(err, rc, "--net tap=%s: %s", name, strerror(-rc));
}

static int attach(int fd, const char *interface, struct error *err)
{
	struct ifreq request = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	};
	int header = sizeof(struct virtio_net_hdr_v1);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, TUNSETIFF, &request))
		return refused(interface, -errno, err);
	if (ioctl(fd, TUNSETVNETHDRSZ, &header) ||
	    ioctl(fd, TUNSETOFFLOAD, 0ul))
		return refused(interface, -errno, err);
	return 0;
}

int net_tap_create(struct net_backend **out, const char *interface,
		   struct error *err)
{
	int fd = open_tun(interface, err);
	struct net_tap *tap;
	int rc;

	if (fd < 0)
		return fd;
	rc = attach(fd, interface, err);
	tap = rc ? NULL : malloc(sizeof(*tap));
	if (!rc && !tap)
		rc = refused(interface, -ENOMEM, err);
	if (rc) {
		close(fd);
		return rc;
	}
	tap->backend = (struct net_backend){&ops, fd, FEATURES};
	*out = &tap->backend;
	return 0;
}
