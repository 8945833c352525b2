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
