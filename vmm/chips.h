/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's interrupt chips, of which KVM has some or all: two kinds, behind
 * one table of functions.
 *
 * KVM api.rst KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, KVM_CAP_SPLIT_IRQCHIP,
 * KVM_SET_GSI_ROUTING.
 */
#pragma once

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmm/devices/bus.h"
#include "vmm/devices/ioapic.h"
#include "vmm/machine.h"
#include "vmm/stop.h"

struct chips;

struct chips_capability {
	int number;
	const char *name; /* NULL ends the list */
};

struct chips_kind {
	/* What KVM must have, and the mend where it has not. */
	const struct chips_capability *needed;
	const char *mend;
	/* Creates KVM's part: after the memory slots and before the vCPUs. 0,
	 * or -errno and in *what the call that failed. */
	int (*create)(struct chips *chips, const char **what);
	/* An ISA interrupt's level: for struct irq_line, ctx is the struct
	 * chips. Any thread, once vCPUs run. */
	void (*set_irq)(void *chips, unsigned irq, bool level);
	/* Makes what is not KVM's, and adds it to the bus of memory addresses;
	 * and its end. NULL: nothing to do. */
	void (*init)(struct chips *chips, struct bus *mmio);
	void (*fini)(struct chips *chips);
};

extern const struct chips_kind chips_pc;    /* all in KVM: PIC, IOAPIC, PIT */
extern const struct chips_kind chips_split; /* local APICs in KVM alone */

struct chips {
	/* Set by chips_init, constant after: */
	const struct chips_kind *kind;
	struct stop *stop;
	int vm_fd; /* set by the owner before create */

	/* chips_split's: */
	struct ioapic ioapic; /* locks itself */
	pthread_mutex_t routes_lock;
	/* routes_lock held: by pin; type 0: none */
	struct kvm_irq_routing_entry routes[IOAPIC_PINS];
};

void chips_init(struct chips *chips, enum machine machine, struct stop *stop,
		struct bus *mmio);
void chips_fini(struct chips *chips);

/* Gives KVM a table of routes, instead of the one it had; at most
 * CHIPS_ROUTES_MAX. 0 or -errno. */
#define CHIPS_ROUTES_MAX 48
int chips_set_routes(const struct chips *chips,
		     const struct kvm_irq_routing_entry *routes, size_t nr);
