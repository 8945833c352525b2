/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap: a network interface of the host's whose other end is this process
 * (Linux networking/tuntap.rst). The host's kernel computes checksums and cuts
 * segments, so the guest need not.
 */
#pragma once

#include "vmm/virtio/net_backend.h"

/* Attaches to the interface, or creates it for the process's life where that is
 * allowed. 0, or -errno with err filled. */
int net_tap_create(struct net_backend **out, const char *interface,
		   struct error *err);
