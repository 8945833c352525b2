/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where gdb connects to: a port of this machine's loopback interface, or a
 * socket in the file system. Nobody else's network reaches either.
 */
#pragma once

#include <stdbool.h>

#include "vmm/error.h"

#define LISTENER_PORT 1234 /* QEMU's, too */

struct listener {
	int fd;		  /* -1: none; does not block */
	const char *path; /* of the socket; NULL: a port */
	char name[160];	  /* for people and for gdb's `target remote` */
};

/* Is this an argument of --gdb: a port, "unix:PATH", or NULL for the default? */
bool listener_check(const char *where);

/* A descriptor that accept(2) can be called for. where outlives it. 0, or -errno
 * with err filled. */
int listener_open(struct listener *listener, const char *where,
		  struct error *err);

/* Closes it, and removes the socket's file. One that is not open is fine. */
void listener_close(struct listener *listener);
