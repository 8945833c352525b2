/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port I/O, and the two ports through which a guest speaks to the VMM rather
 * than to a device (guest/abi.h).
 */
#pragma once

#include <stdint.h>

#include "guest/abi.h"

/* Statuses the library itself ends with; programs use others. */
enum {
	EXIT_TRAP = 98,	 /* an exception nobody expected */
	EXIT_CHECK = 99, /* a CHECK failed */
};

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

/* Marks "ready" in the VMM's --stats and --boot-timer. */
static inline void vm_ready(void)
{
	outb(ABI_PORT_READY, 1);
}

/* Ends the VM. The loop is for machines without the exit port. */
static inline _Noreturn void vm_exit(uint8_t status)
{
	outb(ABI_PORT_EXIT, status);
	for (;;)
		__asm__ volatile("cli; hlt");
}
