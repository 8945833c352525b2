/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables first, then the MP tables: both are found by their signatures on
 * 16-byte boundaries, or through the RSDP's address where a boot protocol has a
 * field for it.
 */
#include "vmm/firmware/firmware.h"

#include <assert.h>

#include "pager/page.h"
#include "vmm/firmware/acpi.h"
#include "vmm/blob.h"
#include "vmm/firmware/mptable.h"

static size_t put(const struct firmware_params *params, uint8_t *out)
{
	struct blob blob = {.out = out};
	uint32_t base = (uint32_t)params->base;

	assert(params->cpus >= 1 && params->cpus <= 254);
	assert(!(params->base & PAGE_MASK));
	acpi_put(&blob, base, params->machine, params->cpus, params->virtio);
	mptable_put(&blob, base, params->machine, params->cpus);
	assert(params->base + blob.at <= UINT32_MAX);
	return blob.at;
}

size_t firmware_size(const struct firmware_params *params)
{
	return put(params, NULL);
}

void firmware_build(const struct firmware_params *params, uint8_t *bytes)
{
	put(params, bytes);
}
