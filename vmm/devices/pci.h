/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI configuration mechanism 1 (ports 0xcf8 to 0xcff) of a machine on whose bus
 * nothing answers: kernels find the mechanism, look at every device number, and
 * go on without PCI.
 *
 * PCI Local Bus 3.0, 3.2.2.3.2.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "vmm/devices/bus.h"

#define PCI_PORTS 8

struct pci {
	/* Set by pci_init, constant after: the chipset's reset register. */
	bus_fn reset;
	void *reset_ctx;

	pthread_mutex_t lock;
	/* lock held: */
	uint32_t address; /* CONFIG_ADDRESS */
};

/*
 * CONFIG_ADDRESS exists for 32-bit accesses alone; others to its ports "pass
 * through the host bridge": bytes at 0xcf9 to the chipset's reset register, with
 * offset 0, the rest to nobody.
 */
void pci_init(struct pci *pci, bus_fn reset, void *reset_ctx);
void pci_fini(struct pci *pci);

/* bus_fn for the eight ports; ctx is the struct pci. */
void pci_access(void *pci, uint64_t offset, void *data, unsigned len,
		enum bus_dir dir);
