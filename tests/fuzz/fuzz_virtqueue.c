/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer target for virtio devices as a driver sees them: an input is a script
 * of register accesses and writes to guest memory. Seeds are in
 * tests/data/fuzz_virtqueue.
 *
 * Guest memory is allocated to the byte, so that the sanitizer sees any access
 * beyond. What is asked for while one notification is worked off is bounded. And
 * after a reset every device works again with a well-formed ring.
 *
 * The devices' workers are threads as elsewhere; after each step of the script
 * the target waits until they rest, so that an input does the same every time.
 * For the same reason an input finds an empty disk and a new network.
 */
#define _GNU_SOURCE
#include "tests/unit/echo_device.h"
#include "vmm/sandbox/sandbox.h"
#include "vmm/virtio/net_passt.h"
#include "vmm/virtio/virtio_balloon.h"
#include "vmm/virtio/virtio_blk.h"
#include "vmm/virtio/virtio_console.h"
#include "vmm/virtio/virtio_mmio.h"
#include "vmm/virtio/virtio_net.h"
#include "vmm/virtio/virtio_rng.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOW	 0x6000u
#define HIGH	 UINT64_C(0x100000000)
#define HIGH_LEN 0x1000u

/* Where the good ring is, in the end. */
#define DESC	0x0
#define AVAIL	0x1000
#define USED	0x2000
#define DATA	0x3000
#define DATALEN 16

#define DISK_LEN (16 * DISK_SECTOR)

/* A queue's worth of chains; of each, a table and its buffers. */
#define MAPS_MAX (VIRTQUEUE_SIZE_MAX * (VIRTQUEUE_SIZE_MAX + 1u))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static char *low, *high;
static _Atomic unsigned maps;

enum {
	ECHO,
	RNG,
	CONSOLE,
	BLK,
	NET,
	BALLOON,
	DEVICES
};

static struct virtio_mmio devices[DEVICES];
static int disk_fd, net_peer;
static unsigned frames; /* that came in, of this input */

/* A good driver's request: the queue, how much it says and takes, and how much is
 * written then. All of what it says is zeros: to the disk, a sector be read. */
static const struct {
	uint32_t queue, out, in, len;
} requests[DEVICES] = {
	[ECHO] = {0, DATALEN, DATALEN, DATALEN},
	[RNG] = {0, DATALEN, DATALEN, DATALEN},
	[CONSOLE] = {1, DATALEN, DATALEN, 0},
	[BLK] = {0, 16, DISK_SECTOR + 1, DISK_SECTOR + 1},
	[NET] = {1, 12 + 60, DATALEN, 0},
	[BALLOON] = {0, DATALEN, DATALEN, 0},
};

static void must(bool promise)
{
	if (!promise)
		abort();
}

/* Guest memory. */

static char *ram(gpa_t gpa, uint64_t len)
{
	must(len > 0);
	if (gpa < LOW && len <= LOW - gpa)
		return low + gpa;
	if (gpa >= HIGH && gpa - HIGH < HIGH_LEN &&
	    len <= HIGH_LEN - (gpa - HIGH))
		return high + (gpa - HIGH);
	return NULL;
}

static void *map(void *ctx, gpa_t gpa, uint64_t len)
{
	(void)ctx;
	maps++;
	return ram(gpa, len);
}

static bool is_ram(void *ctx, gpa_t gpa, uint64_t len)
{
	(void)ctx;
	maps++;
	return ram(gpa, len);
}

/* The device, by its registers. */

/* Is there anything to do for the worker? Lock held. */
static bool is_busy(const struct virtio_device *device)
{
	struct pollfd polled = {device->poll_fd, device->poll_events, 0};

	if (device->notified)
		return true;
	return device->status & VIRTIO_CONFIG_S_DRIVER_OK && !device->broken &&
	       polled.events && poll(&polled, 1, 0) > 0;
}

