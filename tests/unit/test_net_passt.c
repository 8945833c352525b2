/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vmm/virtio/net_passt: frames on a stream, with the test in passt's place.
 */
#include "tests/suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/must.h"
#include "vmm/virtio/net_passt.h"

static struct net_backend *backend;
static int peer; /* passt's end */

static void setup(void)
{
	int fds[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	ck_assert_int_eq(net_passt_create_on(&backend, fds[0]), 0);
	peer = fds[1];
}

static void teardown(void)
{
	backend->ops->destroy(backend);
	if (peer >= 0)
		close(peer);
}

/* Frame number n: its bytes tell. */
static void make(uint8_t *frame, size_t len, unsigned n)
{
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + n);
}

static int send_frame(const uint8_t *frame, size_t len, unsigned pieces)
{
	const struct virtio_net_hdr_v1 header = {0};
	struct iovec iov[NET_PIECES_MAX];
	size_t step = len / pieces;

	for (unsigned i = 0; i < pieces; i++)
		iov[i] = (struct iovec){(void *)(uintptr_t)(frame + i * step),
					i + 1 < pieces ? step : len - i * step};
	return backend->ops->send(backend, &header, iov, pieces);
}

/* What passt reads next, after waiting for nothing. */
static void peer_reads(void *bytes, size_t len)
{
	ck_assert_int_eq(recv(peer, bytes, len, 0), (ssize_t)len);
}

static void peer_sends(uint32_t prefix, const void *bytes, size_t len)
{
	prefix = htonl(prefix);
	must_write(peer, &prefix, sizeof(prefix));
	must_write(peer, bytes, len);
}

static void expect_frame(const uint8_t *bytes, size_t len)
{
	static const struct virtio_net_hdr_v1 none;
	struct net_frame frame;

	ck_assert_int_eq(backend->ops->receive(backend, &frame), 1);
	ck_assert_uint_eq(frame.len, len);
	ck_assert_mem_eq(frame.bytes, bytes, len);
	ck_assert_mem_eq(&frame.header, &none, sizeof(none));
}

static void expect(int rc)
{
	struct net_frame frame;

	ck_assert_int_eq(backend->ops->receive(backend, &frame), rc);
}

START_TEST(frame_goes_out_behind_its_length)
{
	static const unsigned pieces[] = {1, 2, 60, NET_PIECES_MAX};
	uint8_t sent[1000], got[4 + sizeof(sent)];
	static const uint8_t prefix[] = {0, 0, 1000 >> 8, 1000 & 0xff};

	make(sent, sizeof(sent), 1);
	ck_assert_int_eq(send_frame(sent, sizeof(sent), pieces[_i]), 0);
	peer_reads(got, sizeof(got));
	ck_assert_mem_eq(got, prefix, 4);
	ck_assert_mem_eq(got + 4, sent, sizeof(sent));
	ck_assert_int_eq(recv(peer, got, 1, 0), -1);
	ck_assert_int_eq(backend->ops->flush(backend), 0);
}
END_TEST

START_TEST(frame_that_passt_would_not_take_is_not_sent)
{
	static uint8_t frame[NET_FRAME_MAX];
	uint8_t byte;

	ck_assert_int_eq(send_frame(frame, sizeof(frame), 3), -EMSGSIZE);
	ck_assert_int_eq(send_frame(frame, 65536, 3), -EMSGSIZE);
	ck_assert_int_eq(recv(peer, &byte, 1, 0), -1);
	ck_assert_int_eq(send_frame(frame, 65535, 3), 0);
}
END_TEST

/* Reads all of the stream and looks at frames 0, 1, ... in it. */
static void check_stream(unsigned nr, size_t len)
{
	uint8_t *expected = must_alloc(4 + len), *got = must_alloc(4 + len);
	uint32_t prefix = htonl((uint32_t)len);

	memcpy(expected, &prefix, 4);
	for (unsigned n = 0; n < nr; n++) {
		size_t have = 0;

		while (have < 4 + len) {
			ssize_t part =
				recv(peer, got + have, 4 + len - have, 0);

			if (part < 0)
				backend->ops->flush(backend);
			else
				have += (size_t)part;
		}
		make(expected + 4, len, n);
		ck_assert_mem_eq(got, expected, 4 + len);
	}
	free(expected);
	free(got);
}

/* Whatever of a frame the socket took, the rest goes before the next. */
START_TEST(full_socket_loses_nothing)
{
	static const size_t lengths[] = {60, 1514, 9000, 65535};
	static uint8_t frame[65535];
	size_t len = lengths[_i];
	int small = 4096;
	unsigned n = 0;
	int rc;

	setsockopt(backend->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	do {
		make(frame, len, n);
		rc = send_frame(frame, len, 5);
		n += !rc;
	} while (!rc);
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_int_eq(send_frame(frame, len, 5), -EAGAIN);
	ck_assert_uint_gt(n, 0);
	check_stream(n, len);
	ck_assert_int_eq(backend->ops->flush(backend), 0);
	make(frame, len, 0);
	ck_assert_int_eq(send_frame(frame, len, 5), 0);
	check_stream(1, len);
}
END_TEST

START_TEST(frames_come_one_by_one)
{
	uint8_t frames[3][200];

	expect(0);
	for (unsigned i = 0; i < 3; i++) {
		make(frames[i], sizeof(frames[i]), i);
		peer_sends(100 + i, frames[i], 100 + i);
	}
	for (unsigned i = 0; i < 3; i++)
		expect_frame(frames[i], 100 + i);
	expect(0);
}
END_TEST

START_TEST(frame_may_come_byte_by_byte)
{
	uint8_t frame[20], stream[4 + sizeof(frame)] = {0, 0, 0, 20};

	make(frame, sizeof(frame), 3);
	memcpy(stream + 4, frame, sizeof(frame));
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(stream); i++) {
			expect(0);
			must_write(peer, stream + i, 1);
		}
		expect_frame(frame, sizeof(frame));
	}
	expect(0);
}
END_TEST

