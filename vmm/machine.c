/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/machine.h"

#include <string.h>

static const char *const names[] = {
	[MACHINE_PC] = "pc",
	[MACHINE_MINIMAL] = "minimal",
};

const char *machine_name(enum machine machine)
{
	return names[machine];
}

/* Those that are no ISA interrupts, then the ISA's free ones. */
unsigned machine_virtio_gsi(unsigned index)
{
	static const uint8_t gsi[MACHINE_VIRTIO_MAX] = {
		16, 17, 18, 19, 20, 21, 22, 23, 10, 11, 5, 7,
	};

	return gsi[index];
}

bool machine_parse(const char *name, enum machine *machine)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]))
			continue;
		*machine = (enum machine)i;
		return true;
	}
	return false;
}
