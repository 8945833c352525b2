/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I/O APIC (82093AA 3.1): an index register and a window behind it.
 */
#pragma once

#include <stdint.h>

#include "guest/abi.h"
#include "guest/lib/lapic.h"

#define IOAPIC_SELECT		0x00
#define IOAPIC_WINDOW		0x10
#define IOAPIC_VERSION		0x01
#define IOAPIC_REDIRECTION(pin) (0x10 + 2 * (pin))
#define IOAPIC_MASK		0x10000

static inline void ioapic_write(uint8_t reg, uint32_t value)
{
	volatile char *base = (volatile char *)(uint64_t)ABI_IOAPIC_BASE;

	*(volatile uint32_t *)(base + IOAPIC_SELECT) = reg;
	*(volatile uint32_t *)(base + IOAPIC_WINDOW) = value;
}

static inline uint32_t ioapic_read(uint8_t reg)
{
	volatile char *base = (volatile char *)(uint64_t)ABI_IOAPIC_BASE;

	*(volatile uint32_t *)(base + IOAPIC_SELECT) = reg;
	return *(volatile uint32_t *)(base + IOAPIC_WINDOW);
}

/* Pin to vector, edge-triggered, on this processor (82093AA 3.2.4). */
static inline void ioapic_route(unsigned pin, unsigned vector)
{
	/* High half first: the destination, in bits 56 to 63. */
	ioapic_write(IOAPIC_REDIRECTION(pin) + 1, lapic_read(LAPIC_ID));
	ioapic_write(IOAPIC_REDIRECTION(pin), vector);
}
