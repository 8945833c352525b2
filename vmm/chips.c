/* SPDX-License-Identifier: Apache-2.0 */
/* What both kinds share. */
#include "vmm/chips.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

void chips_init(struct chips *chips, enum machine machine, struct stop *stop,
		struct bus *mmio)
{
	*chips = (struct chips){
		.kind = machine == MACHINE_PC ? &chips_pc : &chips_split,
		.stop = stop,
		.vm_fd = -1,
	};
	if (chips->kind->init)
		chips->kind->init(chips, mmio);
}

void chips_fini(struct chips *chips)
{
	if (chips->kind->fini)
		chips->kind->fini(chips);
}

int chips_set_routes(const struct chips *chips,
		     const struct kvm_irq_routing_entry *routes, size_t nr)
{
	/* A header with a flexible array behind it. */
	_Alignas(struct kvm_irq_routing)
		uint8_t buf[sizeof(struct kvm_irq_routing) +
			    CHIPS_ROUTES_MAX * sizeof(*routes)] = {0};
	struct kvm_irq_routing *table = (void *)buf;

	assert(nr <= CHIPS_ROUTES_MAX);
	table->nr = (uint32_t)nr;
	memcpy(table->entries, routes, nr * sizeof(*routes));
	return ioctl(chips->vm_fd, KVM_SET_GSI_ROUTING, table) ? -errno : 0;
}
