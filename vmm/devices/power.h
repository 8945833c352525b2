/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's power management registers and a PCI chipset's reset register: how a
 * guest ends the machine it runs on, and reads a timer that every PC has.
 *
 * ACPI 6.4, 4.8.3 (fixed hardware) and 4.8.3.7 (sleep control and status of
 * hardware-reduced machines, at the same place: see machine.h).
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "vmm/devices/bus.h"
#include "vmm/machine.h"

#define POWER_PORTS    12 /* from MACHINE_PORT_PM1_EVENT on */
#define POWER_TIMER_HZ 3579545

struct power {
	/* Set by power_init, constant after. */
	uint64_t (*now_ns)(void); /* a clock that never goes back */
	uint64_t start_ns;
	/* The guest asks for the machine's end: off, or reset. On a vCPU's
	 * thread, maybe more than once. */
	void (*end)(void *ctx);
	void *ctx;

	pthread_mutex_t lock;
	/* lock held: */
	uint8_t enable[2];  /* PM1 enable */
	uint8_t control[2]; /* PM1 control; the high byte is sleep control */
	uint8_t reset;
};

void power_init(struct power *power, uint64_t (*now_ns)(void),
		void (*end)(void *ctx), void *ctx);
void power_fini(struct power *power);

/* bus_fns; ctx is the struct power. Offsets count from MACHINE_PORT_PM1_EVENT;
 * of minimal, whose range begins higher, from MACHINE_PORT_PM1_CONTROL. */
void power_access(void *power, uint64_t offset, void *data, unsigned len,
		  enum bus_dir dir);
void power_sleep_access(void *power, uint64_t offset, void *data, unsigned len,
			enum bus_dir dir);

/* bus_fn for MACHINE_PORT_RESET, one port. */
void power_reset_access(void *power, uint64_t offset, void *data, unsigned len,
			enum bus_dir dir);
