/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Crash loaded" is news without a consequence: the guest goes on, and ends by
 * itself when its dump is written.
 */
#include "vmm/devices/pvpanic.h"

void pvpanic_access(void *ctx, uint64_t offset, void *data, unsigned len,
		    enum bus_dir dir)
{
	struct pvpanic *p = ctx;
	uint8_t *events = data;

	(void)offset;
	(void)len; /* 1: the range is one port */
	if (dir == BUS_READ)
		*events = PVPANIC_PANICKED | PVPANIC_CRASHLOADED;
	else if (*events & PVPANIC_PANICKED)
		p->panicked(p->ctx);
}
