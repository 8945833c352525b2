/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two machines, and where the parts stand that firmware tables (acpi.h) tell
 * the guest of and devices claim: one place for both sides.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "guest/abi.h"

enum machine {
	MACHINE_PC,	/* PIC, IOAPIC, PIT, RTC, i8042 ...: what a PC has */
	MACHINE_MINIMAL /* local APICs, an IOAPIC, a serial port: board.c */
};

/* The names of --machine. */
const char *machine_name(enum machine machine);
bool machine_parse(const char *name, enum machine *machine);

#define MACHINE_LAPIC_BASE 0xfee00000u
#define MACHINE_IOAPIC_ID  0u /* what the chip's register says at reset */

/* Chips of the pc, as in a PC/AT: ports, ISA interrupts, a CMOS index. */
#define MACHINE_PORT_I8042_DATA	   0x60u /* 1 byte, as the next */
#define MACHINE_PORT_I8042_COMMAND 0x64u
#define MACHINE_PORT_CMOS	   0x70u /* 2 bytes */
#define MACHINE_IRQ_KEYBOARD	   1
#define MACHINE_IRQ_CMOS	   8
#define MACHINE_CMOS_CENTURY	   0x32 /* no standard: the FADT names it */

/*
 * Power management, ACPI 6.4, 4.8.3 (pc: fixed hardware) and 4.8.3.7
 * (minimal: hardware-reduced). The sleep control register is the high byte of
 * PM1 control, whose fields SLP_TYP and SLP_EN are the same bits: one device
 * serves both. Address and sleep type 0 are QEMU's, so that 0x2000 written to
 * 0x604 turns this machine off, too.
 */
#define MACHINE_PORT_PM1_EVENT	   0x600u /* 4 bytes; pc */
#define MACHINE_PORT_PM1_CONTROL   0x604u /* 2 bytes */
#define MACHINE_PORT_SLEEP_CONTROL 0x605u /* 1 byte */
#define MACHINE_PORT_SLEEP_STATUS  0x606u /* 1 byte */
#define MACHINE_PORT_PM_TIMER	   0x608u /* 4 bytes, 3.579545 MHz; pc */
#define MACHINE_SLEEP_TYPE_S5	   0u

/* Writing MACHINE_RESET_VALUE to it resets (the reset register of a PCI
 * chipset), on both machines. */
#define MACHINE_PORT_RESET  0xcf9u
#define MACHINE_RESET_VALUE 0x06u

/* Virtio devices: a page of registers each, and a global interrupt of its own,
 * edge-triggered. */
#define MACHINE_VIRTIO_BASE 0xfeb00000u
#define MACHINE_VIRTIO_LEN  0x1000u
#define MACHINE_VIRTIO_MAX  12u
unsigned machine_virtio_gsi(unsigned index);

/* How a kernel says that it has panicked: 1 byte, QEMU's place. */
#define MACHINE_PORT_PVPANIC 0x505u

/* Global interrupts. On the pc the timer's ISA interrupt 0 arrives at pin 2. */
#define MACHINE_GSI_TIMER 2u
#define MACHINE_GSI_SCI	  9u /* ACPI; active high, level; pc */
