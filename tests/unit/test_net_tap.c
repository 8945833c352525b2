/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/net_tap: a tap in a network namespace of the test's own, which has
 * nothing else in it.
 */
#define _GNU_SOURCE
#include "tests/suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/must.h"
#include "vmm/virtio/net_tap.h"

#define NAME	  "faultline0"
#define ETHERTYPE 0x88b5 /* IEEE 802: for experiments */
#define LEN	  200

static struct net_backend *tap;
static int host; /* a socket on the host's side of the tap */

static bool have(void)
{
	return must_have("tun", !access("/dev/net/tun", R_OK | W_OK),
			 "/dev/net/tun cannot be opened");
}

static void set_up(bool up)
{
	struct ifreq request = {.ifr_flags = (short)(up ? IFF_UP : 0)};

	strcpy(request.ifr_name, NAME);
	ck_assert_int_eq(ioctl(host, SIOCSIFFLAGS, &request), 0);
}

static void setup(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
	};
	struct error err;
	int rc;

	if (!have())
		return;
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	rc = net_tap_create(&tap, NAME, &err);
	ck_assert_msg(!rc, "%s", err.text);
	host = socket(AF_PACKET, SOCK_RAW, htons(ETHERTYPE));
	ck_assert_int_ge(host, 0);
	set_up(true);
	address.sll_ifindex = (int)if_nametoindex(NAME);
	ck_assert_int_eq(
		bind(host, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void teardown(void)
{
	if (!tap)
		return;
	tap->ops->destroy(tap);
	close(host);
}

static void make(uint8_t *frame)
{
	struct ethhdr ethernet = {.h_proto = htons(ETHERTYPE)};

	memset(ethernet.h_dest, 0xff, sizeof(ethernet.h_dest));
	ethernet.h_source[0] = 2;
	memset(frame, 0x5a, LEN);
	memcpy(frame, &ethernet, sizeof(ethernet));
}

static int send_frame(const struct virtio_net_hdr_v1 *header)
{
	uint8_t frame[LEN];
	struct iovec pieces[] = {{frame, 3}, {frame + 3, LEN - 3}};

	make(frame);
	return tap->ops->send(tap, header, pieces, 2);
}

START_TEST(frame_reaches_the_host)
{
	const struct virtio_net_hdr_v1 header = {0};
	uint8_t expected[LEN], got[2 * LEN];

	if (!tap)
		return;
	make(expected);
	ck_assert_int_eq(send_frame(&header), 0);
	ck_assert_int_eq(recv(host, got, sizeof(got), 0), LEN);
	ck_assert_mem_eq(got, expected, LEN);
}
END_TEST

/* The kernel itself says something on a new interface, too. */
START_TEST(frame_of_the_host_is_received)
{
	uint8_t sent[LEN];
	struct net_frame frame;
	struct pollfd fd = {tap ? tap->fd : -1, POLLIN, 0};

	if (!tap)
		return;
	make(sent);
	ck_assert_int_eq(send(host, sent, LEN, 0), LEN);
	do {
		ck_assert_int_eq(poll(&fd, 1, 10000 * must_patience()), 1);
		ck_assert_int_eq(tap->ops->receive(tap, &frame), 1);
	} while (frame.len != LEN);
	ck_assert_mem_eq(frame.bytes, sent, LEN);
	ck_assert_uint_eq(frame.header.gso_type, VIRTIO_NET_HDR_GSO_NONE);
}
END_TEST

START_TEST(header_that_lies_costs_the_frame)
{
	static const struct virtio_net_hdr_v1 lies[] = {
		{.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 60000},
		{.hdr_len = 0xffff},
		{.gso_type = 0x7f, .gso_size = 100},
		{.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 0},
	};

	if (!tap)
		return;
	ck_assert_int_eq(send_frame(&lies[_i]), -EINVAL);
	ck_assert_int_eq(send_frame(&(struct virtio_net_hdr_v1){0}), 0);
}
END_TEST

START_TEST(interface_that_is_down_costs_the_frame)
{
	const struct virtio_net_hdr_v1 header = {0};

	if (!tap)
		return;
	set_up(false);
	ck_assert_int_eq(send_frame(&header), -EIO);
	set_up(true);
	ck_assert_int_eq(send_frame(&header), 0);
}
END_TEST

static void remove_interface(void)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		{sizeof(request), RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0},
		{.ifi_index = (int)if_nametoindex(NAME)},
	};
	char answer[200];
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	ck_assert_int_ge(fd, 0);
	must_write(fd, &request, sizeof(request));
	ck_assert_int_gt(recv(fd, answer, sizeof(answer), 0), 0);
	close(fd);
	ck_assert_uint_eq(if_nametoindex(NAME), 0);
}