/* Whoever is outside takes all that comes; the device may have more. */
static void drain(void)
{
	static char bytes[65536];

	while (recv(net_peer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* A frame that came in and is too large for its buffers is dropped, and the next
 * tries them again. */
static void rest(struct virtio_device *device)
{
	bool busy = true;

	while (busy) {
		drain();
		pthread_mutex_lock(&device->lock);
		busy = is_busy(device);
		pthread_mutex_unlock(&device->lock);
		if (busy)
			sched_yield();
	}
	must(maps <= MAPS_MAX * (1 + frames));
	maps = 0;
}

static void access_bytes(struct virtio_mmio *mmio, unsigned at, void *bytes,
			 unsigned len, enum bus_dir dir)
{
	/* The bus passes on what lies inside the range. */
	if (at + len <= VIRTIO_MMIO_LEN)
		virtio_mmio_access(mmio, at, bytes, len, dir);
	rest(mmio->device);
}

static uint32_t get(struct virtio_mmio *mmio, unsigned reg)
{
	uint32_t value = 0;

	access_bytes(mmio, reg, &value, 4, BUS_READ);
	return value;
}

static void set(struct virtio_mmio *mmio, unsigned reg, uint32_t value)
{
	access_bytes(mmio, reg, &value, 4, BUS_WRITE);
}

static void set_half(struct virtio_mmio *mmio, unsigned reg, gpa_t value)
{
	set(mmio, reg, (uint32_t)value);
	set(mmio, reg + 4, (uint32_t)(value >> 32));
}

/* Up to FEATURES_OK. */
static void negotiate(struct virtio_mmio *mmio, uint32_t features)
{
	set(mmio, VIRTIO_MMIO_STATUS, 0);
	set(mmio, VIRTIO_MMIO_STATUS, 3);
	set(mmio, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set(mmio, VIRTIO_MMIO_DRIVER_FEATURES, features);
	set(mmio, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(mmio, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set(mmio, VIRTIO_MMIO_STATUS, 11);
}

static void set_queue(struct virtio_mmio *mmio, uint32_t queue, uint32_t size,
		      gpa_t desc, gpa_t avail, gpa_t used)
{
	set(mmio, VIRTIO_MMIO_QUEUE_SEL, queue);
	set(mmio, VIRTIO_MMIO_QUEUE_NUM, size);
	set_half(mmio, VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
	set_half(mmio, VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail);
	set_half(mmio, VIRTIO_MMIO_QUEUE_USED_LOW, used);
	set(mmio, VIRTIO_MMIO_QUEUE_READY, 1);
}

/* A good driver: the device takes a buffer, and fills another. */
static void works(unsigned device)
{
	struct virtio_mmio *mmio = &devices[device];
	uint32_t queue = requests[device].queue;
	const struct vring_desc out = {DATA, requests[device].out,
				       VRING_DESC_F_NEXT, 1};
	const struct vring_desc in = {HIGH, requests[device].in,
				      VRING_DESC_F_WRITE, 0};
	struct vring_avail *avail = (struct vring_avail *)(low + AVAIL);
	const struct vring_used *used = (struct vring_used *)(low + USED);

	memset(low, 0, LOW);
	memcpy(low + DESC, &out, sizeof(out));
	memcpy(low + DESC + sizeof(out), &in, sizeof(in));
	avail->ring[0] = 0;
	avail->idx = 1;
	negotiate(mmio, 0);
	set_queue(mmio, queue, 2, DESC, AVAIL, USED);
	set(mmio, VIRTIO_MMIO_STATUS, 15);
	set(mmio, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
	must(get(mmio, VIRTIO_MMIO_STATUS) == 15);
	must(used->idx == 1);
	must(used->ring[0].id == 0 &&
	     used->ring[0].len == requests[device].len);
	set(mmio, VIRTIO_MMIO_STATUS, 0);
	must(get(mmio, VIRTIO_MMIO_STATUS) == 0);
	must(get(mmio, VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
}

/* The script: what is left of it. Beyond its end there are zeros. */
struct script {
	const uint8_t *at, *end;
};

static uint64_t take(struct script *s, size_t len)
{
	uint64_t value = 0;
	size_t left = (size_t)(s->end - s->at);

	if (len > left)
		len = left;
	memcpy(&value, s->at, len);
	s->at += len;
	return value;
}

/* Addresses: mostly good ones, and a byte says how not. */
static gpa_t take_gpa(struct script *s)
{
	uint64_t kind = take(s, 1);

	switch (kind) {
	case 0xff:
		return take(s, 8);
	case 0xfe:
		return HIGH + take(s, 2);
	default:
		return take(s, 2);
	}
}

static void write_memory(struct script *s)
{
	gpa_t gpa = take_gpa(s);
	size_t len = take(s, 1), left = (size_t)(s->end - s->at);
	char *at;

	if (len > left)
		len = left;
	at = len ? ram(gpa, len) : NULL;
	if (at)
		memcpy(at, s->at, len);
	s->at += len;
}

static void write_desc(struct script *s)
{
	gpa_t gpa = take_gpa(s);
	struct vring_desc desc = {.addr = take_gpa(s)};
	char *at = ram(gpa, sizeof(desc));

	desc.len = (uint32_t)take(s, 2);
	desc.flags = (uint16_t)take(s, 1);
	desc.next = (uint16_t)take(s, 1);
	if (at)
		memcpy(at, &desc, sizeof(desc));
}

static void any_access(struct virtio_mmio *mmio, struct script *s, bool write)
{
	unsigned at = take(s, 2) % VIRTIO_MMIO_LEN;
	unsigned len = 1u << take(s, 1) % 4;
	uint64_t value = write ? take(s, len) : 0;

	access_bytes(mmio, at, &value, len, write ? BUS_WRITE : BUS_READ);
}

static const uint8_t typed[2000];

/* Somebody types and pulls at the window, and a frame comes in, whose length may
 * be a lie: whoever listens is told. */
static void come_in(uint32_t what)
{
	static uint8_t frame[4 + 2000];
	uint32_t len = what % sizeof(typed),
		 said = htonl((what >> 16 & 0x7fff) * 4);

	virtio_console_input(devices[CONSOLE].device, typed, len);
	virtio_console_resize(devices[CONSOLE].device, (uint16_t)len, 24);
	rest(devices[CONSOLE].device);
	if (!(what >> 31))
		said = htonl(len);
	memcpy(frame, &said, sizeof(said));
	if (send(net_peer, frame, 4 + len, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		frames++;
	rest(devices[NET].device);
}

static void step(struct virtio_mmio *mmio, struct script *s)
{
	uint32_t queue, size;
	gpa_t desc, avail;

	switch (take(s, 1) % 11) {
	case 0:
		negotiate(mmio, (uint32_t)take(s, 4));
		break;
	case 1:
		queue = (uint32_t)take(s, 1);
		size = (uint32_t)take(s, 2);
		desc = take_gpa(s);
		avail = take_gpa(s);
		set_queue(mmio, queue, size, desc, avail, take_gpa(s));
		break;
	case 2:
		set(mmio, VIRTIO_MMIO_STATUS, (uint32_t)take(s, 1));
		break;
	case 3:
		set(mmio, VIRTIO_MMIO_QUEUE_NOTIFY, (uint32_t)take(s, 1));
		break;
	case 4:
		write_memory(s);
		break;
	case 5:
		write_desc(s);
		break;
	case 6:
		any_access(mmio, s, false);
		break;
	case 7:
		any_access(mmio, s, true);
		break;
	case 8:
		set(mmio, 4 * (unsigned)take(s, 1), (uint32_t)take(s, 4));
		break;
	case 9:
		come_in((uint32_t)take(s, 4));
		break;
	default:
		get(mmio, 4 * (unsigned)take(s, 1));
	}
}

/* There is none here. */
bool sandbox_enter_thread(struct stop *stop)
{
	(void)stop;
	return true;
}

/* The terminal: looks at both ends of what it gets. */
static void put(void *ctx, const void *bytes, size_t len)
{
	static volatile uint8_t sum;
	const uint8_t *byte = bytes;

	(void)ctx;
	must(len > 0);
	sum = byte[0] ^ byte[len - 1];
}

static void room(void *ctx)
{
	(void)ctx;
}

/* The balloon's memory: whole pages, and none beyond. */
static int discard(void *ctx, gpa_t gpa, uint64_t len)
{
	(void)ctx;
	must(len && !((gpa | len) & PAGE_MASK) && ram(gpa, len));
	return 0;
}

static const struct virtio_place place = {.dma = {map, is_ram, NULL}};

static struct virtio_device *create_blk(void)
{
	struct virtio_device *device;
	char path[40];
	struct disk disk;
	struct error err;

	disk_fd = memfd_create("disk", MFD_CLOEXEC);
	must(disk_fd >= 0 && !ftruncate(disk_fd, DISK_LEN));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", disk_fd);
	must(!disk_open(&disk, path, &err) &&
	     !virtio_blk_create(&device, &disk));
	return device;
}

static void renew_disk(void)
{
	must(!fallocate(disk_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			DISK_LEN));
}

/* A link that has gone down stays so. */
static void renew_net(void)
{
	static const uint8_t mac[] = {2, 0, 0, 0, 0, 1};
	struct net_backend *backend;
	int fds[2];

	virtio_device_destroy(devices[NET].device);
	if (net_peer > 0)
		close(net_peer);
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) &&
	     !net_passt_create_on(&backend, fds[0]) &&
	     !virtio_net_create(&devices[NET].device, backend, "", mac) &&
	     !virtio_device_start(devices[NET].device, &place));
	net_peer = fds[1];
	frames = 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct virtio_console_host host = {put, room, NULL};

	(void)argc;
	(void)argv;
	low = malloc(LOW);
	high = malloc(HIGH_LEN);
	must(low && high && !virtio_rng_create(&devices[RNG].device) &&
	     !virtio_console_create(&devices[CONSOLE].device, &host) &&
	     !virtio_balloon_create(&devices[BALLOON].device, 1, discard,
				    NULL));
	devices[ECHO].device = &echo_create()->device;
	devices[BLK].device = create_blk();
	for (unsigned i = 0; i < DEVICES; i++)
		must(i == NET ||
		     !virtio_device_start(devices[i].device, &place));
	renew_net();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = {data, data + size};
	unsigned device = take(&script, 1) % DEVICES;

	memset(low, 0, LOW);
	memset(high, 0, HIGH_LEN);
	if (device == BLK)
		renew_disk();
	while (script.at < script.end)
		step(&devices[device], &script);
	works(device);
	if (device == NET || frames)
		renew_net();
	return 0;
}
