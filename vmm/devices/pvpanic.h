/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvpanic, by which a guest's kernel says that it has panicked: one port.
 *
 * QEMU, docs/specs/pvpanic.rst. A panic that ends in a reset could not be told
 * from any other reset without it.
 */
#pragma once

#include <stdint.h>

#include "vmm/devices/bus.h"

/* Bits of the port: which events there are to be told of; which happened. */
#define PVPANIC_PANICKED    0x01
#define PVPANIC_CRASHLOADED 0x02 /* and a kernel takes over that dumps memory */

struct pvpanic {
	/* Constant: the guest has panicked, and nobody takes over. On a vCPU's
	 * thread, maybe more than once. */
	void (*panicked)(void *ctx);
	void *ctx;
};

/* bus_fn of one port. */
void pvpanic_access(void *pvpanic, uint64_t offset, void *data, unsigned len,
		    enum bus_dir dir);
