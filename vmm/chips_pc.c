/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pc's: two 8259A, the I/O APIC and the 8254 are KVM's, and so is port 0x61,
 * through which the 8254's channel 2 is started and watched. Chips on KVM's own
 * I/O buses cost time: whoever changes such a bus, or the memory slots after it,
 * waits for an RCU grace period of several ticks of the host's clock. A VM that
 * ends right after it began pays at its end.
 *
 * Hence memory slots first. And hence no reinjection of timer interrupts that
 * came too fast for the guest: undoing it at the end is one more such wait. The
 * real chip loses them as well; with reinjection KVM awaits the end of each
 * before it sends the next, for ever if it misses one, and cannot use the
 * processor's interrupt virtualization (AVIC).
 *
 * KVM api.rst KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, KVM_REINJECT_CONTROL,
 * KVM_IRQ_LINE.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "vmm/chips.h"

#define ISA_IRQS     16
#define TIMER_IRQ    0
#define CASCADE_IRQ  2 /* where the second PIC reports to the first */
#define PINS_PER_PIC 8

static struct kvm_irq_routing_entry route(unsigned gsi, unsigned chip,
					  unsigned pin)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = {.irqchip = chip, .pin = pin},
	};
}

/* An ISA interrupt arrives at a PIC and at the I/O APIC, at the pin of the same
 * number, except the timer's (MACHINE_GSI_TIMER). */
static int set_routes(const struct chips *chips)
{
	struct kvm_irq_routing_entry routes[CHIPS_ROUTES_MAX];
	size_t nr = 0;

	for (unsigned gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		if (gsi == CASCADE_IRQ)
			continue;
		if (gsi < ISA_IRQS)
			routes[nr++] = route(gsi,
					     gsi < PINS_PER_PIC
						     ? KVM_IRQCHIP_PIC_MASTER
						     : KVM_IRQCHIP_PIC_SLAVE,
					     gsi % PINS_PER_PIC);
		routes[nr++] =
			route(gsi, KVM_IRQCHIP_IOAPIC,
			      gsi == TIMER_IRQ ? MACHINE_GSI_TIMER : gsi);
	}
	return chips_set_routes(chips, routes, nr);
}

static int create(struct chips *chips, const char **what)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	struct kvm_reinject_control reinject = {.pit_reinject = 0};
	int rc;

	*what = "KVM_CREATE_IRQCHIP";
	if (ioctl(chips->vm_fd, KVM_CREATE_IRQCHIP, 0))
		return -errno;
	*what = "KVM_SET_GSI_ROUTING";
	rc = set_routes(chips);
	if (rc)
		return rc;
	*what = "KVM_CREATE_PIT2";
	if (ioctl(chips->vm_fd, KVM_CREATE_PIT2, &pit))
		return -errno;
	*what = "KVM_REINJECT_CONTROL";
	return ioctl(chips->vm_fd, KVM_REINJECT_CONTROL, &reinject) ? -errno
								    : 0;
}

static void set_irq(void *ctx, unsigned irq, bool level)
{
	struct chips *chips = ctx;
	struct kvm_irq_level line = {.irq = irq, .level = level};

	ioctl(chips->vm_fd, KVM_IRQ_LINE, &line);
}

static const struct chips_capability needed[] = {
	{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
	{KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
	{KVM_CAP_PIT2, "KVM_CAP_PIT2"},
	{KVM_CAP_REINJECT_CONTROL, "KVM_CAP_REINJECT_CONTROL"},
	{0, NULL},
};

const struct chips_kind chips_pc = {
	.needed = needed,
	.mend = "kernels built without CONFIG_KVM_IOAPIC do: try "
		"--machine=minimal",
	.create = create,
	.set_irq = set_irq,
};
