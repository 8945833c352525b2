/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APIC in xAPIC mode (SDM 3A 11.4): registers in memory, each the first
 * 32 bits of a 16-byte slot. Every processor sees its own at one address.
 */
#pragma once

#include <stdint.h>

#include "guest/lib/cpu.h"
#include "guest/lib/io.h"

enum lapic_register { /* SDM 3A table 11-1 */
	LAPIC_ID = 0x020,
	LAPIC_TPR = 0x080, /* task priority: what is below has to wait */
	LAPIC_EOI = 0x0b0,
	LAPIC_LDR = 0x0d0, /* logical destination, and its format */
	LAPIC_DFR = 0x0e0,
	LAPIC_SVR = 0x0f0, /* spurious vector; bit 8: enable */
	LAPIC_ESR = 0x280, /* error status */
	LAPIC_ICR = 0x300, /* interrupt command, low half: a write sends */
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERFORMANCE = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_COUNT = 0x380, /* initial count: a write starts */
	LAPIC_TIMER_LEFT = 0x390,  /* current count */
	LAPIC_TIMER_DIVIDE = 0x3e0,
};

#define LAPIC_SVR_ENABLE     0x100
#define LAPIC_TIMER_DIVIDE_1 0xb

/* SDM 3A 11.6.1: destination "all excluding self", level assert. */
#define LAPIC_ICR_FIXED_OTHERS	 0xc4000 /* | vector */
#define LAPIC_ICR_INIT_OTHERS	 0xc4500
#define LAPIC_ICR_STARTUP_OTHERS 0xc4600 /* | number of the first page */

static inline volatile uint32_t *lapic_register(enum lapic_register reg)
{
	return (volatile uint32_t *)((uint64_t)ABI_LAPIC_BASE + reg);
}

static inline uint32_t lapic_read(enum lapic_register reg)
{
	return *lapic_register(reg);
}

static inline void lapic_write(enum lapic_register reg, uint32_t value)
{
	*lapic_register(reg) = value;
}

/* Data ports of the two 8259A interrupt controllers: their masks. */
#define PIC1_MASK 0x21
#define PIC2_MASK 0xa1

/* Before the first `sti`: enables this processor's APIC and silences the 8259A,
 * whose interrupts would arrive as exceptions 8 to 15. */
static inline void lapic_start(void)
{
	outb(PIC1_MASK, 0xff);
	outb(PIC2_MASK, 0xff);
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
}
