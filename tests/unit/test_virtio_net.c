/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/virtio_net: a driver on one side, the test in the place of what is
 * outside on the other: at passt's end of a socket, or as a backend of its own
 * where offloads matter.
 */
#include "tests/suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/must.h"
#include "tests/unit/ring_help.h"
#include "vmm/virtio/net_passt.h"
#include "vmm/virtio/virtio_net.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))
#define HEADER	     12u /* struct virtio_net_hdr_v1 */
#define RX	     0
#define TX	     1
#define NR	     8 /* a queue's size */

/* Guest memory for buffers. */
#define RX_DATA 0x10000u
#define TX_DATA 0x40000u

static const uint8_t mac[] = {2, 3, 4, 5, 6, 7};

static struct driver driver;
static struct ring rx, tx;
static int peer, device_end;

static void start_driver(uint64_t features)
{
	driver_negotiate(&driver, features);
	driver_queue(&driver, RX, &rx, NR);
	driver_queue(&driver, TX, &tx, NR);
	driver_ready(&driver);
}

static void start_device(struct net_backend *backend)
{
	struct virtio_device *device;

	ck_assert_int_eq(
		virtio_net_create(&device, backend, "passt=/there", mac), 0);
	driver_init(&driver, device);
}

static void setup(void)
{
	struct net_backend *backend;
	struct timeval patience = {.tv_sec = 20 * must_patience()};
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(net_passt_create_on(&backend, fds[0]), 0);
	device_end = fds[0];
	peer = fds[1];
	/* Reading too much shall be a failure and no hang. */
	setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	start_device(backend);
}

static void teardown(void)
{
	driver_fini(&driver);
	if (peer >= 0)
		close(peer);
}

static void make(uint8_t *frame, size_t len, unsigned n)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + i / 256 + n);
}

/* The peer's side. */

static void peer_reads(void *bytes, size_t len)
{
	ck_assert_int_eq(recv(peer, bytes, len, MSG_WAITALL), (ssize_t)len);
}

/* Frame number n of that length comes out. */
static void peer_gets(size_t len, unsigned n)
{
	uint8_t *expected = must_alloc(len), *got = must_alloc(len);
	uint32_t prefix;

	peer_reads(&prefix, sizeof(prefix));
	ck_assert_uint_eq(ntohl(prefix), len);
	peer_reads(got, len);
	make(expected, len, n);
	ck_assert_mem_eq(got, expected, len);
	free(expected);
	free(got);
}

static void peer_sends(size_t len, unsigned n)
{
	uint32_t prefix = htonl((uint32_t)len);
	uint8_t *frame = must_alloc(len);

	make(frame, len, n);
	must_write(peer, &prefix, sizeof(prefix));
	must_write(peer, frame, len);
	free(frame);
}

/* Buffers that went back to the driver, and frames that were lost. */
static void stats_are(uint64_t requests, uint64_t dropped)
{
	struct virtio_stats stats;

	pthread_mutex_lock(&driver.device->lock);
	virtio_device_stats(driver.device, &stats);
	pthread_mutex_unlock(&driver.device->lock);
	ck_assert_uint_eq(stats.requests, requests);
	ck_assert_uint_eq(stats.dropped, dropped);
}

/* The driver's side. */

/* Puts frame n behind a header at gpa. */
static void put_frame(gpa_t gpa, size_t len, unsigned n)
{
	memset(ring_at(&driver.memory, gpa), 0, HEADER);
	make(ring_at(&driver.memory, gpa + HEADER), len, n);
}

static void transmit(uint16_t head)
{
	ring_offer(&tx, head);
	driver_notify(&driver, TX);
}

static void transmit_frame(size_t len, unsigned n)
{
	put_frame(TX_DATA, len, n);
	transmit(RING_CHAIN(&tx, {TX_DATA, HEADER + (uint32_t)len, RING_OUT}));
	ck_assert_uint_eq(driver_wait_used(&driver, &tx), 0);
}

/* Buffer i of those that a queue can have. */
static gpa_t rx_buffer(unsigned i)
{
	return RX_DATA + i * 0x1000;
}

