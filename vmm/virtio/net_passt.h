/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passt (https://passt.top/), a program that makes sockets of its user's of a
 * guest's connections: a network for a guest that needs no privilege.
 *
 * A UNIX stream socket, and on it, in both directions, frames behind their
 * length: 4 bytes, big-endian (QEMU's "-netdev stream").
 */
#pragma once

#include "vmm/virtio/net_backend.h"

/* Connects to passt. 0, or -errno with err filled. */
int net_passt_create(struct net_backend **out, const char *path,
		     struct error *err);

/* The same on a connected stream socket, which is the backend's from here on.
 * 0 or -ENOMEM. */
int net_passt_create_on(struct net_backend **out, int fd);
