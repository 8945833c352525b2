/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream knows no frames: what came is collected until it is one, and what
 * could not be sent of one is kept, to go before the next.
 */
#include "vmm/virtio/net_passt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* passt takes no longer ones, and ends the connection. */
#define SEND_MAX 65535

#define PREFIX sizeof(uint32_t)

/* Bytes [start, end) of an array. */
struct span {
	size_t start, end;
};

struct net_passt {
	struct net_backend backend; /* first: it stands for the whole */
	struct span in, out;
	uint8_t in_bytes[PREFIX + NET_FRAME_MAX];  /* came, not taken */
	uint8_t out_bytes[PREFIX + NET_FRAME_MAX]; /* the rest of a frame */
};

static struct net_passt *passt_of(struct net_backend *backend)
{
	return (struct net_passt *)backend;
}

/* Of a socket call that moved nothing. For memory, try again, too. */
static int failure(void)
{
	return errno == EAGAIN || errno == EINTR || errno == ENOMEM ||
			       errno == ENOBUFS
		       ? -EAGAIN
		       : -EPIPE;
}

/* Sending. */

static int flush(struct net_backend *backend)
{
	struct net_passt *passt = passt_of(backend);
	struct span *out = &passt->out;
	ssize_t n;

	if (out->start == out->end)
		return 0;
	n = send(backend->fd, passt->out_bytes + out->start,
		 out->end - out->start, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return failure();
	out->start += (size_t)n;
	return out->start == out->end ? 0 : -EAGAIN;
}

/* Keeps what lies behind the first `sent` bytes. */
static void keep(struct net_passt *passt, const struct iovec *iov, unsigned nr,
		 size_t sent)
{
	passt->out = (struct span){0, 0};
	for (unsigned i = 0; i < nr; i++) {
		size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;
		size_t n = iov[i].iov_len - skip;

		memcpy(passt->out_bytes + passt->out.end,
		       (const char *)iov[i].iov_base + skip, n);
		passt->out.end += n;
		sent -= skip;
	}
}

static int send_frame(struct net_backend *backend,
		      const struct virtio_net_hdr_v1 *header,
		      const struct iovec *pieces, unsigned nr)
{
	struct iovec iov[1 + NET_PIECES_MAX];
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = nr + 1};
	uint32_t prefix;
	size_t len = 0;
	ssize_t n;
	int rc = flush(backend);

	(void)header; /* no offloads */
	if (rc)
		return rc;
	for (unsigned i = 0; i < nr; i++)
		len += pieces[i].iov_len;
	if (len > SEND_MAX)
		return -EMSGSIZE;
	prefix = htonl((uint32_t)len);
	iov[0] = (struct iovec){&prefix, sizeof(prefix)};
	memcpy(iov + 1, pieces, nr * sizeof(*iov));
	n = sendmsg(backend->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return failure();
	keep(passt_of(backend), iov, nr + 1, (size_t)n);
	return 0;
}

/* Receiving. */

/* Takes a frame from what has come: 1, 0 or -EPROTO. */
static int take(struct net_passt *passt, struct net_frame *frame)
{
	const uint8_t *bytes = passt->in_bytes + passt->in.start;
	size_t there = passt->in.end - passt->in.start;
	uint32_t len;

	if (there < PREFIX)
		return 0;
	memcpy(&len, bytes, PREFIX);
	len = ntohl(len);
	if (len < NET_FRAME_MIN || len > NET_FRAME_MAX)
		return -EPROTO;
	if (there < PREFIX + len)
		return 0;
	*frame = (struct net_frame){.bytes = bytes + PREFIX, .len = len};
	passt->in.start += PREFIX + len;
	return 1;
}

static int receive(struct net_backend *backend, struct net_frame *frame)
{
	struct net_passt *passt = passt_of(backend);
	struct span *in = &passt->in;
	int rc = take(passt, frame);
	ssize_t n;

	while (!rc) {
		/* Room for the rest: less than a frame is there. */
		memmove(passt->in_bytes, passt->in_bytes + in->start,
			in->end - in->start);
		in->end -= in->start;
		in->start = 0;
		n = recv(backend->fd, passt->in_bytes + in->end,
			 sizeof(passt->in_bytes) - in->end, MSG_DONTWAIT);
		if (!n)
			return -EPIPE;
		if (n < 0)
			return failure() == -EAGAIN ? 0 : -EPIPE;
		in->end += (size_t)n;
		rc = take(passt, frame);
	}
	return rc;
}

static void destroy(struct net_backend *backend)
{
	close(backend->fd);
	free(passt_of(backend));
}

static const struct net_backend_ops ops = {
	.gone = "passt has ended",
	.send = send_frame,
	.flush = flush,
	.receive = receive,
	.destroy = destroy,
};

int net_passt_create_on(struct net_backend **out, int fd)
{
	struct net_passt *passt = malloc(sizeof(*passt));

	if (!passt)
		return -ENOMEM;
	passt->backend = (struct net_backend){.ops = &ops, .fd = fd};
	passt->in = passt->out = (struct span){0, 0};
	*out = &passt->backend;
	return 0;
}

/* A connected socket, or -errno. One that listens for nobody any more, or has
 * no room for another, does not hold us up. */
static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int rc = 0;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/* passt would replace such a file by its socket. */
static bool is_other_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISSOCK(st.st_mode);
}

int net_passt_create(struct net_backend **out, const char *path,
		     struct error *err)
{
	int fd = connect_to(path);
	int rc = fd < 0 ? fd : net_passt_create_on(out, fd);

	if (rc && fd >= 0)
		close(fd);
	if (rc == -EAGAIN)
		return error_set(err, rc,
				 "--net passt=%s: it serves another program; "
				 "every VM needs a passt of its own",
				 path);
	if (rc && is_other_file(path))
		return error_set(err, rc,
				 "--net passt=%s: is no socket; give the one "
				 "that passt was started with",
				 path);
	if (rc)
		return error_set(err, rc,
				 "--net passt=%s: cannot connect: %s; start it "
				 "(passt --socket %s)",
				 path, strerror(-rc), path);
	return 0;
}