static void offer_rx(unsigned i, uint32_t len)
{
	memset(ring_at(&driver.memory, rx_buffer(i)), 0xee, len);
	ring_offer(&rx, RING_CHAIN(&rx, {rx_buffer(i), len, RING_IN}));
	driver_notify(&driver, RX);
}

/* A buffer with frame n, alone, has come. */
static void rx_gets(unsigned i, size_t len, unsigned n)
{
	const uint8_t *bytes = ring_at(&driver.memory, rx_buffer(i));
	static const uint8_t header[HEADER] = {[10] = 1}; /* num_buffers */
	uint8_t *expected = must_alloc(len);

	ck_assert_uint_eq(driver_wait_used(&driver, &rx), HEADER + len);
	ck_assert_mem_eq(bytes, header, HEADER);
	make(expected, len, n);
	ck_assert_mem_eq(bytes + HEADER, expected, len);
	free(expected);
}

/* What the driver sees. */

START_TEST(device_says_what_it_is)
{
	uint64_t low;

	ck_assert_uint_eq(driver_read(&driver, VIRTIO_MMIO_DEVICE_ID), 1);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(
			driver_read_wide(&driver, VIRTIO_MMIO_CONFIG + i, 1),
			mac[i]);
	ck_assert_uint_eq(driver_read_wide(&driver, VIRTIO_MMIO_CONFIG + 6, 2),
			  VIRTIO_NET_S_LINK_UP);
	ck_assert_uint_eq(driver_read_wide(&driver, VIRTIO_MMIO_CONFIG + 8, 4),
			  0);
	driver_write(&driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = driver_read(&driver, VIRTIO_MMIO_DEVICE_FEATURES);
	ck_assert_uint_eq(low & 0xffffff,
			  FEATURE(VIRTIO_NET_F_MAC) |
				  FEATURE(VIRTIO_NET_F_STATUS) |
				  FEATURE(VIRTIO_NET_F_MRG_RXBUF));
}
END_TEST

START_TEST(configuration_cannot_be_written)
{
	driver_write_wide(&driver, VIRTIO_MMIO_CONFIG, 0xff, 1);
	driver_write_wide(&driver, VIRTIO_MMIO_CONFIG + 6, 0, 2);
	ck_assert_uint_eq(driver_read_wide(&driver, VIRTIO_MMIO_CONFIG, 1), 2);
	ck_assert_uint_eq(driver_read_wide(&driver, VIRTIO_MMIO_CONFIG + 6, 2),
			  VIRTIO_NET_S_LINK_UP);
}
END_TEST

/* Transmitting. */

START_TEST(frame_goes_out_without_its_header)
{
	static const size_t lengths[] = {NET_FRAME_MIN, 60, 1514, 65535};

	start_driver(0);
	for (unsigned i = 0; i < 4; i++) {
		transmit_frame(lengths[i], i);
		peer_gets(lengths[i], i);
	}
	stats_are(4, 0);
}
END_TEST

/* 2.7.4.1: no assumptions about where one buffer ends and the next begins. */
START_TEST(header_and_frame_may_be_cut_anywhere)
{
	struct ring_buffer cut[NR] = {
		{TX_DATA, 5, RING_OUT},	     {TX_DATA + 5, 6, RING_OUT},
		{TX_DATA + 11, 1, RING_OUT}, {TX_DATA + 12, 1, RING_OUT},
		{TX_DATA + 13, 0, RING_OUT}, {TX_DATA + 13, 99, RING_OUT},
	};

	start_driver(FEATURE(VIRTIO_RING_F_INDIRECT_DESC));
	put_frame(TX_DATA, 100, 1);
	transmit(ring_chain(&tx, cut, 6));
	peer_gets(100, 1);
	transmit(ring_chain_indirect(&tx, 0x8000, cut, 6));
	peer_gets(100, 1);
	transmit(RING_CHAIN(&tx, {TX_DATA, HEADER + 50, RING_OUT},
			    {TX_DATA + HEADER + 50, 50, RING_OUT}));
	peer_gets(100, 1);
	stats_are(3, 0);
}
END_TEST

START_TEST(frame_of_as_many_pieces_as_a_chain_may_have)
{
	struct ring_buffer cut[255]; /* the table is one, too */

	for (unsigned i = 0; i < 255; i++)
		cut[i] = (struct ring_buffer){TX_DATA + i, 1, RING_OUT};
	start_driver(FEATURE(VIRTIO_RING_F_INDIRECT_DESC));
	put_frame(TX_DATA, 255 - HEADER, 4);
	transmit(ring_chain_indirect(&tx, 0x8000, cut, 255));
	peer_gets(255 - HEADER, 4);
}
END_TEST

static const struct no_frame {
	uint32_t len;
	enum ring_direction direction;
} no_frames[] = {
	{0, RING_OUT},	     {1, RING_OUT},
	{HEADER, RING_OUT},  {HEADER + NET_FRAME_MIN - 1, RING_OUT},
	{100, RING_IN},	     {HEADER + 65536, RING_OUT},
	{0x3f000, RING_OUT},
};

START_TEST(what_is_no_frame_is_given_back_and_dropped)
{
	const struct no_frame *no = &no_frames[_i];

	start_driver(0);
	put_frame(0x1000, 200, 0);
	transmit(RING_CHAIN(&tx, {0x1000, no->len, no->direction}));
	ck_assert_uint_eq(driver_wait_used(&driver, &tx), 0);
	transmit_frame(60, 7);
	peer_gets(60, 7);
	stats_are(2, 1);
}
END_TEST

START_TEST(buffer_outside_of_ram_breaks_the_device)
{
	start_driver(0);
	transmit(RING_CHAIN(&tx, {RING_LOW - 10, 100, RING_OUT}));
	driver_wait_complaints(&driver, 1);
	ck_assert(driver_read(&driver, VIRTIO_MMIO_STATUS) &
		  VIRTIO_CONFIG_S_NEEDS_RESET);
	start_driver(0);
	transmit_frame(60, 7);
	peer_gets(60, 7);
}
END_TEST

/* Frames wait in the queue, none is lost, and the other direction goes on. */
START_TEST(full_socket_holds_frames_back)
{
	const size_t len = 30000;
	struct vring_used_elem element;
	unsigned offered = 0, taken = 0;

	start_driver(0);
	put_frame(TX_DATA, len, 1);
	/* The socket's buffer is a few frames long; then the queue fills. */
	while (offered < taken + NR) {
		transmit(RING_CHAIN(
			&tx, {TX_DATA, HEADER + (uint32_t)len, RING_OUT}));
		offered++;
		while (ring_take(&tx, &element))
			taken++;
	}
	ck_assert_uint_lt(taken, offered);
	offer_rx(0, 2000);
	peer_sends(100, 2);
	rx_gets(0, 100, 2);
	for (unsigned i = 0; i < offered; i++)
		peer_gets(len, 1);
	while (taken < offered)
		taken += ring_take(&tx, &element);
	stats_are(1 + offered, 0);
}
END_TEST

/* Nobody transmits after it. */
START_TEST(rest_of_the_last_frame_follows)
{
	int small = 4096;

	setsockopt(device_end, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	start_driver(0);
	transmit_frame(65535, 3);
	peer_gets(65535, 3);
}
END_TEST

/* Receiving. */

START_TEST(frame_comes_behind_a_header)
{
	start_driver(_i ? FEATURE(VIRTIO_NET_F_MRG_RXBUF) : 0);
	for (unsigned i = 0; i < 3; i++)
		offer_rx(i, 2000);
	for (unsigned i = 0; i < 3; i++)
		peer_sends(60 + 700 * i, i);
	for (unsigned i = 0; i < 3; i++)
		rx_gets(i, 60 + 700 * i, i);
	driver_wait_interrupts(&driver, 1);
	stats_are(3, 0);
}
END_TEST

START_TEST(frames_wait_for_buffers)
{
	start_driver(_i ? FEATURE(VIRTIO_RING_F_EVENT_IDX) : 0);
	for (unsigned i = 0; i < 5; i++)
		peer_sends(100, i);
	for (unsigned i = 0; i < 5; i++) {
		offer_rx(i, 2000);
		rx_gets(i, 100, i);
	}
	stats_are(5, 0);
}
END_TEST

/* 5.1.6.4.1: the first buffer says how many there are, and the driver sees them
 * all at once. */
START_TEST(large_frame_takes_several_buffers)
{
	static uint8_t expected[3000];
	static const uint32_t lengths[] = {HEADER + 1000, 1500, 500};
	const uint8_t *first = ring_at(&driver.memory, rx_buffer(0));

	make(expected, sizeof(expected), 5);
	start_driver(FEATURE(VIRTIO_NET_F_MRG_RXBUF));
	peer_sends(sizeof(expected), 5);
	offer_rx(0, HEADER + 1000);
	offer_rx(1, 1500);
	ck_assert_uint_eq(ring_used(&rx)->idx, 0);
	offer_rx(2, 1500);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(driver_wait_used(&driver, &rx), lengths[i]);
	ck_assert_uint_eq(first[10] | first[11] << 8, 3);
	ck_assert_mem_eq(first + HEADER, expected, 1000);
	ck_assert_mem_eq(ring_at(&driver.memory, rx_buffer(1)), expected + 1000,
			 1500);
	ck_assert_mem_eq(ring_at(&driver.memory, rx_buffer(2)), expected + 2500,
			 500);
	stats_are(3, 0);
}
END_TEST

START_TEST(frame_larger_than_its_buffer_is_dropped)
{
	start_driver(0);
	offer_rx(0, 1000);
	offer_rx(1, 1000);
	peer_sends(1000 - HEADER + 1, 1);
	peer_sends(1000 - HEADER, 2);
	rx_gets(0, 1000 - HEADER, 2);
	stats_are(1, 1);
}
END_TEST

START_TEST(frame_larger_than_all_buffers_is_dropped)
{
	start_driver(FEATURE(VIRTIO_NET_F_MRG_RXBUF));
	peer_sends(NR * 1000 - HEADER + 1, 1);
	peer_sends(100, 2);
	for (unsigned i = 0; i < NR; i++)
		offer_rx(i, 1000);
	rx_gets(0, 100, 2);
	stats_are(1, 1);
}
END_TEST

START_TEST(buffer_without_room_for_a_header_breaks_the_device)
{
	start_driver(FEATURE(VIRTIO_NET_F_MRG_RXBUF));
	peer_sends(100, 1);
	offer_rx(0, HEADER - 1);
	driver_wait_complaints(&driver, 1);
	ck_assert_msg(strstr(driver.complaint, "room for the header"), "%s",
		      driver.complaint);
	ck_assert(driver_read(&driver, VIRTIO_MMIO_STATUS) &
		  VIRTIO_CONFIG_S_NEEDS_RESET);
}
END_TEST

START_TEST(reset_forgets_a_frame_that_is_half_delivered)
{
	start_driver(FEATURE(VIRTIO_NET_F_MRG_RXBUF));
	peer_sends(3000, 1);
	peer_sends(100, 2);
	offer_rx(0, 1000);
	/* The worker has looked at it when it has done what came after. */
	transmit_frame(60, 1);
	start_driver(FEATURE(VIRTIO_NET_F_MRG_RXBUF));
	offer_rx(0, 2000);
	rx_gets(0, 100, 2);
}
END_TEST

/* The end of the way out. */

static void link_is_down(const char *complaint)
{
	driver_wait_complaints(&driver, 1);
	ck_assert_msg(strstr(driver.complaint, complaint), "%s",
		      driver.complaint);
	driver_wait_interrupts(&driver, 1);
	ck_assert_uint_eq(driver_read_wide(&driver, VIRTIO_MMIO_CONFIG + 6, 2),
			  0);
	ck_assert_uint_gt(driver_read(&driver, VIRTIO_MMIO_CONFIG_GENERATION),
			  0);
	ck_assert(!(driver_read(&driver, VIRTIO_MMIO_STATUS) &
		    VIRTIO_CONFIG_S_NEEDS_RESET));
}

START_TEST(end_of_passt_takes_the_link_down)
{
	start_driver(0);
	offer_rx(0, 2000);
	close(peer);
	peer = -1;
	link_is_down("virtio-net: passt=/there: passt has ended; the link is "
		     "down");
	for (unsigned i = 0; i < 2 * NR; i++)
		transmit_frame(60, i);
	start_driver(0);
	transmit_frame(60, 1);
	ck_assert_uint_eq(driver_read_wide(&driver, VIRTIO_MMIO_CONFIG + 6, 2),
			  0);
	ck_assert_uint_eq(driver.complaints, 1);
	ck_assert_uint_eq(driver.device->dropped, 2 * NR + 1);
}
END_TEST

START_TEST(end_is_found_by_transmitting_as_well)
{
	start_driver(0);
	/* Nothing is received meanwhile: a frame waits for a buffer. */
	peer_sends(100, 1);
	peer_sends(100, 2);
	while (recv(peer, NULL, 0, MSG_DONTWAIT) >= 0)
		;
	close(peer);
	peer = -1;
	transmit_frame(60, 1);
	link_is_down("passt has ended");
	stats_are(1, 1);
}
END_TEST

START_TEST(nonsense_takes_the_link_down)
{
	uint32_t prefix = 0xffffffff;

	start_driver(0);
	must_write(peer, &prefix, sizeof(prefix));
	link_is_down("a frame of impossible length");
}
END_TEST

/* Offloads: a backend that has them, and notes what it is told. */

static struct {
	struct net_backend backend;
	struct virtio_net_hdr_v1 sent, comes;
	size_t comes_len; /* a frame waits */
	uint64_t features;
	int result; /* of send */
	unsigned calls;
	int pipe; /* its other end is backend.fd */
} fake;

static int fake_send(struct net_backend *backend,
		     const struct virtio_net_hdr_v1 *header,
		     const struct iovec *pieces, unsigned nr)
{
	(void)backend;
	(void)pieces;
	(void)nr;
	fake.sent = *header;
	fake.calls++;
	return fake.result;
}

static int fake_receive(struct net_backend *backend, struct net_frame *frame)
{
	static uint8_t bytes[NET_FRAME_MAX + 1];
	char byte;

	if (read(backend->fd, &byte, 1) != 1)
		return 0;
	*frame = (struct net_frame){fake.comes, bytes, fake.comes_len};
	return 1;
}

static void fake_features(struct net_backend *backend, uint64_t features)
{
	(void)backend;
	fake.features = features;
}

static void fake_destroy(struct net_backend *backend)
{
	close(backend->fd);
}

static const struct net_backend_ops fake_ops = {
	.gone = "fake",
	.send = fake_send,
	.receive = fake_receive,
	.set_features = fake_features,
	.destroy = fake_destroy,
};

static void setup_fake(void)
{
	int fds[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	memset(&fake, 0, sizeof(fake));
	fake.pipe = peer = fds[1];
	fake.backend = (struct net_backend){
		&fake_ops, fds[0],
		FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_CSUM)};
	start_device(&fake.backend);
}

static const struct virtio_net_hdr_v1 lies = {
	.flags = 0xff,
	.gso_type = 0xff,
	.hdr_len = 0xffff,
	.gso_size = 0xffff,
	.csum_start = 0xffff,
	.csum_offset = 0xffff,
	.num_buffers = 0xffff,
};

static void transmit_lies(void)
{
	put_frame(TX_DATA, 60, 0);
	memcpy(ring_at(&driver.memory, TX_DATA), &lies, sizeof(lies));
	transmit(RING_CHAIN(&tx, {TX_DATA, HEADER + 60, RING_OUT}));
	ck_assert_uint_eq(driver_wait_used(&driver, &tx), 0);
}

START_TEST(header_counts_only_with_offloads)
{
	static const struct virtio_net_hdr_v1 none;

	start_driver(0);
	ck_assert_uint_eq(fake.features & 0xff, 0);
	transmit_lies();
	ck_assert_mem_eq(&fake.sent, &none, sizeof(none));
	start_driver(FEATURE(VIRTIO_NET_F_CSUM));
	ck_assert_uint_eq(fake.features & 0xff, FEATURE(VIRTIO_NET_F_CSUM));
	transmit_lies();
	ck_assert_mem_eq(&fake.sent, &lies, sizeof(lies));
}
END_TEST

START_TEST(frame_that_the_host_refuses_is_dropped)
{
	start_driver(FEATURE(VIRTIO_NET_F_CSUM));
	fake.result = -EINVAL;
	transmit_lies();
	fake.result = 0;
	transmit_lies();
	stats_are(2, 1);
	ck_assert_uint_eq(driver.complaints, 0);
}
END_TEST

START_TEST(largest_frame_is_sent_and_a_larger_one_is_not)
{
	start_driver(0);
	transmit_frame(NET_FRAME_MAX, 0);
	ck_assert_uint_eq(fake.calls, 1);
	transmit_frame(NET_FRAME_MAX + 1, 0);
	ck_assert_uint_eq(fake.calls, 1);
	stats_are(2, 1);
}
END_TEST

static void fake_comes(size_t len)
{
	fake.comes = lies;
	fake.comes_len = len;
	must_write(fake.pipe, "", 1);
	ck_assert_uint_eq(driver_wait_used(&driver, &rx), HEADER + len);
}

START_TEST(host_header_reaches_only_drivers_that_want_it)
{
	struct virtio_net_hdr_v1 expected = {.num_buffers = 1};
	const void *got = ring_at(&driver.memory, rx_buffer(0));

	start_driver(0);
	offer_rx(0, 2000);
	fake_comes(100);
	ck_assert_mem_eq(got, &expected, HEADER);
	start_driver(FEATURE(VIRTIO_NET_F_GUEST_CSUM));
	offer_rx(0, 2000);
	fake_comes(100);
	expected = lies;
	expected.num_buffers = 1;
	ck_assert_mem_eq(got, &expected, HEADER);
}
END_TEST

START_TEST(host_frame_of_bad_length_is_dropped)
{
	static const size_t bad[] = {0, 1, NET_FRAME_MIN - 1, NET_FRAME_MAX + 1,
				     SIZE_MAX};

	start_driver(0);
	offer_rx(0, 2000);
	fake.comes_len = bad[_i];
	must_write(fake.pipe, "", 1);
	/* The byte is gone when the frame has been looked at. */
	while (poll(&(struct pollfd){fake.backend.fd, POLLIN, 0}, 1, 0))
		sched_yield();
	transmit_lies();
	fake_comes(100);
	stats_are(2, 1);
}
END_TEST

Suite *virtio_net_suite(void)
{
	Suite *suite = suite_create("virtio_net");
	TCase *tcase = tcase_create("passt"),
	      *offload = tcase_create("offload");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, device_says_what_it_is);
	tcase_add_test(tcase, configuration_cannot_be_written);
	tcase_add_test(tcase, frame_goes_out_without_its_header);
	tcase_add_test(tcase, header_and_frame_may_be_cut_anywhere);
	tcase_add_test(tcase, frame_of_as_many_pieces_as_a_chain_may_have);
	tcase_add_loop_test(tcase, what_is_no_frame_is_given_back_and_dropped,
			    0, sizeof(no_frames) / sizeof(*no_frames));
	tcase_add_test(tcase, buffer_outside_of_ram_breaks_the_device);
	tcase_add_test(tcase, full_socket_holds_frames_back);
	tcase_add_test(tcase, rest_of_the_last_frame_follows);
	tcase_add_loop_test(tcase, frame_comes_behind_a_header, 0, 2);
	tcase_add_loop_test(tcase, frames_wait_for_buffers, 0, 2);
	tcase_add_test(tcase, large_frame_takes_several_buffers);
	tcase_add_test(tcase, frame_larger_than_its_buffer_is_dropped);
	tcase_add_test(tcase, frame_larger_than_all_buffers_is_dropped);
	tcase_add_test(tcase,
		       buffer_without_room_for_a_header_breaks_the_device);
	tcase_add_test(tcase, reset_forgets_a_frame_that_is_half_delivered);
	tcase_add_test(tcase, end_of_passt_takes_the_link_down);
	tcase_add_test(tcase, end_is_found_by_transmitting_as_well);
	tcase_add_test(tcase, nonsense_takes_the_link_down);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(offload, setup_fake, teardown);
	tcase_add_test(offload, header_counts_only_with_offloads);
	tcase_add_test(offload, frame_that_the_host_refuses_is_dropped);
	tcase_add_test(offload, largest_frame_is_sent_and_a_larger_one_is_not);
	tcase_add_test(offload, host_header_reaches_only_drivers_that_want_it);
	tcase_add_loop_test(offload, host_frame_of_bad_length_is_dropped, 0, 5);
	suite_add_tcase(suite, offload);
	return suite;
}
