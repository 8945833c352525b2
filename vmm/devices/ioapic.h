/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel 82093AA I/O APIC in user space: pins in, interrupt messages out. The
 * local APICs are KVM's (split irqchip).
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/devices/bus.h"

#define IOAPIC_PINS 24
#define IOAPIC_LEN  0x1000

/*
 * Message address and data of SDM 3A 11.11 (MSI format), for KVM_SIGNAL_MSI.
 * Called with the lock held, so that messages leave in the order of what
 * caused them: an ioctl that does not call back is fine here, a call into this
 * I/O APIC is not. Locks nest device, I/O APIC, kernel.
 */
typedef void (*ioapic_msi_fn)(void *ctx, uint64_t addr, uint32_t data);

/*
 * KVM must learn the vectors of level-triggered pins to report their EOIs
 * (KVM_SET_GSI_ROUTING with the pin as GSI; KVM_EXIT_IOAPIC_EOI). Called,
 * without the lock, when an unmasked pin has become level-triggered or its
 * message has changed (active), and when it has become edge-triggered (not
 * active; msi_addr and msi_data are the old message's). Returns before that
 * pin sends its first level message. Masking alone calls nothing: guests mask
 * a pin while they serve it, and its EOI must arrive all the same.
 */
typedef void (*ioapic_route_fn)(void *ctx, unsigned pin, bool active,
				uint64_t msi_addr, uint32_t msi_data);

struct ioapic_message {
	uint32_t addr, data;
};

struct ioapic {
	/* Set by ioapic_init, constant after. */
	ioapic_msi_fn msi;
	ioapic_route_fn route;
	void *ctx;

	pthread_mutex_t lock;
	/* lock held: */
	uint8_t id, select;
	uint64_t redirection[IOAPIC_PINS];
	uint32_t level;	  /* a bit per pin: the line's state */
	uint32_t routing; /* a bit per pin: route() is at work, send nothing */
	struct ioapic_message routed[IOAPIC_PINS]; /* addr 0: inactive */
};

/* route may be NULL. All pins masked and low. */
void ioapic_init(struct ioapic *ioapic, ioapic_msi_fn msi,
		 ioapic_route_fn route, void *ctx);
void ioapic_fini(struct ioapic *ioapic);

/* bus_fn for the MMIO page; ctx is the struct ioapic. */
void ioapic_access(void *ioapic, uint64_t offset, void *data, unsigned len,
		   enum bus_dir dir);

/* irq_line's set(): ctx is the struct ioapic, line the pin. Any thread. */
void ioapic_set(void *ioapic, unsigned pin, bool level);

/* A local APIC reported the end of a level-triggered interrupt. Any thread. */
void ioapic_eoi(struct ioapic *ioapic, uint8_t vector);
