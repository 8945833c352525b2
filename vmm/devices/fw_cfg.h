/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's firmware configuration device, by ports: QEMU docs/specs/fw_cfg. Test
 * kernels written for QEMU ask it for the number of processors.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/devices/bus.h"

#define FW_CFG_PORT  0x510
#define FW_CFG_PORTS 2
#define FW_CFG_ITEMS 9

struct fw_cfg_params {
	uint64_t ram; /* bytes */
	unsigned cpus;
	const char *cmdline; /* outlives the device */
};

struct fw_cfg_item {
	uint16_t key;
	uint32_t len;
	const char *text; /* NULL: value, little-endian */
	uint64_t value;
};

struct fw_cfg {
	/* Set by fw_cfg_init, constant after. */
	struct fw_cfg_item items[FW_CFG_ITEMS];

	pthread_mutex_t lock;
	/* lock held: */
	uint16_t key;
	uint32_t offset; /* of the next byte in the selected item */
};

void fw_cfg_init(struct fw_cfg *fw_cfg, const struct fw_cfg_params *params);
void fw_cfg_fini(struct fw_cfg *fw_cfg);

/* bus_fn for FW_CFG_PORTS ports; ctx is the struct fw_cfg. */
void fw_cfg_access(void *fw_cfg, uint64_t offset, void *data, unsigned len,
		   enum bus_dir dir);
