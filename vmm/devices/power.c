/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers are bytes here, whatever the width of an access: ACPI allows bytes
 * and words alike, and the byte with SLP_EN is the one that acts. The timer
 * alone is read as a whole, or its bytes would not fit together.
 *
 * Left out: events. No button, no alarm and no timer's carry sets a bit of PM1
 * status or raises the system control interrupt; the enables are kept for who
 * reads them back. Sleep states other than S5: the guest is told of none.
 */
#include "vmm/devices/power.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "vmm/devices/alarm.h"

#define PM1_STATUS   0
#define PM1_ENABLE   2
#define PM1_CONTROL  (MACHINE_PORT_PM1_CONTROL - MACHINE_PORT_PM1_EVENT)
#define SLEEP	     (MACHINE_PORT_SLEEP_CONTROL - MACHINE_PORT_PM1_EVENT)
#define SLEEP_STATUS (MACHINE_PORT_SLEEP_STATUS - MACHINE_PORT_PM1_EVENT)
#define PM_TIMER     (MACHINE_PORT_PM_TIMER - MACHINE_PORT_PM1_EVENT)

enum {
	CONTROL_SCI_EN = 0x01,	/* set: there is no other mode to come from */
	CONTROL_GBL_RLS = 0x04, /* write-only */

	/* PM1 control's bits 10 to 13, sleep control's 2 to 5. */
	SLP_TYP = 0x1c,
	SLP_TYP_SHIFT = 2,
	SLP_EN = 0x20, /* write-only */

	RESET_CPU = 0x04, /* of the reset register: now */
};

/* ACPI 4.8.3.3: 32 bits, counting up. */
static uint32_t timer(const struct power *p)
{
	uint64_t ns = p->now_ns() - p->start_ns;

	return (uint32_t)(ns / NS_PER_S * POWER_TIMER_HZ +
			  ns % NS_PER_S * POWER_TIMER_HZ / NS_PER_S);
}

static uint8_t read_byte(const struct power *p, uint64_t reg)
{
	switch (reg) {
	case PM1_ENABLE:
	case PM1_ENABLE + 1:
		return p->enable[reg - PM1_ENABLE];
	case PM1_CONTROL:
		return p->control[0] | CONTROL_SCI_EN;
	case SLEEP:
		return p->control[1];
	case PM1_STATUS:
	case PM1_STATUS + 1:
	case SLEEP_STATUS:
		return 0;
	default: /* between sleep status and timer */
		return 0xff;
	}
}

/* Does the write ask for the machine's end? */
static bool write_byte(struct power *p, uint64_t reg, uint8_t val)
{
	switch (reg) {
	case PM1_ENABLE:
	case PM1_ENABLE + 1:
		p->enable[reg - PM1_ENABLE] = val;
		break;
	case PM1_CONTROL:
		p->control[0] = val & (uint8_t)~CONTROL_GBL_RLS;
		break;
	case SLEEP:
		p->control[1] = val & (uint8_t)~SLP_EN;
		return val & SLP_EN && (val & SLP_TYP) >> SLP_TYP_SHIFT ==
					       MACHINE_SLEEP_TYPE_S5;
	}
	return false;
}

void power_access(void *ctx, uint64_t offset, void *data, unsigned len,
		  enum bus_dir dir)
{
	struct power *p = ctx;
	uint8_t *bytes = data;
	uint32_t now = timer(p);
	bool end = false;

	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < len; i++) {
		uint64_t reg = offset + i;

		if (dir == BUS_WRITE)
			end |= write_byte(p, reg, bytes[i]);
		else if (reg >= PM_TIMER)
			bytes[i] = (uint8_t)(now >> 8 * (reg - PM_TIMER));
		else
			bytes[i] = read_byte(p, reg);
	}
	pthread_mutex_unlock(&p->lock);
	if (end)
		p->end(p->ctx);
}

void power_sleep_access(void *ctx, uint64_t offset, void *data, unsigned len,
			enum bus_dir dir)
{
	power_access(ctx, PM1_CONTROL + offset, data, len, dir);
}

void power_reset_access(void *ctx, uint64_t offset, void *data, unsigned len,
			enum bus_dir dir)
{
	struct power *p = ctx;
	uint8_t *byte = data;
	bool end = false;

	(void)offset;
	(void)len; /* 1: the range is one port */
	pthread_mutex_lock(&p->lock);
	if (dir == BUS_READ) {
		*byte = p->reset;
	} else {
		/* The rising edge counts, and after it nothing does. */
		end = *byte & RESET_CPU;
		p->reset = *byte & (uint8_t)~RESET_CPU;
	}
	pthread_mutex_unlock(&p->lock);
	if (end)
		p->end(p->ctx);
}

void power_init(struct power *p, uint64_t (*now_ns)(void),
		void (*end)(void *ctx), void *ctx)
{
	*p = (struct power){
		.now_ns = now_ns,
		.start_ns = now_ns(),
		.end = end,
		.ctx = ctx,
	};
	pthread_mutex_init(&p->lock, NULL);
}

void power_fini(struct power *p)
{
	pthread_mutex_destroy(&p->lock);
}
