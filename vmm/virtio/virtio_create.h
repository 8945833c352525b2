/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an option of the command line to a virtio device: which kinds there are,
 * and what each makes of its argument.
 */
#pragma once

#include "vmm/error.h"
#include "vmm/virtio/virtio_device.h"

enum virtio_kind {
	VIRTIO_RNG,
	VIRTIO_CONSOLE,
	VIRTIO_BLK,
	VIRTIO_BALLOON,
	VIRTIO_NET,
	VIRTIO_KINDS
};

/* What was asked for: "-d FILE[,ro]" is a kind and an argument. */
struct virtio_request {
	enum virtio_kind kind;
	const char *arg; /* NULL: the option has none */
	uint64_t bytes;	 /* VIRTIO_BALLOON: what the guest is asked for */
};

/* What devices work with; all of it outlives them. */
struct virtio_host {
	struct pager *pager;
	struct console *console;
	/* The console has unflushed output, or may give input again. */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

/* virtio_device_destroy ends it. 0, or -errno with err filled. */
int virtio_create(struct virtio_device **out,
		  const struct virtio_request *request,
		  const struct virtio_host *host, struct error *err);