START_TEST(removed_interface_is_the_end)
{
	const struct virtio_net_hdr_v1 header = {0};
	struct net_frame frame;
	struct pollfd fd = {tap ? tap->fd : -1, POLLIN, 0};

	if (!tap)
		return;
	remove_interface();
	ck_assert_int_eq(poll(&fd, 1, -1), 1);
	ck_assert_int_eq(tap->ops->receive(tap, &frame), -EPIPE);
	ck_assert_int_eq(send_frame(&header), -EPIPE);
}
END_TEST

/* Whatever the driver makes of what was offered, the kernel takes. */
START_TEST(offloads_may_come_in_any_combination)
{
	if (!tap)
		return;
	ck_assert(tap->features & UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO4);
	for (unsigned i = 0; i < 16; i++)
		tap->ops->set_features(
			tap,
			(i & 1 ? UINT64_C(1) << VIRTIO_NET_F_GUEST_CSUM : 0) |
				(i & 2 ? UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO4
				       : 0) |
				(i & 4 ? UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO6
				       : 0) |
				(i & 8 ? UINT64_C(1) << VIRTIO_NET_F_GUEST_ECN
				       : 0));
	ck_assert_int_eq(send_frame(&(struct virtio_net_hdr_v1){0}), 0);
}
END_TEST

static void refuses(const char *name, int expected, const char *says)
{
	struct error err = {""};
	struct net_backend *none;
	struct must_count before;
	int rc;

	must_count(&before);
	rc = net_tap_create(&none, name, &err);
	ck_assert_int_eq(rc, expected);
	ck_assert_msg(strstr(err.text, says), "%s", err.text);
	ck_assert_msg(strstr(err.text, name), "%s", err.text);
	must_count_same(&before);
}

START_TEST(tap_of_another_program_is_refused)
{
	if (tap)
		refuses(NAME, -EBUSY, "every VM needs a tap of its own");
}
END_TEST

START_TEST(interface_that_is_no_tap_is_refused)
{
	if (tap)
		refuses("lo", -EINVAL, "no tap with one queue; make one (sudo");
}
END_TEST

START_TEST(tap_of_nobody_is_refused_to_users)
{
	if (!tap)
		return;
	ck_assert_int_eq(setgid(65534) | setuid(65534), 0);
	if (access("/dev/net/tun", R_OK | W_OK))
		refuses("new0", -EACCES, "give access to it");
	else
		refuses("new0", -EPERM,
			"sudo ip tuntap add new0 mode tap user $USER");
}
END_TEST

static void fill(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, frame_reaches_the_host);
	tcase_add_test(tcase, frame_of_the_host_is_received);
	tcase_add_loop_test(tcase, header_that_lies_costs_the_frame, 0, 4);
	tcase_add_test(tcase, interface_that_is_down_costs_the_frame);
	tcase_add_test(tcase, removed_interface_is_the_end);
	tcase_add_test(tcase, offloads_may_come_in_any_combination);
	tcase_add_test(tcase, tap_of_another_program_is_refused);
	tcase_add_test(tcase, interface_that_is_no_tap_is_refused);
	tcase_add_test(tcase, tap_of_nobody_is_refused_to_users);
}

Suite *net_tap_suite(void)
{
	Suite *suite = suite_create("net_tap");

	must_add(suite, "net_tap", MUST_ROOT, fill);
	return suite;
}
