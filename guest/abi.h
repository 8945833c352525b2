/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the VMM and its guests agree on: port numbers and well-known addresses.
 * Included by both, and by assembler files.
 */
#pragma once

/*
 * Ends the VM. A write of any width: the low byte is the guest's exit status.
 * 0 to 119 are reported as they are; larger ones, which the VMM keeps for
 * itself, as 119.
 */
#define ABI_PORT_EXIT 0xf4
#define ABI_EXIT_MAX  119

/* A write of any value marks "ready" in --stats and --boot-timer; the first
 * one counts. */
#define ABI_PORT_READY 0x3f0

/* 16550A serial port: the console. ISA interrupt 4. */
#define ABI_PORT_COM1 0x3f8
#define ABI_COM1_IRQ  4

/* Local APIC and IOAPIC of both machines. */
#define ABI_LAPIC_BASE	0xfee00000
#define ABI_IOAPIC_BASE 0xfec00000

/* Multiboot 2: value of EAX at entry; EBX (and ESI) hold the address of the
 * information structure, which is 0 unless --mbi-addr says otherwise. */
#define ABI_MB2_MAGIC 0x36d76289
