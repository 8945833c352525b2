/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Motorola MC146818A real-time clock with the RAM of a PC/AT: ports 0x70 and
 * 0x71. The clock is UTC. Knows neither VM nor KVM.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/devices/alarm.h"
#include "vmm/devices/bus.h"
#include "vmm/devices/irq.h"

#define CMOS_PORTS 2
#define CMOS_BYTES 128

struct cmos {
	/* Set by cmos_init, constant after. */
	struct irq_line irq;
	struct alarm alarm;

	pthread_mutex_t lock;
	/* lock held: */
	uint8_t index; /* what port 0x70 was last given */
	/* Registers and RAM. The time of day is in here only while the clock
	 * stands still, register C's flags always. */
	uint8_t bytes[CMOS_BYTES];
	uint64_t phase_ns;  /* the divider chain's lead over the host's clock */
	int64_t ahead_s;    /* the guest's seconds less the chain's */
	uint64_t seen_ns;   /* the chain's time up to which flags are set */
	uint64_t alarm_set; /* what the alarm was last told */
	bool level;	    /* what irq was last told */
};

/* The clock runs, in BCD and 24 hours; no interrupt is enabled. */
void cmos_init(struct cmos *cmos, struct irq_line irq, struct alarm alarm);
void cmos_fini(struct cmos *cmos);

/* Writes down how much RAM there is below and above 4 GiB, in bytes, in all the
 * places where a PC's firmware does. Before the first access. */
void cmos_set_memory(struct cmos *cmos, uint64_t low, uint64_t high);

/* bus_fn for the two ports; ctx is the struct cmos. A wide access is one byte
 * access per port, as the PC bus makes it. */
void cmos_access(void *cmos, uint64_t offset, void *data, unsigned len,
		 enum bus_dir dir);

/* The alarm's time has come. Any thread. */
void cmos_expired(struct cmos *cmos);
