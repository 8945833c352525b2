/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the hostile guest that knows virtio.
 */
#pragma once

#include "guest/hostile/hostile.h"

/* How many devices there are; before the others. */
unsigned virtio_find(void);

/* These need a device. */
void virtio_hammer(struct hostile *h); /* registers */
void virtio_break(struct hostile *h);  /* queues */

/* Each device does what it is for; nobody else uses them. CHECKs. */
void virtio_check(void);

/* The entropy device writes into every page from start to end, as a driver that
 * means no harm. CHECKs. */
void virtio_fill(char *start, const char *end);
