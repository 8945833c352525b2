/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the MultiProcessor Specification 1.4 (Intel 242016), chapter
 * 4, for kernels older than ACPI.
 */
#pragma once

#include <stdint.h>

#include "vmm/blob.h"
#include "vmm/machine.h"

/* Puts the floating pointer structure, on the next 16-byte boundary, and the
 * configuration table; the blob begins at base. */
void mptable_put(struct blob *blob, uint32_t base, enum machine machine,
		 unsigned cpus);
