/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the DSDT says in AML (ACPI 6.4, 5.2.11.1): the devices that a kernel
 * cannot find out about by itself, and the sleep type that turns off.
 */
#pragma once

#include "vmm/blob.h"
#include "vmm/machine.h"

/* virtio: how many such devices (machine.h). */
void acpi_dsdt_put(struct blob *aml, enum machine machine, unsigned virtio);
