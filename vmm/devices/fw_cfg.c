/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_cfg: a 16-bit write to the first port selects an item, each read of the
 * second gives its next byte. Past an item's end, and where there is no item,
 * the bytes are zeros; so the file directory reads as empty.
 *
 * Left out: the DMA interface (the id item says so), files, writing (as QEMU
 * does since 2.4).
 */
#include "vmm/devices/fw_cfg.h"

#include <string.h>

/* QEMU include/standard-headers/linux/qemu_fw_cfg.h and hw/i386/fw_cfg.h. */
enum {
	FW_CFG_SIGNATURE = 0x00,
	FW_CFG_ID = 0x01,
	FW_CFG_RAM_SIZE = 0x03,
	FW_CFG_NOGRAPHIC = 0x04,
	FW_CFG_NB_CPUS = 0x05,
	FW_CFG_MAX_CPUS = 0x0f,
	FW_CFG_CMDLINE_SIZE = 0x14,
	FW_CFG_CMDLINE_DATA = 0x15,
	FW_CFG_WRITE_CHANNEL = 0x4000, /* a bit that selects nothing else */
	FW_CFG_IRQ0_OVERRIDE = 0x8002, /* timer at pin 2 of the I/O APIC */
};

#define ID_TRADITIONAL 1u /* these two ports, no DMA */
#define PORT_SELECTOR  0
#define PORT_DATA      1

void fw_cfg_init(struct fw_cfg *fw_cfg, const struct fw_cfg_params *params)
{
	uint32_t cmdline_len = (uint32_t)strlen(params->cmdline) + 1;
	const struct fw_cfg_item items[] = {
		{.key = FW_CFG_SIGNATURE, .len = 4, .text = "QEMU"},
		{.key = FW_CFG_ID, .len = 4, .value = ID_TRADITIONAL},
		{.key = FW_CFG_RAM_SIZE, .len = 8, .value = params->ram},
		{.key = FW_CFG_NOGRAPHIC, .len = 2, .value = 1},
		{.key = FW_CFG_NB_CPUS, .len = 2, .value = params->cpus},
		{.key = FW_CFG_MAX_CPUS, .len = 2, .value = params->cpus},
		{.key = FW_CFG_CMDLINE_SIZE, .len = 4, .value = cmdline_len},
		{.key = FW_CFG_CMDLINE_DATA,
		 .len = cmdline_len,
		 .text = params->cmdline},
		{.key = FW_CFG_IRQ0_OVERRIDE, .len = 1, .value = 1},
	};

	_Static_assert(sizeof(items) == sizeof(fw_cfg->items), "all of them");
	memcpy(fw_cfg->items, items, sizeof(items));
	pthread_mutex_init(&fw_cfg->lock, NULL);
	fw_cfg->key = FW_CFG_SIGNATURE;
	fw_cfg->offset = 0;
}

void fw_cfg_fini(struct fw_cfg *fw_cfg)
{
	pthread_mutex_destroy(&fw_cfg->lock);
}

/* offset < item->len */
static uint8_t item_byte(const struct fw_cfg_item *item, uint32_t offset)
{
	if (item->text)
		return (uint8_t)item->text[offset];
	return (uint8_t)(item->value >> 8 * offset);
}

/* Lock held. At an item's end, however long, the offset stays. */
static uint8_t next_byte(struct fw_cfg *fw_cfg)
{
	for (unsigned i = 0; i < FW_CFG_ITEMS; i++) {
		const struct fw_cfg_item *item = &fw_cfg->items[i];

		if (item->key == fw_cfg->key && fw_cfg->offset < item->len)
			return item_byte(item, fw_cfg->offset++);
	}
	return 0;
}

void fw_cfg_access(void *ctx, uint64_t offset, void *data, unsigned len,
		   enum bus_dir dir)
{
	struct fw_cfg *fw_cfg = ctx;
	uint8_t *bytes = data;

	pthread_mutex_lock(&fw_cfg->lock);
	if (dir == BUS_READ) {
		for (unsigned i = 0; i < len; i++)
			bytes[i] =
				offset + i == PORT_DATA ? next_byte(fw_cfg) : 0;
	} else if (offset == PORT_SELECTOR && len == 2) {
		memcpy(&fw_cfg->key, data, 2);
		fw_cfg->key &= (uint16_t)~FW_CFG_WRITE_CHANNEL;
		fw_cfg->offset = 0;
	}
	pthread_mutex_unlock(&fw_cfg->lock);
}