/* The buffer has room for the largest, wherever it begins. */
START_TEST(largest_frames_come_whole)
{
	static uint8_t frame[NET_FRAME_MAX], stream[3 * (4 + NET_FRAME_MAX)];
	uint32_t prefix = htonl(NET_FRAME_MAX);
	struct net_frame got;
	size_t sent = 0;
	int nr = 0;

	make(frame, sizeof(frame), 9);
	for (int i = 0; i < 3; i++) {
		memcpy(stream + (size_t)i * (4 + NET_FRAME_MAX), &prefix, 4);
		memcpy(stream + (size_t)i * (4 + NET_FRAME_MAX) + 4, frame,
		       sizeof(frame));
	}
	while (nr < 3) {
		size_t len = sizeof(stream) - sent;
		ssize_t n =
			send(peer, stream + sent, len < 7777 ? len : 7777, 0);

		sent += n > 0 ? (size_t)n : 0;
		if (backend->ops->receive(backend, &got) != 1)
			continue;
		ck_assert_uint_eq(got.len, NET_FRAME_MAX);
		ck_assert_mem_eq(got.bytes, frame, NET_FRAME_MAX);
		nr++;
	}
	expect(0);
}
END_TEST

static const uint32_t bad_lengths[] = {
	0, 1, NET_FRAME_MIN - 1, NET_FRAME_MAX + 1, 0x7fffffff, 0xffffffff,
};

START_TEST(impossible_length_is_an_error)
{
	uint8_t frame[100] = {0};

	peer_sends(50, frame, 50);
	peer_sends(bad_lengths[_i], frame, sizeof(frame));
	expect_frame(frame, 50);
	expect(-EPROTO);
	expect(-EPROTO);
}
END_TEST

START_TEST(end_of_passt_comes_after_its_last_frame)
{
	uint8_t frame[100];

	make(frame, sizeof(frame), 1);
	peer_sends(sizeof(frame), frame, sizeof(frame));
	close(peer);
	peer = -1;
	expect_frame(frame, sizeof(frame));
	expect(-EPIPE);
	ck_assert_int_eq(send_frame(frame, sizeof(frame), 1), -EPIPE);
}
END_TEST

START_TEST(end_in_the_middle_of_a_frame_is_the_end)
{
	uint8_t frame[100] = {0};

	peer_sends(sizeof(frame) + 1, frame, sizeof(frame));
	close(peer);
	peer = -1;
	expect(-EPIPE);
}
END_TEST

/* Connecting. */

static void refuses(const char *path, const char *says)
{
	struct error err = {""};
	struct net_backend *none;

	ck_assert_int_lt(net_passt_create(&none, path, &err), 0);
	ck_assert_msg(strstr(err.text, says), "%s", err.text);
	ck_assert_msg(!strchr(err.text, '\n'), "%s", err.text);
}

static int listen_at(const char *path, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

START_TEST(missing_passt_is_told_with_the_mend)
{
	char text[300];

	snprintf(text, sizeof(text),
		 "--net passt=%s: cannot connect: No such file or directory; "
		 "start it (passt --socket %s)",
		 must_file("none"), must_file("none"));
	refuses(must_file("none"), text);
	close(listen_at(must_file("left"), 1));
	refuses(must_file("left"), "cannot connect: Connection refused; start");
}
END_TEST

/* Whoever starts a passt there loses the file. */
START_TEST(what_is_no_socket_is_refused)
{
	must_write_file(must_file("file"), "", 0);
	refuses(must_file("file"), "is no socket; give");
	refuses(must_file(""), "is no socket; give");
}
END_TEST

START_TEST(busy_passt_is_not_waited_for)
{
	struct error err;
	struct net_backend *first;
	int fd = listen_at(must_file("busy"), 0);

	ck_assert_int_eq(net_passt_create(&first, must_file("busy"), &err), 0);
	refuses(must_file("busy"), "every VM needs a passt of its own");
	first->ops->destroy(first);
	close(fd);
}
END_TEST

Suite *net_passt_suite(void)
{
	Suite *suite = suite_create("net_passt");
	TCase *stream = tcase_create("stream"), *path = tcase_create("connect");

	tcase_add_checked_fixture(stream, setup, teardown);
	tcase_add_loop_test(stream, frame_goes_out_behind_its_length, 0, 4);
	tcase_add_test(stream, frame_that_passt_would_not_take_is_not_sent);
	tcase_add_loop_test(stream, full_socket_loses_nothing, 0, 4);
	tcase_add_test(stream, frames_come_one_by_one);
	tcase_add_test(stream, frame_may_come_byte_by_byte);
	tcase_add_test(stream, largest_frames_come_whole);
	tcase_add_loop_test(stream, impossible_length_is_an_error, 0,
			    sizeof(bad_lengths) / sizeof(*bad_lengths));
	tcase_add_test(stream, end_of_passt_comes_after_its_last_frame);
	tcase_add_test(stream, end_in_the_middle_of_a_frame_is_the_end);
	suite_add_tcase(suite, stream);
	must_add_folder(path);
	tcase_add_test(path, missing_passt_is_told_with_the_mend);
	tcase_add_test(path, what_is_no_socket_is_refused);
	tcase_add_test(path, busy_passt_is_not_waited_for);
	suite_add_tcase(suite, path);
	return suite;
}
