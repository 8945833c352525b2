/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables (ACPI 6.4, 5.2): RSDP, RSDT, XSDT, FADT, FACS, MADT, DSDT.
 */
#pragma once

#include <stdint.h>

#include "vmm/blob.h"
#include "vmm/machine.h"

/* Puts the RSDP and what it leads to; the blob begins at base. virtio: how many
 * such devices there are (machine.h). */
void acpi_put(struct blob *blob, uint32_t base, enum machine machine,
	      unsigned cpus, unsigned virtio);
