/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/devices/pci.h"

#include <string.h>

#define CONFIG_ADDRESS 0
#define RESET	       1 /* 0xcf9 */

static void pci_address(struct pci *pci, void *data, enum bus_dir dir)
{
	pthread_mutex_lock(&pci->lock);
	if (dir == BUS_READ)
		memcpy(data, &pci->address, sizeof(pci->address));
	else
		memcpy(&pci->address, data, sizeof(pci->address));
	pthread_mutex_unlock(&pci->lock);
}

void pci_access(void *ctx, uint64_t offset, void *data, unsigned len,
		enum bus_dir dir)
{
	struct pci *pci = ctx;

	if (offset == CONFIG_ADDRESS && len == sizeof(pci->address))
		pci_address(pci, data, dir);
	else if (offset == RESET && len == 1)
		pci->reset(pci->reset_ctx, 0, data, len, dir);
	else if (dir == BUS_READ)
		/* Configuration data of nobody: "master abort", all ones. */
		memset(data, 0xff, len);
}

void pci_init(struct pci *pci, bus_fn reset, void *reset_ctx)
{
	*pci = (struct pci){.reset = reset, .reset_ctx = reset_ctx};
	pthread_mutex_init(&pci->lock, NULL);
}

void pci_fini(struct pci *pci)
{
	pthread_mutex_destroy(&pci->lock);
}
