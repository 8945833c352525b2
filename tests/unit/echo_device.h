/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device for tests of what all devices have in common: what a chain has
 * to read goes into what it has to write. A request that begins with ECHO_FAIL
 * makes the device fail.
 */
#pragma once

#include "vmm/virtio/virtio_device.h"

#define ECHO_QUEUES  2
#define ECHO_CONFIG  13 /* odd: reads beyond the end are cut short */
#define ECHO_WRITE   4	/* writable from here on */
#define ECHO_FEATURE 3	/* offered, besides those of all devices */
#define ECHO_FAIL    0xff

struct echo {
	struct virtio_device device; /* first */
	uint8_t config[ECHO_CONFIG]; /* 1, 2, 3 ... */
	int wait_fd; /* 0: none; a request waits for a byte from it */
	_Atomic unsigned requests; /* begun */
	/* lock held: */
	unsigned started, resets, ready, writes;
};

struct echo *echo_create(void);

/* device->lock held: polls the descriptor. */
void echo_poll(struct echo *echo, int fd);
