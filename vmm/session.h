/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run, from options to a machine that waits for its start: everything that is
 * made for it, in its order.
 */
#pragma once

#include <stdint.h>

#include "pager/image.h"
#include "pager/pager.h"
#include "pager/trace.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/bzimage.h"
#include "vmm/console.h"
#include "vmm/digest.h"
#include "vmm/events.h"
#include "vmm/gdb/stub.h"
#include "vmm/options.h"
#include "vmm/stop.h"
#include "vmm/timeline.h"
#include "vmm/virtio/virtio_create.h"
#include "vmm/vm.h"

/* Everything a run owns; the pointers are NULL until made. The main thread's. */
struct session {
	/* The caller's to fill: */
	struct options options;
	struct timeline timeline;

	struct image *image;
	struct bzimage bzimage; /* if the image comes out of one */
	struct boot_plan *plan;
	struct trace *trace;
	struct pager *pager;
	struct console *console;
	struct stop stop;
	struct events events;
	struct virtio_device *devices[MACHINE_VIRTIO_MAX];
	unsigned nr_devices;
	struct virtio_host host;	      /* the devices' */
	struct virtio_device *console_device; /* NULL: the serial port */
	struct stub *stub;		      /* --gdb's, or NULL */
	int resize_fd; /* signalfd for SIGWINCH, if there is a console_device */
	struct vm *vm;

	char digest[DIGEST_TEXT]; /* empty: none */
};

/*
 * Makes all of it; vm_start comes next. 0, or the status to exit with, and why on
 * stderr. What has been made by then stays: the process is to end.
 */
int session_prepare(struct session *session);

/* events_input_fn: what is typed, for the console that has the input. */
size_t session_input(void *session, const uint8_t *bytes, size_t len);
