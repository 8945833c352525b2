/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The minimal machine's: local APICs in KVM, an I/O APIC of ours whose messages
 * go to them (split irqchip). Nothing sits on KVM's own I/O buses, so nothing
 * has to be taken off them, with a wait each, when the process ends.
 *
 * KVM api.rst KVM_CAP_SPLIT_IRQCHIP, KVM_SIGNAL_MSI.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "guest/abi.h"
#include "vmm/chips.h"
#include "vmm/status.h"

static void send_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct chips *chips = ctx;
	struct kvm_msi msi = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};

	/* 0: no local APIC took it, which is the guest's affair. */
	ioctl(chips->vm_fd, KVM_SIGNAL_MSI, &msi);
}

/* The pins whose end-of-interrupt KVM shall report. KVM takes the whole table
 * at once. */
static void set_route(void *ctx, unsigned pin, bool active, uint64_t addr,
		      uint32_t data)
{
	struct chips *chips = ctx;
	struct kvm_irq_routing_entry routes[IOAPIC_PINS];
	size_t nr = 0;
	int rc;

	pthread_mutex_lock(&chips->routes_lock);
	chips->routes[pin] = (struct kvm_irq_routing_entry){
		.gsi = pin,
		.type = active ? KVM_IRQ_ROUTING_MSI : 0,
		.u.msi =
			{
				.address_lo = (uint32_t)addr,
				.address_hi = (uint32_t)(addr >> 32),
				.data = data,
			},
	};
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		if (chips->routes[i].type)
			routes[nr++] = chips->routes[i];
	rc = chips_set_routes(chips, routes, nr);
	if (rc)
		stop_request(chips->stop, STATUS_HOST,
			     "KVM_SET_GSI_ROUTING: %s", strerror(-rc));
	pthread_mutex_unlock(&chips->routes_lock);
}

static void init(struct chips *chips, struct bus *mmio)
{
	pthread_mutex_init(&chips->routes_lock, NULL);
	ioapic_init(&chips->ioapic, send_msi, set_route, chips);
	bus_add(mmio, ABI_IOAPIC_BASE, IOAPIC_LEN, "ioapic", ioapic_access,
		&chips->ioapic);
}

static void fini(struct chips *chips)
{
	ioapic_fini(&chips->ioapic);
	pthread_mutex_destroy(&chips->routes_lock);
}

static int create(struct chips *chips, const char **what)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_SPLIT_IRQCHIP,
		.args = {IOAPIC_PINS},
	};

	*what = "KVM_CAP_SPLIT_IRQCHIP";
	return ioctl(chips->vm_fd, KVM_ENABLE_CAP, &cap) ? -errno : 0;
}

static void set_irq(void *ctx, unsigned irq, bool level)
{
	struct chips *chips = ctx;

	ioapic_set(&chips->ioapic, irq, level);
}

static const struct chips_capability needed[] = {
	{KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP"},
	{KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI"},
	{0, NULL},
};

const struct chips_kind chips_split = {
	.needed = needed,
	.mend = "Linux 4.4 or later has it",
	.create = create,
	.set_irq = set_irq,
	.init = init,
	.fini = fini,
};
