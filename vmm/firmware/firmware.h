/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PC's firmware leaves in memory to describe the machine: ACPI tables
 * (RSDP, XSDT, FADT, FACS, MADT, DSDT; ACPI 6.4, 5.2) and, for kernels older
 * than ACPI, the MultiProcessor Specification's (1.4, 4). Composed as one block
 * of bytes; nothing here knows VM or guest memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pager/gpa.h"
#include "vmm/machine.h"

struct firmware_params {
	enum machine machine;
	unsigned cpus;
	gpa_t base;	 /* of the block: page aligned, below 4 GiB */
	unsigned virtio; /* devices, where machine.h says */
};

/* Where kernels look for both by themselves: firmware's own segment below
 * 1 MiB. */
#define FIRMWARE_BASE UINT64_C(0xf0000)

/* Length of the block in bytes. */
size_t firmware_size(const struct firmware_params *params);

/* Writes firmware_size() bytes. The RSDP is the first 36 of them. */
void firmware_build(const struct firmware_params *params, uint8_t *bytes);
